"""Forecasts in the form that is computed with: entries by question, arrays that are ragged where outcomes differ."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.errors import InputError
from gruemarket.forecasts.clock import NEVER, Clock, Times
from gruemarket.forecasts.settings import is_number

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
WHICH = ("last", "every")
ORDERS = ("close", "resolve")
BY_QUESTION = ("question", "counts", "happened", "priced", "resolves")


@dataclass(frozen=True, eq=False)
class Panel:
    """Questions in the order of their prices, with the forecasts that are priced; what the markets read.

    Args:
        question: (Q,) rows of `Questions.table`.
        counts: (Q,) outcomes K of each.
        happened: (Q,) what happened, from 0; -1 is open.
        priced: (Q,) when each is priced, ascending; infinite where it is open and nothing is locked in it.
        resolves: (Q,) when each pays; infinite where it is open.
        starts: (Q + 1,) where each question's entries begin.
        forecasters: (E,) whose the entries are, rows of `Questions.forecasters`; ascending within a question.
        values: (sum of K over the entries,) probabilities, entry after entry.
        late: (E,) whether the forecaster came only after the question's stakes were locked, as may be in an open one;
            None for nobody.
    """

    question: Ints
    counts: Ints
    happened: Ints
    priced: Times
    resolves: Times
    starts: Ints
    forecasters: Ints
    values: Floats
    late: Bools | None = None

    def __len__(self) -> int:
        return len(self.question)

    @property
    def sizes(self) -> Ints:
        """(Q,) entries of each question."""
        return np.diff(self.starts)

    @property
    def value_starts(self) -> Ints:
        """(Q + 1,) where each question's probabilities begin in `values`."""
        return offsets(self.sizes * self.counts)

    @property
    def price_starts(self) -> Ints:
        """(Q + 1,) where each question begins in what has K numbers a question, such as prices."""
        return offsets(self.counts)

    def part(self, first: int, last: int) -> "Panel":
        """Questions `first` to `last`, the latter not among them."""
        entries = slice(self.starts[first], self.starts[last])
        ends = self.value_starts
        return Panel(
            **{name: getattr(self, name)[first:last] for name in BY_QUESTION},
            starts=self.starts[first : last + 1] - self.starts[first],
            forecasters=self.forecasters[entries],
            values=self.values[ends[first] : ends[last]],
            late=None if self.late is None else self.late[entries],
        )

    def locked(self) -> "Panel":
        """Without those who came late: what is staked when the questions are priced in their turn."""
        if self.late is None or not self.late.any():
            return self
        there = ~self.late
        return Panel(
            **{name: getattr(self, name) for name in BY_QUESTION},
            starts=offsets(np.add.reduceat(there, self.starts[:-1], dtype=np.int64)),
            forecasters=self.forecasters[there],
            values=self.values[np.repeat(there, np.repeat(self.counts, self.sizes))],
        )

    def rows(self, asked: Ints) -> "Panel":
        """These questions alone."""
        counts, sizes = self.counts[asked], self.sizes[asked]
        return Panel(
            **{name: getattr(self, name)[asked] for name in BY_QUESTION},
            starts=offsets(sizes),
            forecasters=self.forecasters[_ranges(self.starts[asked], sizes)],
            values=self.values[_ranges(self.value_starts[asked], sizes * counts)],
        )

    def weights(self) -> Floats:
        """(E,) 1 over how often the entry's forecaster stands in its question."""
        new = np.ones(len(self.forecasters), bool)
        new[1:] = self.forecasters[1:] != self.forecasters[:-1]
        new[self.starts[:-1]] = True
        run = np.cumsum(new) - 1
        weights: Floats = 1 / np.bincount(run)[run]
        return weights

    def floored(self, floor: float) -> "Panel":
        """Forecasts `q (1 - K floor) + floor`, so that none is 0."""
        if floor == 0:
            return self
        most = 1 - floor * np.repeat(self.counts, self.sizes * self.counts)
        if len(most) and most.min() <= 0:
            raise InputError(
                f"floor {floor} times {int(self.counts.max())} outcomes is 1 or more; give a smaller floor"
            )
        return Panel(**{**vars(self), "values": self.values * most + floor})


@dataclass(frozen=True, eq=False)
class Questions:
    """Forecasts and resolutions, checked; made by `gruemarket.forecasts.read`.

    Args:
        table: a row a question: question, outcomes (their names), outcome (what happened, or null), opens, closes,
            resolves.
        forecasters: their names, sorted.
        clock: of the tables' times.
        counts: (Q,) outcomes of each question.
        happened: (Q,) what happened, from 0; -1 is open.
        closes: (Q,) times, as numbers of the clock.
        resolves: (Q,) the same; infinite where the question is open.
        dated: (Q,) whether the tables say when it resolved or, of one that is open, when it closes; else that time is
            assumed.
        starts: (Q + 1,) where each question's entries begin.
        entries: (E,) whose they are; within a question by forecaster, then by time.
        times: (E,) when they were made.
        values: probabilities, entry after entry.
        silent: how many resolved questions nobody forecast; they are left out.
        last: when the last of them all resolved.
    """

    table: pl.DataFrame
    forecasters: pl.Series
    clock: Clock
    counts: Ints = field(repr=False)
    happened: Ints = field(repr=False)
    closes: Times = field(repr=False)
    resolves: Times = field(repr=False)
    dated: Bools = field(repr=False)
    starts: Ints = field(repr=False)
    entries: Ints = field(repr=False)
    times: Times = field(repr=False)
    values: Floats = field(repr=False)
    silent: int = 0
    last: float = NEVER

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        still = int(np.sum(self.happened < 0))
        return (
            f"Questions({len(self):,} questions, {still:,} of them open, {len(self.forecasters):,} forecasters, "
            f"{len(self.entries):,} forecasts)"
        )

    def pricing_times(self, at: Any = None) -> Times:
        """(Q,) when each is priced: at its close, or as `at` says; never after it resolves.

        Args:
            at: None for the close; a time (as of then: questions that close earlier are priced at their close); or how
                long before the close ("7d", a timedelta, "-7" where times are numbers). A question that is open has no
                last moment yet, so the latter does not hold it back.
        """
        latest = np.minimum(self.closes, self.resolves)
        if at is None:
            return latest
        when, back = self.clock.at(at)
        if not back:
            return np.minimum(latest, when)
        earlier: Times = np.where(self.happened >= 0, latest - when, latest)
        return earlier

    def panel(
        self,
        at: Any = None,
        which: Literal["last", "every"] = "last",
        order: Literal["close", "resolve"] = "close",
    ) -> Panel:
        """The forecasts that are priced, in the order in which they are: by time, open questions last.

        Questions without a forecast in time are left out.

        Args:
            at: see `pricing_times`.
            which: of a forecaster's several forecasts of one question the last in time, or every one.
            order: "close" prices a question at its pricing time; "resolve" when it resolves, with the forecasts up to
                its pricing time.

        Raises:
            InputError: nothing is left.
        """
        sizes = np.diff(self.starts)
        until, when, resolves = self.schedule(at, order, np.minimum.reduceat(self.times, self.starts[:-1]))
        kept = self.times <= np.repeat(until, sizes)
        if which == "last":
            kept = _last(kept, np.repeat(np.arange(len(sizes)), sizes), self.entries)
        found = np.add.reduceat(kept, self.starts[:-1], dtype=np.int64)
        turn = in_turn(when, found > 0)
        taken = _ranges(self.starts[turn], sizes[turn])
        taken = taken[kept[taken]]
        width = np.repeat(self.counts, sizes)
        return Panel(
            question=turn,
            counts=self.counts[turn],
            happened=self.happened[turn],
            priced=when[turn],
            resolves=resolves[turn],
            starts=offsets(found[turn]),
            forecasters=self.entries[taken],
            values=self.values[_ranges(offsets(width)[taken], width[taken])],
            late=self._late(when)[taken],
        )

    def _late(self, when: Times) -> Bools:
        """(E,) whose forecaster has said nothing yet when the question's stakes are locked."""
        new = np.ones(len(self.entries), bool)
        new[1:] = self.entries[1:] != self.entries[:-1]
        new[self.starts[:-1]] = True
        since = self.times[np.flatnonzero(new)][np.cumsum(new) - 1]
        late: Bools = since > np.repeat(when, np.diff(self.starts))
        return late

    def now(self, at: Any = None) -> float:
        """When open questions are priced: at the time that is asked, or after everything."""
        when, back = (NEVER, False) if at is None else self.clock.at(at)
        return NEVER if back else when

    def schedule(self, at: Any, order: str, first: Times) -> tuple[Times, Times, Times]:
        """(Q,) until when forecasts count, when each question is priced, and when it pays.

        An open question is priced now; but if it has closed by then, what is staked on it has been locked since its
        pricing time, as in a question that has resolved: the money then did not know which of the two it is.

        Args:
            at: see `pricing_times`.
            order: see `panel`.
            first: (Q,) when the first forecast of each was made.
        """
        until = self.pricing_times(at)
        closed = self.happened >= 0
        resolves = np.where(closed, np.maximum(self.resolves, until), NEVER)
        if order == "resolve":
            return until, resolves, resolves
        when, back = (0.0, False) if at is None else self.clock.at(at)
        locked = self.closes - when if back else self.closes
        waits = self.dated & (first <= locked) & (locked <= min(self.now(at), self.last))
        return until, np.where(closed, until, np.where(waits, locked, NEVER)), resolves


@dataclass(frozen=True)
class Pricing:
    """How questions are priced; see `Questions.panel` and `Panel.floored`."""

    at: Any = None
    which: Literal["last", "every"] = "last"
    order: Literal["close", "resolve"] = "close"
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.which not in WHICH:
            raise InputError(f"which={self.which!r}; give 'last' or 'every'")
        if self.order not in ORDERS:
            raise InputError(f"order={self.order!r}; give 'close', or 'resolve' for one question after another")
        if not (is_number(self.floor) and 0 <= self.floor < 0.5):
            raise InputError(f"floor {self.floor!r}; give 0 or more, and less than 1 / the number of outcomes")
        object.__setattr__(self, "floor", float(self.floor))

    def panel(self, questions: Questions) -> Panel:
        """What is priced of the questions, in the order in which it is."""
        return questions.panel(self.at, self.which, self.order).floored(self.floor)

    def told(self) -> dict[str, Any]:
        """In plain values."""
        return {**vars(self), "at": None if self.at is None else str(self.at)}


def in_turn(when: Times, asked: npt.NDArray[np.bool_]) -> Ints:
    """Questions in the order of their times, of which only those that are asked are there.

    Raises:
        InputError: none is.
    """
    turn = np.argsort(when, kind="stable")
    turn = turn[asked[turn]]
    if not len(turn):
        raise InputError("no question has a forecast before it is priced; look at the times, or give another at=")
    return turn


def offsets(sizes: npt.NDArray[Any]) -> Ints:
    """Where parts of these sizes begin, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])


def _ranges(begins: Ints, sizes: Ints) -> Ints:
    """`begin, begin + 1, ...` of all parts, one after the other."""
    ends = offsets(sizes)
    return np.repeat(begins - ends[:-1], sizes) + np.arange(ends[-1])


def _last(kept: npt.NDArray[np.bool_], question: Ints, forecaster: Ints) -> npt.NDArray[np.bool_]:
    """Of the entries that are kept, each forecaster's last one of a question."""
    found = np.flatnonzero(kept)
    same = (question[found[1:]] == question[found[:-1]]) & (forecaster[found[1:]] == forecaster[found[:-1]])
    last = np.zeros(len(kept), bool)
    last[found[:-1][~same]] = True
    last[found[-1:]] = True
    return last
