"""Two models on the same users: paired tests against scipy's, and the users behind them."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from models_py.comparisons import metric_comparisons


def differences(values: dict[str, np.ndarray], **key) -> pa.Table:
    """What SQL makes of the users' values, for every pair of models."""
    rows = []
    for model, its in values.items():
        for baseline, others in values.items():
            if model == baseline:
                continue
            difference = its - others
            rows.append(
                {"fold": "f", "metric": "ndcg", "k": 10}
                | key
                | {
                    "model": model,
                    "baseline": baseline,
                    "n_users": len(difference),
                    "difference": float(difference.mean()),
                    "mean_square": float((difference**2).mean()),
                    "n_wins": int((difference > 0).sum()),
                    "n_ties": int((difference == 0).sum()),
                    "n_losses": int((difference < 0).sum()),
                }
            )
    return pa.Table.from_pylist(rows)


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    base = rng.random(50)
    return {name: base + rng.normal(shift, 0.2, 50) for shift, name in enumerate("abcd")}


def by_pair(table: pa.Table) -> dict:
    return {(row["model"], row["baseline"]): row for row in table.to_pylist()}


def test_t_tests_are_those_of_scipy(values):
    rows = by_pair(metric_comparisons(differences(values)))
    for (model, baseline), row in rows.items():
        expected = stats.ttest_rel(values[model], values[baseline])
        interval = expected.confidence_interval()
        assert row["p_value"] == pytest.approx(expected.pvalue)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("correction", ["holm", "bonferroni", "fdr_bh"])
def test_a_pair_is_counted_once(values, correction):
    rows = by_pair(metric_comparisons(differences(values), correction))
    pairs = [(a, b) for a, b in rows if a < b]
    expected = multipletests([rows[pair]["p_value"] for pair in pairs], method=correction)[1]
    for (a, b), p in zip(pairs, expected, strict=True):
        assert rows[a, b]["p_value_corrected"] == rows[b, a]["p_value_corrected"]
        assert rows[a, b]["p_value_corrected"] == pytest.approx(p)


def test_other_metrics_are_other_families(values):
    alone = metric_comparisons(differences(values))
    other = {name: np.random.default_rng(7).permutation(its) for name, its in values.items()}
    both = pa.concat_tables([differences(values), differences(other, metric="recall")])
    ours = [row for row in metric_comparisons(both).to_pylist() if row["metric"] == "ndcg"]
    assert ours == alone.to_pylist()


def test_what_is_the_same_does_not_differ(values):
    rows = by_pair(metric_comparisons(differences({"a": values["a"], "b": values["a"].copy()})))
    row = rows["a", "b"]
    assert (row["difference"], row["p_value"], row["tie_share"]) == (0, 1, 1)
    # What everybody gains is no chance, however little it is.
    rows = by_pair(metric_comparisons(differences({"a": np.ones(9), "b": np.zeros(9)})))
    assert rows["a", "b"]["p_value"] == 0 and rows["a", "b"]["win_share"] == 1


def test_of_one_user_there_is_no_interval():
    rows = by_pair(metric_comparisons(differences({"a": np.ones(1), "b": np.zeros(1)})))
    row = rows["a", "b"]
    assert (row["ci_low"], row["p_value"], row["p_value_corrected"]) == (None, None, None)
    assert row["difference"] == 1


def test_without_models_there_is_nothing_to_compare():
    schema = differences({"a": np.ones(2), "b": np.zeros(2)}).schema
    assert len(metric_comparisons(schema.empty_table())) == 0


def test_rows_are_of_the_users_behind_them(built):
    [row] = built.rows(
        "select n_users, difference, p_value, win_share, loss_share from"
        " evaluation.metric_comparisons where fold = 'holdout' and metric = 'ndcg' and k = 10"
        " and model = 'lightgbm' and baseline = 'blend'"
    )
    pairs = np.array(
        built.rows(
            "select a.ndcg, b.ndcg from evaluation.user_metrics as a"
            " inner join evaluation.user_metrics as b using (fold, user_key, k)"
            " where fold = 'holdout' and k = 10 and a.model = 'lightgbm' and b.model = 'blend'"
        )
    )
    expected = stats.ttest_rel(pairs[:, 0], pairs[:, 1])
    assert row == pytest.approx(
        (
            len(pairs),
            (pairs[:, 0] - pairs[:, 1]).mean(),
            expected.pvalue,
            (pairs[:, 0] > pairs[:, 1]).mean(),
            (pairs[:, 0] < pairs[:, 1]).mean(),
        )
    )
