"""What an audit of a logical inductor found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

MEANING = {
    "H1": "no table of truth values lets the firm gain more than the day's tolerance from the day's trade",
    "H2": "no plausible world values a budgeter of budget b below -b",
    "H3": "no plausible world values the firm above F, the sum of all tolerances so far",
    "H4": "no plausible world values a budgeter of budget b of trader k above (F + 2 sum of weights) 2^b / w_k",
    "budgets": "budgets are shut off when the trader's own past says so",
}


@dataclass(frozen=True)
class Audit:
    """The invariants of all days.

    Attributes:
        holds: whether all of them do.
        findings: invariant, meaning, holds, slack (the least that was left, in shares; below 0 it failed), and the day,
            the trader and the budget of that. None where there is nothing to check.
    """

    holds: bool
    findings: pl.DataFrame

    @classmethod
    def of(cls, rows: Iterable[tuple[Any, ...]]) -> Self:
        """From rows (invariant, holds, slack, day, trader, budget)."""
        schema = {
            "invariant": pl.String,
            "meaning": pl.String,
            "holds": pl.Boolean,
            "slack": pl.Float64,
            "day": pl.UInt32,
            "trader": pl.UInt32,
            "budget": pl.UInt64,
        }
        frame = pl.DataFrame([(row[0], MEANING[row[0]], *row[1:]) for row in rows], schema=schema, orient="row")
        return cls(bool(frame["holds"].all()), frame)
