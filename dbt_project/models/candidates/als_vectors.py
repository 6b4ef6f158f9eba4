"""One row per fold, entity and key: the factors of users and items by implicit ALS."""

from models_py.als import ALSParameters, als_vectors


def model(dbt, session):
    """Read the ref as Arrow, fit, return Arrow."""
    parameters = ALSParameters(
        factors=dbt.config.get("factors"),
        regularization=dbt.config.get("regularization"),
        iterations=dbt.config.get("iterations"),
        alpha=dbt.config.get("alpha"),
        random_state=dbt.config.get("random_state"),
    )
    return als_vectors(dbt.ref("user_items").to_arrow_table(), parameters)
