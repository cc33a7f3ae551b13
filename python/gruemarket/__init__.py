"""Trader markets: traders with a prior set by their description length bet on what comes next.

>>> import gruemarket as gm
>>> market = gm.Market([1, 1], names=["heads", "tails"], grue=gm.GrueTax(gm.schedules.inverse()))
>>> run = market.run([[0.9, 0.1]] * 4, [1, 1, 0, 0])
>>> run.total_loss_bits.__round__(3)
4.263
"""

import warnings

from gruemarket import reference, schedules
from gruemarket._core import build_info, set_threads, threads
from gruemarket.clearing import Kelly, LogPool
from gruemarket.errors import CheckpointError, ImpossibleOutcomeError, InputError, MarketError, ShapeError
from gruemarket.grue import GrueTax
from gruemarket.market import Market
from gruemarket.run import Run, Span
from gruemarket.schedules import Schedule
from gruemarket.sparse import SparseRounds
from gruemarket.text import Text

__version__: str = build_info()["version"]
__all__ = [
    "CheckpointError",
    "GrueTax",
    "ImpossibleOutcomeError",
    "InputError",
    "Kelly",
    "LogPool",
    "Market",
    "MarketError",
    "Run",
    "Schedule",
    "ShapeError",
    "Span",
    "SparseRounds",
    "Text",
    "build_info",
    "reference",
    "schedules",
    "set_threads",
    "threads",
]

if build_info()["profile"] != "release":
    warnings.warn("gruemarket was built without optimisation; its speed means nothing", stacklevel=2)
