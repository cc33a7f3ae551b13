"""Exact numbers at the border: ints, Fractions, Decimals and floats in, `fractions.Fraction` out."""

import math
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

from gruemarket.errors import InputError


LONG = 4096
"""Bits of numbers that are not written out; Python itself refuses some more."""


def shown(number: Any) -> str:
    """A number as text; of a long one only how long it is.

    >>> shown(Fraction(-1, 3)), shown(3**10000)
    ('-1/3', '(a number of 15850 bits)')
    """
    if isinstance(number, Rational):
        bits = int(number.numerator).bit_length() + int(number.denominator).bit_length() - 1
        return str(number) if bits <= LONG else f"(a number of {bits} bits)"
    return str(number)


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


def whole(given: Any, what: str, *, least: int | None = None, most: int | None = None) -> int:
    """A whole number within bounds.

    Raises:
        InputError: it is not one.
    """
    if isinstance(given, bool) or not isinstance(given, int):
        raise InputError(f"{what} {given!r} is not a whole number")
    if least is not None and given < least:
        raise InputError(f"{what} {shown(given)} is below {least}, the least allowed")
    if most is not None and given > most:
        raise InputError(f"{what} {shown(given)} is above {most}, the most allowed")
    return given
