"""Sparse rounds: lists of who is awake, at a cost that grows with their number and not with the market's."""

from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket.arrays import floats, integers, vector
from gruemarket.errors import InputError, ShapeError


class SparseRounds:
    """Rounds in which few traders are awake, in CSR form; everybody else sleeps.

    Round t lists the traders `traders[indptr[t]:indptr[t+1]]`, each once. Give it to `Market.run` in the place of dense
    forecasts or likelihoods.

    Args:
        indptr: (T+1,) integers, from 0 upwards.
        traders: (M,) indices of the awake.
        forecasts: (M,) probabilities of outcome 1 of two, or (M, K).
        likelihoods: (M,) probabilities of what happened, in the place of `forecasts`.
        stakes: (M,) in [0, 1]; None stakes everything.

    Raises:
        InputError: both or neither of `forecasts` and `likelihoods`.
        ShapeError: lengths that do not fit.

    >>> import gruemarket as gm
    >>> market = gm.Market([1, 2, 2])
    >>> rounds = gm.SparseRounds([0, 2, 3], [0, 2, 1], [0.5, 1.0, 0.25])
    >>> market.run(rounds, [1, 0]).loss_bits.round(4).tolist()
    [0.585, 0.415]
    """

    def __init__(
        self,
        indptr: npt.ArrayLike,
        traders: npt.ArrayLike,
        forecasts: Any = None,
        *,
        likelihoods: Any = None,
        stakes: npt.ArrayLike | None = None,
    ) -> None:
        if (forecasts is None) == (likelihoods is None):
            raise InputError("give either forecasts or likelihoods")
        self.indptr = integers(indptr, "indptr")
        self.traders = integers(traders, "traders")
        self.forecasts = None if forecasts is None else floats(forecasts, "forecasts")
        self.likelihoods = None if likelihoods is None else floats(likelihoods, "likelihoods")
        self.stakes = None if stakes is None else vector(stakes, "stakes")
        values = self.values
        if len(values) != len(self.traders) or values.ndim > 2 or (likelihoods is not None and values.ndim != 1):
            raise ShapeError(f"values of shape {values.shape} for {len(self.traders)} listed traders")

    @property
    def values(self) -> npt.NDArray[Any]:
        """Forecasts or likelihoods, whichever was given."""
        return self.likelihoods if self.forecasts is None else self.forecasts  # type: ignore[return-value]

    @property
    def rounds(self) -> int:
        """How many rounds these are."""
        return max(len(self.indptr) - 1, 0)

    def __repr__(self) -> str:
        return f"SparseRounds({self.rounds} rounds, {len(self.traders)} listed traders)"

    def check_outcomes(self, outcomes: int) -> None:
        """Raises ShapeError unless the forecasts are for this number of outcomes."""
        width = self.values.shape[1] if self.values.ndim == 2 else 2
        if self.forecasts is not None and width != outcomes:
            raise ShapeError(f"forecasts of {width} outcomes for a market of {outcomes}")

    def _check_places(self, traders: int) -> None:
        """Raises InputError unless every listed trader exists and is listed once a round."""
        starts = self.indptr
        if not len(starts) or starts[0] != 0 or np.any(np.diff(starts) < 0):
            raise InputError("sparse rounds: indptr must rise from 0 and have one entry more than rounds")
        if starts[-1] != len(self.traders) or (self.stakes is not None and len(self.stakes) != len(self.traders)):
            raise ShapeError(f"sparse rounds: indptr ends at {starts[-1]}, with {len(self.traders)} traders")
        rounds = np.repeat(np.arange(self.rounds), np.diff(starts))
        for e in np.flatnonzero((self.traders < 0) | (self.traders >= traders)):
            raise InputError(f"round {rounds[e]}: trader {self.traders[e]} is not one of 0..{traders - 1}")
        order = np.lexsort((self.traders, rounds))
        again = (np.diff(self.traders[order]) == 0) & (np.diff(rounds[order]) == 0)
        for e in order[1:][again]:
            raise InputError(f"round {rounds[e]}: trader {self.traders[e]} stands there twice")

    @property
    def layout(self) -> str:
        """How the values are to be read by the engine."""
        if self.forecasts is None:
            return "likelihood"
        return "binary" if self.forecasts.ndim == 1 else "full"

    def packed(self) -> tuple[Any, ...]:
        """The arrays in the engine's order; values contiguous."""
        return self.indptr, self.traders, np.ascontiguousarray(self.values), self.layout

    def dense(self, traders: int, outcomes: int) -> dict[str, npt.NDArray[Any]]:
        """The same rounds as dense keywords of `Market.run`, sleepers with stakes of 0; (T, N) in memory."""
        self.check_outcomes(outcomes)
        self._check_places(traders)
        shape = (self.rounds, traders)
        listed = np.repeat(np.arange(self.rounds), np.diff(self.indptr)), self.traders
        stakes = np.zeros(shape)
        stakes[listed] = 1.0 if self.stakes is None else self.stakes
        if self.forecasts is None:
            likelihoods = np.ones(shape, dtype=self.values.dtype)
            likelihoods[listed] = self.values
            return {"likelihoods": likelihoods, "stakes": stakes}
        forecasts = np.full((self.rounds, traders, outcomes), 1 / outcomes, dtype=self.values.dtype)
        forecasts[listed] = np.stack([1 - self.values, self.values], axis=1) if self.values.ndim == 1 else self.values
        return {"forecasts": np.ascontiguousarray(forecasts.transpose(0, 2, 1)), "stakes": stakes}
