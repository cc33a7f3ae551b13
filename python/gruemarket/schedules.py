"""Schedules of the Grue tax: which share of the money may change its definition before index t.

A prior pi on the index K at which a trader redefines itself costs `-log2 pi(K)` bits and has the hazard
`h_t = pi(t) / sum_{s >= t} pi(s)` (van Erven, Grünwald, de Rooij 2007, arXiv 0807.1005). No tax is levied at index 0.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gruemarket import _core
from gruemarket.arrays import vector
from gruemarket.errors import InputError

__all__ = ["Schedule", "code", "constant", "elias_delta", "elias_gamma", "elias_omega", "hazard", "inverse"]


@dataclass(frozen=True, eq=False)
class Schedule:
    """Hazards by index; made by the functions of this module."""

    kind: str
    values: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False)

    def __post_init__(self) -> None:
        self.hazards(0)

    def _key(self) -> tuple[str, bytes]:
        return self.kind, self.values.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def hazards(self, n: int) -> npt.NDArray[np.float64]:
        """The hazards `h_0, ..., h_(n-1)`, (n,); `h_0` is 0.

        Raises:
            InputError: a schedule given by an array is shorter than n.
        """
        return np.asarray(_core.hazards(self.kind, self.values.tolist(), 0, n))

    def hazard(self, t: int) -> float:
        """The hazard before index t, in [0, 1]."""
        if not 0 <= t < 2**63:
            raise InputError(f"index {t} is not one of 0..2^63 - 1")
        return _core.hazards(self.kind, self.values.tolist(), t, t + 1)[0]


def constant(rate: float) -> Schedule:
    """The same hazard at every index: Fixed Share (Herbster, Warmuth 1998).

    >>> constant(0.01).hazard(1000)
    0.01
    """
    return Schedule("constant", vector([rate], "rate"))


def inverse() -> Schedule:
    """`h_t = 1/(t+1)`, which is exactly the prior `1/(K(K+1))`: about 2 log2 K bits to name K.

    Half of these bits are paid for not having changed before K. They are due where a kernel's row sums to 1 over the
    others; only money that changes hands is taxed, so under a kernel of small weights a trader that waits pays next to
    nothing, and naming K costs about log2 K bits.

    >>> inverse().hazard(3)
    0.25
    """
    return Schedule("inverse")


def elias_gamma() -> Schedule:
    """The hazards of Elias's gamma code for K, 2 floor(log2 K) + 1 bits (Elias 1975)."""
    return Schedule("elias-gamma")


def elias_delta() -> Schedule:
    """The hazards of Elias's delta code for K, about log2 K + 2 log2 log2 K bits (Elias 1975)."""
    return Schedule("elias-delta")


def elias_omega() -> Schedule:
    """The hazards of Elias's omega code for K (Elias 1975)."""
    return Schedule("elias-omega")


def code(lengths: npt.ArrayLike) -> Schedule:
    """The hazards of a code with given lengths in bits for K = 1, 2, ...

    What Kraft's sum leaves short of 1 is the mass of "never"; past the last length the hazard is 0.

    Raises:
        InputError: Kraft's sum is over 1: no such code exists.

    >>> code([1, 2]).hazards(4).tolist()
    [0.0, 0.5, 0.5, 0.0]
    """
    return Schedule("code", vector(lengths, "code lengths"))


def hazard(bits: npt.ArrayLike) -> Schedule:
    """`h_t = 2^-bits[t]`; entry 0 stands for index 0, where no tax is levied, and infinity for never.

    Raises:
        InputError: a length is negative or not a number; later, an index past the array's end is reached.
    """
    return Schedule("hazard", vector(bits, "a hazard's bits"))
