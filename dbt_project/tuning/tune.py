"""Search for the vars of one source, or of the blend, on the fold `tune`.

Each trial is a `dbt run` with other vars, in a database of its own that holds the fold to tune on
and no other. Optuna (Akiba et al. 2019) proposes what to try next; its study is a file, so that a
search that was stopped goes on where it was. The first trial has the vars as they are.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import optuna
import yaml
from rich.console import Console

PROJECT = Path(__file__).parents[1]
ROOT = PROJECT.parent
SPACES = yaml.safe_load((Path(__file__).parent / "search_spaces.yml").read_text())
DEFAULTS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
METRICS = ("recall", "recall_capped", "precision", "hit_rate", "ndcg", "map", "mrr")
FOLDS = {"time": "tune", "leave_one_out": "loo_tune"}

# A mean over users, as in `evaluation.metrics`; the name of the column is checked before.
METRIC = """
    select avg({metric})
    from evaluation.user_accuracy
    inner join evaluation.evaluated_users using (fold, user_key)
    where fold = $fold and model = $model and k = $k and segment = $segment
"""
TRIALS = """
    create schema if not exists tuning;
    create table if not exists tuning.trials (
        study varchar,
        trial integer,
        model varchar,
        fold varchar,
        segment varchar,
        metric varchar,
        k integer,
        value double,
        vars json,
        seconds double,
        primary key (study, trial)
    )
"""


class Tuner:
    """A search over the vars of one model.

    Parameters
    ----------
    model : str
        A key of search_spaces.yml.
    base : dict
        Vars that every trial has, such as the data set.
    metric, k : str, int
        What is maximised, as in `evaluation.metrics`.
    folder : Path
        Where the database of the trials and the study are kept.
    """

    def __init__(self, model: str, base: dict, metric: str, k: int, folder: Path) -> None:
        self.model, self.metric, self.k, self.folder = model, metric, k, folder
        split = base.get("splits", DEFAULTS["splits"])[0]
        self.fold = FOLDS.get(split, f"{split}_tune")
        self.base = {**base, "folds": [self.fold], "metric_ks": [k]}
        if model != "blend":
            self.base |= {
                "sources": [model],
                "blend_weights": {model: 1.0},
                "blend_weights_by_split": {},
            }
        elif split in self.value_of("blend_weights_by_split"):
            # The weights of this split alone are those to be found.
            weights = self.base.get("blend_weights_by_split") or DEFAULTS["blend_weights_by_split"]
            self.base |= {"blend_weights": weights[split], "blend_weights_by_split": {}}
        self.database = folder / "trials.duckdb"
        self.first = {name: self.value_of(name) for name in SPACES[model]["vars"]}
        self.space = SPACES[model] | {
            "vars": {
                name: including(self.first[name], space)
                for name, space in SPACES[model]["vars"].items()
            }
        }
        # From elsewhere it is another search.
        start = json.dumps(base | self.first, sort_keys=True)
        self.study_name = f"{model} {self.fold} {metric}@{k} {start}"

    def value_of(self, name: str):
        """The value that a var has before the search; of `var.key`, that of the key, or 0."""
        name, _, key = name.partition(".")
        value = self.base.get(name, DEFAULTS[name])
        return value.get(key, 0.0) if key else value

    def prepare(self) -> None:
        """Build all that no trial changes."""
        self.run("seed")
        self.run("run", "--select", "+user_accuracy")

    def run(self, command: str, *arguments: str, **variables) -> None:
        """Run dbt with the vars of every trial, and these.

        Raises
        ------
        RuntimeError
            With dbt's own words, when it fails.
        """
        result = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("dbt")), "--quiet", command, *arguments),
                *("--project-dir", str(PROJECT), "--profiles-dir", str(ROOT)),
                *("--target-path", str(self.folder / "target")),
                *("--log-path", str(self.folder / "logs")),
                *("--vars", yaml.safe_dump(self.base | variables)),
            ],
            cwd=ROOT,
            env=os.environ | {"FORYOU_DATABASE": str(self.database)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode:
            raise RuntimeError(f"dbt {command} failed:\n{result.stdout}")

    def objective(self, trial: optuna.Trial) -> float:
        """Run what the vars of a trial change, and read the metric."""
        started = time.monotonic()
        variables = self.nested(
            {name: suggest(trial, name, space) for name, space in self.space["vars"].items()}
        )
        self.run(
            "run",
            "--select",
            *(f"{first}+,+user_accuracy" for first in self.space["from"]),
            **variables,
        )
        names = {"fold": self.fold, "model": self.model, "segment": self.space["segment"]}
        with duckdb.connect(str(self.database), read_only=True) as connection:
            query = METRIC.format(metric=self.metric)
            [value] = connection.execute(query, names | {"k": self.k}).fetchone()
        if value is None:
            raise RuntimeError(f"the fold {self.fold} has no users with something to find")
        trial.set_user_attr("seconds", time.monotonic() - started)
        trial.set_user_attr("vars", variables)
        return value

    def nested(self, values: dict) -> dict:
        """Gather each `var.key` in one mapping, with the keys that are not searched as they are."""
        variables = {}
        for name, value in values.items():
            name, _, key = name.partition(".")
            if key:
                variables.setdefault(name, dict(self.value_of(name)))[key] = value
            else:
                variables[name] = value
        return variables

    def study(self) -> optuna.Study:
        """The search so far: a new one begins with the vars as they are."""
        study = optuna.create_study(
            storage=f"sqlite:///{self.folder / 'studies.sqlite'}",
            study_name=self.study_name,
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=42, multivariate=True),
        )
        if not finished(study):
            study.enqueue_trial(self.first)
        return study


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that have a value, in order: the first has the vars as they were."""
    return study.get_trials(states=[optuna.trial.TrialState.COMPLETE])


def including(value, space: dict) -> dict:
    """A space with the value of a var in it, wherever that is.

    Examples
    --------
    >>> including(64, {"choices": [8, 16]})
    {'choices': [8, 16, 64]}
    >>> including(0.0, {"low": 0.1, "high": 1.0, "log": True})
    {'low': 0.0, 'high': 1.0, 'log': False}
    """
    if "choices" in space:
        return space if value in space["choices"] else {"choices": [*space["choices"], value]}
    value = type(space["low"])(value)
    low, high = min(space["low"], value), max(space["high"], value)
    return {"low": low, "high": high, "log": space.get("log", False) and low > 0}


def suggest(trial: optuna.Trial, name: str, space: dict):
    """Draw a value for a var from its space: one of its choices, or a number within its bounds."""
    if "choices" in space:
        return trial.suggest_categorical(name, space["choices"])
    draw = trial.suggest_int if isinstance(space["low"], int) else trial.suggest_float
    value = draw(name, space["low"], space["high"], log=space["log"])
    # Three digits are enough for anything that is searched here.
    return value if isinstance(value, int) else float(f"{value:.3g}")


def write_trials(tuner: Tuner, study: optuna.Study, database: Path) -> None:
    """Write the finished trials of a study to `tuning.trials`, in place of what it has of them."""
    rows = [
        (
            *(tuner.study_name, trial.number, tuner.model, tuner.fold, tuner.space["segment"]),
            *(tuner.metric, tuner.k, trial.value),
            *(json.dumps(trial.user_attrs["vars"]), trial.user_attrs["seconds"]),
        )
        for trial in finished(study)
    ]
    with duckdb.connect(str(database)) as connection:
        connection.execute(TRIALS)
        connection.execute("delete from tuning.trials where study = $1", [tuner.study_name])
        if rows:
            connection.executemany(
                f"insert into tuning.trials values ({', '.join('?' * len(rows[0]))})", rows
            )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help=f"one of {', '.join(SPACES)}")
    parser.add_argument("--vars", default="{}", help="vars of every trial, in YAML")
    parser.add_argument("--trials", type=int, default=30, help="trials in this run, at most")
    parser.add_argument("--minutes", type=float, default=30, help="no trial starts after these")
    parser.add_argument("--folder", type=Path, help="where the trials run, and are remembered")
    parser.add_argument("--metric", choices=METRICS, default="ndcg")
    parser.add_argument("--k", type=int, default=10)
    arguments = parser.parse_args()
    if arguments.model not in SPACES:
        parser.error(f"cannot tune {arguments.model!r}; choose from {', '.join(SPACES)}")

    os.chdir(ROOT)
    database = Path(os.environ.get("FORYOU_DATABASE") or "warehouse.duckdb").resolve()
    base = yaml.safe_load(arguments.vars) or {}
    dataset = str(base.get("dataset", DEFAULTS["dataset"]))
    folder = arguments.folder or ROOT / "target" / "tuning" / dataset
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("sqlalchemy").setLevel(logging.ERROR)
    console = Console()

    tuner = Tuner(arguments.model, base, arguments.metric, arguments.k, folder)
    console.print(f"{arguments.model}: {tuner.metric}@{tuner.k} on {tuner.fold}. Building…")
    tuner.prepare()
    study = tuner.study()

    def tell(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        best = study.best_trial
        console.print(
            f"trial {trial.number}: {trial.value:.4f} in {trial.user_attrs['seconds']:.0f} s "
            f"{trial.user_attrs['vars']}; best {best.value:.4f} (trial {best.number})",
            soft_wrap=True,
        )
        write_trials(tuner, study, database)

    study.optimize(
        tuner.objective,
        n_trials=arguments.trials,
        timeout=60 * arguments.minutes,
        callbacks=[tell],
    )
    best, first = study.best_trial, finished(study)[0]
    console.print(
        f"\nAs they were: {first.value:.4f}. Best of {len(finished(study))}, for your vars:\n"
    )
    console.print(f"# {tuner.metric}@{tuner.k} {best.value:.4f} on {tuner.fold}")
    console.print(yaml.safe_dump(best.user_attrs["vars"], sort_keys=False), soft_wrap=True)
    console.print(f"All trials: tuning.trials in {database}")


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"foryou: {error}")
