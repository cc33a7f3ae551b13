"""What all rows of forecasts and resolutions say together, and forecasts made of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from gruemarket.errors import InputError
from gruemarket.forecasts import tables
from gruemarket.forecasts.clock import NEVER, Clock, Times
from gruemarket.forecasts.questions import Bools, Floats, Ints, Questions, offsets
from gruemarket.forecasts.tables import ROW

TOLERANCE = 1e-6  # of the sum of a forecast
OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true", "1": "0", "0": "1"}


@dataclass(frozen=True, eq=False)
class Index:
    """What all rows together say: the questions, their outcomes and times, and the forecasters.

    Args:
        questions_frame: a row a question, sorted: question, first and last (times of its forecasts), rows (of
            forecasts: how many), begin and end (the first and the last of them), outcome, row (of the resolutions),
            opens, closes, resolves.
        outcomes: a row for each question and outcome: q, outcome, k.
        forecasters: names, sorted.
        clock: of the tables' times.
        exact: (Q,) whether the outcome that happened is one that forecasts or the table of outcomes name.
        silent: resolved questions without forecasts.
        tolerance: how far from 1 a forecast's sum may be.
    """

    questions_frame: pl.DataFrame
    outcomes: pl.DataFrame
    forecasters: pl.Series
    clock: Clock
    exact: Any
    silent: int
    tolerance: float = TOLERANCE

    def coded(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with numbers for names: q, f, time, k, probability, row."""
        names = self.questions_frame.select("question").with_row_index("q")
        people = pl.DataFrame({"forecaster": self.forecasters}).with_row_index("f")
        if rows["question"].dtype != names["question"].dtype:
            rows = rows.with_columns(pl.col("question").cast(names["question"].dtype))
        coded = rows.join(names, on="question", how="left", maintain_order="left")
        coded = coded.join(people, on="forecaster", how="left", maintain_order="left")
        coded = coded.join(self.outcomes, on=["q", "outcome"], how="left", maintain_order="left")
        return coded.select("q", "f", "time", "k", pl.col("probability").cast(pl.Float64), "row")

    @cached_property
    def counts(self) -> Ints:
        """(Q,) outcomes of each question."""
        return np.bincount(self.outcomes["q"].to_numpy(), minlength=len(self.questions_frame)).astype(np.int64)

    @cached_property
    def happened(self) -> Ints:
        """(Q,) what happened, from 0; -1 is open."""
        frame = self.questions_frame.with_row_index("q").select("q", "outcome")
        found = frame.join(self.outcomes, on=["q", "outcome"], how="left", maintain_order="left")
        return found["k"].cast(pl.Int64).fill_null(-1).to_numpy()

    def times(self) -> tuple[Times, Times]:
        """(Q,) closes and resolves, with their defaults."""
        last = self.questions_frame["last"].to_numpy()
        still = self.questions_frame["outcome"].is_null().to_numpy()
        closes, resolves = (self._time(name) for name in ("closes", "resolves"))
        closes = np.where(np.isnan(closes), np.where(np.isnan(resolves), last, resolves), closes)
        resolves = np.where(np.isnan(resolves), closes, resolves)
        return closes, np.where(still, NEVER, resolves)

    def dated(self) -> Bools:
        """(Q,) whether the tables say when it resolved or, of one that is open, when it closes."""
        still = self.questions_frame["outcome"].is_null().to_numpy()
        return ~np.isnan(np.where(still, self._time("closes"), self._time("resolves")))

    def _time(self, name: str) -> Times:
        column: Times = self.questions_frame[name].to_numpy()
        return column

    def table(self) -> pl.DataFrame:
        """A row a question, as users know it."""
        closes, resolves = self.times()
        names = self.outcomes.sort("q", "k").group_by("q", maintain_order=True).agg(pl.col("outcome"))["outcome"]
        return self.questions_frame.select("question").with_columns(
            names.alias("outcomes"),
            self.questions_frame["outcome"],
            self.clock.show(self._time("opens"), "opens"),
            self.clock.show(closes, "closes"),
            self.clock.show(resolves, "resolves"),
        )

    def questions(self, coded: pl.DataFrame | None = None) -> Questions:
        """All of it in one piece, from rows with numbers for names; without rows, all but the forecasts."""
        nobody = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
        question, entries, times, values = nobody if coded is None else self.assemble(coded)
        closes, resolves = self.times()
        return Questions(
            self.table(),
            self.forecasters,
            self.clock,
            self.counts,
            self.happened,
            closes,
            resolves,
            self.dated(),
            offsets(np.bincount(question, minlength=len(self.questions_frame))),
            entries,
            times,
            values,
            self.silent,
            float(np.max(resolves, where=self.happened >= 0, initial=-NEVER)),
        )

    def assemble(self, coded: pl.DataFrame) -> tuple[Ints, Ints, Times, Floats]:
        """Rows made into forecasts: question and forecaster of each, time, probabilities entry after entry.

        Raises:
            InputError: a forecast says an outcome twice, lacks more than one, or does not sum to 1.
        """
        whose = pl.col("q").cast(pl.Int64) * len(self.forecasters) + pl.col("f")  # one key sorts faster than two
        rows = coded.with_columns(whose.alias("whose")).sort("whose", "time", "k")
        q, f, whom, time, k, p = (rows[n].to_numpy() for n in ("q", "f", "whose", "time", "k", "probability"))
        new = np.ones(len(rows), bool)
        new[1:] = (whom[1:] != whom[:-1]) | (time[1:] != time[:-1])
        begins = np.flatnonzero(new)
        entry = np.cumsum(new) - 1
        self._refuse_twice(rows, new)
        counts = self.counts
        width = counts[q[begins]]
        sums = np.add.reduceat(p, begins) if len(begins) else np.zeros(0)
        said = np.diff(np.append(begins, len(rows)))
        self._refuse_sums(rows, begins, sums, said, width)
        values = np.full(int(width.sum()), np.nan)
        values[offsets(width)[:-1][entry] + k] = p / np.repeat(np.where(said == width, sums, 1.0), said)
        values[np.isnan(values)] = np.maximum(1 - sums[said < width], 0.0)
        self._refuse_unnamed(q[begins], sums, said < width)
        return q[begins].astype(np.int64), f[begins].astype(np.int64), time[begins], values

    def _refuse_twice(self, rows: pl.DataFrame, new: Any) -> None:
        k = rows["k"].to_numpy()
        twice = np.flatnonzero(~new[1:] & (k[1:] == k[:-1])) + 1
        if len(twice):
            at = twice[0] - (rows["row"][int(twice[0] - 1)] > rows["row"][int(twice[0])])  # the later of the two
            outcome = self.outcomes.filter(q=rows["q"][int(at)], k=rows["k"][int(at)])["outcome"].item()
            raise InputError(f"{self._where(rows, at)} says {outcome!r} a second time at the same time; give it once")

    def _refuse_sums(self, rows: pl.DataFrame, begins: Ints, sums: Floats, said: Ints, width: Ints) -> None:
        if (lack := np.flatnonzero(said < width - 1)).size:
            e = lack[0]
            raise InputError(
                f"{self._where(rows, begins[e], said[e])} begins a forecast that names {said[e]} of the question's "
                f"{width[e]} outcomes; one may be left out, no more"
            )
        good = np.where(said == width, abs(sums - 1) <= self.tolerance, sums <= 1 + self.tolerance)
        if (wrong := np.flatnonzero(~good)).size:
            e = wrong[0]
            raise InputError(
                f"{self._where(rows, begins[e], said[e])} begins a forecast whose probabilities sum to {sums[e]:.9g}; "
                f"they must sum to 1 within {self.tolerance:g}. If they are rounded, raise the tolerance; if the "
                "question has an outcome that nobody names, add it to a table of outcomes"
            )

    def _refuse_unnamed(self, q: Ints, sums: Floats, lacks: Any) -> None:
        """An outcome that only the resolution names must be one that forecasts left room for: else it is misspelt."""
        room = np.ones(len(self.counts), bool)
        room[q] = False
        room[q[lacks & (sums < 1 - self.tolerance)]] = True
        if (wrong := np.flatnonzero(~room & ~self.exact)).size:
            told = self.questions_frame.row(int(wrong[0]), named=True)
            names = self.outcomes.filter(pl.col("q") == wrong[0], pl.col("outcome") != told["outcome"])["outcome"]
            raise InputError(
                f"row {told['row']} of the resolutions: question {told['question']!r} resolved as {told['outcome']!r}, "
                f"which all its forecasts rule out; they name {', '.join(names)} {ROW}"
            )

    def _where(self, rows: pl.DataFrame, at: int, count: int = 1) -> str:
        """The first of so many rows, in the order in which they were given."""
        told = rows[int(at) : int(at + count)].sort("row").row(0, named=True)
        question = self.questions_frame["question"][told["q"]]
        whose = f"question {question!r}, forecaster {self.forecasters[told['f']]!r}"
        return f"row {told['row']} of the forecasts ({whose}; rows count from 0)"


def make_index(
    found: pl.DataFrame,
    pairs: pl.DataFrame,
    people: pl.Series,
    resolved: pl.DataFrame,
    clock: Clock,
    *,
    tolerance: float = TOLERANCE,
) -> Index:
    """The index, from what the forecasts come down to: each question's times and outcomes, and the forecasters."""
    resolved = _resolutions(resolved, clock)
    known = found.join(resolved, on="question", how="inner")
    if known.is_empty():
        raise InputError(
            f"no question of the forecasts ({found['question'].sort()[0]!r}, ...) is in the resolutions "
            f"({', '.join(repr(q) for q in resolved['question'].sort().head(1))}, ...); their names must be the same"
        )
    silent = resolved.filter(pl.col("outcome").is_not_null()).join(found, on="question", how="anti").height
    frame = found.join(resolved, on="question", how="left").sort("question")
    frame = frame.with_columns(pl.col(name).fill_null(float("nan")) for name in tables.CLOCKED)
    numbered = frame.select("question", "outcome").with_row_index("q")
    forecast = pairs.join(numbered.select("q", "question"), on="question").select("q", "outcome").unique()
    happened = numbered.select("q", "outcome").drop_nulls()
    both = pl.concat([forecast, happened]).unique()
    alone = both.filter(pl.len().over("q") == 1).with_columns(
        pl.col("outcome").replace_strict(
            [*OPPOSITE, *(name.capitalize() for name in OPPOSITE if name.isalpha())],
            [*OPPOSITE.values(), *(name.capitalize() for name in OPPOSITE.values() if name.isalpha())],
            default="not " + pl.col("outcome"),
        )
    )
    outcomes = pl.concat([both, alone]).sort("q", "outcome").with_columns(pl.int_range(pl.len()).over("q").alias("k"))
    inexact = happened.join(forecast, on=["q", "outcome"], how="anti")
    _refuse_other_words(frame, inexact, forecast)
    exact = np.ones(len(frame), bool)
    exact[inexact["q"].to_numpy()] = False
    return Index(frame, outcomes, people, clock, exact, silent, tolerance)


def _refuse_other_words(frame: pl.DataFrame, inexact: pl.DataFrame, forecast: pl.DataFrame) -> None:
    """What happened is not what was forecast in another spelling, nor "true" where all speak of "yes".

    It would be scored as an outcome of its own, which gets what forecasts have left over: the opposite of what it is.
    """

    def plain(name: str) -> pl.Expr:
        return pl.col(name).str.strip_chars().str.to_lowercase()

    said = forecast.rename({"outcome": "said"}).with_columns(pl.len().over("q").alias("named"))
    beside = inexact.join(said, on="q").with_columns(plain("said").replace(OPPOSITE).alias("opposite"))
    spelt = plain("outcome") == plain("said")
    answers = (pl.col("named") == 1) & plain("said").is_in(list(OPPOSITE)) & (plain("outcome") != pl.col("opposite"))
    wrong = beside.filter(spelt | answers).sort("q", "said")
    if not wrong.is_empty():
        q, outcome, name = wrong.select("q", "outcome", "said").row(0)
        told = frame.row(q, named=True)
        raise InputError(
            f"row {told['row']} of the resolutions: question {told['question']!r} resolved as {outcome!r} {ROW}, but "
            f"its forecasts speak of {name!r}; use the same words, or name all outcomes in a table of outcomes"
        )


def _resolutions(resolved: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    """The resolutions with times as numbers and the numbers of their rows, each question once."""
    if (twice := resolved["question"].is_first_distinct().not_()).any():
        row = int(twice.arg_true()[0])
        raise InputError(
            f"row {row} of the resolutions has question {resolved['question'][row]!r} a second time {ROW}; give it once"
        )
    present: Sequence[str] = [name for name in tables.CLOCKED if name in resolved.columns]
    resolved = tables.parsed(resolved, "resolutions", present)
    read = {name: clock.read(resolved[name], "resolutions") for name in present}
    times = [pl.Series(name, read.get(name, np.full(len(resolved), np.nan))) for name in tables.CLOCKED]
    opens, closes, resolves = (column.to_numpy() for column in times)
    for ends, what in ((closes, "closes"), (resolves, "resolves")):
        if (wrong := np.flatnonzero(opens > ends)).size:
            raise InputError(f"row {wrong[0]} of the resolutions {what} before it opens {ROW}; mend one of the two")
    return resolved.select("question", "outcome").with_columns(*times, pl.int_range(pl.len()).alias("row"))
