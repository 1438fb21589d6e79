# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a restore must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.command import restoring
from ansible_collections.vya.backupdb.plugins.module_utils._engine.command.output import Manner
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AppConfig

FILE = Path("/srv/shop_20260109_020000_full.sql.gz")
NAMED = {"database_id": "a", "database": "shop"}


def act(tmp_path: Path, **given: Any) -> None:
    options = restoring.Options(
        **{
            **dict.fromkeys(("file", "database_id", "database", "hostname", "at", "target_id", "target_database")),
            **dict.fromkeys(("latest", "force", "yes", "keep_previous", "terminate_sessions", "check"), False),
            "scope": "database",
            "accounts": "create",
            "tables": [],
            "strategy": "swap",
            "jobs": None,
            "load_timeout": None,
            **given,
        }
    )
    settings: dict[str, Any] = {
        "databases": [{"id": "a", "type": "mysql", "host": "db01", "port": 3306}],
        "storage": {"base_path": tmp_path},
        "logging": {"output": "console"},
        "audit": {"enabled": False},
    }
    restoring.act(AppConfig(**settings), options, Manner(tmp_path))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"database": "shop"},
        {"file": FILE, **NAMED},
        {"file": FILE, "at": "2026-01-09"},
        {"scope": "accounts"},
        {"at": "2026-01-09", "latest": True, **NAMED},
        {"scope": "accounts", "database_id": "a", "at": "2026-01-09"},
        {"keep_previous": True, "strategy": "in_place", **NAMED},
        {"at": "yesterday", **NAMED},
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigError):
        act(tmp_path, **given)


@pytest.mark.parametrize(
    "given",
    [
        NAMED,
        {"latest": True, **NAMED},
        {"at": "2026-01-09", **NAMED},
        {"file": FILE, "target_database": "shop", "target_id": "a"},
        {"scope": "accounts", "database_id": "a"},
        {"scope": "all", "keep_previous": True, **NAMED},
    ],
)
def test_options_that_make_sense_lead_to_the_search_for_the_artifact(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(errors.NotFoundError):
        act(tmp_path, **given)
