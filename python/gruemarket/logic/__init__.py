"""Logical induction: prices for sentences before they are proved (Garrabrant et al. 2016, arXiv 1609.03543).

>>> import gruemarket as gm
>>> rain = gm.logic.price("rain")
>>> gm.logic.MarketMaker(tolerance=2**-20)({"rain": 1 - 3 * rain}).prices
{'rain': Fraction(1, 3)}
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gruemarket._core import Sentence
from gruemarket.logic.days import halving, inverse_square
from gruemarket.logic.enumeration import Strategies
from gruemarket.logic.features import (
    Feature,
    clip,
    constant,
    maximum,
    minimum,
    price,
    safe_reciprocal,
)
from gruemarket.logic.inductor import LogicalInductor
from gruemarket.logic.maker import Cleared, MarketMaker
from gruemarket.logic.processes import Digits, Process, Revealed, begin, revelations
from gruemarket.logic.sentences import FALSE, TRUE, Atom, one, parse
from gruemarket.logic.theory import Theory
from gruemarket.logic.tokens import Kelly, Tokens
from gruemarket.logic.traders import Arbitrage, Belief, Conjunction, Daily, Implication, Momentum
from gruemarket.logic.worlds import Worlds, Worth

if TYPE_CHECKING:
    from gruemarket.logic import charts

__all__ = [
    "FALSE",
    "TRUE",
    "Arbitrage",
    "Atom",
    "Belief",
    "Cleared",
    "Conjunction",
    "Daily",
    "Digits",
    "Feature",
    "Implication",
    "Kelly",
    "LogicalInductor",
    "MarketMaker",
    "Momentum",
    "Process",
    "Revealed",
    "Sentence",
    "Strategies",
    "Theory",
    "Tokens",
    "Worlds",
    "Worth",
    "begin",
    "charts",
    "clip",
    "constant",
    "halving",
    "inverse_square",
    "maximum",
    "minimum",
    "one",
    "parse",
    "price",
    "revelations",
    "safe_reciprocal",
]


def __getattr__(name: str) -> Any:
    if name == "charts":  # what it needs takes long to import
        return import_module("gruemarket.logic.charts")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
