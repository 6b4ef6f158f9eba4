"""Two models on the same users: paired t-tests, corrected for how many pairs are looked at."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats
from statsmodels.stats.multitest import multipletests

LEVEL = 0.95


def metric_comparisons(differences: pa.Table, correction: str = "holm") -> pa.Table:
    """Judge differences between models that were measured on the same users.

    Parameters
    ----------
    differences : pa.Table
        One row per fold, metric, k, model and baseline, each pair both ways round: n_users, the
        mean over users of the difference and of its square (mean_square), n_wins, n_ties, n_losses.
    correction : str
        How p-values are corrected for the number of pairs of a fold, metric and k, as statsmodels
        names it: "holm" (Holm 1979), "bonferroni", "fdr_bh" (Benjamini and Hochberg 1995), …

    Returns
    -------
    pa.Table
        The same rows, with the 95 % interval of the difference, its two-sided p-value by Student's
        paired t-test, the corrected p-value, and the shares of users won, tied and lost. Of one
        user alone there is no interval. Models that are the same for everybody differ by 0, p = 1.

    Raises
    ------
    ValueError
        When there is no such correction.
    """
    n_users = differences["n_users"].to_numpy().astype(float)
    means = differences["difference"].to_numpy()
    squares = differences["mean_square"].to_numpy()
    freedom = np.maximum(n_users - 1, 1)
    errors = np.sqrt(np.maximum(squares - means**2, 0) / freedom)
    half_widths = np.where(n_users > 1, stats.t.ppf((1 + LEVEL) / 2, freedom) * errors, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = 2 * stats.t.sf(np.abs(means) / errors, freedom)
    # Nothing varies: no difference at all, or one that everybody shares.
    p_values = np.where(errors == 0, np.where(means == 0, 1.0, 0.0), p_values)
    p_values = np.where(n_users > 1, p_values, np.nan)
    table = differences.select(["fold", "metric", "k", "model", "baseline", "n_users"])
    columns = {
        "difference": means,
        "ci_low": means - half_widths,
        "ci_high": means + half_widths,
        "p_value": p_values,
        "p_value_corrected": _corrected(differences, p_values, correction),
        "win_share": differences["n_wins"].to_numpy() / n_users,
        "tie_share": differences["n_ties"].to_numpy() / n_users,
        "loss_share": differences["n_losses"].to_numpy() / n_users,
    }
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
    return table


def _corrected(differences: pa.Table, p_values: np.ndarray, correction: str) -> np.ndarray:
    """Correct within each fold, metric and k, each pair counted once."""
    families = pc.binary_join_element_wise(
        differences["fold"], differences["metric"], differences["k"].cast(pa.string()), "\x1f"
    ).to_pylist()
    pairs = [
        (family, *sorted(models))
        for family, *models in zip(
            families,
            differences["model"].to_pylist(),
            differences["baseline"].to_pylist(),
            strict=True,
        )
    ]
    p_of_pair = {pair: p for pair, p in zip(pairs, p_values, strict=True) if not np.isnan(p)}
    corrected = {}
    for family in sorted(set(families)):
        its_pairs = sorted(pair for pair in p_of_pair if pair[0] == family)
        if its_pairs:
            its_p = [p_of_pair[pair] for pair in its_pairs]
            corrected |= zip(its_pairs, multipletests(its_p, method=correction)[1], strict=True)
    return np.array([corrected.get(pair, np.nan) for pair in pairs], dtype=float)
