"""All Brainfuck programs by length, and BrainPhoque programs drawn: counts that are known, in the time of one core.

Times are those of the processor, so that other work on the machine counts little; two threads race by the clock.
"""

import os
from time import process_time

import gruemarket as gm
import pytest
from bench_threads import sines
from gruemarket import _core
from memory import forget_peak, peak_gb
from race import Contestant, faster

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
    assert full > 37_000
