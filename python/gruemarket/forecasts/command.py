"""The body of `gruemarket score`: its options as rules and taxes, its results as a table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from rich.table import Table

from gruemarket import schedules
from gruemarket.clearing import Isoelastic, Kelly, LogPool
from gruemarket.errors import InputError
from gruemarket.forecasts.folder import refuse_place
from gruemarket.forecasts.score import score
from gruemarket.forecasts.scores import Scores
from gruemarket.forecasts.stream import stream
from gruemarket.grue import GrueTax

RULES: dict[str, tuple[Any, str | None]] = {
    "kelly": (Kelly, "fraction"),
    "isoelastic": (Isoelastic, "aversion"),
    "logpool": (LogPool, "step"),
}
SCHEDULES = {
    "inverse": schedules.inverse,
    "elias-gamma": schedules.elias_gamma,
    "elias-delta": schedules.elias_delta,
    "elias-omega": schedules.elias_omega,
}
MOST_OPEN = 12  # prices of open questions that the terminal shows


def clearing_of(kind: str, **given: float | None) -> Any:
    """The rule that options speak of.

    Raises:
        InputError: an unknown kind, or an option of another one.

    >>> clearing_of("kelly", fraction=0.5, aversion=None, step=None)
    Kelly(fraction=0.5)
    """
    if kind not in RULES:
        raise InputError(f"--clearing {kind}; give {', '.join(RULES)}")
    rule, own = RULES[kind]
    if foreign := [name for name, value in given.items() if value is not None and name != own]:
        owner = next(name for name, (_, option) in RULES.items() if option == foreign[0])
        raise InputError(f"--{foreign[0]} belongs to --clearing {owner}, not to {kind}")
    value = None if own is None else given.get(own)
    if value is None and kind == "isoelastic":
        raise InputError("--clearing isoelastic needs --aversion; 4 is a good start, 1 is Kelly")
    return rule() if value is None else rule(**{str(own): value})


def tax_of(told: str | None) -> GrueTax | None:
    """The tax that an option speaks of: the name of a schedule, or a constant rate.

    Raises:
        InputError: neither.

    >>> tax_of("0.01").schedule.hazard(5)
    0.01
    """
    if told is None or told == "none":
        return None
    if told in SCHEDULES:
        return GrueTax(SCHEDULES[told]())
    try:
        return GrueTax(schedules.constant(float(told)))
    except ValueError:
        names = ", ".join(SCHEDULES)
        raise InputError(f"--grue {told}; give {names}, none, or a constant rate from 0 to 1") from None


def run(
    forecasts: Path,
    resolutions: Path,
    out: Path,
    *,
    streamed: bool,
    show: Callable[[Scores], None],
    **settings: Any,
) -> None:
    """Scores files, writes the folder and shows the scores, also if the folder could not be written after all.

    Raises:
        InputError: see `score`; or the folder holds something else.
        OSError: the folder cannot be written; that, too, is found before anything is read if it can be.
    """
    refuse_place(out)
    scores = (stream if streamed else score)(forecasts, resolutions, **settings)
    try:
        scores.save(out)
    finally:
        show(scores)


def tables(scores: Scores) -> list[Table]:
    """The methods, and the first of the open questions."""
    resolved = scores.questions["question"].n_unique()
    left_out = f" ({scores.settings['left_out']:,} more without a forecast in time)" * bool(scores.settings["left_out"])
    people = f"{len(scores.forecasters):,} forecasters ({scores.order})"
    title = f"{resolved:,} resolved questions{left_out}, {people}; less is better"
    unfunded = bool(scores.methods["unfunded"].sum())
    found = Table(title=title, caption=scores.caution or None)
    found.add_column("method")
    for name in ("bits", "95 %", "nats", "Brier", "against the mean", "95 %", *(["unfunded"] * unfunded)):
        found.add_column(name, justify="right")
    for row in scores.methods.iter_rows(named=True):
        style = "bold" if row["method"] == scores.asked else None
        ends = (f"{row['bits_low']:.4f} to {row['bits_high']:.4f}", f"{row['nats']:.4f}", f"{row['brier']:.4f}")
        paired = f"{row['difference_low']:+.4f} to {row['difference_high']:+.4f}"
        more = [f"{row['unfunded']:,}"] * unfunded
        found.add_row(
            row["method"], f"{row['bits']:.4f}", *ends, f"{row['difference']:+.4f}", paired, *more, style=style
        )
    return [found, *_open(scores)]


def _open(scores: Scores) -> list[Table]:
    prices = scores.open(scores.asked)
    if prices.is_empty():
        return []
    asked = prices["question"].unique(maintain_order=True)
    few = asked.head(MOST_OPEN)
    title = f"Open questions: {scores.asked}" + (
        f" (the first {len(few)} of {len(asked):,})" if len(asked) > len(few) else ""
    )
    table = Table("question", "price", title=title)
    for (question,), part in prices.filter(pl.col("question").is_in(few.implode())).group_by(
        "question", maintain_order=True
    ):
        likely = part.sort("probability", descending=True, maintain_order=True)
        told = [f"{row['outcome']} {row['probability']:.1%}" for row in likely.head(4).iter_rows(named=True)]
        table.add_row(str(question), ", ".join(told) + (", ..." if len(likely) > 4 else ""))
    return [table]
