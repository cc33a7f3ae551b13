"""A process that proves: what propositional axioms say about listed sentences, each on its day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gruemarket._core import DeductiveProcess, Sentence
from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.logic.processes import NEVER, Delay
from gruemarket.logic.sentences import SentenceLike, as_sentences


@dataclass(frozen=True)
class Theory:
    """Reveals sentences that axioms prove and the negations of those that they refute.

    The axioms stay in the background, for once they were revealed every consequence of theirs would be settled at once,
    and there would be no proofs to wait for. Whether a listed sentence follows is decided exactly, on the day itself.

    Attributes:
        axioms: what the theory takes for granted.
        sentences: what it is asked: the n-th is settled on day f(n). One that the axioms leave open is never settled.
        delay: f, with f(n) >= 1; or a number of days, for f(n) = n + days.
        axioms_day: on which day the axioms themselves are revealed; None for never.

    >>> import gruemarket as gm
    >>> theory = Theory(["a -> b", "b -> c", "a"], ["c", "b & ~c", "d"], delay=1)
    >>> gm.logic.revelations(theory, days=4).rows()
    [(2, 'c'), (3, '~(b & ~c)')]
    """

    axioms: Sequence[SentenceLike]
    sentences: Sequence[SentenceLike] = ()
    delay: Delay = 0
    axioms_day: int | None = None

    def __iter__(self) -> Iterator[list[Sentence]]:
        """What is revealed on each day, without end."""
        return self.begin()

    def begin(self) -> DeductiveProcess:
        """The process before day 1.

        Raises:
            InputError: the axioms contradict each other, a day below 1, or something that is no sentence.
        """
        axioms_day = None if self.axioms_day is None else min(whole(self.axioms_day, "axioms_day", least=1), NEVER)
        asked = as_sentences(self.sentences)
        days = [_day(self.delay, n) for n in range(1, len(asked) + 1)]
        return DeductiveProcess.theory(as_sentences(self.axioms), asked, days, axioms_day)


def _day(delay: Delay, n: int) -> int:
    if not callable(delay):
        whole(delay, "delay")
    day: Any = delay(n) if callable(delay) else n + delay
    if isinstance(day, bool) or not isinstance(day, int) or day < 1:
        raise InputError(f"sentence {n} would be settled on day {day!r}; give a delay f with whole f(n) >= 1")
    return min(day, NEVER)
