"""One row per fold, entity and key: the factors of users and items by implicit ALS."""

from models_py.als import ALSParameters, als_vectors
from models_py.memory import arrow


def model(dbt, session):
    """Read the ref as Arrow, fit, return Arrow."""
    return als_vectors(
        user_items=arrow(dbt.ref("user_items")),
        parameters=ALSParameters(**dbt.config.get("parameters")),
    )
