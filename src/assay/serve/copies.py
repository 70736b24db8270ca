"""A worker with several copies of its model, asked in turn: what many models in one process take (``measure``).

``python -m assay.serve.copies`` is started by ``measure`` alone; setup and number come as JSON on standard input. The
copies share nothing - each has its own session and tables - so that they cost what other models of the size would.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import cycle

from assay.core.errors import AssayError

from .fleet import listen
from .live import Lineup, Live
from .setup import from_doc
from .sources import find, loader
from .worker import Worker


class InTurn(Live):
    """Whenever the lineup is read, the next copy is live."""

    def __init__(self, copies: Sequence[Lineup]) -> None:
        self._next = cycle(copies).__next__
        super().__init__(copies[0].live)

    @property
    def lineup(self) -> Lineup:
        return self._next()

    @lineup.setter
    def lineup(self, value: Lineup) -> None:
        """Nothing is promoted here; what the constructor sets is among the copies already."""


def main() -> int:
    """Answer on a free port of the loopback, which is printed, until SIGTERM."""
    doc = json.loads(sys.stdin.read())
    setup = from_doc(doc["setup"])
    try:
        worker = Worker(setup)
        load = loader(setup)
        more = [Lineup(load(find(setup.model, None))) for _ in range(doc["copies"] - 1)]
    except AssayError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    worker.service.live = InTurn([worker.live.lineup, *more])
    try:
        with listen("127.0.0.1", 0) as sock:
            where = f"http://127.0.0.1:{sock.getsockname()[1]}"
            return worker.run([sock], lambda: print(where, flush=True))
    finally:
        worker.close()


if __name__ == "__main__":
    sys.exit(main())
