"""Neighbours of items by a self-join in Polars: likes of one user at most a window apart."""

import json
import sys
import time

import polars as pl

likes_file, output = sys.argv[1:3]
window, shrinkage, n_neighbors = map(int, sys.argv[3:])
# Likes joined at once: bounds the memory.
LIKES_PER_BLOCK = 250_000

started = time.perf_counter()
# place: 1 is the newest like of a user.
likes = pl.read_parquet(likes_file).sort("user_id", "place")
# What is at most a window apart is in one bucket or in the next.
likes = likes.with_columns(bucket=pl.col("place") // window)
first_of_user = pl.col("user_id") != pl.col("user_id").shift(fill_value=-1)
# Users come whole.
starts = (
    likes.with_row_index("row")
    .filter(first_of_user)
    .group_by(pl.col("row") // LIKES_PER_BLOCK)
    .agg(pl.col("row").min().alias("start"))["start"]
    .sort()
    .to_list()
)

counted = []
for start, end in zip(starts, [*starts[1:], len(likes)], strict=True):
    newer = likes[start:end]
    older = pl.concat([newer, newer.with_columns(pl.col("bucket") - 1)])
    pairs = (
        newer.lazy()
        .join(older.lazy(), on=["user_id", "bucket"], suffix="_older")
        .filter(
            pl.col("place_older") > pl.col("place"),
            pl.col("place_older") <= pl.col("place") + window,
        )
        .select(
            item_id=pl.min_horizontal("item_id", "item_id_older"),
            neighbor_id=pl.max_horizontal("item_id", "item_id_older"),
        )
        .group_by("item_id", "neighbor_id")
        .len("weight")
        .collect()
    )
    counted.append(pairs)
pairs = pl.concat(counted).group_by("item_id", "neighbor_id").agg(pl.col("weight").sum())
del counted

n_likes = likes.group_by("item_id").len("n_likes")
neighbors = (
    pl.concat(
        [
            pairs,
            pairs.select(item_id="neighbor_id", neighbor_id="item_id", weight="weight"),
        ]
    )
    .join(n_likes, on="item_id")
    .join(n_likes, left_on="neighbor_id", right_on="item_id", suffix="_neighbor")
    .with_columns(
        score=pl.col("weight")
        / ((pl.col("n_likes").cast(float) * pl.col("n_likes_neighbor")).sqrt() + shrinkage)
    )
    .sort("item_id", pl.col("score") * -1, "neighbor_id")
    .group_by("item_id", maintain_order=True)
    .head(n_neighbors)
)
neighbors.write_parquet(output)
print(json.dumps({"seconds": time.perf_counter() - started, "rows": len(neighbors)}))
