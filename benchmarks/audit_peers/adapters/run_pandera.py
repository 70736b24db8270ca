"""pandera: the schema inferred from train, lazily validated on test."""

from __future__ import annotations

from frame import main


def run(train, test, roles):
    import pandera.pandas as pa

    if test is None:
        half = len(train) // 2
        train, test = train.iloc[:half], train.iloc[half:]
    schema = pa.infer_schema(train)
    try:
        schema.validate(test, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases[["column", "check"]].drop_duplicates()
        return [(str(r.check), str(r.column)) for r in cases.itertuples()]
    return []


main(run)
