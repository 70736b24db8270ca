"""The race on disk, fold by fold, so that a fit that was killed goes on where it stopped.

A folder beside the output holds the plan of the race, a key, and one ``.npz`` for each finished fold of a candidate:
its out-of-fold output, the rounds that it stopped at, the CPU seconds that it took and, of the first fold, the trained
form. Nothing is pickled, every file is written beside and renamed, and what the key does not cover is not used. CPU
seconds of kept folds count as spent.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import OutputError
from assay.core.remedy import Recipe
from assay.core.settings import PLACES, Settings
from assay.core.versions import versions
from assay.core.writing import replacing
from assay.learn.form_arrays import arrays_of, form_from
from assay.learn.forms import Form
from assay.learn.learners import Config

from .material import Material
from .portfolio import Plan
from .stages import Stages

if TYPE_CHECKING:
    from .race import Race, Runner

KEY, PLAN = "key.json", "plan.json"
PACKAGES = ("assay", "lightgbm", "xgboost", "xgboost-cpu", "catboost", "scikit-learn", "numpy", "optuna")


@dataclass(frozen=True)
class Kept:
    """A model of a killed run: its form and rounds, and no way to predict but the form."""

    rounds: int
    made: Form
    native: Any = None

    def form(self) -> Form:
        return self.made

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        from assay.learn.replay import replay_form

        output = replay_form(self.made, X)
        if self.made.link == "sigmoid":
            return np.column_stack((1.0 - output[:, 0], output[:, 0]))
        return output[:, 0] if self.made.link in ("identity", "exp") and output.shape[1] == 1 else output


class Keeping:
    """The kept race in ``folder``. ``says`` is why nothing of what lay there could be used, empty where it could be."""

    def __init__(self, folder: Path, key: Mapping[str, str]) -> None:
        self.folder, self.key, self.says, self.used = folder, dict(key), "", 0
        self.made: Plan | None = None
        try:
            before = json.loads((folder / KEY).read_text("utf-8"))
        except (OSError, ValueError):
            before = None
        if before != self.key:
            if before is not None:
                other = [name for name in key if before.get(name) != key[name]]
                self.says = f"nothing in {folder.name} could be used, for {' and '.join(other)} changed: all began anew"
            clear(folder)

    def begin(self) -> None:
        """Make the folder, once a first fold is done: what has nothing to keep leaves nothing behind."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder} cannot be made ({error.strerror}): the race is kept there") from None
        for name, doc in ((PLAN, None if self.made is None else asdict(self.made)), (KEY, self.key)):
            self.write(name, doc)

    def write(self, name: str, doc: Any) -> None:
        replacing(self.folder / name, lambda path: path.write_text(json.dumps(doc, indent=1) + "\n", "utf-8"))

    def plan(self, made: Plan) -> Plan:
        """The plan of the run that was killed; ``made`` where there was none, which is then kept."""
        try:
            self.made = Plan(**json.loads((self.folder / PLAN).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            self.made = made
        return self.made

    def give(self, race: Race, runner: Runner, f: int) -> bool:
        """Put a kept fold into the runner as ``Race._fold`` would; False where it was not kept."""
        try:
            with np.load(self.path(runner.config, f), allow_pickle=False) as file:
                kept = dict(file)
        except (OSError, ValueError, zipfile.BadZipFile, EOFError):
            return False
        rows = race.place[race.folds[f][1]]
        if kept["output"].shape != runner.output[rows].shape:
            return False
        runner.output[rows] = kept["output"]
        runner.loss[rows] = race.material.losses(kept["output"], race.folds[f][1])
        rounds = int(kept["rounds"])
        if rounds:
            runner.rounds.append(rounds)
        if "stage_rounds" in kept:
            runner.stages[f] = Stages(kept["stage_rounds"], kept["stage_output"])
        if f == 0 and "kind" in kept:
            race.prepare()
            runner.model = Kept(rounds, form_from(kept))
        runner.seconds += float(kept["seconds"])
        race.budget.count(float(kept["seconds"]))
        self.used += 1
        return True

    def keep(self, race: Race, runner: Runner, f: int, seconds: float) -> None:
        """Write one finished fold."""
        if not (self.folder / KEY).is_file():
            self.begin()
        rows = race.place[race.folds[f][1]]
        arrays: dict[str, Any] = {
            "output": runner.output[rows],
            "rounds": np.array(runner.rounds[-1] if runner.rounds else 0),
            "seconds": np.array(seconds),
        }
        if f in runner.stages:
            arrays |= {"stage_rounds": runner.stages[f].rounds, "stage_output": runner.stages[f].output}
        if f == 0 and runner.model is not None:
            arrays |= arrays_of(runner.model.form())
        replacing(self.path(runner.config, f), lambda path: save(path, arrays))

    def path(self, config: Config, f: int) -> Path:
        said = json.dumps([config.name, config.family, dict(config.params)], sort_keys=True, default=str)
        return self.folder / f"{hashlib.sha256(said.encode()).hexdigest()[:16]}-{f}.npz"


def keeper_for(folder: Path, m: Material, recipe: Recipe, settings: Settings) -> Keeping:
    """The keeper of the race of this material: table, recipe, settings, seed and versions are its key."""
    rows = hashlib.sha256()
    for array in (m.raw.row_id, m.y, m.build, m.choose, m.judge, m.weight):
        rows.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    said = {k: v for k, v in asdict(settings).items() if k not in {*PLACES, "runs", "watch"}}
    return Keeping(folder, {
        "the table": digest([rows.hexdigest(), m.features, str(m.roles)]),
        "the repairs": digest(recipe.to_json()["steps"]),
        "the settings": digest(said),
        "the seed": str(m.seed),
        "a version": digest(versions(PACKAGES)),
    })  # fmt: skip


def digest(doc: Any) -> str:
    return hashlib.sha256(json.dumps(doc, sort_keys=True, default=str).encode()).hexdigest()


def clear(folder: Path) -> None:
    """Remove a kept race, and nothing that is no part of one."""
    if not (folder / KEY).is_file():
        return
    for path in [*folder.glob("*.npz"), *folder.glob(".*.npz"), folder / PLAN, folder / KEY]:
        path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)
