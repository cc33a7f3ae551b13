"""Forecasts that do not fit into memory: read from Parquet in pieces, sorted on disk into the order of their prices."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from gruemarket.clearing import Kelly
from gruemarket.errors import InputError
from gruemarket.forecasts import tables
from gruemarket.forecasts.clock import Clock
from gruemarket.forecasts.events import events
from gruemarket.forecasts.index import TOLERANCE
from gruemarket.forecasts.methods import Chosen, markets
from gruemarket.forecasts.questions import Pricing
from gruemarket.forecasts.read import summary
from gruemarket.forecasts.score import FLOOR, refuse_nothing, refuse_numbers, scored, share_of
from gruemarket.forecasts.scores import Scores
from gruemarket.forecasts.settings import is_whole, tolerance_of
from gruemarket.forecasts.spill import Spilled
from gruemarket.grue import GrueTax
from gruemarket.progress import Shown

ROWS = 2**21  # in memory at a time


def stream(
    forecasts: str | os.PathLike[str] | pl.LazyFrame,
    resolutions: Any,
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
    grid: Any = (),
    methods: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    progress: bool = False,
    rows: int = ROWS,
    folder: str | os.PathLike[str] | None = None,
) -> Scores:
    """Scores as `score` does, with the forecasts on disk: memory grows with questions and forecasters only.

    The file is read a few times, a piece at a time, and its rows may come in any order. Unless they are in the order of
    the questions' prices, what the prices need is kept in a temporary folder meanwhile, about 20 bytes a row.

    Args:
        forecasts: a Parquet file, or a lazy frame of Polars. CSV has to be converted, as its types are known only once
            all of it has been read.
        resolutions: see `read`.
        outcomes: see `read`.
        tolerance: see `read`.
        clearing: see `score`.
        grue: see `score`.
        lock: see `score`.
        order: see `score`.
        at: see `score`.
        which: see `score`.
        floor: see `score`.
        grid: see `score`; none unless given, for every rule keeps a book of all forecasters, twice.
        methods: see `score`.
        seed: see `score`.
        resamples: see `score`.
        progress: see `score`.
        rows: how many to hold in memory at a time; a question is never cut.
        folder: where the temporary folder goes; the system's own place if None.

    Raises:
        InputError: as in `score`; rows that come too late to be priced are not looked at as closely.
    """
    if not (is_whole(rows) and rows >= 1):
        raise InputError(f"rows {rows!r}; give how many to hold in memory, a whole number, 1 or more")
    refuse_numbers(lock, seed, resamples)
    tolerance = tolerance_of(tolerance)
    pricing = Pricing(at, which, order, floor)
    chosen = Chosen.of(markets(Kelly() if clearing is None else clearing, grue, grid), methods)
    lazy = tables.scan(forecasts, "forecasts", whole=False)
    tables.columns(lazy, "forecasts", tables.FORECASTS)
    lazy = lazy.select(tables.FORECASTS)
    first = lazy.head(1).collect()
    if first.is_empty():
        raise InputError("the forecasts have no rows; give some")
    clock = Clock.of(first["time"])
    if at is not None:
        clock.at(at)  # whether it is a time, before all rows are read
    lazy = tables.typed(lazy)
    rows_of = lazy.select(*tables.NAMES, clock.expression()).with_row_index("row")
    with tempfile.TemporaryDirectory(prefix="gruemarket-", dir=folder) as place:
        index = summary(rows_of, clock, resolutions, outcomes, tolerance)
        known = index.questions()
        source = Spilled(index, known, Path(place), pricing, rows)
        with Shown(wanted=progress) as bar:
            source.spill(lazy, bar)
        when = events(source.questions, order, known.now(at))
        refuse_nothing(known, when)
        settings = {"lock": share_of(lock, order), **pricing.told()}
        return scored(known, source, chosen, when, settings, seed=seed, resamples=resamples, progress=progress)
