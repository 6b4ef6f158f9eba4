"""The semantic layer: what MetricFlow makes of the yml is what the tables say."""

import csv
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from exports.semantic_layer import copy_facts

pytest.importorskip("dbt_metricflow")


@pytest.fixture(scope="module")
def project(built, tmp_path_factory):
    """A project whose target folder is that of the build; MetricFlow looks nowhere else."""
    folder = tmp_path_factory.mktemp("semantic")
    shutil.copy(ROOT / "dbt_project" / "dbt_project.yml", folder)
    (folder / "target").symlink_to(built.folder / "target")
    return folder


def run(project, database, *arguments) -> subprocess.CompletedProcess:
    environment = {"DBT_PROJECT_DIR": str(project), "FORYOU_DATABASE": str(database)}
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def query(built, project, tmp_path):
    def query(*arguments) -> list[dict[str, str]]:
        file = tmp_path / "answer.csv"
        result = run(
            project, built.database, "-m", "exports.semantic_layer", *arguments, "--csv", str(file)
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return list(csv.DictReader(file.open()))

    return query


def test_ctr_is_that_of_the_experiment(built, query):
    rows = query("--metrics", "ctr", "--group-by", "experiment__variant")
    [(variant, value, control, value_control)] = built.rows(
        "select variant, value, control, value_control from experiments.experiment_results"
        " where metric = 'ctr' and segment_kind = 'all' and day is null"
    )
    assert {row["experiment__variant"]: float(row["ctr"]) for row in rows} == {
        variant: value,
        control: value_control,
    }


def test_means_over_users_are_those_of_metrics(built, query):
    rows = query(
        *("--metrics", "ndcg,recall", "--group-by", "list__model,list__at_k"),
        *("--where", "{{ Dimension('list__fold') }} = 'holdout'"),
    )
    expected = {
        (model, k): (ndcg, recall)
        for model, k, ndcg, recall in built.rows(
            "select model, cast(k as varchar), max(value) filter (metric = 'ndcg'),"
            " max(value) filter (metric = 'recall') from evaluation.metrics"
            " where fold = 'holdout' and segment_kind = 'all' and metric in ('ndcg', 'recall')"
            " group by model, k"
        )
    }
    assert len(rows) == len(expected) > 20
    for row in rows:
        found = float(row["ndcg"]), float(row["recall"])
        assert found == pytest.approx(expected[row["list__model"], row["list__at_k"]], abs=1e-9)


def test_all_that_is_declared_can_be_asked(built, project, tmp_path):
    """What `mf validate-configs` does: every dimension and metric, against the tables."""
    copy = copy_facts(built.database, project, tmp_path)
    command = "from dbt_metricflow.cli.main import validate_configs; validate_configs()"
    result = run(project, copy, "-c", command)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("ERRORS: 0, FUTURE_ERRORS: 0, WARNINGS: 0") == 6


def test_what_was_not_built_is_named(project, tmp_path):
    with pytest.raises(FileNotFoundError, match="none.duckdb is missing; `make build` builds it"):
        copy_facts(tmp_path / "none.duckdb", project, tmp_path)
    with pytest.raises(FileNotFoundError, match="semantic_manifest.json is missing"):
        copy_facts(tmp_path / "none.duckdb", tmp_path, tmp_path)
