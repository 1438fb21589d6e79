# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill: artifacts are chosen, verified one after the other, and what was found is written beside each.

What could not be verified, for a server or a program that is missing, is a failure too, but nothing is known of the
artifact then, and its record stays as it was.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Callable

from .. import errors, layout, locking, logbook, outcomes, signals, stream
from ..artifacts import catalog
from ..artifacts.catalog import Artifact
from ..artifacts.store import Store
from ..models.results import VerifyResult
from ..models.verification import Level, Verification
from ..restores import replacing
from . import choosing, proofs
from .choosing import Choice
from .places import Place, Places, Where, require_own_name


@dataclass(frozen=True)
class Planned:
    """An artifact that would be verified, by which level of proof."""

    database_id: str
    database_name: str
    backup_file: str
    level: Level


@dataclass(frozen=True)
class Drilled:
    """What became of a drill: a result for each artifact, and the data files for which the time did not suffice.

    ``swept`` is what was taken away of drills that were killed; ``plan`` is there in check mode alone.
    """

    results: list[VerifyResult] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    plan: list[Planned] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether a record was written."""
        return any(result.recorded for result in self.results)

    def summary(self) -> dict[str, int]:
        """Return how many artifacts there were, how many of them are good, and for how many there was no time."""
        return {**outcomes.summary(self.results), "left_out": len(self.left_out)}

    def error_code(self) -> str | None:
        """Return the error code of the whole drill, None when all artifacts are good; see outcomes.error_code."""
        return outcomes.error_code(self.results)

    def message(self) -> str | None:
        """Return one sentence that names every failure, None when all artifacts are good."""
        return outcomes.message(self.results, "verifications")

    def raise_for_failures(self) -> None:
        """Raise RunError, with all results in its details, when anything failed."""
        code, message = self.error_code(), self.message()
        if code is not None and message is not None:
            raise errors.RunError(message, code, changed=self.changed, **self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        described: dict[str, Any] = {
            "results": [result.as_dict() for result in self.results],
            "summary": self.summary(),
            "left_out": [str(file) for file in self.left_out],
            "swept": self.swept,
        }
        if self.plan:
            described["plan"] = [asdict(planned) for planned in self.plan]
        return described


def verify(
    choice: Choice,
    level: Level,
    where: Where,
    store: Store,
    *,
    check: bool = False,
    timer: Callable[[], float] = time.monotonic,
    drilled: Drilled | None = None,
) -> Drilled:
    """Verify the artifacts of a choice; with ``check``, only say which. Failures are in the results.

    ``timer`` gives the seconds that the time budget is measured by; a drill that is under way is brought to its end.
    ``drilled`` is filled in where it is given, also where a signal ends the drill.
    Raise NotFoundError when no artifact is chosen, ConfigError when the choice makes no sense, LockedError while
    another drill of this host is under way.
    """
    drilled = Drilled() if drilled is None else drilled
    base_path = store.config.base_path
    if check:
        chosen = choosing.choose(choice, level, base_path)
        drilled.plan.extend(_planned(artifact, level) for artifact in chosen.artifacts)
        drilled.warnings.extend(chosen.problems)
        return drilled
    deadline = None if choice.time_budget is None else timer() + choice.time_budget
    with locking.hold(layout.drill_lock(base_path, store.hostname), "the drill of this host"):
        chosen = choosing.choose(choice, level, base_path)
        drilled.warnings.extend(chosen.problems)
        catalog.sweep_verifications(base_path, store.hostname)
        with contextlib.closing(Places(where, store)) as places:
            work = _Work(level, where, store, places)
            for artifact in chosen.artifacts:
                if deadline is not None and timer() >= deadline:
                    drilled.left_out.append(artifact.paths.data)
                    continue
                work.verify(artifact, drilled)
            drilled.swept.extend(places.swept)
    return drilled


def _planned(artifact: Artifact, level: Level) -> Planned:
    info = artifact.metadata.backup_info
    return Planned(info.database_id, info.database_name, str(artifact.paths.data), level)


@dataclass
class _Proven:
    """How far the proof of an artifact has come, and what was seen on the way."""

    level: Level = "checksum"
    evidence: dict[str, Any] = field(default_factory=dict)
    restore_seconds: float | None = None
    server_version: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Work:
    level: Level
    where: Where
    store: Store
    places: Places

    def verify(self, listed: Artifact, drilled: Drilled) -> None:
        """Verify one artifact and record what was found."""
        info = listed.metadata.backup_info
        started, moment, proven = time.monotonic(), self.store.clock(), _Proven()
        error: errors.BackupDBError | None = None
        recorded = False
        with logbook.about(database_id=info.database_id, database=info.database_name):
            logbook.event("verify_started", file=str(listed.paths.data))
            try:
                artifact = catalog.load_artifact(listed.paths.metadata)
                error = self._prove(artifact, proven)
                recorded = catalog.record_verification(artifact, _record(artifact, proven, moment, error))
            except errors.BackupDBError as failure:
                if not listed.paths.metadata.exists():
                    drilled.warnings.append(f"{listed.paths.data} was removed while it was to be verified")
                    return
                error = error or failure
            except signals.Ended as ended:
                seconds = round(time.monotonic() - started, 3)
                drilled.results.append(_result(listed, proven, moment, seconds, ended.as_error(), recorded=recorded))
                raise
            seconds = round(time.monotonic() - started, 3)
            if error is None:
                logbook.event("verified", proof=proven.level, seconds=seconds)
            else:
                logbook.failed("verify_failed", error, seconds=seconds)
        drilled.warnings.extend(proven.warnings)
        drilled.results.append(_result(listed, proven, moment, seconds, error, recorded=recorded))

    def _prove(self, artifact: Artifact, proven: _Proven) -> errors.FaultyArtifactError | None:
        """Prove an artifact good as far as is wanted; return what is wrong with it, if anything is."""
        try:
            proven.evidence["checksum"] = proofs.of_file(artifact)
            if self.level == "checksum":
                return None
            proven.level = "structure"
            text, proven.evidence["structure"] = proofs.of_text(artifact)
            if self.level == "structure":
                return None
            proven.level = "restore"
            with self.places.place(artifact, text) as place:
                self._restore(artifact, text, place, proven)
        except errors.FaultyArtifactError as fault:
            return fault
        return None

    def _restore(self, artifact: Artifact, text: stream.Text, place: Place, proven: _Proven) -> None:
        proven.warnings += place.warnings
        require_own_name(place, artifact)
        request = replacing.Request(
            artifact, place.database, strategy="in_place", jobs=self.where.jobs, timeout=self.where.timeout
        )
        proven.server_version = place.server.version
        trial = proofs.by_restore(place.server, request, text)
        proven.evidence["restore"] = trial.evidence
        proven.restore_seconds = trial.restore_seconds
        proven.warnings += trial.warnings


def _record(artifact: Artifact, proven: _Proven, moment: datetime, error: errors.BackupDBError | None) -> Verification:
    return Verification(
        level=proven.level,
        passed=error is None,
        verified_at=moment,
        checksum=artifact.metadata.file_info.checksum,
        restore_seconds=proven.restore_seconds,
        server_version=proven.server_version,
        evidence=proven.evidence,
        error_message=error.message if error else None,
    )


def _result(
    artifact: Artifact,
    proven: _Proven,
    moment: datetime,
    seconds: float,
    error: errors.BackupDBError | None,
    *,
    recorded: bool,
) -> VerifyResult:
    info = artifact.metadata.backup_info
    named = error is None or artifact.paths.data.name in error.message
    return VerifyResult(
        success=error is None,
        database_id=info.database_id,
        database_name=info.database_name,
        database_type=info.database_type,
        hostname=info.hostname,
        backup_file=artifact.paths.data,
        backup_timestamp=info.timestamp,
        size_bytes=artifact.metadata.file_info.size_bytes,
        level=proven.level,
        duration_seconds=seconds,
        restore_seconds=proven.restore_seconds,
        evidence=proven.evidence,
        recorded=recorded,
        error_message=None if error is None else error.message if named else f"{artifact.paths.data}: {error.message}",
        error_code=error.error_code if error else None,
        hint=error.hint if error else None,
        warnings=proven.warnings,
        timestamp=moment,
    )


__all__ = ["Choice", "Drilled", "Planned", "Where", "verify"]
