"""LightGBM as a ranker: boosted trees that put first what a user came to like."""

from dataclasses import dataclass

import lightgbm
import numpy as np


@dataclass(frozen=True)
class LightGBMParameters:
    """Parameters of :class:`LightGBMRanker`."""

    num_leaves: int = 15
    """Leaves of a tree, at most."""
    learning_rate: float = 0.05
    """What a tree's output is multiplied with."""
    max_trees: int = 200
    """Trees, at most."""
    early_stopping_rounds: int = 30
    """Trees in a row that may be worse on held-out users than the best number of them."""
    min_data_in_leaf: int = 50
    """Rows in a leaf, at least."""
    feature_fraction: float = 0.5
    """Share of the features that a tree may use, drawn anew for each."""
    lambda_l2: float = 10.0
    """L2 penalty on what a leaf says."""
    truncation_level: int = 20
    """Places of a list that count in what is learned."""
    monotone: bool = True
    """Whether features that are declared monotone may only speak one way."""
    random_state: int = 42
    """Seed of what is drawn."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted.

        Raises
        ------
        ValueError
            When a number is out of its range.
        """
        for name, lowest in {
            "num_leaves": 2, "max_trees": 1, "early_stopping_rounds": 1, "min_data_in_leaf": 1,
            "truncation_level": 1,
        }.items():  # fmt: skip
            if getattr(self, name) < lowest:
                raise ValueError(
                    f"LightGBM needs {name} of at least {lowest}, got {getattr(self, name)}"
                )
        if self.learning_rate <= 0 or self.lambda_l2 < 0 or not 0 < self.feature_fraction <= 1:
            raise ValueError(
                "LightGBM needs learning_rate above 0, lambda_l2 of at least 0 and "
                f"feature_fraction above 0 up to 1, got {self.learning_rate}, {self.lambda_l2} "
                f"and {self.feature_fraction}"
            )


class LightGBMRanker:
    """Gradient boosted trees, taught by the order of each user's candidates.

    Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree (NeurIPS 2017), with
    LambdaRank (Burges, From RankNet to LambdaRank to LambdaMART, 2010). How many trees are grown is
    found where users are held out, see :meth:`hold_out`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> features = rng.random((400, 2)).astype(np.float32)
    >>> labels = features[:, 0] > 0.7
    >>> ranker = LightGBMRanker(LightGBMParameters(max_trees=10, min_data_in_leaf=5))
    >>> ranker = ranker.fit(features, np.empty((400, 0), np.int32), labels, np.arange(400) // 10)
    >>> bool(np.diff(ranker.scores(np.array([[0.1, 0.5], [0.9, 0.5]]), None))[0] > 0)
    True
    """

    name = "lightgbm"

    def __init__(self, parameters: LightGBMParameters, monotone: np.ndarray | None = None) -> None:
        self.parameters, self.monotone = parameters, monotone
        self.n_trees = parameters.max_trees

    def hold_out(
        self,
        features: np.ndarray,
        categories: np.ndarray,
        labels: np.ndarray,
        groups: np.ndarray,
        parts: np.ndarray,
        k: int,
    ) -> list["LightGBMRanker"]:
        """Find the number of trees that is best, on average, for users who were held out.

        Parameters
        ----------
        features, categories, labels, groups
            As in :meth:`fit`.
        parts : int array, shape (n,)
            The part, from 0, that each row's group is held out with.
        k : int
            What counts is NDCG at this cutoff.

        Returns
        -------
        list of LightGBMRanker
            A ranker for each part that has learned nothing from it, all with the number of trees
            that ``n_trees`` now holds.
        """
        data = self._dataset(features, categories, labels, groups)
        folds = [
            (np.flatnonzero(parts != part), np.flatnonzero(parts == part))
            for part in range(int(parts.max()) + 1)
        ]
        result = lightgbm.cv(
            self._library_parameters() | {"metric": "ndcg", "eval_at": [k]},
            data,
            num_boost_round=self.parameters.max_trees,
            folds=folds,
            callbacks=[
                lightgbm.early_stopping(self.parameters.early_stopping_rounds, verbose=False)
            ],
            return_cvbooster=True,
        )
        self.n_trees = max(1, result["cvbooster"].best_iteration)
        rankers = []
        for booster in result["cvbooster"].boosters:
            ranker = LightGBMRanker(self.parameters, self.monotone)
            ranker.booster_, ranker.n_trees = booster, self.n_trees
            rankers.append(ranker)
        return rankers

    def fit(
        self,
        features: np.ndarray,
        categories: np.ndarray,
        labels: np.ndarray,
        groups: np.ndarray,
        parts: np.ndarray | None = None,
    ) -> "LightGBMRanker":
        """Grow ``n_trees`` trees on all rows, whatever part they are of.

        Parameters
        ----------
        features : float32 array, shape (n, n_features)
            Numbers; NaN where one is missing.
        categories : int32 array, shape (n, n_categories)
            Ids, each column with its own; -1 where one is missing or unknown.
        labels : bool array, shape (n,)
            Whether the user came to like the item.
        groups : int array, shape (n,)
            Whose candidate each row is. Rows of a group stand together.

        Returns
        -------
        LightGBMRanker
            Itself, with ``booster_``.
        """
        self.booster_ = lightgbm.train(
            self._library_parameters(),
            self._dataset(features, categories, labels, groups),
            num_boost_round=self.n_trees,
        )
        return self

    @property
    def n_rounds(self) -> int:
        """Trees."""
        return self.n_trees

    def scores(self, features: np.ndarray, categories: np.ndarray | None) -> np.ndarray:
        """Score rows of any groups; only scores of one group compare.

        Parameters
        ----------
        features, categories : arrays, shapes (n, n_features) and (n, n_categories)
            As in the fit.

        Returns
        -------
        float64 array, shape (n,)
            The higher, the sooner a row comes.
        """
        return self.booster_.predict(_joined(features, categories), num_iteration=self.n_trees)

    def importances(
        self, features: np.ndarray, categories: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Say what each column does.

        Parameters
        ----------
        features, categories : arrays, shapes (n, n_features) and (n, n_categories)
            Rows to explain.

        Returns
        -------
        gain, shap : float arrays, shape (n_features + n_categories,)
            Share of what all splits have gained; mean absolute SHAP value over the rows (Lundberg
            et al., From Local Explanations to Global Understanding with Explainable AI for Trees,
            2020).
        """
        gain = self.booster_.feature_importance("gain", iteration=self.n_trees)
        shap = self.contributions(features, categories)
        return gain / max(gain.sum(), 1e-300), np.abs(shap).mean(axis=0)

    def contributions(self, features: np.ndarray, categories: np.ndarray) -> np.ndarray:
        """Say what each column adds to the score of each row.

        Parameters
        ----------
        features, categories : arrays, shapes (n, n_features) and (n, n_categories)
            Rows to explain.

        Returns
        -------
        float array, shape (n, n_features + n_categories)
            SHAP values: with what all rows have in common, they add up to the score.
        """
        shap = self.booster_.predict(
            _joined(features, categories), num_iteration=self.n_trees, pred_contrib=True
        )
        return shap[:, :-1]

    def to_text(self) -> str:
        """Write the trees in LightGBM's own format."""
        return self.booster_.model_to_string(num_iteration=self.n_trees)

    @classmethod
    def from_text(cls, text: str) -> "LightGBMRanker":
        """Read what :meth:`to_text` wrote; the scores are those of the ranker that was written."""
        ranker = cls(LightGBMParameters())
        ranker.booster_ = lightgbm.Booster(model_str=text)
        ranker.n_trees = ranker.booster_.num_trees()
        return ranker

    def _dataset(self, features, categories, labels, groups) -> lightgbm.Dataset:
        starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
        n_features, n_categories = features.shape[1], categories.shape[1]
        return lightgbm.Dataset(
            _joined(features, categories),
            labels.astype(np.int8),
            group=np.diff(np.r_[starts, len(groups)]),
            categorical_feature=list(range(n_features, n_features + n_categories)),
            params=self._library_parameters(),
        )

    def _library_parameters(self) -> dict:
        parameters = self.parameters
        constraints = {}
        if parameters.monotone and self.monotone is not None and self.monotone.any():
            constraints = {"monotone_constraints": self.monotone.tolist()}
        return constraints | {
            "objective": "lambdarank",
            "num_leaves": parameters.num_leaves,
            "learning_rate": parameters.learning_rate,
            "min_data_in_leaf": parameters.min_data_in_leaf,
            "feature_fraction": parameters.feature_fraction,
            "lambda_l2": parameters.lambda_l2,
            "lambdarank_truncation_level": parameters.truncation_level,
            "seed": parameters.random_state,
            "deterministic": True,
            # With this one the same trees grow on any number of threads.
            "force_row_wise": True,
            "verbose": -1,
        }


def _joined(features: np.ndarray, categories: np.ndarray | None) -> np.ndarray:
    """Numbers, then categories, NaN where one is missing, as LightGBM takes them."""
    if categories is None or not categories.shape[1]:
        return np.asarray(features, dtype=np.float32)
    known = np.where(categories < 0, np.float32("nan"), categories)
    return np.column_stack([features, known]).astype(np.float32)
