"""Markets, taxes, kernels and cash that cannot be, each refused with its own clear error."""

import contextlib

import gruemarket as gm
import numpy as np
import pytest
import witness
from refusals import MARKETS, PAID, fresh, refused

BAD_MARKETS = {
    "no traders: .*; give one entry a trader": {"bits": []},
    "no traders: .*give one": {"prior": []},
    "trader 1: NaN is not bits; give finite numbers >= 0": {"bits": [1, np.nan]},
    "trader 1: -0.5 is not bits": {"bits": [2, -0.5]},
    "trader 1: inf is not bits": {"bits": [2, np.inf]},
    "trader 0: NaN is not a prior share": {"prior": [np.nan, 0.5]},
    "trader 1: -0.1 is not a prior share": {"prior": [0.5, -0.1]},
    "trader 1: inf is not a prior share": {"prior": [0.5, np.inf]},
    "every prior share is 0": {"prior": [0.0, 0.0]},
    "the prior sums to 1.5, more than 1 .*normalize=True": {"bits": [0, 1]},
    "the prior sums to 1.2": {"prior": [0.6, 0.6]},
    "the prior sums to 1.00000001": {"prior": [0.5, 0.50000001]},
    "1 outcomes; a question has 2 or more": {"bits": [1], "outcomes": 1},
    "True outcomes": {"bits": [1], "outcomes": True},
    "'two' outcomes": {"bits": [1], "outcomes": "two"},
    "2.0 outcomes": {"bits": [1], "outcomes": 2.0},
    "clearing 1.0 is not a clearing rule; give gm.Kelly": {"bits": [1], "clearing": 1.0},
    "grue .* is not a tax; give gm.GrueTax": {"bits": [1], "grue": gm.schedules.inverse()},
    "dtype 'f16'; 'f64' or 'f32'": {"bits": [1], "dtype": "f16"},
    "trader 1: enters_at -1 is negative": {"bits": [1, 1], "enters_at": [0, -1]},
    "enters_at: dtype float64; give whole numbers": {"bits": [1, 1], "enters_at": [0, 0.5]},
    "a group's label is missing": {"bits": [1, 1], "groups": ["a", None]},
    "group 'tax' has the name of a counterparty": {"bits": [1, 1], "groups": ["a", "tax"]},
    "groups cannot be read": {"bits": [1, 1], "groups": 5},
}


@pytest.mark.parametrize("words", BAD_MARKETS)
def test_markets_that_cannot_be(words):
    with pytest.raises(gm.InputError, match=words):
        gm.Market(**BAD_MARKETS[words])


@pytest.mark.parametrize("bits", (1e9, 1e11, 1e12, 2.0**63, 1e300))
def test_descriptions_too_long_to_keep_are_refused(bits):
    """Where a market can keep such an account it is right, where it cannot it says so."""
    with contextlib.suppress(gm.InputError):
        market = gm.Market([1, bits])
        market.run(likelihoods=[[0.5, 0.25]] * 3)
        assert market.log2_wealth[1] == pytest.approx(-bits, rel=1e-6)


@pytest.mark.parametrize("excess", (-9e-10, 0, 9e-10))
def test_a_sum_within_a_billionth_of_one_counts_as_one(excess):
    market = gm.Market(prior=[0.5, 0.5 + excess])
    assert market.reserve == 0
    assert market.wealth.sum() == pytest.approx(1, abs=1e-15)


BAD_TAXES = {
    "Kelly fraction 0": lambda: gm.Kelly(0),
    "Kelly fraction 1.5": lambda: gm.Kelly(1.5),
    "Kelly fraction nan": lambda: gm.Kelly(np.nan),
    "rate 1.5 is not in \\[0, 1\\]": lambda: gm.schedules.constant(1.5),
    "rate NaN is not in": lambda: gm.schedules.constant(np.nan),
    "rate: dtype": lambda: gm.schedules.constant("x"),
    "Kraft sum is 1.5, more than 1": lambda: gm.schedules.code([1, 0]),
    "is -1; give numbers >= 0": lambda: gm.schedules.code([1, -1]),
    "is NaN; give numbers": lambda: gm.schedules.hazard([0, np.nan]),
    r"index -1 is not one of": lambda: gm.schedules.inverse().hazard(-1),
    "the schedule has 2 entries, but index 2 is reached": lambda: gm.schedules.hazard([0, 1]).hazard(2),
    "is not a schedule; take one from gruemarket.schedules": lambda: gm.GrueTax(0.1),
    "unknown unit 'year'": lambda: gm.GrueTax(gm.schedules.inverse(), unit="year"),
    "unknown kernel 'all'": lambda: gm.GrueTax(gm.schedules.inverse(), kernel="all"),
    "kernel 7; give": lambda: gm.GrueTax(gm.schedules.inverse(), kernel=7),
    "landmark -1 is neither": lambda: gm.GrueTax(gm.schedules.inverse(), landmarks={-1: 1}),
    "landmark 0.5 is neither": lambda: gm.GrueTax(gm.schedules.inverse(), landmarks={0.5: 1}),
    "landmark 3 of -1 bits": lambda: gm.GrueTax(gm.schedules.inverse(), landmarks={3: -1}),
    "landmark 3 of nan bits": lambda: gm.GrueTax(gm.schedules.inverse(), landmarks={3: np.nan}),
    "landmark 3 of 'few' bits": lambda: gm.GrueTax(gm.schedules.inverse(), landmarks={3: "few"}),
    r"landmarks \[3\]; give a dict": lambda: gm.GrueTax(gm.schedules.inverse(), landmarks=[3]),
    "names 2; give one name a trader": lambda: gm.Market([1, 1], names=2),
}


@pytest.mark.parametrize("words", BAD_TAXES)
def test_taxes_that_cannot_be(words):
    with pytest.raises(gm.InputError, match=words):
        BAD_TAXES[words]()


BAD_KERNELS = {
    "kernel: .*1.2": ([0, 2, 2, 2], [1, 2], [0.6, 0.6]),
    "kernel: .*-0.5": ([0, 1, 1, 1], [1], [-0.5]),
    "kernel: .*NaN": ([0, 1, 1, 1], [1], [np.nan]),
    "kernel: .*inf": ([0, 1, 1, 1], [1], [np.inf]),
    "kernel: .*3": ([0, 1, 1, 1], [3], [0.5]),
    "kernel: .*-1": ([0, 1, 1, 1], [-1], [0.5]),
    "kernel: indptr must rise from 0 and have 4 entries": ([0, 1, 1], [1], [0.5]),
    "kernel: indptr must rise": ([0, 1, 0, 1], [1], [0.5]),
    "kernel: indptr must": ([1, 1, 1, 1], [1], [0.5]),
    "kernel: indptr": ([], [1], [0.5]),
    "kernel: ": ([0, 1, 1, 2], [1], [0.5]),
    "kernel: .": ([0, 1, 1, 1], [1], [0.5, 0.5]),
}


@pytest.mark.parametrize("words", BAD_KERNELS)
def test_kernels_that_cannot_be(words):
    tax = gm.GrueTax(gm.schedules.inverse(), kernel=BAD_KERNELS[words])
    with pytest.raises(gm.InputError, match=words):
        gm.Market([2, 2, 2], grue=tax)


@pytest.mark.parametrize("unit", ("round", "episode", "batch"))
def test_a_schedule_that_is_too_short(unit):
    market = gm.Market([1, 1], grue=gm.GrueTax(gm.schedules.hazard([0, 1, 1]), unit=unit), definitions=unit != "round")
    three = [np.full((1, 2), 0.5)] * 3
    for part in three:
        market.run(likelihoods=part)
    words = "the schedule has 3 entries, but index 3 is reached; give one entry an index"
    with refused(market, words):
        market.run(likelihoods=three[0])
    with refused(market, words):
        market.run_batch(three)
    if unit == "round":
        with refused(market, words):
            market.price([0.5, 0.5])
        with refused(market, words):
            market.settle([0.5, 0.5], 1)
        with refused(market, words):
            market.run(gm.SparseRounds([0, 1], [0], [0.5]), [1])


@pytest.mark.parametrize("kind", MARKETS)
def test_cash_that_cannot_be(kind):
    market = MARKETS[kind]()
    for words, shares in {
        "trader 1: NaN": [0.1, np.nan, 0.1, 0.1, 0.1, 0.1],
        "trader 2: -0.1": [0.1, 0.1, -0.1, 0.1, 0.1, 0.1],
        "sums? to 1.2": [0.2] * 6,
    }.items():
        with refused(market, words):
            market.with_wealth(shares)


def test_definitions_cannot_follow_rounds_of_parallel_episodes():
    market = fresh(definitions=True)
    with refused(market, "definitions=True with a tax by round cannot follow"):
        market.run_batch([PAID, PAID])


def test_what_is_not_kept_is_said():
    market = witness.market("anything", provenance=False)
    with refused(market, "keeps no provenance; build it with provenance=True"):
        market.provenance()
    with refused(market, "build it with definitions=True"):
        market.definitions()
