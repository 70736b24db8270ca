"""The steps of ``assay run``: each a verb with its words, what it reads and what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import SettingsError
from assay.core.settings import Settings

WORK = Path(".assay/run")
FOUND = 1  # exit code of a check with findings at the level


@dataclass(frozen=True, slots=True)
class Step:
    """``words``: the command line after assay, or empty where ``why`` says why there is nothing to do."""

    name: str
    words: tuple[str, ...] = ()
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    why: str = ""


def steps_of(settings: Settings, name: str) -> list[Step]:
    """The steps up to the model's file, in order; ``name`` is that of the model.

    Raises:
        SettingsError: ``[run]`` does not say what is to be learned from which table.
    """
    run = settings.run
    if not run.data or not run.target:
        raise SettingsError(
            "assay run needs [run] in assay.toml with data and target; assay new project NAME writes one to fill in"
        )
    from .fix import files_of

    table, target = tuple(files_of(run.data) or ()), ("--target", run.target)
    for path in table:
        if not path.exists():
            raise SettingsError(f"data in [run] is {run.data}, which is not there: put the table in its place")
    made, output = WORK / f"{name}.assay", Path(run.output or f"{name}.assay")
    report = Path(run.check) if run.check else WORK / "check.json"
    level = ("--exit-zero",) if run.stop_on == "never" else ("--fail-on", run.stop_on)
    steps = [Step("check", ("check", run.data, *target, "-o", str(report), *level), table, (report,))]
    unsafe = ("--unsafe",) if run.unsafe else ()
    if run.fixed:
        steps.append(Step("fix", ("fix", run.data, *target, *unsafe, "-o", run.fixed), table, (Path(run.fixed),)))
    else:
        steps.append(Step("fix", why="not asked for (fixed in [run]); the model repairs what it is given itself"))
    learned = table
    if run.parts:
        learned = (Path(run.parts),)
        steps.append(Step("split", ("split", run.data, *target, "-o", run.parts), table, learned))
    else:
        steps.append(Step("split", why="not asked for (parts in [run]); the fit parts the rows itself"))
    words = ["fit", run.parts or run.data, *target, "-o", str(made), "--resume"]
    words += ["--unsafe-fixes"] if run.unsafe else []
    words += ["--keep", ",".join(run.keep)] if run.keep else []
    words += ["--report", run.report] if run.report else []
    steps.append(Step("fit", tuple(words), learned, (made, *((Path(run.report),) if run.report else ()))))
    steps.append(Step("verify", ("verify", str(made)), (made,)))
    if run.key:
        signing = ("sign", str(made), "--key", run.key, "-o", str(output))
        steps.append(Step("sign", signing, (made, Path(run.key)), (output,)))
    else:
        steps.append(Step("sign", (), (made,), (output,), "no key in [run]: the model is written unsigned"))
    return steps


def missing_folders(steps: Sequence[Step]) -> list[Path]:
    """Folders that outputs need and that are not there."""
    return sorted({p.parent for step in steps for p in step.writes if not p.parent.is_dir()})
