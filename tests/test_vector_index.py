"""Published indexes: found is what should be, whatever the type; what is broken says so."""

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import faiss
import numpy as np
import pyarrow as pa
import pytest
from test_retrieval import true_top

from exports.snapshot import publish
from exports.vector_index import (
    IndexParameters,
    IndexUnavailableError,
    PublishedIndex,
    write_indexes,
)
from models_py.columns import ITEM, USER
from models_py.retrieval import RetrievalParameters, VectorIndex
from models_py.tables import vector_rows, vectors_of

RANDOM = np.random.default_rng(0)
# Lengths that differ, but not so much that a graph cannot find its way.
ITEMS = (RANDOM.normal(size=(3000, 16)) * RANDOM.lognormal(0, 0.3, (3000, 1))).astype(np.float32)
USERS = RANDOM.normal(size=(60, 16)).astype(np.float32)
# Of every third key, so that no place is its key.
KEYS = np.arange(3000, dtype=np.int32) * 3 + 7
SMALL = {"recall_k": 50, "n_queries": 60}
TYPES = ("flat", "hnsw", "ivf")


@pytest.fixture
def write(tmp_path):
    """Writes a run's indexes, and its manifest, as `make publish` does; returns its folder."""

    def run(name: str, keys, items, users=USERS, previous=None, **parameters) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        vectors = pa.concat_tables(
            [
                vector_rows("live", ITEM, np.asarray(keys), items),
                vector_rows("live", USER, np.arange(len(users)), users),
                # Another fold's are not served, and no item that may not be recommended is.
                vector_rows("tune", ITEM, np.asarray(keys), -items),
                vector_rows("live", ITEM, np.array([1_000_000]), np.ones((1, items.shape[1]))),
            ]
        )
        with duckdb.connect() as connection:
            connection.register("rows", vectors)
            connection.execute("create schema candidates; create schema folds")
            connection.execute(
                "create table candidates.vectors as select 'als' as source, * replace"
                " (vector::float[] as vector) from rows order by hash(key)"
            )
            for entity, its in (("item", keys), ("user", range(len(users)))):
                connection.register("its", pa.table({"key": pa.array(its, pa.int32())}))
                connection.execute(
                    f"create table folds.fold_{entity}s as"
                    f" select 'live' as fold, key as {entity}_key from its"
                )
            chosen = IndexParameters(**(SMALL | parameters))
            indexes = write_indexes(connection, folder, previous, chosen)
        (folder / "manifest.json").write_text(json.dumps({"indexes": indexes}))
        return folder

    return run


def opened(folder: Path) -> PublishedIndex:
    return PublishedIndex.open(folder, "als", verify=True)


def test_the_type_is_that_of_the_size(write):
    for n_items, kind in ((2000, "flat"), (2001, "ivf")):
        index = opened(write(kind, KEYS[:n_items], ITEMS[:n_items], exact_up_to=2000))
        assert index.type == index.entry["type"] == kind
        assert len(index) == index.entry["n_items"] == n_items and index.dimensions == 16
    assert opened(write("hnsw", KEYS[:1], ITEMS[:1], index_type="hnsw")).type == "hnsw"


def test_without_vectors_there_is_no_index(write):
    folder = write("none", KEYS[:0], ITEMS[:0], USERS)
    assert json.loads((folder / "manifest.json").read_text()) == {"indexes": {}}


@pytest.mark.parametrize("kind", TYPES)
def test_the_largest_inner_products_are_found(write, kind):
    index = opened(write("run", KEYS, ITEMS, index_type=kind))
    assert index.type == kind
    keys, scores = index.search(USERS, 50)
    assert keys.dtype == np.int32 and scores.dtype == np.float32
    true = KEYS[true_top(USERS, ITEMS, 50)]
    recall = np.mean([np.isin(t, k).mean() for t, k in zip(true, keys, strict=True)])
    assert recall == pytest.approx(index.entry["recall"], abs=1e-9) and recall >= 0.95
    places = np.searchsorted(KEYS, keys)
    assert scores == pytest.approx(np.take_along_axis(USERS @ ITEMS.T, places, 1), rel=1e-4)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_no_more_cells_are_looked_into_than_needed(write):
    folder = write("run", KEYS, ITEMS, index_type="ivf", recall_target=0.9)
    index, entry = faiss.read_index(str(folder / "index/als.faiss")), opened(folder).entry
    assert entry["parameters"] == {"cells": index.nlist, "probes": index.nprobe}
    assert entry["n_queries"] == 60 and entry["recall_k"] == 50
    true = true_top(USERS, ITEMS, 50)
    for probes, is_enough in ((index.nprobe, True), (index.nprobe - 1, False)):
        index.nprobe = probes
        _, places = index.search(USERS, 50)
        recall = np.mean([np.isin(t, p).mean() for t, p in zip(true, places, strict=True)])
        assert (recall >= 0.9) == is_enough


def test_what_finds_too_little_is_not_served(write):
    for n_items in (3000, 3):
        items = ITEMS[:n_items]
        folder = write(f"of {n_items}", KEYS[:n_items], items, index_type="ivf", recall_target=1.0)
        entry = opened(folder).entry
        assert entry["type"] == "flat" and entry["recall"] == 1.0 and entry["n_queries"] == 0
        assert "ivf found 0." in entry["why"] and "so all are compared" in entry["why"]


def test_without_users_items_are_asked_for(write):
    entry = opened(write("run", KEYS, ITEMS, USERS[:0], index_type="ivf")).entry
    assert entry["type"] == "ivf" and entry["recall"] >= 0.95 and 50 < entry["n_queries"] <= 60


def test_a_flat_index_answers_as_the_batch_does(write):
    keys, scores = opened(write("run", KEYS, ITEMS)).search(USERS, 100)
    places, of_batch = VectorIndex(RetrievalParameters()).fit(ITEMS).search(USERS, 100)
    assert keys.tolist() == KEYS[places].tolist()
    assert scores.tolist() == of_batch.tolist()


@pytest.mark.parametrize("kind", TYPES)
def test_the_same_vectors_make_the_same_file(write, kind):
    first, second = (write(name, KEYS, ITEMS, index_type=kind) for name in ("first", "second"))
    assert opened(first).entry == opened(second).entry


@pytest.mark.parametrize("kind", TYPES)
def test_new_items_extend_the_index_of_the_run_before(write, kind):
    # Keys between those that there are; the first of the new items is longer than all.
    is_new = np.arange(3000) % 10 == 3
    items = ITEMS.copy()
    items[3] = 20 * USERS[0]
    before = write("before", KEYS[~is_new], items[~is_new], index_type=kind)
    after = write("after", KEYS, items, index_type=kind, previous=before)
    index = opened(after)
    assert index.entry["built"] == "extended" and index.entry["why"] == "300 new items"
    assert index.entry["n_items_at_rebuild"] == 2700 and len(index) == 3000
    assert index.keys.tolist() == [*KEYS[~is_new], *KEYS[is_new]]
    assert index.search(USERS[:1], 5)[0][0, 0] == KEYS[3]
    assert index.entry["recall"] >= 0.95
    is_there, vectors = index.vectors_of(KEYS[::-1])
    assert is_there.all() and vectors.tobytes() == items[::-1].tobytes()
    if kind == "flat":
        rebuilt = opened(write("rebuilt", KEYS, items))
        for one, other in zip(index.search(USERS, 50), rebuilt.search(USERS, 50), strict=True):
            assert one.tolist() == other.tolist()
    # And once more, from an index that was extended itself.
    same = opened(write("same", KEYS, items, index_type=kind, previous=after))
    assert same.entry["built"] == "extended" and same.entry["why"] == "0 new items"
    assert same.entry["sha256"] == index.entry["sha256"]


def test_what_is_not_as_before_is_built_anew(write):
    before = write("before", KEYS[:1000], ITEMS[:1000], index_type="ivf")

    def why(name: str, keys, items, previous=before, users=USERS, **parameters) -> str:
        parameters = {"index_type": "ivf"} | parameters
        entry = opened(write(name, keys, items, users, previous=previous, **parameters)).entry
        assert entry["built"] == "rebuilt" and entry["n_items_at_rebuild"] == len(keys)
        return entry["why"]

    assert why("first", KEYS, ITEMS, previous=None) == "no run before"
    assert why("gone", KEYS[1:1000], ITEMS[1:1000]) == "items went"
    changed = ITEMS.copy()
    changed[17, 3] = np.nextafter(changed[17, 3], np.float32(np.inf))
    assert why("changed", KEYS[:1500], changed[:1500]) == "vectors changed"
    assert why("shorter", KEYS, ITEMS[:, :8], users=USERS[:, :8]) == "vectors had 16 dimensions"
    assert why("type", KEYS, ITEMS, index_type="flat") == "it was ivf"
    assert why("many", KEYS, ITEMS) == "its cells are those of 1000 items"
    poor = why("poor", KEYS[:1500], ITEMS[:1500], recall_target=0.999)
    assert poor.startswith("with the new items it found 0.9")
    (before / "index/als.faiss").write_bytes(b"")
    assert "als.faiss has 0 bytes" in why("broken", KEYS[:1500], ITEMS[:1500])


def test_ties_go_by_item_key_in_an_extended_index_too(write):
    items = RANDOM.integers(-1, 2, (60, 3)).astype(np.float32)
    users = RANDOM.integers(-1, 2, (20, 3)).astype(np.float32)
    is_new = np.arange(60) % 4 == 0
    before = write("before", KEYS[:60][~is_new], items[~is_new], users)
    index = opened(write("after", KEYS[:60], items, users, previous=before))
    assert index.entry["built"] == "extended"
    keys, _ = index.search(users, 100)
    assert keys.tolist() == KEYS[true_top(users, items, 60)].tolist()


def test_items_that_were_not_found_stand_last(write):
    folder = write("run", KEYS, ITEMS, index_type="ivf", recall_k=1, recall_target=0.1)
    keys, scores = opened(folder).search(USERS, 3000)
    assert keys.shape == (60, 3000)
    for its, score in zip(keys, scores, strict=True):
        n_found = int((its >= 0).sum())
        assert 0 < n_found < 3000 and len(set(its[:n_found])) == n_found
        assert (its[n_found:] == -1).all() and np.isneginf(score[n_found:]).all()
        assert np.isfinite(score[:n_found]).all()


def test_what_cannot_be_asked_is_refused(write):
    index = opened(write("run", KEYS, ITEMS))
    for queries in (USERS[:, :8], USERS[0]):
        with pytest.raises(ValueError, match=r"must have the shape \(n, 16\)"):
            index.search(queries, 5)
    with pytest.raises(ValueError, match="must be finite"):
        index.search(np.full((1, 16), np.nan), 5)
    with pytest.raises(ValueError, match="k must be at least 1"):
        index.search(USERS, 0)
    keys, scores = index.search(USERS[:0], 5)
    assert keys.shape == scores.shape == (0, 5)
    for wrong in ({"index_type": "pq"}, {"recall_target": 95}, {"exact_up_to": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            IndexParameters(**wrong)


@pytest.mark.parametrize("kind", TYPES)
def test_vectors_come_back_to_the_bit(write, kind):
    index = opened(write("run", KEYS, ITEMS, index_type=kind))
    wanted = RANDOM.permutation(np.arange(-5, KEYS[-1] + 5))[:4000]
    is_there, vectors = index.vectors_of(wanted)
    assert is_there.tolist() == np.isin(wanted, KEYS).tolist()
    assert vectors.tobytes() == ITEMS[np.searchsorted(KEYS, wanted[is_there])].tobytes()
    is_there, vectors = index.vectors_of(KEYS[:0])
    assert is_there.shape == (0,) and vectors.shape == (0, 16)


@pytest.mark.parametrize("kind", TYPES)
def test_threads_search_at_the_same_time(write, kind):
    index = opened(write("run", KEYS, ITEMS, index_type=kind))
    one_by_one = [index.search(user[None], 50) for user in USERS]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda user: index.search(user[None], 50), [*USERS] * 5))
    for number, (keys, scores) in enumerate(at_once):
        expected = one_by_one[number % len(USERS)]
        assert keys.tolist() == expected[0].tolist()
        assert scores.tolist() == expected[1].tolist()


def resident() -> int:
    """Bytes that this process holds in memory, of files and its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@pytest.mark.parametrize("kind", TYPES)
def test_files_are_mapped(write, kind):
    index = opened(write("run", KEYS, ITEMS, index_type=kind))
    maps = Path("/proc/self/maps").read_text()
    assert str(index.file) in maps and str(index.folder / index.entry["keys"]) in maps
    # What is open stays whole when its run goes.
    before = index.search(USERS, 50)
    shutil.rmtree(index.folder)
    for one, other in zip(before, index.search(USERS, 50), strict=True):
        assert one.tolist() == other.tolist()


def test_opening_does_not_read_a_large_index(write):
    n_items = 500_000
    items = RANDOM.normal(size=(n_items, 32)).astype(np.float32)
    folder = write("run", np.arange(n_items), items, items[:1], index_type="flat")
    before = resident()
    index = PublishedIndex.open(folder, "als")
    # 64 MB, and 2 of keys.
    assert resident() - before < 16_000_000 < index.entry["n_bytes"]


@pytest.mark.parametrize("name", ["als.faiss", "als.keys.npy"])
@pytest.mark.parametrize("kind", TYPES)
def test_a_broken_file_is_named(write, kind, name):
    folder = write("run", KEYS, ITEMS, index_type=kind)
    index = opened(folder)
    file = folder / "index" / name
    content = file.read_bytes()

    def error(verify: bool = False) -> str:
        with pytest.raises(IndexUnavailableError) as raised:
            PublishedIndex.open(folder, "als", verify)
        assert str(folder) in str(raised.value) and "`make publish` again" in str(raised.value)
        return str(raised.value)

    # Written beside and put there, since the index that is open maps the file itself.
    def replace(new: bytes) -> None:
        file.unlink()
        file.write_bytes(new)

    for part in (b"", content[:20], content[: len(content) // 2], content[:-1], content + b"0"):
        replace(part)
        assert f"{name} has {len(part)} bytes, not the {len(content)}" in error()
    # As long as it was.
    replace(bytes(len(content)))
    assert f"{name} is not what was published" in error(verify=True)
    assert "cannot be opened" in error()
    replace(content[:-1] + bytes([content[-1] ^ 1]))
    assert f"{name} is not what was published" in error(verify=True)
    with pytest.raises(IndexUnavailableError, match=f"{name} is not what was published"):
        index.verify()
    file.unlink()
    assert f"{name} is missing" in error()
    with pytest.raises(IndexUnavailableError, match=f"{name} is missing"):
        index.verify()


def test_a_manifest_that_does_not_fit_is_named(write):
    folder = write("run", KEYS, ITEMS)
    with pytest.raises(IndexUnavailableError, match=r"no index of 'svd' \(it has: als\)"):
        PublishedIndex.open(folder, "svd")
    manifest = folder / "manifest.json"
    content = json.loads(manifest.read_text())
    for wrong in ({"type": "ivf"}, {"n_items": 2999}, {"dimensions": 8}):
        manifest.write_text(json.dumps({"indexes": {"als": content["indexes"]["als"] | wrong}}))
        with pytest.raises(IndexUnavailableError, match="are not those of the manifest"):
            PublishedIndex.open(folder, "als")
    manifest.write_text(json.dumps({"indexes": {"als": {"file": "index/als.faiss"}}}))
    with pytest.raises(IndexUnavailableError, match="says too little of the index of 'als'"):
        PublishedIndex.open(folder, "als")
    # As of before there were indexes.
    manifest.write_text(json.dumps({"tables": {}}))
    with pytest.raises(IndexUnavailableError, match=r"\(it has: none\)"):
        PublishedIndex.open(folder, "als")
    for broken in ("{", "[]"):
        manifest.write_text(broken)
        with pytest.raises(IndexUnavailableError, match="manifest.json cannot be read"):
            PublishedIndex.open(folder, "als")
    manifest.unlink()
    with pytest.raises(IndexUnavailableError, match="manifest.json cannot be read"):
        PublishedIndex.open(folder, "als")


def test_a_full_disk_is_an_error_of_the_disk(write, tmp_path):
    (tmp_path / "run" / "index").mkdir(parents=True)
    (tmp_path / "run" / "index" / "als.faiss").symlink_to("/dev/full")
    with pytest.raises(OSError, match="als.faiss was not written"):
        write("run", KEYS, ITEMS)


def test_a_published_run_lists_its_indexes(built, tmp_path):
    folder = publish(built.database, tmp_path / "published")
    manifest = json.loads((folder / "manifest.json").read_text())
    sources = built.rows("select distinct source from candidates.vectors order by source")
    assert [*manifest["indexes"]] == [source for (source,) in sources]
    for entry in manifest["indexes"].values():
        for name, checksum in (("file", "sha256"), ("keys", "keys_sha256")):
            content = (folder / entry[name]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == entry[checksum]


def test_what_is_served_is_what_the_batch_proposes(built, tmp_path):
    """The vectors of users of the run, through the index, less what they have met."""
    folder = publish(built.database, tmp_path / "published")
    with duckdb.connect(str(built.database), read_only=True) as connection:
        users = connection.execute(
            "select key, vector from candidates.vectors"
            " where fold = 'live' and source = 'als' and entity = 'user' and key % 10 = 0"
        ).to_arrow_table()
        met = set(
            connection.execute(
                "select user_key, item_key from folds.user_items where fold = 'live'"
            ).fetchall()
        )
        proposed = connection.execute(
            "select user_key, list(item_key order by rank) from candidates.vector_candidates"
            " where fold = 'live' and source = 'als' and user_key % 10 = 0 group by user_key"
        ).fetchall()
    user_keys, queries = vectors_of(users, users["key"].to_numpy())
    index = opened(folder)
    keys, scores = index.search(queries, len(index))
    served = {
        user: [
            (item, score) for item, score in zip(its, score, strict=True) if (user, item) not in met
        ]
        for user, its, score in zip(user_keys.tolist(), keys.tolist(), scores, strict=True)
    }
    assert len(proposed) > 50
    for user, items in proposed:
        ours = served[user][: len(items)]
        # Sums differ in their last digits, with how many queries there are; so may near ties.
        of_item = dict(served[user])
        assert [score for _, score in ours] == pytest.approx(
            [of_item[item] for item in items], rel=1e-5, abs=1e-6
        )
