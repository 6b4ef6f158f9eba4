"""One row per evaluated fold, metric, cutoff and pair of models: which of the two is better?"""

from models_py.comparisons import metric_comparisons


def model(dbt, session):
    """Read the refs as Arrow, test, return Arrow."""
    return metric_comparisons(
        differences=dbt.ref("paired_differences").to_arrow_table(),
        correction=dbt.config.get("correction"),
    )
