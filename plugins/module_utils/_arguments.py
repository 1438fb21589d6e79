# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Option groups by name; their twins in doc_fragments/ document them. Private to this collection."""

from __future__ import annotations

from typing import Any

from ._engine.models.config import DEFAULT_PORTS

Spec = dict[str, dict[str, Any]]

SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")

LOGIN: Spec = {
    "type": {"type": "str", "choices": sorted(DEFAULT_PORTS)},
    "database_id": {"type": "str"},
    "login_host": {"type": "str", "default": "localhost"},
    "login_port": {"type": "int"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_unix_socket": {"type": "path"},
    "ssl_mode": {"type": "str", "choices": list(SSL_MODES), "default": "prefer"},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca", "ssl_rootcert"]},
    "connect_timeout": {"type": "int", "default": 10},
    "client_path": {"type": "path"},
}
CONFIG: Spec = {"config": {"type": "path"}}
# The defaults are those of the configuration's model, so that an option beside a configuration is noticed.
STORAGE: Spec = {
    "base_path": {"type": "path"},
    "structure": {"type": "str"},
    "compression_level": {"type": "int"},
    "checksum_algorithm": {"type": "str", "choices": ["md5", "sha256"]},
}
# Of modules that look at a storage and at no server.
CATALOGUE: Spec = {**CONFIG, "base_path": STORAGE["base_path"]}
# A path and a name are no secrets, whatever they are called.
CREDENTIALS: Spec = {
    "path": {"type": "path", "default": "/etc/vya_backupdb/.secrets/credentials.json"},
    "key_file": {"type": "path", "default": "/etc/vya_backupdb/.secrets/key", "no_log": False},
    "key_hostname": {"type": "str", "no_log": False},
}
PROGRESS: Spec = {"progress": {"type": "bool"}}
GROUPS = {
    "catalogue": CATALOGUE,
    "config": CONFIG,
    "credentials": CREDENTIALS,
    "login": LOGIN,
    "progress": PROGRESS,
    "storage": STORAGE,
}

# Options with a default count as given by nobody, so only those without one can exclude each other.
LOGIN_OR_CONFIG_EXCLUSIVE = [
    ("config", option)
    for option, spec in {**LOGIN, **STORAGE}.items()
    if "default" not in spec and option != "database_id"
]
LOGIN_OR_CONFIG_REQUIRED = [("config", "type")]


def argument_spec(*groups: str, **own: dict[str, Any]) -> Spec:
    """Given names of option groups and a module's own options, return its whole argument spec."""
    spec: Spec = {}
    for group in groups:
        spec.update({name: dict(option) for name, option in GROUPS[group].items()})
    spec.update(own)
    return spec
