"""``Model``: an .assay file in memory. It predicts from the very graph that it is saved as."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.core.aim import aim_of
from assay.core.errors import SettingsError
from assay.core.table import F64, Sample
from assay.stats.shapley import EXACT_COLUMNS, PAIRS

from .background import Against
from .feed import Feed, OnBad, feed_from
from .layout import RECIPE
from .opened import Opened
from .reasons import explain
from .sets import sets_of
from .shapley import Explanation

if TYPE_CHECKING:
    import pyarrow as pa

    from .counterfactual import Counterfactual


class Model(Opened):
    """Predicts rows of any table: path, dict of arrays, list of dicts, pandas, polars, Arrow, or a Table.

    Made by ``assay.fit`` or ``Model.load``. Unknown columns are ignored; null, NaN and blanks are missing; text where
    a number belongs is an error (``on_bad="null"`` counts it as missing).
    """

    def _scores(self, source: Any, on_bad: OnBad) -> F64:
        return self._output(feed_from(source, self._schema, on_bad)[0])

    def predict(self, source: Any, *, on_bad: OnBad = "error") -> NDArray[Any]:
        """(n,) classes as the target column held them (int64, float64, bool, or text), or values for regression.

        Raises:
            InputError: a column is missing or does not hold what it must.
        """
        return self._labels(self._scores(source, on_bad))

    def _labels(self, output: F64) -> NDArray[Any]:
        if self.task == "regression":
            return np.asarray(output[:, 0])
        return np.asarray(self._values[(self.aim or aim_of(self.task)).decided(output)])

    def decide(self, source: Any, *, on_bad: OnBad = "error") -> NDArray[Any]:
        """(n,) the action that costs least on average for each row, by the costs of the question (``actions``).

        Raises:
            SettingsError: the model was fitted without costs. InputError: as ``predict``.
        """
        return self._decisions(self._scores(source, on_bad))

    @property
    def actions(self) -> tuple[str, ...]:
        """What ``decide`` chooses from, the first being to do nothing; empty where no costs were named."""
        return () if self._schema.costs is None else self._schema.costs.actions

    @property
    def threshold(self) -> float | None:
        """The probability of the positive class from which acting is cheaper, where there are two classes and costs."""
        return None if self._schema.costs is None else self._schema.costs.threshold(1)

    def _decisions(self, output: F64) -> NDArray[Any]:
        costs = self._schema.costs
        if costs is None:
            raise SettingsError(
                "decide needs the costs of errors: fit with cost_false_alarm and cost_miss, or costs, in [question]"
            )
        return np.array(costs.actions, object)[costs.cheapest(output)]

    def predict_proba(self, source: Any, *, on_bad: OnBad = "error") -> F64:
        """(n, classes) probabilities, in the order of ``classes``.

        Raises:
            SettingsError: the model predicts values, not classes. InputError: as ``predict``.
        """
        self._needs_classes("predict_proba")
        return self._scores(source, on_bad)

    def _needs_classes(self, what: str) -> None:
        if self.task == "regression":
            raise SettingsError(f"{what} needs a model of classes; this one predicts values: use predict")

    def predict_set(self, source: Any, *, coverage: float | None = None, on_bad: OnBad = "error") -> NDArray[Any]:
        """Prediction sets: (n, classes) booleans, or (n, 2) interval ends, at ``coverage`` (the file's own by default).

        A coverage between those that were calibrated takes the next larger one.

        Raises:
            SettingsError: a coverage beyond the largest calibrated one. InputError: as ``predict``.
        """
        feed = feed_from(source, self._schema, on_bad)[0]
        return self._sets(feed, self._output(feed), coverage)

    def _sets(self, feed: Feed, output: F64, coverage: float | None) -> NDArray[Any]:
        c, q = self._quantiles(coverage)
        some = len(output) > 0
        cell = band = None
        own: tuple[tuple[float, ...], ...] = ()
        if (cells := self._schema.cells) is not None and some:
            own, cell = dict(cells.table)[c], self._session.run(feed, "cell")
        if self._schema.band and some:
            band = self._session.run(feed, "band")
        return sets_of(self.task, output, q, own, cell, band)

    def predict_interval(self, source: Any, *, on_bad: OnBad = "error") -> F64:
        """(n, 2) low and high probability of the positive class: inductive Venn-Abers (``stats.venn_abers``).

        One of the two ends is perfectly calibrated for rows like those of the calibration; their distance says how
        little is known there. The probability of ``predict_proba`` need not lie between them.

        Raises:
            SettingsError: the model has no such table: it predicts values or more than two classes.
        """
        return self._chances(self._scores(source, on_bad))

    def _chances(self, output: F64) -> F64:
        steps = self._schema.steps
        if steps is None:
            raise SettingsError("an interval of the probability needs a model of two classes that fit made; see docs")
        at = np.clip(np.searchsorted(steps.edges, output[:, 1], side="right") - 1, 0, None)
        return np.column_stack((np.array(steps.low)[at], np.array(steps.high)[at]))

    def _quantiles(self, coverage: float | None) -> tuple[float, tuple[float, ...]]:
        wanted = self._schema.coverage if coverage is None else coverage
        enough = sorted((c, q) for c, q in self._schema.q if c >= wanted - 1e-12)
        if not 0 < wanted < 1 or not enough:
            most = max(c for c, _ in self._schema.q)
            raise SettingsError(
                f"a coverage must lie above 0 and be at most {most:g}, the largest calibrated; got {wanted:g}"
            )
        return enough[0]

    def predict_rows(self, rows: Sample) -> F64:
        """(n, classes) probabilities, or (n,) values, of a sample (``core.subject.Model``)."""
        output = self._scores(rows, "null")
        return output[:, 0] if self.task == "regression" else output

    def explain(
        self, source: Any, n: int = 3, *, on_bad: OnBad = "error", against: Against = "usual", pairs: int = PAIRS
    ) -> Explanation:
        """Which columns moved each prediction away from what is usual, strongest first (``shapley``, ``background``).

        Contributions are to the probability of the positive class (two classes), of the predicted class (more), or to
        the value; those of a row add up to its output less the baseline. Up to six columns they are exact, above they
        carry a standard error, which ``pairs`` of drawn orders make smaller.

        Args:
            against: "usual", 16 made-up rows with each column's usual values; or "typical", one row of medians.

        Raises:
            InputError: as ``predict``. SettingsError: an unknown ``against``.
        """
        feed, rows = feed_from(source, self._schema, on_bad)
        return self._explain(feed, rows, n, against, pairs)

    def _explain(
        self, feed: Feed, rows: int, n: int, against: Against = "usual", pairs: int = PAIRS, exact: int = EXACT_COLUMNS
    ) -> Explanation:
        known = ((self.dossier.get("model") or {}).get("understanding") or {}).get("groups") or []
        return explain(
            self._schema, self._output, feed, rows, n, against=against, groups=known, pairs=pairs, most_exact=exact
        )

    def counterfactual(
        self,
        source: Any,
        *,
        to: str | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
        fixed: Sequence[str] = (),
        only_up: Sequence[str] = (),
        only_down: Sequence[str] = (),
        on_bad: OnBad = "error",
    ) -> tuple[Counterfactual, ...]:
        """What would change each answer: up to three smallest changes of at most three columns, or why there is none.

        Args:
            to: the class that is wanted, by default the second choice; ``at_least`` the probability that it must reach.
            at_least, at_most: the value that is wanted, for a model of values.
            fixed: columns that cannot change; dates, ids and protected columns never do.
            only_up, only_down: columns of numbers that can change in one direction.

        Raises:
            SettingsError: the goal does not fit the model. InputError: as ``predict``, or an unknown column.
        """
        from .counterfactual import Goal, counterfactuals, limits_of

        feed, rows = feed_from(source, self._schema, on_bad)
        limits = limits_of(self.columns, self.dossier, self._doc(RECIPE), fixed, only_up, only_down)
        return counterfactuals(self._schema, self._output, feed, rows, Goal(to, at_least, at_most), limits)

    def score_table(
        self,
        source: Any,
        *,
        reasons: int = 0,
        coverage: float | None = None,
        interval: bool = False,
        on_bad: OnBad = "error",
    ) -> pa.Table:
        """Scored rows in Arrow: prediction (see ``predict``), p_<class>, p_low and p_high (``interval``: see
        ``predict_interval``), decision where there are costs, set (class names or [low, high]), reason_k."""
        from .scored import scored

        return scored(self, *feed_from(source, self._schema, on_bad), reasons, coverage, interval)

    def __repr__(self) -> str:
        what = (
            "values"
            if self.task == "regression"
            else ", ".join(self.classes[:4]) + (" ..." if len(self.classes) > 4 else "")
        )
        return f"<Model of {self.target or 'a target'} ({what}) from {len(self.columns)} columns, {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        from assay.report.html import notebook

        return notebook(self.dossier) if self.dossier else f"<pre>{escape(repr(self)[1:-1])}</pre>"
