"""Settings that are numbers: checked before anything is read, whatever they are given as."""

from numbers import Integral, Real
from typing import Any

from gruemarket.errors import InputError

LEAST_RESAMPLES = 40  # fewer have no 2.5 % quantile


def is_number(given: Any) -> bool:
    """Whether it is one: not text, nor a truth value."""
    return isinstance(given, Real) and not isinstance(given, bool)


def is_whole(given: Any) -> bool:
    """Whether it is a whole number by its type: 40, not 40.0."""
    return isinstance(given, Integral) and not isinstance(given, bool)


def tolerance_of(asked: Any) -> float:
    """How far from 1 a forecast's sum may be.

    Raises:
        InputError: it is nothing of the kind.
    """
    if not (is_number(asked) and 0 <= asked < 1):
        raise InputError(f"tolerance {asked!r}; give how far from 1 a forecast's sum may be, such as 1e-06")
    return float(asked)


def lock_of(asked: Any) -> float:
    """A share of wealth.

    Raises:
        InputError: it is none.
    """
    if not (is_number(asked) and 0 < asked <= 1):
        raise InputError(f"lock {asked!r}; give a share of wealth above 0 and at most 1")
    return float(asked)


def check_resampling(seed: Any, resamples: Any) -> None:
    """Raises InputError unless intervals can be had from so many resamples of such a seed."""
    if not (is_whole(resamples) and resamples >= LEAST_RESAMPLES):
        raise InputError(
            f"{resamples!r} resamples; give a whole number, {LEAST_RESAMPLES} or more, or there is no 2.5 % quantile"
        )
    if not (is_whole(seed) and seed >= 0):
        raise InputError(f"seed {seed!r}; give a whole number, 0 or more")
