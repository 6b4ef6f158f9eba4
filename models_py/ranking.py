"""Learning a ranker from the candidates of one fold, and ranking those of another with it."""

import base64
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models_py.columns import RANKED_CANDIDATES, RANKER_FITS, Columns
from models_py.dlrm import DLRM, DLRMParameters
from models_py.lightgbm_ranker import LightGBMParameters, LightGBMRanker

# Rows that SHAP values are averaged over.
EXPLAINED_ROWS = 2_000


@dataclass(frozen=True)
class RankingParameters:
    """How rankers are taught, whichever they are."""

    min_users: int = 50
    """With fewer users who have something to find among their candidates nothing is learned."""
    parts: int = 5
    """Parts that the users are held out in, one after the other."""
    ndcg_k: int = 10
    """The cutoff that counts; held-out lists are kept down to it."""


class Columnar:
    """Turns rows of features into arrays, always the same columns in the same order.

    Parameters
    ----------
    definitions : pa.Table
        One row per feature: feature, type (numeric or category), monotone (-1, 0 or 1).
    vocabularies : dict of str to list of str, optional
        Categories that have an id, by feature; by default none has.
    """

    def __init__(self, definitions: pa.Table, vocabularies: dict | None = None) -> None:
        rows = definitions.sort_by(Columns.FEATURE).to_pylist()
        self.numbers = [row["feature"] for row in rows if row["type"] == "numeric"]
        self.categories = [row["feature"] for row in rows if row["type"] == "category"]
        self.monotone = np.array(
            [row["monotone"] for row in rows if row["type"] == "numeric"]
            + [0] * len(self.categories),
            dtype=int,
        )
        self.vocabularies = vocabularies or {name: [] for name in self.categories}

    def learn_categories(self, tables: list[pa.Table]) -> None:
        """Give an id to every category that is in the tables."""
        for name in self.categories:
            seen = {value for table in tables for value in pc.unique(table[name]).to_pylist()}
            self.vocabularies[name] = sorted(value for value in seen if value is not None)

    def arrays(self, table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, n_numbers) float32 with NaN, categories (n, n_categories) int32 with -1."""
        features = np.empty((len(table), len(self.numbers)), dtype=np.float32)
        for place, name in enumerate(self.numbers):
            features[:, place] = pc.cast(table[name], pa.float64()).to_numpy(zero_copy_only=False)
        categories = np.empty((len(table), len(self.categories)), dtype=np.int32)
        for place, name in enumerate(self.categories):
            ids = pc.index_in(table[name], pa.array(self.vocabularies[name], pa.string()))
            categories[:, place] = pc.fill_null(ids, -1).to_numpy(zero_copy_only=False)
        return features, categories


class DLRMRanker:
    """DLRM as a ranker that is taught and written down like the other."""

    name = "dlrm"

    def __init__(self, parameters: DLRMParameters, monotone: np.ndarray | None = None) -> None:
        self.parameters = parameters

    def hold_out(self, features, categories, labels, groups, parts, k) -> list["DLRMRanker"]:
        """Fit once without each part, which also says when to stop."""
        rankers = []
        for part in range(int(parts.max()) + 1):
            ranker = DLRMRanker(self.parameters)
            ranker.model_ = DLRM(self.parameters).fit(
                features, categories, labels, groups, held_out=parts == part
            )
            rankers.append(ranker)
        return rankers

    def fit(self, features, categories, labels, groups, parts) -> "DLRMRanker":
        """Fit on all but the first part, which says when to stop."""
        self.model_ = DLRM(self.parameters).fit(
            features, categories, labels, groups, held_out=parts == 0
        )
        return self

    @property
    def n_rounds(self) -> int:
        """Passes over the users."""
        return self.model_.n_epochs_

    def scores(self, features: np.ndarray, categories: np.ndarray) -> np.ndarray:
        """Score rows of any groups; only scores of one group compare."""
        return self.model_.scores(features, categories)

    def importances(self, features, categories) -> None:
        """A network does not say what each column does."""
        return None

    def to_text(self) -> str:
        """Write the weights and their manifest as one zip, in base64."""
        packed = io.BytesIO()
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w") as archive:
            self.model_.save(Path(folder))
            for file in sorted(Path(folder).iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes())
        return base64.b64encode(packed.getvalue()).decode()

    @classmethod
    def from_text(cls, text: str) -> "DLRMRanker":
        """Read what :meth:`to_text` wrote."""
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(text))) as archive:
                archive.extractall(folder)
            model = DLRM.load(Path(folder))
        ranker = cls(model.parameters)
        ranker.model_ = model
        return ranker


# Name → the ranker and its parameters.
RANKERS = {
    "lightgbm": (LightGBMRanker, LightGBMParameters),
    "dlrm": (DLRMRanker, DLRMParameters),
}


def ranker_fits(
    ranker: str,
    parameters: dict,
    folds: list[str],
    read: Callable[[str], Iterable[pa.Table]],
    definitions: pa.Table,
    ranking: RankingParameters,
) -> pa.Table:
    """Teach a ranker in each fold that another one is ranked by.

    Parameters
    ----------
    ranker : str
        A name of ``RANKERS``.
    parameters : dict
        Its parameters.
    folds : list of str
        Folds to learn from.
    read : callable
        Fold → its examples, in blocks: user_key, item_key, is_positive, is_taught, part, and a
        column a feature. Users come whole.
    definitions : pa.Table
        As for :class:`Columnar`.
    ranking : RankingParameters
        How it is taught.

    Returns
    -------
    pa.Table
        As ``columns.RANKER_FITS``: one row per fold that there is enough to learn from.
    """
    new, its_parameters = RANKERS[ranker]
    tables = [RANKER_FITS.empty_table()]
    for fold in folds:
        blocks = [block for block in read(fold) if len(block)]
        if not blocks:
            continue
        columnar = Columnar(definitions)
        columnar.learn_categories(blocks)
        arrays = [columnar.arrays(block) for block in blocks]
        features, categories = (np.concatenate(column) for column in zip(*arrays, strict=True))
        rows = pa.concat_tables(
            [block.select(["user_key", "item_key", "is_positive", "is_taught", "part"])
             for block in blocks]
        )  # fmt: skip
        users, items, labels, taught, parts = (column.to_numpy() for column in rows.itercolumns())
        # Who has nothing to find among the candidates teaches no order.
        has_label = np.isin(users, users[labels])
        n_users = len(np.unique(users[has_label]))
        if n_users < max(ranking.min_users, ranking.parts):
            continue
        taught = taught & has_label
        learned = (features[taught], categories[taught], labels[taught], users[taught])
        model = new(its_parameters(**parameters), columnar.monotone)
        scores = np.full(len(users), -np.inf)
        rankers = model.hold_out(*learned, parts[taught], ranking.ndcg_k)
        for part, held_out in enumerate(rankers):
            of_part = parts == part
            scores[of_part] = held_out.scores(features[of_part], categories[of_part])
        model.fit(*learned, parts[taught])
        ranks = ranks_of(users, items, scores)
        first = ranks <= ranking.ndcg_k
        artifact = {
            "vocabularies": columnar.vocabularies,
            "model": model.to_text(),
        }
        sample = slice(None, None, -(-len(users) // EXPLAINED_ROWS))
        importances = model.importances(features[sample], categories[sample])
        names = columnar.numbers + columnar.categories
        tables.append(
            pa.Table.from_pylist(
                [
                    {
                        "fold": fold,
                        "ranker": ranker,
                        "n_users": n_users,
                        "n_examples": int(taught.sum()),
                        "n_positives": int((taught & labels).sum()),
                        "n_rounds": model.n_rounds,
                        "artifact": json.dumps(artifact, sort_keys=True),
                        "importances": [
                            {"feature": name, "gain": float(gain), "shap": float(shap)}
                            for name, gain, shap in zip(names, *importances, strict=True)
                        ]
                        if importances is not None
                        else [],
                        "held_out": [
                            {"user_key": int(user), "item_key": int(item), "rank": int(rank)}
                            for user, item, rank in zip(
                                users[first], items[first], ranks[first], strict=True
                            )
                        ],
                    }
                ],
                schema=RANKER_FITS,
            )
        )
    return pa.concat_tables(tables)


def ranked_candidates(
    fits: pa.Table,
    ranker_folds: dict[str, str],
    read: Callable[[str], Iterable[pa.Table]],
    definitions: pa.Table,
) -> pa.RecordBatchReader:
    """Rank the candidates of folds with what was learned in others.

    Parameters
    ----------
    fits : pa.Table
        As ``columns.RANKER_FITS``, all of one ranker.
    ranker_folds : dict of str to str
        Fold to rank → the fold whose ranker ranks it.
    read : callable
        Fold → its candidates with their features, in blocks. Users come whole.
    definitions : pa.Table
        As for :class:`Columnar`.

    Returns
    -------
    pa.RecordBatchReader
        As ``columns.RANKED_CANDIDATES``, a batch a block.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        by_fold = {row["fold"]: row for row in fits.to_pylist()}
        for fold, ranker_fold in sorted(ranker_folds.items()):
            if ranker_fold not in by_fold:
                continue
            fit = by_fold[ranker_fold]
            artifact = json.loads(fit["artifact"])
            columnar = Columnar(definitions, artifact["vocabularies"])
            model = RANKERS[fit["ranker"]][0].from_text(artifact["model"])
            for block in read(fold):
                if not len(block):
                    continue
                users, items = (
                    block[name].to_numpy() for name in (Columns.USER_KEY, Columns.ITEM_KEY)
                )
                scores = np.asarray(model.scores(*columnar.arrays(block)), dtype=np.float64)
                yield pa.record_batch(
                    [
                        pa.repeat(fold, len(block)),
                        pa.repeat(fit["ranker"], len(block)),
                        users.astype(np.int32),
                        items.astype(np.int32),
                        scores,
                        ranks_of(users, items, scores),
                    ],
                    schema=RANKED_CANDIDATES,
                )

    return pa.RecordBatchReader.from_batches(RANKED_CANDIDATES, batches())


def ranks_of(users: np.ndarray, items: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Place each row among those of its user: the highest score first, ties by item.

    Examples
    --------
    >>> ranks_of(np.array([1, 1, 2, 1]), np.array([5, 4, 5, 6]), np.array([0.5, 0.5, 0.1, 0.9]))
    array([3, 2, 1, 1], dtype=int32)
    """
    order = np.lexsort((items, -scores, users))
    starts = np.flatnonzero(np.r_[True, users[order][1:] != users[order][:-1]])
    sizes = np.diff(np.r_[starts, len(users)])
    ranks = np.empty(len(users), dtype=np.int32)
    ranks[order] = np.arange(len(users)) - np.repeat(starts, sizes) + 1
    return ranks
