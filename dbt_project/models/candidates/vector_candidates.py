"""One row per fold, source, user and proposed item: the vectors that fit best, through FAISS."""

from models_py.choices import Choices
from models_py.memory import arrow
from models_py.retrieval import RetrievalParameters, vector_candidates


def model(dbt, session):
    """Read the refs as Arrow, search, return Arrow."""
    choices = Choices(dbt.ref("build_choices").to_arrow_table())
    users = dbt.ref("users_tonight")
    return vector_candidates(
        vectors=arrow(dbt.ref("vectors")),
        user_items=arrow(
            dbt.ref("user_items")
            .select("fold, user_key, item_key")
            .join(users, "fold, user_key", how="semi")
        ),
        users=arrow(users),
        items=arrow(dbt.ref("fold_items")),
        k=choices.of("candidates_k", dbt.config.get("k")),
        parameters=RetrievalParameters(**dbt.config.get("parameters")),
    )
