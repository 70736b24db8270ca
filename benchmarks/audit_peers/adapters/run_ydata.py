"""ydata-profiling: the default profile of the table and its alerts."""

from __future__ import annotations

from frame import main


def run(train, test, roles):
    import pandas as pd
    from ydata_profiling import ProfileReport

    frame = train if test is None else pd.concat([train, test], ignore_index=True)
    made = ProfileReport(frame, progress_bar=False).get_description()
    return [(a.alert_type.name, f"{a.column_name} {a}") for a in made.alerts]


main(run)
