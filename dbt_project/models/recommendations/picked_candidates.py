"""One row per fold, user and candidate picked: diversity and caps, a place at a time."""

from models_py.memory import arrow
from models_py.rerank import PickParameters, picked_candidates


def model(dbt, session):
    """Read the refs as Arrow, pick, return Arrow."""
    candidates = (
        dbt.ref("weighed_candidates")
        .filter("rank is not null")
        .join(dbt.ref("users_tonight"), "fold, user_key", how="semi")
    )
    return picked_candidates(
        candidates=arrow(
            candidates.select("fold", "user_key", "item_key", "relevance", "rank", "is_repeat")
        ),
        item_attributes=arrow(dbt.ref("item_attributes")),
        parameters=PickParameters(**dbt.config.get("parameters")),
    )
