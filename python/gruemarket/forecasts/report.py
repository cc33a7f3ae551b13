"""Scores as one HTML file that needs no network."""

import os
from collections.abc import Callable
from html import escape
from pathlib import Path

import polars as pl

from gruemarket import files
from gruemarket.forecasts import charts
from gruemarket.forecasts.baselines import EXTREMISED, UNIFORM_MEAN
from gruemarket.forecasts.methods import MARKET_OF_MARKETS
from gruemarket.forecasts.scores import Scores
from gruemarket.report.charts import spec
from gruemarket.report.page import Section, document, numbers, paragraph, plot, shown, table

MOST = 1000  # rows of forecasters and of open questions on the page; the Parquet tables have them all
PLOTTED = 40  # outcomes of open questions


def report(scores: Scores, path: str | os.PathLike[str], *, title: str = "What the forecasters know") -> Path:
    """Writes scores as one HTML file, atomically: the methods, calibration, money, regret and open questions.

    Raises:
        OSError: the file cannot be written; what was there before still is.
    """
    place = Path(path)
    sections = [part(scores) for part in SECTIONS]
    text = document(title, _lead(scores), [part for part in sections if part is not None])
    files.write(place, text.encode("utf-8", "backslashreplace"))
    return place


def compared(scores: Scores) -> list[str]:
    """The methods that plots show beside the one that was asked for."""
    present = set(scores.methods["method"])
    wanted = (scores.asked, MARKET_OF_MARKETS, UNIFORM_MEAN, EXTREMISED)
    return [name for name in dict.fromkeys(wanted) if name in present]


def _lead(scores: Scores) -> str:
    settings = scores.settings
    facts = {
        "Resolved": shown(scores.questions["question"].n_unique()),
        "Open": shown(scores.open()["question"].n_unique()),
        "Forecasters": shown(len(scores.forecasters)),
        "Market": escape(scores.asked),
        "Lock": shown(settings["lock"]),
        "Order": escape(scores.order),
    }
    items = "".join(f"<li><b>{name}</b> {what}</li>" for name, what in facts.items())
    if settings["order"] == "resolve":
        how = (
            "This is the sequential game: questions are priced one after the other as they resolve, and each has been "
            "settled before the next. Nobody could have played so; it is shown because it is simple."
        )
    else:
        how = (
            "A question is priced with the money that has been settled by then, and what is staked on it is locked "
            "until it resolves."
        )
        how = how if scores.caution else "Nothing looks ahead: a" + how.removeprefix("A")
    if "taxed" in " ".join(scores.methods["method"]):
        how += " A tax is paid by those who have forecast so far, and spread evenly over them."
    how += f" {scores.caution}"
    about = "Forecasters own shares of all money, which is 1, and bet on each question what they forecast. " + how
    return f'{paragraph(about, "lead")}<ul class="facts">{items}</ul>'


def _methods(scores: Scores) -> Section:
    frame = scores.methods
    text = (
        "Mean code length of what happened, in bits a question (less is better; 1 bit is a coin for two outcomes), "
        "with 95 % intervals over resampled questions. On the right the same against the uniform mean, question by "
        "question: left of 0 is better than it, and the paired interval says how surely. The market of markets bets "
        "on the other markets' prices as the questions come, so it had to choose among them without hindsight, with "
        "money that is locked as all is; the grid weighed by its past is Bayes' rule over the same markets. The best "
        "in hindsight is not a method that anybody could have followed."
    )
    if int(frame["unfunded"].sum()):
        text += " Unfunded questions are those on which nobody had free money: the uniform mean stands for the price."
    chart = plot("methods", spec(charts.methods(frame, scores.asked)), "Bits a question by method, with intervals")
    return Section(f"Methods ({scores.order})", paragraph(text) + chart + numbers(frame, "methods"))


def _calibration(scores: Scores) -> Section:
    text = (
        "How often outcomes happened that were priced so, in ten bins, with 95 % intervals (Wilson). Above the "
        "diagonal things happen more often than the price says. A click in the legend shows another method, with "
        "shift several."
    )
    chart = plot("calibration", spec(charts.calibration(scores.calibration, compared(scores))), "Calibration curves")
    return Section("Calibration", paragraph(text) + chart + numbers(scores.calibration, "calibration"))


def _wealth(scores: Scores) -> Section:
    text = (
        f"The money of those who are richest in the end ({scores.asked}). All began alike. A click in the legend picks "
        "one."
    )
    body = paragraph(text) + plot("wealth", spec(charts.wealth(scores.wealth)), "Wealth of the richest over time")
    return Section("The richest over time", body + numbers(scores.wealth, "wealth"))


def _forecasters(scores: Scores) -> Section:
    text = (
        "Wealth is the share of all money, what is locked included. Bits and Brier score are means of the "
        "forecaster's own forecasts over the resolved questions that it answered, and beside them the market's bits "
        "on the same questions."
    )
    frame = scores.forecasters.drop("bound_bits").head(MOST)
    return Section("Forecasters", paragraph(text) + table(frame.head(25)) + numbers(frame, "forecasters"))


def _regret(scores: Scores) -> Section:
    text = (
        "How much better each forecaster's forecasts were than the market's prices, in bits, each question weighed by"
        " the share of wealth that the forecaster had at stake. Kelly's market bounds it: nobody's regret exceeds the"
        " bits of its prior, and what a tax takes. Other rules promise nothing, and are held against the same line."
    )
    columns = ("forecaster", "questions", "regret_bits", "bound_bits", "log2_wealth")
    frame = scores.forecasters.filter(pl.col("questions") > 0).select(columns)
    frame = frame.sort("questions", descending=True, maintain_order=True).head(MOST)
    return Section(
        "Regret",
        paragraph(text) + plot("regret", spec(charts.regret(frame)), "Regret by forecaster") + numbers(frame, "regret"),
    )


def _open(scores: Scores) -> Section | None:
    found = scores.open()
    if found.is_empty():
        return None
    names = compared(scores)
    wide = found.filter(pl.col("method").is_in(names)).pivot(
        "method", index=["question", "outcome"], values="probability", maintain_order=True
    )
    # of two outcomes the second says all
    told = wide.filter((pl.len().over("question") > 2) | pl.col("question").is_first_distinct().not_())
    first = told.head(PLOTTED).select(
        "question",
        "outcome",
        pl.concat_str(pl.col("question").cast(pl.String), pl.lit(": "), "outcome").alias("asked"),
    )
    rows = first.join(found.filter(pl.col("method").is_in(names)), on=["question", "outcome"], maintain_order="left")
    text = "What the market says now of questions that are open, each with all the money that there is."
    if scores.settings["at"] is not None:
        text += " Where at= names a time, now is then."
    if len(told) > PLOTTED:
        text += f" The plot shows the first {PLOTTED} of {len(told):,} outcomes."
    chart = plot("open", spec(charts.open_questions(rows, names)), "Prices of open questions by method")
    return Section(
        "Open questions",
        paragraph(text) + chart + numbers(wide.head(MOST), "open-questions", opened=len(wide) <= PLOTTED),
    )


def _origin(scores: Scores) -> Section:
    rows = [(name, "" if value is None else str(value)) for name, value in scores.settings.items()]
    return Section("What made this", table(pl.DataFrame(rows, ["what", "value"], orient="row")))


SECTIONS: tuple[Callable[[Scores], Section | None], ...] = (
    _methods,
    _open,
    _calibration,
    _forecasters,
    _wealth,
    _regret,
    _origin,
)
