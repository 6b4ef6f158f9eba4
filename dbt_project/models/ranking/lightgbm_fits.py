"""One row per fold learned in: what LightGBM learned, and how it ranked users held out."""

from models_py.blocks import BlockReader
from models_py.ranking import RankingParameters, ranker_fits


def model(dbt, session):
    """Read the examples in blocks of users, fit, return Arrow."""
    users = dbt.ref("ranking_users").to_arrow_table()
    examples = BlockReader(
        session,
        dbt.ref("ranking_examples"),
        dbt.ref("fold_users").to_arrow_table(),
        dbt.config.get("users_per_block"),
    )
    return ranker_fits(
        ranker="lightgbm",
        parameters=dbt.config.get("parameters"),
        folds=sorted(set(users["fold"].to_pylist())),
        read=examples.blocks,
        definitions=dbt.ref("feature_definitions").to_arrow_table(),
        ranking=RankingParameters(**dbt.config.get("ranking")),
    )
