# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run and its report."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, instances, layout, locking, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import backup, run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    AppConfig,
    CredentialsConfig,
    DatabaseConfig,
    StorageConfig,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import BackupResult

GOOD = BackupResult(success=True, database_id="a", database_name="good", duration_seconds=1, warnings=["be aware"])


def failure(code: str | None, name: str = "shop", hint: str | None = None) -> BackupResult:
    return BackupResult(
        success=False,
        database_id="a",
        database_name=name,
        duration_seconds=1,
        error_message="it went wrong",
        error_code=code,
        hint=hint,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(StorageConfig(base_path=tmp_path / "store"), "host", lambda: datetime.now().astimezone())


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuse(error: errors.BackupDBError) -> Callable[[], instances.Instance]:
    def provide() -> instances.Instance:
        raise error

    return provide


def instance_at(port: int, database_id: str = "down") -> instances.Instance:
    config = DatabaseConfig(id=database_id, type="postgresql", host="127.0.0.1", port=port)
    return instances.Instance(config, instances.endpoint_of(config, secrets.Login("nobody", "")))


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], None),
        ([GOOD], None),
        ([GOOD, failure("locked")], "partial_failure"),
        ([failure("locked"), failure("locked")], "locked"),
        ([failure("locked"), failure("storage_error")], "complete_failure"),
        ([failure(None)], "other_error"),
    ],
)
def test_the_code_of_a_run_is_the_one_that_its_failures_share(results: list[BackupResult], code: str | None) -> None:
    assert run.Report(results).error_code() == code


def test_the_summary_counts() -> None:
    assert run.Report([GOOD, failure("locked"), GOOD]).summary() == {"total": 3, "successful": 2, "failed": 1}


def test_the_message_names_every_failure_and_each_hint_once() -> None:
    report = run.Report([GOOD, failure("locked", "x", "Wait"), failure("locked", "", "Wait"), failure("locked", "y")])
    told = "3 of 4 backups failed: a/x: it went wrong; a: it went wrong; a/y: it went wrong. Wait"
    assert report.message() == told


def test_a_run_without_failures_raises_nothing_and_has_no_message() -> None:
    report = run.Report([GOOD])
    report.raise_for_failures()
    assert report.message() is None
    assert report.warnings() == ["be aware"]


@pytest.mark.parametrize(("results", "changed"), [([GOOD, failure("locked")], True), ([failure("locked")], False)])
def test_a_failed_run_raises_with_its_whole_report(results: list[BackupResult], changed: bool) -> None:
    with pytest.raises(errors.RunError) as caught:
        run.Report(results, swept=["a leftover"]).raise_for_failures()
    details = caught.value.details()
    assert details["changed"] is changed
    assert details["summary"]["failed"] == 1
    assert [result["success"] for result in details["results"]] == [result.success for result in results]
    assert details["swept"] == ["a leftover"]
    assert "plan" not in details


UP_TO_DATE = GOOD.model_copy(update={"up_to_date": True})
PLAN = backup.Plan("a", "shop", 100, 50, "/usr/bin/pg_dump 15.18")


@pytest.mark.parametrize(
    ("report", "changed"),
    [
        (run.Report([GOOD]), True),
        (run.Report([UP_TO_DATE, UP_TO_DATE]), False),
        (run.Report([UP_TO_DATE, GOOD]), True),
        (run.Report([UP_TO_DATE, failure("locked")]), False),
        (run.Report([UP_TO_DATE], plan=[PLAN]), True),
        (run.Report([UP_TO_DATE], swept=["a leftover"]), False),
        (run.Report([failure(None).model_copy(update={"backup_file": Path("/a")})]), True),
    ],
)
def test_a_run_has_changed_something_when_there_is_another_artifact(report: run.Report, changed: bool) -> None:
    assert report.changed is changed


def test_what_is_up_to_date_is_a_success() -> None:
    assert run.Report([UP_TO_DATE, GOOD]).summary() == {"total": 2, "successful": 2, "failed": 0}
    assert run.Report([UP_TO_DATE, failure("locked")]).error_code() == "partial_failure"


def test_a_plan_is_plain_data() -> None:
    assert run.Report(plan=[PLAN]).as_dict()["plan"][0]["program"] == "/usr/bin/pg_dump 15.18"


def test_an_instance_that_fails_does_not_keep_the_others_from_their_turn(store: Store, closed_port: int) -> None:
    report = run.back_up(
        [
            run.Wanted("no-login", refuse(errors.CredentialsError("no credentials", "Add them"))),
            run.Wanted("down", lambda: instance_at(closed_port)),
            run.Wanted("locked", refuse(errors.LockedError("busy"))),
        ],
        store,
    )
    told = [(result.database_id, result.database_name, result.error_code) for result in report.results]
    expected = ["credentials_error", "connection_error", "locked"]
    assert told == [(name, "", code) for name, code in zip(["no-login", "down", "locked"], expected)]
    assert report.results[0].hint == "Add them"
    assert report.error_code() == "complete_failure"


def test_the_login_of_an_instance_is_looked_up_only_when_its_turn_comes(tmp_path: Path) -> None:
    credentials = CredentialsConfig(path=tmp_path / "credentials.json", key_file=tmp_path / "key")
    databases = [DatabaseConfig(id="a", type="mysql", host="localhost", port=3306)]
    (wanted,) = run.configured(AppConfig(databases=databases, credentials=credentials))
    assert wanted.id == "a"
    with pytest.raises(errors.CredentialsError):
        wanted.provide()


def test_each_configured_instance_provides_itself(tmp_path: Path) -> None:
    source = secrets.KeySource(tmp_path / "key")
    logins = {name: secrets.Login(name, "secret") for name in ("a", "b")}
    path = tmp_path / "credentials.json"
    secrets.update_store(path, source, lambda _before: secrets.Store("key-file", logins))
    databases = [DatabaseConfig(id=name, type="mysql", host="localhost", port=3306, jobs=3) for name in ("a", "b")]
    credentials = CredentialsConfig(path=path, key_file=tmp_path / "key")
    wanted = run.configured(AppConfig(databases=databases, credentials=credentials))
    assert [(one.id, one.provide().id, one.provide().endpoint.login.username) for one in wanted] == [
        ("a", "a", "a"),
        ("b", "b", "b"),
    ]
    assert [(one.jobs, one.type) for one in wanted] == [(3, "mysql"), (3, "mysql")]


@pytest.mark.parametrize(
    ("processors", "own", "jobs", "expected"),
    [
        (2, [None], None, 2),
        (2, [None, None, None], None, 2),
        (2, [None, None], 5, 5),
        (2, [1], None, 1),
        (2, [1, 1, 1], None, 2),
        (2, [1, None], None, 2),
        (2, [4, 1], None, 4),
        (2, [4, 1], 1, 1),
        (8, [2, 3], None, 5),
        (8, [], None, 1),
    ],
)
def test_a_run_has_a_job_for_each_processor_unless_it_is_told_otherwise(
    processors: int, own: list[int | None], jobs: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    wanted = [run.Wanted("a", lambda: instance_at(1), limit) for limit in own]
    assert run.jobs_of(wanted, jobs) == expected


@pytest.mark.parametrize("jobs", [0, -1])
def test_a_run_without_jobs_is_a_config_error(jobs: int, store: Store) -> None:
    with pytest.raises(errors.ConfigError, match=f"jobs is {jobs}, but a run needs at least one"):
        run.back_up([run.Wanted("down", lambda: instance_at(1))], store, run.Request(jobs=jobs))


def test_what_no_error_of_ours_explains_ends_the_run_and_frees_its_locks(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "select_databases", lambda *_arguments: 1 / 0)
    monkeypatch.setattr(instances.Instance, "server", lambda _self: SimpleNamespace(list_databases=list))
    with pytest.raises(ZeroDivisionError):
        run.back_up([run.Wanted("broken", lambda: instance_at(1, "broken"))], store)
    with locking.hold(layout.instance_lock(store.config.base_path, store.hostname, "broken"), "the instance"):
        pass


def test_a_report_that_is_given_has_what_was_done_before_a_defect_and_why_the_rest_was_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "sweep", lambda _base_path: 1 / 0)
    report = run.Report()
    wanted = [run.Wanted(name, lambda: instance_at(1), type="mysql") for name in ("one", "two")]
    with pytest.raises(ZeroDivisionError):
        run.back_up(wanted, store, report=report)
    told = [(each.database_id, each.database_name, each.error_code, each.error_message) for each in report.results]
    assert told == [(name, "", "interrupted", "it was ended by ZeroDivisionError") for name in ("one", "two")]
    assert report.types == {"one": "mysql", "two": "mysql"}


def test_an_instance_that_another_run_works_on_is_locked(store: Store, closed_port: int) -> None:
    lock = layout.instance_lock(store.config.base_path, store.hostname, "down")
    wanted = [run.Wanted("down", lambda: instance_at(closed_port))]
    with locking.hold(lock, "the instance"):
        assert run.back_up(wanted, store).error_code() == "locked"
    assert run.back_up(wanted, store).error_code() == "connection_error"


def test_a_check_makes_no_file(store: Store, closed_port: int) -> None:
    report = run.back_up([run.Wanted("down", lambda: instance_at(closed_port))], store, run.Request(check=True))
    assert report.error_code() == "connection_error"
    assert not store.config.base_path.exists()
