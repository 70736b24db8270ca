"""assay: the whole check, as `assay check` runs it."""

from __future__ import annotations

import sys

from frame import main


def run(train, test, roles):
    import assay

    said = {k: v for k, v in roles.items() if k in ("group", "id", "site") and v in train}
    call = {"target": roles.get("target"), "time": roles.get("order"), "roles": said}
    report = assay.check(sys.argv[1] if test is None else train, test=test, cache=False, **call)
    return [(f.code, f"{' '.join(f.columns)} {f.message}") for f in report.findings]


main(run)
