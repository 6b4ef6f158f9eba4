"""One row per fold: what two towers have learned for it."""

from models_py.choices import Choices
from models_py.two_tower import TwoTowerParameters, two_tower_fits


def model(dbt, session):
    """Read the refs as Arrow, fit, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    return two_tower_fits(
        user_items=dbt.ref("user_items").to_arrow_table(),
        users=dbt.ref("fold_users").to_arrow_table(),
        items=dbt.ref("fold_items").to_arrow_table(),
        item_attributes=dbt.ref("item_attributes").to_arrow_table(),
        user_attributes=dbt.ref("user_attributes").to_arrow_table(),
        parameters=TwoTowerParameters(**choices.over(dbt.config.get("parameters"), "two_tower_")),
    )
