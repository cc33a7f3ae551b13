"""All Brainfuck programs by length, and BrainPhoque programs drawn: counts that are known, in the time of one core.

Times are those of the processor, so that other work on the machine counts little; two threads race by the clock.
"""

import os
from time import process_time

import gruemarket as gm
import numpy as np
import pytest
from bench_threads import sines
from gruemarket import _core
from gruemarket.programs.family import _virgin
from memory import forget_peak, peak_gb
from race import Contestant, faster, within

__all__ = ["sines"]  # the fixture: what a second core gives

LIMITS = (2, 64, 1000, 32)  # alphabet, cells, steps, symbols
MANY, WIDE = 300_000, (9, 200, 1000, 256)
DRAWS = {"alphabet": 9, "memory": 200, "steps": 1000, "max_output": 256}


def _all(length: int) -> _core.Enumeration:
    return _core.Enumeration("brainfuck", length, LIMITS, (0.0, 0.0), True, 5)  # noqa: FBT003  the core's order


def _work(benchmark, case: str, **facts: object) -> None:
    benchmark.extra_info["work"] = {"case": case, **facts}


@pytest.mark.benchmark(timer=process_time)
@pytest.mark.parametrize(("length", "full", "seconds"), ((10, 195, None), (14, 11_539, 5.0)))
def bench_enumeration(benchmark, length, full, seconds):
    found = benchmark.pedantic(_all, args=(length,), rounds=3, warmup_rounds=1)
    case = f"all {found.programs:,} programs up to length {length}, {found.runs:,} runs"
    _work(benchmark, case, amount=found.programs, unit="programs", must_seconds=seconds)
    rows = found.behaviours()
    assert sum(len(output) == LIMITS[-1] for output in rows["output"]) == full


@pytest.mark.benchmark(timer=process_time)
def bench_draws(benchmark):
    drawn = benchmark.pedantic(lambda: _core.sample_programs(0, MANY, 1, WIDE), rounds=5, warmup_rounds=1)
    _work(benchmark, "BrainPhoque programs drawn", amount=MANY, unit="programs", must_rate=300_000)
    one = gm.programs.run(drawn["program"][0], **DRAWS)
    assert bytes(one.output) == drawn["output"][0]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def bench_two_threads(race, sines):
    def threaded(threads: int) -> Contestant:
        return Contestant(lambda: _all(14), ready=lambda: gm.set_threads(threads))

    race(
        "2 threads, all programs up to length 14",
        threaded(2),
        {"1 thread": threaded(1), **sines},
        [faster("1 thread", 1.7)],
        turns=3,
    )
    race.note(second_core=list(sines))


def bench_memory_of_length_15(benchmark):
    forget_peak()
    found = benchmark.pedantic(_all, args=(15,), rounds=1)
    full = sum(len(output) == LIMITS[-1] for output in found.behaviours()["output"])
    case = f"all {found.programs:,} programs up to length 15: {full:,} full"
    _work(benchmark, case, amount=found.programs, unit="programs", peak_gb=peak_gb(), must_gb=2.0)
    assert full == 37_264


def bench_market_of_programs(race):
    """Programs that are all known that far: what they forecast is worked out, then settled; the bare market settles."""
    family = gm.Programs(max_length=14)
    coins = np.random.default_rng(0).integers(2, size=(20, 32)).astype(np.uint32)
    read, rows = family.fork(), []
    for episode in coins:
        read.begin_episode()
        rows.append(read.observe_all(episode))
    inductor, bare = gm.Inductor({"programs": family}), gm.Market(family.bits)
    race(
        f"programs up to length 14, {family.accounts:,} accounts, 20 episodes of 32 symbols",
        Contestant(lambda: inductor.read(coins, regret=False).prices[-1]),
        {
            "bare market": Contestant(
                lambda: [bare.run(likelihoods=block, regret=False) for block in rows][-1].prices[-1]
            )
        },
        [within("bare market")],
    )
    assert len(inductor.market) == len(bare)  # nothing was split: no symbol was beyond the first 32


def bench_splits_of_programs(benchmark):
    """The first look beyond the first symbols steps the undecided; every later one finds it done."""

    def ahead(family: gm.Programs) -> None:
        family.split_accounts([np.zeros(1000, np.uint32)])

    def fresh() -> tuple[tuple[gm.Programs], dict[str, object]]:
        _virgin.cache_clear()
        return (gm.Programs(max_length=12),), {}

    benchmark.pedantic(ahead, setup=fresh, rounds=3)
    known = gm.Programs(max_length=12)
    undecided = known.undecided
    ahead(known)
    case = f"programs up to length 12, 1,000 symbols ahead: {known.accounts:,} accounts, {undecided:,} kinds still open"
    _work(benchmark, case, amount=known.accounts, unit="accounts")
    assert known.undecided == undecided
