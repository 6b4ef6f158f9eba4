"""One row per fold: what two towers have learned for it."""

from models_py.choices import Choices
from models_py.memory import arrow
from models_py.two_tower import TwoTowerParameters, two_tower_fits


def model(dbt, session):
    """Read the refs as Arrow, fit, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    likes = (
        dbt.ref("user_items")
        .filter("is_positive")
        .select("fold, user_key, item_key, is_positive, recency_rank, last_interaction_at")
    )
    return two_tower_fits(
        user_items=arrow(likes),
        users=arrow(dbt.ref("fold_users")),
        items=arrow(dbt.ref("fold_items")),
        item_attributes=arrow(dbt.ref("item_attributes")),
        user_attributes=arrow(dbt.ref("user_attributes")),
        parameters=TwoTowerParameters(**choices.over(dbt.config.get("parameters"), "two_tower_")),
        earlier=arrow(session.sql(f"select fold, weights from {dbt.this}"))
        if choices.starts_warm
        else None,
        keeps_weights=dbt.config.get("keeps_weights"),
    )
