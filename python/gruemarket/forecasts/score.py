"""Scoring: what markets and other ways to combine forecasts would have said of each question, without look-ahead."""

from typing import Any, Literal

import numpy as np
import polars as pl

from gruemarket.clearing import Kelly
from gruemarket.errors import ImpossibleOutcomeError, InputError
from gruemarket.forecasts import baselines
from gruemarket.forecasts.baselines import UNIFORM_MEAN
from gruemarket.forecasts.events import Events, default_lock, events, posterior
from gruemarket.forecasts.measures import bits, bootstrap, brier, calibration
from gruemarket.forecasts.methods import HINDSIGHT, MARKET_OF_MARKETS, WEIGHED, Method, markets
from gruemarket.forecasts.play import Market, Played, Source, Whole, play
from gruemarket.forecasts.questions import Floats, Ints, Panel, Pricing, Questions, offsets
from gruemarket.forecasts.read import TOLERANCE, read
from gruemarket.forecasts.scores import Scores
from gruemarket.grue import GrueTax
from gruemarket.progress import Shown

FLOOR = 2.0**-20
RICHEST = 12  # whose wealth over time is kept


def score(
    forecasts: Any,
    resolutions: Any = None,
    *,
    outcomes: Any = None,
    tolerance: float = TOLERANCE,
    clearing: Any = None,
    grue: GrueTax | None = None,
    lock: float | None = None,
    order: Literal["close", "resolve"] = "close",
    at: Any = None,
    which: Literal["last", "every"] = "last",
    floor: float = FLOOR,
    grid: Any = None,
    seed: int = 0,
    resamples: int = 1000,
    progress: bool = False,
) -> Scores:
    """Scores markets of forecasters, and what they are compared with, on the same questions.

    A question is priced at its close with the money that has been settled by then. What its forecasters stake on it is
    locked until it resolves; then it pays out these stakes and nothing else. Questions that are still open are priced
    last, each with all the money that there is then.

    Args:
        forecasts: see `read`; or what `read` has returned, without `resolutions`.
        resolutions: see `read`.
        outcomes: see `read`.
        tolerance: see `read`.
        clearing: the rule of the market that is asked for: `Kelly` (the default), `Isoelastic` or `LogPool`.
        grue: its tax, by question; the markets of the grid are taxed alike, or else inversely.
        lock: the share of its wealth that a forecaster locks in each question, in (0, 1], as far as it is free. None
            takes 1 / the number of questions that nine in ten forecasts find open for their forecaster, at most. It
            depends on when questions open and resolve, not on what comes of them.
        order: "close"; or "resolve", the sequential game: every question is priced when it resolves (with the forecasts
            up to its pricing time), the one before it has then been settled. Simpler, but nobody could have played so.
        at: when questions are priced, if not at their close: a time, or how long before the close ("7d").
        which: of a forecaster's several forecasts of a question the "last", or "every" one with an even part of its
            stake.
        floor: forecasts are mixed with as much of every outcome, so that no score is infinite; 0 takes them as given.
        grid: the rules to compare, and to choose among online; None for Kelly, fractions, isoelastic and log pools.
        seed: of the resampled intervals.
        resamples: of questions, for intervals of 95 %.
        progress: whether to show it.

    Raises:
        InputError: tables, rules or settings that cannot be used; the message says what is wrong, and in which row.
        ImpossibleOutcomeError: with `floor=0`, an outcome happened that everybody had ruled out.
        FileNotFoundError: a path leads nowhere.

    >>> import gruemarket as gm
    >>> said = {"question": [1, 1, 2, 2], "forecaster": ["Ann", "Bob"] * 2, "time": [1, 1, 3, 3]}
    >>> said |= {"outcome": ["yes"] * 4, "probability": [0.9, 0.4, 0.9, 0.4]}
    >>> scores = gm.forecasts.score(said, {"question": [1, 2], "outcome": ["yes", None]}, lock=1)
    >>> scores.open().filter(method="Kelly", outcome="yes")["probability"].round(3).item()
    0.746
    """
    pricing = Pricing(at, which, order, floor)
    questions = (
        forecasts
        if isinstance(forecasts, Questions)
        else read(forecasts, resolutions, outcomes=outcomes, tolerance=tolerance)
    )
    panel = pricing.panel(questions)
    when = events(panel, order)
    if not len(when.resolved):
        raise InputError("no question with forecasts in time has resolved; there is nothing to score")
    most = 1.0 if order == "resolve" else None
    share = lock_of(lock) if lock is not None else most or default_lock(panel, when)
    asked = markets(Kelly() if clearing is None else clearing, grue, grid)
    source = Whole(panel, len(questions.forecasters))
    settings = {"lock": share, **pricing.told()}
    return scored(questions, source, asked, when, settings, seed=seed, resamples=resamples, progress=progress)


def lock_of(asked: float) -> float:
    """A share of wealth.

    Raises:
        InputError: it is none.
    """
    if not 0 < asked <= 1:
        raise InputError(f"lock {asked}; give a share of wealth above 0 and at most 1")
    return float(asked)


def scored(
    known: Questions,
    source: Source,
    methods: list[Method],
    when: Events,
    settings: dict[str, Any],
    *,
    seed: int,
    resamples: int,
    progress: bool,
) -> Scores:
    """Plays the methods over a source, and measures them."""
    with Shown(wanted=progress) as bar:
        bar.stage("markets", source.steps)
        played = play(
            source,
            methods,
            settings["lock"],
            when,
            check=lambda part, mean: _refuse_impossible(known, part, mean),
            step=lambda done: bar.step(done, ""),
        )
    prices = _prices(played, source.questions, when, settings["order"])
    made = Measured(known, source.questions, prices, seed, resamples)
    asked = methods[0].name
    unfunded = {market.method.name: int(np.sum(market.staked == 0)) for market in played.markets}
    return Scores(
        questions=made.questions(),
        prices=made.prices(),
        methods=made.methods(unfunded),
        calibration=made.calibration(),
        forecasters=_forecasters(known, played),
        wealth=_wealth(known, played),
        asked=asked,
        settings={"clearing": asked, **settings, "seed": seed, "resamples": resamples},
    )


def _refuse_impossible(known: Questions, part: Panel, mean: Floats) -> None:
    """Nobody may have ruled out what happened, or all would lose all that they staked."""
    loss = bits(mean, part.price_starts, part.happened)
    if np.isinf(loss).any():
        q = int(part.question[np.argmax(np.isinf(loss))])
        told = known.table.row(q, named=True)
        raise ImpossibleOutcomeError(
            f"question {told['question']!r} resolved as {told['outcome']!r}, to which every forecast in time gave 0; "
            "give a floor above 0"
        )


def _prices(played: Played, questions: Panel, when: Events, order: str) -> dict[str, Floats]:
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
    market.play(panel, 0, 0, when)
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


class Measured:
    """The frames of scores, from the prices of each method."""

    def __init__(
        self, known: Questions, questions: Panel, prices: dict[str, Floats], seed: int, resamples: int
    ) -> None:
        self._known, self._panel, self._prices_of = known, questions, prices
        self._seed, self._resamples = seed, resamples
        starts, self._closed = questions.price_starts, questions.happened >= 0
        happened = questions.happened
        self._bits = {name: bits(one, starts, happened)[self._closed] for name, one in prices.items()}
        self._brier = {name: brier(one, starts, happened)[self._closed] for name, one in prices.items()}

    def questions(self) -> pl.DataFrame:
        """A row for each resolved question and method."""
        names = self._known.table["question"].gather(self._panel.question[self._closed])
        clock, closed = self._known.clock, self._closed
        base = pl.DataFrame({"question": names, "outcomes": self._panel.counts[closed]}).with_columns(
            clock.show(self._panel.priced[closed], "priced"), clock.show(self._panel.resolves[closed], "resolves")
        )
        return pl.concat(
            base.with_columns(
                pl.lit(name).alias("method"),
                pl.Series("price", np.exp2(-self._bits[name])),
                pl.Series("nats", self._bits[name] * np.log(2)),
                pl.Series("bits", self._bits[name]),
                pl.Series("brier", self._brier[name]),
            )
            for name in self._prices_of
        ).select("question", "method", "outcomes", "price", "nats", "bits", "brier", "priced", "resolves")

    def prices(self) -> pl.DataFrame:
        """A row for each question, method and outcome."""
        rows = self._known.table.select("question", "outcomes")[self._panel.question]
        long = rows.with_columns(pl.Series("open", ~self._closed)).explode("outcomes").rename({"outcomes": "outcome"})
        return pl.concat(
            long.with_columns(pl.lit(name).alias("method"), pl.Series("probability", prices))
            for name, prices in self._prices_of.items()
        ).select("question", "method", "outcome", "probability", "open")

    def methods(self, unfunded: dict[str, int]) -> pl.DataFrame:
        """A row a method, the best first."""
        names = list(self._prices_of)
        of_bits = np.stack(list(self._bits.values()), axis=1)
        of_brier = np.stack(list(self._brier.values()), axis=1)
        with np.errstate(invalid="ignore"):
            gains = of_bits - self._bits[UNIFORM_MEAN][:, None]
        low, high = self._intervals(of_bits, of_brier, gains)
        size = len(names)
        parts = {"bits": of_bits, "brier": of_brier, "difference": gains}
        columns: dict[str, Any] = {"method": names, "kind": [_kind(name, unfunded) for name in names]}
        for number, (name, values) in enumerate(parts.items()):
            some = slice(number * size, (number + 1) * size)
            columns |= {name: values.mean(axis=0), f"{name}_low": low[some], f"{name}_high": high[some]}
        columns["nats"] = columns["bits"] * np.log(2)
        columns["unfunded"] = [unfunded.get(name.removeprefix(HINDSIGHT), 0) for name in names]
        return pl.DataFrame(columns).sort("bits", maintain_order=True)

    def _intervals(self, *values: Floats) -> tuple[Floats, Floats]:
        return bootstrap(np.concatenate(values, axis=1), self._seed, self._resamples)

    def calibration(self) -> pl.DataFrame:
        """A row for each method and bin of prices."""
        starts, happened = self._panel.price_starts, self._panel.happened
        return pl.concat(
            calibration(prices, starts, happened).select(pl.lit(name).alias("method"), pl.all())
            for name, prices in self._prices_of.items()
        )


def _kind(name: str, markets_of: dict[str, int]) -> str:
    if name.startswith(HINDSIGHT):
        return "hindsight"
    if name in (MARKET_OF_MARKETS, WEIGHED):
        return "chosen online"
    return "market" if name in markets_of else "baseline"


def _forecasters(known: Questions, played: Played) -> pl.DataFrame:
    """A row a forecaster, the richest first."""
    book, told = played.markets[0].book, played.told
    count = len(known.forecasters)
    asked = np.maximum(told.questions, 1)
    some = told.questions > 0

    def mean(values: Floats) -> pl.Series:
        return pl.Series(np.where(some, values / asked, np.nan)).fill_nan(None)

    return pl.DataFrame(
        {
            "forecaster": known.forecasters,
            "wealth": book.wealth,
            "log2_wealth": book.log2_wealth,
            "prior_bits": np.full(count, np.log2(count)),
            "regret_bits": book.regret_bits,
            "bound_bits": np.full(count, np.log2(count) + book.tax_bits),
            "questions": np.round(told.questions).astype(np.int64),
            "bits": mean(told.bits),
            "market_bits": mean(told.market_bits),
            "brier": mean(told.brier),
        }
    ).sort("log2_wealth", "forecaster", descending=[True, False])


def _wealth(known: Questions, played: Played) -> pl.DataFrame:
    """The wealth of the richest over time: a row for each moment and forecaster."""
    last = played.log2_wealth[-1]
    richest = np.argsort(-last, kind="stable")[:RICHEST]
    rows = np.stack([noted[richest] for noted in played.log2_wealth]).astype(np.float64)
    moments = len(rows)
    names = known.forecasters.gather(np.tile(richest, moments))
    times = known.clock.show(np.repeat(np.array(played.times), len(richest)), "time")
    return pl.DataFrame({"time": times, "forecaster": names, "log2_wealth": rows.ravel()}).with_columns(
        pl.lit(2.0).pow(pl.col("log2_wealth")).alias("wealth")
    )
