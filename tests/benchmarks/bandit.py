"""What exploration costs and finds: Thompson sampling against greedy, epsilon-greedy and uniform.

``python tests/benchmarks/bandit.py --data folder`` reads the Open Bandit logs (Saito et al. 2021;
``obd_sample_log.parquet`` in the folder) and tells the policies apart in two ways, each over
several seeds:

- A simulation: an item is clicked as often as it was in the logs of both policies, and so many
  impressions are served a night. The regret is what the best item alone would have brought, less
  what was served. Over the counts of a short log these rates differ more than the true ones, since
  chance adds to them.
- A replay (Li, Chu, Langford, Wang 2011) of the log of the uniform policy: where a policy chooses
  what was logged, the event happened; the others are passed over. Each seed draws the log's events
  anew with replacement, so that the interval holds the log's own chance, and goes through them so
  many times, since few are kept.

As in a warehouse, arms are known as of the last night: their Beta distributions are those of the
model ``bandit_arms``, compiled by dbt and run on the impressions so far, and Thompson's draws those
of ``models_py.thompson``. Rows go to ``target/benchmarks/bandit.json``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import yaml
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from models_py.thompson import beta_draws  # noqa: E402

OUTPUT = ROOT / "target" / "benchmarks"
STARTED_AT = datetime(2026, 1, 1)
EPSILON = 0.1
# Of a standard normal distribution.
WIDTH_95 = 1.96


def compiled_arms(variables: dict) -> str:
    """Have dbt compile the model bandit_arms, with these vars."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "compile"]
        command += ["--project-dir", "dbt_project", "--select", "bandit_arms"]
        command += ["--target-path", f"{folder}/target", "--log-path", f"{folder}/logs"]
        command += ["--vars", yaml.safe_dump(variables)]
        environment = os.environ | {"FORYOU_DATABASE": f"{folder}/warehouse.duckdb"}
        result = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise SystemExit(result.stdout + result.stderr)
        models = Path(folder) / "target" / "compiled" / "foryou" / "models"
        return (models / "features" / "bandit_arms.sql").read_text()


class Arms:
    """The arms of a warehouse that has impressions and nothing else."""

    def __init__(self, query: str, n_arms: int) -> None:
        self.query = query
        self.n_arms = n_arms
        self.connection = duckdb.connect(config={"threads": 1})
        for statement in (
            "create schema folds",
            "create schema inputs",
            "create table folds.folds (fold varchar, split varchar, cutoff_at timestamp)",
            f"create table folds.fold_items as select 'live' as fold, range::int as item_key"
            f" from range({n_arms})",
            "create table folds.test_interactions (fold varchar, user_key int, item_key int)",
            "create table folds.user_items (fold varchar, user_key int, item_key int,"
            " is_positive boolean, last_interaction_at timestamp)",
            "create table inputs.impressions (user_key int, item_key int, shown_at timestamp,"
            " policy varchar, clicked boolean)",
        ):
            self.connection.execute(statement)

    def known_on(self, night: int) -> tuple[np.ndarray, np.ndarray]:
        """Alpha and beta of each arm, from what was shown before a night."""
        self.connection.execute("delete from folds.folds")
        self.connection.execute(
            "insert into folds.folds values ('live', 'live', ?)",
            [STARTED_AT + timedelta(days=night)],
        )
        arms = self.connection.sql(
            f"select alpha, beta from ({self.query}) where arm_kind = 'item' order by item_key"
        ).fetchnumpy()
        return arms["alpha"], arms["beta"]

    def show(self, night: int, items: np.ndarray, clicked: np.ndarray) -> None:
        """Write down what is shown on the day after a night."""
        shown = pa.table({"item_key": items.astype(np.int32), "clicked": clicked})
        self.connection.register("shown", shown)
        self.connection.execute(
            "insert into inputs.impressions select 0, item_key, ?, null, clicked from shown",
            [STARTED_AT + timedelta(days=night, hours=12)],
        )
        self.connection.unregister("shown")


def best(scores: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Find the best column of each row; of equals any."""
    is_best = scores == scores.max(axis=1, keepdims=True)
    return (is_best * random.random(scores.shape)).argmax(axis=1)


def thompson(alpha, beta, n, random):
    """Whatever is best in a draw from what is known."""
    return best(beta_draws(alpha, beta, random.random((n, len(alpha)))), random)


def greedy(alpha, beta, n, random):
    """Whatever is best on average."""
    return best(np.tile(alpha / (alpha + beta), (n, 1)), random)


def epsilon_greedy(alpha, beta, n, random):
    """Greedy, but one time in ten anything."""
    explores = random.random(n) < EPSILON
    chosen = greedy(alpha, beta, n, random)
    return np.where(explores, random.integers(0, len(alpha), n), chosen)


def uniform(alpha, beta, n, random):
    """Anything."""
    return random.integers(0, len(alpha), n)


POLICIES: dict[str, Callable] = {
    policy.__name__: policy for policy in (thompson, greedy, epsilon_greedy, uniform)
}


@dataclass(frozen=True)
class Log:
    """What was shown in a campaign, and what of it was clicked."""

    items: np.ndarray
    """Item of each event of the uniform policy, 0 to n - 1."""
    clicked: np.ndarray
    """Whether each was clicked."""
    rates: np.ndarray
    """Clicks of each item / times shown, in the logs of both policies."""


def read_log(folder: Path, campaign: str) -> Log:
    """Read a campaign of the Open Bandit logs."""
    file = folder / "obd_sample_log.parquet"
    if not file.is_file():
        raise SystemExit(f"{folder} has no obd_sample_log.parquet; name its folder with --data")
    events = duckdb.execute(
        "select item_id, click = 1 as clicked, behavior_policy = 'random' as is_uniform"
        f" from '{file}' where campaign = ? order by behavior_policy, timestamp, item_id, position",
        [campaign],
    ).fetchnumpy()
    _, items = np.unique(events["item_id"], return_inverse=True)
    clicks = np.bincount(items, weights=events["clicked"])
    drawn = events["is_uniform"]
    return Log(items[drawn], events["clicked"][drawn], clicks / np.bincount(items))


def simulate(query: str, rates: np.ndarray, policy: Callable, options, seed: int) -> np.ndarray:
    """Serve impressions night by night; return the regret so far after each night, in clicks."""
    random = np.random.default_rng(seed)
    arms = Arms(query, len(rates))
    regret = []
    for night in range(options.nights):
        chosen = policy(*arms.known_on(night), options.impressions, random)
        arms.show(night, chosen, random.random(len(chosen)) < rates[chosen])
        regret.append((rates.max() - rates[chosen]).sum())
    return np.cumsum(regret)


def replay(query: str, log: Log, policy: Callable, options, seed: int) -> tuple[int, int]:
    """Go through the log night by night; return how many events were kept, and their clicks."""
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(log.items), len(log.items))
    events = np.concatenate([random.permutation(drawn) for _ in range(options.passes)])
    arms = Arms(query, len(log.rates))
    n_kept = n_clicks = 0
    for night, of_night in enumerate(np.array_split(events, options.nights)):
        chosen = policy(*arms.known_on(night), len(of_night), random)
        kept = of_night[chosen == log.items[of_night]]
        arms.show(night, log.items[kept], log.clicked[kept])
        n_kept += len(kept)
        n_clicks += int(log.clicked[kept].sum())
    return n_kept, n_clicks


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over seeds, with a 95 % interval."""
    half = WIDTH_95 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def measure(query: str, log: Log, campaign: str, options, tick: Callable) -> list[dict]:
    """Run every policy with every seed."""
    rows = []
    seeds = range(options.seeds)

    def add(policy: str, how: str, metric: str, after: int, values: np.ndarray) -> None:
        value, low, high = interval(values)
        rows.append(
            {"campaign": campaign, "policy": policy, "how": how, "metric": metric, "after": after}
            | {"value": value, "ci_low": low, "ci_high": high, "n_seeds": options.seeds}
            | {"vars": options.vars}
        )

    for name, policy in POLICIES.items():
        regrets, rates_kept = [], []
        for seed in seeds:
            regrets.append(simulate(query, log.rates, policy, options, seed))
            n_kept, n_clicks = replay(query, log, policy, options, seed)
            rates_kept.append(n_clicks / max(n_kept, 1))
            tick()
        for part in (4, 2, 1):
            nights = options.nights // part
            of_part = np.array([regret[nights - 1] for regret in regrets])
            add(name, "simulation", "regret", nights * options.impressions, of_part)
        add(name, "replay", "click_rate", options.passes * len(log.items), np.array(rates_kept))
    return rows


def as_table(rows: list[dict]) -> Table:
    """One line a policy, with intervals below the values."""
    columns = list(dict.fromkeys((row["metric"], row["after"]) for row in rows))
    headers = [f"{metric} after {after:,}".replace("_", " ") for metric, after in columns]
    table = Table("policy", *headers, show_lines=True)
    for policy in POLICIES:
        cells = []
        for row in rows:
            if row["policy"] == policy:
                digits = 1 if row["metric"] == "regret" else 4
                value, low, high = (
                    f"{row[name]:.{digits}f}" for name in ("value", "ci_low", "ci_high")
                )
                cells.append(f"{value}\n{low} to {high}")
        table.add_row(policy, *cells)
    return table


def main(arguments: list[str] | None = None) -> int:
    """Print a table of regrets and click rates, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the Open Bandit logs")
    parser.add_argument("--campaigns", nargs="+", default=["men"], help="of all, men, women")
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument("--impressions", type=int, default=2000, help="served a night")
    parser.add_argument("--passes", type=int, default=5, help="through the log, in the replay")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--vars", default="{}", help="vars for bandit_arms, in YAML")
    options = parser.parse_args(arguments)
    if options.nights < 4:
        parser.error("--nights must be at least 4: regret is told after each quarter")
    logs = {campaign: read_log(options.data, campaign) for campaign in options.campaigns}
    query = compiled_arms(yaml.safe_load(options.vars))
    console = Console()
    rows = []
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("runs", total=len(logs) * len(POLICIES) * options.seeds)
        for campaign, log in logs.items():
            if not len(log.items):
                raise SystemExit(f"the log has no campaign {campaign}; choose of all, men, women")
            rows += measure(query, log, campaign, options, lambda: progress.advance(task))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "bandit.json").write_text(json.dumps(rows, indent=1))
    for campaign, log in logs.items():
        console.print(
            f"{campaign}: {len(log.rates)} items, clicked {log.rates.min():.4f} to"
            f" {log.rates.max():.4f} of the time; {log.clicked.sum()} clicks in"
            f" {len(log.items):,} events of the uniform policy. {options.seeds} seeds."
        )
        console.print(as_table([row for row in rows if row["campaign"] == campaign]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
