"""One row per fold, user and candidate: the order that DLRM gives them."""

from models_py.blocks import BlockReader
from models_py.choices import Choices
from models_py.memory import arrow
from models_py.ranking import ranked_candidates


def model(dbt, session):
    """Read the features in blocks of users, score, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    features = BlockReader(
        session,
        dbt.ref("ranking_features"),
        arrow(dbt.ref("users_tonight")),
        dbt.config.get("users_per_block"),
        only_changed=choices.folds_in,
    )
    choice = arrow(dbt.ref("ranker_choice").filter("ranker = 'dlrm' and is_scored"))
    return ranked_candidates(
        fits=arrow(dbt.ref("dlrm_fits")),
        folds=choice["fold"].to_pylist(),
        read=features.blocks,
        definitions=arrow(dbt.ref("feature_definitions")),
    )
