"""evidently: data summary and data drift presets with tests on, current against reference."""

from __future__ import annotations

import json

from frame import main


def run(train, test, roles):
    from evidently import Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    if test is None:
        half = len(train) // 2
        train, test = train.iloc[:half], train.iloc[half:]
    made = Report([DataSummaryPreset(), DataDriftPreset()], include_tests=True).run(test, train)
    doc = json.loads(made.json())
    return [
        (str(t.get("name")), str(t.get("description"))) for t in doc.get("tests", []) if str(t.get("status")) == "FAIL"
    ]


main(run)
