"""Rows of forecasts on disk, in pieces that hold whole questions in the order of their pricing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from gruemarket.forecasts.index import Index
from gruemarket.forecasts.questions import Floats, Ints, Panel, Pricing, Questions, in_turn, offsets
from gruemarket.forecasts.read import checked
from gruemarket.progress import Shown

NARROW = {"q": pl.Int32, "f": pl.Int32, "k": pl.UInt16, "row": pl.UInt64}


class Spilled:
    """A source (see `play`) whose forecasts are in a folder.

    Args:
        index: of the forecasts.
        known: what is known of the questions, without their forecasts.
        folder: where rows are kept; whoever gives it deletes it.
        pricing: how questions are priced.
        rows: how many a piece may hold, if it has more than one question.
    """

    def __init__(self, index: Index, known: Questions, folder: Path, pricing: Pricing, rows: int) -> None:
        self._index, self._known, self._folder = index, known, folder
        self._pricing, self._rows = pricing, rows
        first = index.questions_frame["first"].to_numpy()
        self._until, when, resolves = known.schedule(pricing.at, pricing.order, first)
        asked = first <= self._until
        turn = in_turn(when, asked)
        none = np.zeros(0, np.int64)
        self.questions = Panel(
            turn, known.counts[turn], known.happened[turn], when[turn], resolves[turn],
            np.zeros(len(turn) + 1, np.int64), none, np.zeros(0),
        )  # fmt: skip
        self.forecasters = len(known.forecasters)
        sizes, begin, end = (index.questions_frame[name].to_numpy()[turn] for name in ("rows", "begin", "end"))
        cuts = _cuts(sizes, rows)
        self._cuts = cuts
        self._begin, self._size = np.minimum.reduceat(begin, cuts[:-1]), np.add.reduceat(sizes, cuts[:-1])
        # whether each piece is one run of rows: then it is read where it stands, and nothing is spilled
        self._runs = bool(np.all(np.maximum.reduceat(end, cuts[:-1]) - self._begin + 1 == self._size))
        self._lazy = pl.LazyFrame()
        self._piece = np.full(len(asked), -1)
        self._piece[turn] = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))

    @property
    def steps(self) -> int:
        """How many pieces there are."""
        return len(self._cuts) - 1

    def spill(self, lazy: pl.LazyFrame, bar: Shown) -> None:
        """Reads all rows once, and writes those that are priced into the pieces that they belong to.

        Rows that come piece after piece are left where they are.
        """
        self._lazy = lazy
        if self._runs:
            return
        total = int(self._index.questions_frame["rows"].sum())
        steps = -(-total // self._rows)
        bar.stage("reading", steps)
        for step in range(steps):
            rows = self._priced(step * self._rows, self._rows)
            for (number,), part in rows.cast(NARROW).partition_by("piece", as_dict=True, include_key=False).items():  # type: ignore[arg-type] # names to types
                part.write_parquet(self._folder / f"{number:06}-{step:06}.parquet", compression="lz4", statistics=False)
            bar.step(step + 1, "")

    def _priced(self, first: int, count: int) -> pl.DataFrame:
        """Of so many rows those that are priced, with numbers for names and the pieces that they belong to."""
        batch = checked(self._lazy.slice(first, count).collect(), self._known.clock, first)
        coded = self._index.coded(batch)
        piece = self._piece[coded["q"].to_numpy()]
        kept = (piece >= 0) & (coded["time"].to_numpy() <= self._until[coded["q"].to_numpy()])
        return coded.with_columns(pl.Series("piece", piece)).filter(pl.Series(kept))

    def parts(self) -> Iterator[Panel]:
        """The panel, a piece at a time."""
        for number in range(self.steps):
            if self._runs:
                yield self._panel(self._priced(int(self._begin[number]), int(self._size[number])))
            else:
                files = sorted(self._folder.glob(f"{number:06}-*.parquet"))
                yield self._panel(pl.concat(pl.read_parquet(file) for file in files))

    def _panel(self, coded: pl.DataFrame) -> Panel:
        q, entries, times, values = self._index.assemble(coded)
        asked, local = np.unique(q, return_inverse=True)
        part = self._pricing.panel(self._of(asked, np.bincount(local), entries, times, values))
        return Panel(**{**vars(part), "question": asked[part.question]})

    def _of(self, asked: Ints, sizes: Ints, entries: Ints, times: Floats, values: Floats) -> Questions:
        known = self._known
        return Questions(
            known.table.clear(),
            known.forecasters,
            known.clock,
            known.counts[asked],
            known.happened[asked],
            known.closes[asked],
            known.resolves[asked],
            known.dated[asked],
            offsets(sizes),
            entries,
            times,
            values,
            known.silent,
            known.last,
        )


def _cuts(rows: Ints, most: int) -> Ints:
    """Where pieces of whole questions begin, and where the last ends: each of at most so many rows, or one question.

    >>> _cuts(np.array([3, 3, 9, 1, 1]), 6).tolist()
    [0, 2, 3, 5]
    """
    cuts, total = [0], 0
    for i, count in enumerate(rows.tolist()):
        if total and total + count > most:
            cuts.append(i)
            total = 0
        total += count
    return np.array([*cuts, len(rows)])
