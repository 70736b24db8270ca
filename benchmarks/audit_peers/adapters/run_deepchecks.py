"""deepchecks: both suites that need no model, as its quickstart runs them, roles declared."""

from __future__ import annotations

import re

from frame import main, words


def run(job):
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.suites import data_integrity, train_test_validation

    whole, roles = job.whole(), job.roles
    label = roles.get("target")
    said = {"label": label} if label in whole else {}
    if roles.get("order") in whole:
        said["datetime_name"] = roles["order"]
    if roles.get("id") in whole:
        said["index_name"] = roles["id"]
    features = [c for c in whole if c not in said.values()]
    cats = [c for c in features if words(whole[c])]

    def dataset(frame):
        return Dataset(frame, cat_features=cats, **said)

    results = [data_integrity().run(dataset(whole))]
    if job.named:
        train, test = (dataset(f) for f in job.pair())
        results.append(train_test_validation().run(train_dataset=train, test_dataset=test))
    found = []
    for suite in results:
        for result in suite.get_not_passed_checks():
            failed = [c for c in result.conditions_results if not c.is_pass()]
            text = " ".join(f"{c.name} {c.details}" for c in failed)
            found.append((re.sub(r"\s+", " ", result.get_header()), text))
    return found


main(run)
