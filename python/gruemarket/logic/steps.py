"""Features written down step by step, as the engine reads them."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from gruemarket._core import FeatureProgram
from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.logic.nodes import KINDS, Leaf, Node
from gruemarket.logic.numbers import mapping, unit

Prices: TypeAlias = Mapping[Hashable, Any]
"""What sentences cost on a day, in [0, 1]; one that is not named costs 0, as one that nobody trades."""
Steps: TypeAlias = tuple[list[tuple[int, int, int]], list[Fraction], list[int]]
"""Steps (kind, a, b), constants, the places of the features.

A kind is a place in `KINDS`; a and b are the places of a constant, a leaf or earlier steps.
"""

PLACES = {kind: place for place, kind in enumerate(KINDS)}
PRICE = PLACES["price"]


@dataclass(frozen=True)
class Flat:
    """Features written down.

    Attributes:
        steps: for the engine.
        leaves: the prices that are read, by their places.
    """

    steps: Steps
    leaves: list[Leaf]


def flatten(features: Iterable[Node]) -> Flat:
    """Writes features down, each part once."""
    flat = Flat(([], [], []), [])
    steps, constants, roots = flat.steps
    places: dict[Node, int] = {}
    leaves: dict[Leaf, int] = {}
    for feature in features:
        waiting = [feature]
        while waiting:
            part = waiting[-1]
            if part in places:
                waiting.pop()
                continue
            kind, parts = part.kind, part.parts
            if kind == "number":
                a = b = len(constants)
                constants.append(parts[0])
            elif kind == "price":
                a = b = leaves.setdefault(parts[0], len(leaves))
            elif missing := [inner for inner in reversed(parts) if inner not in places]:
                waiting += missing
                continue
            else:
                a, b = places[parts[0]], places[parts[-1]]
            places[part] = len(steps)
            steps.append((PLACES[kind], a, b))
        roots.append(places[feature])
    flat.leaves.extend(leaves)
    return flat


def compiled(
    features: Sequence[Node],
    *,
    day: int = 1,
    past: Sequence[Prices] = (),
    traded: Sequence[Hashable] | None = None,
) -> tuple[FeatureProgram, list[Hashable]]:
    """Features for the engine, and the sentences whose prices it is to be given.

    Args:
        features: what is worked out.
        day: today.
        past: the prices of the days before, from day 1 on.
        traded: the sentences whose prices of today are asked; the others' are 0. None for all that are read.

    Raises:
        InputError: a feature reads a day after today.
    """
    whole(day, "day", least=1)
    flat = flatten(features)
    steps, constants, roots = flat.steps
    read = [leaf.sentence for leaf in flat.leaves if leaf.on(day) == day]
    today = list(dict.fromkeys(read)) if traded is None else list(traded)
    places = {sentence: at for at, sentence in enumerate(today)}
    known = {at: _known(leaf, day, past, places) for at, leaf in enumerate(flat.leaves)}

    def bound(at: int) -> tuple[int, int, int]:
        value = known[at]
        if value is None:
            return PRICE, places[flat.leaves[at].sentence], 0
        constants.append(value)
        return PLACES["number"], len(constants) - 1, 0

    found = [bound(step[1]) if step[0] == PRICE else step for step in steps]
    return FeatureProgram((found, constants, roots), len(today)), today


def _known(leaf: Leaf, day: int, past: Sequence[Prices], places: Mapping[Hashable, int]) -> Fraction | None:
    """What a leaf costs if that is known: None for one whose price is looked for."""
    on = leaf.on(day)
    if on > day:
        raise InputError(f"the price of {leaf.sentence} on day {on} is read on day {day}: it is not known yet")
    if on == day:
        return None if leaf.sentence in places else Fraction(0)
    if not 1 <= on <= len(past):
        return Fraction(0)
    mapping(past[on - 1], f"prices of day {on}")
    return unit(past[on - 1].get(leaf.sentence, 0), f"price of {leaf.sentence} on day {on}")
