"""One row per fold, user and proposed item: the linear model EASE."""

from models_py.blocks import by_fold
from models_py.choices import Choices
from models_py.ease import EASEParameters, ease_candidates
from models_py.memory import arrow


def model(dbt, session):
    """Read the refs as Arrow, a fold at a time, fit and propose, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    users, user_items = dbt.ref("users_tonight"), dbt.ref("user_items")
    if choices.folds_in:
        # Its weights are no table: it proposes what it did, but for what has been met since.
        proposed = session.sql(f"select * from {dbt.this}").join(
            users, "fold, user_key", how="semi"
        )
        return proposed.join(user_items, "fold, user_key, item_key", how="anti").project(
            "* replace (cast(row_number() over (partition by fold, user_key order by rank)"
            " as integer) as rank)"
        )
    return ease_candidates(
        user_items=by_fold(
            session, user_items.select("fold, user_key, item_key, is_positive, weight")
        ),
        users=arrow(users),
        items=arrow(dbt.ref("fold_items")),
        k=choices.of("candidates_k", dbt.config.get("k")),
        parameters=EASEParameters(**choices.over(dbt.config.get("parameters"), "ease_")),
    )
