"""10^8 traders in f32: that it runs, in how much memory, and how fast.

A machine with less than 8 GB to spare says so, and the table leaves the case out.
"""

import resource
from pathlib import Path

import numpy as np
import pytest
from race import Contestant, faster
from rivals import PlainLoop, even_market, some_likelihoods

N, T = 10**8, 2
LOOP = "numpy loop"
MUST_STATE_GB = 1.7
NEEDS_GB = 8


def _free_gb() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return np.inf  # not Linux: let it try
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 1e6


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _last_price(likelihoods: np.ndarray) -> float:
    """Bayes in float64, some traders at a time: the evidence of all rounds over that of all but the last."""
    evidence = np.zeros(2)
    for first in range(0, N, 10**6):
        seen = likelihoods[:, first : first + 10**6].astype(np.float64).cumprod(axis=0)
        evidence += seen[-2:].sum(axis=1)
    return evidence[1] / evidence[0]


@pytest.mark.skipif(_free_gb() < NEEDS_GB, reason=f"{_free_gb():.1f} GB of memory free, needs {NEEDS_GB}")
def bench_hundred_million_traders(race):
    likelihoods = some_likelihoods(T, N, "f32")
    market = even_market(N, "f32")
    shares = np.full(N, 1 / N, np.float32)

    def begin() -> None:
        nonlocal market
        market = None  # one at a time
        market = even_market(N, "f32")

    engine = Contestant(play=lambda: market.run(likelihoods=likelihoods).loss_bits[-1], ready=begin)
    race("10^8 traders, f32, 2 rounds", engine, {LOOP: PlainLoop(likelihoods, shares)}, [faster(LOOP)], turns=3)
    race.note(
        state_gb=market.state_bytes / 1e9,
        must_state_gb=MUST_STATE_GB,
        input_gb=likelihoods.nbytes / 1e9,
        peak_gb=_peak_gb(),
    )
    assert 2.0**-engine.result == pytest.approx(_last_price(likelihoods), rel=1e-4)
