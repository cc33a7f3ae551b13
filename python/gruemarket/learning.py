"""Learning time: what an inductor pays until it forecasts a process as well as who knows its law, and when that is."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from gruemarket.checks import number, whole
from gruemarket.errors import InputError
from gruemarket.families import Outcomes
from gruemarket.inductor import Inductor
from gruemarket.intervals import t_quantile
from gruemarket.processes import Process
from gruemarket.run import Floats

ARMS = ("process", "shuffled")
MARKS = 40  # places at which a curve of regret is looked at

RUNS: dict[str, Any] = {
    "process": pl.String,
    "arm": pl.String,  # "process", or "shuffled": the null
    "seed": pl.Int64,
    "symbols": pl.Int64,
    "bits": pl.Float64,  # the inductor's code length
    "true_bits": pl.Float64,  # the true forecaster's; shuffled: that of the best coin in hindsight
    "regret_bits": pl.Float64,  # their difference
    "time": pl.Int64,  # symbols from which on the excess loss is no more above epsilon; null: it still is at the end
}
CURVES: dict[str, Any] = {
    "process": pl.String,
    "arm": pl.String,
    "seed": pl.Int64,
    "symbols": pl.Int64,
    "regret_bits": pl.Float64,
}
SUMMARY: dict[str, Any] = {
    "arm": pl.String,
    "seeds": pl.Int64,
    "symbols": pl.Int64,
    "bits": pl.Float64,
    "true_bits": pl.Float64,
    "regret_bits": pl.Float64,
    "regret_low": pl.Float64,
    "regret_high": pl.Float64,
    "time": pl.Float64,
    "time_low": pl.Float64,
    "time_high": pl.Float64,
    "learned": pl.Float64,
    "order_bits": pl.Float64,
    "order_low": pl.Float64,
    "order_high": pl.Float64,
}


@dataclass(frozen=True)
class Reading:
    """One sequence as an inductor and the true forecaster read it.

    Attributes:
        arm: "process" or "shuffled".
        seed: of the sequence.
        loss_bits: (T,) what the inductor paid.
        true_bits: (T,) what the true forecaster paid.
    """

    arm: str
    seed: int
    loss_bits: Floats
    true_bits: Floats

    @property
    def regret_bits(self) -> Floats:
        """(T,) the cumulative regret."""
        return np.cumsum(self.loss_bits - self.true_bits)


def learning_time(
    inductor: Any,
    process: Process,
    *,
    length: int = 2000,
    seeds: int | Sequence[int] = 5,
    epsilon: float = 0.05,
    window: int = 64,
    null: bool = True,
) -> pl.DataFrame:
    """How many bits and symbols an inductor needs to learn a process, beside the same symbols in a random order.

    With R_t the cumulative regret against the true forecaster, in bits after t symbols, the excess loss after t symbols
    is that of the next w = `window`, (R_(t+w) - R_t)/w. The *time to epsilon* is how many symbols were read when it was
    above `epsilon` for the last time, and one more; 0 if it never is. An inductor whose excess loss is above it in the
    last window has not learned the process.

    The null is the shuffled sequence: the same symbols, in which there is no order to learn. Its regret is that against
    the best coin in hindsight, with the frequencies of the symbols.

    Args:
        inductor: an `Inductor` or a family, of which every sequence is read by a fork; or a function that makes one for
            a number of outcomes K. What was learned before counts: give a virgin or a pretrained one.
        process: see `gm.processes`.
        length: T, symbols a sequence.
        seeds: how many sequences, 0, 1, ...; or their seeds.
        epsilon: bits a symbol.
        window: symbols over which losses are averaged.
        null: read the shuffled sequences too. Leave that where the inductor gives some of them no probability.

    Returns:
        One row for the process and one for the shuffled sequence: process, arm, seeds, symbols, bits, true_bits,
        regret_bits (means over seeds), regret_low and regret_high (Student's 95 % interval of the mean, null for one
        seed), time (the median over seeds, null if half never learn), time_low and time_high (the 95 % interval of the
        median by order statistics, or least and most where there are fewer than six seeds; null is never), learned
        (share of seeds), order_bits (what the shuffled sequence costs more), order_low and order_high.

    Raises:
        InputError: fewer outcomes than the process has, numbers out of range, or no inductor.
        ImpossibleOutcomeError: the inductor gave no probability to what happened.

    >>> import gruemarket as gm
    >>> found = learning_time(gm.StateMachines(2), gm.processes.alternating(), length=500, seeds=1)
    >>> found.select("arm", pl.col("regret_bits", "order_bits").round(1), "time").rows()
    [('process', 12.2, 493.2, 9.0), ('shuffled', 5.4, None, 2.0)]
    """
    check_epsilon(epsilon)
    readings = read(inductor, process, length=length, seeds=seeds, window=window, null=null)
    runs = pl.DataFrame([told(one, process.name, epsilon, window) for one in readings], RUNS, orient="row")
    return summary(runs)


def read(
    inductor: Any,
    process: Process,
    *,
    length: int,
    seeds: int | Sequence[int],
    window: int = 1,
    null: bool = True,
) -> list[Reading]:
    """The readings of a process and of its shuffled symbols, seed by seed."""
    if whole(length, "length", 1) < whole(window, "window", 1):
        raise InputError(f"{length} symbols and a window of {window}; give no larger window")
    if not isinstance(process, Process):
        raise InputError(f"{process!r} is not a process; give such as gm.processes.golden_mean()")
    numbers = seeds_of(seeds)
    make = maker(inductor, process.outcomes)
    found = []
    for seed in numbers:
        symbols = process.sample(length, seed)
        with np.errstate(divide="ignore"):
            true = -np.log2(process.forecaster().observe_all(symbols)[:, 0])
        found.append(Reading("process", seed, _losses(make(), symbols), true + 0.0))
        if not null:
            continue
        shuffled = process.random(seed, 1).permutation(symbols)
        found.append(Reading("shuffled", seed, _losses(make(), shuffled), coin_bits(shuffled)))
    return found


def seeds_of(seeds: Any) -> list[int]:
    """The seeds of sequences: 0, 1, ... up to a number, or those that are given.

    Raises:
        InputError: none, or something else than whole numbers.

    >>> seeds_of(3), seeds_of([7])
    ([0, 1, 2], [7])
    """
    if not isinstance(seeds, Iterable) or isinstance(seeds, str):
        return list(range(whole(seeds, "seeds", 1)))
    numbers = [whole(seed, "seed", 0) for seed in seeds]
    if not numbers:
        raise InputError(f"seeds {seeds!r}; give 1 or more")
    return numbers


def check_epsilon(epsilon: Any) -> None:
    """Raises InputError unless epsilon is a loss."""
    number(epsilon, "epsilon", 0)


def maker(inductor: Any, outcomes: int) -> Callable[[], Inductor]:
    """What makes a fresh inductor for K outcomes, each time it is called."""
    if callable(inductor) and not hasattr(inductor, "forecast"):
        return lambda: _inductor(inductor(outcomes), outcomes)
    first = _inductor(inductor, outcomes)
    return first.fork


def _inductor(made: Any, outcomes: int) -> Inductor:
    one = made if isinstance(made, Inductor) else Inductor({"family": made})
    if one.outcomes < outcomes:
        raise InputError(
            f"an inductor of {one.outcomes} outcomes for a process of {outcomes} symbols; give one of {outcomes}, or a "
            "function that makes one for a number of outcomes"
        )
    return one


def _losses(inductor: Inductor, symbols: Outcomes) -> Floats:
    return inductor.read([symbols], regret=False).loss_bits


def coin_bits(symbols: Outcomes) -> Floats:
    """(T,) bits of each symbol under the frequencies of all.

    >>> coin_bits(np.array([0, 1, 1, 1], dtype=np.uint32)).round(3).tolist()
    [2.0, 0.415, 0.415, 0.415]
    """
    counts = np.bincount(symbols)
    with np.errstate(divide="ignore"):
        bits = -np.log2(counts / max(1, len(symbols))) + 0.0
    return np.asarray(bits[symbols])


def time_to(epsilon: float, regret_bits: Floats, window: int) -> int | None:
    """The least number of symbols from which on the mean excess loss of the next `window` never is above epsilon.

    None if it still is in the last `window` symbols.

    >>> time_to(0.5, np.cumsum([1, 1, 0, 0, 0, 0]), window=1)
    2
    >>> time_to(0.5, np.cumsum([1, 1, 0, 0, 1, 1]), window=2) is None
    True
    """
    paid = np.concatenate([np.zeros(1), regret_bits])
    above = np.flatnonzero(paid[window:] - paid[:-window] > epsilon * window)
    first = int(above[-1]) + 1 if above.size else 0
    return first if first <= len(regret_bits) - window else None


def told(reading: Reading, name: str, epsilon: float, window: int) -> tuple[Any, ...]:
    """A reading as a row of RUNS."""
    bits, true = float(reading.loss_bits.sum()), float(reading.true_bits.sum())
    regret = reading.regret_bits
    time = time_to(epsilon, regret, window)
    return name, reading.arm, reading.seed, len(regret), bits, true, float(regret[-1]), time


def curve(reading: Reading, name: str) -> list[tuple[Any, ...]]:
    """A reading as rows of CURVES, at marks that are about evenly spaced on a logarithmic axis."""
    regret = reading.regret_bits
    marks = np.unique(np.geomspace(1, len(regret), MARKS).round().astype(int)).tolist()
    return [(name, reading.arm, reading.seed, mark, float(regret[mark - 1])) for mark in marks]


def summary(runs: pl.DataFrame) -> pl.DataFrame:
    """The rows of `learning_time` from those of RUNS, for each process (and inductor, where there is that column)."""
    keys = [name for name in ("inductor", "process") if name in runs.columns]
    rows = []
    for key, part in runs.group_by(keys, maintain_order=True):
        seeds = {arm: part.filter(arm=arm).sort("seed") for arm in ARMS}
        for arm, one in seeds.items():
            if one.is_empty():
                continue
            regret = mean_interval(one["regret_bits"].to_numpy())
            known: tuple[float | None, ...] = (None, None, None)
            if arm == "process" and len(seeds["shuffled"]):
                known = mean_interval((seeds["shuffled"]["bits"] - one["bits"]).to_numpy())
            means = (one["bits"].mean(), one["true_bits"].mean())
            times = [math.inf if time is None else float(time) for time in one["time"]]
            spread = [None if math.isinf(time) else time for time in median_interval(times)]
            learned = 1 - one["time"].null_count() / len(one)
            rows.append((*key, arm, len(one), one["symbols"][0], *means, *regret, *spread, learned, *known))
    return pl.DataFrame(rows, dict.fromkeys(keys, pl.String) | SUMMARY, orient="row")


def mean_interval(values: Floats) -> tuple[float, float | None, float | None]:
    """The mean and Student's 95 % interval of it; no interval for one value."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return mean, None, None
    half = t_quantile(0.975, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return mean, mean - half, mean + half


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median and its 95 % interval by order statistics, whatever the distribution; least and most below 6 values.

    The k-th least and most of n contain the median but for probability 2 P(Binomial(n, 1/2) < k).

    >>> median_interval([3, 1, 2, 5, 4, 6, math.inf, 7, 8])
    (5.0, 2.0, 8.0)
    """
    rising = sorted(map(float, values))
    n, k, outside = len(rising), 1, 2 * 0.5 ** len(rising)
    while 2 * (k + 1) <= n and outside + 2 * math.comb(n, k) * 0.5**n <= 0.05:
        outside += 2 * math.comb(n, k) * 0.5**n
        k += 1
    middle = rising[n // 2] if n % 2 else rising[n // 2 - 1] + (rising[n // 2] - rising[n // 2 - 1]) / 2
    return rising[n // 2] if math.isnan(middle) else middle, rising[k - 1], rising[n - k]
