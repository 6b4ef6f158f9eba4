"""One row per fold, entity and key: the vectors of users and items by two towers."""

from models_py.choices import Choices
from models_py.memory import arrow
from models_py.tables import with_earlier
from models_py.two_tower import two_tower_vectors


def model(dbt, session):
    """Read what was learned and whom to apply it to as Arrow, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    users = dbt.ref("users_tonight")
    likes = (
        dbt.ref("user_items")
        .filter("is_positive")
        .select("fold, user_key, item_key, is_positive, recency_rank, last_interaction_at")
        .join(users, "fold, user_key", how="semi")
    )
    tonight = arrow(users)
    vectors = two_tower_vectors(
        fits=arrow(dbt.ref("two_tower_fits")),
        user_items=arrow(likes),
        users=tonight,
        items=arrow(dbt.ref("fold_items")),
        user_attributes=arrow(dbt.ref("user_attributes")),
        dimensions=dbt.config.get("dimensions"),
    )
    if choices.folds_in:
        return with_earlier(vectors, arrow(session.sql(f"select * from {dbt.this}")), tonight)
    return vectors
