"""evidently: data summary and data drift presets with tests on, current against reference."""

from __future__ import annotations

import json

from frame import main


def run(job):
    from evidently import Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    reference, current = job.pair()
    made = Report([DataSummaryPreset(), DataDriftPreset()], include_tests=True).run(current, reference)
    doc = json.loads(made.json())
    return [
        (str(t.get("name")), str(t.get("description"))) for t in doc.get("tests", []) if str(t.get("status")) == "FAIL"
    ]


main(run)
