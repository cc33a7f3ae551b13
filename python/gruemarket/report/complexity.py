"""The report on learning times: what each process cost each inductor, and how far their orders agree."""

import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from gruemarket import files
from gruemarket._core import build_info
from gruemarket.complexity import Complexity
from gruemarket.report import charts
from gruemarket.report.charts import Chart, Colours
from gruemarket.report.page import Section, document, numbers, paragraph, plot, shown, table

PAIRS = 6  # of inductors that are drawn against each other
CURVES = 16  # processes whose curves are drawn
SYMLOG = alt.Scale(type="symlog")
MARKS = [sign * bits for bits in (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000) for sign in (-1, 1)]
BITS = alt.Axis(values=MARKS, format=",d")
SMALL = 170


def write(found: Complexity, path: str | os.PathLike[str], *, manifest: Mapping[str, Any] | None = None) -> Path:
    """Writes learning times as one HTML file that needs no network, atomically.

    Args:
        found: of `gm.analysis.complexity`.
        path: the file.
        manifest: of the run directory, to say what made the result.

    Raises:
        OSError: the file cannot be written; what was there before still is.
    """
    place, colours = Path(path), Colours(found.inductors)
    times = found.times()
    sections = [_agreement(found, times), _times(times, colours), _curves(found, colours), _processes(found)]
    made = pl.DataFrame(
        [(key, str(value)) for key, value in (manifest or build_info()).items()], ["what", "value"], orient="row"
    )
    sections.append(Section("What made this", table(made)))
    text = document("Learning time", _lead(found), sections)
    files.write(place, text.encode("utf-8", "backslashreplace"))
    return place


def _lead(found: Complexity) -> str:
    length, seeds = shown(int(found.runs["symbols"].to_numpy().max())), found.runs["seed"].n_unique()
    return paragraph(
        f"{len(found.inductors)} inductors read {len(found.processes)} processes of {length} symbols, {seeds} "
        "sequences each. Regret is what an inductor paid beyond the forecaster that knows the law, in bits. Is "
        "complexity, as learning time, a property of the process or of the inductor?",
        "lead",
    )


def _agreement(found: Complexity, times: pl.DataFrame) -> Section:
    both = {measure: found.correlations(measure) for measure in ("regret_bits", "time")}
    repeats = found.repeats()
    between = both["regret_bits"].filter(pl.col("second").is_in(found.inductors), pl.col("spearman").is_not_null())
    body = paragraph(_answer(between, repeats)) if len(between) else ""
    if len(found.inductors) > 1:
        body += plot("heat", charts.spec(_matrix(between, repeats)), "Rank correlation of every two inductors' regrets")
        body += paragraph(
            "Spearman's rank correlation of mean regrets, over processes; on the diagonal, of an inductor on every "
            "other sequence with itself on the rest. Below, each point is a process, with the regret of one inductor "
            f"across and of the other upwards, for the first {PAIRS} pairs at most; both axes are logarithmic but near "
            "0."
        )
        body += plot("pairs", charts.spec(_pairs(times, found.inductors)), "Regret of one inductor against another's")
    for measure, frame in both.items():
        body += (
            f"<h3>Spearman's rank correlation, by {'regret' if measure == 'regret_bits' else 'time to epsilon'}</h3>"
        )
        body += table(frame) + numbers(frame, f"correlations-{measure}")
    body += "<h3>Agreement of each inductor with itself, by regret</h3>" + table(repeats)
    return Section("Agreement", body)


def _answer(between: pl.DataFrame, repeats: pl.DataFrame) -> str:
    """What the correlations say on whose property learning time is."""
    own = {name: value for name, value in repeats.select("inductor", "spearman").iter_rows() if value is not None}
    pairs = between.select("first", "second", "high").iter_rows()
    less = sum(high is not None and high < min(own.get(a, -1), own.get(b, -1)) for a, b, high in pairs)
    least, middle, most = between["spearman"].sort().to_numpy()[[0, len(between) // 2, -1]]
    more = between.filter(pl.col("low") > 0).height
    told = (
        f"By regret, two inductors' orders of the processes correlate by {least:.2f} to {most:.2f}, with "
        f"{middle:.2f} in the middle. It is a property of the process as far as they agree: {more} of "
        f"{len(between)} pairs do beyond chance (the 95 % interval, by a bootstrap over processes, lies above 0)."
    )
    if own:
        told += (
            f" It is one of the inductor as far as they agree less than each does with itself, on other sequences of "
            f"the same processes ({min(own.values()):.2f} to {max(own.values()):.2f}): {less} of {len(between)} pairs "
            "have an interval that lies below that."
        )
    return told


def _matrix(between: pl.DataFrame, repeats: pl.DataFrame) -> Chart:
    """The correlation of every two inductors, and of each with itself."""
    names, told = repeats["inductor"].to_list(), ("spearman", "low", "high")
    alone = repeats.select(pl.col("inductor").alias("first"), pl.col("inductor").alias("second"), *told)
    turned = between.select(pl.col("second").alias("first"), pl.col("first").alias("second"), *told)
    frame = pl.concat([between.select("first", "second", *told), turned, alone]).drop_nulls("spearman")
    axis = alt.Axis(ticks=False, labelLimit=charts.LABEL)
    cells = charts.chart_of(frame, width=alt.Step(58), height=alt.Step(27)).encode(
        alt.X("second:N", sort=names, title=None, axis=alt.Axis(labelAngle=-45, ticks=False, labelLimit=charts.LABEL)),
        alt.Y("first:N", sort=names, title=None, axis=axis),
        tooltip=charts.tips(frame),
    )
    scale = alt.Scale(scheme="viridis", domain=[0, 1], clamp=True)
    # numbers are dark on the scale's bright end
    ink = alt.condition(alt.datum.spearman > 0.5, alt.value("#111111"), alt.value("#fafafa"))
    text = cells.mark_text(fontSize=11).encode(text=alt.Text("spearman:Q", format=".2f"), color=ink)
    return cells.mark_rect().encode(color=alt.Color("spearman:Q", scale=scale, legend=None)) + text


def _pairs(times: pl.DataFrame, names: list[str]) -> Chart:
    one = times.filter(arm="process").select("inductor", "process", "regret_bits")
    drawn = []
    for first, second in itertools.islice(_two(names), PAIRS):
        across, upwards = (
            one.filter(inductor=name).select("process", pl.col("regret_bits").alias(axis))
            for name, axis in ((first, "across"), (second, "upwards"))
        )
        frame = across.join(upwards, on="process", maintain_order="left")
        chart = charts.chart_of(frame, width=SMALL * 2, height=SMALL * 2).mark_circle(size=70, color=charts.MARKET)
        drawn.append(
            chart.encode(
                alt.X("across:Q", scale=SYMLOG, axis=BITS, title=f"{first}, bits"),
                alt.Y("upwards:Q", scale=SYMLOG, axis=BITS, title=f"{second}, bits"),
                tooltip=charts.tips(frame),
            )
        )
    return alt.concat(*drawn, columns=2)


def _two(names: list[str]) -> Iterator[tuple[str, str]]:
    """All pairs, those of the first ones first."""
    return ((first, second) for i, second in enumerate(names) for first in names[:i])


def _times(times: pl.DataFrame, colours: Colours) -> Section:
    told = times.select("inductor", "process", "arm", "regret_bits", "regret_low", "regret_high", "time", "order_bits")
    order = times.filter(arm="process").group_by("process").agg(pl.col("regret_bits").mean()).sort("regret_bits")
    names = colours.among(times, "inductor")
    base = charts.chart_of(told, width=charts.WIDTH - 2 * charts.LABEL, height=alt.Step(9))
    y = alt.Y("process:N", sort=order["process"].to_list(), title=None, axis=alt.Axis(labelLimit=charts.LABEL))
    beside = alt.YOffset("inductor:N", sort=names, scale=alt.Scale(paddingOuter=0.6))
    alike = {"y": y, "yOffset": beside, "color": colours.hue("inductor", names), "tooltip": charts.tips(told)}
    above = alt.Axis(values=MARKS, format=",d", orient="top")
    x = alt.X("regret_bits:Q", scale=SYMLOG, axis=above, title="regret, bits")
    bars = (
        base.transform_filter("datum.arm == 'process'")
        .mark_rule()
        .encode(x="regret_low:Q", x2="regret_high:Q", **alike)
    )
    measured = base.transform_filter("datum.arm == 'process'").mark_point(size=50, opacity=1, filled=True)
    points = measured.encode(x=x, shape=colours.shape("inductor", names), **alike)
    nulls = (
        base.transform_filter("datum.arm == 'shuffled'")
        .mark_tick(thickness=2, height=8, opacity=0.6)
        .encode(x=x, **alike)
    )
    return Section(
        "Regret and learning time",
        paragraph(
            "The mean regret of each process, with a 95 % interval over sequences. The upright ticks are the null: the "
            "regret of the same symbols in a random order, against the best coin in hindsight. Time is the number of "
            "symbols from which on the excess loss stays below epsilon (empty: it never did)."
        )
        + plot("times", charts.spec(bars + points + nulls), "Regret by process and inductor")
        + numbers(times, "learning-times"),
    )


def _curves(found: Complexity, colours: Colours) -> Section:
    several = found.processes["process"].to_list()[:CURVES]
    keys = ("inductor", "process", "symbols")
    part = found.curves.filter(pl.col("process").is_in(several), arm="process")
    frame = part.group_by(keys, maintain_order=True).agg(pl.col("regret_bits").mean())
    lines = charts.chart_of(frame, width=SMALL, height=SMALL).mark_line(clip=True)
    names = colours.among(frame, "inductor")
    chart = lines.encode(
        alt.X("symbols:Q", scale=alt.Scale(type="log"), title="symbols"),
        alt.Y("regret_bits:Q", scale=SYMLOG, axis=BITS, title="regret, bits"),
        colours.hue("inductor", names),
        colours.dash("inductor", names),
        facet=alt.Facet("process:N", columns=4, sort=several, title=None),
        tooltip=charts.tips(frame),
    )
    rest = f" The first {CURVES} processes." if len(found.processes) > CURVES else ""
    return Section(
        "Regret on the way",
        paragraph(f"Mean cumulative regret after so many symbols; flat is learned.{rest}")
        + plot("curves", charts.spec(chart), "Cumulative regret over symbols, by process")
        + numbers(frame, "curves"),
    )


def _processes(found: Complexity) -> Section:
    return Section(
        "Processes",
        paragraph(
            "Description length, entropy rate, statistical complexity and excess entropy of each process, in bits; "
            "empty where they are not known. Of a recorded sequence the true forecaster is whoever has the record, "
            "so that regret is the whole code length; what order was worth there is in order_bits above."
        )
        + table(found.processes)
        + numbers(found.processes, "processes"),
    )
