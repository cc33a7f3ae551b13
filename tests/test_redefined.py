"""Redefinition by name and reinforcement: engine against reference, closed forms, conservation."""

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket import reference
from polars.testing import assert_frame_equal

RNG = np.random.default_rng(3)
N = 4
SPARSE = (np.arange(N + 1), [1, 2, 3, 0], [0.5] * N)
TAXES = {
    "untaxed": None,
    "by round": gm.GrueTax(gm.schedules.inverse()),
    "by episode": gm.GrueTax(gm.schedules.constant(0.2), unit="episode", landmarks={"b": 3.0}),
    "within groups": gm.GrueTax(gm.schedules.constant(0.2), "within groups", unit="batch"),
    "by stage": gm.GrueTax(gm.schedules.inverse(), unit="stage"),
    "csr": gm.GrueTax(gm.schedules.constant(0.1), SPARSE),
}
LIKELIHOODS = RNG.uniform(0.1, 0.9, (3, 6, N))
LATER = RNG.uniform(0.1, 0.9, (2, 6, N + 2))


def story(market):
    """Play, redefine two traders at the start of stage "b", play on."""
    for episode in LIKELIHOODS:
        market.run(likelihoods=episode, stage="a")
    market = market.redefined([2, 0], [3.0, 5.0], names=["2'", "0'"], groups=["y", "new"], stage="b")
    for episode in LATER:
        market.run(likelihoods=episode, stage="b")
    return market


def build(market_class, tax, **options):
    options = {"bits": [1.0, 2.0, 3.0, 5.0], "definitions": True} | options
    return market_class(groups=["x", "x", "y", "y"], grue=TAXES[tax], **options)


@pytest.mark.parametrize("options", ({}, {"enters_at": [0, 4, 0, 0]}, {"enters_at": [0, 9, 0, 0]}), ids=str)
@pytest.mark.parametrize("tax", TAXES)
def test_engine_is_reference(tax, options):
    ours, theirs = (story(build(market_class, tax, **options)) for market_class in (gm.Market, reference.Market))
    np.testing.assert_allclose(ours.log2_wealth, theirs.log2_wealth, rtol=1e-12)
    np.testing.assert_allclose(ours.bits, theirs.bits, rtol=1e-12)
    np.testing.assert_allclose(ours.wealth.sum() + ours.reserve, 1, rtol=1e-14)
    assert_frame_equal(ours.provenance(), theirs.provenance(), abs_tol=1e-12)
    columns = ["name", "definition", "switches", "log2_share"]
    assert_frame_equal(ours.definitions().select(columns), theirs.definitions().select(columns), abs_tol=1e-9)
    keys = ["stage", "batch", "cause", "from", "to"]
    books = [m.ledger().filter(pl.col("amount") > 1e-15).sort(keys) for m in (ours, theirs)]
    assert_frame_equal(*books, abs_tol=1e-12)
    assert ours.names == theirs.names
    assert ours.groups == theirs.groups


@pytest.mark.parametrize("tax", TAXES)
def test_who_forecasts_as_its_source_changes_no_price(tax):
    """A redefinition that does the same as before costs nobody anything where the tax does not tell them apart."""
    market = build(gm.Market, "untaxed" if tax in ("csr", "within groups") else tax)
    for episode in LIKELIHOODS:
        market.run(likelihoods=episode)
    more = market.redefined([1], 2.5)
    ours, theirs = market.run(likelihoods=LIKELIHOODS[0]), more.run(likelihoods=LIKELIHOODS[0][:, [0, 1, 2, 3, 1]])
    np.testing.assert_allclose(ours.prices, theirs.prices, rtol=1e-12)


def test_a_virgin_market_divides_its_prior_and_nobody_pays():
    market = gm.Market([1, 1]).redefined([0], 2)
    assert market.wealth.tolist() == [0.375, 0.5, 0.125]
    assert market.ledger().is_empty()
    assert market.virgin().wealth.tolist() == market.wealth.tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    (
        (([7], 2.0), "trader 7 is not one of 0 to 3"),
        (([-1], 2.0), "trader -1"),
        (([1, 1], 2.0), "trader 1 is redefined twice"),
        (([1], 0.0), "0 bits"),
        (([1], np.nan), "NaN bits"),
        (([1, 2], [1.0]), "1 bits"),
    ),
)
def test_bad_redefinitions(given, message):
    with pytest.raises(gm.MarketError, match=message):
        build(gm.Market, "by round").redefined(*given)


def test_nobody_redefines_who_has_not_entered():
    with pytest.raises(gm.InputError, match="has not entered"):
        gm.Market([1, 1], enters_at=[0, 3]).redefined([1], 2.0)


def test_saved_and_loaded(tmp_path):
    market = story(build(gm.Market, "csr"))
    market.reinforce(np.tile(market.wealth, (2, 1)), [1, -1])
    market.save(tmp_path / "market")
    again = gm.Market.load(tmp_path / "market")
    for m in (market, again):
        m.run(likelihoods=LATER[0])
    assert market.wealth.tobytes() == again.wealth.tobytes()
    assert market.ledger().equals(again.ledger())


# --- Reinforcement


@pytest.mark.parametrize("step", (1e-4, 30.0))
@pytest.mark.parametrize("tax", TAXES)
def test_reinforcement_is_the_reference(tax, step):
    rng = np.random.default_rng(8)
    parts, advantages = rng.dirichlet(np.ones(N + 2), 5), rng.normal(size=5)
    advantages -= advantages.mean()
    results = []
    for market_class in (gm.Market, reference.Market):
        market = story(build(market_class, tax))
        transfer = market.reinforce(parts * (1 - market.reserve), advantages, step=step)
        market.run(likelihoods=LATER[0])
        results.append((market, transfer))
    (ours, (amounts, scale)), (theirs, (expected, expected_scale)) = results
    np.testing.assert_allclose(amounts, expected, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(scale, expected_scale, rtol=1e-9)
    assert abs(amounts.sum()) < 1e-14
    assert (scale == 1) == (step == 1e-4)
    np.testing.assert_allclose(ours.log2_wealth, theirs.log2_wealth, rtol=1e-11)
    assert_frame_equal(ours.provenance(), theirs.provenance(), abs_tol=1e-12)
    keys = ["stage", "batch", "cause", "from", "to"]
    books = [m.ledger().filter(pl.col("amount") > 1e-15).sort(keys) for m in (ours, theirs)]
    assert_frame_equal(*books, abs_tol=1e-12)


def test_reinforcement_is_the_replicator_in_expectation():
    """Rollouts of two kinds, drawn from the price: E = step w_i (r_i - mean r), with r_i trader i's expected reward."""
    q = np.array([0.9, 0.2, 0.5])  # each trader's probability of the rollout that is rewarded
    market = gm.Market(prior=[0.5, 0.3, 0.2])
    market.run(likelihoods=np.empty((0, 3)))
    price = market.wealth @ q
    posterior = {1: market.wealth * q / price, 0: market.wealth * (1 - q) / (1 - price)}
    expected = np.zeros(3)
    for rewards in np.ndindex(2, 2, 2):
        chance = np.prod([price if r else 1 - price for r in rewards])
        advantages = np.array(rewards) - np.mean(rewards)
        amounts, scale = market.__copy__().reinforce([posterior[r] for r in rewards], advantages, step=0.2)
        assert scale == 1
        expected += chance * amounts
    np.testing.assert_allclose(expected, 0.2 * market.wealth * (q - price), rtol=1e-12)


@pytest.mark.parametrize(
    ("parts", "advantages", "message"),
    (
        ([[0.5, 0.5]] * 2, [1.0, 0.0], "subtract their mean"),
        ([[0.5, 0.5]] * 2, [np.nan, 0.0], "advantage NaN"),
        ([[0.5, 0.6]] * 2, [1.0, -1.0], "sum to 1.1"),
        ([[1.5, -0.5]] * 2, [1.0, -1.0], "part -0.5"),
        ([[0.5, 0.5]], [0.0], "two rollouts"),
        ([0.5, 0.5], [1.0, -1.0], "two axes"),
    ),
)
def test_bad_reinforcement(parts, advantages, message):
    market = gm.Market([1, 1])
    market.run(likelihoods=[[0.5, 0.5]])
    with pytest.raises(gm.MarketError, match=message):
        market.reinforce(parts, advantages)
    assert market.wealth.tolist() == [0.5, 0.5]
