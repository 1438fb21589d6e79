# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report comes to in words: labels, the verdict, the numbers at the top, and who needs attention."""

from __future__ import annotations

from dataclasses import dataclass

from ..models.metadata import human_size
from . import wording
from .data import Proof, ReportData, State, Summary


@dataclass(frozen=True)
class Label:
    """A short text with a tone: ``good``, ``warn``, ``bad`` or none."""

    text: str
    tone: str


@dataclass(frozen=True)
class Tile:
    """A number that is worth to be large."""

    value: str
    text: str
    tone: str


@dataclass(frozen=True)
class Verdict:
    """The whole report in a sentence, and one more."""

    text: str
    more: str
    tone: str
    sign: str


STATES: dict[State, Label] = {
    "good": Label("Good", "good"),
    "stale": Label("Stale", "bad"),
    "never": Label("No backup", "bad"),
}
PROOFS: dict[Proof, Label] = {
    "verified": Label("Verified", "good"),
    "outdated": Label("Proof outdated", "warn"),
    "checksum": Label("Checksum only", "warn"),
    "never": Label("Not verified", "warn"),
    "failed": Label("Drill failed", "bad"),
}
FAILING = Label("Last try failed", "warn")
SILENT = Label("No backup", "bad")


def verdict(summary: Summary) -> Verdict:
    """Return what matters most of a summary."""
    without = summary.stale + summary.never
    if summary.silent_instances and not summary.databases:
        return Verdict("There is no backup of anything", _lacking(summary), "bad", "✕")
    if not summary.databases:
        return Verdict("There is nothing to report on yet", "Nothing is configured or backed up.", "warn", "!")
    if without or summary.silent_instances:
        text = (
            f"{without} of {_count(summary.databases, 'database')} {'has' if without == 1 else 'have'} no fresh backup"
        )
        if not without:
            text = f"{_count(summary.silent_instances, 'instance')} without any backup"
        return Verdict(text, _lacking(summary), "bad", "✕")
    if summary.failing or summary.unverified:
        return Verdict(f"{_all(summary)}, but not all is well", _lacking(summary), "warn", "!")
    return Verdict(_all(summary), "Each of them is proven by a drill.", "good", "✓")


def _all(summary: Summary) -> str:
    if summary.databases == 1:
        return "The database has a fresh backup"
    return f"All {summary.databases} databases have a fresh backup"


def _lacking(summary: Summary) -> str:
    """Return a sentence that counts all that is not as it should be."""
    counted = (
        (summary.never, "without a good backup"),
        (summary.stale, "stale"),
        (summary.failing, "failed at the last try"),
        (summary.unverified, "not proven by a drill"),
    )
    parts = [f"{number} {what}" for number, what in counted if number]
    if summary.silent_instances:
        parts.append(f"{_count(summary.silent_instances, 'instance')} without any backup")
    listed = ", ".join(parts)
    return f"{listed[:1].upper()}{listed[1:]}."


def tiles(summary: Summary, window_days: int) -> list[Tile]:
    """Return the numbers of a summary that stand at the top."""
    without = summary.stale + summary.never
    return [
        Tile(str(summary.databases), "databases", ""),
        Tile(str(summary.good), "with a fresh backup", "good" if summary.good else ""),
        Tile(str(without), "stale or without one", "bad" if without else ""),
        Tile(str(summary.unverified), "not proven by a drill", "warn" if summary.unverified else ""),
        Tile(str(summary.failures), f"failures in {window_days} days", "bad" if summary.failures else ""),
        Tile(human_size(summary.stored_bytes), f"in {_count(summary.artifacts, 'artifact')}", ""),
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def attention(data: ReportData) -> list[str]:
    """Return a sentence for each database that somebody should look at, and for each instance without a backup."""
    told = []
    for one in data.databases:
        if one.needs_attention:
            proof = [] if one.proof == "verified" else [PROOFS[one.proof]]
            labels = [STATES[one.state], *([FAILING] if one.last_attempt_failed else []), *proof]
            listed = ", ".join(label.text.lower() for label in labels if label.tone != "good")
            told.append(f"{one.database_id}/{wording.visible(one.name)} on {wording.visible(one.hostname)}: {listed}")
    return told + [
        f"{one.database_id} on {wording.visible(one.hostname)}: {SILENT.text.lower()}"
        for one in data.instances
        if one.silent
    ]
