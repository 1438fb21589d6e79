# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores that are looked at and never begun."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Finding
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import RestoreInfo

from tests.integration.scenes import Scene, instance_of
from tools.private_servers.base import PrivateServer

PASSWORD = "Planted-Preflight-1"


def server_of(private: PrivateServer, user: str | None = None, client_path: Path | None = None) -> Server:
    """Return a private server as the engine sees it, by the administrator's account unless told otherwise."""
    server = instance_of(private).server()
    endpoint = server.endpoint
    login = endpoint.login if user is None else secrets.Login(user, PASSWORD)
    return type(server)(dataclasses.replace(endpoint, login=login, client_path=client_path or endpoint.client_path))


def info_of(scene: Scene, **changes: Any) -> RestoreInfo:
    """Return what the metadata of the scene's artifact says a restore needs, with changes."""
    info = scene.artifact.metadata.restore_info
    assert info is not None
    return info.model_copy(update=changes)


def findings(scene: Scene, target: str = "new", user: str | None = None, **changes: Any) -> list[Finding]:
    """Return what is found against a restore of the scene's artifact, with changed metadata."""
    return server_of(scene.server, user).restore_findings(target, info_of(scene, **changes), None, frozenset())


def told(found: list[Finding], error_code: str | None, *words: str) -> Finding:
    """Return the one finding, which has this code and these words in its message."""
    assert len(found) == 1, found
    assert found[0].error_code == error_code
    for word in words:
        assert word in found[0].message
    return found[0]
