"""The play: questions come part by part, and all markets and plain means see each part as it comes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import methodcaller
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gruemarket.forecasts.baselines import means
from gruemarket.forecasts.events import Events
from gruemarket.forecasts.markets import Asked, Market, Piece, side_by_side
from gruemarket.forecasts.measures import bits
from gruemarket.forecasts.methods import Method
from gruemarket.forecasts.questions import Floats, Ints, Panel, offsets

PARTS = 100  # into which a panel in memory is cut: steps of the progress, and points of the wealth over time
MOST = 5 * 10**7  # numbers in all snapshots of the wealth together


class Source(Protocol):
    """Questions in the order of their pricing, whose forecasts come in parts; those that lock nothing come last."""

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

    def note(self, part: Panel) -> None:
        """Notes the wealth as of the last question of a part that resolves, if there is one."""
        resolved = part.priced[part.happened >= 0]
        if len(resolved):
            self.log2_wealth.append(self.markets[0].log2_wealth.astype(np.float32))
            self.times.append(float(resolved[-1]))


def play(
    source: Source,
    methods: Sequence[Method],
    lock: float | None,
    when: Events,
    *,
    check: Callable[[Panel, Floats], None],
    step: Callable[[int], None],
) -> Played:
    """Plays all methods over a source.

    Args:
        source: the questions.
        methods: of which the first is the one that is asked for.
        lock: the share of wealth that a question locks; None follows how busy forecasters are.
        when: which resolution comes when.
        check: is shown each part with the uniform mean of its forecasts, before it is played.
        step: is told how many parts are done.
    """
    count = source.forecasters
    questions = source.questions
    size = int(questions.counts.sum())
    markets = [Market(method, count, lock, questions) for method in methods]
    played = Played(markets, np.empty(size), np.empty(size), np.empty(size), Told.of(count))
    every = max(1, -(-source.steps * count // MOST))
    played.log2_wealth.append(markets[0].log2_wealth.astype(np.float32))
    played.times.append(float(questions.priced[0]))
    first = place = 0
    waiting: list[Asked] = []
    with side_by_side(markets) as every_one:
        for number, part in enumerate(source.parts(), start=1):
            last = place + int(part.counts.sum())
            played.mean[place:last], played.median[place:last], played.logs[place:last] = means(part)
            check(part, played.mean[place:last])
            piece = Piece.of(part, first, place, when)
            every_one(methodcaller("play", piece))
            waiting += [piece.waiting] if len(piece.waiting.rows) else []
            _fund(played, np.arange(first, first + len(part)), np.arange(place, last), part.counts)
            played.told.add(part, markets[0].prices[place:last])
            first, place = first + len(part), last
            if number % every == 0 or number == source.steps:
                played.note(part)
            step(number)
        for asked in waiting:
            every_one(methodcaller("ask", asked))
            _fund(played, asked.rows, asked.places, questions.counts[asked.rows])
    return played


def _fund(played: Played, rows: Ints, places: Ints, counts: Ints) -> None:
    """Where nobody had free money a market has no opinion: the uniform mean stands for it."""
    for market in played.markets:
        unfunded = places[np.repeat(market.staked[rows] == 0, counts)]
        market.prices[unfunded] = played.mean[unfunded]
