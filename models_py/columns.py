"""The names and types of the columns that the learning code shares with the warehouse."""

import pyarrow as pa


class Columns:
    """Every interface column, named once."""

    FOLD = "fold"
    SOURCE = "source"
    USER_KEY = "user_key"
    ITEM_KEY = "item_key"
    IS_POSITIVE = "is_positive"
    WEIGHT = "weight"
    SCORE = "score"
    RANK = "rank"
    RECENCY_RANK = "recency_rank"
    LAST_INTERACTION_AT = "last_interaction_at"
    KIND = "kind"
    ATTRIBUTE = "attribute"
    ENTITY = "entity"
    KEY = "key"
    VECTOR = "vector"


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
