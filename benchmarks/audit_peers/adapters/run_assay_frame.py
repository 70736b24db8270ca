"""assay on a pandas frame that is in memory already, as in a notebook: `assay.check(frame)`."""

from __future__ import annotations

from frame import main


def run(job):
    import assay

    frame, other, roles = job.whole(), None, job.roles
    if job.named:
        other, frame = job.pair()
    said = {k: v for k, v in roles.items() if k in ("group", "id", "site") and v in frame}
    report = assay.check(frame, reference=other, target=roles.get("target"), time=roles.get("order"), roles=said)
    return [(f.code, f"{' '.join(f.columns)} {f.message}") for f in report.findings]


main(run)
