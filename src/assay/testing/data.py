"""For tests of data: ``assert_clean(df, target="y")`` in any test suite, and the pytest fixture of the same name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.core.finding import Severity
from assay.core.settings import Settings, read_settings


def assert_clean(
    source: Any,
    *,
    target: str | None = None,
    level: Severity = "critical",
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    settings: Settings | None = None,
    **said: Any,
) -> None:
    """Check a table and fail the test where anything is found at ``level`` or worse.

    Args:
        source: whatever ``assay.check`` takes: a path, pandas, polars, Arrow, a dict of columns.
        select, ignore: codes or names, as on the command line.
        settings: by default those of the working directory (``assay.toml`` or ``[tool.assay]``).
        said: other keywords of ``assay.open_subject``: roles, reference, test, trusted, population, contract.

    Raises:
        AssertionError: findings stand; one line each, the worst first.
        AssayError: bad input, role or setting, in one sentence.
    """
    from assay.audit import check, open_subject
    from assay.core.settings import Ignore

    settings = settings or read_settings(Path.cwd())
    rules = tuple(Ignore(code, "assert_clean") for code in ignore)
    settings = replace(settings, select=tuple(select) or settings.select, ignore=(*settings.ignore, *rules))
    subject = open_subject(source, target=target, settings=settings, **said)
    report = check(subject, settings, trials=False)
    found = report.at(level)
    if found:
        lines = "\n".join(f"  {f.severity.upper()} {f.code} {f.name}: {f.message}" for f in found)
        raise AssertionError(f"{subject.table.name} is not clean: {len(found)} found at {level} or worse\n{lines}")
    failed = [o for o in report.outcomes if o.verdict == "error"]
    if failed:
        raise AssertionError("\n".join(f"{o.code} {o.name} could not run: {o.reason}" for o in failed))
