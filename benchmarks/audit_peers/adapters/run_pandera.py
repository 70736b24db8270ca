"""pandera: the schema inferred from the reference, lazily validated on the current table."""

from __future__ import annotations

from frame import main


def run(job):
    import pandera.pandas as pa

    reference, current = job.pair()
    schema = pa.infer_schema(reference)
    try:
        schema.validate(current, lazy=True)
    except pa.errors.SchemaErrors as errors:
        counts = errors.failure_cases.groupby(["column", "check"], dropna=False, sort=True).size()
        return [(str(check), f"{column} {n} rows") for (column, check), n in counts.items()]
    return []


main(run)
