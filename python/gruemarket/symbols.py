"""What families over the symbols 0 to K - 1 that are written in Python share."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from gruemarket.families import outcomes_of
from gruemarket.run import Floats


class SymbolFamily(ABC):
    """A family that sees one checked symbol at a time.

    A subclass says what it forecasts, and in `_see` what a symbol does to it; `_chance` where one outcome's
    probabilities cost less than everybody's forecast.
    """

    outcomes: int
    accounts: int

    @abstractmethod
    def forecast(self) -> Floats:
        """(K, N) probabilities of the next symbol."""

    @abstractmethod
    def _see(self, symbol: int) -> None: ...

    def _chance(self, symbol: int) -> Floats:
        """(N,) the probability of a symbol."""
        chance: Floats = self.forecast()[symbol]
        return chance

    def observe(self, outcome: int) -> None:
        """Sees the symbol, and learns from it unless frozen.

        Raises:
            InputError: it is not one of 0 to K - 1.
        """
        [symbol] = outcomes_of([outcome], self.outcomes).tolist()
        self._see(symbol)

    def observe_all(self, outcomes: Any) -> Floats:
        """(T, N) the probability of each symbol that happened, before it was seen."""
        symbols = outcomes_of(outcomes, self.outcomes)
        rows = np.empty((len(symbols), self.accounts))
        for row, symbol in zip(rows, symbols.tolist(), strict=True):
            row[:] = self._chance(symbol)
            self._see(symbol)
        return rows
