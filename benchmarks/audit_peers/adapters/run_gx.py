"""great-expectations: no default suite, so nulls, ranges, value sets and types of the reference are expected."""

from __future__ import annotations

from frame import main, words


def run(job):
    import great_expectations as gx
    import great_expectations.expectations as gxe

    train, test = job.pair()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite(name="of train")
    for c in train.columns:
        values = train[c].dropna()
        if not train[c].isna().any():
            suite.add_expectation(gxe.ExpectColumnValuesToNotBeNull(column=c))
        suite.add_expectation(gxe.ExpectColumnValuesToBeOfType(column=c, type_=str(train[c].dtype)))
        if words(train[c]) and len(values) and values.nunique() <= 50:
            suite.add_expectation(gxe.ExpectColumnValuesToBeInSet(column=c, value_set=sorted(map(str, set(values)))))
        elif train[c].dtype.kind in "if" and len(values):
            suite.add_expectation(
                gxe.ExpectColumnValuesToBeBetween(
                    column=c, min_value=float(values.min()), max_value=float(values.max())
                )
            )
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("t").add_batch_definition_whole_dataframe("b")
    result = batch.get_batch({"dataframe": test}).validate(suite)
    failed = [(r.expectation_config, r.result.get("unexpected_count")) for r in result.results if not r.success]
    return [(c.type, f"{c.kwargs.get('column')} {n} rows") for c, n in failed]


main(run)
