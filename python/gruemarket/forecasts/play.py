"""Markets over the same questions, played side by side as the questions come."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gruemarket.forecasts.baselines import means
from gruemarket.forecasts.book import ForecastBook, ForecastRun
from gruemarket.forecasts.events import Events
from gruemarket.forecasts.measures import bits
from gruemarket.forecasts.methods import Method
from gruemarket.forecasts.questions import Floats, Panel, offsets

PARTS = 100  # into which a panel in memory is cut: steps of the progress, and points of the wealth over time
MOST = 5 * 10**7  # numbers in all snapshots of the wealth together
NOTHING = 1e9  # bits of who has no money


class Source(Protocol):
    """Questions in the order of their pricing, the open ones last, whose forecasts come in parts."""

    @property
    def questions(self) -> Panel:
        """All that is known of the questions, without their forecasts."""
        ...

    @property
    def forecasters(self) -> int:
        """How many there are."""
        ...

    @property
    def steps(self) -> int:
        """How many parts there are."""
        ...

    def parts(self) -> Iterator[Panel]:
        """The panel, part after part."""
        ...


@dataclass(frozen=True)
class Whole:
    """A panel in memory as a source."""

    questions: Panel
    forecasters: int

    @property
    def steps(self) -> int:
        """How many parts there are."""
        return min(PARTS, len(self.questions))

    def parts(self) -> Iterator[Panel]:
        """The panel, cut evenly."""
        cuts = np.linspace(0, len(self.questions), self.steps + 1).astype(int).tolist()
        for first, last in pairwise(cuts):
            yield self.questions.part(first, last)


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

    def play(self, part: Panel, first: int, place: int, when: Events) -> None:
        """Prices the next part, whose first question is number `first`, and whose prices begin at `place`."""
        still = part.happened < 0
        closed = len(part) - int(still.sum())
        for begin, end in ((0, closed), (closed, len(part))):
            if begin == end:
                continue
            some = part.part(begin, end)
            run = self._ask(some) if still[begin] else self._settle(some, first, when)
            at = place + part.price_starts[begin]
            self.prices[at : at + len(run.prices)] = run.prices
            self.staked[first + begin : first + end] = run.staked

    def _settle(self, part: Panel, first: int, when: Events) -> ForecastRun:
        due = when.due(first, first + len(part))
        return self.book.play(
            part.starts,
            part.forecasters,
            part.counts,
            part.values,
            resolved=when.resolved[due],
            happened=when.happened[due],
            after=when.after[due],
        )

    def _ask(self, part: Panel) -> ForecastRun:
        """Open questions, each with all the money that there is in the end: as if it were the only one."""
        if self._now is None:
            left = np.minimum(np.maximum(-self.book.log2_wealth, 0.0), NOTHING)
            # rules do not mind a common factor of all stakes, so that so small a lock changes no price
            lock = 1 / (self._open + 1)
            self._now = ForecastBook(left, clearing=self.method.clearing, lock=lock, normalize=True)
        return self._now.play(part.starts, part.forecasters, part.counts, part.values)


@dataclass
class Told:
    """What the forecasters themselves said of resolved questions, as sums over each one's questions.

    Args:
        questions: (N,) how many.
        bits: (N,) of their own forecasts.
        market_bits: (N,) of the market's prices of the same questions.
        brier: (N,) of their own forecasts.
    """

    questions: Floats
    bits: Floats
    market_bits: Floats
    brier: Floats

    @classmethod
    def of(cls, count: int) -> "Told":
        """Nothing yet."""
        return cls(*(np.zeros(count) for _ in range(4)))

    def add(self, part: Panel, prices: Floats) -> None:
        """Counts a part of the questions in, and the market's prices of them."""
        sizes, counts = part.sizes, part.counts
        resolved = np.repeat(part.happened >= 0, sizes)
        width = np.repeat(counts, sizes)
        begins = offsets(width)[:-1]
        hit = part.values[begins + np.repeat(np.maximum(part.happened, 0), sizes)]
        squares = np.add.reduceat(part.values**2, begins) + 1 - 2 * hit
        market = np.repeat(bits(prices, part.price_starts, part.happened), sizes)
        whose = part.forecasters
        each = part.weights()
        with np.errstate(divide="ignore"):
            own = -np.log2(hit)
        for name, values in (("bits", own), ("market_bits", market), ("brier", squares), ("questions", np.ones(1))):
            weighted = np.where(resolved, values, 0.0) * each
            total = getattr(self, name)
            np.add.at(total, whose, weighted)  # one after the other, however the questions are cut into parts


@dataclass
class Played:
    """What came of it.

    Args:
        markets: in the order of their methods; the first is the one that is asked for.
        mean: (sum of K,) the uniform mean of the forecasts, question after question.
        median: (sum of K,) their median.
        logs: (sum of K,) the mean of their logarithms.
        told: the forecasters' own record.
        times: (S,) when the wealth was noted.
        log2_wealth: (S, N) of the market that is asked for.
    """

    markets: list[Market]
    mean: Floats
    median: Floats
    logs: Floats
    told: Told
    times: list[float] = field(default_factory=list)
    log2_wealth: list[npt.NDArray[np.float32]] = field(default_factory=list)


def play(
    source: Source,
    methods: Sequence[Method],
    lock: float,
    when: Events,
    *,
    check: Callable[[Panel, Floats], None],
    step: Callable[[int], None],
) -> Played:
    """Plays all methods over a source.

    Args:
        source: the questions.
        methods: of which the first is the one that is asked for.
        lock: the share of wealth that a question locks.
        when: which resolution comes when.
        check: is shown each part with the uniform mean of its forecasts, before it is played.
        step: is told how many parts are done.
    """
    count = source.forecasters
    prior = np.full(count, np.log2(count))
    questions = source.questions
    size = int(questions.counts.sum())
    markets = [Market(method, prior, lock, questions) for method in methods]
    played = Played(markets, np.empty(size), np.empty(size), np.empty(size), Told.of(count))
    every = max(1, -(-source.steps * count // MOST))
    played.log2_wealth.append(markets[0].book.log2_wealth.astype(np.float32))
    played.times.append(float(questions.priced[0]))
    first = place = 0
    for number, part in enumerate(source.parts(), start=1):
        last = place + int(part.counts.sum())
        played.mean[place:last], played.median[place:last], played.logs[place:last] = means(part)
        check(part, played.mean[place:last])
        for market in markets:
            market.play(part, first, place, when)
        _fund(played, part, first, place)
        played.told.add(part, markets[0].prices[place:last])
        first, place = first + len(part), last
        resolved = part.priced[part.happened >= 0]
        if len(resolved) and (number % every == 0 or number == source.steps):
            played.log2_wealth.append(markets[0].book.log2_wealth.astype(np.float32))
            played.times.append(float(resolved[-1]))
        step(number)
    return played


def _fund(played: Played, part: Panel, first: int, place: int) -> None:
    """Where nobody had free money a market has no opinion: the uniform mean stands for it."""
    for market in played.markets:
        for t in np.flatnonzero(market.staked[first : first + len(part)] == 0):
            begin, end = (place + int(part.price_starts[i]) for i in (t, t + 1))
            market.prices[begin:end] = played.mean[begin:end]
