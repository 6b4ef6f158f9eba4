"""Metrics of given lists by RecTools."""

import json
import sys
import time

import pandas as pd
from rectools.metrics import MAP, MRR, NDCG, HitRate, Precision, Recall, calc_metrics

lists, positives = (pd.read_parquet(file) for file in sys.argv[1:3])
metrics = {}
for k in map(int, sys.argv[3:]):
    metrics |= {
        f"recall@{k}": Recall(k),
        f"precision@{k}": Precision(k),
        f"hit_rate@{k}": HitRate(k),
        f"ndcg@{k}": NDCG(k, divide_by_achievable=True),
        f"map@{k}": MAP(k),
        f"mrr@{k}": MRR(k),
    }
started = time.perf_counter()
values = calc_metrics(metrics, lists, positives)
print(json.dumps({"seconds": time.perf_counter() - started, "values": values}))
