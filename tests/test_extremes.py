"""Numbers at their ends, engine against reference: money at 2^-100000, certainties, tiny likelihoods, tile edges."""

from itertools import pairwise

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
import witness
from gruemarket import reference

BOTH = (gm.Market, reference.Market)
TILE = 8192  # traders
EDGES = (1, 2, 31, 32, 33, 63, 65, 511, 512, 513, TILE - 1, TILE, TILE + 1)


def same_books(ours, theirs, rtol=1e-10):
    np.testing.assert_allclose(ours.log2_wealth, theirs.log2_wealth, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.reserve, theirs.reserve, rtol=rtol, atol=1e-14)
    assert ours.wealth.sum() + ours.reserve == pytest.approx(1, abs=max(1e-12, 10 * rtol))


def same_runs(ours, theirs, rtol=1e-10):
    np.testing.assert_allclose(ours.prices, theirs.prices, rtol=rtol, atol=1e-300)
    np.testing.assert_allclose(ours.loss_bits, theirs.loss_bits, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.regret_bits, theirs.regret_bits, rtol=rtol, atol=1e3 * rtol)


def compared(story, *, rtol=1e-10, **settings):
    """Both markets through the same story of (method, arguments); returns the engine's."""
    ours, theirs = (market_class(**settings) for market_class in BOTH)
    same_books(ours, theirs, rtol)
    for method, given in story:
        same_runs(*(getattr(market, method)(**given) for market in (ours, theirs)), rtol)
        same_books(ours, theirs, rtol)
    return ours


def rounds(likelihoods, **more):
    return "run", {"likelihoods": np.array(likelihoods, dtype=float), **more}


def taxes(schedule):
    """The same schedule with each kernel, for four traders, and none."""
    return [witness.tax(kernel, 4, schedule=schedule) for kernel in witness.KERNELS]


TAXES = taxes(gm.schedules.constant(0.01))
GROUPS = ["rich", "poor", "poor", "rich"]
SURVIVORS = np.random.default_rng(0).uniform(0.2, 0.9, (12, 4))


# --- The drained


@pytest.mark.parametrize("dtype", ("f64", "f32"))
@pytest.mark.parametrize("bits", (100.0, 1074.0, 5000.5, 100_000.25, 3_000_000.0))
def test_a_group_whose_whole_wealth_is_next_to_nothing(bits, dtype):
    """Its inner life is that of any group: prices among the awake, taxes within."""
    prior_bits = [1.0, bits, bits + 1, 2.0]
    awake = np.array([0.0, 1.0, 1.0, 0.0])
    for kernel in witness.KERNELS:
        tax = witness.tax(kernel, 4)
        compared(
            [
                rounds(SURVIVORS),
                rounds(SURVIVORS, stakes=awake, new_episode=False),
                rounds(SURVIVORS, stakes=0.5 * awake, stage="next"),
                rounds(SURVIVORS[:, ::-1], new_episode=False),
            ],
            bits=prior_bits,
            grue=tax,
            groups=GROUPS,
            dtype=dtype,
            # a log2 of 3e6 has an ulp of 5e-10
            rtol=max(1e-10, 2e-15 * bits) if dtype == "f64" else 1e-4,
        )


@pytest.mark.parametrize("tax", TAXES, ids=witness.KERNELS)
def test_traders_that_were_drained_by_the_rounds(tax):
    """By 100,000 bits each, then woken by the tax, or alone at the table."""
    against = np.tile([1.0, 2.0**-500, 2.0**-499, 1.0], (200, 1))
    silent = gm.GrueTax(tax.schedule, tax.kernel, dict.fromkeys(range(1, 200), 900.0)) if tax else None
    market = compared(
        [
            rounds(against),
            rounds(SURVIVORS, new_episode=False, stakes=[0, 1, 0.5, 0]),
            rounds(SURVIVORS, new_episode=False),
        ],
        prior=np.full(4, 0.25),
        grue=silent,
        groups=GROUPS,
    )
    if tax is None:
        assert market.log2_wealth[1] < -90_000


@pytest.mark.parametrize("hazard", (0.5, 2.0**-60, 2.0**-900))
def test_a_drained_group_keeps_to_itself(hazard):
    """Taxes within a poor group are of its own money: no rounding of the rich group's."""
    compared(
        [rounds(np.tile([1.0, 2.0**-500, 2.0**-499], (30, 1)))],
        prior=[0.5, 0.25, 0.25],
        groups=["rich", "poor", "poor"],
        grue=gm.GrueTax(gm.schedules.constant(hazard), "within groups"),
    )


def test_the_leader_is_bankrupt_in_one_round():
    for low in (300.0, 2000.0, 100_000.0):
        market = compared(
            [
                rounds([[0.5, 0.25, 0.125]] * 3),
                rounds([[0.0, 0.25, 0.5]]),
                rounds([[0.5, 0.25, 0.5]] * 4, new_episode=False),
            ],
            bits=[0.0, low, low + 3],
        )
        assert market.wealth[0] == 0
        assert market.log2_wealth[0] == -np.inf
        assert market.wealth[1:].sum() == pytest.approx(1)


@pytest.mark.parametrize("dtype", ("f64", "f32"))
def test_bankrupt_by_every_kernel(dtype):
    for tax in TAXES:
        compared(
            [
                rounds([[0.5, 0.25, 0.125, 0.5]] * 3),
                rounds([[0.0, 0.25, 0.5, 0.0]]),
                rounds([[0.5, 0.0, 0.5, 0.25]] * 2, new_episode=False),
                rounds(SURVIVORS),
            ],
            bits=[0.0, 2000.0, 2003.0, 3000.0],
            normalize=True,
            grue=tax,
            groups=GROUPS,
            dtype=dtype,
            rtol=1e-10 if dtype == "f64" else 1e-4,
        )


# --- Tiny likelihoods

TINY = (1e-300, 2.2250738585072014e-308, 1e-310, 5e-324)


@pytest.mark.parametrize("dtype", ("f64", "f32"))
@pytest.mark.parametrize("tiny", (1e-30, 1e-39, 1e-41, *TINY))
def test_tiny_likelihoods(tiny, dtype):
    some, all_of_them = np.array([tiny, 0.5, 2 * tiny, 1.0]), tiny * np.array([1.0, 2, 3, 4])
    stories = {
        "some": [rounds([some] * 7), rounds([some[::-1]] * 9, new_episode=False)],
        "all": [rounds([all_of_them] * 7), rounds([all_of_them[::-1]] * 7)],
        "staked": [rounds([some] * 3, stakes=[1, 0.5, 1, 0]), rounds([all_of_them] * 3, stakes=[1, 0.5, 1, 0])],
        "batch": [("run_batch", {"episodes": [np.array([some] * 5), np.array([all_of_them])]})],
    }
    for story in stories.values():
        for tax in TAXES:
            compared(story, prior=[0.4, 0.3, 0.2, 0.1], grue=tax, dtype=dtype, rtol=1e-10 if dtype == "f64" else 1e-4)


@pytest.mark.parametrize("tiny", (1e-300, 1e-310, 5e-324))
def test_tiny_forecasts(tiny):
    forecasts = np.array([[[tiny, 0.5, 2 * tiny, 1.0], [1.0, 0.5, 1.0, 0.0]]] * 3)
    for outcomes in ([0, 0, 0], [1, 0, 1]):
        compared(
            [("run", {"forecasts": forecasts, "outcomes": outcomes, "stakes": [1, 1, 0.5, 0.25]})], prior=[0.25] * 4
        )
        awake = gm.SparseRounds([0, 2, 4, 5], [0, 2, 0, 1, 1], forecasts[0].T[[0, 2, 0, 1, 1]])
        compared([("run", {"forecasts": awake, "outcomes": outcomes})], prior=[0.25] * 4)


def test_single_precision_likelihoods_below_its_normal_numbers():
    values = np.array([[1e-45, 1e-40, 0.5, 3e-39]] * 5, dtype=np.float32)
    for dtype in ("f64", "f32"):
        compared(
            [("run", {"likelihoods": values}), ("run", {"likelihoods": values[:, ::-1]})],
            prior=[0.25] * 4,
            dtype=dtype,
            rtol=1e-10 if dtype == "f64" else 1e-4,
        )


# --- Priors, hazards, kernels


@pytest.mark.parametrize("dtype", ("f64", "f32"))
def test_priors_of_all_sizes(dtype):
    bits = np.concatenate([[0.5, 3], np.linspace(10, 5000, 60), np.linspace(50, 3000, 60)])
    rng = np.random.default_rng(3)
    for kernel in witness.KERNELS:
        compared(
            [rounds(rng.uniform(0.01, 1, (20, 122))), rounds(rng.uniform(0.01, 1, (5, 122)))],
            bits=bits,
            grue=witness.tax(kernel, 122),
            groups=rng.integers(5, size=122).tolist(),
            dtype=dtype,
            rtol=1e-10 if dtype == "f64" else 1e-4,
        )


@pytest.mark.parametrize("hazard_bits", (0.0, 1e-12, 60.0, 900.0, 1074.0))
def test_hazards_of_all_sizes(hazard_bits):
    schedule = gm.schedules.hazard(np.full(40, hazard_bits))
    for tax in taxes(schedule)[1:]:
        compared(
            [rounds(SURVIVORS), rounds(SURVIVORS[::-1], stakes=[1, 0, 0.5, 0.5], stage="b")],
            bits=[0.0, 2000.0, 5000.0, 50.0],
            normalize=True,
            grue=tax,
            groups=GROUPS,
        )


def test_a_tax_on_a_drained_payer():
    """What pays next to nothing pays its part of it: 2^-100000 into 2^-100000."""
    kernel = (np.array([0, 0, 1, 2, 2]), np.array([2, 1]), np.array([1.0, 1.0]))  # 1 and 2 change places
    compared(
        [rounds(SURVIVORS)],
        bits=[0.1, 100_000.0, 200_000.0, 6.0],
        grue=gm.GrueTax(gm.schedules.constant(0.25), kernel),
    )


def test_kernel_rows_that_sum_to_nothing():
    kernel = (np.array([0, 0, 2, 2, 3]), np.array([0, 2, 3]), np.array([0.0, 0.0, 1.0]))
    for hazard in (0.0, 0.5, 1.0):
        market = compared([rounds(SURVIVORS)], prior=[0.25] * 4, grue=gm.GrueTax(gm.schedules.constant(hazard), kernel))
        assert market.ledger().filter(cause="grue tax").is_empty()


def test_a_hazard_of_one_moves_all_that_the_kernel_lets_go():
    kernel = (np.array([0, 1, 1, 2, 3]), np.array([1, 3, 2]), np.array([1.0, 1.0, 0.5]))
    compared([rounds(SURVIVORS)], prior=[0.25] * 4, grue=gm.GrueTax(gm.schedules.constant(1.0), kernel))


# --- Batches


def test_very_unequal_episodes():
    for tax in (None, *(witness.tax(kernel, 4, unit="episode") for kernel in witness.KERNELS[1:]), *TAXES[1:]):
        episodes = [
            np.tile([1.0, 2.0**-400, 0.5, 0.25], (40, 1)),
            np.array([[0.25, 1.0, 0.5, 0.5]]),
            np.empty((0, 4)),
            np.tile([2.0**-900, 1.0, 1.0, 2.0**-30], (3, 1)),
        ]
        compared(
            [("run_batch", {"episodes": episodes}), ("run_batch", {"episodes": episodes[::-1]}), rounds(SURVIVORS)],
            bits=[1.0, 2000.0, 3.0, 2.0],
            grue=tax,
            groups=GROUPS,
        )


# --- Sleep


@pytest.mark.parametrize("tax", TAXES, ids=witness.KERNELS)
def test_long_sleep(tax):
    asleep = np.zeros((300, 4))
    asleep[::60, 1] = 0.5
    none = np.full((300, 4), 0.5)
    sparse = gm.SparseRounds(np.repeat([0, 1, 2], [100, 100, 101]), [1, 2], likelihoods=[0.5, 0.25])
    compared(
        [
            rounds(none, stakes=np.zeros(4)),
            rounds(none, stakes=asleep),
            ("run", {"likelihoods": sparse, "new_episode": False}),
            rounds(SURVIVORS),
        ],
        bits=[1.0, 800.0, 90.0, 2.0],
        grue=tax,
        groups=GROUPS,
    )


@pytest.mark.parametrize("tax", TAXES, ids=witness.KERNELS)
def test_sparse_rounds_of_the_drained(tax):
    draw = np.random.default_rng(11)
    who = np.concatenate([draw.permutation(4)[:2] for _ in range(60)])
    likelihoods = draw.choice([1e-300, 0.25, 1.0, 2.0**-200], size=120)
    sparse = gm.SparseRounds(np.arange(0, 121, 2), who, likelihoods=likelihoods, stakes=draw.choice([0.5, 1], size=120))
    for bits in ([2.0] * 4, [0.0, 1500.0, 3000.0, 40_000.0]):
        compared(
            [("run", {"likelihoods": sparse}), rounds(SURVIVORS), ("run", {"likelihoods": sparse})],
            bits=bits,
            normalize=True,
            grue=tax,
            groups=GROUPS,
        )


# --- Edges of lanes and tiles


@pytest.mark.parametrize("dtype", ("f64", "f32"))
@pytest.mark.parametrize("traders", EDGES)
def test_numbers_of_traders_around_lanes_and_tiles(traders, dtype):
    """Against an independent sum; the reference's kernels are dense matrices, so only small markets have taxes."""
    rtol = 1e-10 if dtype == "f64" else 2e-4
    one, outcomes = witness.opinions(traders, 5, seed=traders)
    stakes = witness.stakes((5, traders), seed=traders)
    bits = np.log2(traders) + np.random.default_rng(traders).uniform(0, 30, traders)
    story = [
        ("run", {"forecasts": one, "outcomes": outcomes}),
        ("run", {"forecasts": witness.full(one), "outcomes": outcomes, "stakes": stakes}),
        ("run", {"forecasts": witness.sparse(one, outcomes, 1), "outcomes": outcomes}),
        ("run_batch", {"episodes": [(one, outcomes), (one[:2], 1 - outcomes[:2])]}),
    ]
    groups = (np.arange(traders) % 7).tolist()
    for kernel in witness.KERNELS if traders <= 65 else ["untaxed"]:
        settings = {"grue": witness.tax(kernel, traders), "groups": groups, "normalize": True}
        compared(story, bits=bits, dtype=dtype, rtol=rtol, **settings)


@pytest.mark.parametrize("traders", (TILE - 1, TILE, TILE + 1))
@pytest.mark.parametrize("alone", (0, -1))
def test_money_in_the_last_corner(traders, alone):
    """Everybody but one at the edge of a tile is bankrupt, and the one had next to nothing."""
    bits = np.full(traders, 20.0)
    bits[alone] = 4000.0
    market = gm.Market(bits)
    likelihoods = np.zeros((1, traders))
    likelihoods[0, alone] = 0.5
    run = market.run(likelihoods=likelihoods)
    assert run.loss_bits[0] == pytest.approx(4001 - 20 + np.log2(traders - 1), rel=1e-12)
    assert market.log2_wealth[alone] == pytest.approx(np.log2(1 - market.reserve), abs=1e-12)
    assert np.isneginf(market.log2_wealth).sum() == traders - 1


# --- Many rounds in one call, and cut


@pytest.mark.parametrize("dtype", ("f64", "f32"))
@pytest.mark.parametrize("kernel", witness.KERNELS)
@pytest.mark.parametrize("kind", ("likelihoods", "full", "stakes", "sparse", "definitions"))
def test_many_rounds_cut_at_odd_places(kernel, kind, dtype):
    traders, count = 37, 5000
    one, outcomes = witness.opinions(traders, count, seed=2)
    stakes = witness.stakes((count, traders), seed=2)
    sparse = witness.sparse(one[:count], outcomes, seed=2)

    def play(market, part, **place):
        match kind:
            case "full":
                return market.run(witness.full(one[part]), outcomes[part], **place)
            case "stakes":
                return market.run(one[part], outcomes[part], stakes[part], **place)
            case "sparse":
                entries = slice(sparse.indptr[part.start], sparse.indptr[part.stop])
                starts = sparse.indptr[part.start : part.stop + 1] - sparse.indptr[part.start]
                listed = gm.SparseRounds(
                    starts, sparse.traders[entries], sparse.forecasts[entries], stakes=sparse.stakes[entries]
                )
                return market.run(listed, outcomes[part], **place)
            case _:
                return market.run(likelihoods=witness.paid(one, outcomes)[part], **place)

    start = witness.market(kernel, traders, dtype=dtype, definitions=kind == "definitions")
    whole, cut = start.virgin(), start.virgin()
    prices = play(whole, slice(0, count)).prices
    edges = [0, 1, 2, 7, 63, 64, 65, 1000, 1023, 1025, 3333, 4999, count]
    parts = [play(cut, slice(*edge), new_episode=edge[0] == 0).prices for edge in pairwise(edges)]
    assert np.concatenate(parts).tobytes() == prices.tobytes()
    assert witness.seen(cut) == witness.seen(whole)


@pytest.mark.parametrize("fall_bits", (0, 63, 65, 300, 600, 1000))
@pytest.mark.parametrize("kernel", ("anything", "within groups"))
def test_many_groups_through_a_great_fall(kernel, fall_bits):
    """Sums by group run on through several tiles, in the unit of before the fall; plain arrays are the oracle."""
    traders, hazard = 3 * TILE + 100, 0.125
    rng = np.random.default_rng(5)
    prior, groups = 2.0 ** -rng.uniform(14, 60, traders), rng.integers(400, size=traders)
    prior /= prior.sum()
    settings = {"groups": groups, "grue": gm.GrueTax(gm.schedules.constant(hazard), kernel), "normalize": True}
    likelihoods = rng.uniform(0.2, 0.9, (6, traders))
    fallen = likelihoods * 2.0 ** -np.array([0, 0, fall_bits, 0, fall_bits, 0])[:, None]
    whole, cut = gm.Market(prior=prior, **settings), gm.Market(prior=prior, **settings)
    whole.run(likelihoods=fallen)
    for t in range(len(fallen)):
        cut.run(likelihoods=fallen[t : t + 1], new_episode=t == 0)
    assert witness.seen(cut) == witness.seen(whole)

    payers = groups if kernel == "within groups" else np.zeros_like(groups)
    w, rho, moved = prior, prior / np.bincount(payers, prior)[payers], 0.0
    for t, likelihood in enumerate(likelihoods):
        if t:
            inflow = hazard * rho * np.bincount(payers, w)[payers]
            moved += np.bincount(groups, inflow - hazard * rho * w)
            w = (1 - hazard) * w + inflow
        w = w * likelihood / (w @ likelihood)
    np.testing.assert_allclose(whole.wealth, w, rtol=1e-11)
    received = whole.ledger().filter(pl.col("from") == "tax")
    assert len(received) == len(moved)
    np.testing.assert_allclose(received["amount"], moved[received["to"].cast(int)], rtol=1e-9)


@pytest.mark.parametrize("kernel", witness.KERNELS)
def test_many_rounds_are_the_references(kernel):
    one, outcomes = witness.opinions(9, 1500, seed=6)
    compared(
        [("run", {"likelihoods": witness.paid(one, outcomes)})],
        bits=np.linspace(2.5, 6, 9),
        normalize=True,
        grue=witness.tax(kernel, 9, schedule=gm.schedules.inverse()),
        rtol=1e-9,
    )
