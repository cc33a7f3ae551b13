"""What each trader owns and how its money got there; and all else that a call may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket.reference.logs import NOTHING, total
from gruemarket.reference.tax import redefinition
from gruemarket.run import Floats


@dataclass(frozen=True)
class Book:
    """What each trader owns and how its money got there. Arrays are replaced, never written into."""

    log2_wealth: Floats  # (N,)
    log2_origin: Floats  # (N, 1 + stages) the same money by the stage in which it last changed hands; column 0: never
    log2_history: Floats  # (N,) the part of it that went through the one most probable history
    levies: tuple[tuple[int, Any, Floats], ...] = ()  # of each tax: index, (N,) whence that history came, (N,) its bits

    @classmethod
    def opened(cls, log2_wealth: Floats) -> Book:
        """Money that has never changed hands."""
        return cls(log2_wealth, log2_wealth[:, None], log2_wealth)

    @property
    def wealth(self) -> Floats:
        """(N,) shares of all money."""
        return np.exp2(self.log2_wealth)

    def settled(self, log2_growth: Floats) -> Book:
        """All money of a trader grows alike."""
        origin, history = self.log2_origin + log2_growth[:, None], self.log2_history + log2_growth
        return replace(self, log2_wealth=self.log2_wealth + log2_growth, log2_origin=origin, log2_history=history)

    def taxed(self, hazard: float, log2_rho: Floats, column: int) -> Book:
        """w_j <- w_j (1 - h sum_{k!=j} rho(k|j)) + h sum_{i!=j} w_i rho(j|i). What moves has changed in this stage."""
        _, stay, move = redefinition(hazard, log2_rho)
        inflow = total(self.log2_wealth[:, None] + move, axis=0)
        origin = self.log2_origin + stay[:, None]
        origin[:, column] = np.logaddexp2(origin[:, column], inflow)
        return replace(self, log2_wealth=np.logaddexp2(self.log2_wealth + stay, inflow), log2_origin=origin)

    def redefined(self, hazard: float, log2_rho: Floats, index: int) -> Book:
        """Viterbi's step: the best history that ends in j was in j before, or comes from the best other trader."""
        _, stay, move = redefinition(hazard, log2_rho)
        arriving, kept = self.log2_history[:, None] + move, self.log2_history + stay
        own, other = np.arange(len(kept)), arriving.argmax(axis=0)
        stays = kept >= arriving[other, own]
        bits = -np.where(stays, stay, move[other, own])
        history = np.where(stays, kept, arriving[other, own])
        return replace(self, log2_history=history, levies=(*self.levies, (index, np.where(stays, own, other), bits)))

    def split(self, source: npt.NDArray[Any], log2_share: Floats, first: npt.NDArray[Any]) -> Book:
        """Each trader becomes its parts; whoever came from another comes from the first part of it."""
        own = np.arange(len(source))
        levies = tuple(
            (index, np.where(came_from[source] == source, own, first[came_from[source]]), bits[source])
            for index, came_from, bits in self.levies
        )
        return Book(
            self.log2_wealth[source] + log2_share,
            self.log2_origin[source] + log2_share[:, None],
            self.log2_history[source] + log2_share,
            levies,
        )

    def resolved(self, ends: Sequence[Book]) -> Book:
        """A batch of E episodes that all started from this book: s_i <- (1/E) sum_e f_ei."""
        if len(ends) == 1:
            return ends[0]
        wealth = total(np.array([end.log2_wealth for end in ends]), axis=0) - np.log2(len(ends))
        origin = total(np.array([end.log2_origin for end in ends]), axis=0) - np.log2(len(ends))
        growth = np.full(len(wealth), NOTHING)
        np.subtract(wealth, self.log2_wealth, out=growth, where=wealth > NOTHING)
        return replace(self, log2_wealth=wealth, log2_origin=origin, log2_history=self.log2_history + growth)


@dataclass
class State:
    """All that a call may change: the book, the clocks, the ledger."""

    book: Book
    entered: npt.NDArray[np.bool_]
    rounds: int = 0
    episodes: int = 0
    batches: int = 0
    stages: int = 0
    stage: str = "main"
    at_boundary: bool = False  # the stage is new and no tax has been due in it yet
    columns: list[str] = field(default_factory=list)  # of provenance: the names of stages in order
    ledger: dict[tuple[str, int, str, str, str], float] = field(default_factory=dict)  # stage, batch, cause, from, to

    def fork(self) -> State:
        """A copy to work on; what it shares with this one is never written into."""
        return replace(self, columns=list(self.columns), ledger=dict(self.ledger))
