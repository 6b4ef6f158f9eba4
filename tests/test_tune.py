"""`make tune`, on a tiny data set: what it tries, writes down, and goes on from."""

import json
import runpy
import subprocess
import sys

import duckdb
import pytest
import yaml
from conftest import ROOT

TUNE = runpy.run_path(str(ROOT / "dbt_project" / "tuning" / "tune.py"))


def tune(warehouse, *arguments, **variables):
    result = subprocess.run(
        [
            *(sys.executable, "dbt_project/tuning/tune.py", *arguments),
            *("--folder", str(warehouse.folder), "--vars", yaml.safe_dump(variables)),
        ],
        cwd=ROOT,
        env=warehouse.environment,
        capture_output=True,
        text=True,
    )
    return result


def test_a_search_begins_with_the_vars_as_they_are_and_goes_on(warehouse, small_data):
    variables = small_data() | {"splits": ["leave_one_out"], "ease_regularization": 7}
    for n_trials in (2, 1):
        result = tune(warehouse, "ease", "--trials", str(n_trials), **variables)
        assert result.returncode == 0, result.stdout + result.stderr
    with duckdb.connect(str(warehouse.database), read_only=True) as connection:
        trials = connection.execute(
            "select trial, model, fold, metric, k, value, vars from tuning.trials order by trial"
        ).fetchall()
    assert [trial[:5] for trial in trials] == [
        (number, "ease", "loo_tune", "ndcg", 10) for number in range(3)
    ]
    tried = [json.loads(trial[-1])["ease_regularization"] for trial in trials]
    assert tried[0] == 7
    assert all(7 <= value <= 5000 for value in tried[1:])
    # The best is printed as vars to paste.
    best = max(trials, key=lambda trial: trial[5])
    printed = result.stdout.partition("# ndcg@10 ")[2].partition("\n")[2].partition("\n\n")[0]
    assert yaml.safe_load(printed) == json.loads(best[-1])


@pytest.mark.parametrize("model", TUNE["SPACES"])
def test_the_vars_as_they_are_can_be_tried(model, tmp_path):
    tuner = TUNE["Tuner"](model, {}, "ndcg", 10, tmp_path)
    for name, space in tuner.space["vars"].items():
        value = tuner.first[name]
        assert (
            value in space["choices"]
            if "choices" in space
            else (space["low"] <= value <= space["high"])
        )


def test_a_space_grows_to_hold_the_value_that_a_var_has():
    including = TUNE["including"]
    assert including(64, {"choices": [8, 16]}) == {"choices": [8, 16, 64]}
    assert including(7, {"low": 10.0, "high": 20.0, "log": True}) == {
        "low": 7.0, "high": 20.0, "log": True,
    }  # fmt: skip
    # Nothing is 0 on a log scale.
    assert including(0, {"low": 0.1, "high": 1.0, "log": True}) == {
        "low": 0.0, "high": 1.0, "log": False,
    }  # fmt: skip


def test_what_cannot_be_tuned_is_refused(warehouse):
    result = tune(warehouse, "popular")
    assert result.returncode == 2
    assert "cannot tune 'popular'; choose from trending" in result.stderr
