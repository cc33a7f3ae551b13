"""The Grue tax in every round: into anything, within groups, and with provenance by stage.

"Bare" keeps neither provenance nor regret; "default" is what one gets without asking.
"""

from functools import cache

import gruemarket as gm
import numpy as np
import pytest
from race import Contestant, faster, within
from rivals import Engine, PlainLoop, some_likelihoods

N, T, GROUPS = 10**6, 20, 1_000
LOOP = "numpy loop without tax"
MODES = {"bare": ({"provenance": False}, {"regret": False}), "default": ({}, {})}
PRICE = {"rel": 1e-9}


@cache
def _shares() -> np.ndarray:
    return np.random.default_rng(1).dirichlet(np.ones(N))


@cache
def _groups() -> np.ndarray:
    return np.random.default_rng(2).integers(0, GROUPS, N)


@cache
def _likelihoods() -> np.ndarray:
    return some_likelihoods(T, N)


def _market(kernel: str = "anything", **settings) -> gm.Market:
    return gm.Market(prior=_shares(), grue=gm.GrueTax(gm.schedules.inverse(), kernel=kernel), **settings)


def _taxed_price(groups: np.ndarray) -> float:
    """The last price by the formula: w <- (1 - h) w + h rho W, with rho and W of the trader's own group."""
    w, p = _shares().copy(), np.nan
    rho = w / np.bincount(groups, w)[groups]
    for t, likelihood in enumerate(_likelihoods()):
        if t:
            w += (rho * np.bincount(groups, w)[groups] - w) / (t + 1)
        p = likelihood @ w
        w *= likelihood / p
    return float(p)


@pytest.mark.parametrize("mode", MODES)
def bench_into_anything(race, mode):
    settings, call = MODES[mode]
    engine = Engine(_market(**settings), likelihoods=_likelihoods(), **call)
    loop = PlainLoop(_likelihoods(), _shares())
    race(f"Grue tax every round, N = 10^6, f64, {mode}", engine, {LOOP: loop}, [faster(LOOP, 1.5)])
    assert engine.last_price == pytest.approx(_taxed_price(np.zeros(N, dtype=int)), **PRICE)


@pytest.mark.parametrize("mode", MODES)
def bench_within_groups(race, mode):
    settings, call = MODES[mode]
    call = {"likelihoods": _likelihoods(), **call}
    engine = Engine(_market("within groups", groups=_groups(), **settings), **call)
    rivals = {
        "anything": Engine(_market(**settings), **call),
        "anything, same groups": Engine(_market(groups=_groups(), **settings), **call),
    }
    race(
        f"tax within {GROUPS:,} shuffled groups, {mode}",
        engine,
        rivals,
        [within("anything", 1.6), within("anything, same groups")],
    )
    assert engine.last_price == pytest.approx(_taxed_price(_groups()), **PRICE)
    for rival in rivals.values():
        assert rival.last_price == pytest.approx(_taxed_price(np.zeros(N, dtype=int)), **PRICE)


class FourStages(Contestant):
    """The rounds in four calls, each of a stage of its own."""

    def __init__(self, prior: gm.Market, *, regret: bool) -> None:
        self.prior, self.regret = prior, regret
        super().__init__(play=self.run, ready=self.begin)

    def begin(self) -> None:
        """A fresh market."""
        self.market = self.prior.virgin()

    def run(self) -> float:
        """The last price."""
        for stage, rows in zip("abcd", np.split(_likelihoods(), 4), strict=True):
            run = self.market.run(likelihoods=rows, stage=stage, regret=self.regret)
        return 2.0 ** -float(run.loss_bits[-1])


@pytest.mark.parametrize("regret", [False, True], ids=["without regret", "with regret"])
def bench_provenance(race, regret):
    engine = FourStages(_market(), regret=regret)
    rival = FourStages(_market(provenance=False), regret=regret)
    case = f"provenance in 4 stages, {'with' if regret else 'without'} regret"
    race(case, engine, {"without provenance": rival}, [within("without provenance", 1.8)])
    assert engine.result == rival.result
    assert engine.result == pytest.approx(_taxed_price(np.zeros(N, dtype=int)), **PRICE)
    frame = engine.market.provenance()
    parts = frame.select("never", *"abcd").to_numpy()
    assert np.allclose(parts.sum(axis=1), frame["wealth"], rtol=1e-9)
    assert (parts.sum(axis=0) > 0).all()
