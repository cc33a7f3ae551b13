"""Deductive processes: what is revealed day by day.

A process is any of: `Revealed`, `Theory`, `Digits`; a dict from days to lists of sentences, or a list of such lists,
day 1 first; a generator function that yields a list of sentences for each day. The generator is sent the exact prices
of the day that it yielded last, as a dict from sentences to Fractions, so a process may answer to prices.

>>> import gruemarket as gm
>>> def contrary():
...     says = gm.logic.Atom("the price of this sentence is below a half")
...     prices = yield []
...     yield [says if prices[says] < 1 / 2 else ~says]
>>> process = gm.logic.begin(contrary)
>>> process.next()
[]
>>> process.cleared([gm.logic.Atom("the price of this sentence is below a half")], [Fraction(1, 3)])
>>> process.next()
[<"the price of this sentence is below a half">]
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeAlias, runtime_checkable

import polars as pl

from gruemarket._core import DeductiveProcess, Sentence
from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.logic.sentences import SentenceLike, as_sentences

Days: TypeAlias = Mapping[int, Iterable[SentenceLike]] | Sequence[Iterable[SentenceLike]]
"""Sentences by day, counted from 1: a dict, or a list that begins with day 1."""
Delay: TypeAlias = int | Callable[[int], int]
"""f(n), the day of the n-th announcement, both counted from 1; or a number of days, for f(n) = n + days."""
Steps: TypeAlias = Generator[Iterable[SentenceLike], dict[Sentence, Fraction], None]
"""Yields the sentences of each day, is sent its prices."""


NEVER = 2**62
"""A day that does not come; later ones count as this one."""


@runtime_checkable
class Process(Protocol):
    """What can be begun any number of times: each inductor begins its own."""

    def begin(self) -> DeductiveProcess:
        """The process before day 1."""
        ...


@dataclass(frozen=True)
class Revealed:
    """Given sentences on given days, nothing on others.

    Attributes:
        days: a dict from days to lists of sentences, or a list of such lists that begins with day 1.

    >>> import gruemarket as gm
    >>> gm.logic.revelations(Revealed({2: ["rain -> wet", "rain"]}), days=3)["sentence"].to_list()
    ['rain -> wet', 'rain']
    """

    days: Days

    def __iter__(self) -> Iterator[list[Sentence]]:
        """What is revealed on each day, without end."""
        return self.begin()

    def begin(self) -> DeductiveProcess:
        """The process before day 1.

        Raises:
            InputError: a day below 1, or something that is no sentence.
        """
        if isinstance(self.days, str) or not isinstance(self.days, Mapping | Sequence):
            raise InputError(f"days {self.days!r}; give a dict from days to lists of sentences, or a list of lists")
        given = self.days if isinstance(self.days, Mapping) else dict(enumerate(self.days, start=1))
        return DeductiveProcess.revealed({_day(day): as_sentences(sentences) for day, sentences in given.items()})


@dataclass(frozen=True)
class Digits:
    """Whether the n-th decimal of a number is a certain digit, announced on day f(n).

    The atom for it is named `pi[n]=7`; the first decimal of pi, 1, is `pi[1]=1`. Decimals come from integer arithmetic,
    and as many as are needed are computed: a hundred thousand take well below a second in all.

    Attributes:
        number: "pi", "e", or a root such as "sqrt2".
        digit: 0 to 9.
        delay: f, with f(n) >= n; or a number of days, for f(n) = n + days.

    >>> import gruemarket as gm
    >>> gm.logic.revelations(Digits("pi", digit=1, delay=2), days=5)["sentence"].to_list()
    ['pi[1]=1', '~pi[2]=1', 'pi[3]=1']
    """

    number: str = "pi"
    digit: int = 7
    delay: Delay = 1

    def __iter__(self) -> Iterator[list[Sentence]]:
        """What is revealed on each day, without end."""
        return self.begin()

    def begin(self) -> DeductiveProcess:
        """The process before day 1.

        Raises:
            InputError: an unknown number, no digit, a delay below 0. An f(n) below n is found on day n.
        """
        digit: Any = self.digit
        if isinstance(digit, bool) or not isinstance(digit, int) or not 0 <= digit <= 9:
            raise InputError(f"digit {digit!r}; a decimal is one of 0 to 9")
        if not isinstance(self.number, str):
            raise InputError(f'the decimals of {self.number!r}; give "pi", "e", or a root such as "sqrt2"')
        return DeductiveProcess.digits(self.number, self.digit, _delay(self.delay))


def begin(process: Any) -> DeductiveProcess:
    """Begins a process.

    Args:
        process: one of the kinds above.

    Returns:
        It stands before day 1: `next()` gives the sentences of the next day, `cleared(sentences, prices)` tells it the
        prices of that day. A dict, a list or an object with `begin()` can be begun again and again, a generator once.

    Raises:
        InputError: it is none of these, or holds something that is no sentence.

    >>> begin([["a"], ["a -> b", "c"]]).next()
    [<a>]
    """
    if isinstance(process, DeductiveProcess):
        return process
    if isinstance(process, Process):
        return process.begin()
    if isinstance(process, Mapping | list | tuple):
        return Revealed(process).begin()
    steps = process() if callable(process) else process
    if not isinstance(steps, Generator):
        allowed = (
            "give a dict from days to sentences, a list of lists, Revealed, Theory, Digits, or a generator function"
        )
        raise InputError(f"{process!r} is no deductive process; {allowed}")
    return DeductiveProcess.generated(steps)


def revelations(process: Any, days: int) -> pl.DataFrame:
    """What a process reveals on its first days, if it does not ask for prices.

    Args:
        process: as for `begin`.
        days: how many.

    Returns:
        `day`, `sentence` (its text).

    Raises:
        InputError: a number of days below 0, or what the process raises.

    >>> revelations([["a"], [], ["a -> b", "c"]], days=3).rows()
    [(1, 'a'), (3, 'a -> b'), (3, 'c')]
    """
    whole(days, "days", least=0)
    running = begin(process)
    rows = [(day, str(sentence)) for day in range(1, days + 1) for sentence in running.next()]
    return pl.DataFrame(rows, schema={"day": pl.Int64, "sentence": pl.String}, orient="row")


def _day(day: Any) -> int:
    if isinstance(day, bool) or not isinstance(day, int) or day < 1:
        raise InputError(f"day {day!r}; days are whole numbers and count from 1")
    return min(day, NEVER)


def _delay(delay: Any) -> Delay:
    if callable(delay):
        return lambda n: min(whole(delay(n), f"the day of number {n}", least=0), NEVER)
    if isinstance(delay, int) and not isinstance(delay, bool) and delay >= 0:
        return min(delay, NEVER)
    raise InputError(f"delay {delay!r}; give a number of days from 0 on, or a function f with f(n) >= n")
