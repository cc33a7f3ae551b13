"""The logical inductor: days of one undecided sentence, the decimals of pi, and how a day's cost grows.

Cost: a day takes what is traded and held on it, not what happened before, so time is proportional to days, times what
a tolerance of 2^-n asks for (numbers of n bits), and to traders. Sentences are priced apart, in proportion to their
number; where a strategy reads several of them they are priced together, which takes the square of how many. Atoms
count through the diagrams of what constraints join.
"""

from fractions import Fraction

import gruemarket as gm
import pytest

BELIEFS = [Fraction(tenths, 10) for tenths in (1, 5, 9, 3, 7, 2, 8)]
DECIMAL = gm.logic.Daily("pi[{day}]=7")


def _work(benchmark, case: str, **facts: object) -> None:
    benchmark.extra_info["work"] = {"case": case, **facts}


def _run(inductor: gm.logic.LogicalInductor, days: int) -> gm.logic.LogicalInductor:
    inductor.run(days, progress=False)
    return inductor


def _a_trader_a_day(days: int, tolerance) -> gm.logic.LogicalInductor:
    traders = [gm.logic.Belief("undecided", BELIEFS[day % 7]) for day in range(days)]
    return gm.logic.LogicalInductor([], traders, tolerance=tolerance)


@pytest.mark.parametrize(
    ("days", "name", "seconds"), ((16, "2^-n", 0.005), (40, "2^-n", 0.05), (100, "2^-n", 2), (100, "1/(n(n+1))", 0.1))
)
def bench_a_new_trader_a_day(benchmark, days, name, seconds):
    tolerance = gm.logic.halving if name == "2^-n" else gm.logic.inverse_square
    ready = lambda: ((_a_trader_a_day(days, tolerance), days), {})  # noqa: E731  pytest-benchmark's form
    done = benchmark.pedantic(_run, setup=ready, rounds=5, warmup_rounds=1)
    case = f"a new trader a day on one undecided sentence, tolerance {name}, {days} days"
    _work(benchmark, case, amount=days, unit="days", must_seconds=seconds)
    assert all(done._core.certificate(day) <= tolerance(day) for day in range(1, days + 1))  # noqa: SLF001


def _pi() -> gm.logic.LogicalInductor:
    beliefs = [Fraction(1, 10), *(Fraction(k, 20) for k in range(1, 20) if k != 2)]
    traders = [gm.logic.Belief(DECIMAL, belief) for belief in beliefs]
    return gm.logic.LogicalInductor(gm.logic.Digits("pi", digit=7), traders, tolerance=gm.logic.inverse_square)


def bench_decimals_of_pi(benchmark):
    done = benchmark.pedantic(_run, setup=lambda: ((_pi(), 10_000), {}), rounds=3, warmup_rounds=1)
    _work(benchmark, "decimals of pi: 19 traders, 10,000 days", amount=10_000, unit="days", must_seconds=0.5)
    late = done.prices.filter(gm.logic.days.pl.col("day") > 3000)["price"]
    assert (late - 0.1).abs().mean() < 0.005


@pytest.mark.parametrize("traders", (10, 100, 1000))
def bench_growth_with_traders(benchmark, traders):
    def ready():
        beliefs = [Fraction(k, traders) for k in range(traders)]
        each = [(gm.logic.Belief("undecided", belief), Fraction(1, traders)) for belief in beliefs]
        return (gm.logic.LogicalInductor([], each, tolerance=gm.logic.inverse_square, entry=1), 50), {}

    benchmark.pedantic(_run, setup=ready, rounds=3, warmup_rounds=1)
    _work(benchmark, f"one undecided sentence, {traders:,} traders, 50 days", amount=50 * traders, unit="trades")


@pytest.mark.parametrize("sentences", (10, 100, 1000))
def bench_growth_with_sentences(benchmark, sentences):
    def ready():
        names = [f"s{i}" for i in range(sentences)]
        trades = [{s: gm.logic.Belief(s, belief).strategy[s] for s in names} for belief in BELIEFS]
        process = [[f"s{day}" if day % 3 else f"~s{day}"] for day in range(10)]
        return (gm.logic.LogicalInductor(process, trades, tolerance=gm.logic.inverse_square, entry=1), 10), {}

    benchmark.pedantic(_run, setup=ready, rounds=3, warmup_rounds=1)
    _work(benchmark, f"{sentences:,} sentences, 7 traders, 10 days", amount=70 * sentences, unit="trades")


@pytest.mark.parametrize("atoms", (50, 200))
def bench_growth_with_atoms(benchmark, atoms):
    def ready():
        joined = [f"a{i} -> a{i + 1}" for i in range(atoms - 1)]
        ends = ["a0", f"a{atoms - 1}", f"a{atoms // 2} & ~a{atoms - 1}"]
        trades = [gm.logic.Belief(s, belief) for s in ends for belief in BELIEFS]
        trades.append(gm.logic.Implication(ends[0], ends[1]))
        return (gm.logic.LogicalInductor([joined], trades, tolerance=gm.logic.inverse_square, entry=1), 20), {}

    benchmark.pedantic(_run, setup=ready, rounds=3, warmup_rounds=1)
    _work(benchmark, f"a chain of {atoms} implications, 22 traders, 20 days", amount=20, unit="days")
