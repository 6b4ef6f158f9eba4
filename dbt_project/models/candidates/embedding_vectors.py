"""One row per fold and item or user: where it is in the space of the item vectors."""

from models_py.content import ProfileParameters, embedding_vectors
from models_py.memory import arrow


def model(dbt, session):
    """Read the refs as Arrow, place users among items, return Arrow."""
    return embedding_vectors(
        item_embeddings=arrow(dbt.ref("item_embeddings")),
        item_content_embeddings=arrow(dbt.ref("item_content_embeddings")),
        user_items=arrow(
            dbt.ref("user_items")
            .filter("is_positive")
            .select("fold, user_key, item_key, is_positive, recency_rank")
        ),
        users=arrow(dbt.ref("fold_users")),
        items=arrow(dbt.ref("fold_items")),
        parameters=ProfileParameters(**dbt.config.get("parameters")),
    )
