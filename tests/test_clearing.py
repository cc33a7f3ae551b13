"""Every clearing rule against general solvers, exact decimals and other people's formulas."""

import gruemarket as gm
import numpy as np
import pytest
from gruemarket.reference.isoelastic import isoelastic_log_price
from oracles import clearing as oracle
from scipy.special import expit, logit

AVERSIONS = [1 / 16, 0.25, 0.5, 0.9, 1, 1.1, 2, 4, 16, 1e3, 1e6]


def world(seed, outcomes=3, traders=4, least=0.01):
    """Stakes (N,) that sum to 1 and forecasts (K, N), none below `least`."""
    rng = np.random.default_rng(seed)
    forecasts = rng.dirichlet(np.ones(outcomes), size=traders).T
    return rng.dirichlet(np.ones(traders)), least + (1 - outcomes * least) * forecasts


def cleared(market_class, rule, wealth, forecasts, stakes=None):
    """The price (K,), and what everybody's money is multiplied by, by outcome (K, N): one market settled by each."""
    outcomes, growth = len(forecasts), []
    for x in range(outcomes):
        market = market_class(prior=wealth, outcomes=outcomes, clearing=rule)
        (price,) = market.settle(forecasts, x, stakes).prices
        growth.append(np.exp2(market.log2_wealth - np.log2(wealth)))
    return price, np.array(growth)


def mixed(traders, seed=0):
    """Risk aversions of all kinds, one of them Kelly's."""
    rng = np.random.default_rng(seed)
    return np.append(1.0, np.exp(rng.uniform(np.log(1 / 16), np.log(100), traders - 1)))


# --- Isoelastic utility


@pytest.mark.parametrize("each", (False, True))
def test_aversion_one_is_kelly(market_class, each):
    wealth, forecasts = world(0, outcomes=5, traders=7)
    stakes = np.linspace(0, 1, 7)
    rule = gm.Isoelastic(np.ones(7) if each else 1)
    for ours, theirs in zip(
        cleared(market_class, rule, wealth, forecasts, stakes),
        cleared(market_class, gm.Kelly(), wealth, forecasts, stakes),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11)


@pytest.mark.parametrize("aversion", (0.25, 1, 4, 1e6, "mixed"))
def test_a_floor_lifts_what_forecasts_rule_out(market_class, aversion):
    wealth, forecasts = world(1, traders=5)
    forecasts[:, 1], forecasts[:, 3], forecasts[2] = [1, 0, 0], [0, 1, 0], 0  # nobody believes in outcome 2
    forecasts /= forecasts.sum(axis=0)
    aversion = mixed(5) if aversion == "mixed" else aversion
    lifted = np.clip(forecasts, 1e-3, 1 - 1e-3)
    lifted /= lifted.sum(axis=0)  # of which isoelastic traders ask nothing, but markets do
    for ours, theirs in zip(
        cleared(market_class, gm.Isoelastic(aversion, floor=1e-3), wealth, forecasts),
        cleared(market_class, gm.Isoelastic(aversion), wealth, lifted),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("aversion", (0.25, 0.5, 1, 2, 4, 16, "mixed"))
@pytest.mark.parametrize("seed", range(3))
def test_a_general_solver_finds_the_same_price_from_any_start(market_class, aversion, seed):
    wealth, forecasts = world(seed)
    aversion = mixed(4, seed) if aversion == "mixed" else np.full(4, float(aversion))
    price, _ = cleared(market_class, gm.Isoelastic(aversion), wealth, forecasts)
    starts = [wealth @ forecasts.T, *np.random.default_rng(seed).dirichlet(np.full(3, 5), size=4)]
    for start in starts:
        # a price in a millionth is where the general solver loses its way, not where there is another equilibrium
        found = oracle.root_of_excess(wealth, forecasts, aversion, start)
        np.testing.assert_allclose(price, found, rtol=1e-9)


@pytest.mark.parametrize("aversion", (0.5, 1, 2, 4, "mixed"))
@pytest.mark.parametrize("seed", range(3))
def test_the_allocation_is_eisenbergs_and_gales(market_class, aversion, seed):
    wealth, forecasts = world(seed, least=0.05)
    aversion = np.array([0.5, 1, 2, 4]) if aversion == "mixed" else np.full(4, float(aversion))
    price, growth = cleared(market_class, gm.Isoelastic(aversion), wealth, forecasts)
    bought = oracle.eisenberg_gale(wealth, forecasts, aversion)
    np.testing.assert_allclose(wealth * growth, bought, atol=2e-5)
    worth = oracle.shadow_prices(wealth * growth, wealth, forecasts, aversion)
    np.testing.assert_allclose(worth, np.tile(price[:, None], 4), rtol=1e-9)

    def welfare(shares):
        return (wealth * oracle.log_utility(shares, forecasts, aversion)).sum()

    assert welfare(wealth * growth) >= welfare(bought) - 1e-9  # SLSQP's constraints hold to about as much


def assert_everybody_buys_the_best(price, growth, forecasts, aversion, rtol):
    """Budgets hold, and a share of each outcome brings everybody the same marginal utility for its price."""
    np.testing.assert_allclose(price @ growth, 1, rtol=rtol)
    worth = np.log(forecasts) - aversion * np.log(growth) - np.log(price)[:, None]
    scale = np.maximum(1, aversion * np.maximum(1, abs(np.log(growth)).max(axis=0)))
    np.testing.assert_allclose((worth - worth.mean(axis=0)) / scale, 0, atol=rtol)


@pytest.mark.parametrize("aversion", (*AVERSIONS, "mixed"))
@pytest.mark.parametrize(("outcomes", "traders"), ((2, 1), (2, 3), (3, 40), (6, 5)))
def test_what_makes_an_equilibrium(market_class, aversion, outcomes, traders):
    """The definition: best portfolios that need just the money that there is, whatever happens."""
    wealth, forecasts = world(outcomes + traders, outcomes, traders, least=1e-4)
    aversion = mixed(traders) if aversion == "mixed" else np.full(traders, float(aversion))
    price, growth = cleared(market_class, gm.Isoelastic(aversion), wealth, forecasts)
    assert price.sum() == pytest.approx(1, abs=1e-13)
    np.testing.assert_allclose(growth @ wealth, 1, rtol=2e-12)
    assert_everybody_buys_the_best(price, growth, forecasts, aversion, rtol=1e-11)


@pytest.mark.parametrize("aversion", (0.25, 4, 1e3, "mixed"))
@pytest.mark.parametrize(("outcomes", "traders"), ((40, 3), (120, 30), (2, 5_000)))
def test_what_makes_an_equilibrium_of_many(aversion, outcomes, traders):
    """More than the reference has patience for."""
    test_what_makes_an_equilibrium(gm.Market, aversion, outcomes, traders)


@pytest.mark.parametrize(("aversion", "number"), ((1 / 16, 300), (0.1, 300), (0.25, 300), (1e4, 100)))
def test_no_outcome_that_somebody_believes_in_is_given_away(aversion, number):
    """Bold traders buy nearly all of one outcome; too long a step would leave the others without a price."""
    for seed in range(number):
        wealth, forecasts = world(seed, outcomes=3 + seed % 2, traders=2 + seed % 4)
        market = gm.Market(prior=wealth, outcomes=len(forecasts), clearing=gm.Isoelastic(aversion))
        price = market.price(forecasts)
        assert price.min() > 0, (seed, price)
        assert abs(oracle.excess(np.log(price), wealth, forecasts, aversion)).max() < 1e-11, (seed, price)


@pytest.mark.parametrize("aversion", (0.25, 4, 1e3))
def test_the_references_price_is_the_same_from_any_start(aversion):
    wealth, forecasts = world(0, outcomes=4, traders=5)
    starts = np.random.default_rng(0).dirichlet(np.full(4, 0.2), size=5) + 1e-12
    prices = [
        isoelastic_log_price(np.log(wealth), np.log(forecasts), np.full(5, aversion), np.log(start / start.sum()))[0]
        for start in starts
    ]
    np.testing.assert_allclose(prices, prices[:1] * 5, rtol=1e-12)


@pytest.mark.parametrize("aversion", (*AVERSIONS, "mixed"))
@pytest.mark.parametrize("least", (1e-300, 1e-100, 1e-9))
def test_two_outcomes_in_sixty_digits(market_class, aversion, least):
    """Forecasts and prices next to 0: what is left of a digit is what the decimals say."""
    wealth = np.array([0.5, 0.25, 0.125, 0.125])
    small = np.array([least, 0.3, least * 1e3, 0.999])
    forecasts = np.array([1 - small, small])
    aversion = mixed(4) if aversion == "mixed" else np.full(4, float(aversion))
    price, growth = cleared(market_class, gm.Isoelastic(aversion), wealth, forecasts)
    exact = oracle.exact_binary_price(wealth, forecasts, aversion)
    # an excess demand of 1e-12 leaves a price of a cautious market open to eta times as much
    np.testing.assert_allclose(np.log(price), exact, rtol=1e-12, atol=1e-11 * max(1, aversion.max()))
    np.testing.assert_allclose(growth @ wealth, 1, rtol=2e-12)


@pytest.mark.parametrize("aversion", (0.25, 1, 4, 16))
def test_the_sure_and_the_impossible(market_class, aversion):
    """Who is sure buys one outcome only; what nobody thinks possible has no price."""
    wealth, forecasts = world(3, outcomes=4, traders=4)
    forecasts[2] = 0
    forecasts[:, 0] = [1, 0, 0, 0]
    forecasts /= forecasts.sum(axis=0)
    market = market_class(prior=wealth, outcomes=4, clearing=gm.Isoelastic(aversion))
    price = market.price(forecasts)
    assert price[2] == 0
    rest = [0, 1, 3]
    possible, _ = cleared(market_class, gm.Isoelastic(aversion), wealth, forecasts[rest])
    np.testing.assert_allclose(price[rest], possible, rtol=1e-9)
    before = market.log2_wealth
    with pytest.raises(gm.InputError, match="round 0"):
        market.settle(forecasts, 2)
    np.testing.assert_array_equal(market.log2_wealth, before)
    market.settle(forecasts, 1)
    assert market.wealth[0] == 0
    assert market.wealth.sum() == pytest.approx(1, abs=1e-12)


# --- Exponential utility


@pytest.mark.parametrize("seed", range(4))
def test_the_log_pool_is_the_geometric_mean_and_its_gain_a_gradient(market_class, seed):
    wealth, forecasts = world(seed, outcomes=4, traders=6)
    stakes = np.linspace(0, 1, 6)
    price, growth = cleared(market_class, gm.LogPool(step=0.7), wealth, forecasts, stakes)
    put_up = wealth * stakes
    np.testing.assert_allclose(price, oracle.geometric_mean(put_up, forecasts), rtol=1e-13)

    def log_price(weights, x):
        return np.log(oracle.geometric_mean(weights, forecasts)[x])

    for x in range(4):
        # the gain of a unit is the slope of ln c_x: by hundredths of the stakes, to fourth order
        slope = [
            sum(
                part * log_price(put_up + h * np.eye(6)[i], x)
                for h, part in ((0.01, 8 / 12), (-0.01, -8 / 12), (0.02, -1 / 12), (-0.02, 1 / 12))
            )
            / 0.01
            for i in range(6)
        ]
        paid = put_up * np.exp(0.7 * put_up.sum() * np.array(slope))
        expected = paid * put_up.sum() / paid.sum() + wealth - put_up
        np.testing.assert_allclose(wealth * growth[x], expected, rtol=2e-6)


def test_the_log_pool_floors_what_is_said(market_class):
    floor, wealth = 2.0**-6, np.array([0.25, 0.75])
    price, growth = cleared(market_class, gm.LogPool(floor=floor), wealth, np.array([[0.0, 0.5], [1.0, 0.5]]))
    floored = cleared(market_class, gm.LogPool(floor=1e-9), wealth, np.array([[floor, 0.5], [1 - floor, 0.5]]))
    np.testing.assert_allclose(price, floored[0], rtol=1e-13)
    np.testing.assert_allclose(growth, floored[1], rtol=1e-13)
    assert logit(price[1]) == pytest.approx(0.25 * logit(1 - floor), rel=1e-12)


@pytest.mark.parametrize("rate", (0.02, 0.3, 3.0))
def test_a_log_pool_of_two_outcomes_is_a_logistic_mixer(market_class, rate):
    rng = np.random.default_rng(1)
    weights, said, outcomes = rng.dirichlet(np.ones(5)), rng.uniform(0.02, 0.98, (40, 5)), rng.integers(2, size=40)
    market = market_class(prior=weights, clearing=gm.LogPool(step=rate))
    assert market.price(said[0])[1] == pytest.approx(expit(weights @ logit(said[0])), rel=1e-13)
    run = market.run(said, outcomes)
    prices, final = oracle.logistic_mixing(weights, said, outcomes, rate)
    np.testing.assert_allclose(run.prices[:, 1], prices, rtol=1e-11)
    np.testing.assert_allclose(market.wealth, final, rtol=1e-10)


def differences(market_class, aversion, seed):
    """Isoelastic beside the log pool of step 1 / aversion: of the settlements, relative to what moves, and of ln c."""
    wealth, forecasts = world(seed, outcomes=3, traders=6, least=0.02)
    isoelastic_price, isoelastic = cleared(market_class, gm.Isoelastic(aversion), wealth, forecasts)
    pool_price, pool = cleared(market_class, gm.LogPool(step=1 / aversion), wealth, forecasts)
    moved = np.linalg.norm((isoelastic - pool) * wealth) / np.linalg.norm((pool - 1) * wealth)
    return moved, np.linalg.norm(np.log(isoelastic_price / pool_price))


@pytest.mark.parametrize("seed", range(5))
def test_the_limit_of_risk_aversion_is_the_log_pool(market_class, seed):
    """Both differences fall as 1 / aversion, so in the end the settlement is an exponentiated gradient's."""
    near, far = (np.array(differences(market_class, aversion, seed)) for aversion in (100, 1_000))
    assert 0.02 < differences(market_class, 4, seed)[0] < 0.25
    assert 0.0005 < near[0] < 0.01
    np.testing.assert_allclose(near / far, 10, rtol=0.02)


# --- A market maker


def test_a_maker_alone_quotes_its_opening_price(market_class):
    quote = np.array([0.5, 0.2, 0.3])
    market = market_class(prior=[0.5, 0.5], outcomes=3, clearing=gm.LMSR(0.5, maker=1))
    forecasts = np.array([[0.1, 0.1, 0.8], quote]).T
    np.testing.assert_allclose(market.price(forecasts, [0, 1]), quote, rtol=1e-14)
    before = market.wealth
    run = market.run(forecasts[None], [2], [0.0, 0.5])
    np.testing.assert_allclose(market.wealth, before, rtol=1e-14)
    np.testing.assert_allclose(run.prices, [quote], rtol=1e-14)


@pytest.mark.parametrize("outcomes", (2, 3, 10))
def test_one_trader_of_exponential_utility_and_the_maker(market_class, outcomes):
    """It buys until the maker's price is the log pool of both, by its risk tolerance and the maker's liquidity."""
    _, (belief, *_) = (part.T for part in world(outcomes, outcomes, traders=3, least=0.02))
    wealth, liquidity, step = np.array([0.6, 0.4]), 0.2, 0.1
    uniform = np.full(outcomes, 1 / outcomes)
    rule = gm.LMSR(liquidity, step=step, floor=1e-4)
    price, growth = cleared(market_class, rule, wealth, np.array([uniform, belief]).T)
    b, aversion = liquidity * wealth[0], 1 / (step * wealth[1])
    np.testing.assert_allclose(price, oracle.geometric_mean(np.array([b, 1 / aversion]), np.array([uniform, belief]).T))
    shares = oracle.best_purchase(belief, uniform, b, aversion)
    np.testing.assert_allclose(oracle.quoted(shares, uniform, b), price, rtol=1e-10)
    for x in range(outcomes):
        paid = shares[x] - (oracle.cost(shares, uniform, b) - oracle.cost(np.zeros(outcomes), uniform, b))
        assert wealth[0] * (1 - growth[x, 0]) == pytest.approx(paid, rel=1e-9)
        assert wealth[1] * (growth[x, 1] - 1) == pytest.approx(paid, rel=1e-9)


@pytest.mark.parametrize("outcomes", (2, 3, 10))
def test_the_maker_loses_no_more_than_b_ln_k(market_class, outcomes):
    """However rich and sure the others are, and it comes near to that."""
    for share, reached in ((0.5, 0.0), (1e-6, 0.99)):
        wealth = np.array([share, 1 - share])
        sure = np.eye(outcomes)[0] * (1 - 1e-6) + 1e-6 / outcomes
        forecasts = np.array([np.full(outcomes, 1 / outcomes), sure]).T
        liquidity = 0.9 / np.log(outcomes)
        price, growth = cleared(market_class, gm.LMSR(liquidity), wealth, forecasts)
        lost, most = wealth[0] * (1 - growth[0, 0]), liquidity * wealth[0] * np.log(outcomes)
        assert reached * most <= lost <= most
        assert lost == pytest.approx(liquidity * wealth[0] * np.log(outcomes * price[0]), rel=1e-9)
        assert np.all(growth > 0)
        np.testing.assert_allclose(growth @ wealth, 1, rtol=1e-12)


def test_what_the_maker_lost_over_rounds_is_the_cost_of_one(market_class):
    """Nothing is gained by trading in pieces: the cost is a function of the price alone."""
    _, forecasts = world(5, outcomes=3, traders=4)
    quote, middle, end, _ = forecasts.T
    liquidity, others = 0.3, 1e-9

    def loss(opening, belief):
        rule = gm.LMSR(liquidity, maker=1, step=0.05)
        price, growth = cleared(market_class, rule, np.array([1 - others, others]), np.array([belief, opening]).T)
        return price, 1 - growth[:, 1]

    first, lost_first = loss(quote, middle)
    second, lost_then = loss(first, end)
    np.testing.assert_allclose(lost_first + lost_then, liquidity * np.log(second / quote), rtol=1e-8)


def test_while_the_maker_sleeps_the_others_pool(market_class):
    wealth, forecasts = world(6, traders=5)
    stakes = np.array([1, 1, 0, 0.5, 1])
    lmsr = cleared(market_class, gm.LMSR(0.1, maker=2, step=0.05), wealth, forecasts, stakes)
    pool = cleared(market_class, gm.LogPool(step=0.05), wealth, forecasts, stakes)
    for ours, theirs in zip(lmsr, pool, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize("shift", (0, -40, -300, -2000))
def test_the_others_may_be_very_poor_beside_the_maker(market_class, shift):
    """What the maker loses to them is far below a digit of what it has, and is money to them."""
    forecasts = np.array([[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]]).T
    log2_wealth = np.array([-1, -2.0 + shift, -3 + shift])
    market = market_class(bits=-log2_wealth, clearing=gm.LMSR(0.5))
    market.settle(forecasts, 1)
    grown = np.exp2(market.log2_wealth - log2_wealth)[1:]
    if shift:  # each then trades alone against a maker that does not notice
        belief, price = forecasts[1, 1:], 0.5
        gain = 0.05 * (np.log(belief / price) - 0.5 * np.log(belief * (1 - belief) / price**2))
        shares = np.array([2, 1]) / 3
        subsidy = 0.05 * shares @ (np.log(belief / price) - 0.5 * np.log(belief * (1 - belief) / price**2))
        expected = np.exp(gain) * (1 + subsidy) / (shares @ np.exp(gain))
        np.testing.assert_allclose(grown, expected, rtol=1e-10)
    assert np.all((grown > 1) & (grown < 1.1))


# --- Any demand


def tolerant(step):
    """What traders of exponential utility buy: step u ln (q / c), at most as many as keep the numbers finite."""

    def bought(price, forecasts, money):
        return step * money * np.log(forecasts / np.maximum(price, 1e-12)[:, None])

    return bought


@pytest.mark.parametrize(("outcomes", "traders"), ((2, 1), (2, 5), (3, 4), (6, 10)))
def test_a_demand_whose_price_is_known(market_class, outcomes, traders):
    wealth, forecasts = world(outcomes, outcomes, traders, least=0.02)
    stakes = np.linspace(0.5, 1, traders)
    price, growth = cleared(market_class, gm.Demand(tolerant(0.1)), wealth, forecasts, stakes)
    put_up = wealth * stakes
    np.testing.assert_allclose(price, oracle.geometric_mean(put_up, forecasts), rtol=1e-6)
    edge = np.log(forecasts / price[:, None])
    expected = wealth + 0.1 * put_up * (edge - price @ edge)
    np.testing.assert_allclose(wealth * growth, expected, rtol=1e-7)
    np.testing.assert_allclose(growth @ wealth, 1, rtol=1e-14)


def test_a_demand_for_one_outcome_at_any_price(market_class):
    """The price is then a corner, or next to it: 1 for what all want."""

    def bought(price, forecasts, money):
        return np.outer([0, 0.2, -0.5][: len(price)], money) + 0 * forecasts

    for outcomes in (2, 3):
        wealth, forecasts = np.full(4, 0.25), np.full((outcomes, 4), 1 / outcomes)
        market = market_class(prior=wealth, outcomes=outcomes, clearing=gm.Demand(bought, tolerance=1e-6))
        np.testing.assert_allclose(market.price(forecasts), np.eye(outcomes)[1], atol=1e-5)
        market.settle(forecasts, 1)
        np.testing.assert_allclose(market.wealth, wealth, rtol=1e-5)


@pytest.mark.parametrize("outcomes", (2, 3))
def test_a_demand_that_jumps_is_not_cleared(market_class, outcomes):
    def bought(price, forecasts, money):
        cheap = price[:, None] < forecasts
        return money * np.where(cheap, 0.3, -0.3)

    wealth, forecasts = world(9, outcomes, traders=2)
    market = market_class(prior=wealth, outcomes=outcomes, clearing=gm.Demand(bought))
    before = market.log2_wealth
    with pytest.raises(gm.NotClearedError, match=r"round 0.*gain"):
        market.settle(forecasts, 0)
    np.testing.assert_array_equal(market.log2_wealth, before)


@pytest.mark.parametrize("outcomes", (2, 3))
def test_a_demand_that_risks_more_than_the_stake(market_class, outcomes):
    def bought(price, forecasts, money):
        return 30 * money * (forecasts - price[:, None])

    wealth, forecasts = world(9, outcomes, traders=3)
    market = market_class(prior=wealth, outcomes=outcomes, clearing=gm.Demand(bought))
    before = market.log2_wealth
    with pytest.raises(gm.InputError, match=r"trader \d.*outcome \d"):
        market.settle(forecasts, 0)
    np.testing.assert_array_equal(market.log2_wealth, before)
