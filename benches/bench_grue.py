"""The Grue tax in every round: into anything, within groups, and with provenance by stage.

"Bare" keeps neither provenance nor regret; "default" is what one gets without asking.
"""

from typing import Any

import gruemarket as gm
import numpy as np
import pytest
from race import Contestant, faster, within
from rivals import Engine, PlainLoop, some_likelihoods

N, T, GROUPS = 10**6, 48, 1_000
LOOP = "numpy loop without tax"
MODES = {"bare": ({"provenance": False}, {"regret": False}), "default": ({}, {})}
PRICE = {"rel": 1e-9}


class World:
    """A prior, groups in no order, and rounds."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.shares = rng.dirichlet(np.ones(N))
        self.groups = rng.integers(0, GROUPS, N)
        self.likelihoods = some_likelihoods(T, N)

    def market(self, kernel: str = "anything", **settings: Any) -> gm.Market:
        """Taxed in every round."""
        return gm.Market(prior=self.shares, grue=gm.GrueTax(gm.schedules.inverse(), kernel=kernel), **settings)

    def taxed_price(self, groups: np.ndarray | None = None) -> float:
        """The last price by the formula: w <- (1 - h) w + h rho W, with rho and W of the trader's own group."""
        groups = np.zeros(N, dtype=np.int64) if groups is None else groups
        w, p = self.shares.copy(), np.nan
        rho = w / np.bincount(groups, w)[groups]
        for t, likelihood in enumerate([*self.likelihoods[[0, 0]], *self.likelihoods]):  # the opening, then all
            if t:
                w += (rho * np.bincount(groups, w)[groups] - w) / (t + 1)
            p = likelihood @ w
            w *= likelihood / p
        return float(p)


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.mark.parametrize("mode", MODES)
def bench_into_anything(race, world, mode):
    settings, call = MODES[mode]
    engine = Engine(world.market(**settings), likelihoods=world.likelihoods, **call)
    loop = PlainLoop(world.likelihoods, world.shares)
    race(f"Grue tax every round, N = 10^6, f64, {mode}", engine, {LOOP: loop}, [faster(LOOP, 1.5)])
    assert engine.last_price == pytest.approx(world.taxed_price(), **PRICE)


@pytest.mark.parametrize("mode", MODES)
def bench_within_groups(race, world, mode):
    settings, call = MODES[mode]
    call = {"likelihoods": world.likelihoods, **call}
    engine = Engine(world.market("within groups", groups=world.groups, **settings), **call)
    rivals = {
        "anything": Engine(world.market(**settings), **call),
        "anything, same groups": Engine(world.market(groups=world.groups, **settings), **call),
    }
    race(
        f"tax within {GROUPS:,} shuffled groups, {mode}",
        engine,
        rivals,
        [within("anything", 1.6), within("anything, same groups")],
    )
    assert engine.last_price == pytest.approx(world.taxed_price(world.groups), **PRICE)
    for rival in rivals.values():
        assert rival.last_price == pytest.approx(world.taxed_price(), **PRICE)


class FourStages(Contestant):
    """The rounds in four calls, each of a stage of its own."""

    def __init__(self, prior: gm.Market, likelihoods: np.ndarray, *, regret: bool) -> None:
        self.prior, self.likelihoods, self.regret = prior, likelihoods, regret
        super().__init__(play=self.run, ready=self.begin)

    def begin(self) -> None:
        """A fresh market, and the opening."""
        self.market = self.prior.virgin()
        for _ in range(2):
            self.market.run(likelihoods=self.likelihoods[:1], stage="a", regret=self.regret)

    def run(self) -> float:
        """The last price."""
        for stage, rows in zip("abcd", np.split(self.likelihoods, 4), strict=True):
            loss_bits = self.market.run(likelihoods=rows, stage=stage, regret=self.regret).loss_bits
        return 2.0 ** -float(loss_bits[-1])


@pytest.mark.parametrize("regret", (False, True), ids=["without regret", "with regret"])
def bench_provenance(race, world, regret):
    engine = FourStages(world.market(), world.likelihoods, regret=regret)
    rival = FourStages(world.market(provenance=False), world.likelihoods, regret=regret)
    case = f"provenance in 4 stages, {'with' if regret else 'without'} regret"
    race(case, engine, {"without provenance": rival}, [within("without provenance", 1.8)])
    assert engine.result == rival.result
    assert engine.result == pytest.approx(world.taxed_price(), **PRICE)
    frame = engine.market.provenance()
    parts = frame.select("never", *"abcd").to_numpy()
    assert np.allclose(parts.sum(axis=1), frame["wealth"], rtol=1e-9)
    assert (parts.sum(axis=0) > 0).all()
