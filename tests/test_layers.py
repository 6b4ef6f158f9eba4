"""The layers of the project: who may read whom, over dbt's own manifest."""

import json
import re

import pytest
from conftest import ROOT

# A model reads its own layer and those before it.
LAYERS = [
    "staging",
    "inputs",
    "folds",
    "features",
    "candidates",
    "ranking",
    "recommendations",
    "evaluation",
    "experiments",
]


@pytest.fixture(scope="module")
def manifest(built):
    return json.loads(built.manifest.read_text())


@pytest.fixture(scope="module")
def models(manifest):
    return {
        name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"
    }


def layer(node) -> int:
    return LAYERS.index(node["fqn"][1])


def test_no_model_reads_a_later_layer(models):
    wrong = [
        (name, parent)
        for name, node in models.items()
        for parent in node["depends_on"]["nodes"]
        if parent in models and layer(models[parent]) > layer(node)
    ]
    assert wrong == []


def test_only_staging_reads_sources(models):
    wrong = [
        name
        for name, node in models.items()
        if layer(node) > 0
        and any(parent.startswith("source.") for parent in node["depends_on"]["nodes"])
    ]
    assert wrong == []


def test_every_public_model_has_a_contract(models):
    public = [node for node in models.values() if node["access"] == "public"]
    assert public
    assert [node["name"] for node in public if not node["contract"]["enforced"]] == []


def test_every_model_and_column_is_described_and_tested(manifest, models, built):
    # A data test of a view that is read in blocks would work all of it out at once; it has a unit
    # test.
    tested = {
        parent
        for node in [*manifest["nodes"].values(), *manifest["unit_tests"].values()]
        if node["resource_type"] in ("test", "unit_test")
        for parent in node["depends_on"]["nodes"]
    }
    assert [name for name in models if name not in tested] == []
    assert [name for name, node in models.items() if not node["description"]] == []
    # What gathers features has them under the names that feature_definitions describes.
    features = {
        feature
        for (feature,) in built.rows(
            "select feature from features.feature_definitions where description <> ''"
        )
    }
    gathers = {"candidate_scores", "ranking_features", "ranking_examples"}
    undescribed = []
    for node in models.values():
        columns = {name for name, column in node["columns"].items() if column["description"]}
        columns |= features if node["name"] in gathers else set()
        in_table = built.rows(
            "select column_name from information_schema.columns"
            " where table_schema = $1 and table_name = $2",
            [node["schema"], node["name"]],
        )
        undescribed += [(node["name"], column) for (column,) in in_table if column not in columns]
    assert undescribed == []


def test_every_model_belongs_to_a_group(models):
    assert [name for name, node in models.items() if not node["group"]] == []


def test_every_var_is_declared_and_checked():
    """No var is read that dbt_project.yml does not list, or that check_vars does not know."""
    project = ROOT / "dbt_project"
    read = set()
    for file in [*project.glob("models/**/*.*"), *project.glob("macros/*.sql")]:
        if file.suffix in (".sql", ".yml"):
            read |= set(re.findall(r"var\(['\"](\w+)['\"]\)", file.read_text()))
    declared = set(re.findall(r"^  (\w+):", vars_block(project), flags=re.M))
    assert read <= declared
    checks = (project / "macros" / "check_vars.sql").read_text()
    assert [name for name in sorted(declared) if f"'{name}'" not in checks] == []


def vars_block(project) -> str:
    return (project / "dbt_project.yml").read_text().split("\nvars:")[1].split("\non-run-start:")[0]
