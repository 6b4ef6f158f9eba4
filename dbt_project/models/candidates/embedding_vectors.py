"""One row per fold and item or user: where it is in the space of the item vectors."""

from models_py.content import ProfileParameters, embedding_vectors


def model(dbt, session):
    """Read the refs as Arrow, place users among items, return Arrow."""
    return embedding_vectors(
        item_embeddings=dbt.ref("item_embeddings").to_arrow_table(),
        item_content_embeddings=dbt.ref("item_content_embeddings").to_arrow_table(),
        user_items=dbt.ref("user_items").to_arrow_table(),
        users=dbt.ref("fold_users").to_arrow_table(),
        items=dbt.ref("fold_items").to_arrow_table(),
        parameters=ProfileParameters(**dbt.config.get("parameters")),
    )
