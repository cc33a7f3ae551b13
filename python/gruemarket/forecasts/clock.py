"""Times of any kind as numbers: what the tables say, in one unit, and back again."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.errors import InputError

Times = npt.NDArray[np.float64]
EXACT = 2.0**53  # whole numbers up to here are themselves as float64; in microseconds that is the year 2255
UNITS = {"w": 604_800_000_000, "d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}
OFFSET = re.compile(r"-?\s*(\d+(?:\.\d+)?)\s*([wdhms])")
NEVER = np.inf  # when an open question resolves


@dataclass(frozen=True)
class Clock:
    """What kind of times the tables have.

    Inside they are float64: numbers as they are, dates and datetimes as microseconds since 1970 in UTC. A date stands
    for its first instant, in the zone.

    Args:
        kind: "number" or "datetime" (which dates are too).
        zone: the datetimes' zone, or None.
    """

    kind: Literal["number", "datetime"]
    zone: str | None = None

    @classmethod
    def of(cls, column: pl.Series) -> "Clock":
        """The clock of a column.

        Raises:
            InputError: the column holds no times.
        """
        if column.dtype.is_numeric():
            return cls("number")
        if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
            return cls("datetime", getattr(column.dtype, "time_zone", None))
        raise InputError(f"{column.name} is of type {column.dtype}; give numbers, dates or datetimes (ISO 8601 in CSV)")

    def read(self, column: pl.Series, table: str) -> Times:
        """A column as numbers; what is missing is NaN.

        Raises:
            InputError: times of another kind, or numbers that float64 does not hold.
        """
        if column.dtype.is_float():
            column = column.fill_nan(None)  # as numpy says that something is missing
        if column.null_count() == len(column):
            return np.full(len(column), np.nan)
        found = Clock.of(column)
        dated = column.dtype == pl.Date
        if found.kind != self.kind or (bool(found.zone) != bool(self.zone) and not dated):
            raise InputError(
                f"{column.name} of the {table} is of type {column.dtype}, the forecasts' time is {self}; give all "
                "tables times of one kind"
            )
        if self.kind == "datetime":
            column = self._instants(column).to_physical()
        elif (far := column.cast(pl.Float64).abs() >= EXACT).any():
            row = int(far.arg_true()[0])
            raise InputError(
                f"row {row} of the {table}: {column.name} {column[row]} is too large a number; give datetimes"
            )
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()

    def _instants(self, column: pl.Series) -> pl.Series:
        """Dates and datetimes as datetimes in UTC, or without a zone if the clock has none."""
        if column.dtype != pl.Date or self.zone is None:
            return column.cast(pl.Datetime("us", self.zone and "UTC"))
        midnight = column.cast(pl.Datetime("us"))
        # where clocks are put forward at midnight the day begins at one
        first, later = (
            (midnight + timedelta(hours=hours)).dt.replace_time_zone(
                self.zone, ambiguous="earliest", non_existent="null"
            )
            for hours in (0, 1)
        )
        return first.fill_null(later).cast(pl.Datetime("us", "UTC"))

    def expression(self, name: str = "time") -> pl.Expr:
        """The column of that name as numbers, as `read` makes them, in a lazy frame."""
        column = pl.col(name)
        if self.kind == "datetime":
            column = column.cast(pl.Datetime("us", self.zone and "UTC")).to_physical()
        return column.cast(pl.Float64)

    def show(self, times: Times, name: str) -> pl.Series:
        """Numbers as a column, in the zone; what is not finite is null."""
        column = pl.Series(name, times).cast(pl.Float64)
        column = column.set(~column.is_finite(), None) if len(column) else column
        if self.kind == "number":
            return column
        found = column.cast(pl.Int64).cast(pl.Datetime("us", self.zone and "UTC"))
        return found if self.zone is None else found.dt.convert_time_zone(self.zone)

    def at(self, asked: Any) -> tuple[float, bool]:
        """A time, or how long before the close: the number, and whether it counts back from there.

        A string that begins with a minus, or with a number and a unit (w, d, h, m, s), counts back; so does a
        timedelta.

        Raises:
            InputError: neither of the two, or of another kind than the tables' times, with a zone or without.

        >>> Clock("datetime").at("2d") == (2 * 86_400e6, True)
        True
        >>> Clock("number").at("-1.5"), Clock("number").at(20)
        ((1.5, True), (20.0, False))
        """
        if isinstance(asked, timedelta) and self.kind == "datetime":
            return self._back(asked / timedelta(microseconds=1), asked)
        if isinstance(asked, str):
            return self._told(asked.strip())
        if isinstance(asked, datetime) and self.kind == "datetime":
            return self._instant(asked), False
        if isinstance(asked, date) and self.kind == "datetime":
            return float(self._instants(pl.Series([asked])).to_physical().item()), False
        if isinstance(asked, int | float | np.number) and self.kind == "number" and np.isfinite(asked):
            return float(asked), False
        raise InputError(self._hint(asked))

    def _told(self, text: str) -> tuple[float, bool]:
        if self.kind == "number":
            try:
                value = float(text)
            except ValueError:
                raise InputError(self._hint(text)) from None
            return self._back(-value, text) if text.startswith("-") else (value, False)
        if found := OFFSET.fullmatch(text):
            return self._back(float(found[1]) * UNITS[found[2]], text)
        try:
            moment = date.fromisoformat(text) if len(text) == len("2026-01-31") else datetime.fromisoformat(text)
        except ValueError:
            raise InputError(self._hint(text)) from None
        return self.at(moment)

    def _instant(self, asked: datetime) -> float:
        if asked.tzinfo is None and self.zone is not None:
            raise InputError(
                f"at={asked.isoformat()!r} has no time zone, the tables' times have one ({self.zone}); give a date, or "
                "a time with its zone, such as 2026-01-31T12:00Z"
            )
        if asked.tzinfo is not None and self.zone is None:
            raise InputError(f"at={asked.isoformat()!r} has a time zone, the tables' times have none; leave it out")
        aware = asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked
        return (aware - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)

    def _back(self, before: float, asked: Any) -> tuple[float, bool]:
        if not (before >= 0 and np.isfinite(before)):
            raise InputError(f"at={asked!r} lies after the close; give how long before it, or a time")
        return before, True

    def _hint(self, asked: Any) -> str:
        if self.kind == "number":
            return f"at={asked!r}; the tables' times are numbers: give a number, or as '-7' how long before the close"
        return f"at={asked!r}; give a date, a datetime, or as '7d' how long before the close (w, d, h, m or s)"

    def __str__(self) -> str:
        if self.kind == "number":
            return "a number"
        return "a datetime with a time zone" if self.zone else "a date or a datetime without a time zone"
