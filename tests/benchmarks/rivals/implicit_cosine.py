"""Neighbours of items by implicit's CosineRecommender: whatever lies between two likes."""

import json
import sys
import time

import pandas as pd
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

likes, n_neighbors = pd.read_parquet(sys.argv[1]), int(sys.argv[2])
started = time.perf_counter()
users, items = (likes[column].astype("category").cat.codes for column in ("user_id", "item_id"))
matrix = csr_matrix(([1.0] * len(likes), (users, items)))
model = CosineRecommender(K=n_neighbors)
model.fit(matrix, show_progress=False)
print(json.dumps({"seconds": time.perf_counter() - started, "rows": model.similarity.nnz}))
