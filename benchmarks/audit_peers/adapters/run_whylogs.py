"""whylogs: both sides logged, drift scores with its own thresholds."""

from __future__ import annotations

from frame import main


def run(train, test, roles):
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    if test is None:
        half = len(train) // 2
        train, test = train.iloc[:half], train.iloc[half:]
    a, b = (why.log(pandas=f).profile().view() for f in (train, test))
    scores = calculate_drift_scores(target_view=b, reference_view=a, with_thresholds=True)
    return [
        (str(s["algorithm"]), c)
        for c, s in scores.items()
        if s and "DRIFT" in str(s.get("drift_category")) and "NO_" not in str(s["drift_category"])
    ]


main(run)
