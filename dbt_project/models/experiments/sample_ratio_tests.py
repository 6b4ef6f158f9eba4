"""One row per experiment and variant: did it get the users that it was to get?"""

from models_py.experiments import sample_ratio_tests
from models_py.memory import arrow


def model(dbt, session):
    """Read the refs as Arrow, test, return Arrow."""
    return sample_ratio_tests(
        counts=arrow(dbt.ref("experiment_counts")),
        experiments=dbt.config.get("experiments"),
    )
