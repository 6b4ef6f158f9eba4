"""One row per fold and source: how much of the true top k the vector index finds."""

from models_py.retrieval import RetrievalParameters, ann_recall


def model(dbt, session):
    """Read the refs as Arrow, search both ways, return Arrow."""
    parameters = RetrievalParameters(
        exact_up_to=dbt.config.get("exact_up_to"),
        index_type=dbt.config.get("index_type"),
        hnsw_m=dbt.config.get("hnsw_m"),
        hnsw_ef_construction=dbt.config.get("hnsw_ef_construction"),
        hnsw_ef_search=dbt.config.get("hnsw_ef_search"),
        ivf_probes=dbt.config.get("ivf_probes"),
    )
    return ann_recall(
        vectors=dbt.ref("vectors").to_arrow_table(),
        users=dbt.ref("fold_users").to_arrow_table(),
        items=dbt.ref("fold_items").to_arrow_table(),
        k=dbt.config.get("k"),
        n_users=dbt.config.get("n_users"),
        parameters=parameters,
    )
