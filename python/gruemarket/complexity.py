"""Complexity as learning time: inductors compared over processes, and how far their orders of difficulty agree."""

import itertools
import math
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import polars as pl

from gruemarket import files, learning
from gruemarket.checks import whole
from gruemarket.errors import CheckpointError, InputError
from gruemarket.history import History
from gruemarket.processes import HiddenMarkov, Process, Recorded
from gruemarket.progress import Shown
from gruemarket.ranks import agreement
from gruemarket.run import Floats
from gruemarket.rundir import RunDirectory

RUNS = {"inductor": pl.String} | learning.RUNS
CURVES = {"inductor": pl.String} | learning.CURVES
PROCESSES: dict[str, Any] = {
    "process": pl.String,
    "outcomes": pl.Int64,
    "description_bits": pl.Float64,
    "entropy_rate": pl.Float64,
    "statistical_complexity": pl.Float64,
    "excess_entropy": pl.Float64,
}
TABLES: dict[str, dict[str, Any]] = {"runs": RUNS, "curves": CURVES, "processes": PROCESSES}
MEASURES = ("regret_bits", "time")
AGREEMENT: dict[str, Any] = {"processes": pl.Int64, "spearman": pl.Float64, "low": pl.Float64, "high": pl.Float64}
CELLS = "cells"  # the folder of what is done so far


@dataclass(frozen=True)
class Complexity:
    """What inductors paid to learn processes.

    Attributes:
        runs: a row for each inductor, process, arm ("process", or "shuffled": the null) and seed: symbols, bits,
            true_bits, regret_bits, time, as in `gm.analysis.learning_time`.
        curves: the regret on the way: inductor, process, arm, seed, symbols, regret_bits.
        processes: a row for each process: outcomes, description_bits, entropy_rate, statistical_complexity,
            excess_entropy; null where they are not known.
    """

    runs: pl.DataFrame
    curves: pl.DataFrame
    processes: pl.DataFrame

    @property
    def inductors(self) -> list[str]:
        """Their names."""
        return self.runs["inductor"].unique(maintain_order=True).to_list()

    def times(self) -> pl.DataFrame:
        """The rows of `gm.analysis.learning_time` for each inductor and process."""
        return learning.summary(self.runs)

    def correlations(self, measure: str = "regret_bits", *, draws: int = 2000, seed: int = 0) -> pl.DataFrame:
        """How far two orders of the processes by difficulty agree: Spearman's rank correlation.

        If learning time is a property of the process, inductors agree; if of the inductor, they do not. Beside the
        pairs of inductors stand what the processes have of their own.

        Args:
            measure: "regret_bits" (mean over seeds) or "time" (median; who never learns comes last).
            draws: of the bootstrap, which draws processes with replacement.
            seed: of the draws.

        Returns:
            One row a pair: first, second (an inductor, or description_bits, entropy_rate, statistical_complexity,
            excess_entropy), processes (for which both are known), spearman, low and high (95 % percentile interval);
            null where it is not defined, as for fewer than 3 processes.

        Raises:
            InputError: another measure, or no draws.
        """
        _check(measure, draws)
        columns = self._columns(measure)
        pairs = [(a, b) for a, b in itertools.combinations(columns, 2) if a in self.inductors]
        random = np.random.default_rng(seed)
        rows = [(a, b, *agreement(columns[a], columns[b], draws, random)) for a, b in pairs]
        return pl.DataFrame(rows, {"first": pl.String, "second": pl.String, **AGREEMENT}, orient="row")

    def repeats(self, measure: str = "regret_bits", *, draws: int = 2000, seed: int = 0) -> pl.DataFrame:
        """How far each inductor agrees with itself: its order on every other sequence against that on the rest.

        No more can be asked of two inductors than of one and the same.

        Args:
            measure: as in `correlations`.
            draws: as there.
            seed: as there.

        Returns:
            One row an inductor: inductor, processes, spearman, low and high; null where there is but one sequence.

        Raises:
            InputError: another measure, or no draws.
        """
        _check(measure, draws)
        numbers = sorted(self.runs["seed"].unique())
        halves = [
            Complexity(self.runs.filter(pl.col("seed").is_in(numbers[i::2])), self.curves, self.processes)
            for i in (0, 1)
        ]
        some, rest = [half._columns(measure) if len(half.runs) else {} for half in halves]  # noqa: SLF001 # of this class
        random = np.random.default_rng(seed)
        unknown = np.full(len(self.processes), math.nan)
        rows = [
            (name, *agreement(some.get(name, unknown), rest.get(name, unknown), draws, random))
            for name in self.inductors
        ]
        return pl.DataFrame(rows, {"inductor": pl.String, **AGREEMENT}, orient="row")

    def _columns(self, measure: str) -> dict[str, Floats]:
        """(processes,) of each inductor and of each measure of the processes; nan where it is not known."""
        times = self.times().filter(arm="process")
        columns = {}
        for name in self.inductors:
            one = self.processes.join(times.filter(inductor=name), on="process", how="left", maintain_order="left")
            never = pl.when(pl.col("time").is_null() & pl.col("seeds").is_not_null()).then(math.inf)
            value = never.otherwise(pl.col("time")) if measure == "time" else pl.col(measure)
            columns[name] = one.select(value.fill_null(math.nan)).to_series().to_numpy()
        for name in list(PROCESSES)[2:]:
            columns[name] = self.processes[name].fill_null(math.nan).to_numpy()
        return columns

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes runs.parquet, curves.parquet and processes.parquet into a folder, each atomically."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            files.write_table(folder / f"{name}.parquet", getattr(self, name))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """What `save` wrote.

        Raises:
            CheckpointError: a file is damaged or of something else.
            FileNotFoundError: there is none.
        """
        return cls(**{name: _read(Path(path) / f"{name}.parquet", schema) for name, schema in TABLES.items()})


def _check(measure: str, draws: Any) -> None:
    if measure not in MEASURES:
        raise InputError(f"measure {measure!r}; give one of {', '.join(MEASURES)}")
    whole(draws, "draws", 1)


def _read(path: Path, schema: Mapping[str, Any]) -> pl.DataFrame:
    try:
        return pl.read_parquet(path).select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    except pl.exceptions.PolarsError as error:
        raise CheckpointError(f"{path}: not a table of learning times ({error})") from error


# --- Running it


def complexity(
    inductors: Mapping[str, Any],
    processes: Sequence[Process],
    *,
    length: int = 2000,
    seeds: int | Sequence[int] = 5,
    epsilon: float = 0.05,
    window: int = 64,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Complexity:
    """Measures the learning time of every process for every inductor.

    Args:
        inductors: name -> an inductor, a family, or a function that makes one for a number of outcomes (which is needed
            where the processes have different numbers of symbols); see `gruemarket.compared`.
        processes: of different names.
        length: symbols a sequence; a recorded one may be shorter.
        seeds: how many sequences of each process, 0, 1, ...; or their seeds. All inductors read the same.
        epsilon: bits a symbol, see `gm.analysis.learning_time`.
        window: symbols over which losses are averaged.
        out: a folder for the results, which keeps what is done, pair by pair: the same call goes on where it was
            stopped. None keeps nothing.
        progress: show it on stderr.

    Raises:
        InputError: no inductors or processes, two processes of one name, numbers out of range, or a folder of something
            else.
        OSError: the folder cannot be written.
    """
    learning.check_epsilon(epsilon)
    kinds: list[tuple[Any, type]] = [(inductors, Mapping), (processes, Iterable)]
    if not all(isinstance(given, kind) for given, kind in kinds):
        raise InputError("give inductors by name, and a list of processes, such as [gm.processes.even()]")
    laws: list[Any] = list(processes)
    if wrong := [one for one in laws if not isinstance(one, Process)]:
        raise InputError(f"{wrong[0]!r} is not a process; give such as gm.processes.golden_mean()")
    chosen: list[Process] = laws
    if not inductors or not chosen:
        raise InputError(f"{len(inductors)} inductors and {len(chosen)} processes; give one or more of each")
    names = [process.name for process in chosen]
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise InputError(f"two processes are called {twice[0]!r}; give each a name of its own")
    numbers = learning.seeds_of(seeds)
    settings = {"length": length, "seeds": numbers, "epsilon": epsilon, "window": window}
    if out is None:
        return _measured(inductors, chosen, settings, None, progress=progress)
    config = {**settings, "inductors": _told(inductors, chosen), "processes": {p.name: _digest(p) for p in chosen}}
    with RunDirectory(out, config, numbers) as directory:
        if directory.finished:
            return Complexity.load(directory.path)
        found = _measured(inductors, chosen, settings, directory.path / CELLS, progress=progress)
        directory.finish(cast("History", found))  # which saves itself alike
        shutil.rmtree(directory.path / CELLS)
    return found


def _measured(
    inductors: Mapping[str, Any],
    processes: list[Process],
    settings: Mapping[str, Any],
    cells: Path | None,
    *,
    progress: bool,
) -> Complexity:
    pairs = list(itertools.product(enumerate(inductors.items()), enumerate(processes)))
    runs, curves = [], []
    with Shown(wanted=progress) as shown:
        shown.stage("learning", len(pairs))
        for done, ((i, (name, inductor)), (j, process)) in enumerate(pairs, start=1):
            place = None if cells is None else cells / f"{i:03}-{j:03}"
            one = _cell(name, inductor, process, settings, place)
            runs.append(one[0])
            curves.append(one[1])
            shown.step(done, f"{name}: {process.name}")
    table = pl.DataFrame([_measures(process) for process in processes], PROCESSES, orient="row")
    return Complexity(pl.concat(runs), pl.concat(curves), table)


def _cell(
    name: str, inductor: Any, process: Process, settings: Mapping[str, Any], place: Path | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The runs and curves of one inductor and process: read, if they are there."""
    if place is not None and all((place / f"{part}.parquet").exists() for part in ("runs", "curves")):
        return _read(place / "runs.parquet", RUNS), _read(place / "curves.parquet", CURVES)
    length, seeds, epsilon, window = (settings[key] for key in ("length", "seeds", "epsilon", "window"))
    length = min(length, len(process)) if isinstance(process, Recorded) else length
    readings = learning.read(inductor, process, length=length, seeds=seeds, window=window)
    rows = [(name, *learning.told(one, process.name, epsilon, window)) for one in readings]
    points = [(name, *row) for one in readings for row in learning.curve(one, process.name)]
    runs, curves = pl.DataFrame(rows, RUNS, orient="row"), pl.DataFrame(points, CURVES, orient="row")
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
        files.write_table(place / "runs.parquet", runs)
        files.write_table(place / "curves.parquet", curves)
    return runs, curves


def _measures(process: Process) -> tuple[Any, ...]:
    known = process.name, process.outcomes, process.bits, process.entropy_rate
    if isinstance(process, HiddenMarkov):
        return *known, process.statistical_complexity, process.excess_entropy
    return *known, None, None


def _told(inductors: Mapping[str, Any], processes: list[Process]) -> dict[str, Any]:
    """What tells the inductors from others, as digests."""
    sizes = sorted({process.outcomes for process in processes})
    return {
        name: {str(k): _digest_of(repr(learning.maker(inductor, k)().config())) for k in sizes}
        for name, inductor in inductors.items()
    }


def _digest(process: Process) -> str:
    return _digest_of(repr(process.definition()))


def _digest_of(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
