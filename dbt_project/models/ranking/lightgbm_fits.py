"""One row per fold: what LightGBM learned for it in earlier folds, and its held-out lists."""

from models_py.blocks import BlockReader
from models_py.memory import arrow
from models_py.ranking import RankingParameters, ranker_fits


def model(dbt, session):
    """Read the examples in blocks of users, fit, return Arrow."""
    examples = BlockReader(
        session,
        dbt.ref("ranking_examples"),
        arrow(dbt.ref("fold_users")),
        dbt.config.get("users_per_block"),
    )
    return ranker_fits(
        ranker="lightgbm",
        parameters=dbt.config.get("parameters"),
        ranker_folds=arrow(dbt.ref("ranker_folds")),
        read=examples.blocks,
        definitions=arrow(dbt.ref("feature_definitions")),
        ranking=RankingParameters(**dbt.config.get("ranking")),
    )
