"""One row per fold and source: how much of the true top k the vector index finds."""

from models_py.memory import arrow
from models_py.retrieval import RetrievalParameters, ann_recall


def model(dbt, session):
    """Read the refs as Arrow, search both ways, return Arrow."""
    return ann_recall(
        vectors=arrow(dbt.ref("vectors")),
        users=arrow(dbt.ref("fold_users")),
        items=arrow(dbt.ref("fold_items")),
        k=dbt.config.get("k"),
        n_users=dbt.config.get("n_users"),
        parameters=RetrievalParameters(**dbt.config.get("parameters")),
    )
