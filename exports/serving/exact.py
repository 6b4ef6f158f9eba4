"""Sums as the SQL models make them: of decimals, so that the order of rows does not matter."""

import numpy as np


def decimals(values: np.ndarray, scale: int) -> np.ndarray:
    """Write numbers as DuckDB writes a double as a decimal.

    Parameters
    ----------
    values : float array
        What to round.
    scale : int
        Digits after the point.

    Returns
    -------
    int64 array
        The numbers times 10 ** scale, rounded.
    """
    scaled = np.asarray(values, dtype=np.float64) * 10.0**scale
    whole = np.trunc(scaled)
    # Halves away from 0, as in C; numpy itself rounds them to the even number.
    return (whole + np.copysign(np.abs(scaled - whole) >= 0.5, scaled)).astype(np.int64)


def doubles(totals: np.ndarray, scale: int) -> np.ndarray:
    """Read decimals as DuckDB reads them: what fits no double is read in two pieces."""
    power = 10**scale
    wholes, rests = np.divmod(totals, power)
    is_exact = np.abs(totals) <= 2**53
    return np.where(is_exact, totals / float(power), wholes + rests / float(power))


def exact_sums(values: np.ndarray, groups: np.ndarray, n_groups: int, scale: int) -> np.ndarray:
    """Add up the values of each group as the macro ``exact_sum`` does.

    Parameters
    ----------
    values : float array, shape (n,)
        What is added.
    groups : int array, shape (n,)
        The group of each, from 0.
    n_groups, scale : int
        Groups; digits after the point.

    Returns
    -------
    float64 array, shape (n_groups,)
        0 for a group without a value.

    Examples
    --------
    >>> exact_sums(np.array([0.1, 0.2, 0.5]), np.array([0, 0, 2]), n_groups=3, scale=12).tolist()
    [0.3, 0.0, 0.5]
    """
    totals = np.zeros(n_groups, dtype=np.int64)
    np.add.at(totals, groups, decimals(values, scale))
    return doubles(totals, scale)


def inner_products(vectors: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Multiply as DuckDB's list_inner_product does: in float32, one number after the other.

    Parameters
    ----------
    vectors : float32 array, shape (n, d)
        Vectors of items.
    vector : float32 array, shape (d,)
        That of a user.

    Returns
    -------
    float32 array, shape (n,)
        Their inner products. BLAS adds in another order, and gives other last bits.
    """
    products = np.zeros(len(vectors), dtype=np.float32)
    columns = np.ascontiguousarray(vectors.T)
    for column, number in zip(columns, vector, strict=True):
        products += column * number
    return products
