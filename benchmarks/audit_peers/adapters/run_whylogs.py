"""whylogs: both sides logged, drift scores with its own thresholds."""

from __future__ import annotations

from frame import main


def run(job):
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    reference, current = (why.log(pandas=f).profile().view() for f in job.pair())
    scores = calculate_drift_scores(target_view=current, reference_view=reference, with_thresholds=True)
    return [
        (str(s["algorithm"]), c)
        for c, s in scores.items()
        if s and "DRIFT" in str(s.get("drift_category")) and "NO_" not in str(s["drift_category"])
    ]


main(run)
