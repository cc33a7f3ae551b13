"""Traders far poorer than others, makers far richer, forecasts that are certain: under every clearing rule."""

import gruemarket as gm
import numpy as np
import pytest
from cleared import growth


@pytest.mark.parametrize("clearing", (gm.Isoelastic(0.5), gm.Isoelastic(2), gm.LogPool(0.5)), ids=repr)
@pytest.mark.parametrize("dtype", ("f64", "f32"))
def test_the_drained_do_not_underflow_and_come_back(clearing, dtype):
    rounds = 6_000
    q = np.array([[0.1, 0.9], [0.9, 0.1]])
    one = gm.Market([1, 1], clearing=clearing, dtype=dtype)
    one.run(np.broadcast_to(q, (rounds, 2, 2)).copy(), np.ones(rounds, int), regret=False)
    # in the end the first sets the price alone, and each round costs the second the same
    alone = growth(clearing, q[:, 0], q, np.array([1.0, 0.0]))[1, 1]
    fell = one.log2_wealth[1]
    assert fell < -1000
    one.run(np.broadcast_to(q, (1000, 2, 2)).copy(), np.ones(1000, int), regret=False)
    assert one.log2_wealth[1] - fell == pytest.approx(1000 * np.log2(alone), rel=1e-9 if dtype == "f64" else 1e-5)
    back = 0
    while one.wealth[1] < 0.5:
        one.run(np.broadcast_to(q, (1000, 2, 2)).copy(), np.zeros(1000, int), regret=False)
        back += 1000
    # to come back takes longer for the bold, whom the price then hardly pays, and less for the cautious
    assert 0.1 * rounds < back < 30 * rounds


def test_the_awake_clear_among_themselves_however_poor():
    poor = [1.0, 2.0 + 3000, 3.0 + 3000]
    q = np.array([[0.2, 0.7, 0.4], [0.8, 0.3, 0.6]])
    for clearing in (gm.Isoelastic(3), gm.LogPool(), gm.Kelly()):
        far = gm.Market(poor, clearing=clearing)
        near = gm.Market([1, 2, 3], clearing=clearing)
        for stakes in ([0, 1, 1], [0, 1e-200, 1e-200], [0, 1, 0.5]):
            np.testing.assert_allclose(far.price(q, stakes), near.price(q, stakes), rtol=1e-11)
        far.settle(q, 1, [0, 1, 1])
        near.settle(q, 1, [0, 1, 1])
        np.testing.assert_allclose(far.log2_wealth[1:] + 3000, near.log2_wealth[1:], atol=1e-9)
        assert far.log2_wealth[0] == -1


@pytest.mark.parametrize("sparse", (False, True))
@pytest.mark.parametrize("apart", (20, 300, 900, 5000))
def test_whoever_trades_with_a_far_richer_maker_is_paid_to_the_last_digit(apart, sparse):
    rule = gm.LMSR(0.3, maker=1)
    one = gm.Market([2.0 + apart, 0.5, 3.0 + apart], clearing=rule)
    q = np.array([[0.2, 0.5, 0.4], [0.8, 0.5, 0.6]])
    if sparse:
        one.run(gm.SparseRounds([0, 3], [0, 1, 2], forecasts=q.T), [1])
    else:
        one.run(q[None], [1])
    # in the limit the price is the quote, and the maker pays the others' mean gain from it
    share, ratio = np.array([2, 1]) / 3, np.log(q[:, [0, 2]] / 0.5)
    gain = rule.step * (ratio[1] - 0.5 * ratio.sum(axis=0))
    grown = np.exp(gain) * (1 + share @ gain) / (share @ np.exp(gain))
    tolerance = 1e-11 if apart >= 300 else 1e-5
    np.testing.assert_allclose(one.log2_wealth[[0, 2]] + [2 + apart, 3 + apart], np.log2(grown), atol=tolerance)
    assert one.log2_wealth[1] == pytest.approx(-0.5, abs=1e-5)


def test_a_maker_without_anybody_to_trade_with_keeps_its_money():
    for stakes in (None, [1, 1], [0, 1]):
        one = gm.Market(prior=[0, 1], clearing=gm.LMSR(0.3, maker=1))
        run = one.run([[[0.5, 0.3], [0.5, 0.7]]], [1], stakes)
        np.testing.assert_allclose(run.prices, [[0.3, 0.7]], rtol=1e-14)
        assert one.wealth.tolist() == [0, 1]
        assert one.run([[[0.5, 0.3], [0.5, 0.7]]], [0], stakes).total_loss_bits == pytest.approx(-np.log2(0.3))


def test_a_certain_forecast_costs_all_where_it_fails():
    one = gm.Market([1, 1], clearing=gm.Isoelastic(2))
    run = one.run([[1.0, 0.5]], [0])
    assert one.wealth.tolist() == [0, 1]
    assert run.regret_bits[0] == -np.inf
    assert one.price([0.3, 0.25]).tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("aversion", (1 / 16, 1e2, 1e3, 1e4, 1e5, 1e6, "each"))
@pytest.mark.parametrize(("outcomes", "traders"), ((3, 5), (8, 20), (30, 20)))
def test_the_cautious_clear_where_many_outcomes_are_ruled_out(aversion, outcomes, traders):
    for seed in range(3):
        draws = np.random.default_rng(seed)
        forecast = draws.dirichlet(np.ones(outcomes), traders).T * (draws.random((outcomes, traders)) < 0.6)
        forecast[0] += 1e-3
        forecast /= forecast.sum(axis=0)
        each = np.exp(draws.uniform(np.log(1 / 16), np.log(1e6), traders))
        told = {"prior": draws.dirichlet(np.ones(traders)), "normalize": True, "outcomes": outcomes}
        told["clearing"] = gm.Isoelastic(each if aversion == "each" else aversion)
        run = gm.Market(**told).run(forecast[None], [0])
        assert run.passes[0] < 100
        if outcomes <= 8 or seed == 0:  # the reference takes its time
            expected = gm.reference.Market(**told).price(forecast)
            np.testing.assert_allclose(run.prices[0], expected, rtol=1e-9, atol=1e-300)
