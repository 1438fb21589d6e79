# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics for Prometheus: a file for the textfile collector of the node exporter.

What each means is in docs/metrics.md, which is to be changed together with this file.
Counters go on from what the file says already, so those who write take turns: each reads, counts and replaces it under
a lock. Of databases that the configuration does not back up (any more) nothing is told, see _forget.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .. import errors, locking, records, storage
from ..artifacts.store import Store
from ..models.config import AppConfig, DatabaseConfig, MetricsConfig
from .states import State, is_backed_up, state_of

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    CollectorRegistry = None  # type: ignore[assignment,misc]

# The node exporter reads no files that are called otherwise.
SUFFIX = ".prom"
# It runs as a user of its own.
FILE_MODE = 0o644
LOCK_TIMEOUT_SECONDS = 30
PREFIX = "backupdb_"
# What shows that a file has not been cut.
LAST_LINE = "# EOF"
#: How long the operations on a database without artifacts are told of.
REMEMBERED = timedelta(days=7)

_DATABASE = ("database_type", "database_id", "database")


@dataclass(frozen=True)
class _Metric:
    """A metric; ``remembered`` is one that goes on from what the file says, the others are found out anew."""

    name: str
    documentation: str
    labels: tuple[str, ...] = _DATABASE
    counter: bool = False
    remembered: bool = False


_EXECUTIONS = _Metric(
    "backupdb_executions_total",
    "Operations on a database, by kind and by how they ended.",
    ("operation", "status", *_DATABASE),
    counter=True,
    remembered=True,
)
_RESTORES = _Metric(
    "backupdb_restores_total",
    "Restores of a database, by how they ended.",
    ("status", *_DATABASE),
    counter=True,
    remembered=True,
)
_LAST_STATUS = _Metric(
    "backupdb_last_status",
    "Whether the last operation of its kind on a database went well: 1, or 0 where it failed or is partial.",
    ("operation", *_DATABASE),
    remembered=True,
)
_LAST_DURATION = _Metric(
    "backupdb_last_duration_seconds",
    "How long the last operation of its kind on a database took.",
    ("operation", *_DATABASE),
    remembered=True,
)
_LAST_EXECUTION = _Metric(
    "backupdb_last_execution_timestamp_seconds",
    "When the last operation of its kind on a database was, good or bad.",
    ("operation", *_DATABASE),
    remembered=True,
)
_LAST_SUCCESS = _Metric("backupdb_last_success_timestamp_seconds", "When the newest good artifact was taken.")
_LAST_SIZE = _Metric("backupdb_last_size_bytes", "Size of the newest good artifact.")
_LAST_VERIFIED = _Metric(
    "backupdb_last_verified_timestamp_seconds",
    "When an artifact of the database was last found good by a drill of this level or a higher one.",
    ("level", *_DATABASE),
)
_ARTIFACTS = _Metric("backupdb_artifacts", "Good artifacts of the database.")
_ARTIFACTS_SIZE = _Metric("backupdb_artifacts_bytes", "Size of the good artifacts of the database.")
_CONFIGURED = _Metric(
    "backupdb_configured_databases",
    "Database instances of the configuration: 1 where it is enabled, else 0.",
    ("database_type", "database_id"),
)
_STORAGE_SIZE = _Metric("backupdb_storage_size_bytes", "Size of the file system of the storage.", ("path",))
_STORAGE_USED = _Metric("backupdb_storage_used_bytes", "What is used of it, by whatever.", ("path",))
_STORAGE_FREE = _Metric("backupdb_storage_free_bytes", "What may still be written to it.", ("path",))
_STORAGE_ARTIFACTS = _Metric(
    "backupdb_storage_artifacts_bytes", "Size of all artifacts in the storage, of every host.", ("path",)
)
_METRICS = {
    metric.name: metric
    for metric in (
        _EXECUTIONS,
        _RESTORES,
        _LAST_STATUS,
        _LAST_DURATION,
        _LAST_EXECUTION,
        _LAST_SUCCESS,
        _LAST_SIZE,
        _LAST_VERIFIED,
        _ARTIFACTS,
        _ARTIFACTS_SIZE,
        _CONFIGURED,
        _STORAGE_SIZE,
        _STORAGE_USED,
        _STORAGE_FREE,
        _STORAGE_ARTIFACTS,
    )
}
#: The samples of each metric, by its name and the values of its labels, which end with those of the database.
_Values = dict[str, dict[tuple[str, ...], float]]


def record(config: AppConfig, entries: Sequence[records.Entry], store: Store) -> list[str]:
    """Find out the state and write the metrics, if the configuration wants any; return warnings.

    Trouble with the storage is one of them: metrics never make the work fail.
    """
    if config.metrics.textfile_path is None:
        return []
    try:
        state = state_of(store, config)
    except errors.BackupDBError as error:
        return [_not_written(error)]
    return write(config.metrics, entries, state=state, now=store.clock())


def write(config: MetricsConfig, entries: Sequence[records.Entry], *, state: State, now: datetime) -> list[str]:
    """Add the operations of a run to the metrics file and bring it up to the state; return warnings.

    A file that cannot be read back is begun anew. What else goes wrong is a warning, too, and the file stays as it was.
    """
    path = config.textfile_path
    if path is None:
        return []
    if CollectorRegistry is None:
        return [_not_written("the Python package prometheus_client is missing", "Install prometheus-client")]
    warnings = []
    if path.suffix != SUFFIX:
        warnings.append(f"the node exporter will not read {path}, for its name does not end with {SUFFIX}")
    try:
        # A lock makes its folder, in which nobody else could read.
        if not path.parent.is_dir():
            raise errors.StorageError(
                f"the folder {path.parent} does not exist", "It is the one that the node exporter is told to read"
            )
        with locking.hold(path.with_name(f".{path.name}.lock"), str(path), LOCK_TIMEOUT_SECONDS):
            values, damage = _read_back(path)
            warnings += damage
            _count(values, entries, state.configured)
            _forget(values, state, now)
            _show(values, state)
            storage.write_partial(path, _render(values), FILE_MODE)
            storage.settle(path)
            storage.sync_folder(path.parent)
    except errors.BackupDBError as error:
        warnings.append(_not_written(error))
    except OSError as error:
        warnings.append(_not_written(f"{path.parent} cannot be read: {error.strerror}"))
    return warnings


def _not_written(problem: object, hint: str = "") -> str:
    return f"the metrics were not written: {problem}{f'. {hint}' if hint else ''}"


def _read_back(path: Path) -> tuple[_Values, list[str]]:
    """Return the remembered samples of the file, none where there is no file, and a warning where it is damaged.

    Raise StorageError where it cannot be read or is not ours.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return _parse(content.decode("utf-8"), path), []
    except (ValueError, LookupError):
        return {}, [f"{path} was damaged; its counters begin anew"]


def _parse(text: str, path: Path) -> _Values:
    """Raise ValueError or LookupError where the text is damaged, StorageError where it holds metrics of others."""
    values: _Values = {}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    for sample in samples:
        if not sample.name.startswith(PREFIX):
            raise errors.StorageError(
                f"{path} holds {sample.name}, which is not of vya.backupdb", "Set metrics.textfile_path to another file"
            )
        if not (math.isfinite(sample.value) and sample.value >= 0):
            raise ValueError(f"{sample.name} is {sample.value}")
        metric = _METRICS.get(sample.name)
        if metric is not None and metric.remembered:
            labels = tuple(sample.labels[label] for label in metric.labels)
            values.setdefault(metric.name, {})[labels] = float(sample.value)
    if not text.endswith(f"{LAST_LINE}\n"):
        raise ValueError("it has been cut")
    return values


def _count(values: _Values, entries: Iterable[records.Entry], configured: Iterable[DatabaseConfig]) -> None:
    """Add what a run did, which may be several operations of a kind on a database: their status is the worst one."""
    types: dict[str, str] = {entry.id: entry.type for entry in configured}
    groups: dict[tuple[str, ...], list[records.Entry]] = {}
    for entry in entries:
        kind = entry.database_type or types.get(entry.database_id, "")
        database = (kind, _label(entry.database_id), _label(entry.database_name or ""))
        groups.setdefault((entry.operation, *database), []).append(entry)
        _add(values, _EXECUTIONS, (entry.operation, entry.status, *database))
        if entry.operation == "restore":
            _add(values, _RESTORES, (entry.status, *database))
    for operation, kind, database_id, _database in groups:
        # An instance whose databases were worked on does not fail as a whole any more.
        for metric in (_LAST_STATUS, _LAST_DURATION, _LAST_EXECUTION):
            values.get(metric.name, {}).pop((operation, kind, database_id, ""), None)
    for labels, group in groups.items():
        _set(values, _LAST_STATUS, labels, all(entry.status == "success" for entry in group))
        _set(values, _LAST_DURATION, labels, sum(entry.duration_seconds for entry in group))
        _set(values, _LAST_EXECUTION, labels, max(entry.timestamp for entry in group).timestamp())


def _label(text: str) -> str:
    """Return a name as UTF-8 can have it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _add(values: _Values, metric: _Metric, labels: tuple[str, ...]) -> None:
    samples = values.setdefault(metric.name, {})
    samples[labels] = samples.get(labels, 0.0) + 1


def _set(values: _Values, metric: _Metric, labels: tuple[str, ...], value: float) -> None:
    values.setdefault(metric.name, {})[labels] = float(value)


def _forget(values: _Values, state: State, now: datetime) -> None:
    """Take out the remembered samples of what is not backed up any more, so that nobody is alarmed of it for ever.

    An instance as a whole stays while it is configured, a database if besides there are artifacts of it, or there was
    an operation in the last days: one that never came to an artifact must be told of, too. Restores go to any
    database, so the last days alone count for those.
    """
    since = (now - REMEMBERED).timestamp()
    recent = {labels[2:] for labels, moment in values.get(_LAST_EXECUTION.name, {}).items() if moment >= since}
    kept = recent | {(_label(each.database_id), _label(each.database)) for each in state.databases}
    kept |= {(entry.id, "") for entry in state.configured}
    for name, samples in values.items():
        for labels in list(samples):
            is_restore = name == _RESTORES.name or labels[0] == "restore"
            backed_up = labels[-2:] in kept and is_backed_up(state.configured, *labels[-2:])
            if not (backed_up or (is_restore and labels[-2:] in recent)):
                del samples[labels]


def _show(values: _Values, state: State) -> None:
    """Put in what was found out."""
    for each in state.databases:
        labels = (each.database_type, _label(each.database_id), _label(each.database))
        _set(values, _LAST_SUCCESS, labels, each.last_success.timestamp())
        _set(values, _LAST_SIZE, labels, each.size_bytes)
        _set(values, _ARTIFACTS, labels, each.artifacts)
        _set(values, _ARTIFACTS_SIZE, labels, each.artifacts_bytes)
        for level, moment in each.verified.items():
            _set(values, _LAST_VERIFIED, (level, *labels), moment.timestamp())
    for entry in state.configured:
        _set(values, _CONFIGURED, (entry.type, entry.id), entry.enabled)
    path = (_label(str(state.storage.path)),)
    _set(values, _STORAGE_SIZE, path, state.storage.size_bytes)
    _set(values, _STORAGE_USED, path, state.storage.used_bytes)
    _set(values, _STORAGE_FREE, path, state.storage.free_bytes)
    _set(values, _STORAGE_ARTIFACTS, path, state.storage.artifacts_bytes)


def _render(values: _Values) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(values))
    return generate_latest(registry) + f"{LAST_LINE}\n".encode("ascii")


class _Collector:
    """What prometheus_client asks for the samples."""

    def __init__(self, values: _Values) -> None:
        self._values = values

    def collect(self) -> Iterator[Any]:
        """Yield the metrics that have samples, in the order in which they are described."""
        for metric in _METRICS.values():
            samples = self._values.get(metric.name)
            if samples:
                make = CounterMetricFamily if metric.counter else GaugeMetricFamily
                family = make(metric.name, metric.documentation, labels=metric.labels)
                for labels, value in sorted(samples.items()):
                    family.add_metric(labels, value)
                yield family


__all__ = ["REMEMBERED", "State", "record", "state_of", "write"]
