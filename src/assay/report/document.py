"""A report as data, with the Python face: look up a challenge, its rows, the issues of each row; save as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import FindingsError, InputError, SettingsError, did_you_mean
from assay.core.finding import SEVERITIES, Finding, Outcome, Verdict
from assay.core.result import ColumnCard, Cost, Score, SubjectInfo, Trial
from assay.core.settings import Question, Settings
from assay.core.table import I64, Mask

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """What a report says about one challenge."""

    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def code(self) -> str:
        return self.outcome.code

    @property
    def name(self) -> str:
        return self.outcome.name

    @property
    def verdict(self) -> Verdict:
        return self.outcome.verdict

    @property
    def reason(self) -> str:
        return self.outcome.reason

    def __repr__(self) -> str:
        return f"<{self.code} {self.name}: {self.verdict} - {self.reason}>"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Report:
    """Everything one check found, ranked, with a verdict for every challenge of the catalogue.

    ``labels`` are the user's own row labels by position (a pandas index); ``pages`` maps a code to the parts of its
    page that the drawers show ({"how", "false_alarms", "sources"}). ``made_at`` stands in ``cost`` with the times.
    """

    info: SubjectInfo
    question: Question
    settings: Settings
    findings: tuple[Finding, ...]
    outcomes: tuple[Outcome, ...]
    scores: tuple[Score, ...] = ()
    trials: tuple[Trial, ...] = ()
    gallery: tuple[ColumnCard, ...] = ()
    cost: Cost = field(default_factory=lambda: Cost(0.0, 0.0, 0.0, 0))
    next_commands: tuple[tuple[str, str], ...] = ()
    labels: Any = None
    pages: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    made_at: str = field(default_factory=_now)

    def __getitem__(self, key: str) -> ChallengeView:
        """The challenge of a code or a name.

        Raises:
            SettingsError: no challenge is called so; the nearest name is given.
        """
        for outcome in self.outcomes:
            if key.casefold() in (outcome.code.casefold(), outcome.name.casefold()):
                return ChallengeView(outcome, tuple(f for f in self.findings if f.code == outcome.code))
        known = [n for o in self.outcomes for n in (o.code, o.name)]
        raise SettingsError(f"a challenge code or name was expected, got {key!r}{did_you_mean(key, known)}")

    def rows(self, key: str, *, partial: bool = False) -> Any:
        """Rows that the findings of a challenge name: the user's labels where the table had an index, else positions.

        Raises:
            InputError: not all of those rows are kept (sampled, or over 10,000), unless ``partial`` is true.
        """
        found = self._positions(key, partial)
        return found if self.labels is None else self.labels[found]

    def mask(self, key: str, *, partial: bool = False) -> Mask:
        """True for every input row that the findings of a challenge name; length is the number of rows.

        Raises:
            InputError: as ``rows``.
        """
        out = np.zeros(self.info.rows, bool)
        out[self._positions(key, partial)] = True
        return out

    def _positions(self, key: str, partial: bool) -> I64:
        view = self[key]
        every = [f.claim.about.rows for f in view.findings if f.claim.about.rows is not None]
        if not partial and any(len(r.positions) < r.total or r.weight != 1.0 for r in every):
            kept, total = sum(len(r.positions) for r in every), sum(r.total for r in every)
            raise InputError(
                f"{view.code} touches {total:,} rows, but the numbers of only {kept:,} are kept; "
                "pass partial=True to have those"
            )
        return np.unique(np.concatenate([r.positions for r in every])) if every else np.empty(0, np.int64)

    def issues(self) -> pa.Table:
        """One row per input row that any finding names: row, label (where there is an index), codes, worst severity.

        The schema's metadata lists under ``partial`` the codes of which not all rows are kept.
        """
        import pyarrow as pa

        named = [f for f in self.findings if f.claim.about.rows is not None and len(f.claim.about.rows.positions)]
        rows = [f.claim.about.rows for f in named if f.claim.about.rows is not None]
        position = np.concatenate([r.positions for r in rows]) if rows else np.empty(0, np.int64)
        which = np.repeat(np.arange(len(named)), [len(r.positions) for r in rows])
        codes = sorted({f.code for f in named})
        code = np.array([codes.index(f.code) for f in named], np.int64)[which] if named else which
        level = np.array([SEVERITIES.index(f.severity) for f in named], np.int64)[which] if named else which
        pairs, at = np.unique(np.stack([position, code], axis=1), axis=0, return_inverse=True)
        worst = np.full(len(pairs), len(SEVERITIES))
        np.minimum.at(worst, at.ravel(), level)
        row, start = np.unique(pairs[:, 0], return_index=True)
        offsets = pa.array(np.append(start, len(pairs)), pa.int32())
        lists = pa.ListArray.from_arrays(offsets, pa.array(codes, pa.string()).take(pa.array(pairs[:, 1])))
        severity = np.minimum.reduceat(worst, start) if len(row) else worst
        out: dict[str, Any] = {"row": pa.array(row, pa.int64())}
        if self.labels is not None:
            out["label"] = pa.array([str(v) for v in self.labels[row]], pa.string())
        out |= {"codes": lists, "severity": pa.array(list(SEVERITIES)).take(pa.array(severity, pa.int64()))}
        partial = sorted(
            {f.code for f, r in zip(named, rows, strict=True) if len(r.positions) < r.total or r.weight != 1}
        )
        return pa.table(out).replace_schema_metadata({"partial": ",".join(partial)})

    def to_frame(self, *, pandas: bool = False) -> Any:
        """The findings as an Arrow table (a pandas frame if asked), one row each, ranked."""
        import pyarrow as pa

        keys = (
            "code",
            "name",
            "severity",
            "columns",
            "rows",
            "effect",
            "unit",
            "basis",
            "p_value",
            "message",
            "fingerprint",
        )
        types = {"columns": pa.list_(pa.string()), "rows": pa.int64(), "effect": pa.float64(), "p_value": pa.float64()}
        found = self.to_json()["findings"]
        table = pa.table({k: pa.array([f[k] for f in found], types.get(k, pa.string())) for k in keys})
        return table.to_pandas() if pandas else table

    def at(self, level: str) -> tuple[Finding, ...]:
        """Findings at a severity or above; ``never`` gives none."""
        if level not in (*SEVERITIES, "never"):
            near = did_you_mean(level, SEVERITIES)
            raise SettingsError(f"a severity must be one of {', '.join(SEVERITIES)}, never; got {level!r}{near}")
        if level == "never":
            return ()
        place: dict[str, int] = {name: i for i, name in enumerate(SEVERITIES)}
        return tuple(f for f in self.findings if place[f.severity] <= place[level])

    def raise_for(self, level: str = "critical") -> None:
        """Raise where a finding stands at this severity or above.

        Raises:
            FindingsError: names the findings.
        """
        found = self.at(level)
        if found:
            first = "; ".join(f"{f.code} {f.name}: {f.message}" for f in found[:3])
            raise FindingsError(f"{len(found)} findings at {level} or above: {first}")

    def exit_code(self, fail_on: str | None = None) -> int:
        """0 nothing at the level, 1 found, 3 a challenge failed to run. Default level: the settings' ``fail_on``."""
        if any(o.verdict == "error" for o in self.outcomes):
            return 3
        return 1 if self.at(fail_on or self.settings.fail_on) else 0

    def to_json(self, *, all_rows: bool = False) -> dict[str, Any]:
        """The report as JSON data, by the published schema."""
        from .json_form import to_json

        return to_json(self, all_rows)

    def save(self, path: str | Path, *, all_rows: bool = False) -> Path:
        """Write the report; the suffix says the format: .html, .json, .txt or .md.

        Raises:
            SettingsError: another suffix.  OutputError: the file cannot be written; nothing half-written stays.
        """
        from .formats import write

        return write(self.to_json(all_rows=all_rows), Path(path))

    def __str__(self) -> str:
        from .formats import render

        return render(self.to_json(), "text")

    def __repr__(self) -> str:
        found = sum(o.verdict == "found" for o in self.outcomes)
        return f"<Report {self.info.name}: {found} of {len(self.outcomes)} challenges found>"

    def _repr_html_(self) -> str:
        from .html import notebook

        return notebook(self.to_json())
