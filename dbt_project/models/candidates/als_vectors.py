"""One row per fold, entity and key: the factors of users and items by implicit ALS."""

from models_py.als import ALSParameters, als_folded_in, als_vectors
from models_py.blocks import by_fold
from models_py.choices import Choices
from models_py.memory import arrow


def model(dbt, session):
    """Read the ref as Arrow, fit, or fold users who changed into what was fitted; return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    parameters = ALSParameters(**choices.over(dbt.config.get("parameters"), "als_"))
    user_items = dbt.ref("user_items").select("fold, user_key, item_key, is_positive, weight")
    users = dbt.ref("users_tonight")
    if choices.folds_in:
        weight, n_rows = (
            user_items.filter("fold = 'live' and is_positive")
            .aggregate("sum(weight), count(distinct user_key) + count(distinct item_key)")
            .fetchone()
        )
        return als_folded_in(
            earlier=arrow(session.sql(f"select * from {dbt.this}")),
            user_items=arrow(user_items.join(users, "fold, user_key", how="semi")),
            users=arrow(users),
            weight=weight,
            n_rows=n_rows,
            parameters=parameters,
        )
    return als_vectors(
        user_items=by_fold(session, user_items),
        users=arrow(users),
        parameters=parameters,
        earlier=arrow(session.sql(f"select * from {dbt.this}")) if choices.starts_warm else None,
    )
