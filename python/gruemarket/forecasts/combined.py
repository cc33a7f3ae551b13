"""The prices of all methods, of which some are made of others' prices."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import numpy as np

from gruemarket.clearing import Kelly
from gruemarket.forecasts import baselines
from gruemarket.forecasts.events import Events, posterior
from gruemarket.forecasts.markets import Market, Piece
from gruemarket.forecasts.measures import bits
from gruemarket.forecasts.methods import BEST, HINDSIGHT, MARKET_OF_MARKETS, OF_GRID, WEIGHED, Method
from gruemarket.forecasts.play import Played
from gruemarket.forecasts.questions import Floats, Ints, Panel, offsets


def prices_of(names: AbstractSet[str], played: Played, questions: Panel, when: Events, order: str) -> dict[str, Floats]:
    """The prices of methods by name: the market that is asked for, baselines, the market of markets, the grid."""
    found = {market.method.name: market.prices for market in played.markets}
    asked = played.markets[0].method.name
    made = {asked: found[asked]} | _baselines(names, played, questions, when)
    return made | _of_grid(names, played, questions, when, order) | {n: found[n] for n in found if n in names}


def _baselines(names: AbstractSet[str], played: Played, questions: Panel, when: Events) -> dict[str, Floats]:
    starts, logs = questions.price_starts, played.logs
    makers: dict[str, Callable[[], Floats]] = {
        baselines.UNIFORM_MEAN: lambda: played.mean,
        baselines.MEDIAN: lambda: played.median,
        baselines.LOG_POOL: lambda: baselines.pooled(logs, starts),
        baselines.EXTREMISED: lambda: baselines.extremised(logs, starts, questions.happened, when)[0],
    }
    return {name: make() for name, make in makers.items() if name in names}


def _of_grid(names: AbstractSet[str], played: Played, questions: Panel, when: Events, order: str) -> dict[str, Floats]:
    """What is chosen among the markets of the grid, online and in hindsight."""
    if names.isdisjoint(OF_GRID):
        return {}
    grid = {market.method.name: market.prices for market in played.markets if market.method.grid}
    made = {}
    if MARKET_OF_MARKETS in names:
        made[MARKET_OF_MARKETS] = _market_of(grid, questions, when, order)
    losses = [np.nan_to_num(bits(one, questions.price_starts, questions.happened)) for one in grid.values()]
    if WEIGHED in names:
        weights = np.repeat(posterior(np.stack(losses, axis=1), when), questions.counts, axis=0)
        made[WEIGHED] = (np.stack(list(grid.values()), axis=1) * weights).sum(axis=1)
    if BEST in names:
        best = list(grid)[int(np.argmin([one.sum() for one in losses]))]
        made[HINDSIGHT + best] = grid[best]
    return made


def _market_of(grid: dict[str, Floats], questions: Panel, when: Events, order: str) -> Floats:
    """The prices of a Kelly market whose forecasters are the markets of the grid: on the same events, so online."""
    panel = Panel(
        **{name: getattr(questions, name) for name in ("question", "counts", "happened", "priced", "resolves")},
        starts=np.arange(len(questions) + 1) * len(grid),
        forecasters=np.tile(np.arange(len(grid)), len(questions)),
        values=_side_by_side(list(grid.values()), questions.counts),
    )
    lock = 1.0 if order == "resolve" else None
    market = Market(Method(MARKET_OF_MARKETS, Kelly(), None), len(grid), lock, panel)
    piece = Piece.of(panel, 0, 0, when)
    market.play(piece)
    market.ask(piece.waiting)
    mean = baselines.means(panel)[0]
    unfunded = np.repeat(market.staked == 0, panel.counts)
    made: Floats = np.where(unfunded, mean, market.prices)
    return made


def _side_by_side(prices: list[Floats], counts: Ints) -> Floats:
    """Entry after entry: for each question the first method's prices of its outcomes, then the second's."""
    starts = offsets(counts)
    made = np.empty(len(prices) * int(starts[-1]))
    k = np.arange(starts[-1]) - np.repeat(starts[:-1], counts)
    begins = np.repeat(starts[:-1] * len(prices), counts)
    for i, one in enumerate(prices):
        made[begins + i * np.repeat(counts, counts) + k] = one
    return made
