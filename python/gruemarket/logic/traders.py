"""Traders of a logical inductor: what they buy, as features of prices, and in which order they come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol, TypeAlias

from gruemarket.checks import shown
from gruemarket.errors import InputError
from gruemarket.logic.features import Feature, Number, clip, constant, price
from gruemarket.logic.numbers import exact, unit

SentenceLike: TypeAlias = Any
"""A sentence, its text, or a `Daily`."""
Strategy: TypeAlias = Mapping[SentenceLike, Feature | Number]
"""How many shares of each sentence are bought, as a feature of prices or a number; negative ones are sold."""


class Seen(Protocol):
    """What a trader can see on a day, before that day's prices are made."""

    @property
    def day(self) -> int:
        """Today, from 1 on."""

    @property
    def memory(self) -> dict[str, Any]:
        """What the trader wants to remember: copied with the inductor, where attributes of its own would be shared."""

    def price(self, sentence: SentenceLike, day: int) -> Fraction:
        """The price of a sentence on an earlier day; 0 where nobody traded it."""

    def truth(self, sentence: SentenceLike) -> bool | None:
        """Its truth value, if what has been revealed decides it."""


Trader: TypeAlias = Any
"""A strategy, which is then the same each day; or a function of `Seen` that is asked once a day and gives the day's, or
None to buy nothing; or an object whose attribute `strategy` is either."""


@dataclass(frozen=True)
class Daily:
    """A sentence that is another one each day. Strategies with it need not be written anew.

    Args:
        sentence: a text with `{day}` in it, or a function of the day that gives the sentence.

    Raises:
        InputError: neither of them.

    >>> import gruemarket as gm
    >>> Daily("pi[{day}]=7").on(12)
    'pi[12]=7'
    """

    sentence: str | Callable[[int], Any]

    def __post_init__(self) -> None:
        if isinstance(self.sentence, str) and "{day}" not in self.sentence:
            raise InputError(
                f"the daily sentence {self.sentence!r} has no {{day}} in it: it would be the same each day"
            )
        if not isinstance(self.sentence, str) and not callable(self.sentence):
            raise InputError(
                f"a daily sentence of {self.sentence!r}; give a text with {{day}}, or a function of the day"
            )

    def on(self, day: int) -> Any:
        """The sentence of that day."""
        return self.sentence.replace("{day}", str(day)) if isinstance(self.sentence, str) else self.sentence(day)

    def __str__(self) -> str:
        return self.sentence if isinstance(self.sentence, str) else "<today's sentence>"


def _positive(given: Any, what: str) -> Fraction:
    value = exact(given, what)
    if value <= 0:
        raise InputError(f"{what} {shown(value)}; it is above 0")
    return value


@dataclass(frozen=True)
class Belief:
    """Buys below its belief and sells above it: `clip(slope (probability - price), -most, most)` shares a day.

    Args:
        sentence: what it is about.
        probability: its belief, in [0, 1].
        slope: shares per unit of price, > 0.
        most: shares a day, at most, > 0: what it stakes.

    Raises:
        InputError: a number is out of range.

    >>> import gruemarket as gm
    >>> print(gm.logic.Belief("rain", 0.25, slope=4).strategy["rain"])
    min(max(4 * (1/4 - price(rain)), -1), 1)
    """

    sentence: SentenceLike
    probability: Number
    slope: Number = 10
    most: Number = 1
    strategy: Strategy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        belief = unit(self.probability, "the probability")
        slope, most = _positive(self.slope, "the slope"), _positive(self.most, "the most shares a day")
        shares = clip(slope * (belief - price(self.sentence)), -most, most)
        object.__setattr__(self, "strategy", {self.sentence: shares})


@dataclass(frozen=True)
class Momentum:
    """Buys what rose yesterday and sells what fell: `clip(slope (p[-1] - p[-2]), -most, most)` shares a day.

    Args:
        sentence: what it trades.
        slope: shares per unit of price, > 0.
        most: shares a day, at most, > 0.

    Raises:
        InputError: a number is out of range.

    >>> import gruemarket as gm
    >>> print(gm.logic.Momentum("rain").strategy["rain"])
    min(max(10 * (price(rain, -1 day) - price(rain, -2 days)), -1), 1)
    """

    sentence: SentenceLike
    slope: Number = 10
    most: Number = 1
    strategy: Strategy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        slope, most = _positive(self.slope, "the slope"), _positive(self.most, "the most shares a day")
        rise = price(self.sentence, day_offset=-1) - price(self.sentence, day_offset=-2)
        object.__setattr__(self, "strategy", {self.sentence: clip(slope * rise, -most, most)})


@dataclass(frozen=True)
class Arbitrage:
    """Of sentences of which exactly one is true: buys all alike while their prices sum to less than 1, sells above.

    Args:
        sentences: exclusive and exhaustive, two or more. Nothing checks that they are.
        slope: shares of each per unit of the sum, > 0.
        most: shares of each a day, at most, > 0.

    Raises:
        InputError: too few sentences, or a number is out of range.

    >>> import gruemarket as gm
    >>> print(gm.logic.Arbitrage(["heads", "tails"]).strategy["tails"])
    min(max(10 * (1 - (price(heads) + price(tails))), -1), 1)
    """

    sentences: Sequence[SentenceLike]
    slope: Number = 10
    most: Number = 1
    strategy: Strategy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given: Any = self.sentences
        if isinstance(given, str) or not isinstance(given, Sequence) or len(given) < 2:
            raise InputError(f"arbitrage of {given!r}; give a list of two sentences or more")
        slope, most = _positive(self.slope, "the slope"), _positive(self.most, "the most shares a day")
        total = price(self.sentences[0])
        for sentence in self.sentences[1:]:
            total = total + price(sentence)
        shares = clip(slope * (1 - total), -most, most)
        object.__setattr__(self, "strategy", dict.fromkeys(self.sentences, shares))
        if len(self.strategy) < len(self.sentences):
            raise InputError(f"arbitrage of {given!r}; give each sentence once")


@dataclass(frozen=True)
class Implication:
    """Where one sentence implies another: while the first costs more, sells it and buys the second.

    Args:
        premise: the sentence that implies.
        conclusion: what it implies. Nothing checks that it does.
        slope: shares per unit of price, > 0.
        most: shares a day, at most, > 0.

    Raises:
        InputError: a number is out of range.

    >>> import gruemarket as gm
    >>> print(gm.logic.Implication("dogs", "animals").strategy["animals"])
    min(max(10 * (price(dogs) - price(animals)), 0), 1)
    """

    premise: SentenceLike
    conclusion: SentenceLike
    slope: Number = 10
    most: Number = 1
    strategy: Strategy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        slope, most = _positive(self.slope, "the slope"), _positive(self.most, "the most shares a day")
        shares = clip(slope * (price(self.premise) - price(self.conclusion)), 0, most)
        object.__setattr__(self, "strategy", {self.premise: -shares, self.conclusion: shares})


@dataclass(frozen=True)
class Conjunction:
    """Keeps the price of a conjunction within those of its parts (Fréchet 1935).

    Sells it where it costs more than one of its parts and buys that part; buys it where it costs less than their sum
    less 1 and sells both parts.

    Args:
        first: a sentence.
        second: another.
        both: their conjunction. Nothing checks that it is.
        slope: shares per unit of price, > 0.
        most: shares a day and bound, at most, > 0.

    Raises:
        InputError: a number is out of range.

    >>> import gruemarket as gm
    >>> trade = gm.logic.Conjunction("a", "b", "a & b").strategy
    >>> [int(shares({"a": 1, "b": 0, "a & b": 1})) for shares in trade.values()]
    [0, 1, -1]
    """

    first: SentenceLike
    second: SentenceLike
    both: SentenceLike
    slope: Number = 10
    most: Number = 1
    strategy: Strategy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        slope, most = _positive(self.slope, "the slope"), _positive(self.most, "the most shares a day")
        a, b, both = price(self.first), price(self.second), price(self.both)
        over_a, over_b, under = (clip(slope * gap, 0, most) for gap in (both - a, both - b, a + b - 1 - both))
        bought = {self.first: over_a - under, self.second: over_b - under, self.both: under - over_a - over_b}
        object.__setattr__(self, "strategy", bought)


def shares_of(strategy: Strategy) -> dict[SentenceLike, Feature]:
    """A strategy with its numbers as features."""
    return {s: bought if isinstance(bought, Feature) else constant(bought) for s, bought in strategy.items()}
