"""The command line: one file per verb. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Entry point of the command ``assay``: run what the arguments ask and exit with its code."""
    from .app import run

    raise SystemExit(run())
