"""One row per fold, user and candidate picked: diversity and caps, a place at a time."""

from models_py.rerank import PickParameters, picked_candidates


def model(dbt, session):
    """Read the refs as Arrow, pick, return Arrow."""
    candidates = dbt.ref("weighed_candidates").filter("rank is not null")
    return picked_candidates(
        candidates=candidates.select(
            "fold", "user_key", "item_key", "relevance", "rank", "is_repeat"
        ).to_arrow_table(),
        item_attributes=dbt.ref("item_attributes").to_arrow_table(),
        parameters=PickParameters(**dbt.config.get("parameters")),
    )
