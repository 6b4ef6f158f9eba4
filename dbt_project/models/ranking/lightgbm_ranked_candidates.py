"""One row per fold, user and candidate: the order that LightGBM gives them."""

from models_py.blocks import BlockReader
from models_py.ranking import ranked_candidates


def model(dbt, session):
    """Read the features in blocks of users, score, return Arrow."""
    features = BlockReader(
        session,
        dbt.ref("ranking_features"),
        dbt.ref("fold_users").to_arrow_table(),
        dbt.config.get("users_per_block"),
    )
    choice = dbt.ref("ranker_choice").filter("ranker = 'lightgbm' and is_scored").to_arrow_table()
    return ranked_candidates(
        fits=dbt.ref("lightgbm_fits").to_arrow_table(),
        folds=choice["fold"].to_pylist(),
        read=features.blocks,
        definitions=dbt.ref("feature_definitions").to_arrow_table(),
    )
