"""How good prices were: scores of a question, calibration, and intervals over questions."""

import numpy as np
import polars as pl

from gruemarket.errors import InputError
from gruemarket.forecasts.questions import Floats, Ints
from gruemarket.forecasts.settings import check_resampling
from gruemarket.intervals import wilson

BINS = 10
LEVEL = 0.95
BLOCK = 2**22  # resampled questions at a time


def _of_outcome(prices: Floats, starts: Ints, happened: Ints) -> Floats:
    """(Q,) the price of what happened; NaN where the question is open."""
    found: Floats = np.where(happened >= 0, prices[starts[:-1] + np.maximum(happened, 0)], np.nan)
    return found


def bits(prices: Floats, starts: Ints, happened: Ints) -> Floats:
    """(Q,) -log2 of the price of what happened; NaN where the question is open.

    >>> bits(np.array([0.25, 0.75, 0.5, 0.5]), np.array([0, 2, 4]), np.array([0, -1])).tolist()
    [2.0, nan]
    """
    with np.errstate(divide="ignore"):
        found: Floats = -np.log2(_of_outcome(prices, starts, happened))
    return found


def brier(prices: Floats, starts: Ints, happened: Ints) -> Floats:
    """(Q,) sum over outcomes of (price - what happened)^2 (Brier 1950); NaN where the question is open.

    >>> brier(np.array([0.25, 0.75]), np.array([0, 2]), np.array([0])).tolist()
    [1.125]
    """
    squares = np.add.reduceat(prices**2, starts[:-1])
    found: Floats = squares + 1 - 2 * _of_outcome(prices, starts, happened)
    return found


def calibration(prices: Floats, starts: Ints, happened: Ints, bins: int = BINS) -> pl.DataFrame:
    """How often outcomes happened whose price fell into each bin, with Wilson's interval of 95 %.

    Every outcome of every resolved question counts. Outcomes of one question exclude each other, so the intervals,
    which take them as independent, are if anything too wide where several fall into one bin.

    Returns:
        bin (its lower end), price (the mean in it), happened (the share), low, high, outcomes (their number).

    >>> prices = np.array([0.25, 0.75, 0.25, 0.75])
    >>> calibration(prices, np.array([0, 2, 4]), np.array([0, 1]))["happened"].to_list()
    [0.5, 0.5]
    """
    counts = np.diff(starts)
    resolved = np.repeat(happened >= 0, counts)
    hit = np.zeros(len(prices))
    hit[(starts[:-1] + happened)[happened >= 0]] = 1
    p, hit = prices[resolved], hit[resolved]
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    trials = np.bincount(place, minlength=bins)
    sums, hits = np.bincount(place, p, bins), np.bincount(place, hit, bins)
    some = np.flatnonzero(trials)
    ends = [wilson(round(hits[b]), int(trials[b])) for b in some]
    return pl.DataFrame(
        {
            "bin": some / bins,
            "price": sums[some] / trials[some],
            "happened": hits[some] / trials[some],
            "low": [low for low, _ in ends],
            "high": [high for _, high in ends],
            "outcomes": trials[some],
        },
        schema_overrides={"low": pl.Float64, "high": pl.Float64},
    )


def bootstrap(values: Floats, seed: int, resamples: int = 1000) -> tuple[Floats, Floats]:
    """Percentile intervals of 95 % of the columns' means, over resampled rows (Efron 1979).

    All columns see the same resamples, so the columns may be differences of methods on the same questions: a paired
    bootstrap. Questions are taken as independent.

    Args:
        values: (Q, M) a row a question; a column with an infinite value has infinite ends.
        seed: of the draws.
        resamples: how many.

    Returns:
        The lower and the upper ends, (M,).

    Raises:
        InputError: no rows, fewer than 40 resamples, which have no 2.5 % quantile, or a seed that is none.

    >>> low, high = bootstrap(np.array([[0.0, 1.0], [2.0, 1.0]]), seed=0)
    >>> low.tolist(), high.tolist()
    ([0.0, 1.0], [2.0, 1.0])
    """
    check_resampling(seed, resamples)
    questions, columns = values.shape
    if not questions:
        raise InputError("no questions to resample; give 1 or more")
    draw = np.random.Generator(np.random.Philox(seed))
    means = np.empty((resamples, columns))
    finite = np.isfinite(values).all(axis=0)
    kept = np.where(finite, values, 0.0)
    block = max(1, BLOCK // questions)
    for begin in range(0, resamples, block):
        counts = np.empty((min(block, resamples - begin), questions))
        for row in counts:  # one by one, as a row fits into the processor's cache
            row[:] = np.bincount(draw.integers(questions, size=questions), minlength=questions)
        means[begin : begin + block] = counts @ kept / questions
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return np.where(finite, low, -np.inf), np.where(finite, high, np.inf)
