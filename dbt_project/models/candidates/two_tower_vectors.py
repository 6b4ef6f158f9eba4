"""One row per fold, entity and key: the vectors of users and items by two towers."""

from models_py.two_tower import two_tower_vectors


def model(dbt, session):
    """Read what was learned and whom to apply it to as Arrow, return Arrow."""
    return two_tower_vectors(
        fits=dbt.ref("two_tower_fits").to_arrow_table(),
        user_items=dbt.ref("user_items").to_arrow_table(),
        users=dbt.ref("fold_users").to_arrow_table(),
        items=dbt.ref("fold_items").to_arrow_table(),
        user_attributes=dbt.ref("user_attributes").to_arrow_table(),
        dimensions=dbt.config.get("dimensions"),
    )
