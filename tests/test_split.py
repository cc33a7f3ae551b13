"""Splits of traders into parts: engine against reference, and against markets that had the parts from the start."""

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket import reference
from polars.testing import assert_frame_equal

N = 4
SOURCES, SHARES = [2, 0, 0, 1, 3, 2, 2], [0.5, 0.25, 0.75, 1.0, 1.0, 0.125, 0.375]
NAMES = ["c", "a", "a'", "b", "d", "c'", "c''"]
ROWS = (np.arange(N + 1), [1, 2, 3, 0], [0.5] * N)
TAXES = {
    "untaxed": None,
    "by round": gm.GrueTax(gm.schedules.inverse()),
    "by episode": gm.GrueTax(gm.schedules.constant(0.2), unit="episode", landmarks={"late": 3.0}),
    "within groups": gm.GrueTax(gm.schedules.constant(0.2), "within groups", unit="batch"),
    "by stage": gm.GrueTax(gm.schedules.inverse(), unit="stage"),
}
LATE = {"nobody": [0, 0, 0, 0], "one enters soon": [0, 4, 0, 0], "who is split enters late": [0, 0, 5, 0]}
RULES = {
    "kelly": gm.Kelly(),
    "fraction": gm.Kelly(0.3),
    "aversions": gm.Isoelastic([0.5, 1.0, 2.0, 4.0]),
    "pool": gm.LogPool(0.3),
    "maker": gm.LMSR(0.2, maker=1),
}
FORECASTS = 0.2 + 0.4 * np.random.default_rng(3).dirichlet(np.ones(3), (5, 6, N)).transpose(0, 1, 3, 2)
OUTCOMES = np.random.default_rng(4).integers(3, size=(5, 6))


def build(market_class, **options):
    given = {"bits": [1.0, 2.0, 3.0, 5.0], "groups": ["x", "x", "y", "y"], "names": list("abcd"), "outcomes": 3}
    return market_class(**given | options)


def story(market, within):
    """Episodes of members that forecast alike until so many rounds of the third; after it each its own way."""
    split_after = 2
    later = 0.2 + 0.4 * np.random.default_rng(5).dirichlet(np.ones(3), (2, 6, len(SOURCES))).transpose(0, 1, 3, 2)
    for e, (forecasts, outcomes) in enumerate(zip(FORECASTS, OUTCOMES, strict=True)):
        stage = "early" if e < 3 else "late"
        if e < split_after:
            market.run(forecasts, outcomes, stage=stage)
            continue
        if e == split_after:
            market.run(forecasts[:within], outcomes[:within], stage=stage)
            market = market.split(SOURCES, SHARES, names=NAMES)
            market.run(forecasts[within:][:, :, SOURCES], outcomes[within:], stage=stage, new_episode=False)
            continue
        market.run(later[e - split_after - 1], outcomes, stage=stage)
    return market


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("tax", TAXES)
def test_engine_is_reference(tax, late):
    options = {"grue": TAXES[tax], "enters_at": LATE[late], "definitions": True}
    ours, theirs = (story(build(kind, **options), 3) for kind in (gm.Market, reference.Market))
    np.testing.assert_allclose(ours.log2_wealth, theirs.log2_wealth, rtol=1e-12)
    np.testing.assert_allclose(ours.bits, theirs.bits, rtol=1e-12)
    assert ours.wealth.sum() + ours.reserve == pytest.approx(1, abs=1e-14)
    assert_frame_equal(ours.provenance(), theirs.provenance(), abs_tol=1e-12)
    columns = ["name", "definition", "switches", "log2_share"]
    assert_frame_equal(ours.definitions().select(columns), theirs.definitions().select(columns), abs_tol=1e-9)
    keys = ["stage", "batch", "cause", "from", "to"]
    books = [m.ledger().filter(pl.col("amount") > 1e-15).sort(keys) for m in (ours, theirs)]
    assert_frame_equal(*books, abs_tol=1e-12)
    assert (ours.names, ours.groups) == (theirs.names, theirs.groups)


@pytest.mark.parametrize("rule", RULES)
def test_rules_agree_with_the_reference(rule):
    ours, theirs = (story(build(kind, clearing=RULES[rule]), 2) for kind in (gm.Market, reference.Market))
    np.testing.assert_allclose(ours.log2_wealth, theirs.log2_wealth, rtol=1e-9)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("tax", TAXES)
def test_parts_have_what_they_would_have_had_as_traders_from_the_start(tax, rule):
    late = build(gm.Market, grue=TAXES[tax], clearing=RULES[rule])
    early = late.split(SOURCES, SHARES)
    for e, (forecasts, outcomes) in enumerate(zip(FORECASTS, OUTCOMES, strict=True)):
        stage = "early" if e < 3 else "late"
        whole = late.run(forecasts, outcomes, stage=stage)
        parts = early.run(forecasts[:, :, SOURCES], outcomes, stage=stage)
        np.testing.assert_allclose(parts.prices, whole.prices, rtol=1e-9)
    np.testing.assert_allclose(late.split(SOURCES, SHARES).log2_wealth, early.log2_wealth, rtol=1e-9)


def test_nothing_is_made_or_lost():
    market = build(gm.Market, grue=TAXES["by round"])
    market.run(FORECASTS[0], OUTCOMES[0])
    after = market.split(SOURCES, SHARES)
    for old, new in (
        (market.wealth, after.wealth),
        (np.exp2(-market.bits), np.exp2(-after.bits)),
        *((market.provenance()[name], after.provenance()[name]) for name in ("never", "main")),
    ):
        np.testing.assert_allclose(np.bincount(SOURCES, new), old, rtol=1e-12)
    assert after.reserve == market.reserve
    assert (after.rounds, after.episodes, after.stage) == (market.rounds, market.episodes, market.stage)
    np.testing.assert_allclose(np.bincount(SOURCES, after.virgin().wealth), market.virgin().wealth, rtol=1e-12)
    assert market.names == list("abcd")


def test_a_split_market_is_saved_as_it_is(tmp_path):
    market = build(gm.Market, grue=TAXES["by episode"], definitions=True, enters_at=LATE["who is split enters late"])
    market.run(FORECASTS[0], OUTCOMES[0])
    market.run(FORECASTS[1], OUTCOMES[1])
    market = market.split(SOURCES, SHARES, names=NAMES)
    market.save(tmp_path / "market")
    loaded = gm.Market.load(tmp_path / "market")
    for one in (market, loaded):
        for e in (2, 3, 4):
            one.run(FORECASTS[e][:, :, SOURCES], OUTCOMES[e])
    assert loaded.log2_wealth.tobytes() == market.log2_wealth.tobytes()
    assert_frame_equal(loaded.definitions(), market.definitions())


def test_drained_traders_split_too():
    market = gm.Market([1, 1])
    market.run(likelihoods=[[1.0, 2.0**-40]] * 100)
    after = market.split([0, 1, 1], [1, 0.5, 0.5])
    np.testing.assert_allclose(after.log2_wealth[1:], market.log2_wealth[1] - 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    (
        (([0, 1, 2, 9], [1, 1, 1, 1]), {}, "trader 9 is not one of 0 to 3"),
        (([0, 1, 2], [1, 1, 1]), {}, "trader 3 have shares that sum to 0"),
        (([0, 1, 2, 3, 3], [1, 1, 1, 0.5, 0.6]), {}, "trader 3 have shares that sum to 1.1"),
        (([0, 1, 2, 3, 3], [1, 1, 1, 1.0, 0.0]), {}, "new trader 4 has the share 0"),
        (([0, 1, 2, 3, 3], [1, 1, 1, 1.0, np.nan]), {}, "new trader 4 has the share NaN"),
        (([0, 1, 2, 3], [1, 1, 1]), {}, "4 sources with 3 shares and 4 names"),
        (([0, 1, 2, 3], [1, 1, 1, 1]), {"grue": gm.GrueTax(gm.schedules.inverse(), ROWS)}, "kernel given by rows"),
        (([0, 1, 1, 2, 3], [1, 0.5, 0.5, 1, 1]), {"clearing": RULES["maker"]}, "trader 1 is the market's maker"),
    ),
)
def test_what_cannot_be_split_is_refused(given, options, message):
    market = build(gm.Market, **options)
    with pytest.raises(gm.MarketError, match=message):
        market.split(*given)
    assert market.wealth.tolist() == [0.5, 0.25, 0.125, 0.03125]
    with pytest.raises(gm.MarketError):
        build(reference.Market, **options).split(*given)
