"""Rank correlation, with an interval."""

import numpy as np

from gruemarket.run import Floats

AT_ONCE = 1 << 22  # comparisons, so that many places need no more memory


def spearman(first: Floats, second: Floats) -> Floats:
    """(...,) Spearman's rank correlation over the last axis, ties sharing their mean rank; nan where one is constant.

    >>> spearman(np.array([1.0, 2.0, 3.0, 9.0]), np.array([0.1, 0.4, 0.3, 7.0])).round(12).item()
    0.8
    """
    middle = (first.shape[-1] - 1) / 2
    a, b = _ranks(first) - middle, _ranks(second) - middle
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1)))


def _ranks(values: Floats) -> Floats:
    """(..., n) ranks from 0: how many are less, and half of how many others are alike."""
    one, other = values[..., :, None], values[..., None, :]
    return np.asarray((other < one).sum(axis=-1) + ((other == one).sum(axis=-1) - 1) / 2)


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
    found = float(spearman(a, b)) if n > 2 else np.nan
    if np.isnan(found):
        return n, None, None, None
    index = random.integers(n, size=(draws, n))
    parts = np.array_split(index, max(1, draws * n * n // AT_ONCE))
    drawn = np.concatenate([spearman(a[part], b[part]) for part in parts])
    defined = drawn[~np.isnan(drawn)]  # a draw may hold one place alone
    if not len(defined):
        return n, found, None, None
    low, high = np.quantile(defined, [0.025, 0.975])
    return n, found, float(low), float(high)
