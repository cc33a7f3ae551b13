"""Clearing by other rules than Kelly's, a round of N = 10^6 traders and K = 8 outcomes.

An isoelastic market is solved by Newton's method, a few passes over the traders; what a pass costs, with its share of
gathering and settlement, stands beside a whole Kelly round on the same forecasts. The numpy rivals do the same Newton
steps: by the formula, which raises to powers in every pass, and with the powers taken once for all.
"""

import os

import gruemarket as gm
import numpy as np
import pytest
from bench_threads import sines  # noqa: F401  # a fixture: what the machine's second core gives
from race import Contestant, faster, within

N, K = 10**6, 8
SIZE = "N = 10^6, K = 8"
KELLY = "Kelly round"
FORMULA, POWERS_ONCE = "numpy", "numpy, powers once"
PASSES = 6


class Round(Contestant):
    """One round; two others open each turn and are not timed."""

    def __init__(self, rule: object, forecasts: np.ndarray, threads: int = 1) -> None:
        self.prior = gm.Market(prior=np.full(N, 1 / N), normalize=True, outcomes=K, clearing=rule)
        self.forecasts, self.threads = forecasts, threads
        super().__init__(play=lambda: self.play_round(2), ready=self.begin)

    def begin(self) -> None:
        """A fresh market after two rounds."""
        gm.set_threads(self.threads)
        self.market = self.prior.virgin()
        for outcome in range(2):
            self.play_round(outcome)

    def play_round(self, outcome: int) -> gm.Run:
        """What is timed."""
        return self.market.run(self.forecasts, [outcome], regret=False)


class NewtonInNumpy(Contestant):
    """The same round by whole arrays: the price, and everybody's wealth."""

    def __init__(self, opening: Round, aversion: float, *, powers_once: bool) -> None:
        self.opening, self.aversion, self.powers_once = opening, aversion, powers_once
        super().__init__(play=self.solve, ready=self.begin)

    def begin(self) -> None:
        """The wealth after the opening."""
        self.opening.begin()
        self.wealth = self.opening.market.wealth

    def solve(self) -> np.ndarray:
        """Newton's method on log prices from the Kelly price."""
        u, (q,), power = self.wealth, self.opening.forecasts, 1 / self.aversion
        c = q @ u
        powers = q**power if self.powers_once else None
        while True:
            s = (q / c[:, None]) ** power if powers is None else powers * (c**-power)[:, None]
            s *= c[:, None]
            s /= s.sum(axis=0)
            spent = s * u
            money = spent.sum(axis=1)
            excess = money / c - 1
            if abs(excess).max() <= 1e-12:
                self.wealth = spent[2] / c[2]
                return c
            slope = np.diag(money) * power + (1 - power) * (spent @ s.T)
            c = c * np.exp(np.linalg.solve(slope, money - c))
            c /= c.sum()


@pytest.fixture(scope="module")
def forecasts() -> np.ndarray:
    """(1, K, N) forecasts that differ much."""
    return np.ascontiguousarray(np.random.default_rng(0).dirichlet(np.ones(K), size=(1, N)).transpose(0, 2, 1))


class KellyInNumpy(Contestant):
    """A Kelly round by whole arrays: the price of every outcome, and everybody's wealth."""

    def __init__(self, opening: Round) -> None:
        self.opening = opening
        super().__init__(play=self.clear, ready=self.begin)

    def begin(self) -> None:
        """The wealth after the opening."""
        self.opening.begin()
        self.wealth = self.opening.market.wealth

    def clear(self) -> np.ndarray:
        """The mean by wealth; the third outcome happens."""
        price = self.opening.forecasts[0] @ self.wealth
        self.wealth *= self.opening.forecasts[0, 2]
        self.wealth /= price[2]
        return price


def bench_kelly(race, forecasts):
    engine, rival = Round(gm.Kelly(), forecasts), KellyInNumpy(Round(gm.Kelly(), forecasts))
    race(f"Kelly, {SIZE}", engine, {FORMULA: rival}, [faster(FORMULA)])
    assert engine.result.prices[0] == pytest.approx(rival.result, rel=1e-9)
    assert np.allclose(engine.market.wealth, rival.wealth, rtol=1e-9, atol=0)


@pytest.mark.parametrize("aversion", (0.25, 0.5, 2, 4, 16))
def bench_newton_pass(race, forecasts, aversion):
    engine, kelly = Round(gm.Isoelastic(aversion), forecasts), Round(gm.Kelly(), forecasts)
    engine.begin()
    passes = int(engine.play().passes[0])
    case = f"isoelastic, aversion {aversion:g}, {SIZE}: one of {passes} passes"
    race(case, engine, {KELLY: kelly}, [within(KELLY, 6)])
    race.note(passes=passes)
    assert engine.result.residual[0] <= 1e-12
    assert passes <= PASSES


@pytest.mark.parametrize("aversion", (0.5, 4))
def bench_newton_in_numpy(race, forecasts, aversion):
    engine, opening = Round(gm.Isoelastic(aversion), forecasts), Round(gm.Isoelastic(aversion), forecasts)
    rivals = {
        FORMULA: NewtonInNumpy(opening, aversion, powers_once=False),
        POWERS_ONCE: NewtonInNumpy(opening, aversion, powers_once=True),
    }
    case = f"isoelastic, aversion {aversion:g}, {SIZE}"
    race(case, engine, rivals, [faster(FORMULA, 20), faster(POWERS_ONCE)], turns=3)
    for rival in rivals.values():
        assert engine.result.prices[0] == pytest.approx(rival.result, rel=1e-9)
        assert np.allclose(engine.market.wealth, rival.wealth, rtol=1e-9, atol=0)


def bench_log_pool(race, forecasts):
    engine, kelly = Round(gm.LogPool(), forecasts), Round(gm.Kelly(), forecasts)
    race(f"log pool, {SIZE}", engine, {KELLY: kelly}, [within(KELLY, 3)])
    pooled = np.log(np.clip(forecasts[0], 2.0**-20, 1)) @ opened(gm.LogPool(), forecasts)
    price = np.exp(pooled - pooled.max())
    assert engine.result.prices[0] == pytest.approx(price / price.sum(), rel=1e-9)


def opened(rule: object, forecasts: np.ndarray) -> np.ndarray:
    """(N,) wealth before the round that is timed."""
    contestant = Round(rule, forecasts)
    contestant.begin()
    return contestant.market.wealth


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
@pytest.mark.parametrize("rule", (gm.Isoelastic(4), gm.LogPool()), ids=("isoelastic, aversion 4", "log pool"))
def bench_two_threads(race, forecasts, sines, rule, request):  # noqa: F811  # the fixture
    one, two = Round(rule, forecasts), Round(rule, forecasts, threads=2)
    goal = faster("1 thread", 1.6)
    name = request.node.callspec.id
    race(f"2 threads, {name}, {SIZE}", two, {"1 thread": one, **sines}, [goal], turns=9)
    race.note(second_core=list(sines))
    assert np.array_equal(one.result.prices, two.result.prices)
    assert np.array_equal(one.market.wealth, two.market.wealth)
