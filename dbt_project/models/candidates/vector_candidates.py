"""One row per fold, source, user and proposed item: the vectors that fit best, through FAISS."""

from models_py.choices import Choices
from models_py.retrieval import RetrievalParameters, vector_candidates


def model(dbt, session):
    """Read the refs as Arrow, search, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    return vector_candidates(
        vectors=dbt.ref("vectors").to_arrow_table(),
        user_items=dbt.ref("user_items").select("fold, user_key, item_key").to_arrow_table(),
        users=dbt.ref("fold_users").to_arrow_table(),
        items=dbt.ref("fold_items").to_arrow_table(),
        k=choices.of("candidates_k", dbt.config.get("k")),
        parameters=RetrievalParameters(**dbt.config.get("parameters")),
    )
