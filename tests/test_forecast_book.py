"""The book of forecasts: engine and twin on random stories, and what must hold of every book."""

import signal
import threading
import time
from dataclasses import dataclass, replace

import gruemarket as gm
import numpy as np
import pytest
from gruemarket import reference
from gruemarket.forecasts.book import ForecastBook
from hypothesis import given
from hypothesis import strategies as st

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
LEAST = 2.0**-20  # of a forecast, unless somebody is sure


@pytest.fixture(params=[ForecastBook, reference.ForecastBook], ids=["engine", "twin"])
def book_class(request):
    return request.param


# --- Stories: a book and its events


@dataclass(frozen=True)
class Story:
    bits: np.ndarray
    rule: object
    lock: float | None
    tax: object
    who: list  # of arrays (n,), by question
    forecasts: list  # of arrays (n, K)
    resolved: np.ndarray
    happened: np.ndarray
    after: np.ndarray
    entering: bool = False

    def book(self, book_class):
        return book_class(self.bits, clearing=self.rule, lock=self.lock, grue=self.tax, entering=self.entering)

    def chunk(self, first, last, resolutions=slice(None)):
        """The arguments of `play` for the questions first..last and some resolutions."""
        who, forecasts = self.who[first:last], self.forecasts[first:last]
        questions = {
            "starts": np.cumsum([0, *map(len, who)]),
            "forecasters": np.concatenate([[], *who]),
            "outcomes": [q.shape[1] for q in forecasts],
            "values": np.concatenate([[], *map(np.ravel, forecasts)]),
        }
        names = ("resolved", "happened", "after")
        return questions | {name: getattr(self, name)[resolutions] for name in names}

    def play(self, book, **more):
        return book.play(**self.chunk(0, len(self.who)), **more)

    def play_in_pieces(self, book, ends):
        """The same, a call up to each number of questions; resolutions come as late or as early as may be."""
        runs, due, first = [], 0, 0
        for last, late in ends:
            until = max(due, np.searchsorted(self.after, last, "left" if late else "right"))
            runs.append(book.play(**self.chunk(first, last, slice(due, until))))
            first, due = last, until
        return runs

    def each_event(self, book):
        """Plays event after event; stops after each."""
        for t in range(len(self.who) + 1):
            for r in np.flatnonzero(self.after == t):
                book.play(**self.chunk(t, t, slice(r, r + 1)))
                yield book
            if t < len(self.who):
                book.play(**self.chunk(t, t + 1, slice(0, 0)))
                yield book


def draw_forecasts(rng, n, outcomes, *, sure):
    forecasts = rng.dirichlet(np.ones(outcomes), size=n)
    forecasts = LEAST + (1 - LEAST * outcomes) * forecasts
    if sure:  # of some outcome, wholly or nearly: then they may lose everything
        certain = np.eye(outcomes)[rng.integers(outcomes, size=n)]
        certain = np.where(rng.random((n, 1)) < 0.5, certain, 1e-30 + (1 - 1e-30 * outcomes) * certain)
        forecasts = np.where(rng.random((n, 1)) < 0.2, certain, forecasts)
    return forecasts


def draw_rule(draw, rng, n):
    kind = draw(st.sampled_from(["kelly", "isoelastic", "each", "log pool", "lmsr"]))
    return {
        "kelly": lambda: gm.Kelly(draw(st.sampled_from([1.0, 0.5]))),
        "isoelastic": lambda: gm.Isoelastic(draw(st.sampled_from([0.5, 2.0, 8.0]))),
        "each": lambda: gm.Isoelastic(np.exp(rng.uniform(-1, 2, n))),
        "log pool": lambda: gm.LogPool(draw(st.sampled_from([0.05, 0.3, 1.0]))),
        "lmsr": lambda: gm.LMSR(0.05, maker=int(rng.integers(n))),
    }[kind]()


@st.composite
def stories(draw, *, rule=None, taxed=None, sequential=None, sure=None, entering=None, most=12):
    """Hypothesis draws the shape, a generator that it seeds draws the numbers. None leaves a choice open."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    choices = taxed, sequential, sure, entering
    taxed, sequential, sure, entering = (draw(st.booleans()) if choice is None else choice for choice in choices)
    n, questions = draw(st.integers(1, 6)), draw(st.integers(0, most))
    rule = rule or draw_rule(draw, rng, n)
    sure = sure and isinstance(rule, gm.Kelly)
    who, forecasts = [], []
    for _ in range(questions):
        listed = np.sort(rng.choice(n, size=rng.integers(0, n + 1), replace=False))
        if not isinstance(rule, gm.LMSR):  # whose maker gives one quote
            listed = np.repeat(listed, rng.choice([1, 1, 1, 3], size=len(listed)))
        who.append(listed)
        forecasts.append(draw_forecasts(rng, len(listed), rng.integers(2, 5), sure=sure))
    numbers = np.arange(questions)
    after = numbers + 1 if sequential else np.minimum(numbers + 1 + rng.geometric(0.4, questions) // 2, questions)
    closed = np.flatnonzero(rng.random(questions) < 0.85)
    order = closed[np.argsort(after[closed], kind="stable")]
    schedule = draw(st.sampled_from([gm.schedules.inverse(), gm.schedules.constant(0.3), gm.schedules.constant(1.0)]))
    return Story(
        bits=-np.log2(rng.dirichlet(np.ones(n)) * draw(st.sampled_from([1.0, 0.7]))),
        rule=rule,
        lock=draw(st.sampled_from([1.0, 1 / 3, 0.1, None])),
        tax=gm.GrueTax(schedule, landmarks={3: 1.0}) if taxed else None,
        who=who,
        forecasts=forecasts,
        resolved=order,
        happened=np.array([rng.integers(forecasts[q].shape[1]) for q in order], dtype=int),
        after=after[order],
        entering=entering,
    )


def seen(book):
    """All that a book shows, bit for bit."""
    names = ("log2_wealth", "locked", "regret_bits", "answered", "open")
    return [getattr(book, name).tobytes() for name in names] + [book.questions, book.tax_bits]


def tried(play):
    """What a call gave, or the class of its error."""
    try:
        return play()
    except gm.ImpossibleOutcomeError as error:
        return type(error)


# --- The engine is the twin


def agree(engine, twin):
    for name in ("log2_wealth", "locked", "wealth", "regret_bits", "tax_bits"):
        np.testing.assert_allclose(getattr(engine, name), getattr(twin, name), **CLOSE, err_msg=name)
    for name in ("answered", "open", "questions"):
        np.testing.assert_array_equal(getattr(engine, name), getattr(twin, name))


def check_engine(story, **more):
    engine, twin = story.book(ForecastBook), story.book(reference.ForecastBook)
    fast, slow = tried(lambda: story.play(engine, **more)), tried(lambda: story.play(twin, **more))
    agree(engine, twin)
    if isinstance(slow, type):
        assert fast is slow
        return engine
    for name in ("prices", "staked", "locks", "watched"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), **CLOSE, err_msg=name)
    return engine


@given(stories())
def test_engine_is_twin(story):
    check_engine(story, watch=np.arange(len(story.bits))[::-1])


def sequence(rounds, *, lock, tax=None, rule=None, late=(), bits=(1.0, 1.0)):
    """A story of (forecasters, forecasts, happened) in sequence; some are resolved last, or never: None."""
    numbers = np.arange(len(rounds))
    after = np.where(np.isin(numbers, late), len(rounds), numbers + 1)
    order = np.array([t for t in np.argsort(after, kind="stable") if rounds[t][2] is not None])
    return Story(
        np.asarray(bits, dtype=float),
        rule or gm.Kelly(),
        lock,
        tax,
        [np.array(who) for who, _, _ in rounds],
        [np.array(q, dtype=float) for _, q, _ in rounds],
        order,
        np.array([rounds[t][2] for t in order]),
        after[order],
    )


def test_what_is_lost_may_be_any_number_of_bits():
    wrong = ([0, 1], [[0.5, 0.5], [1 - 1e-200, 1e-200]], 1)
    right = ([0, 1], [[1 - 1e-200, 1e-200], [0.5, 0.5]], 1)
    book = check_engine(sequence([wrong] * 12 + [right] * 9, lock=1.0))
    assert book.log2_wealth[1] < -1900
    check_engine(sequence([wrong] * 12 + [right] * 15, lock=1.0))


def test_small_stakes_stay_when_large_ones_are_lost():
    """Forecaster 1 is poor and locks 0.3 of it, gets rich with the rest, and loses all of that in four questions."""
    poor = ([0, 1], [[0.5, 0.5], [0.5, 0.5]], None)
    rich = ([0, 1], [[1 - 1e-45, 1e-45], [0, 1]], 1)
    fallen = ([1, 2], [[1, 0], [0.5, 0.5]], 1)
    rounds = [poor, rich, fallen, fallen, fallen, fallen]
    book = check_engine(sequence(rounds, lock=0.3, late=[2, 3, 4], bits=[2, 150.5, 1]))
    np.testing.assert_allclose(book.log2_wealth[1], np.log2(0.3) - 150.5, rtol=1e-14)


def test_what_is_left_of_free_money_is_no_rounding():
    """Everybody locks everything in the second question: before the third there is nothing free to be taxed."""
    rng = np.random.default_rng(8)
    tax = gm.GrueTax(gm.schedules.constant(0.3))
    for _ in range(20):
        bits = -np.log2(rng.dirichlet(np.ones(4)))
        rounds = [(np.arange(4), draw_forecasts(rng, 4, 2, sure=False), x) for x in (0, 1, None, 1)]
        story = sequence(rounds, lock=1.0, late=[1, 3], bits=bits, tax=tax)
        book = check_engine(story)
        assert story.play(story.book(ForecastBook)).staked[2] == 0
        assert abs(book.wealth.sum() - 1) < 1e-13


@pytest.mark.parametrize("entering", (False, True))
@pytest.mark.parametrize("rate", (1.0, 0.5, 1e-3))
def test_taxes_wait_for_who_sleeps(rate, entering):
    rng = np.random.default_rng(5)
    listed = [np.sort(rng.choice(20, size=rng.integers(0, 4), replace=False)) for _ in range(700)]
    rounds = [(who, draw_forecasts(rng, len(who), 3, sure=False), rng.integers(3)) for who in listed]
    late = np.flatnonzero(rng.random(len(rounds)) < 0.1)
    bits = np.r_[np.full(18, 5.0), 2000.25, 40.0]
    story = sequence(rounds, lock=0.5, late=late, bits=bits, tax=gm.GrueTax(gm.schedules.constant(rate)))
    check_engine(replace(story, entering=entering))


@given(stories(most=40))
def test_engine_is_twin_with_a_lock_that_follows(story):
    check_engine(replace(story, lock=None))


# --- What holds of every book


@given(stories(rule=gm.Kelly()))
def test_regret_is_bounded_by_bits(story):
    book = story.book(ForecastBook)
    tried(lambda: story.play(book))
    assert np.all(book.regret_bits <= story.bits + book.tax_bits + 1e-9)
    if story.tax is None:
        assert np.all(book.regret_bits <= book.log2_wealth + story.bits + 1e-9)


@given(stories(sure=False))
def test_money_is_conserved_by_every_event_and_locks_stay_below_wealth(story):
    everything = np.exp2(-story.bits).sum()
    for book in story.each_event(story.book(ForecastBook)):
        assert abs(book.wealth.sum() - everything) < 1e-12
        assert np.all(book.locked >= 0)
        assert np.all(book.locked <= book.wealth * (1 + 1e-12))
        if not len(book.open):
            assert not book.locked.any()


@given(stories(sure=False), st.data())
def test_the_cut_into_calls_does_not_change_the_bits(story, data):
    whole, pieces, single = (story.book(ForecastBook) for _ in range(3))
    run = story.play(whole)
    ends = sorted(data.draw(st.lists(st.integers(0, len(story.who)), max_size=4)))
    runs = story.play_in_pieces(pieces, [(end, data.draw(st.booleans())) for end in ends] + [(len(story.who), False)])
    assert seen(pieces) == seen(whole)
    for name in ("prices", "staked", "locks", "passes", "residual"):
        assert np.concatenate([getattr(each, name) for each in runs]).tobytes() == getattr(run, name).tobytes()
    *_, last = [single, *story.each_event(single)]
    assert seen(last) == seen(whole)


@given(stories(sure=False), st.data())
def test_nothing_looks_ahead(story, data):
    """Another outcome, or another forecast, leaves all earlier prices as they are."""
    if not len(story.resolved):
        return
    before = story.play(story.book(ForecastBook)).prices
    places = np.cumsum([0, *(q.shape[1] for q in story.forecasts)])
    r = data.draw(st.integers(0, len(story.resolved) - 1))
    happened = story.happened.copy()
    happened[r] = (happened[r] + 1) % story.forecasts[story.resolved[r]].shape[1]
    after = replace(story, happened=happened).play(story.book(ForecastBook)).prices
    known = places[story.after[r]]
    assert after[:known].tobytes() == before[:known].tobytes()
    t = data.draw(st.integers(0, len(story.who) - 1))
    forecasts = [q[:, ::-1] if i == t else q for i, q in enumerate(story.forecasts)]
    after = replace(story, forecasts=forecasts).play(story.book(ForecastBook)).prices
    assert after[: places[t]].tobytes() == before[: places[t]].tobytes()


def test_what_was_staked_is_paid_whatever_happens():
    rng = np.random.default_rng(1)
    forecasts = draw_forecasts(rng, 6, 4, sure=False)
    rules = [gm.Kelly(), gm.Isoelastic(4.0), gm.Isoelastic(np.arange(1.0, 7)), gm.LogPool(0.3), gm.LMSR(0.2)]
    for rule in rules:
        for x in range(4):
            story = sequence([(np.arange(6), forecasts, x)], lock=0.7, rule=rule, bits=np.full(6, np.log2(6)))
            book = story.book(ForecastBook)
            story.play(book)
            assert abs(book.wealth.sum() - 1) < 1e-14


# --- Cases worked out another way


@given(stories(rule=gm.Kelly(), sequential=True, sure=False, entering=False))
def test_a_sequential_book_is_the_market(story):
    """Priced and resolved one by one, stakes are those of sparse rounds, and the tax is the market's."""
    book = story.book(ForecastBook)
    tax = story.tax
    market = gm.Market(story.bits, outcomes=4, grue=tax)
    outcome = dict(zip(story.resolved.tolist(), story.happened.tolist(), strict=True))
    run = story.play(book)
    prices = np.split(run.prices, np.cumsum([q.shape[1] for q in story.forecasts]))
    for t, (who, forecasts) in enumerate(zip(story.who, story.forecasts, strict=True)):
        if t not in outcome:
            return
        part, parts = np.unique(who, return_counts=True)
        mean = np.array([forecasts[who == j].mean(axis=0) for j in part]).reshape(len(part), forecasts.shape[1])
        wide = np.hstack([mean, np.zeros((len(part), 4 - mean.shape[1]))])
        rounds = gm.SparseRounds([0, len(part)], part, wide, stakes=np.full(len(part), run.locks[t]))
        price = market.run(rounds, [outcome[t]]).prices[0]
        if len(parts):
            np.testing.assert_allclose(prices[t], price[: forecasts.shape[1]], **CLOSE)


def test_locks_by_hand(book_class):
    """Two of 1/2 each lock half of their wealth in each of three questions: the third finds nothing free."""
    book = book_class([1, 1], clearing=gm.Kelly(), lock=0.5)
    run = book.play([0, 2, 4, 6], [0, 1] * 3, [2] * 3, [0.75, 0.25, 0.25, 0.75] * 3)
    assert run.staked.tolist() == [0.5, 0.5, 0]
    assert run.prices.tolist() == [0.5] * 6
    assert (book.wealth.tolist(), book.locked.tolist()) == ([0.5, 0.5], [0.5, 0.5])
    # 1/4 grows to 3/8 and 1/8
    book.play([0], [], [], [], resolved=[1], happened=[0], after=[3])
    np.testing.assert_allclose(book.wealth, [0.625, 0.375], rtol=1e-15)
    np.testing.assert_allclose(book.locked, [0.25, 0.25], rtol=1e-15)
    # half of the wealth, for which there is enough free: 0.3125 and 0.125, all that is
    run = book.play([0, 2], [0, 1], [2], [0.75, 0.25, 0.25, 0.75], watch=[1])
    np.testing.assert_allclose(run.staked, 0.4375, rtol=1e-15)
    np.testing.assert_allclose(run.prices[0], (0.3125 * 0.75 + 0.125 * 0.25) / 0.4375, rtol=1e-15)
    np.testing.assert_allclose(run.watched, [[np.log2(0.375)]], rtol=1e-15)
    assert book.open.tolist() == [0, 2, 3]
    # who had nothing left to stake is asked, and moves nothing
    book.play([0], [], [], [], resolved=[2, 0], happened=[0, 1], after=[4, 4])
    np.testing.assert_allclose(book.wealth, [0.5, 0.5], rtol=1e-15)
    assert book.answered.tolist() == [3, 3]
    beta = 0.25 / np.array([[0.5, 0.5], [0.625, 0.375]])
    gains = np.log2([[1.5, 0.5], [0.5, 1.5]])
    np.testing.assert_allclose(book.regret_bits, (beta * gains).sum(axis=0), rtol=1e-14)


def test_tax_by_hand(book_class):
    """The second question's tax moves free money only: 1/4 each, of which half is spread by the prior."""
    tax = gm.GrueTax(gm.schedules.constant(0.5))
    book = book_class([1, 2, 2], clearing=gm.Kelly(), lock=0.5, grue=tax)
    book.play([0, 1, 1], [0], [2, 3], [0.5, 0.5])
    free = np.array([0.25, 0.25, 0.25])
    np.testing.assert_allclose(book.wealth, free * 0.5 + 0.5 * 0.75 * np.array([0.5, 0.25, 0.25]) + [0.25, 0, 0])
    assert book.tax_bits == 1


def test_the_tax_of_who_has_entered_by_hand(book_class):
    """Forecaster 0 pays itself, until 1 comes; 2 never does. At last only 1 has free money, 1/8, and half is spread."""
    tax = gm.GrueTax(gm.schedules.constant(0.5))
    book = book_class([1, 2, 2], clearing=gm.Kelly(), lock=0.5, grue=tax, entering=True)
    book.play([0, 1, 2, 3, 3], [0, 1, 0], [2] * 4, [0.5, 0.5] * 3)
    np.testing.assert_allclose(book.wealth, [0.5 + 1 / 24, 0.125 + 1 / 16 + 1 / 48, 0.25], rtol=1e-14)
    assert book.tax_bits == 3


@given(stories(sure=False, entering=True), st.integers(1, 4), st.integers(1, 9))
def test_who_comes_late_changes_no_bit_before(story, more, halvings):
    """Further forecasters, and shares of all money that are as much smaller, leave all prices as they are."""
    if isinstance(story.rule, gm.LMSR) or np.ndim(getattr(story.rule, "aversion", 0)):
        return  # which speak of all forecasters
    bits = np.ceil(np.log2(len(story.bits))) + np.zeros(len(story.bits))
    small = replace(story, bits=bits)
    large = replace(story, bits=np.r_[bits, np.full(more, bits[0])] + halvings + 3)
    one, other = (each.play(each.book(ForecastBook)) for each in (small, large))
    assert one.prices.tobytes() == other.prices.tobytes()
    assert (one.staked * 0.5 ** (halvings + 3)).tobytes() == other.staked.tobytes()


def test_a_lock_that_follows_how_many_are_open(book_class):
    """Counted in a loop: what nine in ten forecasts so far found open; a tenth in the first ten questions."""
    rng = np.random.default_rng(2)
    questions = 200
    who = [np.flatnonzero(rng.random(7) < 0.6) for _ in range(questions)]
    after = np.minimum(np.arange(questions) + rng.integers(1, 3 + np.arange(questions) // 8), questions)
    found, expected = [], []
    for t in range(questions):
        mine = [p for p in range(t + 1) if p == t or after[p] > t]
        found += [sum(j in who[p] for p in mine) for j in who[t]]
        expected.append(0.1 if t < 10 else 1 / np.sort(found)[int(np.ceil(0.9 * len(found))) - 1])
    order = np.argsort(after, kind="stable")
    forecasts = [draw_forecasts(rng, len(one), 2, sure=False) for one in who]
    happened = rng.integers(2, size=questions)
    story = Story(np.full(7, 3.0), gm.Kelly(0.5), None, None, who, forecasts, order, happened, after[order])
    run = story.play(story.book(book_class))
    np.testing.assert_allclose(run.locks, expected, rtol=1e-15)
    assert len(set(expected)) > 5
    assert run.staked[0] == pytest.approx(0.05 * len(who[0]) / 8)  # Kelly's fraction of it


def test_one_that_stands_there_twice_splits_its_stake(book_class):
    """Both halves lose and gain by themselves: 1/2 at 0.9 and 0.1, against 1/2 at 0.5."""
    book = book_class([1, 1], clearing=gm.Kelly())
    run = book.play([0, 3], [0, 0, 1], [2], [0.9, 0.1, 0.1, 0.9, 0.5, 0.5], resolved=[0], happened=[0], after=[1])
    np.testing.assert_allclose(run.prices, [0.5, 0.5], rtol=1e-15)
    np.testing.assert_allclose(book.wealth, [0.5, 0.5], rtol=1e-15)
    np.testing.assert_allclose(book.regret_bits[0], 0.5 * np.log2(1.8) + 0.5 * np.log2(0.2), rtol=1e-14)
    assert book.answered.tolist() == [1, 1]


def test_a_maker_loses_no_more_than_its_bound(book_class):
    """Sure traders move the price to 1: the maker has paid b ln K at most, to those who were right."""
    b, outcomes = 0.3, 4
    book = book_class([1, 1], clearing=gm.LMSR(b, maker=0), lock=1.0)
    values = np.r_[np.full(outcomes, 0.25), 1, 0, 0, 0]
    run = book.play([0, 2], [0, 1], [outcomes], values, resolved=[0], happened=[0], after=[1])
    np.testing.assert_allclose(book.wealth[0], 0.5 * (1 - b * np.log(run.prices[0] / 0.25)), rtol=1e-12)
    assert book.wealth[0] >= 0.5 * (1 - b * np.log(outcomes))


def test_a_common_aversion_is_that_of_each():
    rng = np.random.default_rng(3)
    rounds = [([0, 2], draw_forecasts(rng, 2, 3, sure=False), 1), ([1, 2], draw_forecasts(rng, 2, 2, sure=False), 0)]
    common, each = (
        sequence(rounds, lock=0.4, rule=gm.Isoelastic(aversion), bits=[1, 2, 2]) for aversion in (4.0, np.full(3, 4.0))
    )
    books = [story.book(ForecastBook) for story in (common, each)]
    np.testing.assert_allclose(common.play(books[0]).prices, each.play(books[1]).prices, rtol=1e-12)
    np.testing.assert_allclose(*(book.log2_wealth for book in books), rtol=1e-12)


# --- Bad input


GOOD = {
    "starts": [0, 2, 3],
    "forecasters": [0, 1, 1],
    "outcomes": [2, 3],
    "values": [0.5, 0.5, 0.1, 0.9, 0.2, 0.3, 0.5],
    "resolved": [4, 3],
    "happened": [2, 1],
    "after": [5, 5],
}
BAD = {
    "starts that fall": ({"starts": [0, 3, 2]}, "rise"),
    "starts from 1": ({"starts": [1, 2, 3]}, "rise"),
    "too few starts": ({"starts": [0, 3]}, "rise"),
    "no starts": ({"starts": []}, "rise"),
    "starts beyond the entries": ({"starts": [0, 2, 4]}, "starts end at 4"),
    "forecasters that fall": ({"forecasters": [1, 0, 1]}, "question 3: forecaster 0 stands after 1|rise"),
    "a stranger": ({"forecasters": [0, 9, 1]}, "question 3: forecaster 9 is not one of 0..1|rise"),
    "a negative forecaster": ({"forecasters": [-1, 1, 1]}, "-1|rise"),
    "one outcome": ({"outcomes": [1, 3], "values": [1, 1, 0.2, 0.3, 0.5]}, "2"),
    "a value too few": ({"values": [0.5, 0.5, 0.1, 0.9, 0.2, 0.8]}, "6 values"),
    "a negative value": ({"values": [0.5, 0.5, -0.1, 1.1, 0.2, 0.3, 0.5]}, "forecaster 1: -0.1 is not|shares"),
    "a value that is not a number": ({"values": [np.nan, 0.5, 0.1, 0.9, 0.2, 0.3, 0.5]}, "NaN|shares"),
    "values that do not sum to 1": ({"values": [0.5, 0.5, 0.1, 0.9, 0.2, 0.3, 0.4]}, "question 4.*sums to 0.9|shares"),
    "an outcome beyond": ({"happened": [3, 1]}, "question 4: outcome 3|question 1: outcome 3"),
    "a negative outcome": ({"happened": [-1, 1]}, "outcome -1"),
    "too few that happened": ({"happened": [1]}, "one entry each|one length"),
    "a resolution before the pricing": ({"after": [4, 5], "resolved": [4, 3]}, "cannot be resolved"),
    "resolutions in disorder": ({"after": [5, 4]}, "order of time|never falling"),
    "a resolution in another call": ({"after": [5, 6]}, "after 6|from 3 to 5"),
    "resolved twice": ({"resolved": [3, 3], "happened": [1, 1]}, "resolved twice|not open"),
    "resolved before": ({"resolved": [0, 3], "happened": [0, 0]}, "question 0 cannot be resolved"),
    "never asked": ({"resolved": [7, 3], "happened": [0, 0]}, "question 7 cannot be resolved"),
    "a negative question": ({"resolved": [-1, 3], "happened": [0, 0]}, "question -1 cannot be resolved"),
    "watching a stranger": ({"watch": [2]}, "watch"),
}


def midway(book_class):
    """A book that has been asked three questions, the first of which is resolved."""
    tax = gm.GrueTax(gm.schedules.inverse())
    book = book_class([1, 1], clearing=gm.Kelly(), lock=0.5, grue=tax)
    values = [0.5, 0.5, 0.4, 0.6] + [0, 1] * 2
    book.play([0, 2, 3, 4], [0, 1, 0, 1], [2, 2, 2], values, resolved=[0], happened=[0], after=[2])
    return book


@pytest.mark.parametrize("case", BAD)
def test_bad_events_leave_the_book_alone(book_class, case):
    changes, words = BAD[case]
    book = midway(book_class)
    before = seen(book)
    with pytest.raises(gm.InputError, match=words):
        book.play(**GOOD | changes)
    assert seen(book) == before
    book.play(**GOOD)


def test_an_impossible_outcome_takes_the_whole_call_back(book_class):
    book = midway(book_class)
    before = seen(book)
    chunk = {"starts": [0, 2], "forecasters": [0, 1], "outcomes": [2], "values": [0.5, 0.5, 0.1, 0.9]}
    with pytest.raises(gm.ImpossibleOutcomeError, match=r"2.*outcome 0"):
        book.play(**chunk, resolved=[1, 2], happened=[1, 0], after=[4, 4])
    assert seen(book) == before
    book.play(**chunk, resolved=[1, 2], happened=[1, 1], after=[4, 4])


@pytest.mark.parametrize(
    ("given", "words"),
    (
        ({"bits": []}, "bits"),
        ({"bits": [1, -1]}, "bits"),
        ({"bits": [1, np.inf]}, "bits"),
        ({"bits": [0.1, 0.1]}, "more than 1|at most 1"),
        ({"lock": 0.0}, "lock"),
        ({"lock": 1.5}, "lock"),
        ({"lock": np.nan}, "lock"),
        ({"clearing": "kelly"}, "clear"),
        ({"clearing": gm.Demand(lambda *given: given[1])}, "Demand"),
        ({"grue": gm.GrueTax(gm.schedules.inverse(), kernel="within groups")}, "kernel"),
        ({"grue": gm.GrueTax(gm.schedules.inverse(), unit="stage")}, "unit"),
        ({"grue": gm.GrueTax(gm.schedules.inverse(), landmarks={"rl": 1.0})}, "landmarks by index"),
    ),
)
def test_bad_books(book_class, given, words):
    with pytest.raises(gm.InputError, match=words):
        book_class(**{"bits": [1, 1], "clearing": gm.Kelly(), "lock": 0.5} | given)


def test_a_maker_gives_one_quote(book_class):
    book = book_class([1, 1], clearing=gm.LMSR(0.1, maker=0), lock=0.5)
    before = seen(book)
    with pytest.raises(gm.InputError, match="question 0: the maker"):
        book.play([0, 3], [0, 0, 1], [2], [0.5] * 6)
    with pytest.raises(gm.InputError, match="question 0: the maker"):
        book.play([0, 1], [0], [2], [0, 1])
    assert seen(book) == before


def test_a_schedule_that_ends_takes_the_call_back():
    book = ForecastBook([1, 1], clearing=gm.Kelly(), grue=gm.GrueTax(gm.schedules.hazard([0, 1])))
    before = seen(book)
    with pytest.raises(gm.InputError, match="index 2 is reached"):
        book.play([0, 1, 2, 3], [0, 1, 0], [2] * 3, [0.5] * 6)
    assert seen(book) == before


# --- Threads and signals


def long_chunk():
    rng = np.random.default_rng(0)
    questions, each = 40_000, 50
    who = np.sort(rng.integers(1000, size=(questions, each)), axis=1)
    q = rng.random((questions, each))
    return {
        "starts": np.arange(questions + 1) * each,
        "forecasters": who.ravel(),
        "outcomes": np.full(questions, 2),
        "values": np.stack([1 - q, q], axis=-1).ravel(),
    }


def test_ctrl_c_comes_within_a_second_and_takes_the_call_back():
    book = ForecastBook(np.full(1000, 10.0), clearing=gm.Isoelastic(0.25), lock=1e-4)
    chunk, before = long_chunk(), seen(book)
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.1, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        book.play(**chunk)
    assert time.perf_counter() - pressed[0] < 1
    timer.join()
    assert seen(book) == before


def test_another_thread_is_told_to_wait():
    book = ForecastBook(np.full(1000, 10.0), clearing=gm.Kelly(), lock=1e-4)
    chunk = long_chunk()
    thread = threading.Thread(target=lambda: book.play(**chunk))
    thread.start()
    words = ""
    while thread.is_alive() and not words:  # the GIL is free, so this runs beside it
        try:
            _ = book.questions
        except gm.MarketError as error:
            words = str(error)
    thread.join()
    assert "another thread" in words
    assert len(book.open) == len(chunk["outcomes"])
