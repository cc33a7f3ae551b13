"""Trader markets: traders with a prior set by their description length bet on what comes next.

>>> import gruemarket as gm
>>> market = gm.Market([1, 1], names=["heads", "tails"], grue=gm.GrueTax(gm.schedules.inverse()))
>>> run = market.run([[0.9, 0.1]] * 4, [1, 1, 0, 0])
>>> run.total_loss_bits.__round__(3)
4.263
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gruemarket import analysis, corpora, forecasts, logic, processes, programs, reference, rewards, rundir, schedules
from gruemarket._core import build_info, set_threads, threads
from gruemarket.clearing import LMSR, Demand, Isoelastic, Kelly, LogPool
from gruemarket.context_trees import ContextTrees
from gruemarket.contract import check_family
from gruemarket.corpora import Corpus
from gruemarket.curriculum import Callback, Curriculum
from gruemarket.errors import (
    CheckpointError,
    ImpossibleOutcomeError,
    InputError,
    MarketError,
    MissingExtraError,
    NotClearedError,
    ShapeError,
)
from gruemarket.families import Family
from gruemarket.grue import GrueTax
from gruemarket.history import History
from gruemarket.inductor import Inductor
from gruemarket.market import Market, Transfer
from gruemarket.processes import Processes
from gruemarket.programs import Programs
from gruemarket.reinforce import Reinforce
from gruemarket.run import Run, Span
from gruemarket.samples import Rehearsal, Sample
from gruemarket.schedules import Schedule
from gruemarket.sparse import SparseRounds
from gruemarket.stages import FineTune, Pretrain
from gruemarket.state_machines import StateMachines
from gruemarket.table import Table
from gruemarket.text import Text

if TYPE_CHECKING:
    from gruemarket import report
    from gruemarket import sklearn as sklearn  # not in __all__: it needs an extra

__version__: str = build_info()["version"]
__all__ = [
    "LMSR",
    "Callback",
    "CheckpointError",
    "ContextTrees",
    "Corpus",
    "Curriculum",
    "Demand",
    "Family",
    "FineTune",
    "GrueTax",
    "History",
    "ImpossibleOutcomeError",
    "Inductor",
    "InputError",
    "Isoelastic",
    "Kelly",
    "LogPool",
    "Market",
    "MarketError",
    "MissingExtraError",
    "NotClearedError",
    "Pretrain",
    "Processes",
    "Programs",
    "Rehearsal",
    "Reinforce",
    "Run",
    "Sample",
    "Schedule",
    "ShapeError",
    "Span",
    "SparseRounds",
    "StateMachines",
    "Table",
    "Text",
    "Transfer",
    "analysis",
    "build_info",
    "check_family",
    "corpora",
    "forecasts",
    "logic",
    "processes",
    "programs",
    "reference",
    "report",
    "rewards",
    "rundir",
    "schedules",
    "set_threads",
    "threads",
]

if build_info()["profile"] != "release":
    warnings.warn("gruemarket was built without optimisation; its speed means nothing", stacklevel=2)


def __getattr__(name: str) -> Any:
    if name in ("report", "sklearn"):  # what these need takes as long to import as all the rest, or is not there
        return import_module(f"gruemarket.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
