"""What no clearing rule takes, and what moves nothing."""

import gruemarket as gm
import numpy as np
import pytest
from cleared import RULES, N, every_rule, linear, market, played, sparse_rounds


def assert_unmoved(one, error, match, play):
    before, clock = one.log2_wealth, (one.rounds, one.episodes)
    with pytest.raises(error, match=match):
        play(one)
    assert np.array_equal(one.log2_wealth, before)
    assert (one.rounds, one.episodes) == clock


@every_rule
def test_likelihoods_are_not_enough(clearing):
    match = "every clearing rule but Kelly's needs the forecasts of every outcome"
    assert_unmoved(market(clearing), gm.InputError, match, lambda one: one.run(likelihoods=[[0.5] * N]))
    sparse = gm.SparseRounds([0, 1], [0], likelihoods=[0.5])
    assert_unmoved(market(clearing), gm.InputError, match, lambda one: one.run(likelihoods=sparse))
    assert_unmoved(market(clearing), gm.InputError, match, lambda one: one.run_batch([[[0.5] * N]] * 2))
    assert market(clearing).run(likelihoods=np.empty((0, N))).prices.size == 0


@pytest.mark.parametrize("clearing", (gm.Kelly(), gm.LogPool(), gm.LMSR(0.1, maker=1), gm.Isoelastic(2)), ids=repr)
@pytest.mark.parametrize("dtype", (np.float64, np.float32))
@pytest.mark.parametrize("trader", (0, 63, 511, 512, 4095, 4096, 5020))
def test_a_bad_forecast_is_found_among_many(clearing, dtype, trader):
    forecasts = np.full((2, 3, 5021), 1 / 3, dtype)
    one = gm.Market(prior=np.full(5021, 1 / 5021), normalize=True, outcomes=3, clearing=clearing)
    for bad, fault in (
        ([np.nan, 0.5, 0.5], "NaN is not a probability"),
        ([np.inf, 0.5, 0.5], "inf is not a probability"),
        ([-0.25, 0.75, 0.5], "-0.25 is not a probability"),
        ([1.5, -0.5, 0.0], "1.5 is not a probability"),
        ([0.5, 0.5, 0.5], "the forecast sums to 1.5"),
        ([0.0, 0.0, 0.0], "the forecast sums to 0"),
    ):
        forecasts[1, :, trader] = bad
        words = f"round 1, trader {trader}: {fault}"
        assert_unmoved(one, gm.InputError, words, lambda one: one.run(forecasts, [0, 1]))


@every_rule
@pytest.mark.parametrize("asleep", (False, True))
def test_forecasts_are_checked_whoever_sleeps(clearing, asleep):
    forecasts, outcomes, stakes = played()
    stakes[4, 2] = 0 if asleep else 1
    for wrong in (np.nan, -0.1, 2.0, forecasts[4, 1, 2] + 0.01):
        bad = forecasts.copy()
        bad[4, 1, 2] = wrong
        where = "round 4, trader 2"
        assert_unmoved(market(clearing), gm.InputError, where, lambda m, q=bad: m.run(q, outcomes, stakes))


REFUSED = {
    "aversion 0.0 is not in": lambda: gm.Isoelastic(0),
    "aversion 2000000.0 is not in": lambda: gm.Isoelastic(2e6),
    "aversion nan is not in": lambda: gm.Isoelastic(np.nan),
    "aversion -1.0 of trader 1 is not in": lambda: gm.Isoelastic([1, -1]),
    r"aversion: shape \(1, 2\)": lambda: gm.Isoelastic([[1, 2]]),
    "aversion: dtype": lambda: gm.Isoelastic("much"),
    r"Isoelastic floor 0.5 is not in \[0, 0.5\)": lambda: gm.Isoelastic(4, floor=0.5),
    "Isoelastic floor -1e-09 is not in": lambda: gm.Isoelastic(4, floor=-1e-9),
    "Isoelastic floor nan is not in": lambda: gm.Isoelastic(4, floor=np.nan),
    "Isoelastic floor None is not a number": lambda: gm.Isoelastic(4, floor=None),
    "floor 0.4 is not a number from 0 to 0.3333333333333333": lambda: market(gm.Isoelastic(4, floor=0.4)),
    "Kelly fraction 'all' is not a number": lambda: gm.Kelly("all"),
    "LogPool step 0 ": lambda: gm.LogPool(0),
    r"LogPool floor \[0.1\] is not a number": lambda: gm.LogPool(floor=[0.1]),
    "LMSR liquidity None is not a number": lambda: gm.LMSR(None),
    "Demand tolerance True is not a number": lambda: gm.Demand(linear, tolerance=True),
    "LMSR liquidity 0 ": lambda: gm.LMSR(0),
    "LMSR liquidity inf ": lambda: gm.LMSR(np.inf),
    "LMSR maker -1 ": lambda: gm.LMSR(0.1, maker=-1),
    "LMSR maker 'me' ": lambda: gm.LMSR(0.1, maker="me"),
    "LMSR step nan ": lambda: gm.LMSR(0.1, step=np.nan),
    "LMSR floor 0.5 ": lambda: gm.LMSR(0.1, floor=0.5),
    "traders could lose 4.16 of what they stake": lambda: gm.LMSR(0.1, step=0.3),
    "Demand 3 cannot be called": lambda: gm.Demand(3),
    r"Demand tolerance 0 is not in \(0, 1\)": lambda: gm.Demand(linear, tolerance=0),
    "3 risk aversions for 5 traders": lambda: market(gm.Isoelastic([1, 2, 3])),
    "maker 5 is not a trader": lambda: market(gm.LMSR(0.1, maker=5)),
    "liquidity 0.95 with 3 outcomes": lambda: market(gm.LMSR(0.95)),
    "clearing 'kelly' is not a clearing rule; give gm.Kelly": lambda: market("kelly"),
}


@pytest.mark.parametrize(("match", "make"), REFUSED.items(), ids=REFUSED)
def test_a_rule_that_cannot_be_is_refused(match, make):
    with pytest.raises(gm.InputError, match=match):
        make()


def test_a_maker_that_could_lose_all_is_refused():
    forecasts, outcomes, _ = played()
    forecasts[3, :, 1] = [0.98, 0.01, 0.01]
    one, match = market(RULES["LMSR"]), "round 3: the maker quotes"
    assert_unmoved(one, gm.InputError, match, lambda m: m.run(forecasts, outcomes))


def unclear(price, _, money):
    """Buys what is cheap, and sells it as soon as it is not: no price clears it."""
    return np.where(price[0] > 0.4, -1.0, 1.0) * np.array([[0.5], [-0.5], [0.0]]) * money


def test_a_price_that_is_not_found_is_an_error():
    forecasts, outcomes, _ = played()
    one = market(gm.Demand(unclear))
    assert_unmoved(one, gm.NotClearedError, "round 0: no price found", lambda m: m.run(forecasts, outcomes))
    assert_unmoved(one, gm.NotClearedError, "no price found", lambda m: m.price(forecasts[0]))
    batch = [(forecasts, outcomes)] * 2
    assert_unmoved(one, gm.NotClearedError, "episode 0 of the batch: round 0: no", lambda m: m.run_batch(batch))
    assert issubclass(gm.NotClearedError, gm.MarketError)


class OwnError(Exception):
    pass


def test_what_a_demand_raises_is_passed_on():
    forecasts, outcomes, stakes = played()
    raised = [OwnError("mine"), KeyboardInterrupt()]
    for error in raised:
        asked = []

        def fails(price, forecasts, money, asked=asked, error=error):
            asked.append(len(money))
            if len(asked) > 9:
                raise error
            return linear(price, forecasts, money)

        for play in (
            lambda m: m.run(forecasts, outcomes),
            lambda m: m.run(sparse_rounds(forecasts, stakes), outcomes),
            lambda m: m.run_batch([(forecasts, outcomes)] * 20),
        ):
            asked.clear()
            one = market(gm.Demand(fails))
            before = one.log2_wealth
            with pytest.raises(type(error)) as caught:
                play(one)
            assert caught.value is error
            assert np.array_equal(one.log2_wealth, before)


BAD_DEMANDS = {
    r"answered with shape \(5,\); give \(3, 5\)": lambda _, __, money: money,
    "answer: dtype": lambda _, forecasts, __: np.full(forecasts.shape, "much"),
    "it must give finite numbers": lambda _, forecasts, __: np.full(forecasts.shape, np.nan),
    "must leave every trader with money": lambda price, forecasts, money: 9 * linear(price, forecasts, money),
}


@pytest.mark.parametrize(("match", "fn"), BAD_DEMANDS.items(), ids=BAD_DEMANDS)
def test_a_demand_that_makes_no_sense_is_refused(match, fn):
    forecasts, outcomes, _ = played()
    assert_unmoved(market(gm.Demand(fn)), gm.InputError, match, lambda m: m.run(forecasts, outcomes))


def test_a_demand_may_use_the_market_of_another_thread():
    """The function holds Python's lock while the engine waits; it may call other markets, not its own."""
    forecasts, outcomes, _ = played()
    other = market(gm.Kelly())

    def asks(price, given, money):
        return linear(price, given, money) + 0 * other.price(forecasts[0]).sum()

    def asks_itself(*_):
        return own.price(forecasts[0])

    market(gm.Demand(asks)).run(forecasts, outcomes)
    own = market(gm.Demand(asks_itself))
    assert_unmoved(own, gm.MarketError, "another thread is using this market", lambda m: m.run(forecasts, outcomes))
