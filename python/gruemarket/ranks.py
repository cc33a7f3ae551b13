"""Rank correlation, with an interval."""

import math

import numpy as np

from gruemarket.run import Floats


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation, ties sharing their mean rank; nan where one of both is constant.

    >>> spearman(np.array([1.0, 2.0, 3.0, 9.0]), np.array([0.1, 0.4, 0.3, 7.0]))
    0.8
    """
    a, b = (_ranks(values) - (len(values) - 1) / 2 for values in (first, second))
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return round(float(a @ b) / scale, 15) if scale > 0 else math.nan


def _ranks(values: Floats) -> Floats:
    """(n,) ranks from 0, ties with their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[place])


def agreement(
    first: Floats, second: Floats, draws: int, random: np.random.Generator
) -> tuple[int, float | None, float | None, float | None]:
    """Spearman's rank correlation with a 95 % percentile interval, by a bootstrap over the places known in both.

    Returns:
        How many places those are, the correlation, and the ends of the interval; None where it is not defined.
    """
    known = ~(np.isnan(first) | np.isnan(second))
    a, b = first[known], second[known]
    n = len(a)
    found = spearman(a, b) if n > 2 else math.nan
    if math.isnan(found):
        return n, None, None, None
    drawn = (random.integers(n, size=n) for _ in range(draws))
    low, high = np.nanquantile([spearman(a[index], b[index]) for index in drawn], [0.025, 0.975])
    return n, found, float(low), float(high)
