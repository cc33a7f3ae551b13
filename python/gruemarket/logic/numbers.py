"""Exact numbers at the border: ints, Fractions, Decimals and floats in, `fractions.Fraction` out."""

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

from gruemarket.checks import shown
from gruemarket.errors import InputError


def told(number: Fraction) -> str:
    """An exact number of any length as text; `heard` reads it.

    >>> told(Fraction(-10, 3)), heard("-a/3")
    ('-a/3', Fraction(-10, 3))
    """
    return f"{number.numerator:x}/{number.denominator:x}"


def heard(text: str) -> Fraction:
    """What `told` wrote.

    Raises:
        ValueError: it is no such text.
    """
    numerator, denominator = text.split("/")
    return Fraction(int(numerator, 16), int(denominator, 16))


def exact(given: Any, what: str) -> Fraction:
    """The number itself; a float counts as exactly what it is, so 0.1 is a little more than 1/10.

    Raises:
        InputError: it is not a finite number.
    """
    if isinstance(given, Fraction):
        return given
    if isinstance(given, bool) or not isinstance(given, Rational | Real | Decimal):
        raise InputError(f"{what} {given!r} is not a number; give an int, a Fraction, a Decimal or a float")
    if isinstance(given, Rational):
        return Fraction(int(given.numerator), int(given.denominator))
    if not (given.is_finite() if isinstance(given, Decimal) else math.isfinite(given)):
        raise InputError(f"{what} {given!r} is not a finite number")
    return Fraction(given) if isinstance(given, Decimal) else Fraction(float(given))


def unit(given: Any, what: str) -> Fraction:
    """A number from 0 to 1.

    Raises:
        InputError: it is not one.
    """
    value = exact(given, what)
    if not 0 <= value <= 1:
        raise InputError(f"{what} {shown(given)} is not in [0, 1]; a share pays 1 if its sentence is true")
    return value


def mapping(given: Any, what: str) -> None:
    """Refuses what is no mapping.

    Raises:
        InputError: it is none.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"{what} {given!r}: give a mapping from sentences to numbers, such as {{'rain': 0.5}}")
