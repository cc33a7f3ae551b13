"""Reading tables of forecasts: every row is checked, and what is wrong is named by its row."""

from typing import Any

import numpy as np
import polars as pl

from gruemarket.errors import InputError
from gruemarket.forecasts import tables
from gruemarket.forecasts.clock import Clock
from gruemarket.forecasts.index import TOLERANCE, Index, make_index
from gruemarket.forecasts.questions import Questions
from gruemarket.forecasts.settings import tolerance_of
from gruemarket.forecasts.tables import ROW

PERCENT = 100
WHOLE_FLOAT = r"^(-?(?:0|[1-9]\d*))\.0$"  # as it is printed


def read(forecasts: Any, resolutions: Any, *, outcomes: Any = None, tolerance: float = TOLERANCE) -> Questions:
    """Forecasts by many forecasters of many questions, checked and indexed.

    Args:
        forecasts: a row for each question, forecaster, time, outcome and its probability. A forecast is the rows of one
            question, forecaster and time; its probabilities sum to 1. One outcome may be left out: it gets the rest.
        resolutions: a row a question: question, outcome (empty: it is still open) and, as far as known, opens (before
            which nothing may be forecast or happen; it is checked, and means nothing else), closes and resolves. A
            question that only the forecasts have is open. `closes` is by default `resolves`, else the question's last
            forecast; `resolves` is by default `closes`, which may be long before the outcome was known: `score` counts
            such questions, and claims nothing for them.
        outcomes: a row for each question and outcome, where forecasts and resolutions do not name them all. A question
            of which they name one alone has two: "no" beside "yes", "not X" beside X.
        tolerance: how far from 1 a forecast's sum may be; it is then divided by it. Raise it for rounded forecasts.

    Each is a path (Parquet or CSV), a Polars or Arrow table, or a dict of columns. Times are numbers, dates (which
    stand for their first instant) or datetimes, with a time zone in all tables or in none; what comes of them has the
    forecasts' zone. Names are whole numbers or text; in CSV they are numbers if all are written as such: 7, not 007.

    Raises:
        InputError: what is wrong, and in which row.
        FileNotFoundError: a path leads nowhere.

    >>> import gruemarket as gm
    >>> said = {"question": ["rain", "rain"], "forecaster": ["Ann", "Bob"], "time": [1, 2]}
    >>> gm.forecasts.read(said | {"outcome": ["yes", "yes"], "probability": [0.9, 0.6]},
    ...                   {"question": ["rain"], "outcome": ["no"]})
    Questions(1 questions, 0 of them open, 2 forecasters, 2 forecasts)
    """
    tolerance = tolerance_of(tolerance)
    rows = tables.table(forecasts, "forecasts", tables.FORECASTS)
    if rows.is_empty():
        raise InputError("the forecasts have no rows; give some")
    rows = tables.parsed(rows, "forecasts", ("time",))
    clock = Clock.of(rows["time"])
    rows = checked(rows, clock)
    index = summary(rows, clock, resolutions, outcomes, tolerance)
    return index.questions(index.coded(rows))


def checked(rows: pl.DataFrame, clock: Clock, first: int = 0) -> pl.DataFrame:
    """Rows of forecasts with names and numbers of the right types: times as numbers of the clock, outcomes as text.

    Args:
        rows: with the columns of forecasts.
        clock: of their times.
        first: the number of the first row.

    Raises:
        InputError: a cell that cannot be used.
    """
    rows = tables.identifiers(rows, "forecasts", ("question", "forecaster", "outcome"), first)
    times = clock.read(rows["time"], "forecasts")
    _check_probabilities(rows["probability"], first)
    if np.isnan(times).any():
        row = first + int(np.argmax(np.isnan(times)))
        raise InputError(f"row {row} of the forecasts has no time {ROW}; fill it in or leave the row out")
    return rows.with_columns(
        pl.Series("time", times), pl.col("outcome").cast(pl.String), pl.int_range(first, first + pl.len()).alias("row")
    )


def _check_probabilities(column: pl.Series, first: int) -> None:
    good = column.is_not_null()
    if column.dtype.is_numeric():
        good &= column.is_between(0, 1).fill_null(value=True)
    elif column.dtype == pl.String:
        good &= column.str.strip_chars().cast(pl.Float64, strict=False).is_not_null()
    if not good.all():
        row = int((~good).arg_true()[0])
        value = column[row]
        said = "no probability" if value is None else f"probability {value!r}"
        percent = "%" in value if isinstance(value, str) else value is not None and 1 < value <= PERCENT
        hint = ", not percent: 0.7 for 70 %" if percent else ""
        raise InputError(f"row {first + row} of the forecasts has {said} {ROW}; give a number from 0 to 1{hint}")
    if not column.dtype.is_numeric():
        raise InputError(f"the forecasts' probability is of type {column.dtype}; give numbers from 0 to 1")


def summary(
    rows: pl.DataFrame | pl.LazyFrame, clock: Clock, resolutions: Any, outcomes: Any, tolerance: float
) -> Index:
    """The index of forecasts whose names and numbers are of the right types, and of the other tables."""
    lazy = rows.lazy()
    asked = lazy.group_by("question").agg(
        pl.col("time").min().alias("first"),
        pl.col("time").max().alias("last"),
        pl.len().alias("rows"),
        pl.col("row").min().cast(pl.Int64).alias("begin"),
        pl.col("row").max().cast(pl.Int64).alias("end"),
    )
    found = asked.collect(engine="streaming")
    pairs = lazy.select("question", "outcome").unique().collect(engine="streaming")
    people = lazy.select("forecaster").unique().collect(engine="streaming")["forecaster"].sort()
    for names in (found["question"], people, pairs["outcome"].unique()):
        _refuse_spaces(lazy, names, "forecasts")
    resolved = tables.table(resolutions, "resolutions", tables.RESOLUTIONS, tables.CLOCKED)
    if resolved.is_empty():
        raise InputError("the resolutions have no rows; give one a question, without an outcome if it is open")
    resolved = tables.identifiers(resolved, "resolutions", ("question",))
    resolved = resolved.with_columns(_outcomes(resolved["outcome"], pairs["outcome"]))
    _refuse_spaces(resolved.lazy(), resolved["question"], "resolutions")
    named = pairs.clear()
    if outcomes is not None:
        named = tables.identifiers(tables.table(outcomes, "outcomes", tables.OUTCOMES), "outcomes", tables.OUTCOMES)
        named = named.select(
            pl.col("question").cast(found["question"].dtype, strict=False), pl.col("outcome").cast(pl.String)
        )
        named = named.drop_nulls()
    _refuse_spellings(lazy, pairs, named)
    pairs = pl.concat([pairs, named]).unique()
    found, resolved = tables.alike(found, resolved, "question")
    pairs = pairs.with_columns(pl.col("question").cast(found["question"].dtype))
    index = make_index(found, pairs, people, resolved, clock, tolerance=tolerance)
    _refuse_early(lazy, index)
    return index


def _outcomes(column: pl.Series, known: pl.Series) -> pl.Series:
    """Outcomes as text. Whole numbers are often kept as floats where some are missing: 1.0 is then the forecasts' 1."""
    text = (column.fill_nan(None) if column.dtype.is_float() else column).cast(pl.String)
    whole = text.str.extract(WHOLE_FLOAT)
    floats = whole.null_count() == text.null_count() and not text.is_in(known.implode()).any()
    return whole if floats else text


def _refuse_spaces(lazy: pl.LazyFrame, names: pl.Series, what: str) -> None:
    """A name with a space around it would be somebody else, or another question, without a word."""
    if names.dtype != pl.String:
        return
    if (spaced := names.filter(names != names.str.strip_chars()).sort()).len():
        row = _row(lazy, pl.col(names.name) == spaced[0])
        raise InputError(
            f"row {row} of the {what} has {names.name} {spaced[0]!r} {ROW}, with a space around it; leave that out"
        )


def _refuse_spellings(lazy: pl.LazyFrame, pairs: pl.DataFrame, named: pl.DataFrame) -> None:
    """Outcomes of a question that differ by case only are one, misspelt, unless a table of outcomes names each."""
    unsure = pairs.join(named, on=["question", "outcome"], how="anti")
    same = pl.col("outcome").str.to_lowercase().alias("same")
    beside = unsure.select("question", "outcome", same).join(
        pl.concat([pairs, named]).unique().select("question", pl.col("outcome").alias("other"), same),
        on=["question", "same"],
    )
    wrong = beside.filter(pl.col("outcome") != pl.col("other")).sort("question", "outcome", "other")
    if not wrong.is_empty():
        question, outcome, other = wrong.select("question", "outcome", "other").row(0)
        row = _row(lazy, (pl.col("question") == question) & (pl.col("outcome") == outcome))
        raise InputError(
            f"row {row} of the forecasts: question {question!r} has outcomes {outcome!r} and {other!r} {ROW}; spell "
            "them alike, or name both in a table of outcomes"
        )


def _refuse_early(lazy: pl.LazyFrame, index: Index) -> None:
    """Nobody can forecast a question before it opens: one of the two times is wrong."""
    asked = index.questions_frame
    early = asked.filter(pl.col("opens").is_not_nan(), pl.col("first") < pl.col("opens"))
    if not early.is_empty():
        told = early.row(0, named=True)
        name = pl.col("question").cast(asked["question"].dtype)
        row = _row(lazy, (name == told["question"]) & (pl.col("time") < told["opens"]))
        opens = index.clock.show(np.array([told["opens"]]), "opens").item()
        raise InputError(
            f"row {row} of the forecasts comes before its question {told['question']!r} opens, at {opens} {ROW}; mend "
            "one of the two times, or leave out opens"
        )


def _row(lazy: pl.LazyFrame, which: pl.Expr) -> int:
    """The first row for which that holds."""
    return int(lazy.with_row_index("at").filter(which).select(pl.col("at").min()).collect().item())
