"""Shares of money by their log2, of which 0 has one too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gruemarket.run import Floats

NOTHING = -np.inf  # log2 of no money
SUM_TOLERANCE = 1e-9  # of priors, codes and kernel rows


def log2(given: npt.ArrayLike) -> Floats:
    """The logarithm to base 2, of which 0 has one too: -inf."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(given))


def total(log2_shares: Floats, axis: int = -1) -> Floats:
    """Log2 of the sum of shares that are given by their log2."""
    return np.asarray(np.logaddexp2.reduce(log2_shares, axis=axis))


def log_mean(log_weights: Floats, values: Floats, axis: int = -1) -> Floats:
    """The log of sum w e^v over an axis, for weights that sum to 1: also exact where the v are nearly equal.

    Of v near 0 the usual ln sum e^(ln w + v) would keep only as many digits as 1 + v does.
    """
    log_weights = np.expand_dims(log_weights, 1 - axis % 2) if log_weights.ndim < values.ndim else log_weights
    shift = values.max(axis=axis, keepdims=True)
    shift = np.where(shift == NOTHING, 0, shift)
    below = np.sum(np.exp(log_weights) * np.expm1(values - shift), axis=axis)
    with np.errstate(divide="ignore"):
        near = np.log1p(np.maximum(below, -1))
    far = np.logaddexp.reduce(log_weights + values - shift, axis=axis)
    return np.asarray(np.squeeze(shift, axis) + np.where(below > -0.5, near, far))
