"""Fuzz: nothing but errors of ours, or Python's TypeError, comes across the border."""

import contextlib

import gruemarket as gm
import numpy as np
import pytest
import witness
from hypothesis import given, settings
from hypothesis import strategies as st

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.lists(st.one_of(st.floats(), st.none(), st.integers(-3, 3), st.text(max_size=1)), max_size=4),
)
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
DTYPES = st.sampled_from([np.float64, np.float32, np.int64, np.uint8, bool, ">f8", np.float16, object])
FLOATS = st.sampled_from([0.0, -0.0, 0.5, 1.0, 0.25, np.nan, np.inf, -1.0, 5e-324, 1e-310, 2.0, 1e300])


@st.composite
def arrays(draw):
    if draw(st.integers(0, 4)) == 0:
        return draw(ODD)
    shape = draw(st.one_of(SHAPES, st.sampled_from([(1, 3), (2, 3), (2, 2, 3), (3,), (1,), (2,)])))
    values = draw(st.lists(FLOATS, min_size=1, max_size=6))
    with np.errstate(all="ignore"):
        return np.resize(np.array(values), shape).astype(draw(DTYPES))


INTEGERS = st.lists(st.sampled_from([0, 0, 1, 1, 2, 3, -1, 2**40, 2**63 - 1, -(2**63)]), max_size=5)


@st.composite
def calls(draw):
    sparse = {"indptr": draw(INTEGERS), "traders": draw(INTEGERS), "stakes": draw(st.none() | arrays())}
    a, b, c = draw(arrays()), draw(arrays() | INTEGERS), draw(st.none() | arrays())
    stage = draw(st.sampled_from([None, "s", "", 3]))
    return draw(
        st.sampled_from(
            [
                lambda m: m.run(a, b, c, stage=stage),
                lambda m: m.run(likelihoods=a, stakes=c, stage=stage),
                lambda m: m.run(gm.SparseRounds(forecasts=a, **sparse), b),
                lambda m: m.run(likelihoods=gm.SparseRounds(likelihoods=a, **sparse)),
                lambda m: m.run_batch([(a, b), (a, b, c)]),
                lambda m: m.run_batch([a, b], stakes=c),
                lambda m: m.run_batch([{"likelihoods": gm.SparseRounds(likelihoods=a, **sparse)}]),
                lambda m: m.run_blocks([a, (a, b), b]),
                lambda m: m.price(a, c),
                lambda m: m.settle(a, b, c),
                lambda m: m.with_wealth(a),
            ]
        )
    )


@contextlib.contextmanager
def only_our_errors():
    with contextlib.suppress(gm.MarketError, TypeError):
        yield


@settings(max_examples=600)
@given(st.sampled_from(["anything", "untaxed", "csr"]), st.sampled_from(["f64", "f32"]), st.lists(calls(), max_size=3))
def test_nothing_else_comes_across_the_border(kernel, dtype, story):
    market = gm.Market(prior=[0.5, 0.25, 0.125], grue=witness.tax(kernel, 3), dtype=dtype)
    for call in story:
        with only_our_errors():
            call(market)
        money = market.wealth.sum() + market.reserve
        assert money == pytest.approx(1, abs=1e-9 if dtype == "f64" else 1e-5)


@settings(max_examples=400)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "bits": arrays(),
            "prior": arrays(),
            "outcomes": ODD,
            "groups": ODD | INTEGERS,
            "names": ODD,
            "enters_at": arrays() | INTEGERS,
            "dtype": st.sampled_from(["f64", "f32", None]),
            "normalize": st.booleans(),
            "grue": st.sampled_from(
                [None, *(witness.tax(kernel, 3) for kernel in ("anything", "csr", "within groups"))]
            ),
        },
    )
)
def test_no_market_is_built_from_nonsense(given):
    with only_our_errors():
        market = gm.Market(**given)
        with only_our_errors():
            market.run(likelihoods=np.full((2, len(market)), 0.5))
        assert market.wealth.sum() + market.reserve == pytest.approx(1, abs=1e-5)


@given(arrays(), st.sampled_from(["constant", "code", "hazard"]), st.integers(-2, 2**65))
def test_no_schedule_is_built_from_nonsense(values, kind, at):
    with only_our_errors():
        schedule = getattr(gm.schedules, kind)(values)
        assert 0 <= schedule.hazard(at) <= 1


@given(arrays() | INTEGERS, arrays() | INTEGERS, arrays())
def test_no_kernel_is_built_from_nonsense(indptr, targets, shares):
    with only_our_errors():
        gm.Market([2, 2, 2], grue=gm.GrueTax(gm.schedules.inverse(), kernel=(indptr, targets, shares)))
