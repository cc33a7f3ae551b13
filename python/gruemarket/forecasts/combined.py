"""The prices of all methods, of which some are made of others' prices."""

import numpy as np

from gruemarket.clearing import Kelly
from gruemarket.forecasts import baselines
from gruemarket.forecasts.events import Events, default_lock, posterior
from gruemarket.forecasts.markets import Market, Piece
from gruemarket.forecasts.measures import bits
from gruemarket.forecasts.methods import HINDSIGHT, MARKET_OF_MARKETS, WEIGHED, Method
from gruemarket.forecasts.play import Played
from gruemarket.forecasts.questions import Floats, Ints, Panel, offsets


def all_prices(played: Played, questions: Panel, when: Events, order: str) -> dict[str, Floats]:
    """The prices of all methods: the market that is asked for, the market of markets, baselines, the grid."""
    starts, happened = questions.price_starts, questions.happened
    extreme = baselines.extremised(played.logs, starts, happened, when)[0]
    found = {market.method.name: market.prices for market in played.markets}
    grid = {market.method.name: market.prices for market in played.markets if market.method.grid}
    asked = played.markets[0].method.name
    made = {asked: found[asked]}
    plain = (played.mean, played.median, baselines.pooled(played.logs, starts), extreme)
    made |= dict(zip(baselines.BASELINES, plain, strict=True))
    if not grid:
        return made
    made[MARKET_OF_MARKETS] = _market_of(grid, questions, when, order)
    losses = np.stack([np.nan_to_num(bits(one, starts, happened)) for one in grid.values()], axis=1)
    weights = np.repeat(posterior(losses, when), questions.counts, axis=0)
    made[WEIGHED] = (np.stack(list(grid.values()), axis=1) * weights).sum(axis=1)
    best = list(grid)[int(np.argmin(losses.sum(axis=0)))]
    return made | {HINDSIGHT + best: grid[best]} | found


def _market_of(grid: dict[str, Floats], questions: Panel, when: Events, order: str) -> Floats:
    """The prices of a Kelly market whose forecasters are the markets of the grid: on the same events, so online."""
    panel = Panel(
        **{name: getattr(questions, name) for name in ("question", "counts", "happened", "priced", "resolves")},
        starts=np.arange(len(questions) + 1) * len(grid),
        forecasters=np.tile(np.arange(len(grid)), len(questions)),
        values=_side_by_side(list(grid.values()), questions.counts),
    )
    lock = 1.0 if order == "resolve" else default_lock(panel, when)
    prior = np.full(len(grid), np.log2(len(grid)))
    market = Market(Method(MARKET_OF_MARKETS, Kelly(), None), prior, lock, panel)
    market.play(Piece.of(panel, 0, 0, when))
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
