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


def _sparse(awake: np.ndarray, likelihoods: np.ndarray) -> gm.SparseRounds:
    return gm.SparseRounds(np.arange(len(awake) + 1) * AWAKE, awake.ravel(), likelihoods=likelihoods.ravel())


def _rounds(traders: int) -> tuple[np.ndarray, np.ndarray]:
    """(T + 2, AWAKE) traders and likelihoods; the first two rounds are the opening."""
    rng = np.random.default_rng(traders)
    awake = np.stack([rng.choice(traders, AWAKE, replace=False) for _ in range(T + 2)])
    return awake, rng.uniform(0.2, 0.9, awake.shape)


def _last_price(traders: int, awake: np.ndarray, likelihoods: np.ndarray, schedule: gm.Schedule | None) -> float:
    """The last price with wealth = kept * v + spread * rho, where the tax moves only `kept` and `spread`."""
    rho, kept, spread, p = 1 / traders, 1.0, 0.0, np.nan
    v = np.full(traders, rho)
    for t in range(T + 2):
        h = schedule.hazard(t) if schedule and t else 0.0
        kept, spread = (1 - h) * kept, (1 - h) * spread + h
        wealth = kept * v[awake[t]] + spread * rho
        p = wealth @ likelihoods[t] / wealth.sum()
        v[awake[t]] = (wealth * likelihoods[t] / p - spread * rho) / kept
    return float(p)


def _contestant(prior: gm.Market, awake: np.ndarray, likelihoods: np.ndarray) -> Engine:
    opening = [_sparse(awake[t : t + 1], likelihoods[t : t + 1]) for t in range(2)]
    return Engine(prior, opening=opening, likelihoods=_sparse(awake[2:], likelihoods[2:]))


@pytest.mark.parametrize("tax", TAXES)
def bench_hundred_awake(race, tax):
    schedule = TAXES[tax]
    grue = None if schedule is None else gm.GrueTax(schedule)
    rounds = {n: _rounds(n) for n in (SMALL, LARGE)}
    contestants = {n: _contestant(even_market(n, grue=grue), *rounds[n]) for n in rounds}
    case = f"sparse rounds, 100 awake, N = 10^7, {tax}"
    goal = within("N = 10^5", None if schedule is None else 5)
    race(case, contestants[LARGE], {"N = 10^5": contestants[SMALL]}, [goal])
    for n, contestant in contestants.items():
        expected = _last_price(n, *rounds[n], schedule)
        assert contestant.last_price == pytest.approx(expected, rel=1e-9)
