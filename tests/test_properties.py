"""What holds for every market, and the engine against the reference, on random stories of tiny markets."""

import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket import reference
from hypothesis import given, settings
from hypothesis import strategies as st

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
KERNELS = ["anything", "within groups", "csr"]
UNITS = ["round", "episode", "batch", "stage"]
ROUNDS = 12  # of a story, at most


# --- Stories: a market and what happens in it, as plain arrays with traders on the last axis


@dataclass(frozen=True)
class Episode:
    forecasts: np.ndarray  # (T, K, N)
    outcomes: np.ndarray  # (T,)
    stakes: np.ndarray  # (T, N)

    def given(self, how):
        """Keywords of `run`."""
        paid = self.forecasts[np.arange(len(self.outcomes)), self.outcomes]
        awake = self.stakes > 0
        match how:
            case "forecasts":
                return {"forecasts": self.forecasts, "outcomes": self.outcomes, "stakes": self.stakes}
            case "likelihoods":
                return {"likelihoods": paid, "stakes": self.stakes}
            case "sparse":
                listed = self.sparse(forecasts=self.forecasts.transpose(0, 2, 1)[awake])
                return {"forecasts": listed, "outcomes": self.outcomes}
            case "sparse likelihoods":
                return {"likelihoods": self.sparse(likelihoods=paid[awake])}

    def sparse(self, **given):
        """Only those who are awake."""
        awake = self.stakes > 0
        indptr = np.concatenate([[0], awake.sum(axis=1).cumsum()])
        return gm.SparseRounds(indptr, np.nonzero(awake)[1], stakes=self.stakes[awake], **given)

    def cut(self, rounds):
        return Episode(self.forecasts[rounds], self.outcomes[rounds], self.stakes[rounds])

    def each_trader(self, change):
        """The same with the axis of traders rearranged."""
        return Episode(change(self.forecasts), self.outcomes, change(self.stakes))


@dataclass(frozen=True)
class Step:
    """One call: run, blocks or batch; how its rounds are given; its episodes, one unless it is a batch; its place."""

    call: str
    how: str
    episodes: list
    stage: str | None = None
    new_episode: bool = True

    def play(self, market):
        first = self.episodes[0]
        place = {"stage": self.stage, "new_episode": self.new_episode}
        match self.call:
            case "run":
                return market.run(**first.given(self.how), **place)
            case "blocks":
                halves = [first.cut(slice(0, 1)), first.cut(slice(1, None))]
                return market.run_blocks([half.given(self.how) for half in halves], **place)
            case "batch":
                return market.run_batch([each.given(self.how) for each in self.episodes], stage=self.stage)


@dataclass(frozen=True)
class Tax:
    schedule: object
    kernel: object  # a name, or the dense matrix rho[i, k]
    landmarks: dict
    unit: str

    def given(self):
        kernel = self.kernel
        if not isinstance(kernel, str):
            payers, targets = np.nonzero(kernel)
            indptr = np.searchsorted(payers, np.arange(len(kernel) + 1))
            kernel = indptr, targets, kernel[payers, targets]
        return gm.GrueTax(self.schedule, kernel=kernel, landmarks=self.landmarks, unit=self.unit)


@dataclass(frozen=True)
class Story:
    prior: np.ndarray
    outcomes: int
    fraction: float
    tax: Tax | None
    groups: list
    enters_at: np.ndarray
    steps: list

    def keeps_definitions(self):
        """A tax by round has none in a batch of several episodes."""
        return not (self.tax and self.tax.unit == "round" and any(len(step.episodes) > 1 for step in self.steps))

    def market(self, market_class, **changes):
        return market_class(
            **{
                "prior": self.prior,
                "outcomes": self.outcomes,
                "clearing": gm.Kelly(self.fraction),
                "grue": self.tax and self.tax.given(),
                "groups": self.groups,
                "enters_at": self.enters_at,
                "definitions": self.keeps_definitions(),
            }
            | changes
        )

    def each_trader(self, change):
        """The same story with the traders rearranged."""
        steps = [replace(step, episodes=[each.each_trader(change) for each in step.episodes]) for step in self.steps]
        tax = self.tax
        if tax and not isinstance(tax.kernel, str):
            tax = replace(tax, kernel=change(change(tax.kernel).T).T)
        groups = change(np.array(self.groups)).tolist()
        enters_at = change(self.enters_at)
        return replace(self, prior=change(self.prior), tax=tax, groups=groups, enters_at=enters_at, steps=steps)


def draw_schedule(draw, rng):
    kind = draw(st.sampled_from(["constant", "inverse", "elias_gamma", "elias_delta", "elias_omega", "code", "hazard"]))
    settings_of = {
        "constant": lambda: [rng.random()],
        "code": lambda: [1 + np.arange(rng.integers(1, 6)) + rng.random()],  # often "never"
        "hazard": lambda: [rng.exponential(3, size=2 * ROUNDS)],
    }
    return getattr(gm.schedules, kind)(*settings_of.get(kind, list)())


def draw_tax(draw, rng, traders, kernels, units):
    kernel = draw(st.sampled_from(kernels))
    if kernel == "csr":
        kernel = rng.dirichlet(np.ones(traders + 1), size=traders)[:, :-1] * (rng.random((traders, traders)) < 0.5)
    landmarks = {mark: float(rng.exponential(2)) for mark in (1, 2, 5, "later", "last") if rng.random() < 0.4}
    return Tax(draw_schedule(draw, rng), kernel, landmarks, draw(st.sampled_from(units)))


def draw_episode(rng, rounds, outcomes, traders, *, asleep, dogmatic):
    forecasts = rng.dirichlet(np.ones(outcomes), size=(rounds, traders)).transpose(0, 2, 1)
    if dogmatic:  # some are sure, and then they may lose everything
        sure = np.eye(outcomes)[rng.integers(outcomes, size=(rounds, traders))].transpose(0, 2, 1)
        forecasts = np.where(rng.random((rounds, 1, traders)) < 0.15, sure, forecasts)
    stakes = np.ones((rounds, traders))
    if asleep:
        stakes = rng.choice([0.0, 0.3, 1.0], size=(rounds, traders))
    return Episode(forecasts, rng.integers(outcomes, size=rounds), stakes)


@st.composite
def stories(
    draw, *, taxed=None, kernels=KERNELS, units=UNITS, fractions=(1.0, 0.6, 0.05), asleep=None, batches=None, late=None,
    dogmatic=None, calls=("run", "blocks", "batch"), hows=("forecasts", "likelihoods", "sparse", "sparse likelihoods"),
):  # fmt: skip
    """Hypothesis draws the shape, a generator that it seeds draws the numbers. None leaves a choice open."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    taxed, asleep, batches, late, dogmatic = (
        draw(st.booleans()) if choice is None else choice for choice in (taxed, asleep, batches, late, dogmatic)
    )
    traders, outcomes = draw(st.integers(1, 8)), draw(st.integers(2, 4))
    prior = rng.dirichlet(np.ones(traders)) * draw(st.sampled_from([1.0, 0.9]))
    groups = [f"group {g}" for g in rng.integers(1 + traders // 2, size=traders)]
    steps, left = [], ROUNDS
    for number in range(draw(st.integers(1, 5))):
        call = draw(st.sampled_from([call for call in calls if batches or call != "batch"]))
        lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3 if call == "batch" else 1))
        if sum(lengths) > left:
            break
        left -= sum(lengths)
        episodes = [draw_episode(rng, t, outcomes, traders, asleep=asleep, dogmatic=dogmatic) for t in lengths]
        stage = draw(st.sampled_from([None, "later", "last"])) if number else None
        steps.append(Step(call, draw(st.sampled_from(hows)), episodes, stage, draw(st.booleans()) if number else True))
    return Story(
        prior,
        outcomes,
        draw(st.sampled_from(fractions)),
        draw_tax(draw, rng, traders, kernels, units) if taxed else None,
        groups,
        rng.integers(4, size=traders) if late else np.zeros(traders, dtype=int),
        steps,
    )


def play(market, steps):
    """The runs; a call that the market refuses is None and has changed nothing."""
    runs = []
    for step in steps:
        try:
            runs.append(step.play(market))
        except gm.MarketError:
            runs.append(None)
    return runs


def flows(market):
    """The ledger as {(stage, batch, cause, from, to): share}."""
    amounts = defaultdict(float)
    for *key, amount in market.ledger().select("stage", "batch", "cause", "from", "to", "amount").iter_rows():
        amounts[tuple(key)] += amount
    return dict(amounts)


def origins(market):
    frame = market.provenance()
    return frame.select([name for name in frame.columns if name not in ("trader", "name", "group", "wealth")])


def assert_same_runs(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one.prices, other.prices, **CLOSE)
            np.testing.assert_allclose(one.loss_bits, other.loss_bits, **CLOSE)
            assert one.rounds == other.rounds


def assert_same_books(one, other):
    np.testing.assert_allclose(one.log2_wealth, other.log2_wealth, **CLOSE)
    np.testing.assert_allclose(one.wealth, other.wealth, **CLOSE)
    np.testing.assert_allclose(one.reserve, other.reserve, **CLOSE)
    clocks = [(m.rounds, m.episodes, m.batches, m.stage) for m in (one, other)]
    assert clocks[0] == clocks[1]


def assert_same_flows(one, other):
    ours, theirs = flows(one), flows(other)
    for key in ours.keys() | theirs.keys():
        # A net amount next to zero may go either way, so compare what a row gives and takes back.
        back = (*key[:3], key[4], key[3]) if key[2] == "settlement" else None
        nets = [flow.get(key, 0) - flow.get(back, 0) for flow in (ours, theirs)]
        np.testing.assert_allclose(*nets, **CLOSE, err_msg=str(key))


def assert_same_origins(one, other):
    ours, theirs = origins(one), origins(other)
    assert ours.columns == theirs.columns
    np.testing.assert_allclose(ours.to_numpy(), theirs.to_numpy(), **CLOSE)


def assert_same_definitions(one, other):
    """But for their words: histories with equal money are equally true."""
    frames = (market.definitions(top=8).sort("trader") for market in (one, other))
    ours, theirs = (frame.filter(pl.col("log2_wealth") > -np.inf) for frame in frames)
    for column in ("trader", "log2_wealth", "log2_share"):
        np.testing.assert_allclose(ours[column], theirs[column], **CLOSE)
    alike = ours["definition"] == theirs["definition"]
    np.testing.assert_allclose(ours["tax_bits"].filter(alike), theirs["tax_bits"].filter(alike), **CLOSE)


# --- The engine is the reference


@settings(max_examples=400)
@given(stories())
def test_the_engine_is_the_reference(story):
    ours, theirs = story.market(gm.Market), story.market(reference.Market)
    our_runs, their_runs = play(ours, story.steps), play(theirs, story.steps)
    assert_same_runs(our_runs, their_runs)
    for one, other in zip(our_runs, their_runs, strict=True):
        if one is not None:
            np.testing.assert_allclose(one.regret_bits, other.regret_bits, **CLOSE)
            for column in ("round", "episode", "batch", "stage", "outcome"):
                assert one.frame()[column].to_list() == other.frame()[column].to_list()
            np.testing.assert_allclose(one.frame()["price"], other.frame()["price"], **CLOSE)
    assert_same_books(ours, theirs)
    assert_same_flows(ours, theirs)
    assert_same_origins(ours, theirs)
    if story.keeps_definitions():
        assert_same_definitions(ours, theirs)


@settings(max_examples=60)
@given(stories(), st.floats(0.1, 1))
def test_the_engine_goes_on_with_other_cash_as_the_reference(story, money):
    half = len(story.steps) // 2
    markets = [story.market(market_class) for market_class in (gm.Market, reference.Market)]
    for market in markets:
        play(market, story.steps[:half])
    cash = np.where(markets[1].wealth > 0, np.linspace(1, 2, len(story.prior)), 0)
    cash *= money * markets[1].wealth.sum() / max(cash.sum(), 1)
    others = [market.with_wealth(cash) for market in markets]
    assert_same_books(*others)
    assert_same_runs(*[play(other, story.steps[half:]) for other in others])
    assert_same_books(*others)
    assert_same_origins(*others)
    virgins = [market.virgin() for market in markets]
    assert_same_books(*virgins)
    assert virgins[0].rounds == virgins[0].batches == 0


# --- What money does


@given(story=stories())
def test_money_sums_to_one(market_class, story):
    market = story.market(market_class)
    for step in story.steps:
        play(market, [step])
        assert market.wealth.sum() + market.reserve == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(origins(market).sum_horizontal(), market.wealth, rtol=1e-12, atol=1e-15)


@given(story=stories(), order=st.randoms(use_true_random=False))
def test_permuted_traders_have_permuted_results(market_class, story, order):
    shuffled = np.array(order.sample(range(len(story.prior)), len(story.prior)))
    twin_story = story.each_trader(lambda x: x[..., shuffled])
    market, twin = story.market(market_class), twin_story.market(market_class)
    runs, twin_runs = play(market, story.steps), play(twin, twin_story.steps)
    assert_same_runs(runs, twin_runs)
    for run, twin_run in zip(runs, twin_runs, strict=True):
        if run is not None:
            np.testing.assert_allclose(run.regret_bits[shuffled], twin_run.regret_bits, **CLOSE)
    np.testing.assert_allclose(market.log2_wealth[shuffled], twin.log2_wealth, **CLOSE)
    np.testing.assert_allclose(origins(market).to_numpy()[shuffled], origins(twin).to_numpy(), **CLOSE)
    assert_same_flows(market, twin)


@given(story=stories(kernels=["anything", "within groups"]), share=st.floats(0.01, 0.99))
def test_a_clone_with_its_part_of_the_wealth_changes_nothing(market_class, story, share):
    twin_story = story.each_trader(lambda x: np.concatenate([x, x[..., :1]], axis=-1))
    twin_story.prior[0] *= share
    twin_story.prior[-1] *= 1 - share
    market, twin = story.market(market_class), twin_story.market(market_class)
    assert_same_runs(play(market, story.steps), play(twin, twin_story.steps))
    joined = np.append(twin.wealth[1:-1], twin.wealth[0] + twin.wealth[-1])
    np.testing.assert_allclose(np.roll(market.wealth, -1), joined, **CLOSE)
    np.testing.assert_allclose(market.reserve, twin.reserve, **CLOSE)


@given(story=stories(taxed=False, late=False))
def test_who_sleeps_untaxed_does_not_move(market_class, story):
    def put_to_sleep(episode):
        return replace(episode, stakes=np.where(np.arange(len(story.prior)) == 0, 0, episode.stakes))

    steps = [replace(step, episodes=[put_to_sleep(each) for each in step.episodes]) for step in story.steps]
    market = story.market(market_class)
    before = market.log2_wealth[0]
    runs = play(market, steps)
    assert market.log2_wealth[0] == pytest.approx(before, abs=1e-13)
    assert all(run is None or run.regret_bits[0] == 0 for run in runs)


@given(story=stories())
def test_the_ledger_explains_every_change(market_class, story):
    market = story.market(market_class)
    start, reserve = market.wealth, market.reserve
    play(market, story.steps)
    net, by_cause = defaultdict(float), defaultdict(float)
    for (stage, batch, cause, source, target), amount in flows(market).items():
        assert amount > 0
        for account, change in ((source, -amount), (target, amount)):
            net[account] += change
            if account in ("market", "tax", "entry"):
                by_cause[stage, batch, cause] += change
    for group in set(story.groups):
        members = np.equal(story.groups, group)
        assert net[group] == pytest.approx((market.wealth - start)[members].sum(), abs=1e-12)
    assert net["reserve"] == pytest.approx(market.reserve - reserve, abs=1e-12)
    assert sum(net.values()) == pytest.approx(0, abs=1e-12)
    assert list(by_cause.values()) == pytest.approx([0] * len(by_cause), abs=1e-12)


# --- Regret


def total_regret(runs):
    return sum(run.regret_bits for run in runs if run is not None)


@given(story=stories(taxed=False, fractions=(1.0,), asleep=False, batches=False, late=False, dogmatic=False))
def test_regret_never_exceeds_bits(market_class, story):
    market = story.market(market_class)
    regret = total_regret(play(market, story.steps))
    np.testing.assert_allclose(regret, market.log2_wealth + market.bits, **CLOSE)
    assert np.all(regret <= market.bits + 1e-10)


def levies(story, market):
    """The indices at which the market has been taxed so far, and no landmark stood."""
    unit = story.tax.unit
    stages = 1
    now = "main"
    for step in story.steps:
        stages += step.stage not in (None, now)
        now = step.stage or now
    count = {"round": market.rounds, "episode": market.episodes, "batch": market.batches, "stage": stages}[unit]
    return range(1, count)


@given(story=stories(asleep=False, late=False, dogmatic=False))
def test_regret_never_exceeds_its_general_bound(market_class, story):
    """E (bits_i + sum_t -log2(1 - h_t)) / b, with batches of at most E episodes and a common fraction b."""
    if story.tax:
        landmarks = {mark: bits for mark, bits in story.tax.landmarks.items() if isinstance(mark, int)}
        story = replace(story, tax=replace(story.tax, landmarks=landmarks))
    market = story.market(market_class)
    regret = total_regret(play(market, story.steps))
    survival_bits = 0.0
    if story.tax:
        for t in levies(story, market):
            hazard = 2.0 ** -landmarks[t] if t in landmarks else story.tax.schedule.hazard(t)
            survival_bits += np.inf if hazard >= 1 else -np.log2(1 - hazard)
    batch = max(len(step.episodes) for step in story.steps)
    assert np.all(regret <= batch * (market.bits + survival_bits) / story.fraction + 1e-9)


# --- Calls


def assert_identical(one, other):
    """Bit for bit."""
    np.testing.assert_array_equal(one.log2_wealth, other.log2_wealth)
    np.testing.assert_array_equal(one.wealth, other.wealth)
    assert one.reserve == other.reserve
    assert one.ledger().equals(other.ledger())
    assert one.provenance().equals(other.provenance())
    assert one.definitions().equals(other.definitions())


def saved(market):
    """The market as it comes back from a file; the reference does not save."""
    if not hasattr(market, "save"):
        return market
    with tempfile.TemporaryDirectory() as folder:
        market.save(Path(folder) / "market")
        return type(market).load(Path(folder) / "market")


def place(step, number):
    """Only the first of several calls may begin an episode."""
    return {"stage": step.stage, "new_episode": step.new_episode and number == 0}


def in_pieces(market, step, parts, between_calls=lambda market: market):
    runs = []
    for number, part in enumerate(parts):
        runs.append(market.run(**part.given(step.how), **place(step, number)))
        market = between_calls(market)
    return market, runs


def in_saved_pieces(market, step, parts):
    return in_pieces(market, step, parts, saved)


def in_blocks(market, step, parts):
    return market, [market.run_blocks((part.given(step.how) for part in parts), **place(step, 0))]


def in_settlements(market, step, parts):
    rounds = [one for part in parts for one in zip(part.forecasts, part.outcomes, part.stakes, strict=True)]
    if not rounds or step.how != "forecasts":  # nothing to settle one by one
        return in_pieces(market, step, parts)
    return market, [market.settle(*one, **place(step, number)) for number, one in enumerate(rounds)]


@given(story=stories(batches=False, dogmatic=False), cuts=st.lists(st.integers(0, ROUNDS), max_size=3))
def test_it_does_not_matter_how_rounds_are_cut_into_calls(market_class, story, cuts):
    *before, last = story.steps
    (episode,), rounds = last.episodes, len(last.episodes[0].outcomes)
    edges = [0, *sorted(min(cut, rounds) for cut in cuts), rounds]
    parts = [episode.cut(slice(*edge)) for edge in pairwise(edges)]

    def played(cutting, parts):
        market = story.market(market_class)
        play(market, before)
        market, runs = cutting(market, last, parts)
        return market, np.concatenate([run.prices for run in runs]), total_regret(runs)

    whole, prices, regret = played(in_pieces, [episode])
    for cutting in (in_pieces, in_saved_pieces, in_blocks, in_settlements):
        market, same_prices, same_regret = played(cutting, parts)
        np.testing.assert_array_equal(prices, same_prices)
        np.testing.assert_allclose(regret, same_regret, **CLOSE)
        assert_identical(whole, market)


@given(story=stories(dogmatic=False))
def test_a_price_moves_nothing_and_is_the_price_of_the_round(market_class, story):
    *before, last = story.steps
    market = story.market(market_class)
    play(market, before)
    market.run(likelihoods=np.empty((0, len(story.prior))))  # so that an episode has begun
    for episode in last.episodes:
        for forecast, outcome, stakes in zip(episode.forecasts, episode.outcomes, episode.stakes, strict=True):
            before_price = market.log2_wealth
            price = market.price(forecast, stakes)
            np.testing.assert_array_equal(market.log2_wealth, before_price)
            if outcome % 2:
                run = market.settle(forecast, outcome, stakes)
            else:
                run = market.run(forecast[None], [outcome], stakes, new_episode=False)
            np.testing.assert_array_equal(run.prices[0], price)


@given(story=stories(dogmatic=False))
def test_forecasts_in_single_precision(market_class, story):
    def single(episode):
        return replace(episode, forecasts=episode.forecasts.astype(np.float32))

    steps = [replace(step, episodes=[single(each) for each in step.episodes]) for step in story.steps]
    market, twin = story.market(market_class), story.market(market_class)
    for run, twin_run in zip(play(market, steps), play(twin, story.steps), strict=True):
        np.testing.assert_allclose(run.prices, twin_run.prices, atol=1e-5)
        np.testing.assert_allclose(run.loss_bits, twin_run.loss_bits, atol=1e-4)
    np.testing.assert_allclose(market.wealth, twin.wealth, atol=1e-5)


@given(story=stories(dogmatic=False))
def test_books_in_single_precision(story):
    single, double = story.market(gm.Market, dtype="f32"), story.market(gm.Market)
    for run, twin_run in zip(play(single, story.steps), play(double, story.steps), strict=True):
        np.testing.assert_allclose(run.prices, twin_run.prices, atol=1e-4)
        np.testing.assert_allclose(run.loss_bits, twin_run.loss_bits, atol=1e-3)
    np.testing.assert_allclose(single.wealth, double.wealth, atol=1e-4)
    assert single.wealth.sum() + single.reserve == pytest.approx(1, abs=1e-4)


@given(story=stories(taxed=False, calls=("run",)))
def test_two_outcomes_by_the_probability_of_one(market_class, story):
    story = replace(story, outcomes=2)
    market, twin = story.market(market_class), story.market(market_class)
    for step in story.steps:
        (episode,) = step.episodes
        one = episode.forecasts[:, 0]
        outcomes = episode.outcomes % 2
        both = Episode(np.stack([1 - one, one], axis=1), outcomes, episode.stakes)
        run = play(market, [replace(step, how="forecasts", episodes=[both])])[0]
        if run is not None:
            place = {"stage": step.stage, "new_episode": step.new_episode}
            np.testing.assert_array_equal(run.prices, twin.run(one, outcomes, episode.stakes, **place).prices)
            np.testing.assert_array_equal(market.log2_wealth, twin.log2_wealth)
