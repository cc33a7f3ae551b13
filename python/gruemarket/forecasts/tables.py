"""The tables as they are given: paths or frames of any kind, with the columns and types that they must have."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from gruemarket.errors import InputError

FORECASTS = ("question", "forecaster", "time", "outcome", "probability")
RESOLUTIONS = ("question", "outcome")
CLOCKED = ("opens", "closes", "resolves")  # what resolutions may say besides
OUTCOMES = ("question", "outcome")
NAMES = ("question", "forecaster", "outcome")  # of something; what they look like means nothing
CSV = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
WIDE = (pl.UInt64, pl.Int128)  # whole numbers that int64 need not hold
MOST = 2**63 - 1
ROW = "(rows count from 0)"
ISO = r"^\d{4}-\d{2}-\d{2}"


def table(given: Any, what: str, needed: Sequence[str], allowed: Sequence[str] = ()) -> pl.DataFrame:
    """A table with the columns that are needed, and those of the allowed that it has; others are left out.

    Args:
        given: a path of Parquet or CSV (compressed or not), a Polars frame, anything with Arrow's stream (pyarrow,
            pandas, DuckDB), or a dict of columns.
        what: how errors call it.
        needed: names of columns.
        allowed: names of more.

    Raises:
        InputError: no table, or a column is missing.
        FileNotFoundError: there is no such file.
    """
    lazy = scan(given, what)
    present = columns(lazy, what, needed)
    try:
        return lazy.select(*needed, *(name for name in allowed if name in present)).collect()
    except pl.exceptions.PolarsError as error:
        raise InputError(f"the {what} cannot be read: {error}") from error


def columns(lazy: pl.LazyFrame, what: str, needed: Sequence[str]) -> list[str]:
    """The columns that a table has.

    Raises:
        InputError: one that is needed is missing.
    """
    present = lazy.collect_schema().names()
    if missing := [name for name in needed if name not in present]:
        raise InputError(
            f"the {what} have no column {', '.join(missing)}; they need {', '.join(needed)} and have "
            f"{', '.join(present) or 'none'}; {_mended(present)}"
        )
    return present


def _mended(present: list[str]) -> str:
    if len(present) == 1 and ";" in present[0]:
        return "separate columns by commas, not by semicolons"
    return "rename those that are called otherwise (case counts)"


def typed(lazy: pl.LazyFrame) -> pl.LazyFrame:
    """A lazy frame of forecasts with its names as `identifiers` makes them; outcomes as text."""
    schema = lazy.collect_schema()
    whole = [name for name in ("question", "forecaster") if schema[name].is_integer()]
    wide = [name for name in whole if schema[name] in WIDE]
    far = lazy.select((pl.col(wide) > MOST).any()).collect(engine="streaming").row(0, named=True) if wide else {}
    kinds = {name: pl.Int64 if name in whole and not far.get(name) else pl.String for name in NAMES}
    return lazy.with_columns(pl.col(name).cast(kind) for name, kind in kinds.items())


def scan(given: Any, what: str, *, whole: bool = True) -> pl.LazyFrame:
    """A table of any kind, not yet read; a CSV file only if the whole of it may be read at once."""
    if given is None:
        raise InputError(f"no {what} are given; give a Parquet or CSV file, or a Polars or Arrow table")
    if isinstance(given, str | os.PathLike):
        return _file(Path(given), what, whole=whole)
    if isinstance(given, pl.LazyFrame):
        return given
    if isinstance(given, pl.DataFrame):
        return given.lazy()
    if isinstance(given, Mapping) or hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__"):
        try:
            if isinstance(given, Mapping):
                given = {name: _column(values) for name, values in given.items()}
            return pl.DataFrame(given).lazy()
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise InputError(f"the {what} are no table: {error}") from error
    raise InputError(f"the {what} are a {type(given).__name__}; give a Parquet or CSV file, or a Polars or Arrow table")


def _column(values: Any) -> Any:
    """A column as it is, but a list of whole numbers and others is all floats: 1 beside 0.5."""
    kinds = {type(value) for value in values} if isinstance(values, list | tuple) else set()
    mixed = {int, float} <= kinds <= {int, float, type(None)}
    return pl.Series(values=values, dtype=pl.Float64, strict=False) if mixed else values


def _file(path: Path, what: str, *, whole: bool) -> pl.LazyFrame:
    if not path.exists():
        raise FileNotFoundError(2, f"there is no such file of {what}", str(path))
    kind = Path(path.name.removesuffix(".gz").removesuffix(".zst")).suffix.lower()
    if path.is_dir() and not (kind in PARQUET and any(path.iterdir())):
        raise InputError(f"{path} is a folder; give a Parquet or CSV file of {what}")
    if kind in CSV and not whole:
        raise InputError(f"{path}: CSV is not streamed; convert the {what} to Parquet, or score them without streaming")
    try:
        if kind in PARQUET:
            frame = pl.scan_parquet(path)
        elif kind in CSV:
            frame = _csv(path, what, "\t" if kind == ".tsv" else ",").lazy()
        else:
            raise InputError(f"{path}: the {what} are of an unknown kind {path.suffix!r}; give .parquet or .csv")
        frame.collect_schema()
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        why = str(error).partition("\n")[0]
        hint = f"; give as many cells a row as in the header, separated by {'tabs' if kind == '.tsv' else 'commas'}"
        if "utf-8" in why.lower():
            hint = "; save the file as UTF-8"
        elif isinstance(error, pl.exceptions.NoDataError):
            hint = "; its first row must name the columns"
        raise InputError(f"{path}: no whole table of {what} ({why}){hint if kind in CSV else ''}") from error
    return frame


def _csv(path: Path, what: str, separator: str) -> pl.DataFrame:
    """A CSV file. Names are read as text, or 007 would be 7; other types are those of all rows, not of the first."""
    names = dict.fromkeys(NAMES, pl.String)
    read = pl.read_csv(path, separator=separator, infer_schema_length=None, schema_overrides=names)
    read = read.with_columns(pl.col(pl.String).replace("", None))  # a cell that is quoted can be empty too
    times = [name for name in ("time", *CLOCKED) if name in read.columns]
    numbers = [name for name in ("probability", *times) if name in read.columns]
    read = read.with_columns(_number(read[name]) for name in numbers)
    return parsed(read.with_columns(_whole(read[name]) for name in NAMES if name in read.columns), what, times)


def _whole(column: pl.Series) -> pl.Series:
    """Names that are whole numbers, and all written as such, as these: 7 but not 007, +7 or 7.0."""
    numbers = column.cast(pl.Int64, strict=False)
    return numbers if numbers.cast(pl.String).equals(column, check_names=False) else column


def identifiers(frame: pl.DataFrame, what: str, names: Sequence[str], first: int = 0) -> pl.DataFrame:
    """The columns that name something: whole numbers as int64 if that holds them, all else as text; none is empty.

    Raises:
        InputError: a cell is empty; the message names the row.
    """
    for name in names:
        if frame[name].null_count():
            row = first + int(frame[name].is_null().arg_true()[0])
            raise InputError(f"row {row} of the {what} has no {name} {ROW}; fill it in or leave the row out")
    return frame.with_columns(_named(frame[name]) for name in names)


def _named(column: pl.Series) -> pl.Series:
    if column.dtype.is_integer() and (whole := column.cast(pl.Int64, strict=False)).null_count() == 0:
        return whole
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{column.name} is of type {column.dtype}; give text or whole numbers") from error


def alike(left: pl.DataFrame, right: pl.DataFrame, name: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two tables whose identifiers of that name are of one type: text where one of the two is."""
    if left[name].dtype == right[name].dtype:
        return left, right
    return left.with_columns(pl.col(name).cast(pl.String)), right.with_columns(pl.col(name).cast(pl.String))


def _number(column: pl.Series) -> pl.Series:
    """A column of a CSV file that is text only for quotes, spaces or NaN, as numbers."""
    if column.dtype != pl.String:
        return column
    numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == column.null_count() else column


def parsed(frame: pl.DataFrame, what: str, names: Sequence[str]) -> pl.DataFrame:
    """Columns of text that hold ISO dates or datetimes as such; others as they are.

    Nothing else is taken for a time: 01/02/2026 is January to some and February to others.

    Raises:
        InputError: text that is no time; the message names the row.
    """
    return frame.with_columns(_parsed(frame[name], what) for name in names)


def _parsed(column: pl.Series, what: str) -> pl.Series:
    if column.dtype != pl.String or column.null_count() == len(column):
        return column
    text = column.str.strip_chars()
    good = text.str.contains(ISO).fill_null(value=True)
    if good.all():
        found = _times(text)
        good = found.is_not_null() | text.is_null()
    if not good.all():
        row = int((~good).arg_true()[0])
        raise InputError(
            f"row {row} of the {what} has {column.name} {column[row]!r} {ROW}; give numbers, or all as 2026-01-31, or "
            "2026-01-31T12:00, or 2026-01-31T12:00Z with a time zone"
        )
    return found


def _times(text: pl.Series) -> pl.Series:
    """Dates if all are, else datetimes; what is neither is null."""
    days = text.str.len_chars().max() == len("2026-01-31")
    try:
        return text.str.to_date("%Y-%m-%d", strict=False) if days else text.str.to_datetime(strict=False)
    except pl.exceptions.ComputeError:  # not even the first looks like one
        return pl.Series(text.name, [None] * len(text), pl.Datetime)
