"""The networks of two towers, and the loss that trains them."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from torch import Tensor, nn


def sampled_softmax_loss(
    users: Tensor,
    positives: Tensor,
    candidates: Tensor,
    positive_items: Tensor,
    candidate_items: Tensor,
    log_counts: Tensor,
    is_own: Tensor | None = None,
) -> Tensor:
    """Estimate the cross entropy of a softmax over the whole catalogue from a sample of it.

    An item that is c times among the candidates on average stands for 1 / c of itself, so log c
    is taken off its logit (Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus
    Item Recommendations, RecSys 2019). The positive is always there, once, so that nothing is
    taken off its own (Khrylchenko et al., Correcting the LogQ Correction, RecSys 2025), and where
    it is among the candidates too, an accidental hit, it does not count there.

    Parameters
    ----------
    users : Tensor, shape (n, d)
        Vectors of users; logits are inner products, so divided by the temperature.
    positives : Tensor, shape (n, d)
        Vectors of the items that they liked.
    candidates : Tensor, shape (m, d)
        Vectors of the sample, the same for all users.
    positive_items, candidate_items : int Tensor, shapes (n,) and (m,)
        Which items these are.
    log_counts : Tensor, shape (m,)
        Logarithm of how often each candidate is in such a sample, on average.
    is_own : bool Tensor, shape (n, m), optional
        Candidates that were sampled from the user's own likes and do not count for them: these
        are there far more often than the average says.

    Returns
    -------
    Tensor, shape ()
        Mean loss.
    """
    is_masked = positive_items[:, None] == candidate_items
    if is_own is not None:
        is_masked |= is_own
    positive_logits = (users * positives).sum(dim=1, keepdim=True)
    logits = torch.addmm(-log_counts, users, candidates.T).masked_fill(is_masked, -torch.inf)
    logits = torch.cat([positive_logits, logits], dim=1)
    return F.cross_entropy(logits, torch.zeros_like(positive_items))


def draw_negatives(
    positives: np.ndarray,
    users: np.ndarray,
    popularity: np.ndarray,
    n_batch: int,
    n_uniform: int,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the candidates of :func:`sampled_softmax_loss` for a batch of likes.

    Parameters
    ----------
    positives, users : int array, shape (n,)
        Item and user of each like in the batch.
    popularity : float array, shape (n_items,)
        Share of each item in the likes of all batches.
    n_batch : int
        Likes of the batch to draw, at most.
    n_uniform : int
        Items of the catalogue to draw, each with the same chance.
    random : np.random.Generator
        Draws them.

    Returns
    -------
    tuple of arrays, shape (m,)
        The items; whose likes they are, -1 if nobody's; and the logarithm of how often each of
        them is in such a sample, on average. A catalogue no larger than the sample is taken whole.
    """
    n_items = len(popularity)
    if n_items <= n_batch + n_uniform:
        return np.arange(n_items), np.full(n_items, -1), np.zeros(n_items, dtype=np.float32)
    drawn = random.permutation(len(positives))[:n_batch]
    items = np.append(positives[drawn], random.integers(n_items, size=n_uniform))
    owners = np.append(users[drawn], np.full(n_uniform, -1))
    counts = len(drawn) * popularity[items] + n_uniform / n_items
    return items, owners, np.log(counts).astype(np.float32)


class Tower(nn.Module):
    """A hidden layer around which the input passes unchanged; at first it adds nothing."""

    def __init__(self, dimensions: int, hidden: int) -> None:
        super().__init__()
        self.widen = nn.Linear(dimensions, hidden)
        self.narrow = nn.Linear(hidden, dimensions)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.narrow(F.gelu(self.widen(inputs)))


class Attention(nn.Module):
    """One block of causal attention: a state reads its own action and those before it."""

    def __init__(self, dimensions: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = nn.Dropout(dropout)
        self.norms = nn.ModuleList([nn.LayerNorm(dimensions), nn.LayerNorm(dimensions)])
        self.project = nn.Linear(dimensions, 3 * dimensions)
        self.merge = nn.Linear(dimensions, dimensions)
        self.feed = nn.Sequential(
            nn.Linear(dimensions, 2 * dimensions), nn.GELU(), nn.Linear(2 * dimensions, dimensions)
        )

    def forward(self, states: Tensor) -> Tensor:
        shape = states.shape
        parts = self.project(self.norms[0](states)).view(*shape[:2], 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        states = states + self.dropout(self.merge(read.transpose(1, 2).reshape(shape)))
        return states + self.dropout(self.feed(self.norms[1](states)))


class Encoder(nn.Module):
    """States of a history: the t-th knows its first t actions, by attention or by their mean."""

    def __init__(
        self, dimensions: int, length: int, blocks: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.is_mean = blocks == 0
        # A mean loses whole actions, so that it does not lean on any; attention loses values.
        self.dropout = nn.Dropout1d(dropout) if self.is_mean else nn.Dropout(dropout)
        if not self.is_mean:
            self.positions = nn.Parameter(0.02 * torch.randn(length, dimensions))
            self.blocks = nn.Sequential(
                *(Attention(dimensions, heads, dropout) for _ in range(blocks)),
                nn.LayerNorm(dimensions),
            )

    def forward(self, actions: Tensor) -> Tensor:
        """Encode (n, t, d) vectors of actions, oldest first, as (n, t + 1, d) states."""
        length = actions.shape[1]
        if self.is_mean:
            counts = torch.arange(1, length + 1, device=actions.device)
            states = self.dropout(actions).cumsum(dim=1) / counts[:, None]
        else:
            states = self.blocks(self.dropout(actions + self.positions[:length]))
        return F.pad(states, (0, 0, 1, 0))

    def before(self, actions: Tensor, n_earlier: Tensor) -> Tensor:
        """Encode, for each of (n, t) actions, the first n_earlier (n, t) actions of its row."""
        states = self(actions)
        rows = torch.arange(len(states), device=states.device)[:, None]
        # Looked up as in an embedding, whose gradient is faster than an index's.
        return F.embedding(rows * states.shape[1] + n_earlier, states.flatten(0, 1))

    def without(self, actions: Tensor, is_there: Tensor) -> Tensor:
        """Encode, for each of (n, t) actions in no order, the mean of all others in its row."""
        actions = self.dropout(actions) * is_there[:, :, None]
        n_others = is_there.sum(dim=1).sub(1).clamp(min=1)
        return (actions.sum(dim=1, keepdim=True) - actions) / n_others[:, None, None]


class UserSide(nn.Module):
    """All that reads a user: vectors of attributes, the encoder of actions, and the tower."""

    def __init__(self, attributes: nn.EmbeddingBag, encoder: Encoder, tower: Tower) -> None:
        super().__init__()
        self.attributes = attributes
        self.encoder = encoder
        self.tower = tower

    def forward(self, states: Tensor, attributes: Tensor) -> Tensor:
        """Give vectors (n, d + 1), from states (n, d) and vectors of attributes (n, d).

        Of unit length, and then a 1, which meets what popularity adds.
        """
        return F.pad(F.normalize(self.tower(states + attributes), dim=1), (0, 1), value=1.0)


class Towers(nn.Module):
    """All that is learned: both towers, what goes into them, popularity's weight, temperature."""

    def __init__(
        self,
        n_items: int,
        n_item_attributes: int,
        n_user_attributes: int,
        hidden: int,
        encoder: Encoder,
        dimensions: int,
        temperature: float,
        learn_temperature: bool,
    ) -> None:
        super().__init__()
        self.ids = nn.Embedding(n_items, dimensions)
        self.content = nn.EmbeddingBag(max(1, n_item_attributes), dimensions, mode="sum")
        attributes = nn.EmbeddingBag(max(1, n_user_attributes), dimensions, mode="sum")
        for table in (self.ids, self.content, attributes):
            nn.init.normal_(table.weight, std=0.05)
        self.item_tower = Tower(dimensions, hidden)
        self.user_side = UserSide(attributes, encoder, Tower(dimensions, hidden))
        self.popularity_weight = nn.Parameter(torch.tensor(0.5))
        self.log_temperature = nn.Parameter(
            torch.tensor(temperature).log(), requires_grad=learn_temperature
        )

    def tensor(self, array: np.ndarray) -> Tensor:
        """Bring an array to where the towers are."""
        return torch.from_numpy(array).to(self.log_temperature.device)

    def items(self, items: np.ndarray, has_id: np.ndarray, content: csr_matrix) -> Tensor:
        """Give vectors (n, d), not of unit length: in a mean, a longer one says more."""
        ids = self.ids(self.tensor(items)) * self.tensor(has_id)[:, None]
        return self.item_tower(ids + summed(self.content, content))

    def users(self, states: Tensor, rows: Tensor, features: csr_matrix) -> Tensor:
        """Give vectors (n, d + 1), from states (n, d) and the rows of their features."""
        return self.user_side(
            states, F.embedding(rows, summed(self.user_side.attributes, features))
        )

    def added(self, log_popularity: Tensor) -> Tensor:
        """Give what popularity adds to an item's cosine with any user, shape (n,)."""
        return self.popularity_weight * log_popularity * self.log_temperature.exp()


def meeting_users(items: Tensor, added: Tensor) -> Tensor:
    """Give vectors (n, d + 1) of items whose inner products with users' divide into logits.

    Of unit length, and then what popularity adds: a cosine says what suits a taste, but hardly
    that one item has a thousand times the likes of another.
    """
    return torch.cat([F.normalize(items, dim=1), added[:, None]], dim=1)


def summed(table: nn.EmbeddingBag, attributes: csr_matrix) -> Tensor:
    """Sum the vectors (n, d) of each row's attributes, by their weights."""
    columns, offsets, weights = (
        torch.from_numpy(array).to(table.weight.device)
        for array in (
            attributes.indices.astype(np.int64),
            attributes.indptr[:-1].astype(np.int64),
            attributes.data.astype(np.float32),
        )
    )
    return table(columns, offsets, weights)
