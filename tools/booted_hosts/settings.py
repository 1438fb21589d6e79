# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host needs of this machine's own settings to reach the same package mirrors: copied at run time only."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
APT_OPTIONS = ("Acquire::http", "Acquire::https", "Acquire::Check", "Acquire::Retries")
PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "proxy")
# systemd-resolved's own answer names a server that only this machine has.
RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
CERTIFICATES = Path("usr/local/share/ca-certificates")
CERTIFICATE_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def resolver() -> str:
    """Return the text of this machine's resolv.conf."""
    return next(path for path in RESOLVERS if path.exists()).read_text(encoding="utf-8")


def environment(environ: Mapping[str, str]) -> str:
    """Given an environment, return /etc/environment with its proxies, and UTF-8 for who logs in."""
    return "LANG=C.UTF-8\n" + "".join(f'{name}="{environ[name]}"\n' for name in PROXIES if name in environ)


def apt_options(dump: str) -> str:
    """Given the output of ``apt-config dump``, return its lines about how to reach a mirror."""
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(APT_OPTIONS) and '"";' not in line)


def pip_options(listing: str) -> str:
    """Given the output of ``pip config list``, return a pip.conf that names the same indexes.

    Indexes in folders of this machine are left out: a host does not have those.
    """
    options = {"cert": CERTIFICATE_BUNDLE}
    for line in listing.splitlines():
        name, _equals, value = line.partition("=")
        option = name.rpartition(".")[2]
        words = [word for word in str(ast.literal_eval(value)).split() if not word.startswith(("/", "file:"))]
        if option in PIP_OPTIONS and words:
            options[option] = " ".join(words)
    return "[global]\n" + "".join(f"{option} = {value}\n" for option, value in options.items())


def copy_settings(root: Path) -> None:
    """Give the system in ``root`` this machine's resolver, proxies, certificates, and options of apt and pip."""
    texts = {
        "etc/resolv.conf": resolver(),
        "etc/environment": environment(os.environ),
        "etc/apt/apt.conf.d/80machine": apt_options(answer(["apt-config", "dump"])),
        "etc/pip.conf": pip_options(answer([sys.executable, "-m", "pip", "config", "list"])),
    }
    for name, text in texts.items():
        (root / name).unlink(missing_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for certificate in (Path("/") / CERTIFICATES).glob("**/*.crt"):
        (root / CERTIFICATES / certificate.name).write_bytes(certificate.read_bytes())
    answer(["chroot", str(root), "update-ca-certificates"])


def answer(command: list[str]) -> str:
    """Return what a command prints. Raise CalledProcessError if it fails."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True).stdout
