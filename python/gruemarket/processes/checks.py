"""Whole numbers that users give."""

from typing import Any

import numpy as np

from gruemarket.errors import InputError


def whole(given: Any, what: str, least: int, most: int | None = None) -> int:
    """A whole number in a range.

    Raises:
        InputError: it is none, or out of range.

    >>> whole(3, "depth", 0, 7)
    3
    """
    is_whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not is_whole or given < least or (most is not None and given > most):
        bounds = f"{least} or more" if most is None else f"from {least} to {most}"
        raise InputError(f"{what} {given!r}; give a whole number, {bounds}")
    return int(given)
