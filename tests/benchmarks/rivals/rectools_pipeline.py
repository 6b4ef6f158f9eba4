"""Popular, ALS and metrics by RecTools: the last 10 % of ratings are the test."""

import json
import sys

import pandas as pd
from implicit.als import AlternatingLeastSquares
from rectools import Columns
from rectools.dataset import Dataset
from rectools.metrics import MAP, MRR, NDCG, HitRate, Precision, Recall, calc_metrics
from rectools.models import ImplicitALSWrapperModel, PopularModel
from threadpoolctl import threadpool_limits

ratings = pd.read_csv(f"{sys.argv[1]}/ratings.csv")
ratings.columns = [Columns.User, Columns.Item, Columns.Weight, Columns.Datetime]
ratings[Columns.Datetime] = pd.to_datetime(ratings[Columns.Datetime], unit="s")
likes = ratings[ratings[Columns.Weight] >= 4].assign(**{Columns.Weight: 1.0})
cutoff = ratings[Columns.Datetime].quantile(0.9)
train, test = likes[likes[Columns.Datetime] < cutoff], likes[likes[Columns.Datetime] >= cutoff]

dataset = Dataset.construct(train)
models = {
    "popular": PopularModel(),
    "als": ImplicitALSWrapperModel(
        AlternatingLeastSquares(factors=64, iterations=20, alpha=8.0, random_state=42)
    ),
}
metrics = {}
for k in (5, 10, 20, 50, 100):
    metrics |= {
        f"recall@{k}": Recall(k),
        f"precision@{k}": Precision(k),
        f"hit_rate@{k}": HitRate(k),
        f"ndcg@{k}": NDCG(k, divide_by_achievable=True),
        f"map@{k}": MAP(k),
        f"mrr@{k}": MRR(k),
    }
values = {}
for name, model in models.items():
    with threadpool_limits(limits=1, user_api="blas"):
        model.fit(dataset)
        lists = model.recommend(
            test[Columns.User].unique(),
            dataset,
            k=100,
            filter_viewed=True,
            # New users get the popular ones, and none of ALS.
            on_unsupported_targets="ignore",
        )
    values[name] = calc_metrics(metrics, lists, interactions=test)
print(json.dumps({"values": values}))
