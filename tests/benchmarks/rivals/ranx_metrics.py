"""Metrics of given lists by ranx. It ranks by score, and its ids are texts."""

import json
import sys
import time

import pandas as pd
from ranx import Qrels, Run, evaluate

lists, positives = (
    pd.read_parquet(file).astype({"user_id": str, "item_id": str}) for file in sys.argv[1:3]
)
lists["score"] = 1 / lists["rank"]
positives["score"] = 1
names = ("recall", "precision", "hit_rate", "ndcg", "map", "mrr")
metrics = [f"{name}@{k}" for name in names for k in map(int, sys.argv[3:])]
columns = {"q_id_col": "user_id", "doc_id_col": "item_id", "score_col": "score"}


def measured(lists: pd.DataFrame, positives: pd.DataFrame) -> dict[str, float]:
    """Users without a list count as 0."""
    run, qrels = Run.from_df(lists, **columns), Qrels.from_df(positives, **columns)
    return evaluate(qrels, run, metrics, make_comparable=True)


# numba compiles.
measured(lists.head(1000), positives[positives["user_id"].isin(lists["user_id"].head(1000))])
started = time.perf_counter()
values = {name: float(value) for name, value in measured(lists, positives).items()}
print(json.dumps({"seconds": time.perf_counter() - started, "values": values}))
