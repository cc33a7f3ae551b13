"""Known rounds: outcomes are known, traders are given by the likelihoods of what happened."""

import pytest
from race import faster, within
from rivals import TOLERANCE, Engine, PlainLoop, even_market, one_read, some_likelihoods

LOOP = "numpy loop"


@pytest.mark.parametrize(("dtype", "than_loop", "than_read"), (("f64", 2.8, 1.8), ("f32", 1.8, 2.2)))
def bench_ten_million_traders(race, dtype, than_loop, than_read):
    likelihoods = some_likelihoods(16, 10**7, dtype)
    engine, loop = Engine(even_market(10**7, dtype), likelihoods=likelihoods), PlainLoop(likelihoods)
    reading, read = one_read(likelihoods)
    race(
        f"known rounds, N = 10^7, {dtype}",
        engine,
        {LOOP: loop, reading: read},
        [faster(LOOP, than_loop), within(reading, than_read)],
    )
    assert engine.last_price == pytest.approx(loop.result, rel=TOLERANCE[dtype])


@pytest.mark.parametrize(("dtype", "than_loop"), (("f64", 8), ("f32", 12)))
def bench_thousand_traders(race, dtype, than_loop):
    likelihoods = some_likelihoods(10**4, 10**3, dtype)
    engine, loop = Engine(even_market(10**3, dtype), likelihoods=likelihoods), PlainLoop(likelihoods)
    reading, read = one_read(likelihoods)
    race(
        f"10^4 rounds in one call, N = 10^3, {dtype}",
        engine,
        {LOOP: loop, reading: read},
        [faster(LOOP, than_loop), within(reading)],
    )
    assert engine.last_price == pytest.approx(loop.result, rel=TOLERANCE[dtype])
