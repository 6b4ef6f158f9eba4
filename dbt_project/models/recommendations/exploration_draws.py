"""One row per fold, user and explored item: a draw from what is known of the item (Thompson)."""

from models_py.thompson import thompson_draws


def model(dbt, session):
    """Read the refs as Arrow, draw, return Arrow."""
    pairs = dbt.ref("exploration_pairs").join(
        dbt.ref("users_tonight"), "fold, user_key", how="semi"
    )
    return thompson_draws(pairs=pairs.to_arrow_reader(dbt.config.get("rows_per_block")))
