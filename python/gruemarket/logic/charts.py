"""Plots of a logical inductor, as Altair charts: `.save("beliefs.svg")` keeps one as SVG, PNG or HTML."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.logic.inductor import LogicalInductor
from gruemarket.logic.sentences import as_sentences
from gruemarket.logic.traders import Daily
from gruemarket.report.charts import GREY, PALETTE, WIDTH, Chart, Colours, chart_of, tips

MOST = len(PALETTE)  # lines of different colours
POINTS = 1500  # of a line; longer ones are drawn by the means of equally many days


def beliefs(inductor: LogicalInductor, sentences: Sequence[Any] | None = None) -> Chart:
    """Prices over time: a line a sentence.

    Args:
        inductor: one with days.
        sentences: which; None for all that were traded. A `Daily` is that of each day. If these are more than a few (as
            where each day has its own), the mean of each day's prices is drawn, and the least and the greatest as a
            band.

    Raises:
        InputError: none of them was ever traded, or one is no sentence.

    >>> import gruemarket as gm
    >>> inductor = gm.logic.LogicalInductor({5: ["rain"]}, [gm.logic.Belief("rain", 0.25)], entry=1)
    >>> _ = inductor.run(10, progress=False)
    >>> gm.logic.charts.beliefs(inductor).to_dict()["mark"]["type"]
    'line'
    """
    rows = _by_day(inductor.prices.filter(pl.col("traded")))
    if sentences is not None:
        rows = rows.filter(pl.col("sentence").is_in(_texts(sentences, inductor.day)))
    if rows.is_empty():
        raise InputError("none of these sentences was traded on any day; nothing to draw")
    y = alt.Y("price:Q", title="price", scale=alt.Scale(domain=[0, 1]))
    if rows["sentence"].n_unique() > MOST:
        return _band(rows, y)
    thin = _thinned(rows, ["sentence"], "price")
    names = thin["sentence"].unique(maintain_order=True).to_list()
    lines = chart_of(thin).mark_line(strokeWidth=1.8, interpolate="step-after")
    colour = Colours(names).hue("sentence", names)
    return lines.encode(x=_days(), y=y, color=colour, tooltip=tips(thin)).properties(width=WIDTH - 130, height=260)


def _texts(sentences: Any, days: int) -> list[str]:
    if isinstance(sentences, Daily):
        return _texts([sentences], days)
    if isinstance(sentences, Sequence) and not isinstance(sentences, str):
        each = [[one] if not isinstance(one, Daily) else map(one.on, range(1, days + 1)) for one in sentences]
        sentences = [sentence for one in each for sentence in one]
    return [str(sentence) for sentence in as_sentences(sentences)]


def _by_day(rows: pl.DataFrame) -> pl.DataFrame:
    """With days as polars wants them where it groups by them."""
    return rows.with_columns(pl.col("day").cast(pl.Int64))


def _band(rows: pl.DataFrame, y: alt.Y) -> Chart:
    price = pl.col("price")
    daily = rows.group_by("day", maintain_order=True).agg(price.mean(), low=price.min(), high=price.max())
    every = -(-len(daily) // POINTS)
    thin = daily.group_by_dynamic("day", every=f"{every}i").agg(price.mean(), pl.col("low").min(), pl.col("high").max())
    base = chart_of(thin).encode(x=_days())
    band = base.mark_area(opacity=0.2, color=PALETTE[0]).encode(y=alt.Y("low:Q", title="price"), y2="high:Q")
    line = base.mark_line(strokeWidth=1.6, color=PALETTE[0]).encode(y=y, tooltip=tips(thin))
    return alt.layer(band, line).properties(width=WIDTH - 70, height=260)


def net_worth(inductor: LogicalInductor, traders: Sequence[int] | None = None) -> Chart:
    """What traders' own trades are worth over time, from the least to the most that is plausible.

    Args:
        inductor: one with days.
        traders: which, counted from 1; None for the first few.

    Raises:
        InputError: none of them has entered, or one is no number from 1 on.

    >>> import gruemarket as gm
    >>> inductor = gm.logic.LogicalInductor({5: ["rain"]}, [gm.logic.Belief("rain", 0.25)], entry=1)
    >>> _ = inductor.run(10, progress=False)
    >>> len(gm.logic.charts.net_worth(inductor).to_dict()["layer"])
    2
    """
    chosen = [whole(k, "trader", least=1) for k in (range(1, MOST + 1) if traders is None else traders)]
    rows = _by_day(inductor.net_worth.filter(pl.col("trader").is_in(chosen)))
    if rows.is_empty():
        raise InputError(f"none of the traders {chosen} has entered; nothing to draw")
    rows = rows.with_columns(trader=pl.format("trader {}", "trader"))
    thin = _thinned(rows, ["trader"], "min", "max")
    names = thin["trader"].unique(maintain_order=True).to_list()
    title = "net worth, shares"
    legend = alt.Legend(symbolType="stroke", symbolOpacity=1)  # the band is faint
    base = chart_of(thin).encode(x=_days(), color=Colours(names).hue("trader", names, legend=legend))
    band = base.mark_area(opacity=0.25).encode(y=alt.Y("min:Q", title=title), y2="max:Q")
    line = base.mark_line(strokeWidth=1.4).encode(y=alt.Y("min:Q", title=title), tooltip=tips(thin))
    return alt.layer(band, line).properties(width=WIDTH - 130, height=260)


def certificates(inductor: LogicalInductor) -> Chart:
    """Each day's certificate beside its tolerance, on a log scale.

    Raises:
        InputError: there are no days.

    >>> import gruemarket as gm
    >>> inductor = gm.logic.LogicalInductor({5: ["rain"]}, [gm.logic.Belief("rain", 0.25)], entry=1)
    >>> _ = inductor.run(10, progress=False)
    >>> len(gm.logic.charts.certificates(inductor).to_dict()["layer"])
    2
    """
    frame = _by_day(inductor.certificates)
    if frame.is_empty():
        raise InputError("no day has prices yet; nothing to draw")
    floor = 2.0**-1000  # a log scale has no 0
    frame = frame.with_columns(pl.max_horizontal("certificate", pl.lit(floor)))
    thin = _thinned(frame.with_columns(line=pl.lit("all")), ["line"], "certificate", "tolerance")
    base = chart_of(thin).encode(x=_days())
    scale = alt.Scale(type="log")
    tolerance = base.mark_line(color=GREY, strokeWidth=1.4).encode(y=alt.Y("tolerance:Q", title="shares", scale=scale))
    points = base.mark_point(size=14, filled=True, color=PALETTE[0])
    return alt.layer(tolerance, points.encode(y="certificate:Q", tooltip=tips(thin))).properties(
        width=WIDTH - 70, height=200
    )


def _days() -> alt.X:
    return alt.X("day:Q", title="day", scale=alt.Scale(nice=False), axis=alt.Axis(grid=False, tickMinStep=1))


def _thinned(rows: pl.DataFrame, by: list[str], *values: str) -> pl.DataFrame:
    """Rows by day, few enough to draw: means over equally many days where there are more."""
    every = -(-rows["day"].n_unique() // POINTS)
    if every <= 1:
        return rows.select("day", *by, *values)
    means = rows.sort("day").group_by_dynamic("day", every=f"{every}i", group_by=by).agg(pl.col(values).mean())
    return means.select("day", *by, *values)
