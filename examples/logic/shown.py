"""What an experiment found, and how it is printed and drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

BLUE, RED, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8c8c8c"


@dataclass(frozen=True)
class Claim:
    """A number that was measured, and what it may be at most."""

    what: str
    measured: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the theorem was obeyed."""
        return self.measured <= self.bound


@dataclass(frozen=True)
class Finding:
    """What an experiment found.

    Attributes:
        title: one line.
        claims: what must hold.
        notes: what else is worth reading: controls, and what is known to fail.
        frame: the numbers behind it.
        chart: the plot.
    """

    title: str
    claims: Sequence[Claim]
    notes: Sequence[str]
    frame: pl.DataFrame
    chart: Any

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return all(claim.holds for claim in self.claims)

    def text(self) -> str:
        """The bound beside what was measured, line by line."""
        wide = max(len(claim.what) for claim in self.claims)
        lines = [self.title, f"  {'':{wide}}  {'measured':>10} {'bound':>10}"]
        for claim in self.claims:
            said = "" if claim.holds else "  DOES NOT HOLD"
            lines.append(f"  {claim.what:{wide}}  {_number(claim.measured)} {_number(claim.bound)}{said}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def save(self, out: Path, name: str) -> None:
        """Writes the numbers and the plot."""
        self.frame.write_parquet(out / f"{name}.parquet")
        self.chart.save(out / f"{name}.html", inline=True)
        self.chart.save(out / f"{name}.png", scale_factor=2)


def _number(value: float) -> str:
    return f"{value:>10.0f}" if value == int(value) or value >= 1000 else f"{value:>10.4g}"


def page(panels: Sequence[Any], title: str, subtitle: Sequence[str]) -> Any:
    """Panels side by side under one title."""
    above = alt.TitleParams(
        title,
        subtitle=list(subtitle),
        fontSize=18,
        subtitleFontSize=12,
        subtitleColor="#555",
        subtitlePadding=6,
        anchor="start",
        offset=16,
    )
    return (
        alt.hconcat(*panels, spacing=40)
        .resolve_scale(color="independent", strokeDash="independent")
        .properties(title=above, padding=16)
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#e6e6e6")
        .configure_legend(labelFontSize=12, symbolStrokeWidth=2, symbolSize=120, symbolOpacity=1, labelLimit=400)
    )


def panel(layers: Sequence[Any], title: str) -> Any:
    """Layers on top of each other, with their caption."""
    caption = alt.TitleParams(title, fontSize=14, fontWeight="normal")
    return alt.layer(*layers).properties(width=420, height=320, title=caption)


def coloured(field: str, colours: dict[str, str]) -> alt.Color:
    """The encoding of a column of names, in this order."""
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", title=None, sort=list(colours), scale=scale, legend=alt.Legend(orient="bottom"))


def day_axis() -> alt.X:
    """The encoding of the day, on a logarithmic axis."""
    decades = [digit * 10**power for power in range(7) for digit in (1, 3)]
    axis = alt.Axis(values=decades, format=",d")
    return alt.X("day:Q", title="day", scale=alt.Scale(type="log", nice=False), axis=axis)


def spread(days: int, points: int = 400) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Keeps about so many days of a frame, spread evenly on a logarithmic axis, the first and last among them."""
    last = max(days - 1, 1)
    kept = sorted({1, days, *(round(last ** (i / points)) for i in range(points + 1))})
    return lambda frame: frame.filter(pl.col("day").is_in(kept))
