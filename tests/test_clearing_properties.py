"""What holds for every clearing rule, and the engine against the reference, on random stories of tiny markets."""

from dataclasses import replace

import gruemarket as gm
import numpy as np
import pytest
from gruemarket import reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_properties import (
    assert_same_books,
    assert_same_flows,
    assert_same_origins,
    assert_same_runs,
    origins,
    play,
    stories,
)

HOWS = ("forecasts", "sparse")  # these rules cannot do with likelihoods


def leaning(price, forecasts, money):
    """Everybody buys what it thinks too cheap, for no more than half of its money."""
    return 0.5 * money * np.tanh(2 * (forecasts - price[:, None]))


@st.composite
def rules(draw, story):
    """A rule for the market of a story; its forecasts leave every outcome some probability."""
    traders = len(story.prior)
    match draw(st.sampled_from(["isoelastic", "each", "log pool", "lmsr"])):
        case "isoelastic":
            return gm.Isoelastic(draw(st.sampled_from([1 / 16, 0.25, 0.5, 1, 2, 4, 16])))
        case "each":
            each = st.floats(np.log(1 / 16), np.log(16)).map(np.exp)
            return gm.Isoelastic(np.clip(draw(st.lists(each, min_size=traders, max_size=traders)), 1 / 16, 16))
        case "log pool":
            return gm.LogPool(draw(st.sampled_from([0.01, 0.3, 2.0])), draw(st.sampled_from([2.0**-20, 0.05])))
        case "lmsr":
            return gm.LMSR(draw(st.sampled_from([0.001, 0.1, 0.2])), draw(st.integers(0, traders - 1)))


def possible(story, rule):
    """The story with forecasts that every rule can take: none below 1/100, the maker's quotes uniform."""

    def mixed(episode):
        outcomes = episode.forecasts.shape[1]
        forecasts = 0.01 + (1 - 0.01 * outcomes) * episode.forecasts
        if isinstance(rule, gm.LMSR):
            forecasts[:, :, rule.maker] = 1 / outcomes
        return replace(episode, forecasts=forecasts)

    return replace(story, steps=[replace(s, episodes=[mixed(e) for e in s.episodes]) for s in story.steps])


@st.composite
def stories_and_rules(draw, **choices):
    story = draw(stories(**{"hows": HOWS, "fractions": (1.0,)} | choices))
    rule = draw(rules(story))
    return possible(story, rule), rule


def played(market_class, story, rule):
    market = story.market(market_class, clearing=rule)
    return market, play(market, story.steps)


# --- The engine is the reference


@settings(max_examples=100)
@given(stories_and_rules())
def test_the_engine_is_the_reference(story_and_rule):
    (ours, our_runs), (theirs, their_runs) = (played(m, *story_and_rule) for m in (gm.Market, reference.Market))
    assert_same_runs(our_runs, their_runs)
    for one, other in zip(our_runs, their_runs, strict=True):
        if one is not None:
            np.testing.assert_allclose(one.regret_bits, other.regret_bits, rtol=1e-9, atol=1e-9)
            assert one.passes.shape == other.passes.shape == one.residual.shape == other.residual.shape
            assert one.residual.max(initial=0) <= 1e-9
    assert_same_books(ours, theirs)
    assert_same_flows(ours, theirs)
    assert_same_origins(ours, theirs)


@settings(max_examples=40)
@given(stories(hows=HOWS, fractions=(1.0,)))
def test_the_engine_is_the_reference_for_any_demand(story):
    """A certificate leaves the price of a rare outcome open to a little more than its tolerance."""
    rule = gm.Demand(leaning, tolerance=1e-13)
    story = possible(story, rule)
    (ours, our_runs), (theirs, their_runs) = (played(m, story, rule) for m in (gm.Market, reference.Market))
    for one, other in zip(our_runs, their_runs, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one.prices, other.prices, rtol=1e-7, atol=1e-9)
            assert one.residual.max(initial=0) <= 1e-13
    np.testing.assert_allclose(ours.wealth, theirs.wealth, rtol=1e-7, atol=1e-9)


# --- What money does


def some_rules(traders, outcomes):
    """One of each rule, and what it is for traders in another order (order[i] is who now stands at i)."""
    each = np.geomspace(1 / 8, 8, traders)
    liquidity = 0.9 / np.log(outcomes)
    return {
        "kelly": lambda _: gm.Kelly(0.7),
        "isoelastic 1/4": lambda _: gm.Isoelastic(0.25),
        "isoelastic 1000": lambda _: gm.Isoelastic(1_000),
        "isoelastic each": lambda order: gm.Isoelastic(each[order]),
        "log pool": lambda _: gm.LogPool(0.5),
        "LMSR": lambda order: gm.LMSR(liquidity, maker=list(order).index(1)),
        "demand": lambda _: gm.Demand(leaning, tolerance=1e-13),
    }


every_rule = pytest.mark.parametrize("name", some_rules(3, 3))


def one_round(name, seed, traders=5, outcomes=3):
    """Wealth and stakes (N,) and forecasts (K, N); trader 1 quotes uniformly, trader 2 sleeps."""
    rng = np.random.default_rng(seed)
    wealth, stakes = rng.dirichlet(np.ones(traders)), rng.uniform(0.2, 1, traders)
    forecasts = 0.01 + (1 - 0.01 * outcomes) * rng.dirichlet(np.ones(outcomes), size=traders).T
    forecasts[:, 1], stakes[2] = 1 / outcomes, 0
    return some_rules(traders, outcomes)[name], wealth, stakes, forecasts


def settled(market_class, rule, wealth, stakes, forecasts):
    """The price (K,) and everybody's wealth by outcome (K, N)."""
    after = []
    for x in range(len(forecasts)):
        market = market_class(prior=wealth, outcomes=len(forecasts), clearing=rule)
        (price,) = market.settle(forecasts, x, stakes).prices
        after.append(market.wealth)
    return price, np.array(after)


@every_rule
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), outcomes=st.integers(2, 4))
def test_money_is_conserved_whatever_happens(market_class, name, seed, outcomes):
    """And prices sum to 1, nobody goes into debt, who sleeps keeps what it has."""
    rule, wealth, stakes, forecasts = one_round(name, seed, outcomes=outcomes)
    price, after = settled(market_class, rule(range(5)), wealth, stakes, forecasts)
    np.testing.assert_allclose(after.sum(axis=1), 1, rtol=1e-12)
    assert price.sum() == pytest.approx(1, abs=1e-13)
    assert after.min() >= 0
    np.testing.assert_allclose(after[:, 2], wealth[2], rtol=1e-13)


@every_rule
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(5)))
def test_permuted_traders_have_permuted_results(market_class, name, seed, order):
    rule, wealth, stakes, forecasts = one_round(name, seed)
    price, after = settled(market_class, rule(range(5)), wealth, stakes, forecasts)
    same_price, shuffled = settled(market_class, rule(order), wealth[order], stakes[order], forecasts[:, order])
    np.testing.assert_allclose(same_price, price, 1e-9)
    np.testing.assert_allclose(shuffled, after[:, order], 1e-11)


@every_rule
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(3)))
def test_permuted_outcomes_have_permuted_prices(market_class, name, seed, order):
    rule, wealth, stakes, forecasts = one_round(name, seed)
    price, after = settled(market_class, rule(range(5)), wealth, stakes, forecasts)
    shuffled, same = settled(market_class, rule(range(5)), wealth, stakes, forecasts[order])
    np.testing.assert_allclose(shuffled, price[order], 1e-9)
    np.testing.assert_allclose(same, after[order], 1e-11)


@every_rule
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.01, 0.99))
def test_a_clone_with_its_part_of_the_wealth_changes_nothing(market_class, name, seed, share):
    rule, wealth, stakes, forecasts = one_round(name, seed)
    price, after = settled(market_class, rule(range(5)), wealth, stakes, forecasts)
    twin = rule(range(5))
    if name == "isoelastic each":
        twin = gm.Isoelastic(np.append(twin.aversion, twin.aversion[3]))
    parts = np.append(wealth, wealth[3])
    parts[3] *= share
    parts[5] *= 1 - share
    cloned = settled(
        market_class, twin, parts, np.append(stakes, stakes[3]), np.append(forecasts, forecasts[:, 3:4], axis=1)
    )
    cloned[1][:, 3] += cloned[1][:, 5]
    np.testing.assert_allclose(cloned[0], price, 1e-9)
    np.testing.assert_allclose(cloned[1][:, :5], after, 1e-11)


@every_rule
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), fraction=st.floats(1e-3, 1))
def test_a_common_fraction_slows_the_money_and_leaves_the_price_alone(market_class, name, seed, fraction):
    rule, wealth, _, forecasts = one_round(name, seed)
    price, after = settled(market_class, rule(range(5)), wealth, np.ones(5), forecasts)
    slow_price, slow = settled(market_class, rule(range(5)), wealth, np.full(5, fraction), forecasts)
    tolerance = 1e-9
    np.testing.assert_allclose(slow_price, price, rtol=tolerance)
    np.testing.assert_allclose(slow, wealth + fraction * (after - wealth), rtol=tolerance)


@settings(max_examples=25)
@given(story_and_rule=stories_and_rules())
def test_money_sums_to_one(market_class, story_and_rule):
    story, rule = story_and_rule
    market = story.market(market_class, clearing=rule)
    for step in story.steps:
        play(market, [step])
        assert market.wealth.sum() + market.reserve == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(origins(market).sum_horizontal(), market.wealth, rtol=1e-12, atol=1e-15)


# --- The sure


@settings(max_examples=60)
@given(story=stories(hows=HOWS, fractions=(1.0,), dogmatic=True), aversion=st.sampled_from([0.25, 0.5, 1, 2, 4]))
def test_sure_traders_in_the_engine_and_the_reference(story, aversion):
    """Some may lose everything, and calls may be refused."""
    rule = gm.Isoelastic(aversion)
    (ours, our_runs), (theirs, their_runs) = (played(m, story, rule) for m in (gm.Market, reference.Market))
    deepest = max((run.loss_bits.max(initial=0) for run in their_runs if run is not None), default=0)
    assume(deepest < 900)  # a float holds such prices
    assert_same_runs(our_runs, their_runs)
    assert_same_books(ours, theirs)
    assert_same_flows(ours, theirs)


# --- Redefinition


@pytest.mark.parametrize("grue", (None, gm.GrueTax(gm.schedules.constant(0.1))))
def test_who_is_redefined_keeps_its_aversion(market_class, grue):
    rng = np.random.default_rng(3)
    rule = gm.Isoelastic(np.array([0.25, 1, 8.0]))
    market = market_class([1, 2, 2], outcomes=3, clearing=rule, grue=grue)
    market.run(rng.dirichlet(np.ones(3), size=(4, 3)).transpose(0, 2, 1), [0, 1, 2, 1])
    other = market.redefined([2, 0], 3.0)
    forecasts = rng.dirichlet(np.ones(3), size=5).T
    explicit = market_class(prior=other.wealth, outcomes=3, clearing=gm.Isoelastic(np.array([0.25, 1, 8, 8, 0.25])))
    if grue is None:
        np.testing.assert_allclose(other.price(forecasts), explicit.price(forecasts), rtol=1e-10)
        other.settle(forecasts, 2)
        explicit.settle(forecasts, 2)
        np.testing.assert_allclose(other.wealth, explicit.wealth, rtol=1e-10)
    else:
        assert other.settle(forecasts, 2).residual.max() <= 1e-12
        assert other.wealth.sum() == pytest.approx(1, abs=1e-12)


def test_likelihoods_are_not_enough(market_class):
    market = market_class([1, 1], clearing=gm.Isoelastic(2))
    with pytest.raises(gm.InputError, match="forecasts of every outcome"):
        market.run(likelihoods=[[0.5, 0.5]])
    assert market.rounds == 0
