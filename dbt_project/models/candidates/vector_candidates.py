"""One row per fold, source, user and proposed item: the vectors that fit best, through FAISS."""

from models_py.memory import arrow
from models_py.retrieval import RetrievalParameters, vector_candidates


def model(dbt, session):
    """Read the refs as Arrow, search, return Arrow."""
    return vector_candidates(
        vectors=arrow(dbt.ref("vectors")),
        user_items=arrow(dbt.ref("user_items")),
        users=arrow(dbt.ref("fold_users")),
        items=arrow(dbt.ref("fold_items")),
        k=dbt.config.get("k"),
        parameters=RetrievalParameters(**dbt.config.get("parameters")),
    )
