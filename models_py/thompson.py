"""Thompson sampling: arms are tried as often as they may be the best one."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from scipy.special import betaincinv

from models_py.columns import THOMPSON_DRAWS, Columns


def beta_draws(alpha: np.ndarray, beta: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Turn uniform numbers into draws from Beta distributions, by the inverse of their CDF.

    Thompson: On the likelihood that one unknown probability exceeds another (Biometrika 1933);
    Chapelle, Li: An empirical evaluation of Thompson sampling (NIPS 2011).

    Parameters
    ----------
    alpha, beta : float arrays, above 0
        Successes and failures of each arm, the prior's included.
    uniforms : float array, 0 to 1
        One number a draw. The three are broadcast against each other.

    Returns
    -------
    float array
        A draw from each distribution, 0 to 1. The arm with the largest is the one to try.

    Raises
    ------
    ValueError
        When alpha or beta is not above 0, or a uniform number is outside 0 to 1.

    Examples
    --------
    >>> beta_draws(np.array([1.0, 1.0]), np.array([1.0, 3.0]), np.array([0.25, 0.875])).tolist()
    [0.25, 0.5]
    """
    if not (np.all(np.greater(alpha, 0)) and np.all(np.greater(beta, 0))):
        raise ValueError("Beta distributions need alpha and beta above 0")
    if not (np.all(np.greater_equal(uniforms, 0)) and np.all(np.less_equal(uniforms, 1))):
        raise ValueError("Beta draws are made from uniform numbers of 0 to 1")
    return betaincinv(alpha, beta, uniforms)


def thompson_draws(pairs: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Draw for each pair of a user and an arm.

    Parameters
    ----------
    pairs : pa.RecordBatchReader
        One row per fold, user and item: fold, user_key, item_key, is_candidate, alpha, beta,
        uniform.

    Returns
    -------
    pa.RecordBatchReader
        As ``columns.THOMPSON_DRAWS``, a row for each pair.
    """

    def blocks() -> Iterator[pa.RecordBatch]:
        for batch in pairs:
            alpha, beta, uniforms = (
                batch[column].to_numpy()
                for column in (Columns.ALPHA, Columns.BETA, Columns.UNIFORM)
            )
            kept = batch.select(THOMPSON_DRAWS.names[:-2])
            yield pa.record_batch(
                [*kept.columns, alpha / (alpha + beta), beta_draws(alpha, beta, uniforms)],
                schema=THOMPSON_DRAWS,
            )

    return pa.RecordBatchReader.from_batches(THOMPSON_DRAWS, blocks())
