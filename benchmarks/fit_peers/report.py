"""What was measured, as Markdown: scores by task, ranks, what it cost, what failed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .ranks import LEVEL, critical_difference, friedman, picture, ranks
from .run import Doc, Key, known
from .scores import MAIN, OTHER, mean_error

OURS = "assay"


class Board:
    """The runs of one budget. Of a task those seeds count that every system has which ran on it at all."""

    def __init__(self, scratch: Path, systems: list[str], tasks: list[str], budget: float, seeds: list[int]) -> None:
        self.scratch, self.budget = scratch, budget
        self.runs: dict[Key, Doc] = {k: v for k, v in known(scratch).items() if k[3] == budget and k[1] in seeds}
        self.systems = [s for s in systems if any(k[2] == s for k in self.runs)]
        self.tasks = [t for t in tasks if any(k[0] == t for k in self.runs)]
        self.seeds = {t: self.shared(t, [s for s in self.systems if self.of(t, s)]) for t in self.tasks}

    def of(self, task: str, system: str, seeds: list[int] | None = None) -> list[Doc]:
        """The runs, by seed."""
        named = [doc for key, doc in sorted(self.runs.items()) if (key[0], key[2]) == (task, system)]
        return [doc for doc in named if seeds is None or doc["seed"] in seeds]

    def shared(self, task: str, systems: list[str]) -> list[int]:
        """Seeds that every one of these systems ran."""
        seeds = [{doc["seed"] for doc in self.of(task, s)} for s in systems]
        return sorted(set.intersection(*seeds)) if seeds else []

    def mean(self, task: str, system: str, field: str = "score") -> float:
        """NaN where it was not run or one of its runs failed."""
        docs = self.of(task, system, self.seeds[task])
        return statistics.mean(d.get(field, float("nan")) for d in docs) if docs else float("nan")

    def matrix(self) -> tuple[list[str], list[str], np.ndarray]:
        """Systems that ran on the most tasks, the tasks that all of them ran on, and their mean scores."""
        count = {s: sum(bool(self.of(t, s)) for t in self.tasks) for s in self.systems}
        systems = [s for s in self.systems if count[s] == max(count.values())]
        tasks = [t for t in self.tasks if self.shared(t, systems)]
        rows = [[self.mean(t, s) for s in systems] for t in tasks]
        return systems, tasks, np.array(rows).reshape(len(tasks), len(systems))

    def gap(self, task: str, ours: str, other: str) -> tuple[float, float, int] | None:
        """Ours less the other's score, its paired standard error over test rows, and the seeds in it.

        The error is the mean of the seeds' own: test sets of different seeds share rows, so it is not divided by
        their number.
        """
        gaps, errors = [], []
        for seed in self.seeds[task]:
            a, b = (self.losses(task, seed, s) for s in (ours, other))
            if a is None or b is None:
                return None
            (x, units), (y, _) = a, b
            scale = 1.0
            if self.runs[task, seed, ours, self.budget]["kind"] == "regression":
                scale = float(np.sqrt(x.mean()) + np.sqrt(y.mean()))  # a - b = (a2 - b2) / (a + b)
            gaps.append(float((x - y).mean()) / scale)
            errors.append(mean_error(x - y, units) / scale)
        return (statistics.mean(gaps), statistics.mean(errors), len(gaps)) if gaps else None

    def losses(self, task: str, seed: int, system: str) -> tuple[Any, Any] | None:
        path = self.scratch / "losses" / f"{task}.{seed}.{system}.{self.budget:g}.npz"
        if not path.exists():
            return None
        with np.load(path) as kept:
            return kept["loss"], kept["units"]

    def best_peer(self, task: str) -> str | None:
        peers = [s for s in self.systems if s != OURS and not np.isnan(self.mean(task, s))]
        return min(peers, key=lambda s: self.mean(task, s)) if peers else None


def report(
    scratch: Path, systems: list[str], tasks: list[str], budget: float, seeds: list[int], svg: Path | None = None
) -> str:
    board = Board(scratch, systems, tasks, budget, seeds)
    parts = [scores(board), ranking(board, svg), against(board), costs(board), won(board), failures(board)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def figure(value: float) -> str:
    """Four digits that matter, a leading zero dropped."""
    if np.isnan(value):
        return "-"
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    said = f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"
    return said.replace("0.", ".", 1) if abs(value) < 1 else said


def scores(board: Board) -> str:
    rows = []
    for task in board.tasks:
        docs = [d for s in board.systems for d in board.of(task, s)]
        kind, n = docs[0]["kind"], f"{docs[0]['train'] + docs[0]['test']:,}"
        best = min((board.mean(task, s) for s in board.systems if not np.isnan(board.mean(task, s))), default=0.0)
        cells = []
        for s in board.systems:
            mean, k = board.mean(task, s), len(board.of(task, s, board.seeds[task]))
            if np.isnan(mean):
                cells.append("failed" if k else "-")
                continue
            said = f"{figure(mean)} ± {figure(board.mean(task, s, 'se'))}"
            cells.append((f"**{said}**" if mean == best else said) + f", {figure(board.mean(task, s, 'other'))}")
        rows.append(
            [f"{task} {n}, {docs[0]['split']}", f"{MAIN[kind]}, {OTHER[kind]}", str(len(board.seeds[task])), *cells]
        )
    return table(["task, rows, split", "figures", "seeds", *board.systems], rows)


def ranking(board: Board, svg: Path | None) -> str:
    systems, tasks, matrix = board.matrix()
    if len(tasks) < 2 or len(systems) < 2:
        return "No ranks yet: fewer than two tasks on which every system ran."
    means = dict(zip(systems, ranks(matrix).mean(axis=0), strict=True))
    cd, p = critical_difference(len(means), len(tasks)), friedman(matrix)
    if svg is not None:
        title = f"Mean rank over {len(tasks)} tasks at {board.budget:g} CPU s (1 is best)"
        svg.write_text(picture(means, cd, title), "utf-8")
    said = table(["system", "mean rank"], ([s, f"{m:.2f}"] for s, m in sorted(means.items(), key=lambda kv: kv[1])))
    absent = [s for s in board.systems if s not in systems]
    note = f" Not ranked, as they ran on fewer tasks: {', '.join(absent)}." if absent else ""
    return (
        f"{said}\n\nOver {len(tasks)} tasks; a failure ranks last. Friedman: p = {p:.2g}; two systems are told "
        f"apart at {LEVEL:g} where their mean ranks differ by {cd:.2f} or more (Nemenyi).{note}"
    )


def against(board: Board) -> str:
    if OURS not in board.systems:
        return ""
    rows = []
    for task in board.tasks:
        best = board.best_peer(task)
        found = None if best is None else board.gap(task, OURS, best)
        if best is None or found is None:
            continue
        gap, error, seeds = found
        word = "better" if gap < -error else "worse" if gap > error else "level"
        rows.append([task, best, f"{'+' if gap > 0 else '-'}{figure(abs(gap))} ± {figure(error)}", str(seeds), word])
    return table(["task", "best peer", "assay less it, paired", "seeds", "by one standard error"], rows)


def costs(board: Board) -> str:
    def over(system: str, pick: Callable[[Doc], float | None]) -> list[float]:
        values = [pick(d) for t in board.tasks for d in board.of(t, system)]
        return [v for v in values if v is not None]

    rows = []
    for s in board.systems:
        done = [d for t in board.tasks for d in board.of(t, s)]
        cpu, mb = over(s, lambda d: d.get("cpu")), over(s, lambda d: d.get("mb"))
        row, graph = (over(s, lambda d, f=f: d.get(f, {}).get("cpu_ms")) for f in ("row", "graph"))
        peak, home = over(s, lambda d: d.get("peak_mb")), over(s, lambda d: d.get("mb_installed"))
        cells = [
            f"{middle(cpu)} / {max(cpu):.0f}" if cpu else "-",
            (f"{middle(row)}" if row else "-") + (f" (graph {middle(graph)})" if graph else ""),
            f"{middle(mb)} / {max(mb):.1f}" if mb else "-",
            f"{max(peak):,.0f}" if peak else "-",
            f"{home[-1]:,.0f}" if home else "-",
            f"{sum('failure' in d for d in done)} of {len(done)}",
        ]
        rows.append([s, *cells])
    head = [
        "system",
        "CPU s, median / most",
        "one row, CPU ms",
        "artefact MB, median / most",
        "peak MB",
        "installed MB",
    ]
    return table([*head, "failures"], rows)


def middle(values: list[float]) -> str:
    value = statistics.median(values)
    return f"{value:.3f}" if value < 1 else f"{value:.1f}"


def won(board: Board) -> str:
    """What the systems that choose among learners chose, on the first seed."""
    chosen: dict[tuple[str, str], str] = {}
    for task in board.tasks:
        for s in board.systems:
            docs = [d for d in board.of(task, s) if d.get("won")]
            if docs:
                chosen[task, s] = docs[0]["won"].partition(" {")[0].replace("|", "/").replace("'", "")
    systems = [s for s in board.systems if any(key[1] == s for key in chosen)]
    if not systems:
        return ""
    return table(
        ["chose, first seed", *systems], ([t, *(chosen.get((t, s), "-") for s in systems)] for t in board.tasks)
    )


def failures(board: Board) -> str:
    lines = [f"* {d['task']}, seed {d['seed']}, {d['system']}: {d['failure']}" for d in board.runs.values()
             if "failure" in d and d["system"] in board.systems and d["task"] in board.tasks]  # fmt: skip
    return "\n".join(["Failures:", "", *lines]) if lines else ""
