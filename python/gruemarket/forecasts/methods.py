"""The markets that are scored: clearing rules with and without a tax, by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gruemarket import schedules
from gruemarket.clearing import Isoelastic, Kelly, LogPool
from gruemarket.errors import InputError
from gruemarket.forecasts.baselines import BASELINES, UNIFORM_MEAN
from gruemarket.forecasts.book import ForecastBook
from gruemarket.grue import GrueTax

RULES = (Kelly, Isoelastic, LogPool)
GRID = (
    Kelly(),
    Kelly(fraction=0.3),
    Kelly(fraction=0.1),
    Isoelastic(0.5),
    Isoelastic(2),
    Isoelastic(4),
    Isoelastic(16),
    LogPool(step=0.3),
    LogPool(step=1),
)
TAX = GrueTax(schedules.inverse())
MARKET_OF_MARKETS = "market of markets"
WEIGHED = "grid, weighed by its past"
BEST = "best in hindsight"
HINDSIGHT = f"{BEST}: "
OF_GRID = (MARKET_OF_MARKETS, WEIGHED, BEST)  # what all markets of the grid are needed for


@dataclass(frozen=True)
class Method:
    """A market among those that are scored.

    Args:
        name: what tables call it.
        clearing: its rule.
        grue: its tax.
        grid: whether the market of markets chooses among it and others.
    """

    name: str
    clearing: Any
    grue: GrueTax | None
    grid: bool = True


def named(clearing: Any, grue: GrueTax | None = None) -> str:
    """What a market is called in tables. Rules that differ in anything have different names.

    >>> named(Kelly(fraction=0.3)), named(LogPool(), TAX)
    ('Kelly, fraction 0.3', 'log pool, step 0.3, taxed')
    >>> named(LogPool(step=1, floor=0.01)), named(Kelly(fraction=0.30000000004))
    ('log pool, step 1, floor 0.01', 'Kelly, fraction 0.30000000004')
    >>> named(Isoelastic(4, floor=0.01))
    'isoelastic, aversion 4, floor 0.01'
    """
    if isinstance(clearing, Kelly):
        name = "Kelly" if clearing.fraction == 1 else f"Kelly, fraction {_digits(clearing.fraction)}"
    else:
        floor = "" if clearing.floor == type(clearing).floor else f", floor {_digits(clearing.floor)}"
        if isinstance(clearing, LogPool):
            name = f"log pool, step {_digits(clearing.step)}{floor}"
        else:
            name = f"isoelastic, aversion {_digits(clearing.aversion)}{floor}"
    return name if grue is None else f"{name}, taxed"


def _digits(number: Any) -> str:
    """As few digits as tell a number from every other; whole ones without a point."""
    exact = float(number)
    return short if float(short := f"{exact:g}") == exact else repr(exact)


def checked(clearing: Any) -> Any:
    """A rule that can be scored.

    Raises:
        InputError: it is another one.
    """
    if not isinstance(clearing, RULES):
        names = ", ".join(rule.__name__ for rule in RULES)
        raise InputError(f"clearing {clearing!r} cannot be scored on forecasts; give {names}")
    if isinstance(clearing, Isoelastic) and np.ndim(clearing.aversion):
        raise InputError("forecasters have no order in which aversions could be given; give one number for all")
    return clearing


def markets(clearing: Any, grue: GrueTax | None, grid: Any = None) -> list[Method]:
    """The market that is asked for first, then the grid of rules, each without and with a tax.

    Args:
        clearing: the rule that is asked for.
        grue: its tax; the grid's too, else that is inverse.
        grid: rules to compare it with, and to choose among; None for those of `GRID`.

    Raises:
        InputError: a rule or a tax that forecasts cannot be scored with.
    """
    if grid is not None and not isinstance(grid, Iterable):
        raise InputError(f"grid {grid!r}; give several rules, such as [{grid!r}], or () for none")
    asked = Method(named(checked(clearing), grue), clearing, grue, grid=False)
    ForecastBook([0.0], clearing=clearing, grue=grue)  # which knows the taxes that a book can have
    found = {asked.name: asked}
    for rule in GRID if grid is None else grid:
        for tax in (None, TAX if grue is None else grue):
            one = Method(named(checked(rule), tax), rule, tax)
            found[one.name] = replace(found.get(one.name, one), grid=True)
    return list(found.values())


@dataclass(frozen=True)
class Chosen:
    """What is to be scored.

    Args:
        markets: those that must be played; the first is the one that is asked for.
        names: what tables show.
    """

    markets: list[Method]
    names: frozenset[str]

    @classmethod
    def of(cls, found: list[Method], wanted: Sequence[str] | None) -> "Chosen":
        """Methods by their names, and whatever they need; None for all.

        The market that is asked for, whose money is shown, and the uniform mean, which all are held against, are always
        among them.

        Raises:
            InputError: there is no method of such a name.
        """
        grid = any(method.grid for method in found)
        known = [*(method.name for method in found), *(OF_GRID if grid else ()), *BASELINES]
        if wanted is None:
            return cls(found, frozenset(known))
        if not isinstance(wanted, Iterable):
            raise InputError(f"methods {wanted!r}; give names, some of: {'; '.join(known)}")
        asked = (wanted,) if isinstance(wanted, str) else tuple(wanted)
        if strange := [name for name in asked if name not in known]:
            raise InputError(f"there is no method {strange[0]!r}; give some of: {'; '.join(known)}")
        names = frozenset((found[0].name, UNIFORM_MEAN, *asked))
        every = names.intersection(OF_GRID)
        played = [method for method in found if method.name in names or (every and method.grid)]
        return cls(played, names)

    @property
    def told(self) -> str:
        """The names in one line."""
        return "; ".join(sorted(self.names))
