"""All strategies of the language up to a size, each with its prior weight: the traders of a virgin inductor."""

import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.logic.features import Feature, constant, maximum, minimum, price, safe_reciprocal
from gruemarket.logic.numbers import exact
from gruemarket.logic.sentences import as_sentence
from gruemarket.logic.traders import Daily, SentenceLike, Strategy

OPERATORS = 5  # + * max min, and the safe reciprocal


MADE: dict[str, Callable[..., Feature]] = {
    "+": operator.add,
    "*": operator.mul,
    "max": maximum,
    "min": minimum,
    "recip": safe_reciprocal,
}


@dataclass(frozen=True)
class _Term:
    """A feature in a normal form; equal texts are equal features."""

    text: str
    feature: Feature
    size: int


@dataclass(frozen=True)
class Strategies:
    """Every strategy that buys a feature of at most so many parts of one of some sentences.

    A feature is drawn from its beginning on: with probability 1/2 a leaf (a price of today or before, or a constant,
    all alike), else one of `+`, `*`, `max`, `min` and the safe reciprocal, whose parts are drawn in the same way. The
    sentence is drawn evenly. What this draws with probability w has the weight w; features that are the same up to the
    order of parts and arithmetic on constants are one, and have the sum. So all weights sum to less than 1.

    It is iterated as pairs (strategy, weight), the heaviest first, and may be given as the traders of a
    `LogicalInductor`.

    Args:
        sentences: what is traded and whose prices are read; one or more.
        size: the most parts of a feature, >= 1. Their number grows fast: about 30 times with every 2 parts.
        lags: which prices are read: 0 for today's, 1 for yesterday's.
        constants: which numbers.

    Raises:
        InputError: no sentences, one of them twice, nothing to build of, or a number is out of range.

    >>> import gruemarket as gm
    >>> every = Strategies(["rain"], size=3)
    >>> len(every), float(sum(weight for _, weight in every)).__round__(3)
    (44, 0.653)
    >>> print(*[shares["rain"] for shares, _ in list(every)[:4]], sep=", ")
    1, -1, 1/2, price(rain)
    """

    sentences: Sequence[SentenceLike]
    size: int
    lags: Sequence[int] = (0, 1)
    constants: Sequence[object] = (-1, Fraction(1, 2), 1)

    def __post_init__(self) -> None:
        given: Any = self.sentences
        if isinstance(given, str) or not isinstance(given, Sequence) or not given:
            raise InputError(f"strategies for {given!r}; give a list of one sentence or more")
        spoken = [str(s) if isinstance(s, Daily) else str(as_sentence(s)) for s in self.sentences]
        if len(set(spoken)) < len(spoken):
            raise InputError(f"strategies for {self.sentences!r}; give each sentence once")
        if not self.lags and not self.constants:
            raise InputError("strategies of neither prices nor numbers; give lags or constants")
        whole(self.size, "size", least=1)
        for lag in self.lags:
            whole(lag, "a lag", least=0)

    def __len__(self) -> int:
        return len(self._weighted)

    def __iter__(self) -> Iterator[tuple[Strategy, Fraction]]:
        return iter(self._weighted)

    @cached_property
    def _weighted(self) -> list[tuple[Strategy, Fraction]]:
        total: dict[str, Fraction] = defaultdict(Fraction)
        terms: dict[str, _Term] = {}
        for masses in self._by_size(terms):
            for text, mass in masses.items():
                total[text] += mass
        del total[str(Fraction(0))]  # buys nothing
        order = sorted(total, key=lambda text: (-total[text], terms[text].size, text))
        share = Fraction(1, len(self.sentences))
        return [({s: terms[text].feature}, total[text] * share) for text in order for s in self.sentences]

    def _by_size(self, terms: dict[str, _Term]) -> list[dict[str, Fraction]]:
        """The mass of every feature drawn with exactly 1, 2, ... parts."""
        drawn: list[dict[str, Fraction]] = []
        for size in range(1, self.size + 1):
            masses: dict[str, Fraction] = defaultdict(Fraction)
            for term, mass in self._leaves() if size == 1 else self._joined(drawn, terms, size):
                terms.setdefault(term.text, term)
                masses[term.text] += mass
            drawn.append(masses)
        drawn[0].setdefault(str(Fraction(0)), Fraction(0))
        return drawn

    def _leaves(self) -> Iterator[tuple[_Term, Fraction]]:
        numbers = [exact(number, "a constant") for number in self.constants]
        leaves = [_Term(str(number), constant(number), 1) for number in numbers]
        for sentence, lag in product(self.sentences, self.lags):
            read = price(sentence, day_offset=-lag)
            leaves.append(_Term(str(read), read, 1))
        for leaf in leaves:
            yield leaf, Fraction(1, 2 * len(leaves))

    def _joined(
        self, drawn: list[dict[str, Fraction]], terms: dict[str, _Term], size: int
    ) -> Iterator[tuple[_Term, Fraction]]:
        each = Fraction(1, 2 * OPERATORS)
        for text, mass in drawn[size - 2].items():
            yield _joined("recip", [terms[text]]), each * mass
        for left in range(1, size - 1):
            pairs = product(drawn[left - 1].items(), drawn[size - 2 - left].items())
            for (a, mass_a), (b, mass_b) in pairs:
                for name in ("+", "*", "max", "min"):
                    yield _joined(name, [terms[a], terms[b]]), each * mass_a * mass_b


def _joined(name: str, parts: list[_Term]) -> _Term:
    """An operator's term in normal form: parts in order, constants worked out, what changes nothing left out."""
    parts = sorted(parts, key=lambda part: (part.feature.number is None, part.text))
    first, last = parts[0], parts[-1]
    number = first.feature.number
    if name in ("max", "min") and first.text == last.text:
        return first
    if (name == "+" and number == 0) or (name == "*" and number == 1):
        return last
    if name == "*" and number == 0:
        return first
    if all(part.feature.number is not None for part in parts):
        value = MADE[name](*(part.feature for part in parts))({})
        return _Term(str(value), constant(value), 1)
    text = f"{name}({', '.join(part.text for part in parts)})"
    return _Term(text, MADE[name](*(part.feature for part in parts)), 1 + sum(part.size for part in parts))
