"""The market maker of logical induction, beside the only other one that runs: `logicalinduction` of PyPI, 0.1.6.

That one tries tables of rationals in order until one will do, so its time grows without bound as the tolerance falls;
four sentences to within 0.1 is what it can do. Where the engine is timed alone, times are those of the processor, from
features that are compiled to prices whose certificate is checked exactly.
"""

from fractions import Fraction
from time import process_time
from typing import Any

import gruemarket as gm
import numpy as np
import pytest
from gruemarket import _core
from gruemarket.logic.steps import compiled
from logicalinduction.credence import History
from logicalinduction.formula import Constant, Max, Min, Price, Product, Sum
from logicalinduction.inductor import find_credences
from race import Contestant, faster

RIVAL = "logicalinduction"
TOLERANCE = Fraction(1, 2**20)
WEIGHTS = (0.5, 0.25, 0.125)
BELIEFS = ((0.6, 0.3, 0.7, 0.4), (0.3, 0.6, 0.6, 0.8), (0.7, 0.4, 0.2, 0.5))
SLOPE, SENTENCES, MANY = 2.0, 4, 100


def ours() -> dict[str, gm.logic.Feature]:
    """Three traders who buy below what they believe and sell above."""
    prices = [gm.logic.price(f"s{j}") for j in range(SENTENCES)]
    return {
        f"s{j}": sum(w * gm.logic.clip(SLOPE * (b[j] - price), -1, 1) for w, b in zip(WEIGHTS, BELIEFS, strict=True))
        for j, price in enumerate(prices)
    }


def theirs() -> dict[str, Any]:
    """The same traders."""

    def bought(j: int, belief: float) -> Any:
        below = Sum(Constant(belief), Product(Constant(-1.0), Price(f"s{j}", 1)))
        return Min(Constant(1.0), Max(Constant(-1.0), Product(Constant(SLOPE), below)))

    return {
        f"s{j}": Sum(*(Product(Constant(w), bought(j, b[j])) for w, b in zip(WEIGHTS, BELIEFS, strict=True)))
        for j in range(SENTENCES)
    }


def bench_four_sentences(race):
    policy, strategy, maker = theirs(), ours(), gm.logic.MarketMaker(tolerance=0.1)
    rival = Contestant(lambda: find_credences(policy, History([]), 0.1))
    engine = Contestant(lambda: maker(strategy))
    case = "market maker, 4 sentences, 3 traders, tolerance 0.1"
    race(case, engine, {RIVAL: rival}, [faster(RIVAL, 10_000)], turns=1)
    assert engine.result.certificate <= 0.1
    for name, price in rival.result.items():  # what they found clears ours too
        bought = strategy[name](rival.result)
        assert max(bought * (1 - price), -bought * price) <= 0.1


def _field(kind: str) -> dict[str, gm.logic.Feature]:
    """What is bought of each of many sentences: `M (p - q)`, or with a bound."""
    draws = np.random.default_rng(0)
    names = [f"s{i}" for i in range(MANY)]
    prices = [gm.logic.price(name) for name in names]
    points = draws.uniform(0.05, 0.95, MANY)
    if kind == "separable":
        away = [gm.logic.clip(10 * (float(q) - p), -1, 1) for p, q in zip(prices, points, strict=True)]
        return dict(zip(names, away, strict=True))
    if kind == "arbitrage":
        gap = gm.logic.clip(1000 * (1 - sum(prices)), -1, 1)
        worth = 2 * points / MANY
        rows = [gap + gm.logic.clip(10 * (float(q) - p), -1, 1) for p, q in zip(prices, worth, strict=True)]
        return dict(zip(names, rows, strict=True))
    turn = draws.normal(size=(MANY, MANY))
    matrix = turn - turn.T - (1e4 * np.eye(MANY) if kind == "steep" else 0)
    away = [p - float(q) for p, q in zip(prices, points, strict=True)]
    rows = [sum(float(s) * x for s, x in zip(row, away, strict=True) if s) for row in matrix]
    return dict(zip(names, rows, strict=True))


@pytest.mark.benchmark(timer=process_time)
@pytest.mark.parametrize("kind", ("separable", "rotation", "steep", "arbitrage"))
def bench_many_sentences(benchmark, kind):
    strategy = _field(kind)
    program, names = compiled(list(strategy.values()), traded=list(strategy))
    start = [Fraction(1, 2)] * len(names)

    def clear() -> Any:
        return _core.clear_features(program, start, TOLERANCE, None, 20_000, simple_fractions=False)

    found = benchmark.pedantic(clear, rounds=15, warmup_rounds=1)
    case = f"market maker, {MANY} sentences, {kind}, certified at 2^-20"
    benchmark.extra_info["work"] = {"case": case, "amount": 1, "unit": "days", "must_seconds": 0.02}
    assert found[1] <= TOLERANCE
