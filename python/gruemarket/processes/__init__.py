"""Processes: laws of symbols whose true forecaster is known, to measure what a market has still to learn.

Named machines, given sequences, one law after another, and random machines; `gm.Processes` makes a family of them.

>>> import gruemarket as gm
>>> process = gm.processes.golden_mean()
>>> process.sample(12, seed=1).tolist()
[...]
>>> round(process.entropy_rate, 4), round(process.statistical_complexity, 4), round(process.excess_entropy, 4)
(0.6667, 0.9183, 0.2516)
"""

from gruemarket.processes.definitions import from_definition
from gruemarket.processes.generated import canonical, generated
from gruemarket.processes.hidden import HiddenMarkov
from gruemarket.processes.named import (
    alternating,
    biased_coin,
    constant,
    de_bruijn,
    even,
    fair_coin,
    golden_mean,
    mess3,
    periodic,
    rrxor,
    z1r,
)
from gruemarket.processes.process import Process, Processes
from gruemarket.processes.sequences import Recorded, Switch, ThueMorse, read

__all__ = [
    "HiddenMarkov",
    "Process",
    "Processes",
    "Recorded",
    "Switch",
    "ThueMorse",
    "alternating",
    "biased_coin",
    "canonical",
    "constant",
    "de_bruijn",
    "even",
    "fair_coin",
    "from_definition",
    "generated",
    "golden_mean",
    "hidden_grue",
    "mess3",
    "named",
    "periodic",
    "read",
    "rrxor",
    "z1r",
]


def hidden_grue(at: int = 500) -> Switch:
    """The golden mean for `at` symbols, then the even process."""
    return Switch(golden_mean(), even(), at, name="hidden grue")


def named() -> list[Process]:
    """The thirteen that have names: eleven machines, Thue-Morse and the hidden grue.

    >>> len(named())
    13
    """
    machines = [constant(), alternating(), periodic("00101"), golden_mean(), even(), mess3(), rrxor(), z1r()]
    return [*machines, de_bruijn(), biased_coin(), fair_coin(), ThueMorse(), hidden_grue()]
