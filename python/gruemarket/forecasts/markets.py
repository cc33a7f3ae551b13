"""Markets over the same questions, each with a book of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket._core import threads
from gruemarket.forecasts.book import ForecastBook, ForecastRun
from gruemarket.forecasts.events import Events
from gruemarket.forecasts.methods import Method
from gruemarket.forecasts.questions import Floats, Ints, Panel

NOTHING = 1e9  # bits of who has no money


@dataclass(frozen=True)
class Piece:
    """A part of the questions in the form that books read: made once, played by every market.

    Args:
        closed: starts, forecasters, outcomes and values of the questions that resolve; they come first.
        still: the same of those that are open.
        resolutions: what resolves among the former; by name, as a book wants it.
        first: the number of the first question.
        place: where its prices begin.
    """

    closed: tuple[npt.NDArray[Any], ...]
    still: tuple[npt.NDArray[Any], ...]
    resolutions: dict[str, Ints]
    first: int
    place: int

    @classmethod
    def of(cls, part: Panel, first: int, place: int, when: Events) -> "Piece":
        """The next part, whose first question is number `first`, and whose prices begin at `place`."""
        closed = int(np.sum(part.happened >= 0))
        due = when.due(first, first + closed)
        resolutions = {name: getattr(when, name)[due] for name in ("resolved", "happened", "after")}
        return cls(_asked(part.part(0, closed)), _asked(part.part(closed, len(part))), resolutions, first, place)


def _asked(part: Panel) -> tuple[npt.NDArray[Any], ...]:
    return part.starts, part.forecasters.astype(np.uint32), part.counts.astype(np.uint32), part.values


class Market:
    """One book on its way through the questions.

    Args:
        method: what it is.
        bits: (N,) the forecasters' prior.
        lock: the share of wealth that a question locks.
        questions: all of them.
    """

    def __init__(self, method: Method, bits: Floats, lock: float, questions: Panel) -> None:
        self.method, self.lock = method, lock
        self.book = ForecastBook(bits, clearing=method.clearing, lock=lock, grue=method.grue)
        self.prices = np.empty(int(questions.counts.sum()))
        self.staked = np.zeros(len(questions))
        self._open = int(np.sum(questions.happened < 0))
        self._now: ForecastBook | None = None

    def play(self, piece: Piece) -> None:
        """Prices the next piece."""
        first, place = piece.first, piece.place
        if len(piece.closed[0]) > 1:
            run = self.book.play(*piece.closed, **piece.resolutions)
            self._note(run, first, place)
            first, place = first + len(run.staked), place + len(run.prices)
        if len(piece.still[0]) > 1:
            self._note(self._ask(piece.still), first, place)

    def _note(self, run: ForecastRun, first: int, place: int) -> None:
        self.prices[place : place + len(run.prices)] = run.prices
        self.staked[first : first + len(run.staked)] = run.staked

    def _ask(self, questions: tuple[npt.NDArray[Any], ...]) -> ForecastRun:
        """Open questions, each with all the money that there is in the end: as if it were the only one."""
        if self._now is None:
            left = np.minimum(np.maximum(-self.book.log2_wealth, 0.0), NOTHING)
            # rules do not mind a common factor of all stakes, so that so small a lock changes no price
            lock = 1 / (self._open + 1)
            self._now = ForecastBook(left, clearing=self.method.clearing, lock=lock, normalize=True)
        return self._now.play(*questions)


@contextmanager
def side_by_side(markets: Sequence[Market]) -> Iterator[Callable[[Piece], None]]:
    """Gives a function that has every market play a piece, on as many threads as the engine may use.

    The markets share nothing that they change, so the threads do not show in the results. With one thread or market it
    is a plain loop on this one. When it is interrupted, the pieces that are being played are played to their end.
    """

    def one_by_one(piece: Piece) -> None:
        for market in markets:
            market.play(piece)

    if min(threads(), len(markets)) == 1:
        yield one_by_one
        return
    with ThreadPoolExecutor(min(threads(), len(markets)), "gruemarket") as pool:
        # a list takes the results inside of the map, which on any error cancels what has not begun
        yield lambda piece: list(pool.map(lambda market: market.play(piece), markets)).clear()
