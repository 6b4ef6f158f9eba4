"""One row per fold, entity and key: the vectors of users and items by two towers."""

from models_py.memory import arrow
from models_py.two_tower import two_tower_vectors


def model(dbt, session):
    """Read what was learned and whom to apply it to as Arrow, return Arrow."""
    return two_tower_vectors(
        fits=arrow(dbt.ref("two_tower_fits")),
        user_items=arrow(dbt.ref("user_items")),
        users=arrow(dbt.ref("fold_users")),
        items=arrow(dbt.ref("fold_items")),
        user_attributes=arrow(dbt.ref("user_attributes")),
        dimensions=dbt.config.get("dimensions"),
    )
