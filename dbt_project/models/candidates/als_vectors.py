"""One row per fold, entity and key: the factors of users and items by implicit ALS."""

from models_py.als import ALSParameters, als_vectors
from models_py.choices import Choices
from models_py.memory import arrow


def model(dbt, session):
    """Read the ref as Arrow, fit, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    return als_vectors(
        user_items=arrow(
            dbt.ref("user_items").select("fold, user_key, item_key, is_positive, weight")
        ),
        parameters=ALSParameters(**choices.over(dbt.config.get("parameters"), "als_")),
    )
