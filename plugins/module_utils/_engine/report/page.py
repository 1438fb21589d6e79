# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as one page of HTML that needs nothing else; the only file that imports Jinja2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .. import errors
from ..models.metadata import human_size
from . import charts, style, telling, template, wording
from .data import Database, ReportData

try:
    import jinja2
except ImportError:
    jinja2 = None  # type: ignore[assignment]

DIGEST_NAME = "vya-backupdb-content"
COLUMNS = ("Database", "State", "Last good backup", "Last verified", "Size", "Took", "Failures", "Retention")


@dataclass(frozen=True)
class View:
    """A database with what is drawn and said of it."""

    database: Database
    number: int
    sizes: charts.Curve | None
    durations: charts.Curve | None

    @property
    def state(self) -> telling.Label:
        """The state of its last good backup."""
        return telling.STATES[self.database.state]

    @property
    def proof(self) -> telling.Label:
        """The state of its last drill."""
        return telling.PROOFS[self.database.proof]


def render(data: ReportData, title: str, digest: str) -> str:
    """Return the page, with the digest of its content in its head. Raise ConfigError when Jinja2 is missing."""
    if jinja2 is None:
        raise errors.ConfigError("the Python package Jinja2 is missing", "Install Jinja2 >= 3.1")
    views = [
        View(
            database,
            number,
            charts.curve(database.history, lambda point: point.size_bytes),
            charts.curve(database.history, lambda point: point.duration_seconds),
        )
        for number, database in enumerate(data.databases, 1)
    ]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        age=lambda when: wording.age(when, data.generated_at),
        moment=wording.moment,
        sentence=wording.sentence,
        size=human_size,
        span=wording.span,
        told=told,
        visible=wording.visible,
    )
    environment.globals.update(size=human_size, span=wording.span)
    return environment.from_string(template.PAGE).render(
        data=data,
        title=title,
        digest_name=DIGEST_NAME,
        digest=digest,
        sheet=style.SHEET,
        verdict=telling.verdict(data.summary),
        tiles=telling.tiles(data.summary, data.window_days),
        bars=charts.bars(data.days),
        good_runs=sum(day.good for day in data.days),
        failed_runs=sum(day.failed for day in data.days),
        views=views,
        columns=COLUMNS,
        failing=telling.FAILING,
        silent=telling.SILENT,
    )


def told(curve: charts.Curve, text: Callable[[float], str]) -> str:
    """Return what a curve shows, for those who hear it."""
    return (
        f"{text(curve.latest)} on {curve.last.date()}; between {text(curve.lowest)} and {text(curve.highest)}"
        f" since {curve.first.date()}"
    )
