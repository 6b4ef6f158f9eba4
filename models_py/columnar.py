"""Between tables of features and arrays."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models_py.columns import Columns


class Columnar:
    """Turns rows of features into arrays, always the same columns in the same order.

    Parameters
    ----------
    definitions : pa.Table
        One row per feature: feature, type (numeric or category), monotone (-1, 0 or 1).
    vocabularies : dict of str to list of str, optional
        Categories that have an id, by feature; by default none has.
    """

    def __init__(self, definitions: pa.Table, vocabularies: dict | None = None) -> None:
        rows = definitions.sort_by(Columns.FEATURE).to_pylist()
        self.numbers = [row["feature"] for row in rows if row["type"] == "numeric"]
        self.categories = [row["feature"] for row in rows if row["type"] == "category"]
        self.monotone = np.array(
            [row["monotone"] for row in rows if row["type"] == "numeric"]
            + [0] * len(self.categories),
            dtype=int,
        )
        self.vocabularies = vocabularies or {name: [] for name in self.categories}

    def learn_categories(self, table: pa.Table) -> None:
        """Give an id to every category that is in the table."""
        for name in self.categories:
            self.vocabularies[name] = pc.unique(table[name]).drop_null().sort().to_pylist()

    def features(self, table: pa.Table) -> np.ndarray:
        """Numbers, shape (n, n_numbers), float32 with NaN where one is missing."""
        features = np.empty((len(table), len(self.numbers)), dtype=np.float32)
        for place, name in enumerate(self.numbers):
            features[:, place] = pc.cast(table[name], pa.float64()).to_numpy(zero_copy_only=False)
        return features

    def category_ids(self, table: pa.Table) -> np.ndarray:
        """Ids, shape (n, n_categories), int32 with -1 where one is missing or unknown."""
        categories = np.empty((len(table), len(self.categories)), dtype=np.int32)
        for place, name in enumerate(self.categories):
            ids = pc.index_in(table[name], pa.array(self.vocabularies[name], pa.string()))
            categories[:, place] = pc.fill_null(ids, -1).to_numpy(zero_copy_only=False)
        return categories
