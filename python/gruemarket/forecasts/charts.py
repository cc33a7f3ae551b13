"""The plots of scores."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from gruemarket.report.charts import GREY, LABEL, PALETTE, STROKES, WIDTH, Colours, chart_of, tips

Chart = Any  # altair's many kinds of chart
KINDS = {"market": PALETTE[0], "chosen online": PALETTE[1], "baseline": PALETTE[2], "hindsight": PALETTE[6]}
WIDE = 300  # pixels of a method's name


def methods(frame: pl.DataFrame, asked: str) -> Chart:
    """Each method's bits with their interval, and beside it the paired difference to the uniform mean."""
    rows = frame.with_columns(pl.when(method=asked).then(pl.lit("bold")).otherwise(pl.lit("normal")).alias("weight"))
    names = rows["method"].to_list()
    width = (WIDTH - WIDE - 40) // 2
    panels: list[Chart] = []
    for field, title in (("bits", "bits a question"), ("difference", "bits more than the uniform mean")):
        bold = alt.condition(f"datum.value == {asked!r}", alt.value("bold"), alt.value("normal"))
        axis = alt.Axis(labelLimit=WIDE, ticks=False, labelFontWeight=bold) if not panels else None
        y = alt.Y("method:N", sort=names, title=None, axis=axis)
        x = alt.X(f"{field}:Q", title=title, scale=alt.Scale(zero=field == "difference"), axis=alt.Axis(tickCount=5))
        scale = alt.Scale(domain=[*KINDS], range=[*KINDS.values()])
        legend = alt.Legend(orient="top", symbolStrokeWidth=0)
        colour = alt.Color("kind:N", scale=scale, title=None, legend=legend)
        shown = rows.select("method", "kind", field, f"{field}_low", f"{field}_high")
        base = chart_of(shown).encode(y=y, color=colour)
        ends = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
            alt.X(f"{field}_low:Q", title=title), x2=f"{field}_high"
        )
        layers = [ends, base.mark_point(filled=True, size=55, opacity=1).encode(x=x, tooltip=tips(shown))]
        if field == "difference":
            layers.insert(0, chart_of(shown.head(1)).mark_rule(color=GREY).encode(x=alt.datum(0)))
        panels.append(alt.layer(*layers).properties(width=width, height=19 * len(names)))
    return alt.hconcat(*panels, spacing=20)


def calibration(frame: pl.DataFrame, names: Sequence[str]) -> Chart:
    """How often happened what was priced so: on the diagonal, in the long run, prices are right."""
    rows = frame.filter(pl.col("method").is_in(names))
    chosen = alt.selection_point(fields=["method"], bind="legend", value=[{"method": names[0]}])
    ink = alt.condition(chosen, alt.value(1), alt.value(0.12))
    ends = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("price:Q", title="price", scale=ends, axis=alt.Axis(format="%"))
    y = alt.Y("happened:Q", title="how often it happened", scale=ends, axis=alt.Axis(format="%"))
    base = chart_of(rows).encode(x=x, color=Colours(names).hue("method", names), opacity=ink)
    line = base.mark_line(strokeWidth=1.8).encode(y=y)
    bars = base.mark_rule(strokeWidth=2).encode(alt.Y("low:Q", title=y["title"]), y2="high:Q")
    points = base.mark_point(filled=True, size=60).encode(y=y, tooltip=tips(rows)).add_params(chosen)
    corner = chart_of(pl.DataFrame({"price": [0.0, 1.0], "happened": [0.0, 1.0]}))
    right = corner.mark_line(color=GREY, strokeDash=[4, 4], strokeWidth=1).encode(x=x, y=y)
    return alt.layer(right, line, bars, points).properties(width=420, height=420)


def wealth(frame: pl.DataFrame) -> Chart:
    """The richest forecasters' shares of all money over time."""
    names = frame["forecaster"].cast(pl.String).unique(maintain_order=True).to_list()
    colours, rows = Colours(names), frame.with_columns(pl.col("forecaster").cast(pl.String))
    dated = rows["time"].dtype.is_temporal()
    told = tips(rows.with_columns(pl.col("time").cast(pl.String)) if dated else rows)
    if dated:
        # a chart knows UTC alone: it shows what clocks show in the tables' zone
        rows = rows.with_columns(pl.col("time").dt.replace_time_zone(None).dt.epoch("ms"))
        told[0] = alt.Tooltip("time:T", format="%Y-%m-%d %H:%M")
    when = alt.Scale(type="utc", nice=False) if dated else alt.Scale(nice=False, zero=False)
    x = alt.X("time:T" if dated else "time:Q", title="time of pricing", scale=when, axis=alt.Axis(grid=False))
    y = alt.Y("log2_wealth:Q", title="log2 of the share of all money (bits)", scale=alt.Scale(zero=False))
    chosen = alt.selection_point(fields=["forecaster"], bind="legend")
    ink = alt.condition(chosen, alt.value(1), alt.value(0.1))
    lines = (
        chart_of(rows)
        .mark_line(strokeWidth=1.8)
        .encode(x=x, y=y, color=colours.hue("forecaster", names), strokeDash=_dashes(names), opacity=ink, tooltip=told)
    )
    return lines.add_params(chosen).properties(width=WIDTH - 150, height=300)


def _dashes(names: Sequence[str]) -> alt.StrokeDash:
    dashes = [[[1, 0], [6, 3], [2, 2]][i // len(PALETTE) % 3] for i in range(len(names))]
    scale = alt.Scale(domain=list(names), range=dashes)
    return alt.StrokeDash("forecaster:N", scale=scale, sort=list(names), title=None, legend=STROKES)


def regret(frame: pl.DataFrame) -> Chart:
    """Each forecaster's regret by how many questions it answered, and the bound that none of a Kelly market passes."""
    bound = float(frame["bound_bits"].max())  # type: ignore[arg-type] # of a float column
    few, most = frame["questions"].min(), frame["questions"].max()
    kind: Any = "log" if most > 20 * few else "linear"  # type: ignore[operator] # of an integer column
    x = alt.X("questions:Q", title="questions answered", scale=alt.Scale(type=kind, zero=False, padding=20))
    y = alt.Y("regret_bits:Q", title="regret (bits)")
    points = chart_of(frame).mark_point(filled=True, size=30, opacity=0.55, color=PALETTE[0])
    line = chart_of(pl.DataFrame({"bound": [bound], "told": [f"bound: {bound:.2f} bits"]}))
    rule = line.mark_rule(color=PALETTE[1], strokeWidth=2).encode(y=alt.Y("bound:Q", title="regret (bits)"))
    text = line.mark_text(align="left", baseline="bottom", dx=4, dy=-4, fontSize=12, color=PALETTE[1])
    named = text.encode(x=alt.value(0), y="bound:Q", text="told:N")
    return alt.layer(points.encode(x=x, y=y, tooltip=tips(frame)), rule, named).properties(
        width=WIDTH - 100, height=280
    )


def open_questions(frame: pl.DataFrame, names: Sequence[str]) -> Chart:
    """What the methods say of open questions: a row for each question and outcome, a mark a method."""
    asked = frame["asked"].unique(maintain_order=True).to_list()
    x = alt.X("probability:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"), title="price")
    y = alt.Y("asked:N", sort=asked, title=None, axis=alt.Axis(labelLimit=2 * LABEL, ticks=False, grid=True))
    told = tips(frame.select("question", "outcome", "method", "probability"))
    shape = alt.Shape("method:N", sort=list(names), title=None, scale=alt.Scale(domain=list(names)))
    look = chart_of(frame).mark_point(size=60, strokeWidth=2)
    colour = Colours(names).hue("method", names, legend=alt.Legend(orient="top"))
    marks = look.encode(x=x, y=y, color=colour, shape=shape, tooltip=told)
    room = min(2 * LABEL, 30 + 7 * max(map(len, asked)))
    return marks.properties(width=WIDTH - 20 - room, height=22 * len(asked))
