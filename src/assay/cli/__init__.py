"""The command line: one file per verb. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of the command ``assay``: run what the arguments ask and exit with its code."""
    try:
        from .app import run

        code = run()
    except KeyboardInterrupt:  # while the verbs themselves were still being read
        print("error: stopped; nothing was written", file=sys.stderr)
        code = 2
    raise SystemExit(code)
