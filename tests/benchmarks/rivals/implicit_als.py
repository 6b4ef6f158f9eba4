"""ALS as a script: read the ratings, fit, recommend for everybody, write a table."""

import json
import sys

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from scipy.sparse import coo_matrix
from threadpoolctl import threadpool_limits

folder, k, output = sys.argv[1], int(sys.argv[2]), sys.argv[3]

ratings = pd.read_csv(f"{folder}/ratings.csv")
users = ratings["userId"].astype("category")
items = ratings["movieId"].astype("category")
matrix = coo_matrix((ratings["rating"].astype("float32"), (users.cat.codes, items.cat.codes)))
user_items = matrix.tocsr()

model = AlternatingLeastSquares(factors=64, regularization=0.05, iterations=20, random_state=42)
# As implicit advises when it starts.
with threadpool_limits(limits=1, user_api="blas"):
    model.fit(user_items, show_progress=False)
    found, scores = model.recommend(np.arange(user_items.shape[0]), user_items, N=k)

pd.DataFrame(
    {
        "user_id": np.repeat(users.cat.categories.to_numpy(), found.shape[1]),
        "item_id": items.cat.categories.to_numpy()[found.ravel()],
        "score": scores.ravel(),
        "rank": np.tile(np.arange(1, found.shape[1] + 1), len(found)),
    }
).to_parquet(output)
print(json.dumps({"rows": found.size, "users": len(found)}))
