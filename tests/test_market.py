"""The market's face and its corners: what once went wrong, and what a user may rely on."""

import gruemarket as gm
import numpy as np
import pytest
import scipy.sparse
from gruemarket import reference
from witness import seen

TAX = gm.GrueTax(gm.schedules.constant(0.1))


@pytest.mark.parametrize("bits", ([60.5] * 3, [40.3], [40.3, 1.0]))
def test_long_descriptions_are_money_too(bits):
    """Their money is far less than a float's distance from 1."""
    np.testing.assert_allclose(gm.Market(bits).log2_wealth, np.negative(bits), rtol=1e-15)
    late = gm.Market(bits, enters_at=[0, *[3] * (len(bits) - 1)])
    for _ in range(4):
        late.run(likelihoods=np.full((1, len(bits)), 0.5))
    np.testing.assert_allclose(late.log2_wealth, np.negative(bits), rtol=1e-14)


@pytest.mark.parametrize("stage", (None, "b"))
@pytest.mark.parametrize("grue", (None, TAX))
@pytest.mark.parametrize("dtype", ("f64", "f32"))
def test_a_refused_sparse_call_leaves_every_bit(stage, grue, dtype):
    market = gm.Market([1, 900], grue=grue, dtype=dtype)
    some = gm.SparseRounds([0, 1, 2], [0, 1], likelihoods=[0.5, 0.2])
    market.run(likelihoods=[[0.5, 0.2]] * 5)
    for _ in range(30):
        market.run(likelihoods=some)
    before, later = seen(market), seen(after := market.__copy__())
    after.run(likelihoods=[[0.5, 0.25]] * 3)
    refused = gm.SparseRounds([0, 2, 3], [0, 1, 0], likelihoods=[1e-30, 1.0, 0.0])
    with pytest.raises(gm.ImpossibleOutcomeError, match="round 1"):
        market.run(likelihoods=refused, stage=stage)
    assert seen(market) == before == later
    market.run(likelihoods=[[0.5, 0.25]] * 3)
    assert seen(market) == seen(after)


def test_nobody_has_entered_yet():
    market = gm.Market([1, 1], enters_at=[1, 1], definitions=True)
    run = market.run([[0.3, 0.6]], [1])
    assert run.prices.tolist() == [[0.5, 0.5]]
    assert run.regret_bits.tolist() == [0, 0]
    assert market.definitions().is_empty()
    np.testing.assert_allclose(market.run([[0.3, 0.6]], [1]).prices, [[0.55, 0.45]])


def test_other_cash_does_not_change_the_virgin():
    market = gm.Market([1, 1]).with_wealth([0.25, 0.25])
    assert market.reserve == 0.5
    assert market.virgin().wealth.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("market_class", (gm.Market, reference.Market))
def test_a_group_without_weights_keeps_its_cash(market_class):
    grue = gm.GrueTax(gm.schedules.constant(0.1), "within groups")
    market = market_class(prior=[0.5, 0.5, 0, 0], groups=list("aabb"), grue=grue).with_wealth([0.4, 0.1, 0.3, 0.2])
    market.run(likelihoods=[[0.5] * 4] * 3)
    np.testing.assert_allclose(market.wealth[2:], [0.3, 0.2], rtol=1e-14)


@pytest.mark.parametrize("market_class", (gm.Market, reference.Market))
def test_regret_to_a_trader_without_prior(market_class):
    run = market_class(prior=[0.5, 0.5, 0.0]).run(likelihoods=[[0.5, 0.2, 0.9]])
    np.testing.assert_allclose(run.regret_bits[2], np.log2(0.9 / 0.35), rtol=1e-14)


def test_small_levies_after_large_ones_in_sparse_rounds():
    """The inflow of levies that wait is 1 less a product near 1."""
    bits = np.concatenate([[np.inf], np.full(300, 0.05), [0.0], np.full(41, 40.3)])
    lazy, eager = (gm.Market([1, 1], grue=gm.GrueTax(gm.schedules.hazard(bits))) for _ in range(2))
    asleep = gm.SparseRounds(np.zeros(301, int), [], likelihoods=[])
    lazy.run(likelihoods=asleep)
    eager.run(likelihoods=np.ones((300, 2)), stakes=[0.0, 0.0])
    lazy.run(likelihoods=gm.SparseRounds([0, 2], [0, 1], likelihoods=[1.0, 0.0]))
    eager.run(likelihoods=[[1.0, 0.0]])
    lazy.run(likelihoods=gm.SparseRounds(np.zeros(41, int), [], likelihoods=[]))
    eager.run(likelihoods=np.ones((40, 2)), stakes=[0.0, 0.0])
    np.testing.assert_allclose(lazy.wealth[1], eager.wealth[1], rtol=1e-12)


def test_taxes_compare_by_what_they_are():
    same = [gm.GrueTax(gm.schedules.hazard([0, 1, 2]), landmarks={1: 3.0}) for _ in range(2)]
    assert same[0] == same[1]
    assert len(set(same)) == 1
    assert same[0] != gm.GrueTax(gm.schedules.hazard([0, 1, 3]), landmarks={1: 3.0})


def test_a_kernel_in_any_sparse_format():
    rho = np.array([[0, 0.5, 0.25], [0, 0, 1.0], [0.1, 0, 0]])
    formats = [scipy.sparse.csr_array(rho), scipy.sparse.csc_array(rho), scipy.sparse.coo_array(rho)]
    markets = [gm.Market([2, 2, 2], grue=gm.GrueTax(gm.schedules.constant(0.1), kernel)) for kernel in formats]
    for market in markets:
        market.run(likelihoods=[[0.5, 0.25, 0.125]] * 4)
    assert markets[0].wealth.tolist() == markets[1].wealth.tolist() == markets[2].wealth.tolist()


def test_regret_that_was_not_asked_for():
    run = gm.Market([1, 1]).run(likelihoods=[[0.5, 0.25]], regret=False)
    with pytest.raises(gm.InputError, match="regret=True"):
        _ = run.regret_bits


def test_bytes_of_state():
    n = 100_000
    for dtype, most in (("f64", 24), ("f32", 16)):
        market = gm.Market(np.full(n, 20.0), dtype=dtype, groups=np.arange(n) % 7, grue=TAX, provenance=False)
        market.run(likelihoods=np.full((3, n), 0.5, np.float32))
        assert market.state_bytes <= most * n


@pytest.mark.parametrize(("dtype", "accounts", "most"), (("f64", 16, 24), ("f32", 8, 16)))
@pytest.mark.parametrize("dates", (1, 200))
def test_bytes_of_state_where_everybody_is_late_and_drained(dtype, accounts, most, dates):
    """What each thing takes, added up: accounts, group, date, depths of prior and wealth; 0.02 for tiles."""
    n = 100_000
    bits = np.random.default_rng(1).uniform(30_000, 2e6, n)
    late = np.arange(n) % dates + 1
    late[0] = 0
    groups = np.arange(n) % 60_000
    market = gm.Market(bits, dtype=dtype, groups=groups, enters_at=late, grue=TAX, provenance=False)
    for _ in range(dates + 1):
        assert market.state_bytes <= most * n
        market.run(likelihoods=np.full((0, n), 0.5, np.float32), regret=False)
    market.run(likelihoods=np.full((2, n), 0.5, np.float32), new_episode=False)
    assert np.isfinite(market.log2_wealth).all()
    assert market.state_bytes <= most * n
    assert market.state_bytes / n == pytest.approx(accounts + 2 + 1 + 2 + 2, abs=0.02)


def test_cuts_of_sparse_calls_past_the_most_levies_that_wait():
    """After 65,536 levies everybody catches up, at the same round however the rounds are cut."""
    rounds, rng = 66_000, np.random.default_rng(0)
    traders, likelihoods = rng.integers(0, 5, rounds), rng.uniform(0.2, 0.9, rounds)

    def wealth(*cuts):
        market = gm.Market([3] * 5, grue=TAX)
        for start, end in zip((0, *cuts), (*cuts, rounds), strict=True):
            part = gm.SparseRounds(np.arange(end - start + 1), traders[start:end], likelihoods=likelihoods[start:end])
            market.run(likelihoods=part, new_episode=start == 0)
        return market.wealth.tolist()

    whole = wealth()
    for cuts in ((30_000,), (65_535,), (65_536,), (65_537,), (10, 65_900)):
        assert wealth(*cuts) == whole
