"""Hidden Markov processes: sampled, forecast by exact belief filtering, measured."""

from bisect import bisect
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from gruemarket.arrays import floats
from gruemarket.checks import number, whole
from gruemarket.errors import InputError, ShapeError
from gruemarket.families import Outcomes
from gruemarket.processes import codes, measures
from gruemarket.processes.process import Process
from gruemarket.run import Floats

SUM_TOLERANCE = 1e-9


class HiddenMarkov(Process):
    """A finite machine that emits a symbol with every step: a labelled hidden Markov process.

    Its forecaster keeps the probability of each state given the symbols so far, its mixed state, and updates it
    exactly (Upper 1997; Jurgens and Crutchfield 2021, arXiv 2102.10487).

    Args:
        transitions: (K, S, S) the probability that state s emits x and goes to s', at [x, s, s'].
        initial: (S,) the distribution of the first state; None takes the one in which the process is stationary.
        name: what it is called.
        bits: its description length; None takes that of a code of the machine, see `gm.processes.codes.machine`.

    Attributes:
        transitions: (K, S, S), not to be written.
        initial: (S,) the distribution of the first state.
        stationary: (S,) the share of time that is spent in each state in the long run.

    Raises:
        ShapeError: `transitions` is not (K, S, S) with K >= 2, `initial` not (S,).
        InputError: negative numbers or sums other than 1, or several stationary distributions and no `initial`.

    >>> coin = HiddenMarkov([[[0.5]], [[0.5]]], name="coin")
    >>> coin.entropy_rate, coin.sample(8, seed=1).tolist()
    (1.0, [...])
    """

    def __init__(
        self, transitions: Any, *, initial: Any = None, name: str = "hidden Markov", bits: float | None = None
    ) -> None:
        self.transitions = _checked(transitions)
        self.outcomes, self.states, _ = self.transitions.shape
        self.name = str(name)
        self._emits = np.ascontiguousarray(self.transitions.sum(axis=2).T)  # (S, K)
        long_run = measures.long_run(self.transitions.sum(axis=0))
        if initial is None:
            if np.abs(long_run - long_run[:1]).max() > SUM_TOLERANCE:
                raise InputError(f"{name}: states that never meet have several stationary distributions; give initial=")
            self.initial: Floats = long_run[0].copy()
        else:
            self.initial = np.array(floats(initial, f"{name}: an initial distribution"), dtype=np.float64)
            if self.initial.shape != (self.states,):
                raise ShapeError(
                    f"{name}: an initial distribution of shape {self.initial.shape} for {self.states} states"
                )
            if not (np.all(self.initial >= 0) and abs(self.initial.sum() - 1) <= SUM_TOLERANCE):
                raise InputError(f"{name}: initial {self.initial.tolist()} does not sum to 1")
        self.stationary: Floats = self.initial @ long_run
        self.bits = codes.machine(self.transitions) if bits is None else number(bits, "bits", 0)

    # --- Forecasting

    def start(self) -> Floats:
        """(S,) the distribution of the first state."""
        return self.initial

    def forecast(self, state: Any) -> Floats:
        """(K,) the probabilities of the next symbol, given the distribution of the hidden state."""
        return state @ self._emits  # type: ignore[no-any-return] # a product of arrays

    def after(self, state: Any, symbol: int) -> Floats:
        """(S,) Bayes' distribution of the hidden state once `symbol` was seen too.

        A symbol that cannot have come from `state` is read as coming from the process in the long run.
        """
        for before in (state, self.stationary):
            joint: Floats = before @ self.transitions[symbol]
            total = joint.sum()
            if total > 0:
                joint /= total
                return joint
        return self.stationary

    def sample(self, length: int, seed: int = 0) -> Outcomes:
        """(length,) symbols; the same for the same name and seed.

        Raises:
            InputError: a negative length or seed.
        """
        count = whole(length, "length", 0)
        random = self.random(seed)
        edges = [self._edges(s) for s in range(self.states)]
        state = bisect(list(accumulate(self.initial.tolist()))[:-1], random.random())
        symbols = []
        for u in random.random(count).tolist():
            bounds, leads = edges[state]
            symbol, state = leads[bisect(bounds, u)]
            symbols.append(symbol)
        return np.array(symbols, dtype=np.uint32)

    def _edges(self, s: int) -> tuple[list[float], list[tuple[int, int]]]:
        """Where each edge's share of [0, 1) ends, but for the last; and its symbol and end."""
        leads = [(int(x), int(to)) for x, to in np.argwhere(self.transitions[:, s, :] > 0)]
        chances = [float(self.transitions[x, s, to]) for x, to in leads]
        return list(accumulate(chances))[:-1], leads

    # --- Measures

    @cached_property
    def is_unifilar(self) -> bool:
        """Whether state and symbol determine the next state, in the states that the long run visits."""
        visited = self.stationary > 0
        return bool(np.all((self.transitions[:, visited, :] > 0).sum(axis=2) <= 1))

    @cached_property
    def entropy_bounds(self) -> tuple[float, float]:
        """A lower and an upper bound of the entropy rate in bits a symbol, equal where the machine is unifilar.

        Otherwise H(X_L | X_1 .. X_(L-1), S_1) and H(X_L | X_1 .. X_(L-1)) (Cover and Thomas 2006, theorem 4.5.1), for
        the L at which they are 1e-9 apart or the mixed states become too many.
        """
        if self.is_unifilar:
            return (measures.unifilar_rate(self._emits, self.stationary),) * 2
        return measures.rate_bounds(self.transitions, self.stationary)

    @property
    def entropy_rate(self) -> float:
        """Bits a symbol that the true forecaster pays in the long run: exact to rounding where it is unifilar.

        Otherwise the middle of `entropy_bounds`.
        """
        low, high = self.entropy_bounds
        return (low + high) / 2

    @cached_property
    def statistical_complexity(self) -> float | None:
        """Bits of the causal state: what the past must be remembered by (Crutchfield and Young 1989).

        Of the stationary process; None where the machine is not unifilar, which its causal states always are.
        """
        return measures.causal_entropy(self.transitions, self.stationary) if self.is_unifilar else None

    @cached_property
    def excess_entropy(self) -> float | None:
        """Bits that the past tells about the future, sum over L of H(X_L | X_1 .. X_(L-1)) - rate, when stationary.

        None where the machine is not unifilar, or its terms do not come to 0 before the mixed states are too many.
        """
        if not self.is_unifilar:
            return None
        return measures.excess(self.transitions, self.stationary, self.entropy_rate)

    def definition(self) -> dict[str, Any]:
        """The process as plain data."""
        return {
            "kind": "hidden Markov",
            "transitions": self.transitions.tolist(),
            "initial": self.initial.tolist(),
            "name": self.name,
            "bits": self.bits,
        }


def _checked(transitions: Any) -> Floats:
    given: Floats = np.array(floats(transitions, "transitions"), dtype=np.float64, order="C")
    if given.ndim != 3 or given.shape[0] < 2 or given.shape[1] < 1 or given.shape[1] != given.shape[2]:
        raise ShapeError(f"transitions of shape {given.shape}; give (symbols, states, states), with 2 symbols or more")
    sums = given.sum(axis=(0, 2))
    wrong = np.flatnonzero(~(abs(sums - 1) <= SUM_TOLERANCE) | ~np.all(given >= 0, axis=(0, 2)))
    if wrong.size:
        s = wrong[0]
        raise InputError(f"state {s} leaves by {given[:, s].tolist()}; give probabilities that sum to 1")
    given.setflags(write=False)
    return given
