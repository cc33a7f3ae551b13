"""Two threads against one, where a round fits the caches; the bits are the same.

Whether the machine has a second core to give is measured in the same race, by numpy's sine.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import gruemarket as gm
import numpy as np
import pytest
from race import Contestant, faster
from rivals import Engine, PlainLoop, even_market, some_likelihoods

N, T = 10**5, 400


class Threaded(Engine):
    """The engine on its own number of threads; the opening starts them."""

    def __init__(self, threads: int, prior: gm.Market, likelihoods: np.ndarray) -> None:
        super().__init__(prior, likelihoods=likelihoods)
        self.threads = threads

    def begin(self) -> None:
        """A fresh market, and workers that are awake."""
        gm.set_threads(self.threads)
        super().begin()


@pytest.fixture
def sines() -> Iterator[dict[str, Contestant]]:
    """Work that needs no memory, on one thread and on two."""
    values = np.random.default_rng(0).random((2, 10**5))
    waves = np.empty_like(values)

    def half(i: int) -> None:
        for _ in range(10):
            np.sin(values[i], out=waves[i])

    with ThreadPoolExecutor(2) as pool:
        yield {
            "sine, 1 thread": Contestant(lambda: [half(0), half(1)]),
            "sine, 2 threads": Contestant(lambda: list(pool.map(half, (0, 1)))),
        }


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def bench_two_threads(race, sines):
    likelihoods, prior = some_likelihoods(T, N), even_market(N)
    one, two = Threaded(1, prior, likelihoods), Threaded(2, prior, likelihoods)
    goal = faster("1 thread", 1.5)
    race("2 threads, known rounds, N = 10^5, f64", two, {"1 thread": one, **sines}, [goal], turns=15)
    race.note(second_core=list(sines))
    assert np.array_equal(one.result.prices, two.result.prices)
    loop = PlainLoop(likelihoods)
    loop.ready()
    assert two.last_price == pytest.approx(loop.play(), rel=1e-9)
