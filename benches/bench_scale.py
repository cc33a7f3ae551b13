"""10^8 traders in f32: that it runs, in how much memory, and how fast.

A machine with less than 8 GB to spare says so, and the table leaves the case out.
"""

from pathlib import Path

import numpy as np
import pytest
from memory import forget_peak, peak_gb
from race import Contestant, faster
from rivals import PlainLoop, even_market, some_likelihoods

N, T, TURNS = 10**8, 2, 5
LOOP = "numpy loop"
MUST_STATE_GB = 1.7
NEEDS_GB = 8


def _free_gb() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return np.inf  # not Linux: let it try
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 1e6


def _last_price(likelihoods: np.ndarray, turns: int) -> float:
    """Bayes in float64, some traders at a time: the evidence of all rounds over that of all but the last."""
    evidence = np.zeros(2)
    for first in range(0, N, 10**6):
        seen = likelihoods[:, first : first + 10**6].astype(np.float64)
        before = seen[:-1].prod(axis=0) * seen.prod(axis=0) ** (turns - 1)
        evidence += before.sum(), before @ seen[-1]
    return evidence[1] / evidence[0]


@pytest.mark.skipif(_free_gb() < NEEDS_GB, reason=f"{_free_gb():.1f} GB of memory free, needs {NEEDS_GB}")
def bench_hundred_million_traders(race):
    forget_peak()
    market = even_market(N, "f32")
    building_gb = peak_gb()
    forget_peak()
    likelihoods = some_likelihoods(T, N, "f32")
    market.run(likelihoods=likelihoods)
    running_gb = peak_gb()
    # both go on with the same rounds: there is no room to begin anew
    engine = Contestant(lambda: market.run(likelihoods=likelihoods).loss_bits[-1])
    loop = PlainLoop(likelihoods)
    loop.begin()
    loop.ready = lambda: None
    race("10^8 traders, f32, 2 rounds a call", engine, {LOOP: loop}, [faster(LOOP)], turns=TURNS)
    race.note(
        state_gb=market.state_bytes / 1e9,
        must_state_gb=MUST_STATE_GB,
        input_gb=likelihoods.nbytes / 1e9,
        building_gb=building_gb,
        running_gb=running_gb,
    )
    calls = market.rounds // T
    assert 2.0**-engine.result == pytest.approx(_last_price(likelihoods, calls), rel=1e-4)
