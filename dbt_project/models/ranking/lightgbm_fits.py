"""One row per fold: what LightGBM learned for it in earlier folds, and its held-out lists."""

from models_py.blocks import BlockReader
from models_py.ranking import RankingParameters, ranker_fits


def model(dbt, session):
    """Read the examples in blocks of users, fit, return Arrow."""
    examples = BlockReader(
        session,
        dbt.ref("ranking_examples"),
        dbt.ref("fold_users").to_arrow_table(),
        dbt.config.get("users_per_block"),
    )
    return ranker_fits(
        ranker="lightgbm",
        parameters=dbt.config.get("parameters"),
        ranker_folds=dbt.ref("ranker_folds").to_arrow_table(),
        read=examples.blocks,
        definitions=dbt.ref("feature_definitions").to_arrow_table(),
        ranking=RankingParameters(**dbt.config.get("ranking")),
    )
