"""What happens when: which prices come before which resolutions."""

from dataclasses import dataclass

import numpy as np

from gruemarket.forecasts.clock import NEVER
from gruemarket.forecasts.questions import Floats, Ints, Panel


@dataclass(frozen=True)
class Events:
    """Resolutions among the prices of questions, which are numbered in the order of their pricing.

    Args:
        resolved: (R,) questions in the order in which they resolve.
        happened: (R,) their outcomes.
        after: (R,) how many questions have been priced by then; at the same time, prices come first.
        known: (Q,) how many resolutions came before each question's price; of an open one, before now.
        now: how many questions had been priced, and how many resolved, when the open ones are priced.
    """

    resolved: Ints
    happened: Ints
    after: Ints
    known: Ints
    now: tuple[int, int]

    def due(self, first: int, last: int) -> slice:
        """The resolutions between the price of question `first` and that of question `last`."""
        begin, end = np.searchsorted(self.after, [first, last], side="right")
        return slice(int(begin), int(end))


def events(panel: Panel, order: str, now: float = NEVER) -> Events:
    """The resolutions of a panel's questions.

    Args:
        panel: questions in the order of their pricing.
        order: "close", or "resolve": one question after another, each resolved before the next is priced.
        now: when open questions are priced; what comes at that time or later they do not know.
    """
    closed = np.flatnonzero(panel.happened >= 0)
    resolved = closed[np.argsort(panel.resolves[closed], kind="stable")]
    times = panel.resolves[resolved]
    if order == "resolve":
        after, known = resolved + 1, np.minimum(np.arange(len(panel)), len(closed))
    else:
        after = np.searchsorted(panel.priced, times, side="right")
        known = np.searchsorted(times, panel.priced, side="left")
    by_now = int(np.searchsorted(times, now, side="left"))
    booked = int(np.searchsorted(panel.priced, now, side="left"))
    known = np.where(panel.happened >= 0, known, by_now)
    return Events(resolved, panel.happened[resolved], after, known, (booked, by_now))


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
