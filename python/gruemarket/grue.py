"""The Grue tax: the price of "if episode < K do as before, from episode K on do something else"."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, Self

import numpy as np

from gruemarket.arrays import integers, vector
from gruemarket.errors import InputError
from gruemarket.schedules import Schedule, elias_delta

UNITS = ("round", "episode", "batch", "stage")
KERNELS = ("anything", "within groups")


@dataclass(frozen=True, eq=False)
class GrueTax:
    """Before each round (episode, batch, stage) a share of all money may change its definition.

    `w_j <- w_j - h w_j sum_{k != j} rho(k|j) + h sum_{i != j} w_i rho(j|i)`: only money that changes hands is taxed;
    what the kernel would give back to the payer, and what its row leaves short of 1, stays.

    Args:
        schedule: the hazard h by index, see `gruemarket.schedules`.
        kernel: into what, and at which price: "anything" (`rho_j = 2^-bits_j`), "within groups" (the same over its
            group's sum, for payers of the group) or a sparse matrix in CSR form whose row i lists what i may become and
            `rho(k|i)` in shares: an object with `indptr`, `indices`, `data`, or a tuple of these three.
        landmarks: index or stage name -> bits; replaces the hazard there by `2^-bits`. A stage's name stands for its
            first levy; where that falls on an index with a landmark, the index's holds. A name that no stage ever has
            does nothing: a market, which may be played on, cannot tell (a run from a TOML file can, and refuses it).
        unit: what the index counts: "round", "episode", "batch" or "stage".

    Raises:
        InputError: an unknown kernel or unit, a landmark with negative bits. A row over 1 is found when the market is
            built.

    >>> import gruemarket as gm
    >>> gm.GrueTax(gm.schedules.inverse(), landmarks={120: 3.0})
    GrueTax(schedule=Schedule(kind='inverse'), kernel='anything', landmarks={120: 3.0}, unit='round')
    """

    schedule: Schedule
    kernel: Any = "anything"
    landmarks: Mapping[int | str, float] = field(default_factory=dict)
    unit: Literal["round", "episode", "batch", "stage"] = "round"

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise InputError(f"schedule {self.schedule!r} is not a schedule; take one from gruemarket.schedules")
        if self.unit not in UNITS:
            raise InputError(f"unknown unit {self.unit!r}; one of {', '.join(UNITS)}")
        object.__setattr__(self, "kernel", _kernel(self.kernel))
        given: Any = self.landmarks
        given = {} if given is None else given
        if not isinstance(given, Mapping):
            raise InputError(f"landmarks {given!r}; give a dict of bits by index or by the name of a stage")
        landmarks: dict[Any, Any] = dict(given)
        for key, bits in landmarks.items():
            if not (isinstance(key, str) or (isinstance(key, int | np.integer) and 0 <= key < 2**63)):
                raise InputError(f"landmark {key!r} is neither an index >= 0 nor the name of a stage")
            if key == 0:
                raise InputError("landmark at index 0; no tax is levied there, the first index is 1")
            if not (isinstance(bits, Real) and 0 <= float(bits) < np.inf):
                raise InputError(f"landmark {key!r} of {bits!r} bits; give a finite number >= 0")
        object.__setattr__(self, "landmarks", landmarks)

    def to_dict(self) -> dict[str, Any]:
        """The tax in plain values, which `from_dict` reads."""
        kernel = self.kernel if isinstance(self.kernel, str) else [part.tolist() for part in self.kernel]
        landmarks = [[key if isinstance(key, str) else int(key), float(bits)] for key, bits in self.landmarks.items()]
        schedule = {"kind": self.schedule.kind, "values": self.schedule.values.tolist()}
        return {"schedule": schedule, "kernel": kernel, "landmarks": landmarks, "unit": self.unit}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The tax that `to_dict` was called on.

        >>> import gruemarket as gm
        >>> tax = gm.GrueTax(gm.schedules.inverse(), landmarks={"rl": 3.0}, unit="episode")
        >>> gm.GrueTax.from_dict(tax.to_dict()) == tax
        True
        """
        kernel = values["kernel"] if isinstance(values["kernel"], str) else tuple(values["kernel"])
        schedule = Schedule(values["schedule"]["kind"], vector(values["schedule"]["values"], "the schedule's values"))
        return cls(schedule, kernel, dict(values["landmarks"]), values["unit"])

    def _key(self) -> tuple[Any, ...]:
        kernel = self.kernel if isinstance(self.kernel, str) else tuple(part.tobytes() for part in self.kernel)
        return self.schedule, kernel, frozenset(self.landmarks.items()), self.unit

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GrueTax) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def _kernel(given: Any) -> Any:
    if isinstance(given, str):
        if given not in KERNELS:
            raise InputError(f"unknown kernel {given!r}; 'anything', 'within groups' or a CSR matrix")
        return given
    if hasattr(given, "tocsr"):  # a sparse matrix of any of SciPy's formats
        given = given.tocsr()
    if all(hasattr(given, part) for part in ("indptr", "indices", "data")):
        given = (given.indptr, given.indices, given.data)
    if not (isinstance(given, tuple) and len(given) == 3):
        raise InputError(f"kernel {given!r}; give 'anything', 'within groups', a CSR matrix or (indptr, indices, data)")
    indptr, targets, shares = given
    return integers(indptr, "the kernel's indptr"), integers(targets, "its indices"), vector(shares, "its data")


@dataclass(frozen=True)
class TaxSpec:
    """A tax as the engine reads it."""

    kind: str
    values: list[float]
    kernel: Any
    unit: str
    landmarks: dict[int, float]
    stage_landmarks: dict[str, float]

    @classmethod
    def of(cls, tax: Any) -> Self:
        """The engine's form of a tax."""
        if not isinstance(tax, GrueTax):
            raise InputError(f"grue {tax!r} is not a tax; give gm.GrueTax(schedule)")
        by_index = {int(key): float(bits) for key, bits in tax.landmarks.items() if not isinstance(key, str)}
        by_stage = {key: float(bits) for key, bits in tax.landmarks.items() if isinstance(key, str)}
        return cls(tax.schedule.kind, tax.schedule.values.tolist(), tax.kernel, tax.unit, by_index, by_stage)


def redefinition_bits(tax: GrueTax | None, clock: Mapping[str, int], stage: str | None) -> float:
    """What a tax says that a redefinition costs at this moment, a landmark of `stage` first.

    Without a tax it is the length of Elias's delta code for the number of episodes so far. `clock` has how many rounds,
    episodes, batches and stages there were, by unit.

    Raises:
        InputError: the tax has hazard 0 or 1.
    """
    index = clock["episode" if tax is None else tax.unit]
    landmarks = {} if tax is None else tax.landmarks
    for landmark in (index, stage):
        if landmark is not None and landmark in landmarks:
            return max(float(landmarks[landmark]), 2.0**-20)
    if tax is None:
        return float(-np.log2(elias_delta().hazard(max(index, 1))))
    hazard = tax.schedule.hazard(max(index, 1))
    if not 0 < hazard < 1:
        raise InputError(f"the tax has hazard {hazard} at {tax.unit} {index}; say bits= for the redefinition")
    return float(-np.log2(hazard))
