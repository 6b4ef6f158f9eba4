"""One row per fold, user and proposed item: implicit ALS. All the learning is in models_py."""

from models_py.als import ALSParameters, als_candidates


def model(dbt, session):
    """Read the refs as Arrow, propose, return Arrow."""
    parameters = ALSParameters(
        factors=dbt.config.get("factors"),
        regularization=dbt.config.get("regularization"),
        iterations=dbt.config.get("iterations"),
        alpha=dbt.config.get("alpha"),
        random_state=dbt.config.get("random_state"),
    )
    return als_candidates(
        user_items=dbt.ref("user_items").to_arrow_table(),
        users=dbt.ref("fold_users").to_arrow_table(),
        items=dbt.ref("fold_items").to_arrow_table(),
        k=dbt.config.get("k"),
        parameters=parameters,
    )
