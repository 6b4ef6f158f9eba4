"""Effects of experiments, from sums over users: ratios, CUPED, always-valid intervals, checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from scipy import stats

ALPHA = 0.05
# Below it users did not come as they were to: a threshold so low that a daily look does no harm.
MISMATCH_ALPHA = 0.001
SUMS = ("y", "x", "c", "yy", "xx", "cc", "xy", "yc", "xc")

EFFECTS = pa.schema(
    [
        ("experiment", pa.string()),
        ("metric", pa.string()),
        ("segment_kind", pa.string()),
        ("segment", pa.string()),
        ("day", pa.int32()),
        ("variant", pa.string()),
        ("control", pa.string()),
        ("adjustment", pa.string()),
        ("n_users", pa.int64()),
        ("n_users_control", pa.int64()),
        ("value", pa.float64()),
        ("value_control", pa.float64()),
        ("effect", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("relative_effect", pa.float64()),
        ("relative_ci_low", pa.float64()),
        ("relative_ci_high", pa.float64()),
        ("sequential_ci_low", pa.float64()),
        ("sequential_ci_high", pa.float64()),
        ("variance_reduction", pa.float64()),
    ]
)
SAMPLE_RATIOS = pa.schema(
    [
        ("experiment", pa.string()),
        ("variant", pa.string()),
        ("n_users", pa.int64()),
        ("share", pa.float64()),
        ("expected_share", pa.float64()),
        ("p_value", pa.float64()),
        ("is_mismatch", pa.bool_()),
        ("n_users_in_several", pa.int64()),
    ]
)


@dataclass(frozen=True)
class EffectParameters:
    """How effects are estimated."""

    experiments: Mapping[str, Mapping] = field(default_factory=dict)
    """Experiment → what was declared of it: `control`, `shares`."""
    planned_users: int = 10_000
    """Users of both variants at which always-valid intervals are tightest."""

    def __post_init__(self):
        if self.planned_users < 1:
            raise ValueError(f"Intervals need at least one planned user, not {self.planned_users}")


@dataclass(frozen=True)
class Estimate:
    """A mean or a ratio of means over users, as a variant has it."""

    n: int
    value: float
    variance: float
    """Of the value, not of one user."""


@dataclass(frozen=True)
class Moments:
    """Sums over the users of a variant: y over x is the metric, c what was known of them before."""

    n: int
    y: float
    x: float
    c: float
    yy: float
    xx: float
    cc: float
    xy: float
    yc: float
    xc: float

    @classmethod
    def of_rows(cls, y: np.ndarray, x: np.ndarray, c: np.ndarray) -> "Moments":
        """Add up users, one entry each."""
        sums = (y, x, c, y * y, x * x, c * c, x * y, y * c, x * c)
        return cls(len(y), *(float(values.sum()) for values in sums))

    @property
    def ratio(self) -> float:
        """The metric."""
        return self.y / self.x

    @property
    def residual_variance(self) -> float:
        """Of one user's (y − ratio × x) / mean x: what the ratio is linear in (delta method)."""
        squares = self.yy - 2 * self.ratio * self.xy + self.ratio**2 * self.xx
        return max(squares, 0.0) / (self.n - 1) / (self.x / self.n) ** 2

    @property
    def covariate_mean(self) -> float:
        """Mean of c."""
        return self.c / self.n

    @property
    def covariate_variance(self) -> float:
        """Of one user's c."""
        return max(self.cc - self.c**2 / self.n, 0.0) / (self.n - 1)

    @property
    def covariance(self) -> float:
        """Of one user's residual and c; residuals have a mean of 0."""
        return (self.yc - self.ratio * self.xc) / (self.n - 1) / (self.x / self.n)

    @property
    def is_measured(self) -> bool:
        """Whether there is a metric, and a variance of it."""
        return self.n > 1 and self.x > 0

    def estimate(self) -> Estimate:
        """Give the metric as it is (Deng, Knoblich, Lu 2018: the delta method for ratios)."""
        return Estimate(self.n, self.ratio, self.residual_variance / self.n)

    def adjusted(self, theta: float, covariate_mean: float) -> Estimate:
        """Give the metric as it would be had c the mean of all users (CUPED)."""
        variance = (
            self.residual_variance
            - 2 * theta * self.covariance
            + theta**2 * self.covariate_variance
        )
        value = self.ratio - theta * (self.covariate_mean - covariate_mean)
        return Estimate(self.n, value, max(variance, 0.0) / self.n)


def cuped(control: Moments, treatment: Moments) -> tuple[Estimate, Estimate] | None:
    """Take out of both what the covariate tells beforehand.

    Deng, Xu, Kohavi, Walker 2013: θ is the regression of the metric on the covariate, within
    variants, over both.

    Returns
    -------
    tuple of Estimate, or None
        Control and treatment; None where the covariate is the same for everybody.
    """
    both = (control, treatment)
    spread = sum((its.n - 1) * its.covariate_variance for its in both)
    if spread <= 0:
        return None
    theta = sum((its.n - 1) * its.covariance for its in both) / spread
    mean = sum(its.c for its in both) / sum(its.n for its in both)
    return control.adjusted(theta, mean), treatment.adjusted(theta, mean)


def difference(control: Estimate, treatment: Estimate, planned_users: int) -> dict[str, float]:
    """Estimate the effect of a treatment on other users than the control's.

    Parameters
    ----------
    control, treatment : Estimate
        The metric in each, with the variance of its mean.
    planned_users : int
        Users of both at which the always-valid interval is tightest.

    Returns
    -------
    dict
        `effect` and its normal 95 % interval `ci_low` to `ci_high`, the two-sided `p_value`; the
        `relative_effect` with an interval by the delta method (nan where the control is 0); and
        the interval `sequential_ci_low` to `sequential_ci_high`, which holds at all looks at once,
        as an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024).
    """
    width = stats.norm.ppf(1 - ALPHA / 2)
    effect = treatment.value - control.value
    variance = treatment.variance + control.variance
    error = np.sqrt(variance)
    p_value = 2 * stats.norm.sf(abs(effect) / error) if error > 0 else float(effect == 0)
    n = treatment.n + control.n
    # Their equation for the ρ at which the sequence is tightest after so many users.
    rho2 = (-2 * np.log(ALPHA) + np.log(-2 * np.log(ALPHA) + 1)) / planned_users
    stretched = n * rho2 + 1
    sequential = error * np.sqrt(2 * stretched / (n * rho2) * np.log(np.sqrt(stretched) / ALPHA))
    result = {
        "effect": effect,
        "ci_low": effect - width * error,
        "ci_high": effect + width * error,
        "p_value": p_value,
        "sequential_ci_low": effect - sequential,
        "sequential_ci_high": effect + sequential,
        "relative_effect": np.nan,
        "relative_ci_low": np.nan,
        "relative_ci_high": np.nan,
    }
    if control.value > 0:
        ratio = treatment.value / control.value
        relative_error = np.sqrt(treatment.variance + ratio**2 * control.variance) / control.value
        result["relative_effect"] = ratio - 1
        result["relative_ci_low"] = ratio - 1 - width * relative_error
        result["relative_ci_high"] = ratio - 1 + width * relative_error
    return result


def experiment_estimates(
    moments: pa.Table, catalogs: pa.Table, parameters: EffectParameters
) -> pa.Table:
    """Estimate what each variant changes, by every metric.

    Parameters
    ----------
    moments : pa.Table
        One row per experiment, variant, metric, segment_kind, segment and day (null: all days): n
        users, and sum_y, sum_x, sum_c, sum_yy, … over them.
    catalogs : pa.Table
        One row per experiment and variant: n_users, the share of the catalogue that they were shown
        (value), and its variance.
    parameters : EffectParameters
        What was declared of the experiments.

    Returns
    -------
    pa.Table
        One row per experiment, metric, segment, day, variant but the control, and adjustment:
        `none`, or `cuped` where something was known of the users before. In the order of these.
        The metric `ctr_gap` is that of ctr for the best segment less that for the worst.
    """
    groups = {}
    for row in moments.to_pylist():
        key = (row["experiment"], row["metric"], row["segment_kind"], row["segment"], row["day"])
        its = Moments(row["n"], *(row[f"sum_{name}"] for name in SUMS))
        if its.is_measured:
            groups.setdefault(key, {})[row["variant"]] = its
    rows = []
    for (experiment, *its_key), variants in groups.items():
        control = control_of(experiment, variants, parameters.experiments)
        if control is None:
            continue
        for variant in sorted(set(variants) - {control}):
            pairs = {"none": (variants[control].estimate(), variants[variant].estimate())}
            adjusted = cuped(variants[control], variants[variant])
            if adjusted:
                pairs["cuped"] = adjusted
            for adjustment, pair in pairs.items():
                rows.append(
                    _row((experiment, *its_key), variant, control, adjustment, pair, parameters)
                    | {"variance_reduction": _reduction(pairs, adjustment)}
                )
    for (experiment, metric, kind), variants in _segments(groups).items():
        control = control_of(experiment, variants, parameters.experiments)
        for variant in sorted(set(variants) - {control}) if control else []:
            both = variants[control].keys() & variants[variant].keys()
            if len(both) < 2:
                continue
            pair = [gap({its: variants[name][its] for its in both}) for name in (control, variant)]
            key = (experiment, f"{metric}_gap", kind, "all", None)
            rows.append(
                _row(key, variant, control, "none", pair, parameters) | {"variance_reduction": 0.0}
            )
    by_experiment = {}
    for row in catalogs.to_pylist():
        its = Estimate(row["n_users"], row["value"], row["variance"])
        by_experiment.setdefault(row["experiment"], {})[row["variant"]] = its
    for experiment, variants in by_experiment.items():
        control = control_of(experiment, variants, parameters.experiments)
        for variant in sorted(set(variants) - {control}) if control else []:
            key = (experiment, "catalog_coverage", "all", "all", None)
            pair = (variants[control], variants[variant])
            row = _row(key, variant, control, "none", pair, parameters)
            # It grows with the users whom it is of: there is no mean that it settles at.
            row |= {"sequential_ci_low": None, "sequential_ci_high": None}
            rows.append(row | {"variance_reduction": 0.0})
    rows.sort(key=lambda row: [(row[name] is not None, row[name]) for name in EFFECTS.names[:8]])
    columns = {
        name: pa.array([row[name] for row in rows], kind, from_pandas=True)
        for name, kind in zip(EFFECTS.names, EFFECTS.types, strict=True)
    }
    return pa.table(columns, schema=EFFECTS)


def gap(segments: Mapping[str, Estimate]) -> Estimate:
    """Tell how much better a metric is for the segment that it is best for than for the worst.

    The segments are different people, so their variances add up. That they were picked as best and
    worst is not in the variance.
    """
    in_order = sorted(segments.values(), key=lambda its: its.value)
    worst, best = in_order[0], in_order[-1]
    return Estimate(worst.n + best.n, best.value - worst.value, worst.variance + best.variance)


def _segments(groups: dict) -> dict:
    """Click rates by segment: experiment, metric, kind → variant → segment → estimate."""
    segments = {}
    for (experiment, metric, kind, segment, day), variants in groups.items():
        if metric == "ctr" and kind != "all" and day is None:
            for variant, its in variants.items():
                of_kind = segments.setdefault((experiment, metric, kind), {})
                of_kind.setdefault(variant, {})[segment] = its.estimate()
    return segments


def _row(key, variant, control, adjustment, pair, parameters) -> dict:
    names = ("experiment", "metric", "segment_kind", "segment", "day")
    return {
        **dict(zip(names, key, strict=True)),
        "variant": variant,
        "control": control,
        "adjustment": adjustment,
        "n_users": pair[1].n,
        "n_users_control": pair[0].n,
        "value": pair[1].value,
        "value_control": pair[0].value,
        **difference(*pair, parameters.planned_users),
    }


def _reduction(pairs: dict, adjustment: str) -> float:
    """By what share the variance of the effect is smaller than without the adjustment."""
    before, after = (sum(its.variance for its in pairs[name]) for name in ("none", adjustment))
    return 1 - after / before if before > 0 else 0.0


def control_of(experiment: str, variants, experiments: Mapping[str, Mapping]) -> str | None:
    """Name the control: as declared, else `control`, else the first by name; None: not there."""
    declared = experiments.get(experiment, {}).get("control")
    if declared is not None:
        return declared if declared in variants else None
    return "control" if "control" in variants else min(variants, default=None)


def sample_ratio_tests(counts: pa.Table, experiments: Mapping[str, Mapping]) -> pa.Table:
    """Test whether each variant got the share of users that it was to get.

    Parameters
    ----------
    counts : pa.Table
        One row per experiment and variant: n_users, who are in no other variant of it, and
        n_users_in_several, of the experiment.
    experiments : mapping
        Experiment → what was declared: `shares`, of each variant. Without it all get the same.

    Returns
    -------
    pa.Table
        One row per experiment and variant that was assigned or declared, with the p-value of a
        chi-squared test over the experiment; below 0.001 it is a mismatch, and its effects mean
        nothing (Fabijan et al. 2019).
    """
    groups = {}
    for row in counts.to_pylist():
        groups.setdefault(row["experiment"], {})[row["variant"]] = row
    rows = []
    for experiment, assigned in sorted(groups.items()):
        shares = experiments.get(experiment, {}).get("shares") or dict.fromkeys(assigned, 1.0)
        variants = sorted(set(assigned) | set(shares))
        observed = np.array([assigned.get(name, {}).get("n_users", 0) for name in variants])
        expected = np.array([shares.get(name, 0.0) for name in variants]) / sum(shares.values())
        p_value = _share_p_value(observed, expected)
        for variant, n_users, share in zip(variants, observed, expected, strict=True):
            rows.append(
                {
                    "experiment": experiment,
                    "variant": variant,
                    "n_users": int(n_users),
                    "share": float(n_users / observed.sum()) if observed.any() else None,
                    "expected_share": float(share),
                    "p_value": p_value,
                    "is_mismatch": p_value is not None and p_value < MISMATCH_ALPHA,
                    "n_users_in_several": next(iter(assigned.values()))["n_users_in_several"],
                }
            )
    return pa.Table.from_pylist(rows, schema=SAMPLE_RATIOS)


def _share_p_value(observed: np.ndarray, expected: np.ndarray) -> float | None:
    if observed.sum() == 0 or len(observed) < 2:
        return None
    # A variant that nobody was to get, and somebody got, cannot be chance.
    if observed[expected == 0].sum() > 0:
        return 0.0
    is_expected = expected > 0
    if is_expected.sum() < 2:
        return None
    counts = observed[is_expected]
    return float(stats.chisquare(counts, counts.sum() * expected[is_expected]).pvalue)
