"""What tests of bad input share: markets in several states, and that a refused call leaves each as it was."""

import contextlib

import gruemarket as gm
import pytest
import witness

N, T = 6, 8
ONE, OUTCOMES = witness.opinions(N, T, seed=1)
FULL, PAID = witness.full(ONE), witness.paid(ONE, OUTCOMES)


@contextlib.contextmanager
def refused(market, words, error=gm.InputError):
    """The call is refused with these words by exactly this error, and the market has not moved."""
    before = witness.seen(market)
    with pytest.raises(gm.MarketError, match=words) as raised:
        yield
    assert type(raised.value) is error, raised.value
    assert isinstance(raised.value, ValueError)
    assert witness.seen(market) == before


def fresh(kernel="anything", **given):
    return witness.market(kernel, N, **given)


def midway(kernel="anything", **given):
    """A market in the middle of an episode, after sparse rounds."""
    market = fresh(kernel, **given)
    witness.play(market, "full", seed=2)
    witness.play(market, "sparse", seed=3, new_episode=False)
    return market


MARKETS = {
    "first call": fresh,
    "mid-episode": midway,
    "untaxed": lambda: midway("untaxed", definitions=True),
    "csr": lambda: midway("csr", unit="episode", definitions=True),
    "f32": lambda: midway("within groups", dtype="f32"),
}
