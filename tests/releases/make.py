"""Writes the bundle that stands for a release: ``python -m tests.releases.make``, once a release, and never again.

A small fit on generated parcels, signed with a key that is thrown away; only its public half is kept.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import assay
from assay.bundle.signing import new_key, sign
from assay.cli.demo_table import demo_table
from assay.cli.output import write_table
from assay.core.settings import Question

HERE = Path(__file__).parent
MOST = 60_000  # bytes


def main() -> None:
    out = HERE / f"assay-{assay.__version__}.assay"
    if out.exists():
        raise SystemExit(f"{out.name} is there: a release keeps the bundle that it was made with")
    question = Question(decides="which parcels are called about", about="parcels", owner="the depot")
    settings = assay.Settings(budget=3.0, question=question)
    with tempfile.TemporaryDirectory() as folder:
        table = write_table(demo_table().slice(0, 5000), Path(folder) / "parcels.csv")
        model = assay.fit(table, target="late", asked_at="dispatched", settings=settings, cache=False)
    private, public = new_key()
    data = sign(model.to_bytes(), private)
    if len(data) > MOST:
        raise SystemExit(f"{len(data):,} bytes are more than {MOST:,}: take fewer rows or seconds")
    out.write_bytes(data)
    out.with_suffix(".pub.pem").write_bytes(public)
    print(f"{out.name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
