"""Markets and their Runs go to other processes and come back, with the same bits."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cleared
import gruemarket as gm
import numpy as np
import pytest
import witness

RULES = (gm.Kelly(0.5), gm.Isoelastic(np.linspace(0.5, 4, cleared.N)), gm.LogPool(0.2), gm.LMSR(0.1))


def again(given):
    return pickle.loads(pickle.dumps(given))  # noqa: S301  # its own


@pytest.mark.parametrize("dtype", ("f64", "f32"))
@pytest.mark.parametrize("clearing", RULES)
def test_a_pickled_market_goes_on_with_the_same_bits(clearing, dtype):
    market = cleared.market(clearing, dtype=dtype, names=list("abcdefghij")[: cleared.N], definitions=True)
    market.run(*cleared.played(seed=1), stage="first")
    for twin in (again(market), copy.deepcopy(market)):
        assert (twin.names, twin.groups, twin.clearing) == (market.names, market.groups, clearing)
        old, new = copy.copy(market), twin
        runs = [m.run(*cleared.played(seed=2)) for m in (old, new)]
        assert runs[0].prices.tobytes() == runs[1].prices.tobytes()
        assert witness.seen(new) == witness.seen(old)


def test_a_pickled_run_knows_what_it_knew():
    market = cleared.market(gm.Kelly())
    run = market.run(*cleared.played(seed=1))
    for other in (again(run), copy.deepcopy(run)):
        assert other.regret_bits.tobytes() == run.regret_bits.tobytes()
        assert other.frame().equals(run.frame())
    unknown = again(market.run(*cleared.played(seed=2), regret=False))
    with pytest.raises(gm.InputError, match="regret=True"):
        _ = unknown.regret_bits


def test_a_market_is_played_in_another_process():
    market = cleared.market(gm.LogPool())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        run = pool.submit(market.run, *cleared.played(seed=2)).result()
        there = pool.submit(copy.copy, market).result()
    assert market.rounds == 0
    assert witness.seen(there) == witness.seen(market)
    here = market.run(*cleared.played(seed=2))
    assert run.prices.tobytes() == here.prices.tobytes()
    assert run.regret_bits.tobytes() == here.regret_bits.tobytes()


def test_what_cannot_be_pickled_says_so():
    with pytest.raises(gm.InputError, match="Demand"):
        pickle.dumps(cleared.market(gm.Demand(cleared.linear)))


def test_damaged_bytes_are_refused():
    market = cleared.market(gm.Kelly())
    market.run(*cleared.played(seed=1))
    before, saved = witness.seen(market), bytearray(market.__getstate__())
    saved[-1] ^= 1
    with pytest.raises(gm.CheckpointError, match="a market's bytes: not a whole gruemarket checkpoint"):
        market.__setstate__(bytes(saved))
    assert witness.seen(market) == before
