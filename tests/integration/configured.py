# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server whose configuration wants everything that goes with an operation: log, audit, metrics, notices."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import log as audit_log
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AuditConfig

from tests.integration.ansible import Result, run_module
from tests.integration.scenes import HOSTNAME, Scene, write_config
from tests.integration.sinks import HttpSink

COLUMNS = ("operation", "database_id", "database_name", "status", "error_code")


@dataclass(frozen=True)
class Configured:
    """A scene whose server stands in a configuration that wants everything."""

    scene: Scene
    config: Path
    folder: Path
    sink: HttpSink

    def back_up(self, **changes: Any) -> Result:
        """Run the module db_backup by the configuration, on the live database unless told otherwise."""
        options = {"config": str(self.config), "databases": [self.scene.database], "accounts": False}
        return run_module("db_backup", {**options, **changes})

    def settings(self) -> dict[str, Any]:
        """Return what the configuration says."""
        loaded: dict[str, Any] = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        return loaded

    def change(self, **sections: Any) -> None:
        """Change sections of the configuration."""
        settings = self.settings()
        for name, values in sections.items():
            settings[name] = {**settings.get(name, {}), **values} if isinstance(values, dict) else values
        self.config.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def rows(self) -> list[tuple[Any, ...]]:
        """Return what the audit log has, the oldest first."""
        found = audit_log.find(AuditConfig(), audit_log.Filters(), base_path=self.scene.store, hostname=HOSTNAME)
        return [tuple(row[column] for column in COLUMNS) for row in reversed(found)]

    def phases(self) -> list[str]:
        """Return the phases that the log tells of."""
        lines = self.folder.joinpath("app.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["phase"] for line in lines]

    @property
    def metrics(self) -> str:
        """The content of the metrics file."""
        return self.folder.joinpath("backupdb.prom").read_text(encoding="utf-8")


@contextlib.contextmanager
def configure(scene: Scene, folder: Path) -> Iterator[Configured]:
    """Write a configuration that wants everything, and keep what it tells of while the block runs."""
    with HttpSink() as sink:
        found = Configured(scene, write_config(scene.server, folder, scene.store), folder, sink)
        found.change(
            logging={"file_path": str(folder.joinpath("app.log"))},
            retention={"cleanup_enabled": False},
            metrics={"textfile_path": str(folder.joinpath("backupdb.prom"))},
            notifications={
                "success": [f"json://{sink.place}/good"],
                "failure": [f"json://{sink.place}/bad"],
                "ping_url": f"http://{sink.place}/ping",
            },
        )
        yield found
