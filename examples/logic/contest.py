"""One trader against rivals that hold more weight and pull the price the wrong way.

What the experiments have in common. Trader k keeps the rules of the theorem; every other trader is a rival, whose stake
makes its weight times its stake one and a half of trader k's where that is possible, so that each rival before k alone
outbids it until its budgets are lost. In the control trader k buys nothing: nothing then holds the price.

The bound is always the finite form of "not exploited" (Garrabrant et al. 2016, arXiv 1609.03543, theorem 5.4.2): with
tolerances and weights that sum to 1 at most, trader k under the budget b never is worth more than 3 * 2^(k+b) in any
plausible world. Whoever can never lose 1 is not touched by the budget 1, so that its own gains stay below 6 * 2^k; and
every day on which the price is wrong by much is a gain.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import altair as alt
import gruemarket as gm
import polars as pl
from shown import BLUE, GREY, RED, Claim, Finding, coloured, day_axis, page, panel, spread

TRADERS = 10
MOST_GAIN = 6  # times 2^k: what trader k can gain with the budget 1


def against(k: int, trader: Any, rival: Callable[[Fraction], Any]) -> list[Any]:
    """All traders in their order.

    Args:
        k: the place of the trader, from 1.
        trader: what stands there.
        rival: makes one, given its stake in units of the trader's.
    """
    stakes = (min(Fraction(1), Fraction(3, 2) * Fraction(2) ** (j - k)) for j in range(1, TRADERS + 1))
    traders = [rival(stake) for stake in stakes]
    traders[k - 1] = trader
    return traders


def run(process: Any, traders: Sequence[Any], days: int) -> gm.logic.LogicalInductor:
    """An inductor with the weights 2^-k and the entry days k of the paper, after so many days."""
    inductor = gm.logic.LogicalInductor(process, traders, tolerance=gm.logic.inverse_square)
    inductor.run(days, progress=False)
    return inductor


def most_lost(inductor: gm.logic.LogicalInductor, k: int) -> float:
    """What trader k stood to lose on the worst day in its worst plausible world: below 1, no budget touches it."""
    worth = inductor.net_worth.filter(pl.col("trader") == k)["min"]
    return float(max(0.0, *-worth))


@dataclass(frozen=True)
class Arm:
    """One inductor of a contest.

    Attributes:
        k: the place of the trader.
        present: false in the control.
        prices: what is drawn, by day.
        wrong: whether the day counts against the bound, by day.
        bound: on how many days it may.
        lost: what the trader stood to lose at most.
    """

    k: int
    present: bool
    prices: pl.Series
    wrong: pl.Series
    bound: float
    lost: float


@dataclass(frozen=True)
class Contest:
    """Inductors with the trader at several places, and their controls.

    Attributes:
        title: what was shown.
        what: what is counted.
        price: what is drawn.
        arms: with and without the trader.
        rules: prices to draw as lines.
        swings: whether prices go up and down from day to day, so that points tell more than a line.
    """

    title: str
    what: str
    price: str
    arms: Sequence[Arm]
    rules: Sequence[float]
    swings: bool = False

    def finding(self, *more: Claim) -> Finding:
        """The bound of each place beside what was measured."""
        claims = [Claim(f"{self.what}, k = {a.k}", float(a.wrong.sum()), a.bound) for a in self.arms if a.present]
        lost = Claim("premise: the most that trader k stood to lose", max(a.lost for a in self.arms if a.present), 1)
        without = ", ".join(f"{a.wrong.sum()} (k = {a.k})" for a in self.arms if not a.present)
        days = len(self.arms[0].wrong)
        notes = [f"of {days:,} days; without that trader: {without}"]
        vacuous = [claim.what for claim in claims if claim.bound >= days]
        notes += [f"says nothing at this size: {what}" for what in vacuous]
        return Finding(self.title, [*claims, *more, lost], notes, self.frame, self.chart())

    @property
    def frame(self) -> pl.DataFrame:
        """One row an inductor."""
        rows = [(a.k, a.present, len(a.wrong), int(a.wrong.sum()), float(a.bound)) for a in self.arms]
        schema = {"k": pl.Int64, "present": pl.Boolean, "days": pl.Int64, "wrong": pl.Int64, "bound": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def chart(self) -> Any:
        """The price of the last place over the days, and the count against the place."""
        return page((self._history(), self._counts()), self.title, [f"Counted: {self.what}."])

    def _history(self) -> Any:
        k = max(arm.k for arm in self.arms)
        keep = spread(len(self.arms[0].wrong))
        names = {True: f"with trader {k}", False: "without it"}
        parts = [
            keep(pl.DataFrame({"day": range(1, len(arm.prices) + 1), "price": arm.prices, "arm": names[arm.present]}))
            for arm in self.arms
            if arm.k == k
        ]
        y = alt.Y("price:Q", title=self.price, scale=alt.Scale(zero=False))
        data = alt.Chart(pl.concat(parts))
        marks = (
            data.mark_point(filled=True, size=14, opacity=1)
            if self.swings
            else data.mark_line(strokeWidth=1.5, interpolate="step-after")
        )
        shown = marks.encode(day_axis(), y, coloured("arm", {names[False]: GREY, names[True]: BLUE}))
        rules = alt.Chart(pl.DataFrame({"price": list(self.rules)})).mark_rule(color=RED, strokeDash=[5, 4]).encode(y)
        return panel([rules, shown], f"Trader {k} among {TRADERS - 1} rivals")

    def _counts(self) -> Any:
        names = {True: "measured", False: "without the trader"}
        measured = self.frame.with_columns(arm=pl.col("present").replace_strict(names, return_dtype=pl.String))
        bound = self.frame.filter("present").select("k", wrong="bound", arm=pl.lit("bound"))
        colour = coloured("arm", {"bound": RED, names[True]: BLUE, names[False]: GREY})
        x = alt.X("k:O", title="k, the place of the trader", axis=alt.Axis(labelAngle=0))
        # a logarithmic axis has no 0: such points stand at its lower end
        y = alt.Y(
            "shown:Q",
            title="count (0 stands at 0.5)",
            scale=alt.Scale(type="log", domainMin=0.5),
            axis=alt.Axis(values=[10**i for i in range(6)], format=",d"),
        )
        shown = {"shown": pl.col("wrong").cast(pl.Float64).clip(0.5)}
        bars = alt.Chart(bound.with_columns(**shown)).mark_tick(thickness=3, width=30, opacity=1)
        points = alt.Chart(measured.with_columns(**shown)).mark_point(filled=True, size=70, opacity=1)
        layers = [bars.encode(x, y, colour), points.encode(x, y, colour)]
        return panel(layers, "Bound and measurement")
