"""Logical induction: prices for sentences before they are proved (Garrabrant et al. 2016, arXiv 1609.03543).

>>> import gruemarket as gm
>>> rain = gm.logic.price("rain")
>>> gm.logic.MarketMaker(tolerance=2**-20)({"rain": 1 - 3 * rain}).prices
{'rain': Fraction(1, 3)}
"""

from gruemarket.logic.features import (
    Feature,
    clip,
    constant,
    maximum,
    minimum,
    price,
    safe_reciprocal,
)
from gruemarket.logic.inductor import LogicalInductor, halving, inverse_square
from gruemarket.logic.maker import Cleared, MarketMaker
from gruemarket.logic.traders import Arbitrage, Belief, Conjunction, Daily, Implication, Momentum

__all__ = [
    "Arbitrage",
    "Belief",
    "Cleared",
    "Conjunction",
    "Daily",
    "Feature",
    "Implication",
    "LogicalInductor",
    "MarketMaker",
    "Momentum",
    "clip",
    "constant",
    "halving",
    "inverse_square",
    "maximum",
    "minimum",
    "price",
    "safe_reciprocal",
]
