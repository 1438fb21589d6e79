# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn a copy of a Debian system into one host: its names, address, account and keys."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .settings import answer, copy_settings

ACCOUNT = "deploy"
# They would hold the package database's lock when Ansible wants it.
UNWANTED_UNITS = ("apt-daily.timer", "apt-daily-upgrade.timer")


class Neighbour(NamedTuple):
    """A host's name, which may be a full one with dots, and its address."""

    name: str
    address: str


def settle(
    root: Path, own: Neighbour, neighbours: Iterable[Neighbour], gateway: ipaddress.IPv4Interface, public_key: str
) -> str:
    """Write all that is one host's own into ``root``. Return the public part of its host key, ``type base64``."""
    copy_settings(root)
    write(root / "etc/hostname", f"{own.name}\n")
    write(root / "etc/hosts", hosts_file(neighbours))
    write(root / "etc/systemd/network/10-host0.network", network_file(own, gateway))
    # Without one of its own each copy would have that of the system it was copied from.
    write(root / "etc/machine-id", "")
    enable(root, "systemd-networkd.service")
    for unit in UNWANTED_UNITS:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    create_account(root, public_key)
    for old in (root / "etc/ssh").glob("ssh_host_*"):
        old.unlink()
    answer(["ssh-keygen", "-A", "-f", str(root)])
    key_type, key, *_comment = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text(encoding="utf-8").split()
    return f"{key_type} {key}"


def create_account(root: Path, public_key: str) -> None:
    """Make the account that Ansible logs in as: no root, but one that may become it."""
    answer(["chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", ACCOUNT])
    keys = root / "home" / ACCOUNT / ".ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700)
    write(keys, public_key)
    keys.chmod(0o600)
    answer(["chroot", str(root), "chown", "--recursive", f"{ACCOUNT}:", f"/home/{ACCOUNT}"])
    sudoers = root / "etc/sudoers.d" / ACCOUNT
    write(sudoers, f'{ACCOUNT} ALL=(ALL) NOPASSWD: ALL\nDefaults env_keep += "http_proxy https_proxy no_proxy"\n')
    sudoers.chmod(0o440)


def enable(root: Path, unit: str) -> None:
    """Let a unit start at boot."""
    answer(["systemctl", f"--root={root}", "--quiet", "enable", unit])


def hosts_file(neighbours: Iterable[Neighbour]) -> str:
    """Return /etc/hosts, in which each host has its full and its short name."""
    lines = ["127.0.0.1 localhost\n"]
    for name, address in neighbours:
        names = dict.fromkeys([name, name.partition(".")[0]])
        lines.append(f"{address} {' '.join(names)}\n")
    return "".join(lines)


def network_file(own: Neighbour, gateway: ipaddress.IPv4Interface) -> str:
    """Return what systemd-networkd shall make of the one interface."""
    return (
        "[Match]\nName=host0\n\n"
        f"[Network]\nAddress={own.address}/{gateway.network.prefixlen}\nGateway={gateway.ip}\n"
        "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    )


def write(path: Path, text: str) -> None:
    """Write a file anew, also where a link was."""
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
