"""The inductor where days are hard: prices below the precision of floats, many sentences, long searches over worlds."""

import signal
import time
from fractions import Fraction
from random import Random

import gruemarket as gm
import pytest
from gruemarket.errors import InputError


@pytest.mark.parametrize("seed", range(3))
def test_coupled_sentences_are_priced_beyond_the_precision_of_floats(seed):
    draws, names = Random(seed), ["a", "b", "c"]  # noqa: S311  a test

    def traders():
        while True:
            stakes = {"slope": draws.choice((1, 4, 10, 50)), "most": draws.choice((1, 5))}
            yield draws.choice(
                (
                    gm.logic.Belief(draws.choice(names), Fraction(draws.randrange(1, 20), 20), **stakes),
                    gm.logic.Arbitrage(names, **stakes),
                    gm.logic.Implication("a", "a | b", **stakes),
                    gm.logic.Conjunction("a | b", "b | c", "b", **stakes),
                    gm.logic.Momentum(draws.choice(names), **stakes),
                )
            )

    inductor = gm.logic.LogicalInductor([["one(a, b, c)"]], traders(), tolerance=gm.logic.halving)
    inductor.run(75, progress=False)
    assert inductor._core.certificate(75) <= Fraction(1, 2**75)
    assert max(inductor.certificates["evaluations"]) < 20_000


def test_many_sentences_behind_one_budget_are_priced_in_proportion_to_their_number():
    spent = []
    for many in (64, 512):
        names = [f"s{i}" for i in range(many)]
        trades = [{s: gm.logic.Belief(s, belief).strategy[s] for s in names} for belief in (0.2, 0.4, 0.9)]
        inductor = gm.logic.LogicalInductor([], trades, tolerance=gm.logic.inverse_square, entry=1)
        start = time.process_time()
        inductor.run(3, progress=False)
        spent.append(time.process_time() - start)
    assert spent[1] < 32 * max(spent[0], 0.02)  # 8 times as many; their square would be 64 times as much


class _RungError(Exception):
    pass


def test_a_signal_is_heard_in_a_long_search_and_the_days_before_stand():
    draws = Random(1)  # noqa: S311  a test
    clauses = [" | ".join(f"{draws.choice(('', '~'))}a{i}" for i in draws.sample(range(200), 3)) for _ in range(840)]
    traders = [gm.logic.Belief(f"a{i}", Fraction(1 + i % 9, 10)) for i in range(60)]
    inductor = gm.logic.LogicalInductor([[], clauses], traders, tolerance=gm.logic.inverse_square, entry=1)
    inductor.step()
    before = inductor.prices

    def ring(*_):
        raise _RungError

    handler = signal.signal(signal.SIGALRM, ring)
    try:
        for after in (0.2, 0.5):
            signal.setitimer(signal.ITIMER_REAL, after)
            start = time.monotonic()
            with pytest.raises(_RungError):
                inductor.step()
            assert time.monotonic() - start < after + 1
            assert inductor.prices.equals(before)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def test_of_many_sentences_the_one_that_contradicts_is_named():
    revealed = [f"a{i} -> a{i + 1}" for i in range(150)] + ["a0", "~a150"]
    inductor = gm.logic.LogicalInductor([revealed], [gm.logic.Belief("a7", 0.5)])
    with pytest.raises(InputError, match="sentence ~a150 was revealed"):
        inductor.step()
