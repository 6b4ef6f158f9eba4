"""One row per fold, entity and key: the factors of users and items by truncated SVD."""

from models_py.choices import Choices
from models_py.memory import arrow
from models_py.svd import SVDParameters, svd_vectors


def model(dbt, session):
    """Read the ref as Arrow, fit, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    return svd_vectors(
        user_items=arrow(dbt.ref("user_items")),
        parameters=SVDParameters(**choices.over(dbt.config.get("parameters"), "svd_")),
    )
