"""What happens when: which prices come before which resolutions."""

from dataclasses import dataclass

import numpy as np

from gruemarket.forecasts.questions import Floats, Ints, Panel

BUSY = 0.9  # of all forecasts shall find free money


@dataclass(frozen=True)
class Events:
    """Resolutions among the prices of questions, which are numbered in the order of their pricing.

    Args:
        resolved: (R,) questions in the order in which they resolve.
        happened: (R,) their outcomes.
        after: (R,) how many questions have been priced by then; at the same time, prices come first.
        known: (Q,) how many resolutions came before each question's price.
    """

    resolved: Ints
    happened: Ints
    after: Ints
    known: Ints

    def due(self, first: int, last: int) -> slice:
        """The resolutions between the price of question `first` and that of question `last`."""
        begin, end = np.searchsorted(self.after, [first, last], side="right")
        return slice(int(begin), int(end))


def events(panel: Panel, order: str) -> Events:
    """The resolutions of a panel's questions.

    Args:
        panel: questions in the order of their pricing.
        order: "close", or "resolve": one question after another, each resolved before the next is priced.
    """
    closed = np.flatnonzero(panel.happened >= 0)
    if order == "resolve":
        return Events(closed, panel.happened[closed], closed + 1, np.minimum(np.arange(len(panel)), len(closed)))
    resolved = closed[np.argsort(panel.resolves[closed], kind="stable")]
    times = panel.resolves[resolved]
    return Events(
        resolved,
        panel.happened[resolved],
        np.searchsorted(panel.priced, times, side="right"),
        np.searchsorted(times, panel.priced, side="left"),
    )


def concurrency(panel: Panel, when: Events) -> Ints:
    """(E,) how many questions each entry's forecaster has open as it is priced, this one included."""
    questions = len(panel)
    small = len(panel.forecasters) and panel.forecasters.max() < 2**16  # which numpy sorts five times as fast
    order = np.argsort(panel.forecasters.astype(np.uint16) if small else panel.forecasters, kind="stable")
    whose, place = panel.forecasters[order], np.repeat(np.arange(questions), panel.sizes)[order]
    # one number line for all forecasters: a question resolves just before the price that first knows of it
    until = np.full(questions, questions)
    until[when.resolved] = when.after
    span = questions + 1
    closed = np.sort(whose * span + until[place])
    before = np.searchsorted(closed, whose * span + place, side="right")
    found = np.empty(len(whose), np.int64)
    found[order] = np.arange(1, len(whose) + 1) - before
    return found


def default_lock(panel: Panel, when: Events) -> float:
    """The largest share that nine in ten forecasts find free: 1 / questions that their forecasters have open then."""
    most = np.quantile(concurrency(panel, when), BUSY, method="inverted_cdf") if len(panel.forecasters) else 1
    return 1 / max(1.0, float(most))


def posterior(losses: Floats, when: Events) -> Floats:
    """(Q, A) what weight each alternative deserves as a question is priced, by Bayes' rule from equal weights.

    Args:
        losses: (Q, A) bits of each question and alternative; only those that were resolved before count.
        when: the events.
    """
    total = np.zeros((len(when.resolved) + 1, losses.shape[1]))
    np.cumsum(losses[when.resolved], axis=0, out=total[1:])
    weights = np.exp2(total.min(axis=1, keepdims=True) - total)
    found: Floats = (weights / weights.sum(axis=1, keepdims=True))[when.known]
    return found
