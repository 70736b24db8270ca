"""assay: the whole check of the file, by its command, as its documentation does: `assay check TABLE`.

Where only the verdicts are asked for (``roles["costs"]`` false) the same check is called in this process, many tables
one after another.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from frame import main


def run(job):
    table, reference = job.path("current" if job.named else "whole"), job.path("reference") if job.named else None
    report = command(table, reference, job.roles) if job.roles.get("costs", True) else call(table, reference, job.roles)
    return [(f["code"], text(f)) for f in report["findings"]]


def command(table, reference, roles):
    words = [str(Path(sys.executable).parent / "assay"), "check", table]
    words += ["--reference", reference] if reference else []
    for option, role in (("--target", "target"), ("--time", "order"), ("--group", "group")):
        words += [option, roles[role]] if roles.get(role) else []
    for role in ("id", "site"):
        words += ["--role", f"{role}={roles[role]}"] if roles.get(role) else []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        made = subprocess.run([*words, "-q", "--exit-zero", "-o", str(out)], capture_output=True, text=True)
        if not out.exists():
            raise RuntimeError((made.stderr.strip() or made.stdout.strip())[-250:])
        return json.loads(out.read_text("utf-8"))


def call(table, reference, roles):
    import assay

    said = {k: v for k, v in roles.items() if k in ("group", "id", "site")}
    report = assay.check(table, reference=reference, target=roles.get("target"), time=roles.get("order"), roles=said)
    return report.to_json()


def text(finding):
    named = "".join(f"[{c}] " for c in finding["columns"])
    return f"{named}{finding['message']}" + (f" {finding['rows']} rows" if finding["rows"] is not None else "")


main(run, resource.RUSAGE_CHILDREN)
