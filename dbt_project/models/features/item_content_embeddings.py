"""One row per item: a vector of what it is about. All the learning is in models_py."""

from models_py.content import ContentParameters, item_content_embeddings


def model(dbt, session):
    """Read the refs as Arrow, make the vectors, return Arrow."""
    return item_content_embeddings(
        item_terms=dbt.ref("item_terms").to_arrow_table(),
        items=dbt.ref("items").to_arrow_table(),
        item_attributes=dbt.ref("item_attributes").to_arrow_table(),
        parameters=ContentParameters(**dbt.config.get("parameters")),
    )
