"""Sparse rounds: the cost is the number awake, not N, with a rank-one tax too."""

import gruemarket as gm
import numpy as np
import pytest
from race import within
from rivals import Engine, even_market

T, AWAKE, SMALL, LARGE = 2_000, 100, 10**5, 10**7
TAXES = {
    "untaxed": None,
    "tax 1/(t+1)": gm.schedules.inverse(),
    "constant tax": gm.schedules.constant(1e-3),
}


def _rounds(traders: int) -> gm.SparseRounds:
    rng = np.random.default_rng(traders)
    awake = np.concatenate([rng.choice(traders, AWAKE, replace=False) for _ in range(T)])
    return gm.SparseRounds(np.arange(T + 1) * AWAKE, awake, likelihoods=rng.uniform(0.2, 0.9, T * AWAKE))


def _last_price(traders: int, rounds: gm.SparseRounds, schedule: gm.Schedule | None) -> float:
    """The last price with wealth = kept * v + spread * rho, where the tax moves only `kept` and `spread`."""
    rho, kept, spread, p = 1 / traders, 1.0, 0.0, np.nan
    v = np.full(traders, rho)
    awake, likelihoods = rounds.traders.reshape(T, AWAKE), rounds.likelihoods.reshape(T, AWAKE)
    for t in range(T):
        h = schedule.hazard(t) if schedule and t else 0.0
        kept, spread = (1 - h) * kept, (1 - h) * spread + h
        wealth = kept * v[awake[t]] + spread * rho
        p = wealth @ likelihoods[t] / wealth.sum()
        v[awake[t]] = (wealth * likelihoods[t] / p - spread * rho) / kept
    return float(p)


@pytest.mark.parametrize("tax", TAXES)
def bench_hundred_awake(race, tax):
    schedule = TAXES[tax]
    grue = None if schedule is None else gm.GrueTax(schedule)
    contestants = {n: Engine(even_market(n, grue=grue), likelihoods=_rounds(n)) for n in (SMALL, LARGE)}
    case = f"sparse rounds, 100 awake, N = 10^7, {tax}"
    goal = within("N = 10^5", None if schedule is None else 5)
    race(case, contestants[LARGE], {"N = 10^5": contestants[SMALL]}, [goal])
    for n, contestant in contestants.items():
        expected = _last_price(n, contestant.call["likelihoods"], schedule)
        assert contestant.last_price == pytest.approx(expected, rel=1e-9)
