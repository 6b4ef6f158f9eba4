"""One row per fold, entity and key: the factors of users and items by implicit ALS."""

from models_py.als import ALSParameters, als_vectors


def model(dbt, session):
    """Read the ref as Arrow, fit, return Arrow."""
    return als_vectors(
        user_items=dbt.ref("user_items")
        .select("fold, user_key, item_key, is_positive, weight")
        .to_arrow_table(),
        parameters=ALSParameters(**dbt.config.get("parameters")),
    )
