"""Calibration: of what costs 0.7, seven in ten come true (Garrabrant et al. 2016, arXiv 1609.03543, theorem 4.3.3).

Sentence n says that the n-th decimal of pi is below c, where c runs through 1 to 9; a day later it is decided. One
trader forecasts, and is too sure of itself: it believes in 1/2 + 3/2 (c/10 - 1/2), kept within 0.01 and 0.99.
For each tenth of the prices there is a pair that knows nothing of decimals: while the price is in that tenth one of
them buys a quarter of a share a day, and the other sells it (less within 1/80 of the ends, so that it is continuous).
Who buys what is too cheap earns, who sells it is shut off, budget by budget; so prices move until a tenth of the prices
is right about itself. The control is the same without these pairs.

The theorem is about limits. Its finite form: with weights w and budgets b, a trader that never can lose b is never
worth more than 3 * 2^b / w. It is printed for the member of a pair that has gained the most of its bound. The
bound is wide (w = 19/400 allows gains of 126 shares at b = 1), so that only long runs tell anything by it: the distance
between the prices and the frequencies is what is measured. How soon it shrinks depends on the weights: with a quarter
of all weight for the forecaster, five times as much, it is 0.031 after 20,000 days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import altair as alt
import gruemarket as gm
import numpy as np
import polars as pl
from shown import BLUE, GREY, RED, Claim, Finding, coloured, page, panel

TENTHS, STAKE, RAMP = 10, Fraction(1, 4), Fraction(1, 40)
SURE = Fraction(3, 2)  # by how much the forecaster is
FORECASTER, PAIRED = Fraction(1, 20), Fraction(19, 400)  # weights; 20 of the pairs' and this one are 1
FARTHEST = 0.03  # mean distance of price and frequency that is allowed after a fifth of the days


def limit(day: int) -> int:
    """The limit c of a day: 5, 9, 4, 8, ... so that neighbours differ."""
    return day * 4 % 9 + 1


def named(day: int) -> Any:
    """The sentence of a day."""
    return gm.logic.Atom(f"decimal {day} of pi is below {limit(day)}")


def process(decimals: str) -> Iterator[list[Any]]:
    """Decides each a day later."""
    yield []
    for day, digit in enumerate(decimals, start=1):
        yield [named(day) if int(digit) < limit(day) else ~named(day)]


def decimals_of_pi(count: int) -> str:
    """By Machin's formula, pi/4 = 4 arctan(1/5) - arctan(1/239), in whole numbers with ten decimals to spare."""
    unit = 10 ** (count + 10)

    def arctan_of_inverse(x: int) -> int:
        power, total, n = unit // x, 0, 1
        while power:
            total += power // n if n % 4 == 1 else -(power // n)
            power //= x * x
            n += 2
        return total

    pi = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) // 10**10 - 3 * 10**count
    digits = []
    for _ in range(count // 1000 + 1):  # Python refuses to print more than 4,300 digits at once
        pi, last = divmod(pi, 10**1000)
        digits.append(f"{last:01000}")
    return "".join(reversed(digits))[-count:]


def forecaster(seen: gm.logic.traders.Seen) -> Any:
    """Too sure of itself."""
    chance = Fraction(1, 2) + SURE * (Fraction(limit(seen.day), 10) - Fraction(1, 2))
    believed = min(max(chance, Fraction(1, 100)), Fraction(99, 100))
    return gm.logic.Belief(gm.logic.Daily(named), believed).strategy


def pairs() -> list[Any]:
    """For each tenth of the prices who buys there and who sells."""
    today = gm.logic.Daily(named)
    price = gm.logic.price(today)
    made = []
    for tenth in range(TENTHS):
        low, high = Fraction(tenth, TENTHS), Fraction(tenth + 1, TENTHS)
        inside = gm.logic.minimum((price - low) / RAMP + Fraction(1, 2), (high - price) / RAMP + Fraction(1, 2))
        shares = STAKE * gm.logic.clip(inside, 0, 1)
        made += [{today: shares}, {today: -shares}]
    return made


@dataclass(frozen=True)
class Calibration:
    """One market's prices and what came true.

    Attributes:
        frame: tenth, days, price, true (means over the days in which the price was in that tenth).
        inductor: the market.
    """

    frame: pl.DataFrame
    inductor: gm.logic.LogicalInductor

    @classmethod
    def run(cls, days: int, *, paired: bool) -> "Calibration":
        """Makes the prices; the first fifth of the days is left out of the means."""
        decimals = decimals_of_pi(days)
        traders = [(forecaster, FORECASTER), *((one, PAIRED) for one in pairs() if paired)]
        inductor = gm.logic.LogicalInductor(process(decimals), traders, tolerance=gm.logic.inverse_square, entry=1)
        inductor.run(days, progress=False)
        true = [int(digit) < limit(day) for day, digit in enumerate(decimals, start=1)]
        tenth = (pl.col("price") * TENTHS).floor().clip(0, TENTHS - 1).cast(pl.Int64).alias("tenth")
        frame = inductor.prices.with_columns(pl.Series("true", true), tenth).filter(pl.col("day") > days // 5)
        means = frame.group_by("tenth").agg(days=pl.len(), price=pl.col("price").mean(), true=pl.col("true").mean())
        return cls(means.sort("tenth"), inductor)

    @property
    def distance(self) -> float:
        """Between price and frequency, on average over days."""
        frame = self.frame
        return float(np.average((frame["price"] - frame["true"]).abs(), weights=frame["days"]))

    def tightest(self) -> Claim:
        """The pair's member whose gains came nearest to their bound, each with the budget that was not touched."""
        worth = self.inductor.net_worth.filter(pl.col("trader") > 1).group_by("trader")
        ends = worth.agg(pl.col("min").min(), pl.col("max").max()).sort("trader")
        budget = (-ends["min"]).clip(0).floor() + 1
        bound = 3 * 2**budget / float(PAIRED)
        at = int((ends["max"] / bound).arg_max() or 0)
        return Claim(f"greatest worth of a pair's member (b = {budget[at]:.0f})", ends["max"][at], bound[at])


def find(*, quick: bool) -> Finding:
    """What is printed and drawn."""
    days = 2500 if quick else 20_000
    paired, alone = (Calibration.run(days, paired=wanted) for wanted in (True, False))
    frame = pl.concat([c.frame.with_columns(market=pl.lit(name)) for name, c in _named(paired, alone).items()])
    claims = [Claim("mean distance of price and frequency", paired.distance, FARTHEST), paired.tightest()]
    notes = [f"of {days:,} days; distance without the pairs: {alone.distance:.3f}"]
    return Finding("Calibration: of what costs 0.7, seven in ten come true", claims, notes, frame, _chart(frame))


def _named(paired: Calibration, alone: Calibration) -> dict[str, Calibration]:
    return {"with a pair for each tenth": paired, "the forecaster alone": alone}


def _chart(frame: pl.DataFrame) -> Any:
    shown = frame.with_columns(error=2 * (pl.col("true") * (1 - pl.col("true")) / pl.col("days")).sqrt())
    shown = shown.with_columns(low=pl.col("true") - pl.col("error"), high=pl.col("true") + pl.col("error"))
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("price:Q", title="mean price in a tenth of the prices", scale=scale)
    y = alt.Y("true:Q", title="share of these that came true", scale=scale)
    colour = coloured("market", {"with a pair for each tenth": BLUE, "the forecaster alone": GREY})
    right = alt.Chart(pl.DataFrame({"price": [0, 1], "true": [0, 1]})).mark_line(color=RED, strokeDash=[5, 4])
    data = alt.Chart(shown)
    bars = data.mark_rule(clip=True).encode(x, alt.Y("low:Q", scale=scale), alt.Y2("high:Q"), colour)
    size = alt.Size("days:Q", scale=alt.Scale(range=[30, 220]), legend=None)
    points = data.mark_point(filled=True, opacity=1).encode(x, y, colour, size)
    rows = [right.encode(x, y), bars, points]
    about = ["Points: mean price and share of truths in each tenth of the prices, with two standard errors."]
    return page(
        [panel(rows, "A forecaster that is too sure, and traders who know only prices")],
        "Calibration: of what costs 0.7, seven in ten come true",
        about,
    )
