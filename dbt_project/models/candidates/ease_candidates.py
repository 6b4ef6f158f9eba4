"""One row per fold, user and proposed item: the linear model EASE."""

from models_py.ease import EASEParameters, ease_candidates


def model(dbt, session):
    """Read the refs as Arrow, fit and propose, return Arrow."""
    return ease_candidates(
        user_items=dbt.ref("user_items").to_arrow_table(),
        users=dbt.ref("fold_users").to_arrow_table(),
        items=dbt.ref("fold_items").to_arrow_table(),
        k=dbt.config.get("k"),
        parameters=EASEParameters(**dbt.config.get("parameters")),
    )
