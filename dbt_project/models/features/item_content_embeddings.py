"""One row per item: a vector of what it is about. All the learning is in models_py."""

from models_py.content import ContentParameters, item_content_embeddings
from models_py.memory import arrow


def model(dbt, session):
    """Read the refs as Arrow, make the vectors, return Arrow."""
    return item_content_embeddings(
        item_terms=arrow(dbt.ref("item_terms")),
        items=arrow(dbt.ref("items")),
        item_attributes=arrow(dbt.ref("item_attributes")),
        parameters=ContentParameters(**dbt.config.get("parameters")),
    )
