"""One row per fold, entity and key: the factors of users and items by truncated SVD."""

from models_py.blocks import by_fold
from models_py.choices import Choices
from models_py.memory import arrow
from models_py.svd import SVDParameters, svd_folded_in, svd_vectors


def model(dbt, session):
    """Read the ref as Arrow, fit, or fold users who changed into what was fitted; return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    parameters = SVDParameters(**dbt.config.get("parameters"))
    user_items = dbt.ref("user_items").select("fold, user_key, item_key, is_positive, weight")
    users = dbt.ref("users_tonight")
    if choices.folds_in:
        return svd_folded_in(
            earlier=arrow(session.sql(f"select * from {dbt.this}")),
            user_items=arrow(user_items.join(users, "fold, user_key", how="semi")),
            users=arrow(users),
            parameters=parameters,
        )
    return svd_vectors(
        user_items=by_fold(session, user_items), users=arrow(users), parameters=parameters
    )
