"""Features out of the feature store are those of the warehouse: in training, and in serving."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from conftest import ROOT, Warehouse
from feast import FeatureStore
from feast.infra.online_stores.sqlite import SqliteOnlineStore
from servers import redis_server

from exports import feature_store, snapshot
from exports.feature_store import FeaturesUnavailableError, OnlineFeatures, materialize, open_store

PAIRS = 1000
N_USERS, N_ITEMS = 40, 60
# What the feature store is made from, of all that is published.
TABLES = {"user_feature_history", "item_feature_history", "feature_definitions"}
# And what that is made from.
TABLES_OF_WAREHOUSE = (
    *("builds.runs", "evaluation.metrics_history", "folds.folds", "inputs.users", "inputs.items"),
    *("features.feature_definitions", "features.user_features", "features.item_features"),
)


@pytest.fixture(autouse=True, scope="module")
def own_configuration() -> Iterator[None]:
    """Nobody's settings, and no way out: nothing here may call home."""
    connect = socket.socket.connect

    def only_here(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"something connects to {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("FORYOU_ONLINE", "FORYOU_REDIS", "FORYOU_PUBLISHED", "FEAST_")):
                patch.delenv(name)
        patch.setattr(socket.socket, "connect", only_here)
        patch.setattr(
            snapshot,
            "TABLES",
            {its: query for its, query in snapshot.TABLES.items() if its in TABLES},
        )
        yield


def copy_of_repository(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("data", "__pycache__")
    return shutil.copytree(ROOT / "features", folder / "features", ignore=ignored)


@pytest.fixture
def repository(tmp_path) -> Path:
    """The repository of Feast, with nothing online."""
    return copy_of_repository(tmp_path)


@pytest.fixture(scope="module")
def published(built, tmp_path_factory) -> Path:
    """The default data, published; nobody publishes to it."""
    folder = tmp_path_factory.mktemp("features") / "published"
    snapshot.publish(built.database, folder)
    return folder


@pytest.fixture(scope="module")
def online(published) -> Path:
    """The repository of Feast with all of it online, to look at."""
    repository = copy_of_repository(published.parent)
    materialize(published, repository)
    return repository


@pytest.fixture
def small(built, warehouse, monkeypatch) -> Warehouse:
    """Some users and items of the default data as built, to be built on."""
    # What the online service reads is made of tables that are not needed here.
    monkeypatch.setattr(snapshot, "write_artifacts", lambda connection, folder: None)
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(f"attach '{built.database}' as built (read_only)")
        for table in TABLES_OF_WAREHOUSE:
            connection.execute(f"create schema if not exists {table.partition('.')[0]}")
            connection.execute(f"create table {table} as from built.{table}")
        for table in ("inputs.users", "features.user_features"):
            connection.execute(f"delete from {table} where user_key > {N_USERS}")
        for table in ("inputs.items", "features.item_features"):
            connection.execute(f"delete from {table} where item_key > {N_ITEMS}")
    return warehouse


def features_of(warehouse: Warehouse, *models: str) -> list[str]:
    return [
        feature
        for (feature,) in warehouse.rows(
            "select feature from features.feature_definitions"
            " where list_contains($1, feature_model) order by feature",
            [list(models)],
        )
    ]


def moment(warehouse: Warehouse, fold: str) -> datetime:
    [(cutoff_at,)] = warehouse.rows("select cutoff_at from folds.folds where fold = $1", [fold])
    return cutoff_at


def historical(store: FeatureStore, pairs: pa.Table, names: list[str]) -> list[tuple]:
    """What Feast's point-in-time join says of pairs, in order."""
    found = store.get_historical_features(
        entity_df=pairs.select(["user_id", "item_id", "event_timestamp"]).to_pandas(),
        features=store.get_feature_service("ranker"),
    ).to_arrow()
    assert set(found.column_names) == {"user_id", "item_id", "event_timestamp", *names}
    assert len(found) == len(pairs)
    found = found.sort_by([(its, "ascending") for its in ("event_timestamp", "user_id", "item_id")])
    return rows_of(found, ["user_id", "item_id", *names])


def rows_of(table: pa.Table, columns: list[str]) -> list[tuple]:
    return list(zip(*(table[column].to_pylist() for column in columns), strict=True))


@pytest.mark.parametrize("time_zone", ["UTC", "America/New_York"])
def test_training_rows_are_those_of_the_warehouse(built, online, monkeypatch, time_zone):
    """Whatever the clock on the wall: cutoffs are UTC."""
    names = features_of(built, "user_features", "item_features")
    query = f"""
        select users.user_id, items.item_id, folds.cutoff_at as event_timestamp, {", ".join(names)}
        from (
            from ranking.ranking_examples
            using sample reservoir(1000 rows) repeatable (1)
        )
        inner join folds.folds using (fold)
        inner join inputs.users using (user_key)
        inner join inputs.items using (item_key)
    """
    samples = []
    with duckdb.connect(str(built.database), read_only=True) as connection:
        for (fold,) in connection.sql(
            "select distinct fold from ranking.ranking_users order by fold"
        ).fetchall():
            connection.execute("set variable current_fold = $1", [fold])
            samples.append(connection.sql(query).to_arrow_table())
    expected = pa.concat_tables(samples).sort_by(
        [(its, "ascending") for its in ("event_timestamp", "user_id", "item_id")]
    )
    assert len(expected) == 2000 and len(expected["event_timestamp"].unique()) == 2
    monkeypatch.setenv("TZ", time_zone)
    time.tzset()
    try:
        found = historical(open_store(online), expected, names)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == rows_of(expected, ["user_id", "item_id", *names])
    # Otherwise the sample would say nothing about what is missing, or about text.
    assert any(value is None for row in found for value in row)
    assert {row[2 + names.index("user_segment")] for row in found} > {"M | 18–24"}


def some_pairs(warehouse: Warehouse) -> pa.Table:
    """Users and items of anywhere, at the end of all events."""
    with duckdb.connect(str(warehouse.database), read_only=True) as connection:
        return (
            connection.execute(
                """
            select user_id, item_id, cutoff_at as event_timestamp
            from inputs.users cross join inputs.items cross join folds.folds
            where fold = 'live'
            order by hash(user_id, item_id), user_id, item_id
            limit $1
            """,
                [PAIRS],
            )
            .to_arrow_table()
            .sort_by([("user_id", "ascending"), ("item_id", "ascending")])
        )


def n_differences(store: FeatureStore, pairs: pa.Table, names: list[str]) -> int:
    """Values online that are not those of the point-in-time join."""
    offline = historical(store, pairs, names)
    entities = pairs.select(["user_id", "item_id"])
    answer = store.get_online_features(
        features=store.get_feature_service("ranker"), entity_rows=entities.to_pylist()
    ).to_dict()
    online = zip(*(answer[its] for its in ("user_id", "item_id", *names)), strict=True)
    return sum(
        here != there or type(here) is not type(there)
        for row, other in zip(online, offline, strict=True)
        for here, there in zip(row, other, strict=True)
    )


def test_what_is_served_is_what_was_trained_on(built, online):
    names = features_of(built, "user_features", "item_features")
    pairs = some_pairs(built)
    assert len(set(pairs["user_id"].to_pylist())) > 500
    assert n_differences(open_store(online), pairs, names) == 0


def test_a_user_is_read_as_the_warehouse_has_them(built, online, published):
    reader = OnlineFeatures(online)
    names = features_of(built, "user_features")
    columns = ", ".join(f"features.{name.removeprefix('user_')}" for name in names)
    for user_id, *values in built.rows(
        f"select user_id, {columns} from features.user_features as features"
        " inner join inputs.users using (user_key) where fold = 'live' order by user_key limit 50"
    ):
        user = reader.user(user_id)
        assert user.user_id == user_id
        assert user.values == dict(zip(names, values, strict=True))
        assert user.run_id == (published / "current").resolve().name
    with pytest.raises(FeaturesUnavailableError, match="no features of the user 'nobody'") as told:
        reader.user("nobody")
    assert told.value.reason == "unknown_user"


def build_again(warehouse: Warehouse, into: Path, run_id: str, *changes: str) -> None:
    """Publish once more, as if another build had made these changes."""
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(
            "insert into builds.runs by name (select * replace ($1 as run_id, ran_at + interval 1"
            " hour as ran_at) from builds.runs order by ran_at desc limit 1)",
            [run_id],
        )
        for change in changes:
            connection.execute(change)
    snapshot.publish(warehouse.database, into)


A_DAY_LATER = "update folds.folds set cutoff_at = cutoff_at + interval 1 day where fold = 'live'"
OTHER_RATES = "update features.user_features set like_rate = like_rate / 3 where fold = 'live'"
WITHOUT_USER_1 = "delete from inputs.users where user_id = '1'"
WITH_A_TWIN = """
    insert into features.user_features by name (
        select * replace (-1 as user_key) from features.user_features
        where fold = 'live' and user_key = (select min(user_key) from inputs.users)
    );
    insert into inputs.users by name (
        select * replace (-1 as user_key, 'twin' as user_id) from inputs.users
        order by user_key limit 1
    );
"""


def test_a_new_run_comes_online(small, repository, tmp_path):
    into = tmp_path / "published"
    names = features_of(small, "user_features", "item_features")
    snapshot.publish(small.database, into)
    assert not materialize(into, repository).is_incremental
    reader = OnlineFeatures(repository)
    before = reader.user("1")

    for run_id, changes, is_incremental in [
        ("later", [A_DAY_LATER, OTHER_RATES], True),
        ("the same end", [OTHER_RATES], True),
        ("earlier", [A_DAY_LATER.replace("+", "-"), OTHER_RATES], False),
    ]:
        build_again(small, into, run_id, *changes)
        # Until then it is what it was, and says so.
        assert reader.user("1") == before
        done = materialize(into, repository)
        assert (done.run_id, done.is_incremental) == (run_id, is_incremental), run_id
        assert done.cutoff_at.replace(tzinfo=None) == moment(small, "live")
        assert done.n_rows == {"user_features": N_USERS, "item_features": N_ITEMS}
        assert n_differences(open_store(repository), some_pairs(small), names) == 0
        now = reader.user("1")
        assert now.run_id == run_id
        assert now.values["user_like_rate"] == before.values["user_like_rate"] / 3
        before = now


def test_readers_read_on_while_it_is_filled(small, repository, tmp_path, monkeypatch):
    into = tmp_path / "published"
    snapshot.publish(small.database, into)
    materialize(into, repository)
    early = OnlineFeatures(repository)
    before = early.user("1")
    build_again(small, into, "later", A_DAY_LATER, OTHER_RATES)
    seen = []
    write = SqliteOnlineStore.online_write_batch

    def look_and_write(*arguments, **keywords):
        seen.extend(reader.user("1") for reader in (early, OnlineFeatures(repository)))
        write(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteOnlineStore, "online_write_batch", look_and_write)
        assert materialize(into, repository).is_incremental
    # Users are written first, items after them.
    assert seen[:2] == [before, before] and [its.run_id for its in seen[2:]] == ["later"] * 2


def test_twice_is_once(small, repository, tmp_path):
    into = tmp_path / "published"
    snapshot.publish(small.database, into)
    materialize(into, repository)
    values = online_values(repository)
    assert materialize(into, repository).is_incremental
    assert online_values(repository) == values


def online_values(repository: Path) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(repository / "data" / "online.db")) as connection:
        return [
            row
            for table in ("foryou_user_features", "foryou_item_features")
            for row in connection.execute(
                f"select entity_key, feature_name, value from {table} order by 1, 2"
            )
        ]


def test_who_is_gone_is_gone_online(small, repository, tmp_path):
    into = tmp_path / "published"
    snapshot.publish(small.database, into)
    materialize(into, repository)
    reader = OnlineFeatures(repository)
    assert reader.user("1")
    build_again(small, into, "without", A_DAY_LATER, WITHOUT_USER_1)
    assert not materialize(into, repository).is_incremental
    with pytest.raises(FeaturesUnavailableError, match="no features of the user '1'"):
        reader.user("1")
    [(other,)] = small.rows("select min(user_id) from inputs.users")
    assert reader.user(other).run_id == "without"


def test_a_run_that_was_broken_off_leaves_nothing(small, repository, tmp_path, monkeypatch):
    """Who came with a run that was not finished, and is not in the next, is not online."""
    into = tmp_path / "published"
    snapshot.publish(small.database, into)
    materialize(into, repository)
    build_again(small, into, "broken off", A_DAY_LATER, WITH_A_TWIN)
    as_it_is = FeatureStore.materialize_incremental

    def killed(store, end_date):
        as_it_is(store, end_date)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FeatureStore, "materialize_incremental", killed)
        materialize(into, repository)
    reader = OnlineFeatures(repository)
    assert reader.user("twin").run_id == "broken off"
    build_again(small, into, "next", "delete from inputs.users where user_id = 'twin'")
    assert not materialize(into, repository).is_incremental
    with pytest.raises(FeaturesUnavailableError, match="no features of the user 'twin'"):
        reader.user("twin")


def history(into: Path, entity: str) -> duckdb.DuckDBPyRelation:
    return duckdb.read_parquet(str(into / "current" / f"{entity}_feature_history.parquet"))


def test_a_moment_has_one_row_and_knows_all_before_it(small, tmp_path):
    """Folds that end at the same moment give one, and those that leave something out give none."""
    into = tmp_path / "published"
    cutoff_at = moment(small, "live")
    build_again(
        *(small, into, "more folds"),
        "insert into folds.folds by name (select * replace ('loo_tune' as fold, 'leave_one_out' as"
        " split) from folds.folds where fold = 'live')",
        "insert into features.user_features by name (select * replace ('loo_tune' as fold) from"
        " features.user_features where fold = 'live')",
        "update folds.folds set cutoff_at = (select max(cutoff_at) from folds.folds)"
        " where fold = 'holdout'",
    )
    [(n_tune,)] = small.rows("select count(*) from features.user_features where fold = 'tune'")
    rows = history(into, "user").aggregate("cutoff_at, count(*) as n, count(distinct user_id) as m")
    assert rows.order("cutoff_at").fetchall() == [
        (moment(small, "tune"), n_tune, n_tune),
        (cutoff_at, N_USERS, N_USERS),
    ]


def test_without_times_features_are_as_of_the_build(small, repository, tmp_path):
    into = tmp_path / "published"
    build_again(
        *(small, into, "no times"),
        "delete from folds.folds where fold = 'tune'",
        "update folds.folds set cutoff_at = null, split = if(fold = 'live', 'live', 'random')",
    )
    [(built_at,)] = small.rows("select ran_at from builds.runs where run_id = 'no times'")
    assert set(history(into, "item").select("cutoff_at").fetchall()) == {(built_at,)}
    assert materialize(into, repository).cutoff_at.replace(tzinfo=None) == built_at
    assert OnlineFeatures(repository).user("1").run_id == "no times"


def test_histories_hold_what_is_declared(published, built):
    for entity, extra in [("user", "segment"), ("item", None)]:
        rows = history(published, entity)
        declared = {
            name.removeprefix(f"{entity}_") for name in features_of(built, f"{entity}_features")
        }
        assert set(rows.columns) == {f"{entity}_id", "cutoff_at", "run_id", *declared}
        types = dict(zip(rows.columns, map(str, rows.types), strict=True))
        assert {types[name] for name in declared - {extra}} == {"DOUBLE"}
        assert extra is None or types[extra] == "VARCHAR"


def test_nothing_published_is_said(repository, tmp_path, monkeypatch, capsys):
    options = ("--published", str(tmp_path / "none"), "--repository", str(repository))
    monkeypatch.setattr(sys, "argv", ["feature_store", *options])
    assert feature_store.main() == 1
    message = capsys.readouterr().err
    assert message.startswith("foryou: no features online: ")
    assert "feature_definitions.parquet is missing; `make publish` writes it" in message


def test_what_came_online_is_said(published, repository, monkeypatch, capsys):
    options = ("--published", str(published), "--repository", str(repository))
    monkeypatch.setattr(sys, "argv", ["feature_store", *options])
    assert feature_store.main() == 0
    run_id = (published / "current").resolve().name
    assert capsys.readouterr().out == (
        "943 rows of user_features and 1682 rows of item_features are online (all anew): run"
        f" {run_id}, as of 1998-04-22 23:10:39 UTC\n"
    )


def test_feast_itself_can_be_used(published, repository):
    """Who knows Feast needs none of our commands."""
    feast = Path(sys.executable).with_name("feast")
    result = subprocess.run(
        [feast, "-c", repository, "apply"],
        env=os.environ | {"FORYOU_PUBLISHED": str(published)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    store = FeatureStore(repo_path=str(repository))
    [projection, _] = store.get_feature_service("ranker").feature_view_projections
    assert projection.name == "user_features"
    assert {field.name: str(field.dtype) for field in projection.features}["user_segment"] == (
        "String"
    )
    descriptions = {its.name: its.description for its in projection.features}
    assert descriptions["user_n_positives"] == "Items liked in training."
    found = store.get_historical_features(
        entity_df=pd.DataFrame(
            {
                "user_id": ["1", "1"],
                "event_timestamp": pd.to_datetime(["1998-03-07", "2026-01-01"], utc=True),
            }
        ),
        features=["user_features:user_n_interactions"],
    ).to_df()
    # Before the first cutoff nothing is known; long after the last one nothing has expired.
    assert found.sort_values("event_timestamp")["user_n_interactions"].isna().tolist() == [
        *(True, False)
    ]


def test_a_store_that_is_not_there_says_so(online, repository, tmp_path):
    def reason(reader: OnlineFeatures) -> str:
        with pytest.raises(FeaturesUnavailableError, match="`make features`") as told:
            reader.user("1")
        return told.value.reason

    assert reason(OnlineFeatures(repository)) == "missing"
    shutil.copytree(online / "data", repository / "data")
    database = repository / "data" / "online.db"
    reader = OnlineFeatures(repository)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("pragma locking_mode = exclusive")
        connection.execute("create table mine (id integer)")
        began = time.monotonic()
        assert reason(reader) == "locked"
        # Not the five seconds that SQLite waits by itself; opening it takes some.
        assert time.monotonic() - began < 4
    user = reader.user("1")

    database.rename(tmp_path / "away.db")
    assert reason(reader) == "missing"
    assert not database.exists()
    (tmp_path / "away.db").rename(database)
    assert reader.user("1") == user


@pytest.fixture
def redis_url(tmp_path) -> Iterator[str]:
    with redis_server(tmp_path, "00,42") as server:
        yield server.url("00,42").removesuffix("/0") + "/3"


def test_redis(small, repository, tmp_path, redis_url, monkeypatch):
    monkeypatch.setenv("FORYOU_ONLINE_STORE", "redis")
    monkeypatch.setenv("FORYOU_REDIS_URL", redis_url)
    into = tmp_path / "published"
    names = features_of(small, "user_features", "item_features")
    snapshot.publish(small.database, into)
    assert not materialize(into, repository).is_incremental
    assert not (repository / "data" / "online.db").exists()
    assert n_differences(open_store(repository), some_pairs(small), names) == 0
    reader = OnlineFeatures(repository)
    before = reader.user("1")

    build_again(small, into, "the same end", OTHER_RATES)
    assert materialize(into, repository).is_incremental
    assert n_differences(open_store(repository), some_pairs(small), names) == 0
    now = reader.user("1")
    assert now.run_id == "the same end"
    assert now.values["user_like_rate"] == before.values["user_like_rate"] / 3

    build_again(small, into, "without", WITHOUT_USER_1)
    assert not materialize(into, repository).is_incremental
    with pytest.raises(FeaturesUnavailableError, match="no features of the user '1'"):
        reader.user("1")


def test_a_redis_that_is_not_there_says_so(online, repository, monkeypatch):
    shutil.copytree(online / "data", repository / "data")
    for name in ("filled", "registry"):
        ending = "json" if name == "filled" else "db"
        (repository / "data" / f"{name}-sqlite.{ending}").rename(
            repository / "data" / f"{name}-redis.{ending}"
        )
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FORYOU_ONLINE_STORE", "redis")
        monkeypatch.setenv(
            "FORYOU_REDIS_URL", f"redis://:secret@127.0.0.1:{taken.getsockname()[1]}"
        )
        with pytest.raises(FeaturesUnavailableError, match="does not answer") as told:
            OnlineFeatures(repository).user("1")
    assert told.value.reason == "unreachable" and "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"FORYOU_ONLINE_STORE": "mongo"}, "FORYOU_ONLINE_STORE is 'mongo'; it can be sqlite or"),
        ({"FORYOU_ONLINE_STORE": "redis"}, "FORYOU_REDIS_URL is not set"),
        ({"FORYOU_REDIS_URL": "http://:secret@cache"}, "should be redis:// or rediss://"),
        ({"FORYOU_REDIS_URL": "unix:///tmp/:secret"}, "Feast knows no sockets"),
    ],
)
def test_wrong_settings_are_said(repository, monkeypatch, settings, message):
    for name, value in ({"FORYOU_ONLINE_STORE": "redis"} | settings).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message) as told:
        open_store(repository)
    assert "secret" not in str(told.value)
