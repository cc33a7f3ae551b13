"""Scoring: what markets and other ways to combine forecasts would have said of each question, without look-ahead."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from gruemarket.clearing import Kelly
from gruemarket.errors import ImpossibleOutcomeError, InputError
from gruemarket.forecasts.combined import prices_of
from gruemarket.forecasts.events import Events, events
from gruemarket.forecasts.frames import Measured, forecasters, wealth
from gruemarket.forecasts.index import TOLERANCE
from gruemarket.forecasts.markets import Market
from gruemarket.forecasts.measures import bits
from gruemarket.forecasts.methods import Chosen, markets
from gruemarket.forecasts.play import Source, Whole, play
from gruemarket.forecasts.questions import Floats, Panel, Pricing, Questions
from gruemarket.forecasts.read import read
from gruemarket.forecasts.scores import Scores
from gruemarket.forecasts.settings import check_resampling, lock_of
from gruemarket.grue import GrueTax
from gruemarket.progress import Shown

FLOOR = 2.0**-20


def score(
    forecasts: Any,
    resolutions: Any = None,
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
    grid: Any = None,
    methods: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    progress: bool = False,
) -> Scores:
    """Scores markets of forecasters, and what they are compared with, on the same questions.

    A question is priced at its close with the money that has been settled by then. What its forecasters stake on it is
    locked until it resolves; then it pays out these stakes and nothing else. Questions that are still open are priced
    last, each with all the money that there is then. Nothing looks ahead, in so far as the resolutions say when
    questions resolve: where they do not, a question counts as resolved at its close or last forecast, so that its money
    may move prices before its outcome was known; `Scores.settings["assumed"]` counts such questions.

    All forecasters begin alike. Who has not forecast yet neither pays nor receives tax, which is spread evenly over
    those who have.

    Args:
        forecasts: see `read`; or what `read` has returned, without `resolutions`, `outcomes` and `tolerance`.
        resolutions: see `read`.
        outcomes: see `read`.
        tolerance: see `read`.
        clearing: the rule of the market that is asked for: `Kelly` (the default), `Isoelastic` or `LogPool`.
        grue: its tax, by question; the markets of the grid are taxed alike, or else inversely.
        lock: the share of its wealth that a forecaster locks in each question, in (0, 1], as far as it is free. None
            follows how busy they are, question by question: 1 / m, where nine in ten forecasts priced so far found at
            most m questions of their forecaster open, itself included; a tenth in the first ten questions; all in the
            sequential game.
        order: "close"; or "resolve", the sequential game: every question is priced when it resolves (with the forecasts
            up to its pricing time), the one before it has then been settled. Simpler, but nobody could have played so.
        at: when questions are priced, if not at their close: a time, or how long before the close ("7d"). Of a time
            open questions are priced as of then too, with the money that had been settled before it.
        which: of a forecaster's several forecasts of a question the "last", or "every" one with an even part of its
            stake.
        floor: forecasts are mixed with as much of every outcome, so that no score is infinite; 0 takes them as given.
        grid: the rules to compare, and to choose among online; None for Kelly, fractions, isoelastic and log pools.
        methods: names of those that are scored, as the tables have them, and "best in hindsight"; None for all. The
            market that is asked for and the uniform mean, which all are held against, are always among them.
        seed: of the resampled intervals.
        resamples: of questions, for intervals of 95 %.
        progress: whether to show it.

    Raises:
        InputError: tables, rules or settings that cannot be used; the message says what is wrong, and in which row.
        ImpossibleOutcomeError: with `floor=0`, an outcome happened that everybody had ruled out.
        FileNotFoundError: a path leads nowhere.

    >>> import gruemarket as gm
    >>> said = {"question": [1, 1, 2, 2], "forecaster": ["Ann", "Bob"] * 2, "time": [1, 1, 3, 3]}
    >>> said |= {"outcome": ["yes"] * 4, "probability": [0.9, 0.4, 0.9, 0.4]}
    >>> scores = gm.forecasts.score(said, {"question": [1, 2], "outcome": ["yes", None]}, lock=1)
    >>> scores.open().filter(method="Kelly", outcome="yes")["probability"].round(3).item()
    0.746
    """
    refuse_numbers(lock, seed, resamples)
    pricing = Pricing(at, which, order, floor)
    chosen = Chosen.of(markets(Kelly() if clearing is None else clearing, grue, grid), methods)
    questions = _questions(forecasts, resolutions, outcomes, tolerance)
    panel = pricing.panel(questions)
    when = events(panel, order, questions.now(at))
    refuse_nothing(questions, when)
    share = share_of(lock, order)
    source = Whole(panel, len(questions.forecasters))
    settings = {"lock": share, **pricing.told()}
    return scored(questions, source, chosen, when, settings, seed=seed, resamples=resamples, progress=progress)


def refuse_numbers(lock: Any, seed: Any, resamples: Any) -> None:
    """Raises InputError for what cannot be used, before any work that would be lost."""
    if lock is not None:
        lock_of(lock)
    check_resampling(seed, resamples)


def _questions(forecasts: Any, resolutions: Any, outcomes: Any, tolerance: Any) -> Questions:
    """Tables are read; what has been read can take nothing more in."""
    if not isinstance(forecasts, Questions):
        return read(forecasts, resolutions, outcomes=outcomes, tolerance=tolerance)
    given = {"resolutions": resolutions is not None, "outcomes": outcomes is not None}
    if late := [name for name, is_given in (given | {"tolerance": tolerance != TOLERANCE}).items() if is_given]:
        raise InputError(f"the forecasts have been read; give {' and '.join(late)} to read, which checks them together")
    return forecasts


def refuse_nothing(known: Questions, when: Events) -> None:
    """Raises InputError unless there is something to score."""
    if len(when.resolved):
        return
    resolved = int(np.sum(known.happened >= 0))
    if not resolved:
        raise InputError(f"no question has resolved: all {len(known):,} have no outcome yet; there is nothing to score")
    raise InputError(
        f"none of the {resolved:,} resolved questions has a forecast before it is priced; look at the times, or give "
        "another at="
    )


def scored(
    known: Questions,
    source: Source,
    chosen: Chosen,
    when: Events,
    settings: dict[str, Any],
    *,
    seed: int,
    resamples: int,
    progress: bool,
) -> Scores:
    """Plays the methods over a source, and measures them."""
    with Shown(wanted=progress) as bar:
        bar.stage("markets", source.steps)
        try:
            played = play(
                source,
                chosen.markets,
                settings["lock"],
                when,
                check=lambda part, mean: _refuse_impossible(known, part, mean),
                step=lambda done: bar.step(done, ""),
            )
        except ImpossibleOutcomeError as error:
            raise _with_its_question(error, known, source.questions) from error
    prices = prices_of(chosen.names, played, source.questions, when, settings["order"])
    made = Measured(known, source.questions, prices, seed, resamples)
    asked = chosen.markets[0].name
    unfunded = {market.method.name: int(np.sum(market.staked == 0)) for market in played.markets}
    resolved = known.silent + int(np.sum(known.happened >= 0))
    settings |= {"lock": _lock_told(settings["lock"], played.markets[0])}
    settings |= {"assumed": int(np.sum(~known.dated[source.questions.question[when.resolved]]))}
    more = {"left_out": resolved - len(when.resolved), "methods": chosen.told, "seed": seed, "resamples": resamples}
    return Scores(
        questions=made.questions(),
        prices=made.prices(),
        methods=made.methods(unfunded),
        calibration=made.calibration(),
        forecasters=forecasters(known, played),
        wealth=wealth(known, played),
        asked=asked,
        settings={"clearing": asked, **settings, **more},
    )


def share_of(asked: Any, order: str) -> float | None:
    """What a question locks; None for a share that follows how busy forecasters are."""
    if asked is None:
        return 1.0 if order == "resolve" else None
    return lock_of(asked)


def _lock_told(asked: float | None, market: Market) -> float | str:
    """A lock that follows how busy forecasters are in words."""
    if asked is not None:
        return asked
    first, last = market.locks[0][0], market.locks[-1][-1]
    return f"running: {first:.4g} at first, {last:.4g} in the end"


def _refuse_impossible(known: Questions, part: Panel, mean: Floats) -> None:
    """Nobody may have ruled out what happened, or all would lose all that they staked."""
    loss = bits(mean, part.price_starts, part.happened)
    if np.isinf(loss).any():
        q = int(part.question[np.argmax(np.isinf(loss))])
        told = known.table.row(q, named=True)
        raise ImpossibleOutcomeError(
            f"question {told['question']!r} resolved as {told['outcome']!r}, to which every forecast in time gave 0; "
            "give a floor above 0"
        )


def _with_its_question(error: ImpossibleOutcomeError, known: Questions, questions: Panel) -> ImpossibleOutcomeError:
    """What a market says of a round, which is a question in the order of their pricing."""
    found = re.search(r"round (\d+)", str(error))
    if found is None or int(found[1]) >= len(questions):
        return error
    told = known.table.row(int(questions.question[int(found[1])]), named=True)
    return ImpossibleOutcomeError(
        f"question {told['question']!r} resolved as {told['outcome']!r}, to which nobody who had money left gave any "
        "probability; give a floor above 0"
    )
