"""Whether what experiments and logs are said to show is so, where the truth is known.

``python tests/benchmarks/experiments.py`` makes up experiments with planted effects, and logs of a
policy that another one is judged by, a thousand each, has dbt build their tables, and prints how
many of the 95 % intervals hold the truth, estimator by estimator; by how much CUPED makes variances
smaller, beside what the correlation with the past predicts; and how many always-valid intervals
hold the truth at every one of many looks.

With ``--data folder`` it also reads the Open Bandit logs (Saito et al. 2021), which lie in the
folder ``open-bandit`` under it: the effect of Thompson sampling over uniform choice in each
campaign, its interval beside a bootstrap's; p-values of random halves of the uniform log, which
differ by nothing (A/A); and what the uniform log tells of Thompson sampling, beside what its own
log does.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from models_py.experiments import Moments, difference  # noqa: E402

STARTED_AT = datetime(2026, 3, 1)
DAY = timedelta(days=1)
LIFT = 0.3
N_LOOKS = 50


def build(database: Path, **variables) -> duckdb.DuckDBPyConnection:
    """Have dbt build the tables of experiments, and open them."""
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build"]
    command += ["--project-dir", "dbt_project", "--selector", "experiments"]
    command += ["--exclude-resource-types", "unit_test"]
    command += [
        "--target-path",
        f"{database.parent}/target",
        "--log-path",
        f"{database.parent}/logs",
    ]
    command += ["--vars", yaml.safe_dump({"off_policy_targets": ["logged"]} | variables)]
    environment = os.environ | {"FORYOU_DATABASE": str(database)}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise SystemExit(result.stdout + result.stderr)
    return duckdb.connect(str(database), read_only=True)


# ---------- made-up experiments ----------


def simulated(n_experiments: int, n_users: int, seed: int) -> tuple[dict[str, pa.Table], dict]:
    """Experiments of two variants, and the true effects.

    A user has a taste for clicking and one for buying, which last: the past tells of them. The
    treatment raises clicks, purchases and returns by LIFT.

    Returns
    -------
    dict of pa.Table, dict
        Inputs by name, and metric → true effect.
    """
    rng = np.random.default_rng(seed)
    n = n_experiments * n_users
    experiment = np.repeat(np.arange(n_experiments), n_users)
    is_treated = rng.random(n) < 0.5
    lift = 1 + LIFT * is_treated
    user = np.array([f"u{place}" for place in range(n)])
    clicks, buys, returns = rng.beta(2, 18, n), rng.gamma(2, 0.2, n), rng.beta(4, 12, n)
    assigned_at = np.datetime64(STARTED_AT, "us")

    def times(count: np.ndarray, first_day: int, last_day: int) -> np.ndarray:
        seconds = rng.integers(first_day * 86400, last_day * 86400, count.sum())
        return assigned_at + seconds.astype("timedelta64[s]")

    def shown(first_day: int, last_day: int, times_as_likely: np.ndarray) -> pa.Table:
        count = rng.poisson(8, n)
        who = np.repeat(np.arange(n), count)
        return pa.table(
            {
                "customer": user[who],
                "sku": np.array([f"i{item}" for item in range(20)])[rng.integers(0, 20, len(who))],
                "shown_at": times(count, first_day, last_day),
                "clicked": rng.random(len(who)) < (clicks * times_as_likely)[who],
                "dwell_seconds": rng.exponential(30, len(who)) * (clicks * times_as_likely)[who],
            }
        )

    def bought(first_day: int, last_day: int, times_as_likely: np.ndarray) -> pa.Table:
        count = rng.poisson(buys * times_as_likely)
        who = np.repeat(np.arange(n), count)
        return pa.table(
            {
                "customer": user[who],
                "sku": np.array([f"i{item}" for item in range(20)])[rng.integers(0, 20, len(who))],
                "action": np.repeat("purchase", len(who)),
                "amount": np.round(rng.lognormal(3, 0.5, len(who)), 2),
                "ts": times(count, first_day, last_day),
            }
        )

    # Whoever is back a week later looks at something that says nothing else of the user.
    back = rng.random(n) < returns * lift
    returned = pa.table(
        {
            "customer": user[back],
            "sku": np.repeat("i0", back.sum()),
            "action": np.repeat("visit", back.sum()),
            "amount": np.zeros(back.sum()),
            "ts": assigned_at + np.repeat(np.timedelta64(7 * 24 + 1, "h"), back.sum()),
        }
    )
    # The log goes on, so that the day is known to the end.
    last = pa.table(
        {
            "customer": ["nobody"],
            "sku": ["i0"],
            "action": ["visit"],
            "amount": [0.0],
            "ts": [assigned_at + np.timedelta64(9, "D")],
        }
    ).cast(returned.schema)
    tables = {
        "interactions": pa.concat_tables(
            [bought(-28, 0, np.ones(n)), bought(0, 7, lift), returned, last]
        ),
        "impressions": pa.concat_tables([shown(-28, 0, np.ones(n)), shown(0, 7, lift)]),
        "experiment_assignments": pa.table(
            {
                "customer": user,
                "experiment": np.array([f"e{number}" for number in range(n_experiments)])[
                    experiment
                ],
                "variant": np.where(is_treated, "treatment", "control"),
                "assigned_at": np.repeat(assigned_at, n),
            }
        ),
    }
    # Means of the distributions above. A Poisson of mean b × lift is above 0 with 1 − exp(−b lift);
    # over a gamma b with shape 2 and scale s that is 1 − (1 + s lift)^−2.
    bought_at_all = [1 - (1 + 0.2 * its) ** -2 for its in (1, 1 + LIFT)]
    truth = {
        "ctr": 0.1 * LIFT,
        "conversion": bought_at_all[1] - bought_at_all[0],
        "revenue": 0.4 * np.exp(3 + 0.5**2 / 2) * LIFT,
        "watch_time": 8 * 30 * 0.1 * LIFT,
        "retention_7d": 0.25 * LIFT,
    }
    return tables, truth


COLUMNS = {
    "interactions": {
        "user_id": "customer",
        "item_id": "sku",
        "event_type": "action",
        "value": "amount",
        "occurred_at": "ts",
    },
    "impressions": {
        "user_id": "customer",
        "item_id": "sku",
        "shown_at": "shown_at",
        "clicked": "clicked",
        "dwell_seconds": "dwell_seconds",
    },
    "experiment_assignments": {
        "user_id": "customer",
        "experiment": "experiment",
        "variant": "variant",
        "assigned_at": "assigned_at",
    },
}


def custom(folder: Path, tables: dict[str, pa.Table], columns: dict) -> dict:
    """Write tables as files, and give the vars that read them."""
    inputs = {}
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
        inputs[name] = {"file": str(folder / f"{name}.parquet"), "columns": columns[name]}
    return {"dataset": "custom", "custom": inputs}


def effects(n_experiments: int, n_users: int, seed: int) -> Table:
    """How many intervals of planted effects hold them."""
    tables, truth = simulated(n_experiments, n_users, seed)
    result = Table(
        "metric",
        "adjustment",
        "true",
        "mean",
        "holds",
        "holds, always valid",
        "narrower",
        "predicted",
    )
    with tempfile.TemporaryDirectory() as folder:
        variables = custom(Path(folder), tables, COLUMNS)
        with build(Path(folder) / "simulated.duckdb", **variables) as connection:
            for metric, true in truth.items():
                rows = connection.execute(
                    "select adjustment, avg(effect), avg(cast(ci_low <= $true and $true <= ci_high"
                    " as integer)), avg(cast(sequential_ci_low <= $true and $true <="
                    " sequential_ci_high as integer)), avg(variance_reduction)"
                    " from experiments.experiment_results where metric = $metric and day is null"
                    " group by adjustment order by adjustment desc",
                    {"true": true, "metric": metric},
                ).fetchall()
                for adjustment, mean, holds, holds_always, reduction in rows:
                    predicted = "–"
                    if adjustment == "cuped":
                        predicted = f"{100 * correlation(connection, metric) ** 2:.1f} %"
                    result.add_row(
                        metric,
                        adjustment,
                        f"{true:.4f}",
                        f"{mean:.4f}",
                        f"{100 * holds:.1f} %",
                        f"{100 * holds_always:.1f} %",
                        f"{100 * reduction:.1f} %",
                        predicted,
                    )
    return result


PAST = {
    "conversion": ("cast(n_conversions > 0 as integer)", "n_conversions_before"),
    "revenue": ("revenue", "revenue_before"),
    "watch_time": ("dwell_seconds", "dwell_seconds_before"),
    "retention_7d": ("is_retained_7d", "n_active_days_before"),
}


def correlation(connection, metric: str) -> float:
    """Of a metric of a user with the past, over all users of all experiments, variants apart."""
    if metric == "ctr":
        y, c = "n_clicks - rate * n_impressions", "n_clicks_before"
    else:
        y, c = PAST[metric]
    [(value,)] = connection.execute(
        f"select corr({y} - mean_y, {c} - mean_c) from (select *, avg({y}) over variant as mean_y,"
        f" avg({c}) over variant as mean_c from (select *, sum(n_clicks) over variant"
        " / sum(n_impressions) over variant as rate from experiments.experiment_users"
        " window variant as (partition by variant)) as with_rates"
        " window variant as (partition by variant)) as centred"
    ).fetchall()
    return value


def looks(n_experiments: int, n_users: int, seed: int) -> Table:
    """How many intervals hold a difference of 0 at every look, fixed and always valid."""
    rng = np.random.default_rng(seed)
    at_each = np.linspace(n_users / N_LOOKS, n_users, N_LOOKS).astype(int)
    missed = {"fixed": 0, "always valid": 0}
    for _ in range(n_experiments):
        draws = rng.poisson(1.0, (2, n_users)).astype(float)
        ones, none = np.ones(n_users), np.zeros(n_users)
        miss = dict.fromkeys(missed, False)
        for n in at_each:
            pair = [Moments.of_rows(its[:n], ones[:n], none[:n]).estimate() for its in draws]
            effect = difference(*pair, planned_users=n_users)
            miss["fixed"] |= not effect["ci_low"] <= 0 <= effect["ci_high"]
            miss["always valid"] |= (
                not effect["sequential_ci_low"] <= 0 <= effect["sequential_ci_high"]
            )
        for name in missed:
            missed[name] += miss[name]
    table = Table("interval", f"holds at all {N_LOOKS} looks")
    for name, count in missed.items():
        table.add_row(name, f"{100 * (1 - count / n_experiments):.1f} %")
    return table


# ---------- made-up logs ----------


def logs(n_logs: int, n_events: int, seed: int) -> tuple[dict[str, pa.Table], float]:
    """Logs of a uniform policy and of another one, a placement each, and the other's true value."""
    rng = np.random.default_rng(seed)
    n_items = 10
    rates = rng.beta(2, 18, n_items)
    other = rates**2 / (rates**2).sum()
    policies = {"uniform": np.full(n_items, 1 / n_items), "other": other}
    tables = []
    for name, chances in policies.items():
        n = n_logs * n_events
        item = rng.choice(n_items, n, p=chances)
        tables.append(
            pa.table(
                {
                    "customer": np.array([f"u{place}" for place in range(1000)])[
                        rng.integers(0, 1000, n)
                    ],
                    "sku": np.array([f"i{place}" for place in range(n_items)])[item],
                    "placement": np.repeat([f"p{place}" for place in range(n_logs)], n_events),
                    "policy": np.repeat(name, n),
                    "position": np.ones(n, np.int32),
                    "propensity": chances[item],
                    "clicked": rng.random(n) < rates[item],
                    "shown_at": np.datetime64(STARTED_AT, "us")
                    + np.arange(n).astype("timedelta64[s]"),
                }
            )
        )
    interactions = pa.table(
        {
            "customer": ["u0"],
            "sku": ["i0"],
            "action": ["visit"],
            "amount": [0.0],
            "ts": [STARTED_AT],
        }
    )
    return {"interactions": interactions, "impressions": pa.concat_tables(tables)}, float(
        other @ rates
    )


def off_policy(n_logs: int, n_events: int, seed: int) -> Table:
    """How many intervals of a policy's value hold it, from the log of another one."""
    tables, true = logs(n_logs, n_events, seed)
    names = ["placement", "policy", "position", "propensity", "clicked", "shown_at"]
    columns = COLUMNS | {
        "impressions": {"user_id": "customer", "item_id": "sku"}
        | dict(zip(names, names, strict=True))
    }
    result = Table("estimator", "true", "mean", "standard deviation", "holds")
    with tempfile.TemporaryDirectory() as folder:
        variables = custom(Path(folder), tables, columns)
        with build(Path(folder) / "logs.duckdb", **variables) as connection:
            rows = connection.execute(
                "select estimator, avg(value), stddev(value),"
                " avg(cast(ci_low <= $true and $true <= ci_high as integer))"
                " from experiments.off_policy_estimates where policy = 'other'"
                " group by estimator order by estimator",
                {"true": true},
            ).fetchall()
    for estimator, mean, deviation, holds in rows:
        result.add_row(
            estimator,
            f"{true:.5f}",
            f"{mean:.5f}",
            f"{deviation:.5f}",
            "–" if holds is None else f"{100 * holds:.1f} %",
        )
    return result


# ---------- Open Bandit ----------


def open_bandit(data: Path, n_splits: int, seed: int) -> list[Table]:
    """Tables of what the logs show."""
    rng = np.random.default_rng(seed)
    campaigns = ("all", "men", "women")
    controls = {campaign: {"control": "random"} for campaign in campaigns}
    variables = {"dataset": "open-bandit", "data_dir": str(data), "experiments": controls}
    with (
        tempfile.TemporaryDirectory() as folder,
        build(Path(folder) / "bandit.duckdb", **variables) as connection,
    ):
        results = connection.execute(
            "select experiment, value_control, value, effect, ci_low, ci_high, p_value"
            " from experiments.experiment_results where metric = 'ctr' and day is null"
            " and adjustment = 'none' order by experiment"
        ).fetchall()
        estimates = connection.execute(
            "select placement, estimator, value, ci_low, ci_high, effective_sample_size,"
            " observed_value, observed_ci_low, observed_ci_high"
            " from experiments.off_policy_estimates where policy = 'bts' order by all"
        ).fetchall()
        clicks = {
            (campaign, policy): np.array(its, float)
            for campaign, policy, its in connection.execute(
                "select placement, policy, list(cast(clicked as integer) order by user_key)"
                " from inputs.impressions group by all"
            ).fetchall()
        }
    effect_table = Table("campaign", "CTR random", "CTR bts", "effect", "p", "bootstrap")
    halves_table = Table("campaign", "splits", "p < .05")
    for campaign, control, value, effect, low, high, p in results:
        pair = [clicks[campaign, policy] for policy in ("bts", "random")]
        drawn = [rng.binomial(len(its), its.mean(), 10_000) / len(its) for its in pair]
        bootstrap = np.quantile(drawn[0] - drawn[1], [0.025, 0.975])
        effect_table.add_row(
            campaign,
            f"{control:.5f}",
            f"{value:.5f}",
            f"{effect:+.5f} [{low:+.5f}, {high:+.5f}]",
            f"{p:.3f}",
            f"[{bootstrap[0]:+.5f}, {bootstrap[1]:+.5f}]",
        )
        below = 0
        its = clicks[campaign, "random"]
        for _ in range(n_splits):
            is_first = rng.permutation(len(its)) < len(its) // 2
            halves = []
            for half in (its[is_first], its[~is_first]):
                moments = Moments.of_rows(half, np.ones(len(half)), np.zeros(len(half)))
                halves.append(moments.estimate())
            below += difference(*halves, planned_users=len(its))["p_value"] < 0.05
        halves_table.add_row(campaign, str(n_splits), f"{100 * below / n_splits:.1f} %")
    value_table = Table(
        "campaign",
        "estimator",
        "value of bts, from the log of random",
        "effective n",
        "its own log",
    )
    for (
        campaign,
        estimator,
        value,
        low,
        high,
        size,
        observed,
        observed_low,
        observed_high,
    ) in estimates:
        interval = "" if low is None else f" [{low:.5f}, {high:.5f}]"
        value_table.add_row(
            campaign,
            estimator,
            f"{value:.5f}{interval}",
            f"{size:.0f}",
            f"{observed:.5f} [{observed_low:.5f}, {observed_high:.5f}]",
        )
    return [effect_table, halves_table, value_table]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="the folder that has open-bandit in it")
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--users", type=int, default=400, help="of one experiment")
    parser.add_argument("--events", type=int, default=2000, help="of one log of one policy")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(effects(options.simulations, options.users, options.seed))
    console.print(looks(options.simulations, 5000, options.seed))
    console.print(off_policy(options.simulations, options.events, options.seed))
    if options.data:
        for table in open_bandit(options.data, 1000, options.seed):
            console.print(table)


if __name__ == "__main__":
    main()
