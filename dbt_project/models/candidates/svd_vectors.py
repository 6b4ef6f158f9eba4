"""One row per fold, entity and key: the factors of users and items by truncated SVD."""

from models_py.svd import SVDParameters, svd_vectors


def model(dbt, session):
    """Read the ref as Arrow, fit, return Arrow."""
    parameters = SVDParameters(
        factors=dbt.config.get("factors"),
        damping=dbt.config.get("damping"),
        random_state=dbt.config.get("random_state"),
    )
    return svd_vectors(dbt.ref("user_items").to_arrow_table(), parameters)
