"""The names and types of the columns that the learning code shares with the warehouse."""

import pyarrow as pa


class Columns:
    """Every interface column, named once."""

    FOLD = "fold"
    SOURCE = "source"
    ENTITY = "entity"
    KEY = "key"
    USER_KEY = "user_key"
    ITEM_KEY = "item_key"
    ITEM_ID = "item_id"
    TITLE = "title"
    KIND = "kind"
    ATTRIBUTE = "attribute"
    TERM = "term"
    IS_POSITIVE = "is_positive"
    WEIGHT = "weight"
    RECENCY_RANK = "recency_rank"
    LAST_INTERACTION_AT = "last_interaction_at"
    EMBEDDING = "embedding"
    VECTOR = "vector"
    SCORE = "score"
    RANK = "rank"
    RELEVANCE = "relevance"
    IS_REPEAT = "is_repeat"
    IS_CAPPED = "is_capped"
    INDEX_TYPE = "index_type"
    N_ITEMS = "n_items"
    N_USERS = "n_users"
    K = "k"
    RECALL = "recall"
    RANKER = "ranker"
    RANKER_FOLD = "ranker_fold"
    FEATURE = "feature"
    IS_CANDIDATE = "is_candidate"
    ALPHA = "alpha"
    BETA = "beta"
    UNIFORM = "uniform"
    MEAN = "mean"
    DRAW = "draw"


USER = "user"
ITEM = "item"

CANDIDATES = pa.schema(
    [
        (Columns.FOLD, pa.string()),
        (Columns.SOURCE, pa.string()),
        (Columns.USER_KEY, pa.int32()),
        (Columns.ITEM_KEY, pa.int32()),
        (Columns.SCORE, pa.float64()),
        (Columns.RANK, pa.int32()),
    ]
)

RANKED_CANDIDATES = pa.schema(
    [
        (Columns.FOLD, pa.string()),
        (Columns.RANKER, pa.string()),
        (Columns.USER_KEY, pa.int32()),
        (Columns.ITEM_KEY, pa.int32()),
        (Columns.SCORE, pa.float64()),
        (Columns.RANK, pa.int32()),
    ]
)

RANKER_FITS = pa.schema(
    [
        (Columns.FOLD, pa.string()),
        (Columns.RANKER, pa.string()),
        ("n_users", pa.int32()),
        ("n_examples", pa.int32()),
        ("n_positives", pa.int32()),
        # Trees of LightGBM, passes of DLRM.
        ("n_rounds", pa.int32()),
        ("artifact", pa.string()),
        (
            "importances",
            pa.list_(
                pa.struct(
                    [(Columns.FEATURE, pa.string()), ("gain", pa.float64()), ("shap", pa.float64())]
                )
            ),
        ),
        (
            "held_out",
            pa.list_(
                pa.struct(
                    [
                        (Columns.RANKER_FOLD, pa.string()),
                        (Columns.USER_KEY, pa.int32()),
                        (Columns.ITEM_KEY, pa.int32()),
                        (Columns.RANK, pa.int32()),
                    ]
                )
            ),
        ),
    ]
)

TWO_TOWER_FITS = pa.schema(
    [
        (Columns.FOLD, pa.string()),
        (Columns.N_USERS, pa.int32()),
        (Columns.N_ITEMS, pa.int32()),
        ("n_likes", pa.int32()),
        ("n_epochs", pa.int32()),
        ("artifact", pa.string()),
        ("weights", pa.string()),
    ]
)

PICKED = pa.schema(
    [
        (Columns.FOLD, pa.string()),
        (Columns.USER_KEY, pa.int32()),
        (Columns.ITEM_KEY, pa.int32()),
        (Columns.RANK, pa.int32()),
        (Columns.IS_CAPPED, pa.bool_()),
    ]
)

ANN_RECALL = pa.schema(
    [
        (Columns.FOLD, pa.string()),
        (Columns.SOURCE, pa.string()),
        (Columns.INDEX_TYPE, pa.string()),
        (Columns.N_ITEMS, pa.int32()),
        (Columns.N_USERS, pa.int32()),
        (Columns.K, pa.int32()),
        (Columns.RECALL, pa.float64()),
    ]
)

THOMPSON_DRAWS = pa.schema(
    [
        (Columns.FOLD, pa.string()),
        (Columns.USER_KEY, pa.int32()),
        (Columns.ITEM_KEY, pa.int32()),
        (Columns.IS_CANDIDATE, pa.bool_()),
        (Columns.UNIFORM, pa.float64()),
        (Columns.MEAN, pa.float64()),
        (Columns.DRAW, pa.float64()),
    ]
)


def vectors_schema(dimensions: int) -> pa.Schema:
    """One row per fold, entity (user or item) and key: a vector of so many numbers."""
    return pa.schema(
        [
            (Columns.FOLD, pa.string()),
            (Columns.ENTITY, pa.string()),
            (Columns.KEY, pa.int32()),
            (Columns.VECTOR, pa.list_(pa.float32(), dimensions)),
        ]
    )
