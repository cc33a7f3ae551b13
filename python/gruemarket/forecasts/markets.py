"""Markets over the same questions, each with a book of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket._core import threads
from gruemarket.forecasts.book import ForecastBook
from gruemarket.forecasts.clock import NEVER
from gruemarket.forecasts.events import Events
from gruemarket.forecasts.methods import Method
from gruemarket.forecasts.questions import Floats, Ints, Panel

NOTHING = 1e9  # bits of who has no money
Chunk = tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True)
class Asked:
    """Open questions in the form that books read.

    Args:
        chunk: starts, forecasters, outcomes and values.
        rows: their numbers.
        places: where their prices are, outcome after outcome.
    """

    chunk: Chunk
    rows: Ints
    places: Ints

    @classmethod
    def of(cls, part: Panel, asked: Ints, first: int, place: int) -> "Asked":
        """These questions of a part whose first is number `first`, and whose prices begin at `place`."""
        chosen = np.zeros(len(part), bool)
        chosen[asked] = True
        places = place + np.flatnonzero(np.repeat(chosen, part.counts))
        return cls(_chunk(part.rows(asked)), first + asked, places)


@dataclass(frozen=True)
class Play:
    """Questions that are priced one after the other, and resolutions among them.

    Args:
        chunk: starts, forecasters, outcomes and values.
        resolutions: by name, as a book wants them.
        now: whether open questions are priced with the money that there is then.
    """

    chunk: Chunk
    resolutions: dict[str, Ints]
    now: bool


@dataclass(frozen=True)
class Piece:
    """A part of the questions in the form that books read: made once, played by every market.

    Args:
        plays: what the books go through: the questions that resolve, and those that are open but have closed.
        still: the other open questions, which come last.
        waiting: those that are open but have closed: they are priced once all pieces have been played.
        first: the number of the first question.
        place: where its prices begin.
    """

    plays: list[Play]
    still: Asked
    waiting: Asked
    first: int
    place: int

    @classmethod
    def of(cls, part: Panel, first: int, place: int, when: Events) -> "Piece":
        """The next part, whose first question is number `first`, and whose prices begin at `place`."""
        booked = int(np.sum(part.priced < NEVER))
        due = when.due(first, first + booked)
        ends = [(first + booked, due.stop, False)]
        questions, resolutions = when.now
        if first < questions <= first + booked or questions == first == 0:
            ends.insert(0, (questions, resolutions, True))
        plays, at, known = [], first, due.start
        for last, until, now in ends:
            found = {name: getattr(when, name)[known:until] for name in ("resolved", "happened", "after")}
            plays.append(Play(_chunk(part.part(at - first, last - first).locked()), found, now))
            at, known = last, until
        still = np.arange(booked, len(part))
        waiting = np.flatnonzero(part.happened[:booked] < 0)
        return cls(
            plays, Asked.of(part, still, first, place), Asked.of(part, waiting, first, place), first=first, place=place
        )


def _chunk(part: Panel) -> Chunk:
    return part.starts, part.forecasters.astype(np.uint32), part.counts.astype(np.uint32), part.values


class Market:
    """One book on its way through the questions. Its forecasters begin alike, and enter as they are first asked.

    What anybody has is a power of two at first, so that nobody's bits depend on how many will come.

    Args:
        method: what it is.
        count: how many forecasters there are.
        lock: the share of wealth that a question locks; None follows how busy they are.
        questions: all of them.
    """

    def __init__(self, method: Method, count: int, lock: float | None, questions: Panel) -> None:
        self.method = method
        bits = np.ceil(np.log2(count))
        self.book = ForecastBook(
            np.full(count, bits), clearing=method.clearing, lock=lock, grue=method.grue, entering=True
        )
        self.prices = np.empty(int(questions.counts.sum()))
        self.staked = np.zeros(len(questions))
        self.locks: list[Floats] = []
        self._whole = bits - np.log2(count)  # log2 of 1 / all money
        self._open = int(np.sum(questions.happened < 0))
        self._now: ForecastBook | None = None

    @property
    def log2_wealth(self) -> Floats:
        """(N,) log2 of the share of all money, locked stakes included."""
        shares: Floats = self.book.log2_wealth + self._whole
        return shares

    @property
    def wealth(self) -> Floats:
        """(N,) shares of all money, locked stakes included."""
        shares: Floats = self.book.wealth * np.exp2(self._whole)
        return shares

    def play(self, piece: Piece) -> None:
        """Prices the next piece."""
        row, place = piece.first, piece.place
        for play in piece.plays:
            run = self.book.play(*play.chunk, **play.resolutions)
            self.prices[place : place + len(run.prices)] = run.prices
            self.staked[row : row + len(run.staked)] = run.staked
            self.locks += [run.locks] if len(run.locks) else []
            row, place = row + len(run.staked), place + len(run.prices)
            if play.now and self._open:
                self._now = self._as_of_now()
        self.ask(piece.still)

    def ask(self, asked: Asked) -> None:
        """Prices open questions, each with all the money that there is now: as if it were the only one."""
        if len(asked.rows):
            self._now = self._now or self._as_of_now()
            run = self._now.play(*asked.chunk)
            self.prices[asked.places], self.staked[asked.rows] = run.prices, run.staked

    def _as_of_now(self) -> ForecastBook:
        left = np.minimum(np.maximum(-self.book.log2_wealth, 0.0), NOTHING)
        # rules do not mind a common factor of all stakes, so that so small a lock changes no price
        return ForecastBook(left, clearing=self.method.clearing, lock=1 / (self._open + 1), normalize=True)


@contextmanager
def side_by_side(markets: Sequence[Market]) -> Iterator[Callable[[Callable[[Market], None]], None]]:
    """Gives a function that has every market do something, on as many threads as the engine may use.

    The markets share nothing that they change, so the threads do not show in the results. With one thread or market it
    is a plain loop on this one. When it is interrupted, what is being done is done to its end.
    """

    def one_by_one(act: Callable[[Market], None]) -> None:
        for market in markets:
            act(market)

    if min(threads(), len(markets)) == 1:
        yield one_by_one
        return
    with ThreadPoolExecutor(min(threads(), len(markets)), "gruemarket") as pool:
        # a list takes the results inside of the map, which on any error cancels what has not begun
        yield lambda act: list(pool.map(act, markets)).clear()
