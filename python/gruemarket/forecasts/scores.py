"""What scoring gives: frames, and the folder that they are kept in."""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """How good each method's prices were. Bits, nats and Brier scores are losses: less is better.

    Args:
        questions: a row for each resolved question and method: question, method, outcomes (their number), price (of
            what happened), nats, bits, brier, priced, resolves.
        prices: a row for each question, method and outcome: question, method, outcome, probability, open.
        methods: a row a method, the best first: method, kind, means of bits and brier and their intervals (`_low`,
            `_high`: 95 %, resampled questions), difference (bits more than the uniform mean, with a paired interval),
            nats, unfunded (questions on which nobody had free money: the uniform mean stands for the price).
        calibration: see `measures.calibration`, for each method.
        forecasters: a row a forecaster, the richest first: wealth (a share of all money, locked stakes included),
            log2_wealth, prior_bits, regret_bits (sum of beta log2(its forecast / the price), beta the share of its
            wealth at stake), bound_bits (what a Kelly market's regret never exceeds), questions (resolved), and over
            these the means of its own bits, of the market's, and of its own Brier score.
        wealth: of the richest over time: time, forecaster, log2_wealth, wealth.
        asked: the method that was asked for, whose money `forecasters` and `wealth` show.
        settings: what was scored how; `left_out`: how many resolved questions nobody forecast in time; `assumed`: of
            how many that were scored the resolutions do not say when they resolved, so that they count as resolved at
            their close, or else at their last forecast.
    """

    questions: pl.DataFrame
    prices: pl.DataFrame
    methods: pl.DataFrame
    calibration: pl.DataFrame
    forecasters: pl.DataFrame
    wealth: pl.DataFrame
    asked: str
    settings: dict[str, Any]

    @property
    def order(self) -> str:
        """In which order questions were priced, in words."""
        if self.settings["order"] == "resolve":
            return "sequential"
        if not self.settings["assumed"]:
            return "no look-ahead"
        if self.settings["assumed"] == self.questions["question"].n_unique():
            return "all times of resolution assumed"
        return f"no look-ahead but for {self.settings['assumed']:,} questions whose times of resolution are assumed"

    @property
    def caution(self) -> str:
        """What to know of times of resolution that nobody gave; empty where all were given."""
        assumed, scored = self.settings["assumed"], self.questions["question"].n_unique()
        if not assumed:
            return ""
        return (
            f"Of {assumed:,} of {scored:,} resolved questions the resolutions do not say when they resolved: they "
            "count as resolved at their close, or else at their last forecast. Where that is before the outcome was "
            "known, prices know too much. A column resolves mends it."
        )

    def open(self, method: str | None = None) -> pl.DataFrame:
        """The prices of questions that are still open, of all methods or of one."""
        found = self.prices.filter(pl.col("open")).drop("open")
        return found if method is None else found.filter(pl.col("method") == method)

    def frames(self) -> dict[str, pl.DataFrame]:
        """All frames by name."""
        every = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: frame for name, frame in every.items() if isinstance(frame, pl.DataFrame)}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the frames as Parquet, `manifest.json` and `report.html` into a folder, which is whole or not there.

        A folder that holds scores is replaced.

        Raises:
            InputError: the folder holds something else.
            OSError: it cannot be written.
        """
        from gruemarket.forecasts.folder import save  # noqa: PLC0415 # what draws takes long to import

        return save(self, Path(path))

    def report(self, path: str | os.PathLike[str], *, title: str = "What the forecasters know") -> Path:
        """Writes one HTML file that needs no network, atomically.

        Raises:
            OSError: it cannot be written.
        """
        from gruemarket.forecasts.report import report  # noqa: PLC0415 # as above

        return report(self, path, title=title)

    def __repr__(self) -> str:
        questions = self.questions["question"].n_unique()
        still = self.open()["question"].n_unique()
        best = self.methods.row(0, named=True)
        return (
            f"Scores({questions:,} questions and {still:,} open, {len(self.forecasters):,} forecasters; "
            f"best: {best['method']}, {best['bits']:.4f} bits)"
        )
