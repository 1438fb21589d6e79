# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""audit_info tells what an audit log has, and changes nothing."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import log as audit_log
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AuditConfig

from tests.integration.ansible import run_module
from tests.integration.audits import MOMENT, entry, log_on
from tests.integration.scenes import files_of
from tools.private_servers.base import PrivateServer

ENTRIES = [
    entry(timestamp=MOMENT - timedelta(days=40), size_bytes=100, duration_seconds=2.0),
    entry(timestamp=MOMENT - timedelta(days=1), size_bytes=300, duration_seconds=4.0),
    entry(timestamp=MOMENT, status="failed", error_message="no room", error_code="storage_error"),
    entry(timestamp=MOMENT + timedelta(seconds=1), operation="verify", size_bytes=300),
]


@pytest.fixture
def filled(store: Path) -> Path:
    """A storage whose log of this host has entries of two months."""
    assert audit_log.record(AuditConfig(), ENTRIES, base_path=store, hostname=socket.gethostname()) == []
    return store


@pytest.mark.parametrize("check", [False, True])
def test_the_task_lists_and_summarizes_what_matches(filled: Path, check: bool) -> None:
    before = files_of(filled)
    options = {"base_path": str(filled), "operation": "backup", "limit": 2, "summary_by": "month"}
    result = run_module("audit_info", options, check=check)
    assert result.rc == 0, result.stdout
    assert result.result["changed"] is False
    assert result.result["total"] == 3
    assert [each["status"] for each in result.result["entries"]] == ["failed", "success"]
    assert datetime.fromisoformat(result.result["entries"][0]["timestamp"]) == MOMENT
    figures = [(each["period"], each["count"], each["success_rate"]) for each in result.result["summary"]]
    assert figures == [("2026-01", 2, 0.5), ("2025-11", 1, 1.0)]
    assert files_of(filled) == before


def test_the_task_reads_the_log_that_is_configured(tmp_path: Path, store: Path) -> None:
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    assert audit_log.record(AuditConfig(url=url), ENTRIES, base_path=store, hostname="db01") == []
    config = tmp_path.joinpath("config.yaml")
    settings = {"databases": [], "storage": {"base_path": str(store)}, "audit": {"url": url}}
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    since = (MOMENT - timedelta(days=1)).isoformat()
    result = run_module("audit_info", {"config": str(config), "since": since, "status": "success"})
    assert result.rc == 0, result.stdout
    assert [each["operation"] for each in result.result["entries"]] == ["verify", "backup"]
    assert result.result["summary"] == []
    assert not store.exists()


def test_the_password_of_a_url_is_never_shown(server: PrivateServer, store: Path) -> None:
    server.create_database("audit_shared")
    try:
        log = log_on(server, "audit_shared", store)
        assert log.record(*ENTRIES) == []
        result = run_module("audit_info", {"url": log.config.url, "name": "shop", "summary_by": "all"}, verbosity=3)
        assert result.rc == 0, result.stdout
        assert result.result["total"] == 4
        assert server.admin_password not in result.stdout
        assert str(log.config.url) not in result.stdout
    finally:
        server.drop_database("audit_shared")


def test_a_storage_without_a_log_has_no_entries_and_gets_none(store: Path) -> None:
    result = run_module("audit_info", {"base_path": str(store), "summary_by": "day"})
    assert result.rc == 0, result.stdout
    assert [result.result[name] for name in ("entries", "summary", "total", "changed")] == [[], [], 0, False]
    assert not store.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"limit": 0}, "limit"), ({"since": "yesterday"}, "since"), ({"url": "postgresql://db01"}, "names no database")],
)
def test_an_option_that_makes_no_sense_is_told(store: Path, options: dict[str, object], said: str) -> None:
    result = run_module("audit_info", {**({} if "url" in options else {"base_path": str(store)}), **options})
    assert result.result["error_code"] == "config_error"
    assert said in result.result["msg"]
