"""Vectors of a published run: those of the build, and a user's made anew from the last likes."""

from functools import cached_property

import numpy as np

from exports.serving.person import Person
from exports.serving.run import Run, mapped


class VectorSource:
    """A source that compares vectors.

    Parameters
    ----------
    run : Run
        The published run.
    source : str
        als, svd, embedding or two_tower.

    Raises
    ------
    OSError, ValueError
        When its files are missing or cut short.
    """

    def __init__(self, run: Run, source: str) -> None:
        self.run, self.source = run, source
        run.check_sizes(f"vectors/{source}.")
        folder = run.arrays / "vectors"
        self.items = mapped(folder / f"{source}.item.npy")
        self.users = mapped(folder / f"{source}.user.npy")
        self.item_rows = _rows(np.load(folder / f"{source}.item_keys.npy"), run.n_items)
        user_keys = np.load(folder / f"{source}.user_keys.npy")
        self.user_rows = _rows(user_keys, len(run.user_features))
        if source == "two_tower":
            self._open_tower()

    def _open_tower(self) -> None:
        # Brings torch, which a service without towers need not load.
        import torch

        from models_py.two_tower import UserTower

        torch.set_num_threads(1)
        self.tower = UserTower.from_text(self.run.whole("two_tower.txt").read_text())
        self.attributes = self.run.group("user_attributes")

    def of_items(self, items: np.ndarray) -> np.ndarray:
        """Give the vectors of items, float32 (n, d); NaN where there is none."""
        rows = self.item_rows[items]
        vectors = self.items[np.maximum(rows, 0)]
        vectors[rows < 0] = np.nan
        return vectors

    def of(self, person: Person) -> np.ndarray | None:
        """Give the person's vector, float32 (d,); None where nothing is known of them here.

        It is the build's for whom nothing has happened since; else it is made of all likes.
        """
        if not person.is_changed:
            if person.user_key is None or self.user_rows[person.user_key] < 0:
                return None
            return np.asarray(self.users[self.user_rows[person.user_key]])
        return getattr(self, f"_{self.source}")(person)

    @cached_property
    def _gram(self) -> np.ndarray:
        factors = np.asarray(self.items, dtype=np.float64)
        return factors.T @ factors

    def warm_up(self) -> None:
        """Work out once what folding in needs."""
        if self.source == "als":
            _ = self._gram

    def _known(self, person: Person) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of the likes that have one, and which these are."""
        rows = self.item_rows[person.likes]
        return np.asarray(self.items[rows[rows >= 0]], dtype=np.float64), rows >= 0

    def _als(self, person: Person) -> np.ndarray | None:
        """Hu, Koren, Volinsky (ICDM 2008), equation 4."""
        factors, is_known = self._known(person)
        if not len(factors):
            return None
        confidences = 1.0 + self.run.parameters["als_alpha"] * person.weights[is_known]
        left = (
            self._gram
            + (factors * (confidences - 1.0)[:, None]).T @ factors
            + self.run.parameters["als_penalty"] * np.eye(factors.shape[1])
        )
        return np.linalg.solve(left, confidences @ factors).astype(np.float32)

    def _svd(self, person: Person) -> np.ndarray | None:
        factors, is_known = self._known(person)
        if not len(factors):
            return None
        return (person.weights[is_known] @ factors).astype(np.float32)

    def _embedding(self, person: Person) -> np.ndarray | None:
        """Where the last likes are, newer ones counting more; of length 1."""
        history, decay = self.run.parameters["histories"]["embedding"]
        rows = self.item_rows[person.likes[:history]]
        weights = np.power(decay, np.arange(len(rows)), dtype=np.float32)
        vector = weights[rows >= 0] @ np.asarray(self.items[rows[rows >= 0]])
        length = np.linalg.norm(vector)
        return (vector / length).astype(np.float32) if length else None

    def _two_tower(self, person: Person) -> np.ndarray | None:
        """What the tower of users makes of the last likes, and of what is known of the person."""
        attributes = []
        if person.user_key is not None:
            numbers = self.attributes.of(person.user_key, "number").astype(int)
            attributes = [self.run.user_attribute_names[number] for number in numbers]
        return self.tower.vector(person.likes[::-1], attributes)


def _rows(keys: np.ndarray, n: int) -> np.ndarray:
    rows = np.full(n, -1, dtype=np.int32)
    rows[keys] = np.arange(len(keys))
    return rows
