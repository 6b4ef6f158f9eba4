"""One published run, opened for the service: what is large is mapped, and a part that is broken
is left out and said so, so that what is whole can still be served."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from exports.files import sha256_of
from exports.serving.artifacts import NEIGHBORS
from models_py.columnar import Columnar

FILLERS_PER_BLOCK = 1000


class BrokenRunError(Exception):
    """A published run that cannot be served at all: file, what is wrong, and what to do."""


class Group:
    """Rows that belong to keys, such as the history of each user.

    Parameters
    ----------
    folder : Path
        As ``artifacts.write_groups`` wrote it.

    Raises
    ------
    ValueError, OSError
        When an array is missing, cut short, or not as long as the others.
    """

    def __init__(self, folder: Path) -> None:
        self.starts, self.ends = (np.load(folder / f"{its}.npy") for its in ("starts", "ends"))
        self.columns = {
            path.stem: mapped(path)
            for path in sorted(folder.glob("*.npy"))
            if path.stem not in ("starts", "ends")
        }
        n_rows = {len(column) for column in self.columns.values()} or {0}
        if len(n_rows) > 1 or self.ends.max(initial=0) > max(n_rows):
            raise ValueError(
                f"{folder}: columns have {sorted(n_rows)} rows, and keys point further"
            )

    def rows(self, key: int) -> slice:
        """Say which rows are those of a key; none of a key that is too large."""
        if not 0 <= key < len(self.starts):
            return slice(0, 0)
        return slice(int(self.starts[key]), int(self.ends[key]))

    def of(self, key: int, column: str) -> np.ndarray:
        """Give a column of the rows of a key."""
        if column not in self.columns:
            return np.empty(0)
        return np.asarray(self.columns[column][self.rows(key)])

    def of_all(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the rows of several keys, one key after the other, and the place of each's key."""
        starts, ends = self.starts[keys], self.ends[keys]
        lengths = ends - starts
        owners = np.repeat(np.arange(len(keys)), lengths)
        firsts = np.cumsum(lengths) - lengths
        return np.arange(lengths.sum()) - (firsts - starts)[owners], owners


@dataclass(frozen=True)
class Ranker:
    """What the ranker that serves has learned, and how it is told of a candidate."""

    name: str
    columnar: Columnar
    scores: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """(features, categories) → score of each row."""
    contributions: Callable[[np.ndarray, np.ndarray], np.ndarray] | None
    """(features, categories) → what each column adds to a row's score; None where it cannot say."""


@dataclass(frozen=True)
class Rule:
    """A business rule that holds, about one item."""

    rule_id: str
    item_key: int
    action: str
    value: float | None
    reason: str | None


@dataclass
class Run:
    """A published run.

    Parameters
    ----------
    folder : Path
        ``exports/published/<run id>``.

    Raises
    ------
    BrokenRunError
        When not even the items and the parameters can be read.
    """

    folder: Path
    problems: dict[str, str] = field(default_factory=dict)
    """Part → what is wrong with it."""

    def __post_init__(self) -> None:
        try:
            self.manifest = json.loads((self.folder / "manifest.json").read_text())
            self.run_id: str = self.manifest["run_id"]
            self.parameters = json.loads(self.whole("parameters.json").read_text())
            self._open_items()
            self._open_users()
        except (OSError, ValueError, KeyError, pa.ArrowInvalid) as error:
            raise BrokenRunError(
                f"{self.folder} cannot be served: {error}; `make publish` writes it anew"
            ) from error
        self.histories = self._part("histories", lambda: self.group("histories"))
        self.attributes = self._part("attributes", lambda: self.group("attributes"))
        self.attribute_items = self._part("attribute_items", lambda: self.group("attribute_items"))
        self.similar_items = self._part("similar_items", lambda: self.group("similar_items"))
        self.segment_items = self._part(
            "segment_items",
            lambda: self.group("segment_items"),
            self.parameters["segment_attributes"],
        )
        self.explored = self._part(
            "explored",
            lambda: self.group("explored"),
            self.parameters["exploration_places"],
        )
        self.sponsored = self._part(
            "sponsored",
            lambda: self.group("sponsored"),
            self.parameters["sponsored_slots"],
        )
        self.pools = self._part("pools", lambda: self.group("pools"))
        self.lists = self._part("lists", lambda: self.group("lists"))
        self.list_words = self._part("lists", self._open_words)
        self.neighbors = {
            source: group
            for source in NEIGHBORS
            if source == "cooccurrence" or source in self.parameters["sources"]
            if (
                group := self._part(
                    f"neighbors of {source}",
                    lambda source=source: self.group(f"neighbors/{source}"),
                )
            )
        }
        self.cold_start = self._part("cold_start_recommendations", self._open_cold_start) or {}
        self.rules = self._part("rules", self._open_rules) or []
        self.ranker = self._part("ranker", self._open_ranker, self.parameters["ranker"] != "blend")

    def whole(self, name: str) -> Path:
        """Give the path of a small file of ``serving/``, after a look whether it is what it was.

        Arrays are mapped: reading them whole, to be sure, would be what that is to spare.

        Raises
        ------
        ValueError, OSError
            When the file is missing, or not the one that was published.
        """
        path = self.arrays / name
        if sha256_of(path) != self.manifest["serving"][f"serving/{name}"]["sha256"]:
            raise ValueError(f"{path} is not what was published")
        return path

    def check_sizes(self, prefix: str) -> None:
        """Look whether arrays are all there and as long as they were published.

        Parameters
        ----------
        prefix : str
            What their names begin with, below ``serving/``.

        Raises
        ------
        ValueError, OSError
            When one is missing, cut short or too long.
        """
        for name, published in self.manifest["serving"].items():
            if name.startswith(f"serving/{prefix}"):
                n_bytes = (self.folder / name).stat().st_size
                if n_bytes != published["n_bytes"]:
                    raise ValueError(
                        f"{self.folder / name} has {n_bytes} bytes, not the"
                        f" {published['n_bytes']} published"
                    )

    def group(self, name: str) -> Group:
        """Open rows that belong to keys: all of their columns, or none."""
        self.check_sizes(f"{name}/")
        return Group(self.arrays / name)

    @property
    def arrays(self) -> Path:
        """Where the arrays are."""
        return self.folder / "serving"

    @cached_property
    def excluded(self) -> frozenset[int]:
        """Keys of the items that a rule keeps off every list."""
        return frozenset(rule.item_key for rule in self.rules if rule.action == "exclude")

    def _part(self, name: str, open_it: Callable, wanted=True):
        if not wanted:
            return None
        try:
            return open_it()
        except Exception as error:  # noqa: BLE001 - whatever a broken file makes a library raise
            self.problems[name] = f"{type(error).__name__}: {error}"
            return None

    def _open_items(self) -> None:
        self.check_sizes("item")
        rows = pq.read_table(self.folder / "items.parquet")
        keys = rows["item_key"].to_numpy()
        self.n_items = int(keys.max(initial=0)) + 1
        self.item_ids, self.titles, self.extras = (
            _by_key(rows[name].to_pylist(), keys, self.n_items)
            for name in ("item_id", "title", "extra")
        )
        self.item_keys = dict(zip(rows["item_id"].to_pylist(), keys.tolist(), strict=True))
        self.items = {
            path.stem: mapped(path) for path in sorted((self.arrays / "items").glob("*.npy"))
        }
        self.is_recommendable = self.items["is_recommendable"]
        self.item_features = mapped(self.arrays / "item_features.npy")
        if len(self.item_features) != self.n_items or len(self.is_recommendable) != self.n_items:
            raise ValueError("arrays of items are not as long as items.parquet says")

    def _open_users(self) -> None:
        self.check_sizes("users/")
        self.check_sizes("user_features.npy")
        rows = pq.read_table(self.folder / "users.parquet", columns=["user_id", "user_key"])
        self.user_keys = dict(
            zip(rows["user_id"].to_pylist(), rows["user_key"].to_pylist(), strict=True)
        )
        self.users = {
            path.stem: mapped(path) for path in sorted((self.arrays / "users").glob("*.npy"))
        }
        self.user_features = mapped(self.arrays / "user_features.npy")

    def _open_words(self) -> pa.Table:
        return pa.ipc.open_file(pa.memory_map(str(self.arrays / "list_words.arrow"))).read_all()

    def _open_cold_start(self) -> dict[tuple[str, str], list[dict]]:
        lists: dict[tuple[str, str], list[dict]] = {}
        rows = pq.read_table(self.folder / "cold_start_recommendations.parquet")
        for row in rows.sort_by([("kind", "ascending"), ("rank", "ascending")]).to_pylist():
            lists.setdefault((row["kind"], row["audience"]), []).append(row)
        return lists

    def _open_rules(self) -> list[Rule]:
        rows = pq.read_table(self.whole("rules.parquet")).to_pylist()
        return [Rule(**row) for row in rows]

    def _open_ranker(self) -> Ranker:
        name = self.parameters["ranker"]
        artifact = json.loads(self.whole("ranker.json").read_text())
        columnar = Columnar(self.feature_definitions, artifact["vocabularies"])
        if name == "lightgbm":
            from models_py.lightgbm_ranker import LightGBMRanker

            model = LightGBMRanker.from_text(artifact["model"])
            return Ranker(name, columnar, model.scores, model.contributions)
        # Brings torch, which a service that ranks by trees need not load.
        from models_py.ranking import RANKERS

        model = RANKERS[name][0].from_text(artifact["model"])
        return Ranker(name, columnar, model.scores, None)

    @cached_property
    def feature_definitions(self) -> pa.Table:
        """One row per feature, as the rankers were told them."""
        return pq.read_table(self.folder / "feature_definitions.parquet")

    def features_of(self, model: str, kind: str) -> list[tuple[str, str]]:
        """Name the features of a model, as the ranker and as its table call them."""
        return self._features.get((model, kind), [])

    @cached_property
    def _features(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        features: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for row in self.feature_definitions.sort_by("feature").to_pylist():
            of_model = features.setdefault((row["feature_model"], row["type"]), [])
            of_model.append((row["feature"], row["column_name"]))
        return features

    @cached_property
    def attribute_names(self) -> list[tuple[str, str]]:
        """(kind, attribute) of each number."""
        rows = pq.read_table(self.whole("attribute_names.parquet"))
        return list(zip(rows["kind"].to_pylist(), rows["attribute"].to_pylist(), strict=True))

    @cached_property
    def user_attribute_names(self) -> list[tuple[str, str]]:
        """(kind, attribute) of each number of a user's attributes."""
        rows = pq.read_table(self.whole("user_attribute_names.parquet"))
        return list(zip(rows["kind"].to_pylist(), rows["attribute"].to_pylist(), strict=True))

    @cached_property
    def is_said(self) -> np.ndarray:
        """Whether each attribute is one that tastes are made of, and no text."""
        texts = set(self.parameters["content_text_kinds"] or [])
        return np.array([kind not in texts for kind, _ in self.attribute_names], dtype=bool)

    @cached_property
    def kind_codes(self) -> np.ndarray:
        """Of each attribute the place of its kind among category, tag and brand; -1: another."""
        codes = {"category": 0, "tag": 1, "brand": 2}
        return np.array([codes.get(kind, -1) for kind, _ in self.attribute_names], dtype=np.int8)

    @cached_property
    def attribute_numbers(self) -> dict[tuple[str, str], int]:
        """(kind, attribute) → its number."""
        return {name: number for number, name in enumerate(self.attribute_names)}

    def extra_of(self, item: int) -> dict | None:
        """Give what the catalogue carries along of an item."""
        extra = self.extras[item]
        return None if extra is None else json.loads(extra)

    def attributes_of(self, item: int) -> list[tuple[str, str]]:
        """(kind, attribute) of an item."""
        if self.attributes is None:
            return []
        return [self.attribute_names[number] for number in self.attributes.of(item, "number")]

    def items_with(self, attribute: int) -> np.ndarray:
        """Keys of the items that have the attribute of this number, ascending."""
        owners, starts = self._items_by_attribute
        return owners[starts[attribute] : starts[attribute + 1]]

    def fillers_with(self, attribute: int | None) -> Iterator[int]:
        """Give the items that fill up short lists, in order: all, or those with an attribute."""
        fillers = self.fillers
        if attribute is not None:
            owners, starts = self._fillers_by_attribute
            fillers = owners[starts[attribute] : starts[attribute + 1]]
        # A few are wanted, of very many.
        for first in range(0, len(fillers), FILLERS_PER_BLOCK):
            yield from fillers[first : first + FILLERS_PER_BLOCK].tolist()

    @cached_property
    def _fillers_by_attribute(self) -> tuple[np.ndarray, np.ndarray]:
        owners, starts = self._items_by_attribute
        places = np.full(self.n_items, -1, dtype=np.int32)
        places[self.fillers] = np.arange(len(self.fillers), dtype=np.int32)
        numbers = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        is_filler = places[owners] >= 0
        owners, numbers = owners[is_filler], numbers[is_filler]
        order = np.lexsort((places[owners], numbers))
        return owners[order], np.searchsorted(numbers, np.arange(len(starts)))

    @cached_property
    def _items_by_attribute(self) -> tuple[np.ndarray, np.ndarray]:
        n = len(self.attribute_names)
        if self.attributes is None:
            return np.empty(0, dtype=np.int64), np.zeros(n + 1, dtype=np.int64)
        rows, owners = self.attributes.of_all(np.arange(self.n_items))
        numbers = np.asarray(self.attributes.columns["number"])[rows]
        order = np.argsort(numbers, kind="stable")
        return owners[order], np.searchsorted(numbers[order], np.arange(n + 1))

    @cached_property
    def segments(self) -> list[tuple[str, str]]:
        """(segment, label) of each number."""
        rows = pq.read_table(self.whole("segments.parquet"))
        return list(zip(rows["segment"].to_pylist(), rows["label"].to_pylist(), strict=True))

    @cached_property
    def segment_numbers(self) -> dict[str, int]:
        """Segment → its number."""
        return {segment: number for number, (segment, _) in enumerate(self.segments)}

    @cached_property
    def sponsored_reasons(self) -> list[str]:
        """What is said of a sponsored place."""
        return pq.read_table(self.whole("sponsored_reasons.parquet"))["reason"].to_pylist()

    @cached_property
    def reason_templates(self) -> dict[str, tuple[str, str]]:
        """Source → what is said where it knows an item of the user's, and where not."""
        rows = pq.read_table(self.whole("reason_templates.parquet")).to_pylist()
        return {row["source"]: (row["template"], row["template_without_item"]) for row in rows}

    @cached_property
    def user_categories(self) -> dict[str, list]:
        """Feature → its value for each user key."""
        path = self.arrays / "user_features_categories.parquet"
        if not path.exists():
            return {}
        rows = pq.read_table(path)
        return {
            feature: rows[column].to_pylist()
            for feature, column in self.features_of("user_features", "category")
        }

    @cached_property
    def by_popularity(self) -> np.ndarray:
        """Keys of items that anybody likes, the most liked first."""
        return self._order(self.items["n_positive_users"])

    @cached_property
    def by_trend(self) -> np.ndarray:
        """Keys of items that anybody likes, those most liked of late first."""
        return self._order(self.items["trending_score"])

    def _order(self, scores: np.ndarray) -> np.ndarray:
        keys = np.flatnonzero(self.is_recommendable & (self.items["n_positive_users"] > 0))
        return keys[np.lexsort((keys, -np.asarray(scores)[keys]))]

    @cached_property
    def fillers(self) -> np.ndarray:
        """Keys of all items that may be shown, in the order in which they fill up short lists."""
        keys = np.flatnonzero(self.is_recommendable)
        trend, n_users = (
            np.asarray(self.items[name])[keys] for name in ("trending_score", "n_users")
        )
        return keys[np.lexsort((keys, -n_users, -trend))]

    @cached_property
    def segment_affinities(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Segment → keys of items, ascending, and how much more it likes each than all do."""
        if self.segment_items is None:
            return {}
        affinities = {}
        for number in range(len(self.segments)):
            keys = self.segment_items.of(number, "item_key")
            order = np.argsort(keys)
            affinities[number] = (
                keys[order], self.segment_items.of(number, "affinity")[order]
            )  # fmt: skip
        return affinities


def mapped(path: Path) -> np.ndarray:
    """Open an array that stays on the disk until it is looked at."""
    return np.asarray(np.load(path, mmap_mode="r"))


def _by_key(values: list, keys: np.ndarray, n: int) -> list:
    placed = [None] * n
    for key, value in zip(keys.tolist(), values, strict=True):
        placed[key] = value
    return placed
