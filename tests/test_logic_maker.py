"""The market maker: prices that are known, fields that are hard, and certificates by their definition."""

import os
import subprocess
import sys
from fractions import Fraction
from itertools import product

import gruemarket as gm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

logic = gm.logic
TOLERANCE = Fraction(1, 2**20)
HALF = Fraction(1, 2)


def most_gained(strategy, prices):
    """The most that any table of truth values lets a strategy gain, by trying all of them."""
    bought = {s: d(prices) if isinstance(d, logic.Feature) else Fraction(d) for s, d in strategy.items()}
    tables = product((0, 1), repeat=len(bought))
    return max(
        sum(d * (true - prices[s]) for (s, d), true in zip(bought.items(), table, strict=True)) for table in tables
    )


def cleared(strategy, tolerance=TOLERANCE, **settings):
    """Clears, and checks what is said of the prices."""
    found = logic.MarketMaker(tolerance, **settings)(strategy)
    assert found.certificate == most_gained(strategy, found.prices) <= tolerance
    assert all(isinstance(price, Fraction) and 0 <= price <= 1 for price in found.prices.values())
    return found


def test_known_prices():
    p, q = logic.price("p"), logic.price("q")
    assert cleared({"p": 1 - 3 * p}).prices == {"p": Fraction(1, 3)}
    assert cleared({"p": logic.maximum(p, q), "q": 1 - p - q}).prices == {"p": 1, "q": 0}
    for b, price in ((10, Fraction(11, 20)), (100, Fraction(101, 200)), (1000, Fraction(1001, 2000))):
        found = cleared({"p": HALF - b * logic.maximum(0, p - HALF)})
        assert (found.prices, found.certificate) == ({"p": price}, 0)


@pytest.mark.parametrize("bits", (1, 10, 20, 50, 60, 100, 300))
def test_irrational_root(bits):
    p = logic.price("p")
    tolerance = Fraction(1, 2**bits)
    price = cleared({"p": 1 - 2 * p * p}, tolerance).prices["p"]
    assert abs(1 - 2 * price**2) <= 4 * tolerance
    assert price.denominator.bit_count() == 1  # a dyadic number
    assert price.denominator.bit_length() <= max(bits, 40) + 60


def test_two_irrational_prices_beyond_floats():
    p, q = logic.price("p"), logic.price("q")
    found = cleared({"p": 1 - p - q * q, "q": p * p + q / 3 - HALF}, Fraction(1, 2**120))
    assert found.solver == "deep"
    assert found.prices["p"].denominator.bit_length() < 250


def test_ties():
    maker = logic.MarketMaker(TOLERANCE)
    # nobody trades: yesterday's price, or 1/2
    assert maker({"p": 0, "q": 0}, start={"p": Fraction(3, 7)}).prices == {"p": Fraction(3, 7), "q": HALF}
    # all prices from 1/4 to 3/4 will do
    p = logic.price("p")
    idle = logic.maximum(0.25 - p, 0) - logic.maximum(p - 0.75, 0)
    for start in (0.25, 0.4375, 0.75):
        assert maker({"p": idle}, start={"p": start}).prices == {"p": start}
    assert maker({"p": idle}, start={"p": 1}).prices["p"] >= Fraction(3, 4) - Fraction(1, 1000)
    # wanted at any price, and by nobody
    assert maker({"p": 3 - p, "q": -1}).prices == {"p": 1, "q": 0}
    assert maker({}).prices == {}


def test_sentences_that_nobody_trades_cost_nothing():
    p, q = logic.price("p"), logic.price("q")
    assert cleared({"p": HALF - p - q}).prices == {"p": HALF}


def test_past_days():
    p, before = logic.price("p"), logic.price("p", day_offset=-1)
    found = logic.MarketMaker(TOLERANCE)({"p": before - p}, day=2, past=[{"p": Fraction(2, 9)}])
    assert found.prices == {"p": Fraction(2, 9)}


def test_polish():
    p = logic.price("p")
    rough, fine = ({"p": 1 - 2 * p * p} for _ in range(2))
    plain = logic.MarketMaker(Fraction(1, 4), polish=None)(rough)
    polished = logic.MarketMaker(Fraction(1, 4), polish=Fraction(1, 2**40))(fine)
    assert polished.certificate <= Fraction(1, 2**40) < plain.certificate
    assert plain.prices["p"].denominator < polished.prices["p"].denominator


def test_components_apart():
    names = [f"s{i}" for i in range(100)]
    beliefs = {name: logic.clip(10 * (Fraction(i, 128) - logic.price(name)), -1, 1) for i, name in enumerate(names)}
    found = logic.MarketMaker(TOLERANCE)(beliefs)
    assert (found.prices, found.certificate) == ({name: Fraction(i, 128) for i, name in enumerate(names)}, 0)
    # each reads the one before: found in order
    chain = {
        name: (logic.price(names[i - 1]) / 2 if i else Fraction(2, 3)) - logic.price(name)
        for i, name in enumerate(names[:10])
    }
    found = cleared(chain)
    assert found.solver == "line"
    assert found.prices["s3"] == Fraction(1, 12)


def test_demand_is_enclosed():
    p = logic.price("p")
    power = p
    for _ in range(20):  # p^(2^20): its exact value would take a hundred million bits
        power = power * power
    found = logic.MarketMaker(TOLERANCE)({"p": HALF - power})
    low, high = found.demand["p"]
    assert low < high
    assert high - low < TOLERANCE
    assert found.certificate <= TOLERANCE
    assert abs(float(found.prices["p"]) ** 2**20 - 0.5) < 1e-5


# --- Hard fields


class Field:
    """Demand `clip(M (p - q) + c)` for all sentences, as features and as a formula."""

    def __init__(self, matrix, points, *, clipped=False, shared=None):
        self.matrix = [[Fraction(float(s)) for s in row] for row in matrix]
        self.points = [Fraction(float(q)) for q in points]
        self.clipped, self.shared = clipped, shared
        self.names = [f"s{i}" for i in range(len(points))]

    def strategy(self):
        """As features."""
        prices = [logic.price(name) for name in self.names]
        away = [price - q for price, q in zip(prices, self.points, strict=True)]
        rows = [sum(s * x for s, x in zip(row, away, strict=True) if s) for row in self.matrix]
        rows = [logic.clip(row, -1, 1) for row in rows] if self.clipped else rows
        if self.shared is not None:
            arbitrage = logic.clip(self.shared * (1 - sum(prices)), -1, 1)
            rows = [row + arbitrage for row in rows]
        return dict(zip(self.names, rows, strict=True))

    def most_gained(self, prices):
        """The certificate, by its formula."""
        p = [prices[name] for name in self.names]
        away = [price - q for price, q in zip(p, self.points, strict=True)]
        bought = [sum(s * x for s, x in zip(row, away, strict=True) if s) for row in self.matrix]
        bought = [max(-1, min(1, d)) for d in bought] if self.clipped else bought
        if self.shared is not None:
            bought = [d + max(-1, min(1, self.shared * (1 - sum(p)))) for d in bought]
        return sum(max(d * (1 - price), -d * price) for d, price in zip(bought, p, strict=True))


def field(kind, k, seed):
    """A field of a kind; (k, seed) says which."""
    draws = np.random.default_rng([k, seed])
    points = draws.uniform(0.05, 0.95, k)
    skew = draws.normal(size=(k, k))
    skew -= skew.T
    match kind:
        case "rotation":
            return Field(skew, points)
        case "saturated rotation":
            return Field(1e4 * skew, points, clipped=True)
        case "steep":
            return Field(skew - 1e4 * np.eye(k), points)
        case "saturated":
            return Field(skew - 1e4 * np.eye(k), points, clipped=True)
        case _:
            return Field(-10 * np.eye(k), 2 * points / k, clipped=True, shared=1000)


# all five seeds of 100 prices are played in Rust; what takes the time here is the formula in Python
@pytest.mark.parametrize(("k", "seeds"), ((5, 5), (20, 5), (100, 1)))
@pytest.mark.parametrize("kind", ("rotation", "steep", "saturated", "arbitrage", "saturated rotation"))
def test_fields(kind, k, seeds):
    for seed in range(seeds):
        case = field(kind, k, seed)
        found = logic.MarketMaker(TOLERANCE)(case.strategy())
        assert found.certificate == case.most_gained(found.prices) <= TOLERANCE


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(-8, 8), min_size=4, max_size=4), min_size=3, max_size=3),
    st.sampled_from([1, 4, 1000]),
)
def test_any_small_field_is_cleared(rows, steep):
    names = "abc"
    prices = [logic.price(name) for name in names]
    strategy = {
        name: logic.clip(steep * (row[0] + sum(c * p for c, p in zip(row[1:], prices, strict=True))) / 4, -1, 1)
        for name, row in zip(names, rows, strict=True)
    }
    cleared(strategy, Fraction(1, 2**10), polish=None)


# --- Errors, and the same bits


@pytest.mark.parametrize(
    ("settings", "message"),
    (
        ({"tolerance": 0}, "tolerance 0 is not above 0"),
        ({"tolerance": "x"}, "not a number"),
        ({"polish": -1}, "polish -1"),
        ({"evaluations": 0}, "evaluations 0"),
    ),
)
def test_bad_settings(settings, message):
    with pytest.raises(gm.InputError, match=message):
        logic.MarketMaker(**settings)


def test_bad_input():
    p = logic.price("p")
    maker = logic.MarketMaker(TOLERANCE)
    with pytest.raises(gm.InputError, match="not in"):
        maker({"p": p}, start={"p": 2})
    with pytest.raises(gm.InputError, match="not a number"):
        maker({"p": None})
    with pytest.raises(gm.InputError, match="is not known yet"):
        maker({"p": logic.price("p", day=2)})


def test_unsolved_is_said():
    with pytest.raises(gm.NotClearedError, match=r"best certificate after [0-9]+ evaluations is"):
        logic.MarketMaker(Fraction(1, 2**60), evaluations=1)(field("saturated rotation", 20, 0).strategy())


def test_same_bits_in_every_process():
    lines = (
        "import sys; sys.path.insert(0, 'tests'); import test_logic_maker as t;"
        "print(t.logic.MarketMaker()(t.field('saturated rotation', 5, 1).strategy()).prices)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    run = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout == f"{logic.MarketMaker()(field('saturated rotation', 5, 1).strategy()).prices}\n"
