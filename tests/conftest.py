"""Builds to look at: each is a real `dbt build` in a process and a database of its own."""

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
from filelock import FileLock

ROOT = forked_dbt.ROOT
DBT = Path(sys.executable).with_name("dbt")


@dataclass
class Warehouse:
    """A database that dbt builds into, with a target folder of its own."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def manifest(self) -> Path:
        return self.folder / "target" / "manifest.json"

    def arguments(self, *arguments: str, **variables) -> list[str]:
        """The arguments of the dbt command line, for this warehouse."""
        return [
            *("--no-use-colors", *arguments),
            *("--project-dir", "dbt_project", "--vars", yaml.safe_dump(variables)),
            *("--target-path", str(self.folder / "target")),
            *("--log-path", str(self.folder / "logs")),
        ]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"FORYOU_DATABASE": str(self.database)}

    def dbt(self, *arguments: str, **variables) -> subprocess.CompletedProcess:
        """Run dbt to its end; output and error are one text."""
        return forked_dbt.dbt(self.arguments(*arguments, **variables), self.environment)

    def build(self, *arguments: str, **variables) -> None:
        """Build, and fail the test with dbt's own words if dbt fails."""
        result = self.dbt("build", *arguments, **variables)
        assert result.returncode == 0, (
            result.stdout.rpartition("Completed with")[2] or result.stdout
        )

    def rows(self, query: str, parameters=None) -> list[tuple]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def hash_of(self, table: str, where: str = "true") -> tuple[int, int]:
        """Rows of a table and a hash over all of them, whatever their order."""
        [(n_rows, digest)] = self.rows(
            f"select count(*), coalesce(sum(hash(cast(t as varchar))), 0) "
            f"from {table} as t where {where}"
        )
        return n_rows, int(digest)

    def infinite_features(self, fold: str) -> list[str]:
        """Features of rankers that are not finite somewhere, where they should be or be missing."""
        numeric = [
            feature
            for (feature,) in self.rows(
                "select feature from features.feature_definitions where type = 'numeric'"
            )
        ]
        checks = ", ".join(
            f"count(*) filter (isinf({its}::double) or isnan({its}::double))" for its in numeric
        )
        [counts] = self.rows(
            f"select {checks} from ranking.ranking_features where fold = $1", [fold]
        )
        return [its for its, count in zip(numeric, counts, strict=True) if count]


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    """A warehouse with nothing in it."""
    return Warehouse(tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Warehouse:
    """The default data set, built once for all tests that only look. Nobody writes to it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The processes of one run have it in common.
        folder = folder.parent
    warehouse = Warehouse(folder / "built")
    with FileLock(folder / "built.lock"):
        if not warehouse.folder.exists():
            warehouse.folder.mkdir()
            try:
                warehouse.build()
            except BaseException:
                # Another process shall say what is wrong, too, and not look at a half.
                shutil.rmtree(warehouse.folder, ignore_errors=True)
                raise
    return warehouse


@pytest.fixture
def copy(built, warehouse) -> Warehouse:
    """The default data as built, to be built on."""
    shutil.copy(built.database, warehouse.database)
    return warehouse


@pytest.fixture(scope="session")
def published(built, tmp_path_factory) -> Path:
    """The folder of the default data as published, once for a process. Nobody breaks it."""
    from exports.snapshot import publish

    return publish(built.database, tmp_path_factory.mktemp("published") / "published")


@pytest.fixture
def own_configuration(monkeypatch) -> None:
    """Nobody's settings of services."""
    for name in list(os.environ):
        if name.startswith(("FORYOU_SERVE_", "FORYOU_ONLINE", "FORYOU_REDIS", "FEAST_")):
            monkeypatch.delenv(name)


@pytest.fixture
def place(published, tmp_path):
    """A place for a service: one run that is the current one, and no event."""
    from serving_places import Place

    made = Place(tmp_path, published)
    made.published.mkdir()
    made.switch(made.add("whole"))
    return made


RATINGS = "userId,movieId,rating,timestamp"
MOVIES = "movieId,title,genres"


@pytest.fixture
def small_data(tmp_path):
    """Writes a data set in the form of ml-latest-small and returns the vars that read it.

    Ten people and twelve films, a rating a day; ``ratings`` and ``movies`` replace the files'
    lines, header included.
    """

    def write(ratings: list[str] | None = None, movies: list[str] | None = None) -> dict:
        folder = tmp_path / "data" / "ml-latest-small"
        folder.mkdir(parents=True, exist_ok=True)
        ratings = [RATINGS, *good_ratings()] if ratings is None else ratings
        movies = [MOVIES, *good_movies()] if movies is None else movies
        (folder / "ratings.csv").write_text("".join(f"{line}\n" for line in ratings))
        (folder / "movies.csv").write_text("".join(f"{line}\n" for line in movies))
        return {"dataset": "ml-latest-small", "data_dir": str(tmp_path / "data")}

    return write


def good_ratings() -> list[str]:
    """Sixty ratings, one a day: person p rates film (p + 2 × n) % 12 in round n."""
    return [
        f"{person},{(person + 2 * nth) % 12 + 1},{4.5 if nth % 3 else 2.0},"
        f"{1_000_000_000 + 86_400 * (nth * 10 + person)}"
        for nth in range(6)
        for person in range(1, 11)
    ]


def good_movies() -> list[str]:
    return [
        f"{film},Film {film} (1999),{'Crime|Drama' if film % 2 else 'Comedy'}"
        for film in range(1, 13)
    ]
