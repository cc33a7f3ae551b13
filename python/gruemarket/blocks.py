"""Rounds as users give them, parsed for a market of so many traders and outcomes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket.arrays import floats, integers
from gruemarket.errors import InputError, ShapeError
from gruemarket.run import Floats
from gruemarket.sparse import SparseRounds


@dataclass(frozen=True)
class Block:
    """Rounds that have been parsed: what the engine reads, and what a Run shows."""

    packed: tuple[Any, ...]
    layout: str
    sparse: bool
    rounds: int
    outcomes: npt.NDArray[np.int64] | None


@dataclass(frozen=True)
class Reader:
    """Reads rounds for a market of so many traders and outcomes."""

    traders: int
    outcomes: int

    def read(
        self,
        forecasts: Any = None,
        outcomes: Any = None,
        stakes: Any = None,
        likelihoods: Any = None,
        *,
        spread: bool = False,
    ) -> Block:
        """Parses rounds as `run` takes them; sparse ones are made dense if they are to be spread."""
        if (forecasts is None) == (likelihoods is None):
            raise InputError("give either forecasts and outcomes, or likelihoods")
        given = forecasts if likelihoods is None else likelihoods
        known = None if outcomes is None else integers(outcomes, "outcomes")
        if known is None and likelihoods is None:
            raise InputError("forecasts need outcomes; for prices alone see Market.price")
        if isinstance(given, SparseRounds):
            self._check_sparse(given, stakes, by_likelihood=likelihoods is not None)
            if spread:
                dense: dict[str, Any] = given.dense(self.traders, self.outcomes)
                return self.read(outcomes=known, **dense)
            return self._sparse_block(given, known)
        values = floats(given, "forecasts" if likelihoods is None else "likelihoods")
        if likelihoods is None:
            layout = self._layout(values.shape)
        elif values.shape[1:] == (self.traders,):
            layout = "likelihood"
        else:
            raise ShapeError(f"likelihoods of shape {values.shape}; give (rounds, {self.traders})")
        rounds = values.shape[0]
        happened = None if known is None else self._happened(known, rounds)
        packed_stakes = None if stakes is None else self._stakes(stakes, rounds)
        return Block((values, layout, happened, packed_stakes), layout, sparse=False, rounds=rounds, outcomes=known)

    def _check_sparse(self, given: SparseRounds, stakes: Any, *, by_likelihood: bool) -> None:
        if (given.likelihoods is not None) != by_likelihood:
            raise InputError("sparse likelihoods go to likelihoods=, sparse forecasts to forecasts")
        if stakes is not None:
            raise InputError("the stakes of sparse rounds belong into SparseRounds(stakes=...)")
        given.check_outcomes(self.outcomes)

    def _sparse_block(self, given: SparseRounds, known: npt.NDArray[np.int64] | None) -> Block:
        happened = None if known is None else self._happened(known, given.rounds)
        packed = (*given.packed(), happened, given.stakes)
        return Block(packed, given.layout, sparse=True, rounds=given.rounds, outcomes=known)

    def _layout(self, shape: tuple[int, ...]) -> str:
        n, k = self.traders, self.outcomes
        if shape[1:] == (n,) and k == 2:
            return "binary"
        if shape[1:] != (k, n):
            two = f", or (rounds, {n}) probabilities of outcome 1" if k == 2 else ""
            raise ShapeError(f"forecasts of shape {shape}; give (rounds, {k}, {n}){two}")
        return "full"

    def _happened(self, known: npt.NDArray[np.int64], rounds: int) -> npt.NDArray[np.uint32]:
        if len(known) != rounds:
            raise ShapeError(f"{len(known)} outcomes for {rounds} rounds")
        wrong = np.flatnonzero((known < 0) | (known >= self.outcomes))
        if wrong.size:
            t = wrong[0]
            raise InputError(f"round {t}: outcome {known[t]} is not one of 0..{self.outcomes - 1}")
        return known.astype(np.uint32)

    def _stakes(self, stakes: Any, rounds: int) -> Floats:
        array = floats(stakes, "stakes").astype(np.float64, copy=False)
        n = self.traders
        if array.shape not in ((n,), (rounds, n)):
            raise ShapeError(f"stakes of shape {array.shape}; give ({n},) or ({rounds}, {n})")
        return array
