# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian systems in folders, for servers that this machine's own release does not carry."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What each release is wanted for.
PACKAGES = {
    "sid": ("mysql-server",),
    "trixie": ("postgresql-17", "mariadb-server"),
}
CLIENT_PROGRAMS = ("psql", "pg_dump", "pg_dumpall", "pg_restore", "mysql", "mysqldump", "mariadb", "mariadb-dump")
REFUSE_SERVICES = "#!/bin/sh\nexit 101\n"


class ServerRootError(Exception):
    """A root cannot be made here."""


@dataclass(frozen=True)
class ServerRoot:
    """``path`` is the file system that holds the servers; ``client_path`` holds its clients, to run from outside."""

    path: Path
    client_path: Path


def default_cache() -> Path:
    """Return the folder that keeps the roots between runs."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "backupdb-server-roots"


def ensure_root(suite: str, cache: Path | None = None) -> ServerRoot:
    """Given one of PACKAGES, return its root, made now unless the cache has it (about a minute, as root).

    Raise ServerRootError if it cannot be made, with the log's end.
    """
    if suite not in PACKAGES:
        raise ServerRootError(f"no root is defined for {suite}, only for {', '.join(sorted(PACKAGES))}")
    folder = cache or default_cache()
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / suite
    with alone(folder / f"{suite}.lock"):
        if not root.exists():
            build(suite, root)
        write_clients(root)
    return ServerRoot(root, root / "clients")


@contextlib.contextmanager
def alone(lock_file: Path) -> Iterator[None]:
    """Keep other processes out until the end."""
    with open(lock_file, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(suite: str, root: Path) -> None:
    """Make a root beside its place and move it there when it is whole."""
    if os.geteuid() != 0:
        raise ServerRootError("debootstrap and chroot need root")
    if shutil.which("debootstrap") is None:
        raise ServerRootError("debootstrap is not installed: apt-get install debootstrap")
    unfinished = Path(tempfile.mkdtemp(prefix=f"{suite}.", dir=root.parent))
    # It becomes the root folder of accounts other than root.
    unfinished.chmod(0o755)
    log = root.parent / f"{suite}.log"
    log.write_bytes(b"")
    try:
        run(["debootstrap", "--variant=minbase", suite, str(unfinished), machine_mirror()], log)
        # Without it the packages would start their services on this machine's ports.
        policy = unfinished / "usr/sbin/policy-rc.d"
        policy.write_text(REFUSE_SERVICES, encoding="ascii")
        policy.chmod(0o755)
        install = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES[suite]]
        run(["chroot", str(unfinished), "env", "DEBIAN_FRONTEND=noninteractive", *install], log)
        run(["chroot", str(unfinished), "apt-get", "clean"], log)
        # debootstrap leaves it to whoever mounts something there; PostgreSQL wants to write.
        (unfinished / "dev/shm").chmod(0o1777)
        unfinished.rename(root)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def run(command: list[str], log: Path) -> None:
    """Run a command with its output in the log. Raise ServerRootError with the log's end if it fails."""
    with log.open("ab") as output:
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if finished.returncode != 0:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise ServerRootError(f"{shlex.join(command)} failed, see {log}:\n{tail}")


def machine_mirror() -> str:
    """Return the address from which this machine takes its own Debian release."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines())
    codename = release.get("VERSION_CODENAME", "").strip('"')
    wanted = "$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)"
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", wanted, "Created-By: Packages"],
        capture_output=True,
        check=True,
        text=True,
    )
    for line in targets.stdout.splitlines():
        address, *names = line.split()
        # Updates and security have longer names, and do not carry other releases.
        if codename in names[:-1] and names[-1] == "main":
            return address
    raise ServerRootError(f"the apt sources of this machine do not name a mirror of {codename}")


def write_clients(root: Path) -> None:
    """Write starters for the root's client programs, so that they run outside it.

    They use the root's own dynamic loader and libraries: the machine's C library may be older than theirs.
    Unlike chroot, that leaves them this machine's files, /proc and inherited descriptors.
    """
    loader = first(root, "usr/lib*/ld-linux*.so.*")
    libraries = first(root, "usr/lib/*-linux-gnu*")
    clients = root / "clients"
    clients.mkdir(exist_ok=True)
    for folder in [root / "usr/bin", *sorted(root.glob("usr/lib/postgresql/*/bin"))]:
        for program in CLIENT_PROGRAMS:
            found = folder / program
            # In /usr/bin PostgreSQL has only a Perl script that picks a version, MariaDB links to old names.
            if found.exists() and not found.is_symlink():
                command = shlex.join([str(loader), "--library-path", str(libraries)])
                write_program(clients / program, f'exec {command} --argv0 "$0" {shlex.quote(str(found))} "$@"\n')


def first(root: Path, pattern: str) -> Path:
    """Return the first path of a pattern. Raise ServerRootError if there is none."""
    found = sorted(root.glob(pattern))
    if not found:
        raise ServerRootError(f"{root} has no {pattern}: remove it, and it is made again")
    return found[0]


def write_program(path: Path, command: str) -> None:
    """Write a shell script at once: another process may be starting the one before."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(f"#!/bin/sh\n{command}", encoding="utf-8")
    unfinished.chmod(0o755)
    unfinished.replace(path)
