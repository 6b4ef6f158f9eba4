"""What a build does more cheaply where its data are many."""

import json

import pyarrow as pa


class Choices:
    """Values of vars that the size of the data decided.

    Parameters
    ----------
    table : pa.Table
        One row per var: name, value (JSON), default_value (JSON).

    Examples
    --------
    >>> choices = Choices(
    ...     pa.table({"name": ["als_iterations"], "value": ["8"], "default_value": ["20"]})
    ... )
    >>> choices.of("als_iterations", 20), choices.of("candidates_k", 500)
    (8, 500)
    >>> choices.over({"factors": 64, "iterations": 20}, "als_")
    {'factors': 64, 'iterations': 8}
    """

    def __init__(self, table: pa.Table) -> None:
        self.values = {row["name"]: json.loads(row["value"]) for row in table.to_pylist()}

    def of(self, name: str, own: object) -> object:
        """Give the value of a var: the one decided, or else its own."""
        return self.values.get(name, own)

    @property
    def folds_in(self) -> bool:
        """Whether what was learned before stays, and only what is new is folded in."""
        return self.of("night", "refit") == "fold_in"

    @property
    def starts_warm(self) -> bool:
        """Whether learning starts from what was learned before."""
        return self.of("night", "refit") == "warm_refit"

    def over(self, parameters: dict, prefix: str) -> dict:
        """Put what was decided over the parameters of a model, whose vars begin with a prefix."""
        return {name: self.of(prefix + name, own) for name, own in parameters.items()}
