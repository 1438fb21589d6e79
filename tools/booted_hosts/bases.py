# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian systems in folders, kept between runs, that hosts are copied from."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from ..server_roots.roots import ServerRootError, alone, default_cache, machine_mirror, run

SUITES = ("bookworm", "trixie")
# What an ordinary server has before anybody comes near it with Ansible.
PACKAGES = (
    "python3",
    "python3-apt",
    "systemd",
    "systemd-sysv",
    "dbus",
    "libpam-systemd",
    "cron",
    "openssh-server",
    "sudo",
    "ca-certificates",
    "iproute2",
)


class BootedHostError(Exception):
    """A host cannot be made, booted or ended here."""


def hosts_cache() -> Path:
    """Return the folder that keeps the systems between runs."""
    return default_cache().with_name("backupdb-booted-hosts")


def base_name(suite: str) -> str:
    """Return the name of a release's folder, another one when PACKAGES changes."""
    return f"{suite}-{hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:8]}"


def ensure_base(suite: str, cache: Path) -> Path:
    """Given one of SUITES, return its system, made now unless the cache has it (a minute or more, as root).

    Raise BootedHostError if it cannot be made, with the log's end.
    """
    if suite not in SUITES:
        raise BootedHostError(f"no system is defined for {suite}, only for {', '.join(SUITES)}")
    cache.mkdir(parents=True, exist_ok=True)
    base = cache / base_name(suite)
    with alone(cache / f"{suite}.lock"):
        if not base.exists():
            build(suite, base)
    return base


def build(suite: str, base: Path) -> None:
    """Make a system beside its place and move it there when it is whole."""
    if os.geteuid() != 0:
        raise BootedHostError("debootstrap and systemd-nspawn need root")
    unfinished = Path(tempfile.mkdtemp(prefix=f"{suite}.", dir=base.parent))
    unfinished.chmod(0o755)
    log = base.with_name(f"{suite}.log")
    log.write_bytes(b"")
    included = f"--include={','.join(PACKAGES)}"
    try:
        run(["debootstrap", "--variant=minbase", included, suite, str(unfinished), machine_mirror()], log)
        run(["chroot", str(unfinished), "apt-get", "clean"], log)
        unfinished.rename(base)
    except ServerRootError as error:
        raise BootedHostError(str(error)) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
