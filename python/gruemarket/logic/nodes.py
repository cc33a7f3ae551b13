"""What features are made of: nodes that share parts."""

from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

KINDS = ("number", "price", "sum", "product", "max", "min", "safe_reciprocal")
"""The kinds of nodes; the engine knows them by their places."""


@dataclass(frozen=True)
class Leaf:
    """A price that a feature reads.

    Attributes:
        sentence: whose.
        day: of this day; None for one that is counted from the day of the feature.
        offset: days from the day of the feature, 0 or below; 0 where `day` is given.
    """

    sentence: Hashable
    day: int | None = None
    offset: int = 0

    def on(self, today: int) -> int:
        """Its day, for a feature that is asked on a day."""
        return self.day if self.day is not None else today + self.offset


class Node:
    """One of `KINDS`, and what it is made of: a Fraction, a Leaf, or one or two nodes. It does not change."""

    __slots__ = ("kind", "parts")

    kind: str
    parts: tuple[Any, ...]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a feature does not change: {name} = {value!r} is not possible")

    @property
    def number(self) -> Fraction | None:
        """The number that it is, if it is one."""
        value: Fraction | None = self.parts[0] if self.kind == "number" else None
        return value

    @property
    def inner(self) -> tuple["Node", ...]:
        """The nodes that it is made of."""
        return () if self.kind in ("number", "price") else self.parts
