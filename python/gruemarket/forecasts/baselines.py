"""What markets are compared with: ways to combine forecasts that have no money."""

from typing import Any

import numpy as np
import polars as pl

from gruemarket.forecasts.events import Events, posterior
from gruemarket.forecasts.measures import bits
from gruemarket.forecasts.questions import Floats, Ints, Panel, offsets

UNIFORM_MEAN, MEDIAN, LOG_POOL, EXTREMISED = (
    "uniform mean",
    "median",
    "log pool, equal weights",
    "extremised log odds",
)
BASELINES = (UNIFORM_MEAN, MEDIAN, LOG_POOL, EXTREMISED)
FACTORS = 2 ** np.linspace(-2, 2, 17)  # as many that temper as that extremise: before anything is known, 1
TINY = 2.0**-60  # stands for 0 in logarithms: a geometric mean forgets neither side


def means(panel: Panel) -> tuple[Floats, Floats, Floats]:
    """The uniform mean, the renormalised median and the mean logarithm of each question's forecasts.

    Returns:
        (sum of K,) three times, question after question. A forecaster that stands there m times weighs once.
    """
    mean, median, logs = (np.empty(panel.price_starts[-1]) for _ in range(3))
    weights = panel.weights()
    starts, begins = panel.price_starts[:-1], panel.value_starts[:-1]
    for K in np.unique(panel.counts):
        some = np.flatnonzero(panel.counts == K)
        sizes = panel.sizes[some]
        rows = np.repeat(panel.starts[some] - offsets(sizes)[:-1], sizes) + np.arange(sizes.sum())
        first = np.repeat(begins[some] - offsets(sizes)[:-1] * K, sizes) + np.arange(len(rows)) * K
        q = panel.values[first[:, None] + np.arange(K)]
        where = starts[some][:, None] + np.arange(K)
        cuts, w = offsets(sizes)[:-1], weights[rows][:, None]
        share = w / np.repeat(np.add.reduceat(w, cuts), sizes)[:, None]
        mean[where] = np.add.reduceat(share * q, cuts)
        logs[where] = np.add.reduceat(share * np.log(np.maximum(q, TINY)), cuts)
        median[where] = _medians(np.repeat(np.arange(len(some)), sizes), q)
    return _normalised(mean, panel), _normalised(median, panel), logs


def _medians(question: Ints, q: Floats) -> Floats:
    frame = pl.DataFrame({"question": question, **{str(k): q[:, k] for k in range(q.shape[1])}})
    found = frame.lazy().group_by("question").agg(pl.exclude("question").median()).sort("question").collect()
    return found.drop("question").to_numpy()


def _normalised(prices: Floats, panel: Panel) -> Floats:
    """Prices that sum to 1; where all are 0, all alike."""
    sums = np.add.reduceat(prices, panel.price_starts[:-1])
    none = np.repeat(sums == 0, panel.counts)
    total = np.repeat(np.where(sums == 0, panel.counts, sums), panel.counts)
    made: Floats = np.where(none, 1.0, prices) / total
    return made


def pooled(logs: Floats, starts: Ints, factor: Any = 1.0) -> Floats:
    """Exp(factor x mean logarithm), normalised: the geometric mean, extremised by a factor above 1.

    With two outcomes it is the mean of the log odds times the factor (Satopää et al. 2014).
    """
    counts = np.diff(starts)
    scaled = logs * np.repeat(np.broadcast_to(factor, counts.shape), counts)
    e = np.exp(scaled - np.repeat(np.maximum.reduceat(scaled, starts[:-1]), counts))
    made: Floats = e / np.repeat(np.add.reduceat(e, starts[:-1]), counts)
    return made


def extremised(logs: Floats, starts: Ints, happened: Ints, when: Events) -> tuple[Floats, Floats]:
    """Log pools with the factor that the questions which were resolved before speak for, question by question.

    It is the mean of a grid of factors on a log scale, each weighed by what its log pool has made of those questions.

    Returns:
        The prices, (sum of K,), and the factors, (Q,).
    """
    losses = np.stack([np.nan_to_num(bits(pooled(logs, starts, a), starts, happened)) for a in FACTORS], axis=1)
    factors = np.exp2(posterior(losses, when) @ np.log2(FACTORS))
    return pooled(logs, starts, factors), factors
