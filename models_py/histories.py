"""What users did, in order, and what of it may be known before each action."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Histories:
    """Actions of users, oldest first: offsets[u] to offsets[u + 1] are those of user u."""

    offsets: np.ndarray
    """Int array, shape (n_users + 1,)."""
    items: np.ndarray
    """Int array, shape (n_actions,): the item of each action."""
    times: np.ndarray | None = None
    """Int array, shape (n_actions,), in any unit; None where the order of actions means nothing."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Int array, shape (n_users,): how many actions each user has."""
        return np.diff(self.offsets)

    @property
    def users(self) -> np.ndarray:
        """Int array, shape (n_actions,): the user of each action."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def places(self) -> np.ndarray:
        """Int array, shape (n_actions,): how many actions of its user stand before each action."""
        return np.arange(len(self.items)) - self.offsets[self.users]

    def side_by_side(self, values: np.ndarray) -> np.ndarray:
        """Lay out values of the actions in a row for each user, with zeros after the last."""
        is_there = np.arange(max(1, self.lengths.max(initial=0))) < self.lengths[:, None]
        rows = np.zeros(is_there.shape, dtype=values.dtype)
        rows[is_there] = values
        return rows

    def of(self, users: np.ndarray) -> "Histories":
        """Take some users, in the order given."""
        lengths = self.lengths[users]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        taken = np.arange(offsets[-1]) + np.repeat(self.offsets[users] - offsets[:-1], lengths)
        return Histories(offsets, *self._values(taken))

    def only(self, is_kept: np.ndarray) -> "Histories":
        """Keep some actions; all users stay."""
        offsets = np.concatenate([[0], np.cumsum(is_kept)])[self.offsets]
        return Histories(offsets, *self._values(is_kept))

    def last(self, n: int) -> "Histories":
        """Keep the last n actions of each user."""
        return self.only(self.places >= self.lengths[self.users] - n)

    def _values(self, taken: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return self.items[taken], None if self.times is None else self.times[taken]


def draw_users(
    n_actions: np.ndarray,
    n: int | None,
    random: np.random.Generator,
    has_features: np.ndarray | bool = False,
) -> np.ndarray:
    """Choose n users to learn from, where more have done anything.

    They are drawn from those of whom something can be learned: a single action of somebody
    without features is foretold by nothing, and says nothing of what goes with what.

    Parameters
    ----------
    n_actions : int array, shape (n_users,)
        How many actions each user has.
    n : int, optional
        Users to learn from, at most; None: all.
    random : np.random.Generator
        Draws them.
    has_features : bool array, shape (n_users,), optional
        Of whom something is known besides.

    Returns
    -------
    bool array, shape (n_users,)
        Who is learned from; all are where no more than n have an action.
    """
    is_active = n_actions > 0
    if n is None or np.count_nonzero(is_active) <= n:
        return np.ones(len(n_actions), dtype=bool)
    users = np.flatnonzero(is_active & ((n_actions > 1) | has_features))
    is_drawn = np.zeros(len(n_actions), dtype=bool)
    is_drawn[random.choice(users, min(n, len(users)), replace=False)] = True
    return is_drawn


def count_earlier(histories: Histories) -> np.ndarray:
    """Count the actions that may be known when an action is to be foretold.

    Those are the user's actions at strictly earlier times: neither the action itself, nor one
    after it, nor one at the same time, of which nobody can say that it came first.

    Parameters
    ----------
    histories : Histories
        With times.

    Returns
    -------
    int array, shape (n_actions,)
        For each action, how many of its user's actions are earlier: these are the first ones.

    Examples
    --------
    >>> offsets, items = np.array([0, 4, 5]), np.array([7, 8, 9, 7, 8])
    >>> count_earlier(Histories(offsets, items, np.array([10, 20, 20, 30, 10]))).tolist()
    [0, 1, 1, 3, 0]
    """
    places, times = histories.places, histories.times
    is_later = np.append(True, times[1:] != times[:-1])[: len(times)] | (places == 0)
    actions = np.arange(len(times))
    firsts = np.maximum.accumulate(np.where(is_later, actions, 0))
    return places - (actions - firsts)


def cut(
    histories: Histories, length: int, random: np.random.Generator
) -> tuple[Histories, np.ndarray]:
    """Cut what is longer than a length into pieces, at other places each time.

    Parameters
    ----------
    histories : Histories
        Of any length.
    length : int
        Actions of a piece, at most.
    random : np.random.Generator
        Says where to cut first.

    Returns
    -------
    tuple of Histories and int array, shape (n_pieces,)
        The pieces, each a history of its own, and whose they are.
    """
    shifts = random.integers(length, size=len(histories)) * (histories.lengths > length)
    users, places = histories.users, histories.places
    is_start = (places == 0) | ((places + shifts[users]) % length == 0)
    offsets = np.append(np.flatnonzero(is_start), len(users))
    return replace(histories, offsets=offsets), users[is_start]


def hold_out_last(
    histories: Histories, n_users: int, random: np.random.Generator
) -> tuple[Histories, np.ndarray, np.ndarray]:
    """Part the last action of some users from the rest; any action where there is no last.

    Parameters
    ----------
    histories : Histories
        Of any length.
    n_users : int
        Users to draw, at most; of those with at least 3 actions, half at most.
    random : np.random.Generator
        Draws them.

    Returns
    -------
    tuple of Histories and int arrays, shape (n,)
        The rest, the users, and the item held out of each.
    """
    users = np.flatnonzero(histories.lengths >= 3)
    users = np.sort(random.choice(users, min(n_users, len(users) // 2), replace=False))
    if histories.times is None:
        held_out = histories.offsets[users] + random.integers(histories.lengths[users])
    else:
        held_out = histories.offsets[users + 1] - 1
    is_kept = ~np.isin(np.arange(len(histories.items)), held_out)
    return histories.only(is_kept), users, histories.items[held_out]
