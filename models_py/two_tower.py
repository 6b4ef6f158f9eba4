"""Two towers: one makes a vector of an item, one of what a user did last."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix, diags
from torch import Tensor
from tqdm import tqdm

from models_py import memory, saved
from models_py.columns import ITEM, TWO_TOWER_FITS, USER, Columns, vectors_schema
from models_py.histories import Histories, count_earlier, cut, draw_users, hold_out_last
from models_py.repeatable import one_thread, repeatable
from models_py.svd import right_singular_vectors
from models_py.tables import CELLS_PER_BLOCK, folds_of, largest_fold, rows_of, vector_rows
from models_py.towers import (
    Encoder,
    Tower,
    Towers,
    UserSide,
    draw_negatives,
    meeting_users,
    sampled_softmax_loss,
    summed,
)

# The validation looks for the held out like among so many items.
VALIDATION_K = 20
# Histories are sorted by length within so many batches: little padding, and users stay mixed.
BATCHES_PER_SORT = 32
# Actions read at once where nothing is learned: bounds memory.
ACTIONS_PER_BATCH = 100_000
# What a fit takes for each like of a fold; for each weight of an id, with its gradient, moments and
# best state, and where it starts from; for each score of the validation; and for each number of a
# state.
BYTES_PER_LIKE = 60
BYTES_PER_WEIGHT = 5 * 4 + 24
BYTES_PER_CELL = 5
BYTES_PER_STATE = 8


@dataclass(frozen=True)
class TwoTowerParameters:
    """Parameters of :class:`TwoTower`."""

    dimensions: int = 64
    """Length of what a tower gives. A vector has one number more, for popularity."""
    hidden: int = 128
    """Width of the hidden layer in each tower."""
    encoder: str = "mean"
    """How actions become one vector: 'mean', or 'attention', which heeds their order.

    Without times there is no order, and 'attention' is 'mean'; see :class:`TwoTower`.
    """
    history: int = 200
    """Actions of a user that are read at once: at most so many, the last ones."""
    blocks: int = 2
    """Attention blocks, one upon the other."""
    heads: int = 1
    """Attention heads of a block; they share the dimensions."""
    dropout: float = 0.2
    """Share of actions that a mean, and of values that attention, loses at random in the fit."""
    cold_share: float = 0.1
    """Share of items learned from their content alone, and of users from their features alone."""
    temperature: float = 0.1
    """Cosines are divided by it before the softmax; where it starts, if it is learned."""
    learn_temperature: bool = False
    """Whether the temperature is learned."""
    batch_size: int = 2048
    """Likes in a batch, about: histories stay whole."""
    batch_negatives: int = 512
    """Likes of a batch that serve as negatives for the likes of its other users, at most."""
    uniform_negatives: int = 1024
    """Items of the whole catalogue, drawn alike, that serve as negatives in a batch."""
    learning_rate: float = 3e-3
    """Step of AdamW at the start; it falls to 0 along half a cosine."""
    weight_decay: float = 0.0
    """Weight decay of AdamW."""
    warm_start: bool = True
    """Whether item ids start from a factorization of the likes, and not from noise."""
    max_users: int | None = None
    """Users that it learns from, at most; where more have likes they are drawn. None: all."""
    epochs: int = 6
    """Passes over the likes, at most."""
    patience: int = 2
    """Passes in a row that may find less in validation than the best did; one more ends the fit."""
    warm_epochs: int = 1
    """Passes where a fit starts from an earlier one, at most."""
    validation_users: int = 2000
    """Users whose last like is held out for validation, at most."""
    random_state: int = 42
    """Seed of all that is drawn."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted.

        Raises
        ------
        ValueError
            When the encoder is unknown, the heads do not divide the dimensions, or a number is
            too small or, where it is a share, too large.
        """
        if self.encoder not in ("mean", "attention"):
            raise ValueError(
                f"TwoTower knows the encoders 'mean' and 'attention', got {self.encoder!r}"
            )
        if self.dimensions < 1 or self.heads < 1 or self.dimensions % self.heads:
            raise ValueError(
                "TwoTower needs dimensions and heads of at least 1, and heads that divide "
                f"dimensions, got {self.dimensions} and {self.heads}"
            )
        for name in (
            *("hidden", "history", "blocks", "batch_size", "uniform_negatives"),
            *("epochs", "warm_epochs"),
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"TwoTower needs {name} of at least 1, got {getattr(self, name)}")
        for name in ("batch_negatives", "patience", "validation_users", "weight_decay"):
            if getattr(self, name) < 0:
                raise ValueError(f"TwoTower needs {name} of at least 0, got {getattr(self, name)}")
        if self.max_users is not None and self.max_users < 1:
            raise ValueError(f"TwoTower needs max_users of at least 1, got {self.max_users}")
        for name in ("temperature", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"TwoTower needs {name} above 0, got {getattr(self, name)}")
        for name in ("dropout", "cold_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"TwoTower needs {name} of at least 0 and below 1, got {getattr(self, name)}"
                )


class TwoTower:
    """Vectors of items and of users whose inner product says how well they fit.

    The item tower reads an embedding of the item's id and embeddings of its content; the user
    tower reads what the item tower says of the user's last actions, and features of the user, so
    that a user is known by actions alone, at once and without a refit (Covington et al., Deep
    Neural Networks for YouTube Recommendations, RecSys 2016). Actions are averaged, or read in
    their order by causal attention (Kang and McAuley, Self-Attentive Sequential Recommendation,
    ICDM 2018), with a softmax over many negatives at every position (Klenitskiy and Vasilev,
    Turning Dross Into Gold Loss, RecSys 2023).

    Negatives are likes of other users in the batch and items drawn uniformly (Yang et al., Mixed
    Negative Sampling for Learning Two-tower Neural Networks, WWW 2020); see
    :func:`sampled_softmax_loss`. A catalogue that is no larger than such a sample is taken whole.

    A like is learned from what :func:`count_earlier` allows. Without times there is no earlier:
    it is learned from the mean of all the user's other likes, and 'attention' becomes 'mean'.

    A cosine leaves little room for how popular an item is, of which a learned share is added to
    it. Items without likes count there as of typical popularity.

    Item ids start where a factorization of the likes puts them, from where few passes lead to
    what many do from noise, or all starts from what an earlier fit had learned. The fit runs on a
    GPU where there is one. On a processor it uses one thread, so that two fits of the same
    histories are the same to the bit on any number of cores.

    Examples
    --------
    >>> likes = Histories(offsets=np.array([0, 2, 4, 6]), items=np.array([0, 1, 0, 1, 2, 3]))
    >>> model = TwoTower(TwoTowerParameters(dimensions=4)).fit(likes, n_items=4)
    >>> someone_new = Histories(offsets=np.array([0, 1]), items=np.array([2]))
    >>> scores = model.user_vectors(someone_new) @ model.item_vectors().T
    >>> sorted(scores.argsort()[0, -2:].tolist())
    [2, 3]
    """

    def __init__(self, parameters: TwoTowerParameters) -> None:
        self.parameters = parameters

    def fit(
        self,
        histories: Histories,
        n_items: int,
        item_features: csr_matrix | None = None,
        user_features: csr_matrix | None = None,
        start: "Weights | None" = None,
    ) -> "TwoTower":
        """Learn both towers, and keep what did best on likes that were held out.

        These are at most one like of each of ``validation_users``: nothing is learned from them,
        but the vectors of their users know them.

        Parameters
        ----------
        histories : Histories
            What each user liked.
        n_items : int
            Items of the catalogue.
        item_features, user_features : csr_matrix, shape (n, n_attributes), optional
            Weights of the attributes of each item and of each user.
        start : Weights, optional
            What an earlier fit, by the same parameters, had learned, :meth:`Weights.rows_for` the
            items and attributes of this one.

        Returns
        -------
        TwoTower
            Itself, with ``towers_`` (Towers), ``encoder_`` ('mean' or 'attention'),
            ``has_id_`` (n_items,), 1 where an item has likes to learn from,
            ``log_popularity_`` (n_items,), the logarithm of how many, over their geometric mean,
            or 0 without, ``item_features_``, ``n_users_`` and ``n_likes_`` that it learned from
            or held out, ``n_epochs_``, the passes that what is kept has learned from, and
            ``fingerprint_``, a hash of all that was given.
        """
        parameters = self.parameters
        random = np.random.default_rng(parameters.random_state)
        self.encoder_ = "mean" if histories.times is None else parameters.encoder
        self.item_features_ = _or_nothing(item_features, n_items)
        user_features = _or_nothing(user_features, len(histories))
        self.fingerprint_ = saved.fingerprint(
            histories.offsets,
            histories.items,
            *(() if histories.times is None else (histories.times,)),
            *(
                array
                for features in (self.item_features_, user_features)
                for array in (features.indptr, features.indices, features.data)
            ),
        )
        self.n_user_attributes_ = user_features.shape[1]
        is_drawn = draw_users(
            histories.lengths, parameters.max_users, random, np.diff(user_features.indptr) > 0
        )
        if not is_drawn.all():
            histories = histories.only(is_drawn[histories.users])
        self.n_users_, self.n_likes_ = int((histories.lengths > 0).sum()), len(histories.items)
        learned, *held_out = hold_out_last(histories, parameters.validation_users, random)
        n_likes = np.bincount(learned.items, minlength=n_items)
        self.has_id_ = (n_likes > 0).astype(np.float32)
        log_likes = np.log(np.maximum(1, n_likes))
        typical = log_likes.sum() / max(1, np.count_nonzero(n_likes))
        self.log_popularity_ = (self.has_id_ * (log_likes - typical)).astype(np.float32)
        with repeatable(parameters.random_state), one_thread():
            self.towers_ = Towers(
                n_items,
                self.item_features_.shape[1],
                user_features.shape[1],
                parameters.hidden,
                _encoder(replace(parameters, encoder=self.encoder_)),
                parameters.dimensions,
                parameters.temperature,
                parameters.learn_temperature,
            )
            if start is not None:
                start.put_into(self.towers_)
            elif parameters.warm_start:
                found = _factorize(learned, n_items, parameters.dimensions, parameters.random_state)
                with torch.no_grad():
                    # Beyond the rank of the likes the noise stays, to learn from.
                    is_found = torch.from_numpy(found.any(axis=0))
                    self.towers_.ids.weight[:, is_found] = torch.from_numpy(found)[:, is_found]
            n_epochs = parameters.epochs if start is None else parameters.warm_epochs
            self.towers_.to(_fastest_device())
            popularity = n_likes / max(1, len(learned.items))
            self._learn(learned, popularity, held_out, user_features, n_epochs, random)
        return self

    def item_vectors(self) -> np.ndarray:
        """Give the vector of each item.

        Returns
        -------
        float32 array, shape (n_items, dimensions + 1)
            Of unit length, from content alone where nobody liked the item, and then what its
            popularity adds; zeros where it has no content either.
        """
        vectors = np.zeros((len(self.has_id_), self.parameters.dimensions + 1), dtype=np.float32)
        vectors[self._is_known_item()] = self._user_tower().item_vectors()
        return vectors

    def user_vectors(
        self, histories: Histories, user_features: csr_matrix | None = None
    ) -> np.ndarray:
        """Give the vectors of users, whether or not the fit knew them.

        Parameters
        ----------
        histories : Histories
            What each of them liked; the last ones are read.
        user_features : csr_matrix, shape (n_users, n_attributes), optional
            As in the fit.

        Returns
        -------
        float32 array, shape (n_users, dimensions + 1)
            Of unit length, and then a 1; zeros where there is neither an action nor a feature.
        """
        return self._user_tower().vectors(histories, user_features)

    def user_tower(
        self, item_keys: np.ndarray, user_attributes: list[tuple[str, str]]
    ) -> "UserTower":
        """Give what is needed to make vectors of users from now on, without the likes.

        Parameters
        ----------
        item_keys : int array, shape (n_items,)
            Key of each item of the fit, ascending.
        user_attributes : list of (kind, attribute)
            What each column of the fit's ``user_features`` says.

        Returns
        -------
        UserTower
            On the processor or GPU that the fit ran on.

        Raises
        ------
        ValueError
            When there are not as many keys or attributes as in the fit, or keys do not ascend.
        """
        item_keys = np.asarray(item_keys, dtype=np.int64)
        if len(item_keys) != len(self.has_id_) or (np.diff(item_keys) <= 0).any():
            raise ValueError(
                f"TwoTower needs an ascending key for each of its {len(self.has_id_)} items, got "
                f"{len(item_keys)} keys"
            )
        if len(user_attributes) != self.n_user_attributes_:
            raise ValueError(
                f"TwoTower learned from {self.n_user_attributes_} attributes of users, got the "
                f"names of {len(user_attributes)}"
            )
        return self._user_tower(item_keys, user_attributes)

    def _user_tower(
        self, item_keys: np.ndarray | None = None, user_attributes: Iterable[tuple[str, str]] = ()
    ) -> "UserTower":
        """By default, the key of an item is its place, and attributes have no names."""
        is_known, towers = self._is_known_item(), self.towers_
        places = np.flatnonzero(is_known)
        with torch.no_grad(), one_thread():
            items = towers.items(np.arange(len(is_known)), self.has_id_, self.item_features_)
            return UserTower(
                replace(self.parameters, encoder=self.encoder_),
                towers.user_side,
                places if item_keys is None else item_keys[is_known],
                items[towers.tensor(places)],
                towers.added(towers.tensor(self.log_popularity_[places])),
                list(user_attributes),
                self.n_epochs_,
                self.fingerprint_,
            )

    def _is_known_item(self) -> np.ndarray:
        return (self.has_id_ > 0) | (np.diff(self.item_features_.indptr) > 0)

    def _learn(
        self,
        histories: Histories,
        popularity: np.ndarray,
        held_out: list[np.ndarray],
        user_features: csr_matrix,
        n_epochs: int,
        random: np.random.Generator,
    ) -> None:
        parameters, towers = self.parameters, self.towers_
        n_steps = max(1, n_epochs * len(histories.items) // parameters.batch_size)
        optimizer = torch.optim.AdamW(
            [weights for weights in towers.parameters() if weights.requires_grad],
            lr=parameters.learning_rate,
            weight_decay=parameters.weight_decay,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 + 0.5 * np.cos(np.pi * min(1, step / n_steps))
        )
        best_recall, best_state, n_worse, self.n_epochs_ = -1.0, None, 0, 0
        with tqdm(total=n_steps, desc="two_tower", unit="batch", disable=None) as progress:
            for epoch in range(1, n_epochs + 1):
                losses = []
                towers.train()
                pieces, owners = cut(histories, parameters.history, random)
                for batch in _batches(pieces.lengths, parameters.batch_size, random):
                    users = owners[batch]
                    loss = self._loss(
                        pieces.of(batch), users, user_features[users], popularity, random
                    )
                    progress.update()
                    if loss is not None:
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
                        schedule.step()
                        losses.append(loss.item())
                towers.eval()
                if not len(held_out[0]):
                    self.n_epochs_ = epoch
                if not losses or not len(held_out[0]):
                    continue
                recall = self._recall(histories, user_features, *held_out)
                progress.set_postfix(epoch=epoch, loss=np.mean(losses), recall=recall)
                if recall >= best_recall:
                    best_recall, n_worse, self.n_epochs_ = recall, 0, epoch
                    best_state = {
                        key: values.clone() for key, values in towers.state_dict().items()
                    }
                else:
                    n_worse += 1
                    if n_worse > parameters.patience:
                        break
        if best_state is not None:
            towers.load_state_dict(best_state)

    def _loss(
        self,
        pieces: Histories,
        users: np.ndarray,
        user_features: csr_matrix,
        popularity: np.ndarray,
        random: np.random.Generator,
    ) -> Tensor | None:
        """Loss of all likes of a batch of which anything is known before; None without any."""
        towers, cold_share = self.towers_, self.parameters.cold_share
        items = pieces.side_by_side(pieces.items)
        is_there = pieces.side_by_side(np.ones(len(pieces.items), dtype=bool))
        if pieces.times is None:
            n_known = np.repeat(pieces.lengths[:, None] - 1, items.shape[1], axis=1)
        else:
            n_known = pieces.side_by_side(count_earlier(pieces))
        has_features = np.diff(user_features.indptr) > 0
        rows, columns = np.nonzero(is_there & ((n_known > 0) | has_features[:, None]))
        if not len(rows):
            return None
        positives = items[rows, columns]
        sample, owners, log_counts = draw_negatives(
            positives,
            users[rows],
            popularity,
            self.parameters.batch_negatives,
            self.parameters.uniform_negatives,
            random,
        )

        # Each item goes through its tower once.
        distinct, places = np.unique(np.append(items, sample), return_inverse=True)
        content = self.item_features_[distinct]
        is_cold = (random.random(len(distinct)) < cold_share) & (np.diff(content.indptr) > 0)
        vectors = towers.items(distinct, self.has_id_[distinct] * ~is_cold, content)
        log_popularity = self.log_popularity_[distinct] * ~is_cold
        scored = meeting_users(vectors, towers.added(towers.tensor(log_popularity)))
        places = towers.tensor(places)
        in_pieces, in_sample = places[: items.size].view(items.shape), places[items.size :]

        actions = F.embedding(in_pieces, vectors)
        if pieces.times is None:
            states = towers.user_side.encoder.without(actions, towers.tensor(is_there))
        else:
            states = towers.user_side.encoder.before(actions, towers.tensor(n_known))
        is_cold = (random.random(len(users)) < cold_share) & has_features
        states = states * towers.tensor(~is_cold)[:, None, None]
        rows, columns = towers.tensor(rows), towers.tensor(columns)
        states = F.embedding(rows * items.shape[1] + columns, states.flatten(0, 1))
        return sampled_softmax_loss(
            towers.users(states, rows, user_features) / towers.log_temperature.exp(),
            F.embedding(in_pieces[rows, columns], scored),
            F.embedding(in_sample, scored),
            towers.tensor(positives),
            towers.tensor(sample),
            towers.tensor(log_counts),
            towers.tensor(users)[rows][:, None] == towers.tensor(owners),
        )

    def _recall(
        self,
        histories: Histories,
        user_features: csr_matrix,
        users: np.ndarray,
        items: np.ndarray,
    ) -> float:
        """Share of users whose held out item is among the first that they have not met."""
        item_vectors, tower = self.item_vectors(), self._user_tower()
        n_rows = max(1, CELLS_PER_BLOCK // len(item_vectors))
        n_found = 0
        for first in range(0, len(users), n_rows):
            batch, liked = users[first : first + n_rows], items[first : first + n_rows]
            met = histories.of(batch)
            scores = tower.vectors(met, user_features[batch]) @ item_vectors.T
            scores[met.users, met.items] = -np.inf
            n_above = (scores >= scores[np.arange(len(batch)), liked][:, None]).sum(axis=1) - 1
            n_found += int((n_above < VALIDATION_K).sum())
        return n_found / len(users)


@dataclass(frozen=True, eq=False)
class UserTower:
    """What a fit leaves behind: makes vectors of users of what they did last, known or not.

    Of an item it holds what its tower gave, and neither the tower nor what went into it: until
    the next fit these would give the same, at more than the size of what they give. So a vector
    costs the user's own actions, and nothing for the catalogue. Items of which the fit knew
    nothing are not there.

    Examples
    --------
    >>> likes = Histories(offsets=np.array([0, 2, 4, 6]), items=np.array([0, 1, 0, 1, 2, 3]))
    >>> model = TwoTower(TwoTowerParameters(dimensions=4)).fit(likes, n_items=4)
    >>> tower = UserTower.from_text(model.user_tower(np.array([10, 11, 12, 13]), []).to_text())
    >>> scores = tower.item_vectors() @ tower.vector(np.array([12]))
    >>> sorted(tower.item_keys[scores.argsort()[-2:]].tolist())
    [12, 13]
    >>> tower.vector(np.array([99])) is None
    True
    """

    parameters: TwoTowerParameters
    """As in the fit, but for the encoder: 'mean' where there were no times."""
    side: UserSide
    """What reads users."""
    item_keys: np.ndarray
    """Int64 array, shape (n_items,), ascending: the items that the fit knew anything of."""
    items: Tensor
    """Float32, shape (n_items, dimensions): each of them as an action, for the encoder."""
    added: Tensor
    """Float32, shape (n_items,): what its popularity adds to an item's cosine with any user."""
    user_attributes: list[tuple[str, str]]
    """Kind and attribute that each column of the fit's features of users says."""
    n_epochs: int
    """Passes over the likes that it has learned from."""
    data_fingerprint: str
    """Hash of what it has learned from."""

    def item_vectors(self) -> np.ndarray:
        """Give the vectors of the items, which those of users meet.

        Returns
        -------
        float32 array, shape (n_items, dimensions + 1)
            In the order of ``item_keys``: of unit length, and then what its popularity adds.
        """
        with torch.no_grad(), one_thread():
            return meeting_users(self.items, self.added).cpu().numpy()

    def vectors(self, histories: Histories, user_features: csr_matrix | None = None) -> np.ndarray:
        """Give the vectors of many users.

        Parameters
        ----------
        histories : Histories
            Keys of the items that each of them liked; the last known ones are read.
        user_features : csr_matrix, shape (n_users, n_attributes), optional
            As in the fit.

        Returns
        -------
        float32 array, shape (n_users, dimensions + 1)
            Of unit length, and then a 1; zeros where neither an item nor a feature is known.
        """
        parameters, side = self.parameters, self.side
        user_features = _or_nothing(user_features, len(histories))
        places, is_known = self._places(histories.items)
        histories = replace(histories.only(is_known), items=places).last(parameters.history)
        lengths = histories.lengths
        known = np.flatnonzero((lengths > 0) | (np.diff(user_features.indptr) > 0))
        known = known[np.argsort(lengths[known], kind="stable")]
        n_rows = max(1, ACTIONS_PER_BATCH // parameters.history)
        vectors = np.zeros((len(histories), parameters.dimensions + 1), dtype=np.float32)
        with torch.no_grad(), one_thread():
            for first in range(0, len(known), n_rows):
                users = known[first : first + n_rows]
                part = histories.of(users)
                states = self._states(part.side_by_side(part.items), lengths[users])
                features = summed(side.attributes, user_features[users])
                vectors[users] = side(states, features).cpu().numpy()
        return vectors

    def vector(
        self, item_keys: np.ndarray, user_attributes: Iterable[tuple[str, str]] = ()
    ) -> np.ndarray | None:
        """Give the vector of one user, at once: that of :meth:`vectors`, but for rounding.

        A product of matrices sums a single row in another order than many. One thread is enough:
        who answers many users at once calls ``torch.set_num_threads(1)``.

        Parameters
        ----------
        item_keys : int array, shape (n,)
            Keys of the items that the user liked, each once, oldest first: by the time at which
            the user last met it, then by falling recency_rank, as in ``user_items``. The last
            ``history`` known ones are read.
        user_attributes : iterable of (kind, attribute), optional
            What is known of the user, each once. All attributes of one kind weigh as much as one.

        Returns
        -------
        float32 array, shape (dimensions + 1,), or None
            Of unit length, and then a 1; None where neither an item nor an attribute is known.
        """
        places, _ = self._places(np.asarray(item_keys, dtype=np.int64))
        places = places[len(places) - min(len(places), self.parameters.history) :]
        columns = sorted({self._columns[of] for of in user_attributes if of in self._columns})
        if not len(places) and not columns:
            return None
        kinds = [self.user_attributes[column][0] for column in columns]
        n_of_kind = Counter(kinds)
        features = csr_matrix(
            ([1 / n_of_kind[kind] for kind in kinds], columns, [0, len(columns)]),
            (1, max(1, len(self.user_attributes))),
        )
        with torch.inference_mode():
            states = self._states(places[None], np.array([len(places)]))
            return self.side(states, summed(self.side.attributes, features))[0].cpu().numpy()

    def save(self, folder: Path) -> None:
        """Write the weights (safetensors) and a manifest (JSON) into a folder.

        Parameters
        ----------
        folder : Path
            Made if it is not there; what was saved in it is replaced.
        """
        weights = {f"side.{name}": values for name, values in self.side.state_dict().items()}
        weights |= {
            "items": self.items,
            "added": self.added,
            "item_keys": torch.from_numpy(self.item_keys.astype(np.int32)),
        }
        manifest = {
            "parameters": asdict(self.parameters),
            "user_attributes": self.user_attributes,
            "n_epochs": self.n_epochs,
            "data_fingerprint": self.data_fingerprint,
        }
        saved.save(folder, "UserTower", weights, manifest)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "UserTower":
        """Read what :meth:`save` wrote; it gives the vectors that were given before.

        Parameters
        ----------
        folder : Path
            Where it is.
        device : str
            Where torch shall compute: 'cpu' or 'cuda'.

        Returns
        -------
        UserTower
            As it was saved.

        Raises
        ------
        FileNotFoundError
            When one of the two files is not there.
        ValueError
            When the manifest is of another model.
        """
        weights, manifest = saved.load(folder, "UserTower")
        parameters = TwoTowerParameters(**manifest["parameters"])
        # What is drawn here is replaced at once, and shall not be missing from others' draws.
        with torch.random.fork_rng(devices=[]):
            side = UserSide(
                torch.nn.EmbeddingBag(
                    max(1, len(manifest["user_attributes"])), parameters.dimensions, mode="sum"
                ),
                _encoder(parameters),
                Tower(parameters.dimensions, parameters.hidden),
            )
        of_side = {
            name.removeprefix("side."): values
            for name, values in weights.items()
            if name.startswith("side.")
        }
        side.load_state_dict(of_side)
        return cls(
            parameters,
            side.to(device).eval().requires_grad_(False),
            weights["item_keys"].numpy().astype(np.int64),
            weights["items"].to(device),
            weights["added"].to(device),
            [(kind, attribute) for kind, attribute in manifest["user_attributes"]],
            manifest["n_epochs"],
            manifest["data_fingerprint"],
        )

    def to_text(self) -> str:
        """Write the weights and their manifest as one zip, in base64."""
        return saved.to_text(self.save)

    @classmethod
    def from_text(cls, text: str, device: str = "cpu") -> "UserTower":
        """Read what :meth:`to_text` wrote, such as ``two_tower_fits.artifact``."""
        return saved.from_text(text, lambda folder: cls.load(folder, device))

    def _states(self, places: np.ndarray, lengths: np.ndarray) -> Tensor:
        """Encode the first lengths (n,) of the items at (n, t) places, shape (n, d)."""
        device = self.items.device
        rows = torch.arange(len(places), device=device)
        if not lengths.any():
            return self.items.new_zeros(len(places), self.items.shape[1])
        states = self.side.encoder(self.items[torch.from_numpy(places).to(device)])
        return states[rows, torch.from_numpy(lengths).to(device)]

    def _places(self, item_keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find where in ``items`` the known ones of some keys are, and which are known."""
        places = np.searchsorted(self.item_keys, item_keys)
        is_known = np.searchsorted(self.item_keys, item_keys, side="right") > places
        return places[is_known], is_known

    @cached_property
    def _columns(self) -> dict[tuple[str, str], int]:
        return {name: column for column, name in enumerate(self.user_attributes)}


# Weights with a row for each item, each attribute of items and each of users.
WEIGHTS_BY_ROW = ("ids.weight", "content.weight", "user_side.attributes.weight")


@dataclass(frozen=True, eq=False)
class Weights:
    """All that a fit has learned, for the next one to start from.

    Examples
    --------
    >>> likes = Histories(offsets=np.array([0, 2, 4, 6]), items=np.array([0, 1, 0, 1, 2, 3]))
    >>> model = TwoTower(TwoTowerParameters(dimensions=4)).fit(likes, n_items=4)
    >>> learned = Weights(model.towers_.state_dict(), [["a", "b", "c", "d"], [], []])
    >>> start = Weights.from_text(learned.to_text()).rows_for([["a", "c", "e"], [], []])
    >>> start.weights["ids.weight"].isnan().all(dim=1).tolist()
    [False, False, True]
    """

    weights: dict[str, Tensor]
    """The state of :class:`models_py.towers.Towers`."""
    names: list[list[str]]
    """What each row is of, for each of ``WEIGHTS_BY_ROW``."""

    def rows_for(self, names: list[list[str]]) -> "Weights":
        """Give the weights for other items and attributes, nan for those that are not known."""
        weights = dict(self.weights)
        for name, known, wanted in zip(WEIGHTS_BY_ROW, self.names, names, strict=True):
            places = pc.index_in(pa.array(wanted, pa.string()), pa.array(known, pa.string()))
            rows = np.flatnonzero(places.is_valid())
            # A table has a row also where nothing has attributes.
            of_wanted = torch.full((max(1, len(wanted)), weights[name].shape[1]), torch.nan)
            of_wanted[rows] = weights[name][np.array(places.drop_null())]
            weights[name] = of_wanted
        return Weights(weights, names)

    def put_into(self, towers: Towers) -> None:
        """Put them in the place of what the towers have, but for what is nan."""
        for name, weights in towers.state_dict().items():
            weights.copy_(torch.where(self.weights[name].isnan(), weights, self.weights[name]))

    def to_text(self) -> str:
        """Write them and their manifest as one zip, in base64."""
        manifest = {"names": self.names}
        return saved.to_text(lambda folder: saved.save(folder, "Towers", self.weights, manifest))

    @classmethod
    def from_text(cls, text: str) -> "Weights":
        """Read what :meth:`to_text` wrote, such as ``two_tower_fits.weights``."""
        weights, manifest = saved.from_text(text, lambda folder: saved.load(folder, "Towers"))
        return cls(weights, manifest["names"])


def two_tower_fits(
    user_items: pa.Table,
    users: pa.Table,
    items: pa.Table,
    item_attributes: pa.Table,
    user_attributes: pa.Table,
    parameters: TwoTowerParameters,
    earlier: pa.Table | None = None,
    keeps_weights: bool = False,
) -> pa.Table:
    """Fit two towers on each fold by itself.

    Parameters
    ----------
    user_items : pa.Table
        One row per fold, user and item met: fold, user_key, item_key, is_positive, recency_rank
        (1 = newest) and last_interaction_at (null where the data has no times).
    users : pa.Table
        One row per fold and user to propose to: fold, user_key.
    items : pa.Table
        One row per fold and item that may be proposed: fold, item_key.
    item_attributes : pa.Table
        One row per item, kind and attribute: item_key, kind, attribute, weight. All attributes of
        one kind weigh as much as one.
    user_attributes : pa.Table
        One row per user, kind and attribute: user_key, kind, attribute.
    parameters : TwoTowerParameters
        How to fit.
    earlier : pa.Table, optional
        What this function returned before, by the same parameters and with the same keys, to
        start from.
    keeps_weights : bool
        Whether ``weights`` are given, for a later fit to start from.

    Returns
    -------
    pa.Table
        As ``columns.TWO_TOWER_FITS``: one row per fold with likes; ``artifact`` is a
        :class:`UserTower` as text, and ``weights`` are :class:`Weights` as text.
    """
    n_likes = largest_fold(user_items)
    n_users, n_items = (
        len(pc.unique(table[key]))
        for table, key in ((user_items, Columns.USER_KEY), (items, Columns.ITEM_KEY))
    )
    n_keys = min(n_users, parameters.max_users or n_users) + n_items
    memory.require(
        2 * user_items.nbytes
        + n_likes * BYTES_PER_LIKE
        + n_keys * parameters.dimensions * BYTES_PER_WEIGHT
        + CELLS_PER_BLOCK * BYTES_PER_CELL
        + ACTIONS_PER_BATCH * (parameters.dimensions + parameters.hidden) * BYTES_PER_STATE,
        f"A fit of two towers of {n_keys:,} users and items on {n_likes:,} pairs that met",
        "Lower two_tower_dimensions, build fewer folds, or take two_tower out of sources.",
    )
    likes = _likes(user_items)
    tables = [TWO_TOWER_FITS.empty_table()]
    for fold in folds_of(likes):
        met, wanted_users, wanted_items = (
            rows_of(table, fold=fold) for table in (likes, users, items)
        )
        user_keys = _keys(met[Columns.USER_KEY], wanted_users[Columns.USER_KEY])
        item_keys = _keys(met[Columns.ITEM_KEY], wanted_items[Columns.ITEM_KEY])
        names = {
            key: _shared_attributes(attributes, key, keys)
            for key, attributes, keys in (
                (Columns.ITEM_KEY, item_attributes, item_keys),
                (Columns.USER_KEY, user_attributes, user_keys),
            )
        }
        rows = [
            [str(key) for key in item_keys],
            *(["\n".join(name) for name in of_entity] for of_entity in names.values()),
        ]
        start = None
        if earlier is not None and (before := rows_of(earlier, fold=fold)["weights"].drop_null()):
            start = Weights.from_text(before[0].as_py()).rows_for(rows)
        histories = _histories(met, user_keys)
        histories = replace(histories, items=np.searchsorted(item_keys, histories.items))
        model = TwoTower(parameters).fit(
            histories,
            len(item_keys),
            _features(item_attributes, Columns.ITEM_KEY, item_keys, names[Columns.ITEM_KEY]),
            _features(user_attributes, Columns.USER_KEY, user_keys, names[Columns.USER_KEY]),
            start,
        )
        tower = model.user_tower(item_keys, names[Columns.USER_KEY])
        fit = {
            Columns.FOLD: fold,
            Columns.N_USERS: model.n_users_,
            Columns.N_ITEMS: len(tower.item_keys),
            "n_likes": model.n_likes_,
            "n_epochs": tower.n_epochs,
            "artifact": tower.to_text(),
            "weights": Weights(model.towers_.state_dict(), rows).to_text()
            if keeps_weights
            else None,
        }
        tables.append(pa.Table.from_pylist([fit], schema=TWO_TOWER_FITS))
    return pa.concat_tables(tables)


def two_tower_vectors(
    fits: pa.Table,
    user_items: pa.Table,
    users: pa.Table,
    items: pa.Table,
    user_attributes: pa.Table,
    dimensions: int,
) -> pa.Table:
    """Give the vectors of the items and users of each fold, by what was learned for it.

    Parameters
    ----------
    fits : pa.Table
        As ``columns.TWO_TOWER_FITS``.
    user_items, users, items, user_attributes : pa.Table
        As for :func:`two_tower_fits`.
    dimensions : int
        As in the fit; a vector has one number more.

    Returns
    -------
    pa.Table
        fold, entity ('item' or 'user'), key and vector, in this order. A fold without likes has
        no rows, nor has an item with neither likes nor attributes, nor a user with neither.
    """
    likes = _likes(user_items)
    tables = [vectors_schema(dimensions + 1).empty_table()]
    fits = fits.sort_by(Columns.FOLD)
    for place, fold in enumerate(fits[Columns.FOLD].to_pylist()):
        # One at a time: with many items it is large.
        tower = UserTower.from_text(fits["artifact"][place].as_py(), _fastest_device())
        met, wanted_users, wanted_items = (
            rows_of(table, fold=fold) for table in (likes, users, items)
        )
        user_keys = _keys(met[Columns.USER_KEY], wanted_users[Columns.USER_KEY])
        user_features = _features(
            user_attributes, Columns.USER_KEY, user_keys, tower.user_attributes
        )
        of_users = tower.vectors(_histories(met, user_keys), user_features)
        for entity, keys, vectors, wanted in (
            (ITEM, tower.item_keys, tower.item_vectors(), wanted_items[Columns.ITEM_KEY]),
            (USER, user_keys, of_users, wanted_users[Columns.USER_KEY]),
        ):
            is_given = np.isin(keys, wanted.to_numpy()) & vectors.any(axis=1)
            tables.append(vector_rows(fold, entity, keys[is_given], vectors[is_given]))
    return pa.concat_tables(tables)


def _likes(user_items: pa.Table) -> pa.Table:
    """Keep what was liked, each user's oldest first."""
    likes = user_items.filter(user_items[Columns.IS_POSITIVE])
    # A fit depends on the order of its rows, and tables have none.
    return likes.sort_by(
        [
            (Columns.FOLD, "ascending"),
            (Columns.USER_KEY, "ascending"),
            (Columns.LAST_INTERACTION_AT, "ascending"),
            (Columns.RECENCY_RANK, "descending"),
            (Columns.ITEM_KEY, "ascending"),
        ]
    )


def _histories(likes: pa.Table, user_keys: np.ndarray) -> Histories:
    """Turn the likes of a fold, in order, into keys of items that each of some users liked."""
    rows = np.searchsorted(user_keys, likes[Columns.USER_KEY].to_numpy())
    has_times = likes[Columns.LAST_INTERACTION_AT].null_count == 0
    return Histories(
        np.searchsorted(rows, np.arange(len(user_keys) + 1)),
        likes[Columns.ITEM_KEY].to_numpy(),
        # Of what happened in the same second the later row is later, as in every other model.
        -likes[Columns.RECENCY_RANK].to_numpy() if has_times else None,
    )


def _keys(*columns: pa.ChunkedArray) -> np.ndarray:
    return np.unique(np.concatenate([column.to_numpy() for column in columns]))


def _shared_attributes(attributes: pa.Table, key: str, keys: np.ndarray) -> list[tuple[str, str]]:
    """Name the kinds and attributes that more than one of the keys has.

    What only one has, such as a description, says nothing of another.
    """
    attributes = attributes.filter(pc.is_in(attributes[key], pa.array(keys)))
    names, n_keys = np.unique(_names(attributes).to_pylist(), return_counts=True)
    return [tuple(name.split("\n", 1)) for name in names[n_keys > 1].tolist()]


def _features(
    attributes: pa.Table, key: str, keys: np.ndarray, names: list[tuple[str, str]]
) -> csr_matrix:
    """Lay attributes out as a row of weights for each key, which sum to 1 in each kind.

    A column is one of the names; other attributes are left out.
    """
    attributes = attributes.filter(pc.is_in(attributes[key], pa.array(keys)))
    columns = pc.index_in(_names(attributes), pa.array(map("\n".join, names), pa.string()))
    attributes, columns = attributes.filter(columns.is_valid()), columns.drop_null().to_numpy()
    rows = np.searchsorted(keys, attributes[key].to_numpy())
    kinds, kind_codes = np.unique(attributes[Columns.KIND].to_pylist(), return_inverse=True)
    weights = np.ones(len(rows))
    if Columns.WEIGHT in attributes.column_names:
        weights = attributes[Columns.WEIGHT].cast(pa.float64()).fill_null(1.0).to_numpy()
    groups = rows * len(kinds) + kind_codes
    weights = weights / np.maximum(1e-12, np.bincount(groups, weights))[groups]
    return csr_matrix((weights, (rows, columns)), (len(keys), len(names)), dtype=np.float32)


def _names(attributes: pa.Table) -> pa.ChunkedArray:
    """Write each kind and attribute as one text; a kind has no line break."""
    return pc.binary_join_element_wise(
        attributes[Columns.KIND], attributes[Columns.ATTRIBUTE], "\n"
    )


def _encoder(parameters: TwoTowerParameters) -> Encoder:
    return Encoder(
        parameters.dimensions,
        parameters.history,
        parameters.blocks if parameters.encoder == "attention" else 0,
        parameters.heads,
        parameters.dropout,
    )


def _fastest_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _or_nothing(features: csr_matrix | None, n: int) -> csr_matrix:
    return csr_matrix((n, 0), dtype=np.float32) if features is None else features


def _factorize(
    histories: Histories, n_items: int, dimensions: int, random_state: int
) -> np.ndarray:
    """Find the main directions of the likes, with active users and popular items toned down.

    These are the first right singular vectors of the matrix of likes over the roots of the sums
    of its rows and columns.
    """
    ones = np.ones(len(histories.items))
    likes = csr_matrix((ones, (histories.users, histories.items)), (len(histories), n_items))
    per_user, per_item = (np.maximum(1, np.asarray(likes.sum(axis)).ravel()) for axis in (1, 0))
    likes = (diags(per_user**-0.5) @ likes @ diags(per_item**-0.5)).tocsr()
    values, vectors = right_singular_vectors(likes, dimensions, random_state)
    vectors *= np.sqrt(values)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (0.3 * vectors / np.maximum(1e-6, lengths)).astype(np.float32)


def _batches(
    lengths: np.ndarray, batch_size: int, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Give rows in random batches of about as many actions, and of rows about as long."""
    order = random.permutation(len(lengths))
    sorts = np.cumsum(lengths[order]) // (BATCHES_PER_SORT * batch_size)
    order = order[np.lexsort((lengths[order], sorts))]
    batches = np.cumsum(lengths[order]) // batch_size
    batches = np.split(order, np.flatnonzero(np.diff(batches)) + 1)
    for place in random.permutation(len(batches)):
        yield batches[place]
