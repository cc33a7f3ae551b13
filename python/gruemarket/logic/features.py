"""Expressible features: what a trader may make of prices.

A feature is built of prices and rational numbers by sums, products, the greater and the lesser of two, and
`1 / max(1, x)`, so that it is continuous in the prices of its own day (Garrabrant et al. 2016, arXiv 1609.03543,
definition 3.4.3). Python's operators build them; the engine works them out, exactly, in floats, or between sound
bounds. What is used twice is worked out once.

>>> import gruemarket as gm
>>> p = gm.logic.price("rain")
>>> belief = gm.logic.clip(10 * (0.75 - p), -1, 1)  # buys below 3/4, sells above, all out a tenth away
>>> belief
min(max(10 * (3/4 - price(rain)), -1), 1)
>>> belief({"rain": 0.5}), belief({"rain": 0.8125})
(Fraction(1, 1), Fraction(-5, 8))
"""

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.logic.nodes import KINDS, Leaf, Node
from gruemarket.logic.numbers import exact, mapping, unit
from gruemarket.logic.steps import Flat, Prices, compiled, flatten
from gruemarket.logic.text import written

Number: TypeAlias = Any
"""An int, a Fraction, a Decimal or a float, which counts as exactly what it is."""


class Feature(Node):
    """A feature; made by `price`, `constant` and what is done with these.

    `+ - *` take features and numbers, `/` divides by a number, `abs` is the greater of x and -x. Features are equal if
    they are the same object. Called with prices, a feature gives its exact value.
    """

    __slots__ = ()
    __array_ufunc__ = None  # numpy's numbers leave their operators to it

    def __init__(self) -> None:
        raise InputError(
            "a feature is not made by Feature(); use gm.logic.price(sentence) and gm.logic.constant(number)"
        )

    def __reduce__(self) -> tuple[Callable[..., "Feature"], tuple[Any, ...]]:
        return rebuilt, (flatten([self]),)

    def __add__(self, other: Any) -> "Feature":
        return _binary("sum", self, other)

    __radd__ = __add__

    def __neg__(self) -> "Feature":
        return _binary("product", constant(-1), self)

    def __sub__(self, other: Any) -> "Feature":
        return _binary("sum", self, -_feature(other))

    def __rsub__(self, other: Any) -> "Feature":
        return _binary("sum", other, -self)

    def __mul__(self, other: Any) -> "Feature":
        return _binary("product", self, other)

    def __rmul__(self, other: Any) -> "Feature":
        return _binary("product", other, self)

    def __truediv__(self, other: Any) -> "Feature":
        if isinstance(other, Feature) and other.number is None:
            raise InputError(
                f"a feature is divided by {other}: divide by a number, or multiply by safe_reciprocal(...)"
            )
        divisor = _feature(other).number
        if not divisor:
            raise InputError("a feature is divided by 0")
        return _binary("product", self, 1 / divisor)

    def __rtruediv__(self, other: Any) -> "Feature":
        raise InputError(f"{other} is divided by a feature: multiply by safe_reciprocal(x), which is 1 / max(1, x)")

    def __abs__(self) -> "Feature":
        return maximum(self, -self)

    def __bool__(self) -> bool:
        raise InputError("a feature is neither true nor false; compare its value at some prices: feature(prices) > 0")

    def __call__(self, prices: Prices, *, day: int = 1, past: Sequence[Prices] = ()) -> Fraction:
        """The exact value at prices.

        Args:
            prices: today's, in [0, 1].
            day: today, >= 1; it gives days that are counted from today their numbers.
            past: the prices of the days before, from day 1 on. Before day 1, and where nothing is said, they are 0.

        Raises:
            InputError: a price is not in [0, 1], or the feature reads a day after today.

        >>> import gruemarket as gm
        >>> rise = gm.logic.price("rain") - gm.logic.price("rain", day_offset=-1)
        >>> rise({"rain": 0.75}, day=2, past=[{"rain": 0.5}])
        Fraction(1, 4)
        """
        program, today = compiled([self], day=day, past=past)
        mapping(prices, "prices")
        return program.exact([unit(prices.get(s, 0), f"price of {s}") for s in today])[0]

    def bounds(self, *, day: int = 1, past: Sequence[Prices] = ()) -> tuple[float, float]:
        """Floats between which the value lies, whatever today's prices; they need not be the nearest such.

        >>> import gruemarket as gm
        >>> low, high = gm.logic.clip(10 * gm.logic.price("rain"), 0, 2).bounds()
        >>> (round(low, 9), round(high, 9))
        (0.0, 2.0)
        """
        program, _ = compiled([self], day=day, past=past)
        return program.bounds()[0]

    @property
    def leaves(self) -> list[Leaf]:
        """The prices that it reads."""
        return flatten([self]).leaves

    def __str__(self) -> str:
        return written(self)

    __repr__ = __str__


def price(sentence: Hashable, *, day_offset: int = 0, day: int | None = None) -> Feature:
    """What a sentence costs.

    Args:
        sentence: the sentence.
        day_offset: so many days from the day of the feature, 0 or below.
        day: on this day, from 1 on, instead.

    Raises:
        InputError: the day lies after the feature's, or is no day; or it is no sentence.

    >>> import gruemarket as gm
    >>> gm.logic.price("rain") - gm.logic.price("rain", day_offset=-1) + gm.logic.price("snow", day=3)
    price(rain) - price(rain, -1 day) + price(snow, day 3)
    """
    if not isinstance(sentence, Hashable):
        raise InputError(f"{sentence!r} is no sentence; give one, its text, or something else that dictionaries take")
    whole(day_offset, "day_offset", most=0)
    if day is not None and whole(day, "day", least=1) and day_offset:
        raise InputError(f"both day {day} and day_offset {day_offset} are given; give one of them")
    return _made("price", Leaf(sentence, day, day_offset))


def constant(number: Number) -> Feature:
    """The feature that is always this number.

    Raises:
        InputError: it is not a finite number.
    """
    return _made("number", exact(number, "the constant"))


def maximum(*features: Any) -> Feature:
    """The greatest of some features and numbers.

    Raises:
        InputError: there are none.
    """
    return _folded("max", features)


def minimum(*features: Any) -> Feature:
    """The least of some features and numbers.

    Raises:
        InputError: there are none.
    """
    return _folded("min", features)


def clip(feature: Any, low: Number, high: Number) -> Feature:
    """The feature, kept between two numbers or features.

    Raises:
        InputError: two numbers are the wrong way round.

    >>> import gruemarket as gm
    >>> gm.logic.clip(3 * gm.logic.price("rain"), 0, 1)({"rain": 0.5})
    Fraction(1, 1)
    """
    least, most = _feature(low), _feature(high)
    if least.number is not None and most.number is not None and least.number > most.number:
        raise InputError(f"clip from {least} to {most}: the first is greater; give the lower bound first")
    return minimum(maximum(feature, least), most)


def safe_reciprocal(feature: Any) -> Feature:
    """`1 / max(1, x)`.

    >>> import gruemarket as gm
    >>> gm.logic.safe_reciprocal(4 * gm.logic.price("rain"))({"rain": 0.75})
    Fraction(1, 3)
    """
    return _made("safe_reciprocal", _feature(feature))


# --- How they are made


def _made(kind: str, *parts: Any) -> Feature:
    made = object.__new__(Feature)
    object.__setattr__(made, "kind", kind)
    object.__setattr__(made, "parts", parts)
    return made


def _feature(given: Any) -> Feature:
    return given if isinstance(given, Feature) else constant(given)


def _binary(kind: str, a: Any, b: Any) -> Feature:
    a, b = _feature(a), _feature(b)
    if a.number is not None and b.number is not None:
        return constant(a.number + b.number if kind == "sum" else a.number * b.number)
    return _made(kind, a, b)


def _folded(kind: str, features: Sequence[Any]) -> Feature:
    if not features:
        raise InputError(f"the {kind}imum of no features; give one at least")
    found = _feature(features[0])
    for other in features[1:]:
        found = _made(kind, found, _feature(other))
    return found


def rebuilt(flat: Flat) -> Feature:
    """The first of the features that were written down."""
    steps, constants, roots = flat.steps
    made: list[Feature] = []
    for kind, a, b in steps:
        name = KINDS[kind]
        if name == "number":
            parts: tuple[Any, ...] = (constants[a],)
        elif name == "price":
            parts = (flat.leaves[a],)
        else:
            parts = (made[a],) if name == "safe_reciprocal" else (made[a], made[b])
        made.append(_made(name, *parts))
    return made[roots[0]]
