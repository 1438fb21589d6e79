# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that boot: a Debian system in a folder, with systemd as its first process, reached by SSH."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .bases import BootedHostError, ensure_base
from .groups import create_groups, remove_groups
from .network import bridge_name, create_network, remove_network
from .settings import answer
from .trees import ACCOUNT, Neighbour, settle

BOOT_TIMEOUT_SECONDS = 180
END_TIMEOUT_SECONDS = 30
# It says that a folder is one that may be removed whole.
MARKER = ".booted_hosts"


@dataclass(frozen=True)
class BootedHost:
    """How to reach a host, named as in an ``instance_config.yml`` of molecule; the paths are this machine's."""

    instance: str
    suite: str
    address: str
    user: str
    port: int
    identity_file: str
    known_hosts_file: str


def start(folder: Path, wanted: Mapping[str, str], cache: Path) -> list[BootedHost]:
    """Given the hosts' names with their releases, boot them in a new folder and return them when all are up.

    ``hosts.json`` in it tells the same. Raise BootedHostError, after undoing everything, if one does not come up.
    """
    if folder.exists():
        raise BootedHostError(f"{folder} exists: its hosts were not stopped")
    bases = {suite: ensure_base(suite, cache) for suite in set(wanted.values())}
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    try:
        hosts = boot_all(folder, wanted, bases, cache)
    except BaseException as error:
        stop(folder, cache)
        if isinstance(error, subprocess.CalledProcessError):
            raise BootedHostError(f"{error}: {error.stderr}") from error
        raise
    (folder / "hosts.json").write_text(json.dumps([asdict(host) for host in hosts], indent=2) + "\n", encoding="utf-8")
    return hosts


def boot_all(folder: Path, wanted: Mapping[str, str], bases: Mapping[str, Path], cache: Path) -> list[BootedHost]:
    """Make the network and the systems, boot them side by side and wait for the last."""
    key, known_hosts = folder / "key", folder / "known_hosts"
    answer(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "booted hosts", "-f", str(key)])
    network = create_network(run_key(folder), cache)
    neighbours = [Neighbour(name, str(network[index])) for index, name in enumerate(wanted, start=2)]
    with known_hosts.open("w", encoding="utf-8") as known:
        for neighbour in neighbours:
            root = folder / neighbour.name
            answer(["cp", "--archive", "--reflink=auto", str(bases[wanted[neighbour.name]]), str(root)])
            host_key = settle(root, neighbour, neighbours, gateway(network), key.with_name("key.pub").read_text())
            known.write(f"{neighbour.address} {host_key}\n")
            boot(folder, neighbour)
    hosts = [
        BootedHost(name, wanted[name], address, ACCOUNT, 22, str(key), str(known_hosts)) for name, address in neighbours
    ]
    for host in hosts:
        wait_until_up(host, folder)
    return hosts


def boot(folder: Path, neighbour: Neighbour) -> None:
    """Start a system; it stays when this process ends."""
    number = neighbour.address.rpartition(".")[2]
    files = create_groups(f"{group_name(folder)}-{number}")

    def enter() -> None:
        for file in files:
            file.write_text("0", encoding="ascii")

    with (folder / f"{neighbour.name}.console").open("wb") as console:
        subprocess.Popen(
            [
                "systemd-nspawn",
                "--quiet",
                "--boot",
                directory_argument(folder / neighbour.name),
                "--register=no",
                "--keep-unit",
                f"--hostname={neighbour.name}",
                f"--machine={run_key(folder)}-{number}",
                f"--network-bridge={bridge_name(run_key(folder))}",
                "--resolv-conf=off",
                "--timezone=off",
                "--link-journal=no",
                "--console=read-only",
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            # systemd 257 refuses the older hierarchies, which nspawn would pass on where this machine has both.
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            start_new_session=True,
            preexec_fn=enter,  # noqa: PLW1509 - this process has one thread
        )


def wait_until_up(host: BootedHost, folder: Path) -> None:
    """Return when a host's systemd has started everything. Raise BootedHostError with the console's end if not."""
    deadline = time.monotonic() + BOOT_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        said = subprocess.run(
            ssh_command(host, "systemctl", "is-system-running", "--wait"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
        )
        if said.returncode == 0:
            return
        time.sleep(0.5)
    console = (folder / f"{host.instance}.console").read_text(encoding="utf-8", errors="replace")
    raise BootedHostError(f"{host.instance} did not come up: {said.stdout}{said.stderr}\n{console[-2000:]}")


def ssh_command(host: BootedHost, *command: str) -> list[str]:
    """Return the argv that runs a command on a host."""
    options = ["BatchMode=yes", "ConnectTimeout=5", f"UserKnownHostsFile={host.known_hosts_file}"]
    flags = [part for option in options for part in ("-o", option)]
    return ["ssh", "-F", "none", "-i", host.identity_file, *flags, f"{host.user}@{host.address}", *command]


def stop(folder: Path, cache: Path) -> None:
    """End the hosts of a folder and remove all that they left; harmless when there is no such folder.

    It finds them by themselves, not by what a start has written: that one may have been killed half-way.
    Raise BootedHostError, with nothing removed, for a folder that no start made or in which something is mounted.
    """
    if not folder.exists():
        return
    if not (folder / MARKER).exists():
        raise BootedHostError(f"{folder} is none of the folders made here")
    for process in supervisors(folder):
        end(process)
    mounted = [
        line for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines() if f" {folder}" in line
    ]
    if mounted:
        raise BootedHostError(f"something is still mounted in {folder}: {mounted}")
    remove_network(run_key(folder), cache)
    remove_groups(group_name(folder))
    remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all in it, its marker last, so that a stop that was killed can be repeated."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != MARKER:
            path.unlink()
    (folder / MARKER).unlink()
    folder.rmdir()


def supervisors(folder: Path) -> list[int]:
    """Return the process ids of the nspawns whose systems are in a folder."""
    prefix = directory_argument(folder) + "/"
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = file.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(argument.decode(errors="replace").startswith(prefix) for argument in arguments):
            found.append(int(file.parent.name))
    return found


def end(supervisor: int) -> None:
    """End a system at once, like a power cut, and wait until its nspawn has tidied up after it."""
    deadline = time.monotonic() + END_TIMEOUT_SECONDS
    while Path(f"/proc/{supervisor}").exists():
        try:
            children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii").split()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            if time.monotonic() > deadline:
                os.kill(supervisor, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.05)


def run_key(folder: Path) -> str:
    """Return eight letters that stand for a folder in names of the kernel's things."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:8]


def group_name(folder: Path) -> str:
    """Return what the names of a run's control groups begin with, a number for each host following."""
    return f"backupdb-{run_key(folder)}"


def directory_argument(root: Path) -> str:
    """Return the argument of nspawn that names a system, by which it is found again."""
    return f"--directory={root.resolve()}"


def gateway(network: ipaddress.IPv4Network) -> ipaddress.IPv4Interface:
    """Return this machine's own address in a run's network."""
    return ipaddress.IPv4Interface(f"{network[1]}/{network.prefixlen}")
