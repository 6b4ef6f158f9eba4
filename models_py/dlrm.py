"""DLRM: a ranker that reads numbers and categories, and how each goes with each other."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from models_py import saved
from models_py.repeatable import one_thread, repeatable

# The validation looks at so many of a user's first rows.
VALIDATION_K = 10
# Numbers further from the mean than so many standard deviations count as that far.
CLIP = 5.0
# Rows scored at once where nothing is learned: bounds memory.
ROWS_PER_BLOCK = 50_000


@dataclass(frozen=True)
class DLRMParameters:
    """Parameters of :class:`DLRM`."""

    embedding_dimensions: int = 16
    """Length of a category's vector, and of the vector that all numbers become together."""
    bottom_hidden: tuple[int, ...] = (64, 32)
    """Widths of the hidden layers that read the numbers."""
    top_hidden: tuple[int, ...] = (64, 32)
    """Widths of the hidden layers that read the interactions."""
    dropout: float = 0.1
    """Share of the values of a hidden layer that are lost at random in the fit."""
    unknown_share: float = 0.05
    """Share of categories that are hidden in the fit, so that it learns what unknown means."""
    learning_rate: float = 1e-3
    """Step of AdamW at the start; it falls to 0 along half a cosine."""
    weight_decay: float = 1e-4
    """Weight decay of AdamW."""
    batch_groups: int = 32
    """Users a step."""
    epochs: int = 10
    """Passes over the users, at most."""
    patience: int = 2
    """Passes in a row that may be worse in validation than the best; one more ends the fit."""
    random_state: int = 42
    """Seed of all that is drawn."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted.

        Raises
        ------
        ValueError
            When a number is too small or, where it is a share, too large.
        """
        for name in ("embedding_dimensions", "batch_groups", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"DLRM needs {name} of at least 1, got {getattr(self, name)}")
        for name in ("bottom_hidden", "top_hidden"):
            if any(width < 1 for width in getattr(self, name)):
                raise ValueError(
                    f"DLRM needs widths of at least 1, got {name} {getattr(self, name)}"
                )
        for name in ("weight_decay", "patience"):
            if getattr(self, name) < 0:
                raise ValueError(f"DLRM needs {name} of at least 0, got {getattr(self, name)}")
        if self.learning_rate <= 0:
            raise ValueError(f"DLRM needs learning_rate above 0, got {self.learning_rate}")
        for name in ("dropout", "unknown_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"DLRM needs {name} of at least 0 and below 1, got {getattr(self, name)}"
                )


class Network(nn.Module):
    """What :class:`DLRM` learns; it takes rows as they come, and holds what it needs to read them.

    Parameters
    ----------
    parameters : DLRMParameters
        Widths and shares.
    n_categories : int
        Columns of categories.
    means, scales : float32 Tensor, shape (n_features,)
        What is taken off each number, and what the rest is multiplied with.
    flagged : int64 Tensor, shape (n_flagged,)
        The columns of numbers of which the network is told where they are missing.
    codes : int64 Tensor, shape (n_codes,)
        The categories that have a vector, as :func:`_codes` writes them, ascending.
    """

    def __init__(
        self,
        parameters: DLRMParameters,
        n_categories: int,
        means: Tensor,
        scales: Tensor,
        flagged: Tensor,
        codes: Tensor,
    ) -> None:
        super().__init__()
        self.n_categories, self.unknown_share = n_categories, parameters.unknown_share
        for name, values in (
            ("means", means), ("scales", scales), ("flagged", flagged), ("codes", codes)
        ):  # fmt: skip
            self.register_buffer(name, values)
        dimensions, dropout = parameters.embedding_dimensions, parameters.dropout
        n_vectors = 1 + n_categories
        lower = torch.ones(n_vectors, n_vectors).tril(-1).flatten().nonzero().flatten()
        self.register_buffer("pairs", lower, persistent=False)
        n_inputs = len(means) + len(flagged)
        self.bottom = _layers([n_inputs, *parameters.bottom_hidden, dimensions], dropout)
        # The first is that of all unknown ones, and says nothing until it has learned to.
        self.embeddings = nn.Embedding(1 + len(codes), dimensions)
        nn.init.normal_(self.embeddings.weight, std=dimensions**-0.5)
        self.top = _layers([dimensions + len(lower), *parameters.top_hidden, 1], dropout)
        with torch.no_grad():
            self.embeddings.weight[0] = 0
            # So all rows score alike until something is learned.
            self.top[-1].weight.zero_()
            self.top[-1].bias.zero_()

    def forward(self, features: Tensor, categories: Tensor) -> Tensor:
        """Score rows of (n, n_features) and (n, n_categories), shape (n,)."""
        is_missing = features.isnan()
        numbers = ((features - self.means) * self.scales).clamp(-CLIP, CLIP).nan_to_num(0)
        numbers = self.bottom(torch.cat([numbers, is_missing[:, self.flagged].float()], dim=1))
        vectors = torch.cat([numbers[:, None], self.embeddings(self._places(categories))], dim=1)
        dots = (vectors @ vectors.mT).flatten(1).index_select(1, self.pairs)
        return self.top(torch.cat([numbers, dots], dim=1)).squeeze(1)

    def _places(self, categories: Tensor) -> Tensor:
        """Say where in ``embeddings`` each category's vector is; 0 where it is unknown."""
        codes = _codes(categories)
        places = torch.searchsorted(self.codes, codes)
        known = torch.cat([self.codes, self.codes.new_full((1,), -1)])
        is_known = (known[places] == codes) & (categories >= 0)
        if self.training and self.unknown_share:
            is_known &= torch.rand(codes.shape, device=codes.device) >= self.unknown_share
        return (places + 1) * is_known


class DLRM:
    """A network over numbers and categories that scores a user's candidates.

    Naumov et al., Deep Learning Recommendation Model for Personalization and Recommendation
    Systems (arXiv 1906.00091, 2019): a bottom network makes one vector of all numbers, each
    category has a vector of its own, and the inner products of all pairs of these vectors, with
    the first vector itself, go through a top network.

    Numbers are standardized by what the fit has seen and clipped; where one is missing it is 0, and
    the network is told. Categories that the fit has not seen share one vector. The paper learns
    clicks one by one; here the loss is the cross entropy of a softmax over a user's candidates,
    since only their order counts (Cao et al., Learning to Rank: From Pairwise Approach to Listwise
    Approach, ICML 2007). Each user counts as much as any other. On MovieLens 1M a pairwise logistic
    loss ranks as well, at a cost that grows with the square of a list; clicks one by one, worse.

    The fit runs on a GPU where there is one. On a processor it uses one thread, so that two fits
    of the same rows are the same to the bit on any number of cores.

    Examples
    --------
    >>> features = np.array([[0.9], [0.1], [0.8], [np.nan]] * 20, dtype=np.float32)
    >>> categories = np.array([[0], [1], [1], [0]] * 20, dtype=np.int32)
    >>> labels = np.array([True, False, True, False] * 20)
    >>> model = DLRM(DLRMParameters(epochs=5)).fit(features, categories, labels, np.arange(80) // 4)
    >>> scores = model.scores(features[:4], categories[:4])
    >>> sorted(scores.argsort()[-2:].tolist())
    [0, 2]
    """

    def __init__(self, parameters: DLRMParameters) -> None:
        self.parameters = parameters

    def fit(
        self,
        features: np.ndarray,
        categories: np.ndarray,
        labels: np.ndarray,
        groups: np.ndarray,
        held_out: np.ndarray | None = None,
    ) -> "DLRM":
        """Learn to put the rows with a label first in their group.

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
        held_out : bool array, shape (n,), optional
            Groups that nothing is learned from: the pass that did best on them, by the mean NDCG@10
            of those with a label, is kept. Without any, the last pass is.

        Returns
        -------
        DLRM
            Itself, with ``network_`` (Network), ``n_epochs_``, the passes that what is kept has
            learned from, and ``fingerprint_``, a hash of all that was given.

        Raises
        ------
        ValueError
            When shapes do not fit each other, a feature is infinite, the rows of a group do not
            stand together, or only some of them are held out.
        """
        features, categories = _checked(features, categories)
        labels, groups = np.asarray(labels, dtype=bool), np.asarray(groups)
        held_out = np.zeros(len(labels), bool) if held_out is None else np.asarray(held_out, bool)
        for name, values in (("labels", labels), ("groups", groups), ("held_out", held_out)):
            if values.shape != (len(features),):
                raise ValueError(
                    f"DLRM needs one of {name} for each of the {len(features)} rows, got shape "
                    f"{values.shape}"
                )
        starts, sizes = _groups(groups)
        n_held_out = _sums(held_out, starts)
        if ((n_held_out > 0) & (n_held_out < sizes)).any():
            raise ValueError("DLRM holds out whole groups, got one of which some rows are")
        self.fingerprint_ = saved.fingerprint(features, categories, labels, groups, held_out)

        parameters = self.parameters
        learned = ~held_out
        # Neither a group without a label nor one without anything else has an order to learn.
        n_labels = _sums(labels, starts)
        of_use = np.flatnonzero((n_held_out == 0) & (n_labels > 0) & (n_labels < sizes))
        with repeatable(parameters.random_state), one_thread():
            self.network_ = Network(
                parameters,
                categories.shape[1],
                *_scales(features[learned]),
                torch.unique(
                    _codes(torch.from_numpy(categories[learned]))[categories[learned] >= 0]
                ),
            ).to("cuda" if torch.cuda.is_available() else "cpu")
            self._learn(features, categories, labels, starts, sizes, of_use, held_out)
        return self

    def scores(self, features: np.ndarray, categories: np.ndarray) -> np.ndarray:
        """Score rows of any groups; only scores of one group compare.

        Parameters
        ----------
        features, categories : arrays, shapes (n, n_features) and (n, n_categories)
            As in the fit.

        Returns
        -------
        float32 array, shape (n,)
            The higher, the sooner a row comes. All 0 where the fit had nothing to learn from.

        Raises
        ------
        ValueError
            When there are not as many columns as in the fit, or a feature is infinite.
        """
        features, categories = _checked(features, categories)
        network = self.network_
        expected = (len(network.means), network.n_categories)
        if (features.shape[1], categories.shape[1]) != expected:
            raise ValueError(
                f"DLRM learned from {expected[0]} features and {expected[1]} categories, got "
                f"{features.shape[1]} and {categories.shape[1]}"
            )
        scores = np.empty(len(features), dtype=np.float32)
        network.eval()
        with torch.no_grad(), one_thread():
            for first in range(0, len(features), ROWS_PER_BLOCK):
                rows = slice(first, first + ROWS_PER_BLOCK)
                scores[rows] = self._score(features[rows], categories[rows]).cpu().numpy()
        return scores

    def save(self, folder: Path) -> None:
        """Write the weights (safetensors) and a manifest (JSON) into a folder.

        Parameters
        ----------
        folder : Path
            Made if it is not there; what was saved in it is replaced.
        """
        manifest = {
            "parameters": asdict(self.parameters),
            "n_categories": self.network_.n_categories,
            "n_epochs": self.n_epochs_,
            "data_fingerprint": self.fingerprint_,
        }
        saved.save(folder, "DLRM", self.network_.state_dict(), manifest)

    @classmethod
    def load(cls, folder: Path) -> "DLRM":
        """Read what :meth:`save` wrote; the scores are those of the model that was saved.

        Parameters
        ----------
        folder : Path
            Where it is.

        Returns
        -------
        DLRM
            As after its fit, on the processor.

        Raises
        ------
        FileNotFoundError
            When one of the two files is not there.
        ValueError
            When the manifest is of another model.
        """
        weights, manifest = saved.load(folder, "DLRM")
        parameters = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in manifest["parameters"].items()
        }
        model = cls(DLRMParameters(**parameters))
        model.network_ = Network(
            model.parameters,
            manifest["n_categories"],
            *(weights[name] for name in ("means", "scales", "flagged", "codes")),
        )
        model.network_.load_state_dict(weights)
        model.n_epochs_ = manifest["n_epochs"]
        model.fingerprint_ = manifest["data_fingerprint"]
        return model

    def _score(self, features: np.ndarray, categories: np.ndarray) -> Tensor:
        device = self.network_.means.device
        return self.network_(
            torch.from_numpy(features).to(device), torch.from_numpy(categories).to(device)
        )

    def _learn(
        self,
        features: np.ndarray,
        categories: np.ndarray,
        labels: np.ndarray,
        starts: np.ndarray,
        sizes: np.ndarray,
        of_use: np.ndarray,
        held_out: np.ndarray,
    ) -> None:
        parameters, network = self.parameters, self.network_
        random = np.random.default_rng(parameters.random_state)
        n_batches = -(-len(of_use) // parameters.batch_groups)
        n_steps = parameters.epochs * n_batches
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=parameters.learning_rate,
            weight_decay=parameters.weight_decay,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 + 0.5 * np.cos(np.pi * min(1, step / max(1, n_steps)))
        )
        owners = np.repeat(np.arange(len(sizes)), sizes)[held_out]
        validation = features[held_out], categories[held_out], labels[held_out], owners
        best_ndcg, best_state, n_worse, self.n_epochs_ = -1.0, None, 0, 0
        with tqdm(total=n_steps, desc="dlrm", unit="batch", disable=None) as progress:
            for epoch in range(1, parameters.epochs + 1):
                if not n_batches:
                    break
                network.train()
                losses = []
                for batch in np.array_split(random.permutation(of_use), n_batches):
                    rows, is_there = _side_by_side(starts[batch], sizes[batch])
                    scores = self._score(features[rows], categories[rows])
                    loss = listwise_loss(
                        scores,
                        torch.from_numpy(labels[rows]).to(scores.device),
                        torch.from_numpy(is_there).to(scores.device),
                    )
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                    losses.append(loss.item())
                    progress.update()
                if not validation[2].any():
                    self.n_epochs_ = epoch
                    continue
                ndcg = mean_ndcg(self.scores(*validation[:2]), *validation[2:], VALIDATION_K)
                progress.set_postfix(epoch=epoch, loss=np.mean(losses), ndcg=ndcg)
                if ndcg > best_ndcg:
                    best_ndcg, n_worse, self.n_epochs_ = ndcg, 0, epoch
                    best_state = {key: value.clone() for key, value in network.state_dict().items()}
                else:
                    n_worse += 1
                    if n_worse > parameters.patience:
                        break
        if best_state is not None:
            network.load_state_dict(best_state)
        network.eval()


def listwise_loss(scores: Tensor, labels: Tensor, is_there: Tensor) -> Tensor:
    """Cross entropy of a softmax over each group's rows; all its labels are right alike.

    Parameters
    ----------
    scores : Tensor, shape (n,)
        Of the rows of all groups, one group after the other.
    labels : bool Tensor, shape (n,)
        At least one in every group.
    is_there : bool Tensor, shape (n_groups, longest)
        True in as many of a group's first cells as it has rows.

    Returns
    -------
    Tensor, shape ()
        Mean over groups of the mean over their labels.
    """
    cells = torch.full(is_there.shape, -torch.inf, device=scores.device)
    cells = cells.masked_scatter(is_there, scores)
    is_right = torch.zeros_like(is_there).masked_scatter(is_there, labels)
    of_right = cells.log_softmax(dim=1).masked_fill(~is_right, 0)
    return -(of_right.sum(dim=1) / is_right.sum(dim=1)).mean()


def mean_ndcg(scores: np.ndarray, labels: np.ndarray, owners: np.ndarray, k: int) -> float:
    """Mean NDCG@k over the groups with a label; of equal scores those without one come first.

    Parameters
    ----------
    scores, labels, owners : arrays, shape (n,)
        Score of each row, whether it is right, and the group that it is of.
    k : int
        Rows looked at in each group.

    Returns
    -------
    float
        0 to 1; 0 without any label.

    Examples
    --------
    >>> labels = np.array([True, False, False, True])
    >>> mean_ndcg(np.array([2.0, 1.0, 3.0, 3.0]), labels, np.array([0, 0, 1, 1]), k=10)
    0.8154648767857288
    """
    owners = np.unique(owners, return_inverse=True)[1]
    order = np.lexsort((labels, -scores, owners))
    owners, labels = owners[order], labels[order]
    places = np.arange(len(owners)) - np.searchsorted(owners, owners)
    gains = np.where(places < k, 1 / np.log2(places + 2), 0)
    n_labels = np.bincount(owners, labels).astype(int)
    ideal = np.append(0, np.cumsum(1 / np.log2(np.arange(k) + 2)))[np.minimum(n_labels, k)]
    found = np.bincount(owners, gains * labels)
    return float(np.mean(found[n_labels > 0] / ideal[n_labels > 0])) if labels.any() else 0.0


def _layers(widths: list[int], dropout: float) -> nn.Sequential:
    layers = []
    for width, next_width in zip(widths[:-2], widths[1:-1], strict=True):
        layers += [nn.Linear(width, next_width), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]))


def _codes(categories: Tensor) -> Tensor:
    """Give a number to each id of each column: its column, then itself in 32 bits."""
    columns = torch.arange(categories.shape[1], device=categories.device)
    return (columns << 32) + categories.long()


def _scales(features: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Find the means, 1 / the standard deviations, and which columns are missing at times.

    A column that never varies is of no use: its scale is 0.
    """
    is_there = ~np.isnan(features)
    n_there = is_there.sum(axis=0)
    numbers = np.where(is_there, features, 0).astype(np.float64)
    means = numbers.sum(axis=0) / np.maximum(1, n_there)
    squares = np.where(is_there, (numbers - means) ** 2, 0).sum(axis=0)
    lowest = np.where(is_there, features, np.inf).min(axis=0, initial=np.inf)
    highest = np.where(is_there, features, -np.inf).max(axis=0, initial=-np.inf)
    scales = np.zeros(len(means))
    varies = lowest < highest
    scales[varies] = (squares[varies] / n_there[varies]) ** -0.5
    flagged = np.flatnonzero((n_there > 0) & (n_there < len(features)))
    return (
        torch.from_numpy(means.astype(np.float32)),
        torch.from_numpy(scales.astype(np.float32)),
        torch.from_numpy(flagged),
    )


def _checked(features: np.ndarray, categories: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give both as contiguous arrays of the types that the network reads.

    Raises
    ------
    ValueError
        When they are not two tables of as many rows, there are no features, or one is infinite.
    """
    features = np.ascontiguousarray(features, dtype=np.float32)
    categories = np.ascontiguousarray(categories, dtype=np.int32)
    if features.ndim != 2 or categories.ndim != 2 or len(features) != len(categories):
        raise ValueError(
            "DLRM needs features and categories as two tables of as many rows, got shapes "
            f"{features.shape} and {categories.shape}"
        )
    if not features.shape[1]:
        raise ValueError("DLRM needs at least one feature, got none")
    infinite = np.isinf(features).any(axis=0)
    if infinite.any():
        raise ValueError(f"DLRM needs finite features, column {infinite.argmax()} has an infinity")
    return features, categories


def _groups(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find where each group starts and how many rows it has.

    Raises
    ------
    ValueError
        When its rows do not stand together.
    """
    is_first = np.append(True, groups[1:] != groups[:-1])[: len(groups)]
    starts = np.flatnonzero(is_first)
    names, n_starts = np.unique(groups[starts], return_counts=True)
    if (n_starts > 1).any():
        raise ValueError(
            "DLRM needs the rows of a group to stand together, those of "
            f"{names[n_starts > 1][0]} do not"
        )
    return starts, np.diff(np.append(starts, len(groups)))


def _sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum each group's values."""
    totals = np.append(0, np.cumsum(values))
    return np.diff(totals[np.append(starts, len(values))])


def _side_by_side(starts: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lay groups out as rows one after the other, and as cells of a table of one group a row."""
    is_there = np.arange(sizes.max()) < sizes[:, None]
    return (starts[:, None] + np.arange(sizes.max()))[is_there], is_there
