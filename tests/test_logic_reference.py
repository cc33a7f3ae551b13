"""The slow inductor against its own definitions: other formulas, plain sums, and what the paper proves of it."""

from fractions import Fraction
from random import Random

import pytest
from gruemarket.errors import InputError, NotClearedError
from gruemarket.reference import logic
from gruemarket.reference.logic import LogicalInductor, Trade

SENTENCES = ["a", "b", ("and", "a", "b"), ("or", "a", ("not", "c"))]
HALF = Fraction(1, 2)


def fraction(draws, low=-2, high=2):
    return Fraction(draws.randint(low * 12, high * 12), 12)


def story(seed, days=5):
    """Random trades at random prices, and what was plausible on each day: `a or c` is learned on day 2, `~b` on 4."""
    draws = Random(seed)  # noqa: S311  # no secrets here
    trades = []
    for _ in range(days):
        chosen = draws.sample(SENTENCES, draws.randint(1, 3))
        prices = {s: fraction(draws, 0, 1) for s in chosen}
        trades.append(Trade({s: fraction(draws) for s in chosen}, prices))
    known = [[], [("or", "a", "c")], [], [("not", "b")], []]
    flat = [[s for day in known[: m + 1] for s in day] for m in range(days)]
    return trades, [logic.plausible(day, ["a", "b", "c"]) for day in flat]


@pytest.mark.parametrize("seed", range(20))
def test_the_budgeters_two_formulas_agree(seed):
    trades, days = story(seed)
    for n, today in enumerate(trades):
        for budget in range(1, 12):
            past = trades[:n]
            factor = logic.budget_factor(budget, past, today, days[: n + 1])
            if logic.shut_off(budget, past, days):
                assert factor == 0
            else:
                assert factor == logic.largest_factor(budget, past, today, days[n])


@pytest.mark.parametrize("seed", range(20))
def test_the_finite_tail_is_the_endless_sum(seed):
    trades, days = story(seed)
    most = 60
    for n, today in enumerate(trades):
        given = trades[:n], today, days[: n + 1]
        assert logic.deepest(*given) < most
        plain = sum(Fraction(1, 2**b) * logic.budget_factor(b, *given) for b in range(1, most + 1))
        assert logic.firm_factor(*given) == plain + Fraction(1, 2**most)  # all budgets above `most` have factor 1


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("budget", (1, 2, 3))
def test_a_budgeter_never_loses_more_than_its_budget(seed, budget):
    trades, days = story(seed)
    bought = []
    for n, today in enumerate(trades):
        bought.append(today.times(logic.budget_factor(budget, trades[:n], today, days[: n + 1])))
        assert min(logic.worth(bought, world) for world in days[n]) >= -budget


def test_past_trades_count_at_their_own_days_price():
    worlds = logic.plausible([], ["a"])
    dear, cheap = ([Trade({"a": Fraction(2)}, {"a": price})] for price in (3 * HALF / 2, HALF / 2))
    later = {
        "dear": Trade({"a": Fraction(0)}, {"a": HALF / 2}),
        "cheap": Trade({"a": Fraction(0)}, {"a": 3 * HALF / 2}),
    }
    # bought at 3/4: 3/2 may be lost, though at the latest price, 1/4, it would be 1/2
    assert logic.budget_factor(1, dear, later["dear"], [worlds, worlds]) == 0
    # bought at 1/4: 1/2 may be lost, though at the latest price, 3/4, it would be 3/2
    assert logic.budget_factor(1, cheap, later["cheap"], [worlds, worlds]) == 1


def test_what_was_learned_later_does_not_save_who_might_have_lost():
    before, after = logic.plausible([], ["a"]), logic.plausible(["a"], ["a"])
    past = [Trade({"a": Fraction(2)}, {"a": 3 * HALF / 2})]
    again = Trade({"a": Fraction(1)}, {"a": HALF})
    assert logic.worth(past, after[0]) == HALF  # it has won
    assert logic.budget_factor(1, past, again, [before, after]) == 0  # but on day 1 it might have lost 3/2
    assert logic.budget_factor(1, past, again, [after, after]) == 1  # not if that was known on day 1


def test_who_is_shut_off_stays_so():
    worlds = logic.plausible([], ["a"])
    past = [Trade({"a": Fraction(2)}, {"a": HALF}), Trade({"a": Fraction(-2)}, {"a": Fraction(1)})]
    assert logic.worth(past, {"a": False}) == logic.worth(past, {"a": True}) == 1  # a sure gain by now
    assert logic.shut_off(1, past, [worlds, worlds])  # -1 was reached on day 1, exactly
    assert not logic.shut_off(2, past, [worlds, worlds])


def clipped(belief, slope=10):
    """Buys `a` below its belief and sells above, up to one share."""
    return lambda n, price: {"a": max(Fraction(-1), min(Fraction(1), slope * (belief - price("a", n))))}


def test_certified_days_keep_the_papers_bounds():
    beliefs = [Fraction(b, 10) for b in (1, 5, 9, 3, 7)]
    inductor = LogicalInductor([[]] * 5 + [["a"]], [clipped(b) for b in beliefs])
    inductor.run(7)
    budget_total = sum(logic.halving(n) for n in range(1, 8))
    for n, reached in enumerate(inductor.certificates, start=1):
        assert reached <= logic.halving(n)
    assert inductor.firm()[1] <= budget_total
    for k in range(1, 6):
        for budget in (1, 2, 3):
            least, most = inductor.budgeted(k, budget)
            assert least >= -budget
            assert most <= 3 * 2 ** (k + budget)


def test_prices_go_to_what_is_revealed():
    inductor = LogicalInductor([["a"]], [lambda n, price: {"a": 1 - price("a", n)}], entry=lambda _: 1)
    assert inductor.run(6)[-1]["a"] > Fraction(9, 10)
    assert inductor.net_worth(1)[0] == inductor.net_worth(1)[1]  # one world is left


def test_a_generator_is_told_the_prices():
    seen = []

    def process():
        while len(seen) < 3:
            prices = yield []
            seen.append(prices)

    inductor = LogicalInductor(process(), [clipped(HALF)], entry=lambda _: 1)
    prices = inductor.run(4)
    assert seen == prices[:3]
    assert len(seen) == 3


def test_given_prices_are_checked_and_move_nothing_when_refused():
    tolerance = {"tolerance": logic.inverse_square, "weight": lambda _: Fraction(1)}
    inductor = LogicalInductor([[]], [clipped(HALF)], entry=lambda _: 1, **tolerance)
    with pytest.raises(NotClearedError, match="day 1"):
        inductor.step({"a": Fraction(0)})
    assert inductor.day == 0
    assert inductor.step({"a": HALF}) == {"a": HALF}
    assert inductor.certificates == [0]


def test_a_process_that_contradicts_itself_is_refused():
    inductor = LogicalInductor([["a"], [("not", "a")]], [clipped(HALF)])
    inductor.step()
    with pytest.raises(InputError, match="day 2"):
        inductor.step()


def test_market_maker_where_the_price_is_known():
    def price(demand, tolerance=Fraction(1, 2**40)):
        found = logic.market_maker(lambda p: {"a": demand(p["a"])}, {"a": HALF}, tolerance)["a"]
        assert logic.certificate({"a": demand(found)}, {"a": found}) <= tolerance
        return found

    assert abs(price(lambda p: 1 - 3 * p) - Fraction(1, 3)) < Fraction(1, 2**38)
    assert price(lambda p: HALF - 10 * max(Fraction(0), p - HALF)) == pytest.approx(Fraction(11, 20))
    assert price(lambda _: Fraction(1)) == 1
    assert price(lambda _: Fraction(-1)) == 0
    with pytest.raises(NotClearedError):  # this field turns in circles; sweeps over the sentences do not settle
        logic.market_maker(
            lambda p: {"a": 100 * (p["b"] - HALF), "b": 100 * (HALF - p["a"])},
            {"a": Fraction(1, 3), "b": Fraction(1, 4)},
            Fraction(1, 2**20),
        )
