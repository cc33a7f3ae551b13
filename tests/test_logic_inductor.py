"""The inductor against its twin: stories of random traders, replayed at the engine's prices in plain fractions."""

from fractions import Fraction
from random import Random

import gruemarket as gm
import polars as pl
import pytest
from gruemarket import reference
from gruemarket.errors import InputError, NotClearedError

logic, plain = gm.logic, reference.logic
F = Fraction

# --- Stories that both understand

SENTENCES = {
    "a": "a",
    "b": "b",
    "a & b": ("and", "a", "b"),
    "a | ~c": ("or", "a", ("not", "c")),
    "b -> c": ("implies", "b", "c"),
    "a <-> d": ("iff", "a", "d"),
}


def clip(x, most, least):
    return most(F(-1), least(F(1), x))


class Told:
    """How a trader writes features: `price(text, ago)`, the greater, the lesser, 1 / max(1, x)."""

    def __init__(self, price, most, least, reciprocal):
        self.price, self.most, self.least, self.reciprocal = price, most, least, reciprocal

    def clip(self, x, size=1):
        return self.most(F(-size), self.least(F(size), x))


def believes(text, belief, size=1):
    return lambda t: {text: t.clip(10 * (belief - t.price(text, 0)), size)}


def follows(text, other):
    return lambda t: {text: t.clip(5 * (t.price(other, 1) - t.price(text, 0)))}


def joins(a, b, both):
    return lambda t: {
        both: t.clip(4 * (t.price(a, 0) + t.price(b, 0) - 1 - t.price(both, 0))),
        a: t.clip(3 * (t.price(both, 0) - t.price(a, 0))) * F(1, 3),
    }


def squares(text):
    return lambda t: {text: 1 - 2 * t.price(text, 0) * t.price(text, 0) + F(1, 7) * t.reciprocal(3 * t.price(text, 1))}


def some_traders(draws):
    texts = list(SENTENCES)
    kinds = [
        lambda: believes(draws.choice(texts), F(draws.randint(0, 10), 10), draws.choice([1, 3])),
        lambda: follows(*draws.sample(texts, 2)),
        lambda: joins("a", "b", "a & b"),
        lambda: squares(draws.choice(texts)),
    ]
    return [draws.choice(kinds)() for _ in range(5)]


DAYS = [[], ["a | c"], [], ["~b"], ["d"], []]


def engine_trader(story):
    told = Told(
        lambda text, ago: logic.price(text, day_offset=-ago), logic.maximum, logic.minimum, logic.safe_reciprocal
    )
    return story(told)


def plain_trader(story):
    def trader(n, price):
        told = Told(lambda text, ago: price(SENTENCES[text], n - ago), max, min, lambda x: 1 / max(F(1), x))
        return {SENTENCES[text]: shares for text, shares in story(told).items()}

    return trader


def twins(seed, **settings):
    stories = some_traders(Random(seed))  # noqa: S311  # no secrets here
    known = {"a | c": ("or", "a", "c"), "~b": ("not", "b"), "d": "d"}
    engine = logic.LogicalInductor(DAYS, [engine_trader(s) for s in stories], **settings)
    twin = plain.LogicalInductor(
        [[known[text] for text in day] for day in DAYS],
        [plain_trader(s) for s in stories],
        tolerance=settings.get("tolerance", logic.halving),
        entry=lambda _: 1,
    )
    return engine, twin


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("tolerance", (logic.halving, logic.inverse_square))
def test_the_twin_agrees_with_every_number(seed, tolerance):
    engine, twin = twins(seed, tolerance=tolerance, entry=1)
    for day in range(1, len(DAYS) + 1):
        prices = {SENTENCES[str(s)]: price for s, price in engine.step().items()}
        assert twin.step(prices) == prices
        assert engine._core.certificate(day) == pytest.approx(twin.certificates[-1], abs=1e-18)
        assert engine._core.certificate(day) <= tolerance(day)
        for at, trades in enumerate(twin.raw):
            sentences, shares, first, factors = engine._core.trade(at, day)
            texts = [engine._core.text(s) for s in sentences]
            assert {SENTENCES[t]: x for t, x in zip(texts, shares, strict=True)} == trades[-1].shares
            days = twin.worlds(twin.revealed)
            for budget in range(1, 8):
                own = plain.budget_factor(budget, trades[:-1], trades[-1], days)
                given = F(0) if budget < first else (factors or [F(1)])[min(budget - first, len(factors or [1]) - 1)]
                assert 0 <= own - given <= F(1, 2**60)  # rounded down, by next to nothing
            row = engine.net_worth.row(by_predicate=(pl.col("day") == day) & (pl.col("trader") == at + 1))
            assert row[2:] == pytest.approx([float(x) for x in twin.net_worth(at + 1)], abs=1e-12)


def test_the_worlds_that_matter_are_found_where_there_are_many():
    # 8 free atoms traded at once have 256 worlds, which the engine does not list: it looks for those that bind
    texts = [f"x{i}" for i in range(8)]
    stories = [
        lambda t, b=belief: {s: t.clip(F(5 + i, 2) * (b - t.price(s, 0))) for i, s in enumerate(texts)}
        for belief in (F(1, 4), F(3, 4))
    ]
    SENTENCES.update({s: s for s in texts})
    terms = {"tolerance": lambda _: F(1, 1000), "entry": lambda _: 1}
    engine = logic.LogicalInductor([[], [], ["x3"]], [engine_trader(s) for s in stories], **terms)
    twin = plain.LogicalInductor([[], [], ["x3"]], [plain_trader(s) for s in stories], **terms)
    bound = 0
    for day in range(1, 5):
        twin.step({str(s): price for s, price in engine.step().items()})
        days = twin.worlds(twin.revealed)
        for at, trades in enumerate(twin.raw):
            _, _, first, factors = engine._core.trade(at, day)
            for budget in range(first, first + 6):
                own = plain.budget_factor(budget, trades[:-1], trades[-1], days)
                given = (factors or [F(1)])[min(budget - first, len(factors or [1]) - 1)]
                assert 0 <= own - given <= F(1, 2**60)
                bound += own < 1
    assert bound > 3
    assert engine.audit().holds


def test_a_day_that_is_not_cleared_moves_nothing_and_can_be_tried_again():
    inductor = logic.LogicalInductor([["b"]], [logic.Belief("a", F(1, 2))], tolerance=F(1, 2**20), entry=1)
    with pytest.raises(NotClearedError, match="day 1"):
        inductor._advance(([F(0)], "start", 0))
    assert inductor.day == 0
    assert inductor.prices.is_empty()
    inductor.run(2, progress=False)
    assert inductor.prices["price"].to_list() == [0.5, 0.5]
    assert inductor.truth("b") is True


@pytest.mark.parametrize(
    ("settings", "match"),
    (
        ({"traders": [5]}, "trader 1 is a int"),
        ({"traders": [lambda _: 3]}, "gave 3 on day 1"),
        ({"traders": [{"a": 1}], "weights": [F(3, 2)]}, "weights are above 0"),
        ({"traders": [{"a": 1}], "weights": [F(1, 2)] * 2}, "2 weights for 1 traders"),
        ({"traders": [{"a": 1}], "entry": 0}, "enters on day 0"),
        ({"traders": [{"a": 1}], "tolerance": 0}, "the tolerance 0"),
        ({"traders": [{"a &": 1}]}, "cannot be read"),
        ({"traders": [{"a": logic.price("a", day=2)}]}, "price of day 2"),
        ({"traders": [{"a": 1}], "process": 7}, "7 is no deductive process"),
        ({"traders": [{"a": 1}], "process": [["a & ~a"]]}, "no world agrees"),
        ({"traders": [{"a": 1}], "polish": -1}, "polish -1"),
    ),
)
def test_bad_input_is_told_apart(settings, match):
    with pytest.raises(InputError, match=match):
        logic.LogicalInductor(**settings).step()


def test_a_contradiction_is_told_and_the_days_before_stand():
    inductor = logic.LogicalInductor([["a"], ["~a"]], [{"a": 1 - logic.price("a")}], entry=1)
    inductor.step()
    with pytest.raises(InputError, match="no world agrees"):
        inductor.run(1, progress=False)
    assert inductor.day == 1


def test_a_generator_hears_the_exact_prices():
    heard = []

    def process():
        for _ in range(3):
            prices = yield []
            heard.append({str(s): price for s, price in prices.items()})

    inductor = logic.LogicalInductor(process, [logic.Belief("a", F(1, 3))], entry=1)
    inductor.run(4, progress=False)
    assert heard == [{"a": inductor.price("a", day)} for day in (1, 2, 3)]


def test_traders_enter_day_by_day_from_an_endless_stream():
    def stream():
        k = 0
        while True:
            k += 1
            yield logic.Belief("a", F(k % 5, 5))

    inductor = logic.LogicalInductor([], stream())
    inductor.run(5, progress=False)
    assert inductor.net_worth.group_by("day").len().sort("day")["len"].to_list() == [1, 2, 3, 4, 5]


def test_watched_sentences_are_priced_0_where_nobody_trades_them():
    inductor = logic.LogicalInductor([], [logic.Belief("a", F(1, 4))], watch=["b", "a"])
    inductor.run(2, progress=False)
    assert inductor.prices.rows() == [
        (1, "b", 0.0, False),
        (1, "a", 0.25, True),
        (2, "b", 0.0, False),
        (2, "a", 0.25, True),
    ]


def test_daily_sentences_are_written_once():
    daily = logic.Daily("x[{day}]")
    inductor = logic.LogicalInductor([[], ["x[1]"], ["~x[2]"]], [logic.Belief(daily, F(1, 2))], entry=1)
    assert inductor.run(3, progress=False)["sentence"].to_list() == ["x[1]", "x[2]", "x[3]"]


def test_a_trader_that_answers_to_what_it_sees():
    def trader(seen):
        seen.memory["asked"] = seen.memory.get("asked", 0) + 1
        if seen.truth("a"):
            return None
        return {"a": F(3, 4) - logic.price("a") + (seen.price("a", seen.day - 1) if seen.day > 1 else 0)}

    inductor = logic.LogicalInductor({3: ["a"]}, [trader], entry=1)
    prices = inductor.run(4, progress=False)
    assert prices["day"].to_list() == [1, 2]
    assert prices["price"].to_list() == [0.75, 1]
    assert inductor._memories == [{"asked": 4}]
