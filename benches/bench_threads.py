"""Two threads against one, on rounds that fit the caches; the bits are the same."""

import os

import gruemarket as gm
import numpy as np
import pytest
from race import faster
from rivals import Engine, PlainLoop, even_market, some_likelihoods

N, T = 10**5, 100


class Threaded(Engine):
    """The engine on its own number of threads, which have been started."""

    def __init__(self, threads: int, prior: gm.Market, likelihoods: np.ndarray) -> None:
        super().__init__(prior, likelihoods=likelihoods)
        self.threads = threads

    def begin(self) -> None:
        """A fresh market, and workers that are awake."""
        gm.set_threads(self.threads)
        self.prior.virgin().run(likelihoods=self.call["likelihoods"][:1])
        super().begin()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def bench_two_threads(race):
    likelihoods, prior = some_likelihoods(T, N), even_market(N)
    one, two = Threaded(1, prior, likelihoods), Threaded(2, prior, likelihoods)
    goal = faster("1 thread", 1.5)
    race("2 threads, known rounds, N = 10^5, f64", two, {"1 thread": one}, [goal], turns=25)
    assert np.array_equal(one.result.prices, two.result.prices)
    loop = PlainLoop(likelihoods)
    loop.ready()
    assert two.last_price == pytest.approx(loop.play(), rel=1e-9)
