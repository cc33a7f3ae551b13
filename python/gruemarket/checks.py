"""Numbers that users give."""

import math
from numbers import Rational, Real
from typing import Any

import numpy as np

from gruemarket.errors import InputError

LONG = 4096
"""Bits of numbers that are not written out; Python itself refuses some more."""


def shown(given: Any) -> str:
    """What was given, as text; of a long number only how long it is.

    >>> from fractions import Fraction
    >>> shown(Fraction(-1, 3)), shown(3**10000), shown("3")
    ('-1/3', '(a number of 15850 bits)', "'3'")
    """
    if isinstance(given, Rational):
        bits = int(given.numerator).bit_length() + int(given.denominator).bit_length() - 1
        return str(given) if bits <= LONG else f"(a number of {bits} bits)"
    return repr(given)


def whole(given: Any, what: str, least: int | None = None, most: int | None = None) -> int:
    """A whole number in a range.

    Raises:
        InputError: it is none, or out of range.

    >>> whole(3, "depth", 0, 7)
    3
    """
    fits = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if fits and (least is None or given >= least) and (most is None or given <= most):
        return int(given)
    bounds = "" if least is None else f", {least} or more" if most is None else f", from {least} to {most}"
    raise InputError(f"{what} {shown(given)}; give a whole number{bounds}")


def number(given: Any, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number in a range, its ends included.

    Raises:
        InputError: it is none, or out of range.

    >>> number(1, "bits", 0)
    1.0
    """
    value = _finite(given)
    if value is not None and low <= value <= high:
        return value
    bounds = "" if low == -math.inf else f", {low:g} or more" if high == math.inf else f", from {low:g} to {high:g}"
    raise InputError(f"{what} {shown(given)}; give a finite number{bounds}")


def between(given: Any, what: str, low: float, high: float) -> float:
    """A number strictly between two others.

    Raises:
        InputError: it is none, or not between them.

    >>> between(0.5, "heads", 0, 1)
    0.5
    """
    value = _finite(given)
    if value is not None and low < value < high:
        return value
    raise InputError(f"{what} {shown(given)}; give a number strictly between {low:g} and {high:g}")


def _finite(given: Any) -> float | None:
    if isinstance(given, bool) or not isinstance(given, Real):
        return None
    try:
        value = float(given)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
