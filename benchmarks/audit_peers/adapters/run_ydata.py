"""ydata-profiling: the default profile of the table and its alerts.

Its pictures of pairs are left out where only alerts are asked for (``roles["costs"]`` false): they raise none.
"""

from __future__ import annotations

from frame import main


def run(job):
    from ydata_profiling import ProfileReport

    off = {} if job.roles.get("costs", True) else {"interactions": None}
    made = ProfileReport(job.whole(), progress_bar=False, **off).get_description()
    return [(a.alert_type.name, f"{a.column_name} {a}") for a in made.alerts]


main(run)
