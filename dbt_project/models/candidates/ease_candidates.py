"""One row per fold, user and proposed item: the linear model EASE."""

from models_py.choices import Choices
from models_py.ease import EASEParameters, ease_candidates
from models_py.memory import arrow


def model(dbt, session):
    """Read the refs as Arrow, fit and propose, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    return ease_candidates(
        user_items=arrow(dbt.ref("user_items")),
        users=arrow(dbt.ref("fold_users")),
        items=arrow(dbt.ref("fold_items")),
        k=choices.of("candidates_k", dbt.config.get("k")),
        parameters=EASEParameters(**choices.over(dbt.config.get("parameters"), "ease_")),
    )
