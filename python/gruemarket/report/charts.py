"""The plots, from their numbers: Altair charts whose colours mean the same everywhere."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from typing import Any

import altair as alt
import polars as pl

Chart = Any  # altair's many kinds of chart
Spec = dict[str, Any]

# Okabe and Ito's palette for all kinds of colour vision, less its yellow (unseen on white) and black (unseen at night).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
SHAPES = ("circle", "square", "triangle-up", "diamond")
NEVER, REDEFINED = "#9aa7b4", ("#6a3fb0", "#807dba", "#c994c7", "#dd1c77", "#fa9fb5", "#980043")
MARKET, GREY = "#5f6b7a", "#8c95a0"
WIDTH = 800
LABEL = 200  # pixels of a name beside an axis
STROKES = alt.Legend(symbolType="stroke")


class Colours:
    """One colour a name, the same in all plots.

    A redefined account has the colour of the one whose name its own begins with, and other dashes; so has whoever comes
    after the palette's end.

    >>> colours = Colours(["code", "docs", "code'"])
    >>> colours["code"] == colours["code'"] != colours["docs"]
    True
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._place: dict[str, tuple[int, int]] = {}  # which hue, and which dashes
        self._kin: Counter[int] = Counter()
        hues = 0
        for name in dict.fromkeys(names):
            old = next((known for known in self._place if _is_redefined(name, known)), None)
            hue = hues % len(PALETTE) if old is None else self._place[old][0]
            hues += old is None
            self._place[name] = (hue, self._kin[hue])
            self._kin[hue] += 1

    def __getitem__(self, name: str) -> str:
        return PALETTE[self._place[name][0]] if name in self._place else MARKET

    def among(self, frame: pl.DataFrame, field: str) -> list[str]:
        """The names in a column, in the order of the colours."""
        present = _names(frame, field)
        return [name for name in self._place if name in present] + [name for name in present if name not in self._place]

    def is_redefined(self, name: str) -> bool:
        """Whether the name shares its colour with one before it."""
        return self._place.get(name, (0, 0))[1] > 0

    def hue(self, field: str, names: Sequence[str], **more: Any) -> alt.Color:
        """The encoding of `field`, which holds some of `names`."""
        scale = alt.Scale(domain=list(names), range=[self[name] for name in names])
        return alt.Color(f"{field}:N", **({"legend": STROKES} | more), scale=scale, sort=list(names), title=None)

    def shape(self, field: str, names: Sequence[str]) -> alt.Shape:
        """The shapes of points that tell apart what has the same colour."""
        shapes = [SHAPES[self._place.get(name, (0, 0))[1] % len(SHAPES)] for name in names]
        scale = alt.Scale(domain=list(names), range=shapes)
        return alt.Shape(f"{field}:N", scale=scale, title=None, sort=list(names))

    def dash(self, field: str, names: Sequence[str]) -> alt.StrokeDash:
        """The dashes that tell apart what has the same colour."""
        dashes = [DASHES[self._place.get(name, (0, 0))[1] % len(DASHES)] for name in names]
        scale = alt.Scale(domain=list(names), range=dashes)
        return alt.StrokeDash(f"{field}:N", scale=scale, title=None, sort=list(names), legend=STROKES)


def _is_redefined(name: str, old: str) -> bool:
    """Whether `name` reads as another definition of `old`: "code'" or "code (tuned)", not "codes" or "code[1]"."""
    rest = name.removeprefix(old)
    return rest != name and bool(rest) and not rest[0].isalnum() and rest[0] not in "_-["


def _values(frame: pl.DataFrame) -> alt.InlineData:
    """Rows for the page, with 6 digits; what is not finite is not drawn.

    They are CSV: that is short, and Altair, which copies charts with all they hold, need not copy a text.
    """
    numbers = pl.col(pl.Float64)
    kept = frame.with_columns(pl.when(numbers.is_finite()).then(numbers.round_sig_figs(6)).name.keep())
    kinds = {name: "number" if dtype.is_numeric() else "string" for name, dtype in frame.schema.items()}
    return alt.InlineData(values=kept.write_csv(), format=alt.CsvDataFormat(type="csv", parse=kinds))


def chart_of(frame: pl.DataFrame, **more: Any) -> Chart:
    """A chart of a frame's rows, before anything is said of its look."""
    return alt.Chart(_values(frame), **more)


def tips(frame: pl.DataFrame) -> list[alt.Tooltip]:
    """What a row shows under the pointer: all of it."""
    formats = {name: ".5~g" if dtype.is_numeric() else "" for name, dtype in frame.schema.items()}
    return [alt.Tooltip(f"{n}:Q", format=form) if form else alt.Tooltip(f"{n}:N") for n, form in formats.items()]


def spec(chart: Chart) -> Spec:
    """The chart as Vega-Lite, without colours that the page's own style chooses."""
    styled = (
        chart.configure(background="transparent", font="system-ui, sans-serif", padding=4)
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", domain=False, tickSize=4)
        .configure_legend(labelFontSize=12, symbolStrokeWidth=3, symbolSize=140, labelLimit=260, symbolOpacity=1)
        .configure_header(labelFontSize=13, labelFontWeight="bold", title=None)
        .configure_scale(bandPaddingInner=0.18)
    )
    made: Spec = styled.to_dict()
    return made


def _room(frame: pl.DataFrame, column: str) -> int:
    """Pixels that the names beside an axis take."""
    return min(LABEL, 20 + 7 * max(map(len, _names(frame, column))))


def _names(frame: pl.DataFrame, column: str) -> list[str]:
    return frame[column].unique(maintain_order=True).to_list()


# --- Over the curriculum

LEFT = alt.Axis(minExtent=44, tickCount=6)  # so that plots one below the other begin at the same place


def _stage_bands(bands: pl.DataFrame) -> list[Chart]:
    base = chart_of(
        bands.with_columns(shade=pl.col("place") % 2, end=pl.col("place") + 1, middle=pl.col("place") + 0.5)
    )
    shade = alt.Opacity("shade:O", scale=alt.Scale(domain=[0, 1], range=[0.05, 0.14]), legend=None)
    rects = base.mark_rect(color="#7d8896").encode(x="place:Q", x2="end:Q", opacity=shade)
    room = (WIDTH - 130) // len(bands) - 6
    text = base.mark_text(baseline="bottom", dy=-5, fontSize=12, fontWeight="bold", limit=room)
    return [rects, text.encode(x="middle:Q", y=alt.value(0), text="stage:N")]


def _episodes(bands: pl.DataFrame) -> alt.X:
    """The axis on which every stage has the same length; it says how many episodes were settled."""
    starts, ends = bands["start"].to_list(), bands["end"].to_list()
    numbers = [n for start, end in zip(starts, ends, strict=True) for n in (start, (start + end) // 2)]
    labels = [f"{n:,}" for n in [*numbers, ends[-1]]]
    every = 2 if len(bands) > 5 else 1
    ticks = [i / 2 for i in range(0, len(labels), every)]
    axis = alt.Axis(grid=False, values=ticks, labelExpr=f"{labels}[round(datum.value * 2)]", labelFlush=False)
    return alt.X("place:Q", title="episodes", scale=alt.Scale(domain=[0, len(bands)], nice=False), axis=axis)


def _lines(frame: pl.DataFrame, bands: pl.DataFrame, colours: Colours, field: str, y: alt.Y) -> Chart:
    """Lines with their intervals, one for each `line`; a click in the legend leaves one."""
    names, chosen = colours.among(frame, field), alt.selection_point(fields=[field], bind="legend")
    base = chart_of(frame).encode(x=_episodes(bands), color=colours.hue(field, names), detail="line:N")
    ink = alt.condition(chosen, alt.value(1), alt.value(0.1))
    lines = base.mark_line(strokeWidth=1.8).encode(y=y, strokeDash=colours.dash(field, names), opacity=ink)
    layers = [*_stage_bands(bands), lines.encode(tooltip=tips(frame.drop("line", "place"))).add_params(chosen)]
    if frame["low"].is_not_null().any():
        shade = alt.condition(chosen, alt.value(0.2), alt.value(0.02))
        low = alt.Y("low:Q", title=y["title"])
        layers.insert(2, base.mark_area().encode(y=low, y2="high:Q", opacity=shade))
    return alt.layer(*layers).properties(width=WIDTH - 130, height=260)


def wealth(frame: pl.DataFrame, bands: pl.DataFrame, colours: Colours, panel: str) -> Chart:
    """Money by account over the curriculum, as shares ("share") or as log2 of them ("log2")."""
    rows = frame.filter(pl.col("panel") == panel).drop("panel").with_columns(line=pl.col("account"))
    share = alt.Y("mean:Q", title="share of all money", scale=alt.Scale(domainMin=0, nice=True), axis=LEFT)
    log2 = alt.Y("mean:Q", title="log2 of the share (bits)", scale=alt.Scale(zero=False), axis=LEFT)
    return _lines(rows, bands, colours, "account", share if panel == "share" else log2)


def learning(frame: pl.DataFrame, bands: pl.DataFrame, colours: Colours) -> Chart:
    """Bits per byte of what was read, by voice."""
    rows = frame.with_columns(line=pl.col("voice") + " " + pl.col("stage"))
    y = alt.Y("mean:Q", title="bits per byte", scale=alt.Scale(zero=False), axis=LEFT)
    return _lines(rows, bands, colours, "voice", y)


# --- Where the money went


def net_flows(frame: pl.DataFrame, colours: Colours) -> Chart:
    """Bars of what each account won or lost: a column a stage, a row a cause."""
    stages, causes = _names(frame, "stage"), _names(frame, "cause")
    width = max(110, (WIDTH - 100 - _room(frame, "account")) // len(stages) - 20)
    bars = _signed(frame, "account", "net share of all money", colours).properties(width=width)
    told = alt.Header(labelAngle=0, labelAlign="left", labelFontWeight="normal")
    column = alt.Column("stage:N", sort=stages, title=None)
    return bars.facet(column=column, row=alt.Row("cause:N", sort=causes, title=None, header=told), data=_values(frame))


def changes(frame: pl.DataFrame, colours: Colours) -> Chart:
    """What each stage changed, each on a scale of its own."""
    stages = _names(frame, "stage")
    width = max(110, (WIDTH - _room(frame, "voice")) // len(stages) - 20)
    bars = _signed(frame, "voice", "change, bits per byte", colours).properties(width=width)
    made = bars.facet(column=alt.Column("stage:N", sort=stages, title=None), data=_values(frame))
    return made.resolve_scale(x="independent")


SIGNED = alt.Axis(
    tickCount=4,
    labelOverlap="greedy",
    labelSeparation=6,
    labelExpr="datum.value == 0 ? '0' : format(datum.value, '+.2~g')",
)


def _signed(frame: pl.DataFrame, field: str, title: str, colours: Colours) -> Chart:
    """Bars to both sides of 0, with their intervals."""
    names = colours.among(frame, field)
    y = alt.Y(f"{field}:N", sort=names, title=None, axis=alt.Axis(labelLimit=LABEL, ticks=False))
    x = alt.X("mean:Q", title=title, axis=SIGNED)
    base = alt.Chart()
    bars = base.mark_bar(height={"band": 0.75}).encode(x, y, color=colours.hue(field, names, legend=None))
    layers = [bars.encode(tooltip=tips(frame)), base.mark_rule(color=GREY).encode(x=alt.datum(0))]
    if frame["low"].is_not_null().any():
        layers.append(base.mark_rule(strokeWidth=1.5, color=GREY).encode(alt.X("low:Q", title=title), y, x2="high:Q"))
    return alt.layer(*layers).properties(height=max(50, 18 * len(names)))


def paid_to(frame: pl.DataFrame, order: Sequence[str]) -> Chart:
    """A square of money for each payer and receiver, one map a stage."""
    present, stages = {*frame["from"], *frame["to"]}, _names(frame, "stage")
    names = [name for name in order if name in present] + sorted(present - {*order})
    side = min(34, max(15, ((WIDTH - 130 - _room(frame, "from")) // len(stages) - 20) // len(names)))
    scale, look = alt.Scale(domain=names), alt.Axis(ticks=False, labelLimit=LABEL, grid=True)
    x = alt.X(
        "to:N",
        sort=names,
        title="to",
        scale=scale,
        axis=alt.Axis(ticks=False, labelLimit=LABEL, grid=True, labelAngle=-45),
    )
    size = alt.Size(
        "amount:Q",
        title="share of all money",
        scale=alt.Scale(range=[0, side * side * 0.85], domainMin=0),
        legend=alt.Legend(format=".2~g"),
    )
    squares = alt.Chart().mark_square(opacity=0.9, color=PALETTE[0])
    y = alt.Y("from:N", sort=names, title="from", scale=scale, axis=look)
    made = squares.encode(x, y, size=size, tooltip=tips(frame)).properties(
        width=side * len(names), height=side * len(names)
    )
    return made.facet(column=alt.Column("stage:N", sort=stages, title=None), data=_values(frame))


def provenance(frame: pl.DataFrame, stages: Sequence[str]) -> Chart:
    """Stacked bars of where money comes from: as shares of all money, and of each account's own."""
    accounts, origins = _names(frame, "account"), ["never", *stages]
    rows = frame.with_columns(order=pl.col("origin").replace_strict(origins, range(len(origins)), default=None))
    scale = alt.Scale(domain=origins, range=[NEVER, *islice(cycle(REDEFINED), len(stages))])
    legend = alt.Legend(orient="top", title="last redefined in")
    colour = alt.Color("origin:N", sort=origins, scale=scale, legend=legend)
    panels: list[Chart] = []
    for field, title, form in (("share", "share of all money", ".2~g"), ("part", "part of the account's money", "%")):
        y = alt.Y(
            "account:N", sort=accounts, title=None, axis=alt.Axis(labelLimit=LABEL, ticks=False, labels=not panels)
        )
        x = alt.X(f"{field}:Q", title=title, stack="zero", axis=alt.Axis(format=form, tickCount=5))
        bars = chart_of(rows.filter(pl.col(field).is_not_null())).mark_bar(height={"band": 0.75})
        made = bars.encode(x, y, color=colour, order="order:Q", tooltip=tips(frame))
        panels.append(
            made.properties(width=(WIDTH - 30 - _room(frame, "account")) // 2, height=max(60, 24 * len(accounts)))
        )
    return alt.hconcat(*panels, spacing=24)


# --- What it did to the predictions


def before_and_after(frame: pl.DataFrame, phases: Sequence[str], colours: Colours) -> Chart:
    """The market's bits per byte of each voice, before and after each stage."""
    rows = frame.filter(pl.col("account") == "market")
    names = colours.among(rows, "voice")
    x = alt.X("stage:N", sort=list(phases), title=None, axis=alt.Axis(labelAngle=0, grid=False))
    y = alt.Y("mean:Q", title="bits per byte, held out", scale=alt.Scale(zero=False), axis=LEFT)
    base = chart_of(rows).encode(x=x, color=colours.hue("voice", names))
    lines = base.mark_line(strokeWidth=2.2).encode(y=y, strokeDash=colours.dash("voice", names))
    points = base.mark_point(filled=True, size=60, opacity=1).encode(y=y, tooltip=tips(rows))
    layers = [lines, points]
    if rows["low"].is_not_null().any():
        layers.append(base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=y["title"]), y2="high:Q"))
    return alt.layer(*layers).properties(width=WIDTH - 130, height=250)


def heat(frame: pl.DataFrame, phases: Sequence[str], order: Sequence[str]) -> Chart:
    """Bits per byte of each account (across) on each probe voice (down), one map a phase."""
    present, voices = _names(frame, "account"), _names(frame, "voice")
    accounts = ["market", *(name for name in order if name != "market")]
    accounts = [name for name in dict.fromkeys([*accounts, *present]) if name in present]
    finite = frame.filter(pl.col("mean").is_finite(), pl.col("mean") > 0)["mean"].to_list() or [1.0]
    ends = [min(finite), max(finite)]
    columns = 2 if len(accounts) <= 8 else 1
    side = min(50, max(34, ((WIDTH - 100 - _room(frame, "voice")) // columns - 20) // len(accounts)))
    x = alt.X("account:N", sort=accounts, title=None, axis=alt.Axis(labelAngle=-45, ticks=False, labelLimit=LABEL))
    y = alt.Y("voice:N", sort=voices, title=None, axis=alt.Axis(ticks=False, labelLimit=LABEL))
    scale = alt.Scale(scheme="viridis", reverse=True, type="log", domain=ends, nice=False)
    marks = [round(ends[0] * (ends[1] / ends[0]) ** (i / 4), 1) for i in range(5)]
    legend = alt.Legend(title="bits per byte", values=marks, format=".1f", gradientLength=160)
    base = alt.Chart().encode(x=x, y=y)
    cells = base.mark_rect().encode(color=alt.Color("mean:Q", scale=scale, legend=legend), tooltip=tips(frame))
    # numbers are dark on the scale's bright end
    ink = alt.condition(alt.datum.mean < (ends[0] * ends[1]) ** 0.5, alt.value("#111111"), alt.value("#fafafa"))
    text = base.mark_text(fontSize=11).encode(text=alt.Text("mean:Q", format=".2f"), color=ink)
    made = alt.layer(cells, text).properties(width=side * len(accounts), height=27 * len(voices))
    return made.facet(alt.Facet("stage:N", sort=list(phases), title=None), columns=columns, data=_values(frame))


def rewards(frame: pl.DataFrame) -> Chart:
    """The mean reward by step, and below it how much of the step was taken."""
    stages = _names(frame, "stage")
    x = alt.X("step:Q", title="step", scale=alt.Scale(nice=False), axis=alt.Axis(grid=False, tickMinStep=1))
    scale = alt.Scale(domain=stages, range=[*islice(cycle(PALETTE), len(stages))])
    legend = alt.Legend() if len(stages) > 1 else None
    base = chart_of(frame).encode(x=x, color=alt.Color("stage:N", sort=stages, title=None, scale=scale, legend=legend))
    band = base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title="mean reward"), y2="high:Q")
    line = base.mark_line(strokeWidth=2.2, point={"size": 22, "filled": True})
    mean = line.encode(y=alt.Y("reward:Q", title="mean reward"), tooltip=tips(frame))
    taken = alt.Y("scale:Q", title="scale", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=3))
    below = base.mark_line(strokeWidth=2, interpolate="step").encode(y=taken, tooltip=tips(frame))
    width = WIDTH - 70 if legend is None else WIDTH - 170
    above = alt.layer(band, mean).properties(width=width, height=190)
    return alt.vconcat(above, below.properties(width=width, height=60), spacing=14)
