"""Features: their values against Python's own arithmetic, their bounds, how they are written and refused."""

import pickle
from decimal import Decimal
from fractions import Fraction

import gruemarket as gm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

logic = gm.logic
SENTENCES = ("rain", "snow", "wind")
PRICE = st.fractions(0, 1, max_denominator=1000)
NUMBER = st.one_of(st.integers(-9, 9), st.fractions(-9, 9, max_denominator=50), st.sampled_from([0.1, -2.5, 1e-9]))


@st.composite
def features(draw):
    """A feature, and its value by Fractions at prices."""
    prices = {name: draw(PRICE) for name in SENTENCES}
    made = [(logic.price(name), prices[name]) for name in SENTENCES]
    for _ in range(draw(st.integers(0, 10))):
        (a, x), (b, y) = draw(st.sampled_from(made)), draw(st.sampled_from(made))
        number = draw(NUMBER)
        made.append(
            draw(
                st.sampled_from(
                    [
                        (a + b, x + y),
                        (a - b, x - y),
                        (-a, -x),
                        (number - a, Fraction(number) - x),
                        (a + number, x + Fraction(number)),
                        (number * a, Fraction(number) * x),
                        (a / 7, x / 7),
                        (logic.price("rain") * a, prices["rain"] * x),
                        (abs(a), abs(x)),
                        (logic.maximum(a, b, number), max(x, y, Fraction(number))),
                        (logic.minimum(a, b, number), min(x, y, Fraction(number))),
                        (logic.clip(a, -1, 1), min(max(x, -1), 1)),
                        (logic.safe_reciprocal(a), 1 / max(1, x)),
                    ]
                )
            )
        )
    return (*made[-1], prices)


@given(features())
def test_value_and_bounds(case):
    feature, value, prices = case
    assert feature(prices) == value
    low, high = feature.bounds()
    assert low <= value <= high
    # the same feature again, from what is written down of it
    assert pickle.loads(pickle.dumps(feature))(prices) == value  # noqa: S301
    # and as its own text says
    names = {"price": logic.price, "max": logic.maximum, "min": logic.minimum, "safe_reciprocal": logic.safe_reciprocal}
    text = str(feature)
    for name in SENTENCES:
        text = text.replace(f"price({name})", f"price('{name}')")
    assert eval(rational(text), names | {"F": Fraction})(prices) == value  # noqa: S307


def rational(text):
    """Every whole number of a text as a Fraction."""
    out, digits = [], ""
    for sign in text + " ":
        if sign.isdigit():
            digits += sign
            continue
        if digits:
            out.append(f"F({digits})")
        digits = ""
        out.append(sign)
    return "".join(out).strip()


def test_numbers_are_exact():
    p = logic.price("rain")
    assert (0.1 * p)({"rain": 1}) == Fraction(0.1) != Fraction(1, 10)
    assert (Decimal("0.1") * p)({"rain": Decimal("0.5")}) == Fraction(1, 20)
    assert (np.float64(0.5) * p)({"rain": np.int64(1)}) == (np.float32(0.5) * p)({"rain": 1}) == Fraction(1, 2)
    huge = 3**500
    assert (p / huge)({"rain": Fraction(1, huge)}) == Fraction(1, huge**2)
    assert (p * huge - huge)({"rain": 0}) == -huge


def test_days():
    rise = logic.price("rain") - logic.price("rain", day_offset=-1)
    past = [{"rain": Fraction(1, 4)}, {"rain": Fraction(1, 2)}]
    assert rise({"rain": 1}, day=3, past=past) == Fraction(1, 2)
    # before the first day there are no prices: they count as 0
    assert rise({"rain": 1}) == 1
    assert logic.price("rain", day=1)({}, day=3, past=past) == Fraction(1, 4)
    assert logic.price("rain", day=3)({"rain": 1}, day=3, past=past) == 1
    assert [leaf.on(7) for leaf in rise.leaves] == [7, 6]
    with pytest.raises(gm.InputError, match="on day 4 is read on day 3"):
        logic.price("rain", day=4)({}, day=3)


def test_sharing():
    # a feature of 2^60 terms, each half of which is the other
    feature = logic.price("rain")
    for _ in range(60):
        feature = feature + feature
    assert feature({"rain": Fraction(1, 2**60)}) == 1
    assert len(str(feature)) < 3000
    # a long chain takes no stack
    for _ in range(20_000):
        feature = logic.minimum(feature, 1)
    assert feature({"rain": 1}) == 1
    assert pickle.loads(pickle.dumps(feature))({"rain": 0}) == 0  # noqa: S301


def test_text():
    p, q = logic.price("p"), logic.price("q")
    assert str(3 * (p - q / 2) + 1) == "3 * (price(p) - price(q) * (1/2)) + 1"
    assert repr(-(p + q) * 2) == "(-(price(p) + price(q))) * 2"
    assert str(logic.price("p", day_offset=-2)) == "price(p, -2 days)"


@pytest.mark.parametrize(
    ("make", "message"),
    (
        (lambda p: p / 0, "divided by 0"),
        (lambda p: p / p, "safe_reciprocal"),
        (lambda p: 1 / p, "safe_reciprocal"),
        (lambda p: p + "x", "'x' is not a number"),
        (lambda p: p + float("nan"), "not a finite number"),
        (lambda p: p * Decimal("Infinity"), "not a finite number"),
        (lambda p: p + True, "not a number"),
        (lambda p: 1 if p else 0, "neither true nor false"),
        (lambda p: p({"rain": 1.5}), r"price of rain 1.5 is not in \[0, 1\]"),
        (lambda p: p({"rain": 1}, day=0), "day 0"),
        (lambda _: logic.price("rain", day_offset=1), "day_offset 1"),
        (lambda _: logic.price("rain", day=0), "day 0"),
        (lambda _: logic.price("rain", day=2, day_offset=-1), "both"),
        (lambda p: logic.clip(p, 1, 0), "wrong|greater"),
        (lambda _: logic.maximum(), "no features"),
        (lambda _: logic.Feature(), r"gm.logic.price"),
        (lambda _: logic.price(["rain"]), r"\['rain'\] is no sentence"),
        (lambda p: p + Decimal("sNaN"), "not a finite number"),
        (lambda p: p(None), "prices None: give a mapping"),
        (lambda _: logic.price("rain", day_offset=-1)({}, day=2, past=[3]), "prices of day 1 3: give a mapping"),
        (lambda _: logic.MarketMaker()([1]), r"strategy \[1\]: give a mapping"),
        (lambda p: logic.MarketMaker()({"rain": p}, start=[1]), r"start from \[1\]: give a mapping"),
        (lambda _: logic.Worlds().minimum(["rain"]), r"shares \['rain'\]: give a mapping"),
        (lambda p: p({"rain": Fraction(3**9000, 2)}), "a number of [0-9]+ bits"),
        (lambda _: logic.Belief("rain", 2), r"probability 2 is not in \[0, 1\]"),
        (lambda _: logic.Arbitrage(3), "arbitrage of 3"),
        (lambda _: logic.Arbitrage(["rain", "rain"]), "each sentence once"),
        (lambda _: logic.Kelly("rain", [1]), "a list of exclusive"),
        (lambda _: logic.Kelly(["rain", "~rain"], None), "forecast of None"),
        (lambda _: logic.Strategies({"rain"}, 1), "a list of one sentence"),
        (lambda _: logic.Strategies(["rain", "(rain)"], 1), "each sentence once"),
        (lambda _: logic.Strategies(["rain &"], 1), "cannot be read"),
        (lambda _: logic.Strategies(["rain"], 1, lags=[], constants=[]), "neither prices nor numbers"),
    ),
)
def test_bad_input(make, message):
    with pytest.raises(gm.InputError, match=message):
        make(logic.price("rain"))


def test_a_feature_does_not_change():
    with pytest.raises(AttributeError, match="does not change"):
        logic.price("rain").day = 3
