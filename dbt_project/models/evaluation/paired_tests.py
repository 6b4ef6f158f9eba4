"""One row per evaluated fold, metric, cutoff and pair of models: which of the two is better?"""

from models_py.comparisons import metric_comparisons
from models_py.memory import arrow


def model(dbt, session):
    """Read the refs as Arrow, test, return Arrow."""
    return metric_comparisons(
        differences=arrow(dbt.ref("paired_differences")),
        correction=dbt.config.get("correction"),
    )
