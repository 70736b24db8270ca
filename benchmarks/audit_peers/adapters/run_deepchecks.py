"""deepchecks: both suites that need no model, as its quickstart runs them, roles declared."""

from __future__ import annotations

import re

from frame import main


def run(train, test, roles):
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.suites import data_integrity, train_test_validation

    label = roles.get("target")
    said = {"label": label} if label in train else {}
    if roles.get("order") in train:
        said["datetime_name"] = roles["order"]
    if roles.get("id") in train:
        said["index_name"] = roles["id"]
    features = [c for c in train if c not in said.values()]
    cats = [c for c in features if train[c].dtype == object]

    def dataset(frame):
        return Dataset(frame, cat_features=cats, **said)

    results = [data_integrity().run(dataset(train))]
    if test is not None:
        results.append(train_test_validation().run(train_dataset=dataset(train), test_dataset=dataset(test)))
    found = []
    for suite in results:
        for result in suite.get_not_passed_checks():
            failed = [c for c in result.conditions_results if not c.is_pass()]
            text = " ".join(f"{c.name} {c.details}" for c in failed)
            found.append((re.sub(r"\s+", " ", result.get_header()), text))
    return found


main(run)
