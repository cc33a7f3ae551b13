"""Logical induction: prices for sentences before they are proved (Garrabrant et al. 2016, arXiv 1609.03543).

>>> import gruemarket as gm
>>> rain = gm.logic.price("rain")
>>> gm.logic.MarketMaker(tolerance=2**-20)({"rain": 1 - 3 * rain}).prices
{'rain': Fraction(1, 3)}
"""

from gruemarket._core import Sentence
from gruemarket.logic.features import (
    Feature,
    clip,
    constant,
    maximum,
    minimum,
    price,
    safe_reciprocal,
)
from gruemarket.logic.maker import Cleared, MarketMaker
from gruemarket.logic.processes import Digits, Process, Revealed, begin, revelations
from gruemarket.logic.sentences import FALSE, TRUE, Atom, one, parse
from gruemarket.logic.theory import Theory
from gruemarket.logic.worlds import Worlds, Worth

__all__ = [
    "FALSE",
    "TRUE",
    "Atom",
    "Cleared",
    "Digits",
    "Feature",
    "MarketMaker",
    "Process",
    "Revealed",
    "Sentence",
    "Theory",
    "Worlds",
    "Worth",
    "begin",
    "clip",
    "constant",
    "maximum",
    "minimum",
    "one",
    "parse",
    "price",
    "revelations",
    "safe_reciprocal",
]
