"""Beside `river`, a library for learning online: its exponentially weighted average of 100 experts, 1,000 rounds.

EWARegressor multiplies weights by exp(-learning_rate * loss). With the learning rate 1 and the log loss of an expert
that says the probability of a 1, its weights are the Bayes posterior and its weighted mean is our price: the same
rounds, and the same numbers. river is plain Python and asks its experts one by one; that is what it costs.
"""

import math

import gruemarket as gm
import numpy as np
import pytest
from race import Contestant, faster
from rivals import Engine, even_market
from river.base import Regressor
from river.ensemble import EWARegressor

N, T = 100, 1_000
RIVER = "river EWARegressor"


class Expert(Regressor):
    """Says the probability that stands in its column."""

    def __init__(self, column: int) -> None:
        self.column = column

    def learn_one(self, x, y):
        """Learns nothing: the forecasts are given."""

    def predict_one(self, x):
        """The probability of a 1."""
        return x[self.column]


def _log_loss(y_true: int, y_pred: float) -> float:
    return -math.log(y_pred if y_true else 1 - y_pred)


class River(Contestant):
    """river's market, round by round, as it is meant to be used."""

    def __init__(self, forecasts: np.ndarray, outcomes: np.ndarray) -> None:
        self.rounds = [(dict(enumerate(row)), y) for row, y in zip(forecasts.tolist(), outcomes.tolist(), strict=True)]
        super().__init__(play=self.run, ready=self.begin)

    def begin(self) -> None:
        """Even weights; river's own begin as 1 each, which its first prediction would show."""
        self.ensemble = EWARegressor([Expert(i) for i in range(N)], loss=_log_loss, learning_rate=1.0)
        self.ensemble.weights = [1 / N] * N

    def run(self) -> list[float]:
        """The prices of a 1."""
        prices = []
        for x, y in self.rounds:
            prices.append(self.ensemble.predict_one(x))
            self.ensemble.learn_one(x, y)
        return prices


class OneCall(Engine):
    """The engine on all rounds at once."""

    def __init__(self, prior: gm.Market, **call: np.ndarray) -> None:
        super().__init__(prior, opening=(), **call)


class RoundByRound(OneCall):
    """The engine with one call of `Market.settle` a round, as one would use it live."""

    def run(self) -> list[float]:
        """The prices of a 1."""
        forecasts, outcomes = self.call["forecasts"], self.call["outcomes"]
        return [self.market.settle(q, x).prices[0, 1] for q, x in zip(forecasts, outcomes, strict=True)]


def _world() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"forecasts": rng.uniform(0.05, 0.95, (T, N)), "outcomes": rng.integers(0, 2, T)}


def bench_river_one_call(race):
    world = _world()
    engine, river = OneCall(even_market(N), **world), River(**world)
    race("100 experts, 1,000 rounds in one call", engine, {RIVER: river}, [faster(RIVER)])
    assert engine.result.prices[:, 1] == pytest.approx(np.array(river.result), rel=1e-9)


def bench_river_round_by_round(race):
    world = _world()
    engine, river = RoundByRound(even_market(N), **world), River(**world)
    race("100 experts, 1,000 calls of `settle`", engine, {RIVER: river}, [faster(RIVER)])
    assert np.array(engine.result) == pytest.approx(np.array(river.result), rel=1e-9)
