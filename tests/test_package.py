"""foryou as a package of somebody else's project: tests/example_shop, in a copy of it."""

import filecmp
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import forked_dbt
import pytest
import yaml
from forked_dbt import ROOT

EXAMPLE = ROOT / "tests" / "example_shop"


@dataclass
class Shop:
    """A copy of the example, to which foryou is a package at the same place as to the original."""

    folder: Path

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess:
        return forked_dbt.dbt(
            ["--no-use-colors", *arguments],
            os.environ | {"FORYOU_HOME": str(ROOT), "SHOP_DATABASE": "shop.duckdb"},
            self.folder,
        )

    def rows(self, query: str) -> list[tuple]:
        with duckdb.connect(self.folder / "shop.duckdb", read_only=True) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Shop:
    folder = tmp_path_factory.mktemp("package") / "shop"
    ignored = shutil.ignore_patterns("target", "logs", "dbt_packages", "*.duckdb*", ".user.yml")
    shutil.copytree(EXAMPLE, folder, ignore=ignored)
    packages = yaml.safe_load((EXAMPLE / "packages.yml").read_text())
    [package] = packages["packages"]
    package["local"] = str((EXAMPLE / package["local"]).resolve())
    (folder / "packages.yml").write_text(yaml.safe_dump(packages))
    copy = Shop(folder)
    for command in ("deps", "build"):
        result = copy.dbt(command)
        assert result.returncode == 0, result.stdout
    return copy


def test_every_customer_is_recommended_the_shops_own_products(shop):
    assert shop.rows("select count(*), count(distinct user_id) from inputs.users") == [(40, 40)]
    [(n_customers, n_wrong)] = shop.rows(
        """
        select
            count(distinct recommendations.user_id),
            count(*) filter (
                not regexp_full_match(recommendations.user_id, 'c-\\d{4}')
                or not regexp_full_match(recommendations.item_id, 'SKU/\\d{4}')
                or (recommendations.extra ->> 'price') <> cast(products.price as varchar)
                or (recommendations.extra ->> 'brand') <> products.brand
                or products.sku is null
                or not products.is_sold
            )
        from recommendations.recommendations
        left join main_shop.shop_products as products
            on recommendations.item_id = products.sku
        where recommendations.fold = 'live'
        """
    )
    assert (n_customers, n_wrong) == (40, 0)


def test_every_kind_of_event_counts_as_the_shop_says(shop):
    assert shop.rows(
        "select distinct event_type, weight from inputs.interactions order by weight"
    ) == [("return", -5.0), ("view", 1.0), ("cart", 3.0), ("purchase", 5.0)]


def test_a_model_of_the_shop_reads_a_public_one(shop):
    [(n_customers, n_prices)] = shop.rows(
        "select count(distinct customer), count(price) from main.shop_recommendations"
    )
    assert n_customers == 40
    assert n_prices > 40


def test_the_shops_model_stands_in_for_a_disabled_one(shop):
    tables = shop.rows(
        "select table_schema from information_schema.tables where table_name = 'user_attributes'"
    )
    assert tables == [("main",)]
    segments = shop.rows(
        "select distinct segment from features.user_features where segment is not null order by 1"
    )
    assert segments == [("AT",), ("BE",), ("NL",)]


def test_a_model_that_only_has_the_same_name_is_refused(shop, tmp_path):
    copy = Shop(shutil.copytree(shop.folder, tmp_path / "shop", symlinks=True))
    (copy.folder / "models" / "users.sql").write_text("select 1 as mine\n")
    result = copy.dbt("run-operation", "foryou.check_overrides")
    assert result.returncode == 0, result.stdout

    project = copy.folder / "dbt_project.yml"
    flag = "  require_ref_searches_node_package_before_root: true\n"
    assert flag in project.read_text()
    project.write_text(project.read_text().replace(flag, ""))
    result = copy.dbt("run-operation", "foryou.check_overrides")
    assert result.returncode != 0
    assert "of the same name: users of example_shop" in " ".join(result.stdout.split())


def test_the_seeds_are_what_their_script_makes(tmp_path):
    (tmp_path / "seeds").mkdir()
    script = shutil.copy(EXAMPLE / "make_seeds.py", tmp_path)
    subprocess.run([sys.executable, script], check=True)
    names = sorted(file.name for file in (EXAMPLE / "seeds").glob("*.csv"))
    assert len(names) == 6
    same, _, _ = filecmp.cmpfiles(EXAMPLE / "seeds", tmp_path / "seeds", names, shallow=False)
    assert same == names
