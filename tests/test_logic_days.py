"""What is given to an inductor, and days that fail: nothing that was refused stays, nothing is remembered twice."""

import copy
import math
from fractions import Fraction

import gruemarket as gm
import pytest
from gruemarket.errors import InputError, NotClearedError

logic = gm.logic
F = Fraction
HALF = logic.Belief("a", F(1, 2))


def counts(seen):
    seen.memory.setdefault("days", []).append(seen.day)
    return {"a": F(1, 2) - logic.price("a")}


def fails_once(inductor):
    with pytest.raises(NotClearedError, match="day 1"):
        inductor._advance(([F(0)] * 2, "start", 0))


def test_a_trader_is_asked_once_a_day_however_often_prices_are_looked_for():
    inductor = logic.LogicalInductor([], [counts, {"b": 1}], tolerance=F(1, 2**20), entry=1)
    fails_once(inductor)
    inductor.run(2, progress=False)
    assert inductor._memories[0] == {"days": [1, 2]}


def test_kelly_traders_go_on_after_a_day_that_was_not_cleared():
    tokens = logic.Tokens(2)
    traders = [(logic.Kelly(tokens.sentences, q), F(1, 2)) for q in ([0.3, 0.7], [0.6, 0.4])]
    inductor, straight = (logic.LogicalInductor(tokens, traders, entry=1) for _ in range(2))
    fails_once(inductor)
    for outcome in (1, 0):
        assert inductor.step() == straight.step()
        inductor.observe(outcome)
        straight.observe(outcome)


def test_who_was_asked_before_another_raised_is_not_asked_again():
    def raises(seen):
        if seen.day == 2 and not seen.memory:
            seen.memory["raised"] = True
            raise ZeroDivisionError
        return {"a": F(1, 3) - logic.price("a")}

    inductor = logic.LogicalInductor([], [counts, raises], entry=1)
    with pytest.raises(ZeroDivisionError):
        inductor.run(3, progress=False)
    inductor.run(1, progress=False)
    assert inductor._memories == [{"days": [1, 2]}, {"raised": True}]


def test_a_copy_remembers_for_itself():
    inductor = logic.LogicalInductor([], [counts], entry=1)
    inductor.run(2, progress=False)
    other = inductor.fork()
    other.run(2, progress=False)
    inductor.run(1, progress=False)
    assert (inductor._memories, other._memories) == ([{"days": [1, 2, 3]}], [{"days": [1, 2, 3, 4]}])


@pytest.mark.parametrize(
    ("traders", "match"),
    (
        ([HALF, 5], "trader 2 is a int"),
        ([HALF, logic.Belief], "trader 2 is a type"),
        (iter([HALF, None]), "trader 2 is a NoneType"),
        ([HALF, (HALF, F(1, 2), 3)], "trader 2 is a tuple of 3"),
        ([(HALF, F(3, 4)), (HALF, F(3, 4))], "trader 2 has the weight 3/4"),
    ),
)
def test_who_may_not_enter_is_told_each_time_and_never_kept(traders, match):
    inductor = logic.LogicalInductor([], traders, entry=1)
    for _ in range(3):
        with pytest.raises(InputError, match=match):
            inductor.step()
    assert inductor.day == 0
    assert len(inductor._memories) == 1


def test_a_day_of_entry_that_is_none_is_told_each_time():
    traders = (HALF for _ in range(3))
    inductor = logic.LogicalInductor([], traders, entry=lambda k: [1, 0, 1][k - 1])
    for _ in range(2):
        with pytest.raises(InputError, match="trader 2 enters on day 0"):
            inductor.step()
    assert len(inductor._memories) == 1


@pytest.mark.parametrize("twice", ({"(a)": 1, "a": F(-1, 3)}, {logic.Daily("a[{day}]"): 1, "a[1]": F(-1, 3)}))
def test_a_sentence_that_is_written_in_two_ways_is_bought_together(twice):
    price = logic.price(next(iter(twice)))
    doubled = {sentence: number - price for sentence, number in twice.items()}
    inductor = logic.LogicalInductor([], [doubled], entry=1)
    (price,) = inductor.step().values()
    assert abs(price - F(1, 3)) < F(1, 2**28)
    assert inductor.audit().holds


def test_daily_sentences_are_watched_and_asked_for():
    inductor = logic.LogicalInductor({2: ["x[1]"]}, [HALF], entry=1, watch=[logic.Daily("x[{day}]"), "a", "(a)"])
    assert inductor.run(2, progress=False)["sentence"].to_list() == ["x[1]", "a", "a", "x[2]"]
    assert inductor.price(logic.Daily("x[{day}]")) == 0
    assert inductor.truth(logic.Daily(lambda day: f"x[{day - 1}]")) is True
    assert all(inductor.truth(constant) is constant for constant in (True, False))


def test_a_run_of_no_days_has_the_columns_of_any_and_is_saved(tmp_path):
    inductor = logic.LogicalInductor([], [HALF])
    assert inductor.run(0, progress=False, save=tmp_path / "x").schema == inductor.run(1, progress=False).schema
    assert logic.LogicalInductor.load(tmp_path / "x").day == 0


@pytest.mark.parametrize(
    ("settings", "match"),
    (
        ({"traders": None}, "traders None; give a list"),
        ({"traders": HALF}, "traders Belief"),
        ({"traders": {"a": 1}}, "traders {'a': 1}"),
        ({"traders": [{3: 1}]}, "3 is no sentence"),
        ({"traders": [{"a": logic.price(("b",))}]}, "no sentence"),
        ({"watch": "rain"}, "watch 'rain'"),
        ({"watch": 3}, "watch 3"),
        ({"watch": [3]}, "3 is no sentence"),
        ({"evaluations": 0}, "evaluations 0; give a whole number, 1 or more"),
        ({"evaluations": 1.5}, "evaluations 1.5; give a whole number"),
        ({"tolerance": math.nan}, "not a finite number"),
    ),
)
def test_arguments_are_checked(settings, match):
    with pytest.raises(InputError, match=match):
        logic.LogicalInductor(**settings).step()


@pytest.mark.parametrize(
    ("ask", "match"),
    (
        (lambda i: i.run(-1), "days -1"),
        (lambda i: i.run(2.5), "days 2.5"),
        (lambda i: i.price(3), "3 is no sentence"),
        (lambda i: i.price("a", 1.0), "day 1.0"),
        (lambda i: i.price("a", -1), "day -1"),
        (lambda i: i.price(["a"]), "is no sentence"),
        (lambda i: i.truth(None), "None is no sentence"),
        (lambda i: i.forecast(), "only an inductor whose process is Tokens"),
        (lambda i: i.observe(0), "only an inductor whose process is Tokens"),
        (lambda i: i.load("nowhere", days=3), "unknown argument 'days'"),
    ),
)
def test_questions_are_checked(ask, match):
    inductor = logic.LogicalInductor([], [HALF])
    inductor.step()
    with pytest.raises(InputError, match=match):
        ask(inductor)
    assert inductor.day == 1


@pytest.mark.parametrize("outcome", (1.0, "a", None, math.nan))
def test_symbols_are_whole_numbers(outcome):
    with pytest.raises(InputError, match="is not a whole number"):
        logic.LogicalInductor(logic.Tokens(2)).observe(outcome)


@pytest.mark.parametrize("shares", (10**5, 10**9, 10**15, 10**25))
def test_losses_of_any_size_shut_off_what_they_must(shares):
    traders = [{"a": shares}, {"b": F(1, 3) - logic.price("b")}, {"a": logic.clip(F(1, 2) - logic.price("a"), -1, 1)}]
    inductor = logic.LogicalInductor({3: ["~a"]}, traders, entry=1)
    inductor.run(6, progress=False)
    worth = inductor.net_worth.filter(trader=1)["min"].to_list()
    assert worth[4] < -shares
    _, _, first, factors = inductor._core.trade(0, 6)
    assert first == pytest.approx(min(1 - worth[4], 2**64 - 1))
    assert factors == [0]
    assert float(inductor.price("b")) == pytest.approx(1 / 3)
    assert inductor.audit().holds


def test_many_budgets_are_audited_at_once():
    traders = [{"a": 10**4}, {"a": logic.clip(F(1, 2) - logic.price("a"), -1, 1)}]
    inductor = logic.LogicalInductor({2: ["~a"]}, traders, entry=1)
    inductor.run(6, progress=False)
    assert inductor._core.trade(0, 6)[2] > 10**4
    assert inductor.audit().holds


def test_a_day_is_not_made_within_another():
    told = []

    def trader(seen):
        with pytest.raises(InputError, match=f"day {seen.day} of this inductor is being made already"):
            inductor.step()
        told.append(seen.day)
        return {"a": F(1, 3) - logic.price("a")}

    inductor = logic.LogicalInductor([], [trader], entry=1)
    inductor.run(2, progress=False)
    assert (inductor.day, told) == (2, [1, 2])


@pytest.mark.parametrize("copied", (copy.copy, copy.deepcopy))
def test_copies_are_independent(copied):
    inductor = logic.LogicalInductor([], [HALF], entry=1)
    inductor.step()
    other = copied(inductor)
    other.step()
    assert (inductor.day, other.day) == (1, 2)


def test_an_audit_asks_each_trader_only_for_what_it_holds():
    # every position against every sentence would be 3 * 1,200^2 worlds' worths
    traders = [logic.Belief(f"x{k}", F(1, 3)) for k in range(1200)]
    process = {2: [f"x{k}" if k % 2 else f"~x{k}" for k in range(0, 1200, 3)]}
    terms = {"entry": 1, "weights": lambda _: F(1, 1200), "tolerance": logic.inverse_square}
    inductor = logic.LogicalInductor(process, traders, **terms)
    inductor.run(2, progress=False)
    assert inductor.audit().holds
