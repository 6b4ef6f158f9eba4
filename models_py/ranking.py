"""Learning a ranker from the candidates of one fold, and ranking those of another with it."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from models_py import memory, saved
from models_py.columnar import Columnar
from models_py.columns import RANKED_CANDIDATES, RANKER_FITS, Columns
from models_py.dlrm import DLRM, DLRMParameters
from models_py.lightgbm_ranker import LightGBMParameters, LightGBMRanker

# Rows that SHAP values are averaged over.
EXPLAINED_ROWS = 2_000

# What a fit takes for each example, and for each feature of one that is taught or ranked: as it was
# read, with the categories, and in the bins of each part.
BYTES_PER_EXAMPLE = 60
BYTES_PER_FEATURE = 14


@dataclass(frozen=True)
class RankingParameters:
    """How rankers are taught, whichever they are."""

    min_users: int = 50
    """With fewer users who have something to find among their candidates nothing is learned."""
    parts: int = 5
    """Parts that the users are held out in, one after the other."""
    ndcg_k: int = 10
    """The cutoff that counts; held-out lists are kept down to it."""


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
        return saved.to_text(self.model_.save)

    @classmethod
    def from_text(cls, text: str) -> "DLRMRanker":
        """Read what :meth:`to_text` wrote."""
        model = saved.from_text(text, DLRM.load)
        ranker = cls(model.parameters)
        ranker.model_ = model
        return ranker


# Name → the ranker and its parameters.
RANKERS = {
    "lightgbm": (LightGBMRanker, LightGBMParameters),
    "dlrm": (DLRMRanker, DLRMParameters),
}


@dataclass(frozen=True)
class Examples:
    """What an earlier fold teaches: a row per candidate, users one after the other."""

    fold: str
    rows: pa.Table
    """user_key, item_key, is_positive, is_taught, part, and the categories."""
    features: np.ndarray

    @classmethod
    def of(cls, fold: str, blocks: Iterable[pa.Table], columnar: Columnar) -> "Examples":
        """Read the blocks, keeping of each no more than is needed."""
        names = ["user_key", "item_key", "is_positive", "is_taught", "part", *columnar.categories]
        rows, features = [], []
        for block in blocks:
            rows.append(block.select(names))
            features.append(columnar.features(block))
        return cls(fold, pa.concat_tables(rows), np.concatenate(features))

    def __getitem__(self, column: str) -> np.ndarray:
        return self.rows[column].to_numpy()

    @property
    def taught(self) -> np.ndarray:
        """Rows that teach: who has nothing to find among the candidates teaches no order."""
        users = self["user_key"]
        return self["is_taught"] & np.isin(users, users[self["is_positive"]])


def ranker_fits(
    ranker: str,
    parameters: dict,
    ranker_folds: pa.Table,
    read: Callable[[str], Iterable[pa.Table]],
    definitions: pa.Table,
    ranking: RankingParameters,
) -> pa.Table:
    """Teach the ranker of each fold in the folds before it.

    Parameters
    ----------
    ranker : str
        A name of ``RANKERS``.
    parameters : dict
        Its parameters.
    ranker_folds : pa.Table
        One row per fold and earlier fold that its ranker learns from: fold, ranker_fold.
    read : callable
        Earlier fold → its examples, in blocks: user_key, item_key, is_positive, is_taught, part,
        and a column a feature. Users come whole.
    definitions : pa.Table
        As for :class:`Columnar`.
    ranking : RankingParameters
        How it is taught.

    Returns
    -------
    pa.Table
        As ``columns.RANKER_FITS``: one row per fold that there is enough to learn from.
    """
    learned = {}
    for row in ranker_folds.to_pylist():
        learned.setdefault(row["fold"], set()).add(row["ranker_fold"])
    examples = {
        fold: Examples.of(fold, read(fold), Columnar(definitions))
        for fold in sorted(set().union(*learned.values()))
    }
    fits = {
        fold: _ranker_fit(
            ranker,
            parameters,
            [examples[its] for its in sorted(folds)],
            Columnar(definitions),
            ranking,
        )
        for fold, folds in sorted(learned.items())
    }
    return pa.Table.from_pylist(
        [
            {Columns.FOLD: fold, Columns.RANKER: ranker} | fit
            for fold, fit in fits.items()
            if fit is not None
        ],
        schema=RANKER_FITS,
    )


def _ranker_fit(
    ranker: str,
    parameters: dict,
    folds: list[Examples],
    columnar: Columnar,
    ranking: RankingParameters,
) -> dict | None:
    """Teach one ranker; None where there are too few users."""
    n_users = len(np.unique(np.concatenate([its["user_key"][its.taught] for its in folds])))
    if n_users < max(ranking.min_users, ranking.parts):
        return None
    n_rows = sum(len(its.rows) for its in folds)
    n_taught = sum(np.count_nonzero(its.taught) for its in folds)
    memory.require(
        n_rows * BYTES_PER_EXAMPLE
        + (n_rows / ranking.parts + n_taught) * len(columnar.numbers) * BYTES_PER_FEATURE,
        f"A fit of {ranker} on {n_taught:,} examples of {len(columnar.numbers)} features",
        "Lower ranker_max_users or ranker_negatives.",
    )
    columnar.learn_categories(pa.concat_tables([its.rows for its in folds]))
    categories = [columnar.category_ids(its.rows) for its in folds]
    # A user of two folds is two groups.
    n_keys = 1 + max(its["user_key"].max(initial=0) for its in folds)
    features, ids, labels, groups, parts = (
        np.concatenate(arrays)
        for arrays in zip(
            *(
                (
                    its.features[its.taught],
                    ids[its.taught],
                    its["is_positive"][its.taught],
                    its["user_key"][its.taught].astype(np.int64) + place * n_keys,
                    its["part"][its.taught],
                )
                for place, (its, ids) in enumerate(zip(folds, categories, strict=True))
            ),
            strict=True,
        )
    )
    new, its_parameters = RANKERS[ranker]
    model = new(its_parameters(**parameters), columnar.monotone)
    without_part = model.hold_out(features, ids, labels, groups, parts, ranking.ndcg_k)
    model.fit(features, ids, labels, groups, parts)
    step = -(-len(labels) // EXPLAINED_ROWS)
    importances = model.importances(features[::step], ids[::step])
    names = columnar.numbers + columnar.categories
    artifact = {"vocabularies": columnar.vocabularies, "model": model.to_text()}
    return {
        "n_users": n_users,
        "n_examples": len(labels),
        "n_positives": int(labels.sum()),
        "n_rounds": model.n_rounds,
        "artifact": json.dumps(artifact, sort_keys=True),
        "importances": [
            {"feature": name, "gain": float(gain), "shap": float(shap)}
            for name, gain, shap in zip(names, *importances, strict=True)
        ]
        if importances is not None
        else [],
        "held_out": [
            row
            for its, ids in zip(folds, categories, strict=True)
            for row in _held_out_lists(its, ids, without_part, ranking.ndcg_k)
        ],
    }


def _held_out_lists(
    examples: Examples, categories: np.ndarray, rankers: list, k: int
) -> list[dict]:
    """The first k of each user, by the ranker that has learned nothing from the user's part."""
    users, items, parts = (examples[name] for name in ("user_key", "item_key", "part"))
    scores = np.empty(len(users))
    for part, ranker in enumerate(rankers):
        of_part = parts == part
        scores[of_part] = ranker.scores(examples.features[of_part], categories[of_part])
    ranks = ranks_of(users, items, scores)
    first = ranks <= k
    return [
        {"ranker_fold": examples.fold, "user_key": user, "item_key": item, "rank": rank}
        for user, item, rank in zip(
            *(column[first].tolist() for column in (users, items, ranks)), strict=True
        )
    ]


def ranked_candidates(
    fits: pa.Table,
    folds: list[str],
    read: Callable[[str], Iterable[pa.Table]],
    definitions: pa.Table,
) -> pa.RecordBatchReader:
    """Rank the candidates of folds with what was learned for each.

    Parameters
    ----------
    fits : pa.Table
        As ``columns.RANKER_FITS``, all of one ranker.
    folds : list of str
        Folds to rank; those without a fit are left out.
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
        for fit in fits.sort_by(Columns.FOLD).to_pylist():
            if fit["fold"] not in folds:
                continue
            artifact = json.loads(fit["artifact"])
            columnar = Columnar(definitions, artifact["vocabularies"])
            model = RANKERS[fit["ranker"]][0].from_text(artifact["model"])
            for block in read(fit["fold"]):
                if not len(block):
                    continue
                users, items = (
                    block[name].to_numpy() for name in (Columns.USER_KEY, Columns.ITEM_KEY)
                )
                scores = np.asarray(
                    model.scores(columnar.features(block), columnar.category_ids(block)),
                    dtype=np.float64,
                )
                yield pa.record_batch(
                    [
                        pa.repeat(fit["fold"], len(block)),
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
