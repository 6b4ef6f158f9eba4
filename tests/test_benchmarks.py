"""The benchmark runner: anybody's split through the real DAG, and the ranking of given items."""

import json

import duckdb
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tests.benchmarks import protocols


def test_a_split_of_ones_own_is_measured_by_the_dag(tmp_path, monkeypatch, capfd):
    """Twenty people like one of two groups of films; each has one of the group left to find."""
    monkeypatch.setattr(protocols, "OUTPUT", tmp_path / "benchmarks")
    with duckdb.connect() as connection:
        connection.execute(
            "create table likes as select person as user_id, film * 2 + person % 2 as item_id"
            " from range(20) as people (person), range(5) as films (film)"
        )
        is_test = "item_id // 2 = user_id // 2 % 5"
        for part, where in {"train": f"not {is_test}", "test": is_test}.items():
            file = tmp_path / f"{part}.parquet"
            connection.execute(f"copy (from likes where {where} order by all) to '{file}'")
    command = ["split", "--train", f"{tmp_path}/train.parquet", "--k", "2"]
    command += ["--sources", "popular als", "--vars", "als_factors: 2"]
    assert protocols.main([*command, "--test", f"{tmp_path}/test.parquet"]) == 0
    rows = json.loads((tmp_path / "benchmarks" / "split.json").read_text())
    assert {(row["protocol"], row["published"]) for row in rows} == {("split", None)}
    values = {(row["model"], row["metric"]): row["value"] for row in rows}
    assert {model for model, _ in values} >= {"popular", "als"}
    # Eight like each film, so popularity goes by id: of 1, 3, 5, 7, 9 and the one that is missing
    # it finds 0 first and 2 second; of 0, 2, 4, 6, 8 and the missing one, 1 second.
    assert values["als", "recall@2"] == values["als", "ndcg@2"] == values["als", "hit_rate@2"] == 1
    assert values["popular", "recall@2"] == pytest.approx(3 / 10)
    assert values["popular", "ndcg@2"] == pytest.approx((1 + 2 / np.log2(3)) / 10)
    assert all(row["fit_seconds"] > 0 for row in rows if row["model"] in ("popular", "als"))
    # A fold that is not measured is not learned.
    with duckdb.connect(str(tmp_path / "benchmarks" / "split" / "foryou.duckdb")) as connection:
        assert connection.execute("select distinct fold from candidates.candidates").fetchall() == [
            ("predefined_holdout",)
        ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["ml-2m"], "PROTOCOL=ml-2m is unknown; choose from ncf-ml-1m"),
        (["gowalla"], "DATA= is no folder; name the one that holds gowalla/train.parquet"),
        (["gowalla", "--data", "{folder}"], "has no gowalla/train.parquet or gowalla.zip"),
        (["split", "--train", "{folder}/items.parquet"], "PROTOCOL=split needs TEST="),
        (
            ["split", "--train", "{folder}/items.parquet", "--test", "{folder}/items.parquet"],
            "has no column user_id, only item_id, liked; rename",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path, monkeypatch, capsys, command, message):
    monkeypatch.setattr(protocols, "OUTPUT", tmp_path / "benchmarks")
    duckdb.sql("select 1 as item_id, true as liked").write_parquet(f"{tmp_path}/items.parquet")
    assert protocols.main([part.format(folder=tmp_path) for part in command]) == 1
    assert message in capsys.readouterr().err


def test_the_positive_is_ranked_among_its_negatives_only():
    """Popularities 3, 2, 1, 0, 2: the positives come second, first, and third behind a tie."""
    likes = csr_matrix(
        np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 1], [1, 0, 0, 0, 1]], dtype=np.float32)
    )
    columns = np.array([[2, 1, 3], [0, 2, 3], [4, 0, 1]])
    rows = protocols.rank_by("popular", {}, likes, columns, ["hit_rate@2", "ndcg@2"])
    values = {row["metric"]: row["value"] for row in rows}
    # Second: a hit of 1 / log2(3). First: 1. Third: no hit.
    assert values["hit_rate@2"] == pytest.approx(2 / 3)
    assert values["ndcg@2"] == pytest.approx((1 / np.log2(3) + 1) / 3)


def test_als_scores_given_pairs_higher_where_people_are_alike():
    likes = csr_matrix(np.kron(np.eye(2), np.ones((4, 4))).astype(np.float32))
    likes[0, 0] = 0
    likes.eliminate_zeros()
    columns = np.array([[0, 4, 5, 6, 7]])
    [row] = protocols.rank_by("als", {"als_factors": 2}, likes, columns, ["hit_rate@1"])
    assert row["value"] == 1.0 and row["fit_seconds"] > 0


def test_every_published_row_belongs_to_a_protocol_and_its_metrics():
    for protocol, published in protocols.PUBLISHED.items():
        metrics = protocols.PROTOCOLS["protocols"][protocol]["metrics"]
        for row in published:
            assert set(row) - {"name", "ours", "is"} <= set(metrics), row["name"]
            assert set(row) & set(metrics), row["name"]
