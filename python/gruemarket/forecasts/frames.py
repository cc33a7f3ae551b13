"""The frames of scores: what was priced how, how good it was, and who holds the money."""

from typing import Any

import numpy as np
import polars as pl

from gruemarket.forecasts.baselines import UNIFORM_MEAN
from gruemarket.forecasts.measures import bits, bootstrap, brier, calibration
from gruemarket.forecasts.methods import HINDSIGHT, MARKET_OF_MARKETS, WEIGHED
from gruemarket.forecasts.play import Played
from gruemarket.forecasts.questions import Floats, Panel, Questions

RICHEST = 12  # whose wealth over time is kept


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


def forecasters(known: Questions, played: Played) -> pl.DataFrame:
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
            "wealth": played.markets[0].wealth,
            "log2_wealth": played.markets[0].log2_wealth,
            "prior_bits": np.full(count, np.log2(count)),
            "regret_bits": book.regret_bits,
            "bound_bits": np.full(count, np.log2(count) + book.tax_bits),
            "questions": np.round(told.questions).astype(np.int64),
            "bits": mean(told.bits),
            "market_bits": mean(told.market_bits),
            "brier": mean(told.brier),
        }
    ).sort("log2_wealth", "forecaster", descending=[True, False])


def wealth(known: Questions, played: Played) -> pl.DataFrame:
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
