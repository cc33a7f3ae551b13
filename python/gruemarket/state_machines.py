"""State machines: every small unifilar machine as a trader that learns its probabilities."""

import io
import os
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gruemarket import files
from gruemarket.checks import number, whole
from gruemarket.errors import CheckpointError, InputError
from gruemarket.run import Floats
from gruemarket.symbols import SymbolFamily

Tables = npt.NDArray[np.int64]
MOST = 1 << 20  # machines
FORMAT = "gruemarket state machines 1"


class StateMachines(SymbolFamily):
    """All machines in which state and symbol determine the next state, up to a number of states; one account each.

    A machine begins every episode in its first state. In each state it forecasts by the symbols that it has seen there:
    (count + estimator) / (total + K estimator), the rule of Krichevsky and Trofimov for 1/2. So it is an
    epsilon-machine (Crutchfield and Young 1989) that knows its wiring and learns its probabilities.

    Machines that differ only in the names of their states are one: states are numbered as they are met from the first
    on, symbol by symbol, and every state is met. A machine of n states costs n bits for n (the largest n one less), and
    log2 of how many of that size there are; all together hold money 1.

    Args:
        states: the most states: 1, 12, 216, 5,248, 160,675 machines have 1 to 5 states over 2 symbols,
            1, 56, 7,965 have 1 to 3 states over 3.
        outcomes: K, the number of symbols.
        estimator: what is added to each count, > 0.
        forget: whether counts begin anew with every episode, so that from one to the next only money remembers.

    Attributes:
        names: of the machines: where each state goes by each symbol, states by their numbers, as in "01 10".

    Raises:
        InputError: an argument out of range, or more than 2^20 machines.

    >>> import gruemarket as gm
    >>> machines = gm.StateMachines(states=2)
    >>> machines.accounts, machines.names[:3], machines.bits[:3].round(2).tolist()
    (13, ['00', '01 00', '01 01'], [1.0, 4.58, 4.58])
    """

    def __init__(self, states: int = 4, *, outcomes: int = 2, estimator: float = 0.5, forget: bool = False) -> None:
        self.states, self.outcomes = whole(states, "states", 1), whole(outcomes, "outcomes", 2)
        self.estimator, self.forget = number(estimator, "estimator", 0), bool(forget)
        if self.estimator == 0:
            raise InputError("estimator 0; give a number > 0, 0.5 for Krichevsky-Trofimov")
        if (known := sum(count(n, self.outcomes) for n in range(1, self.states + 1))) > MOST:
            raise InputError(f"{known} machines have up to {states} states over {outcomes} symbols; give fewer states")
        tables = [wirings(n, self.outcomes) for n in range(1, self.states + 1)]
        sizes = np.minimum(np.arange(1, self.states + 1), max(1, self.states - 1))
        sizes = sizes if self.states > 1 else np.zeros(1)
        self.bits = np.concatenate([np.full(len(t), n + np.log2(len(t))) for n, t in zip(sizes, tables, strict=True)])
        self.names = [_name(row) for table in tables for row in table.tolist()]
        self.accounts = len(self.bits)
        self._next, self._first = _joined(tables)
        base = self._next.shape[1]
        self._counts = np.zeros((self.outcomes, base))
        self._totals = np.zeros(base)
        self.frozen = False
        self.begin_episode()

    # --- A family

    def begin_episode(self) -> None:
        """Every machine goes to its first state, and forgets its counts if it is to."""
        self._at = self._first
        if self.forget:
            self._counts, self._totals = np.zeros_like(self._counts), np.zeros_like(self._totals)

    def forecast(self) -> Floats:
        """(K, N) probabilities of the next symbol."""
        return np.stack([self._chance(symbol) for symbol in range(self.outcomes)])

    def _chance(self, symbol: int) -> Floats:
        """(N,) the probability of a symbol."""
        counts: Floats = self._counts[symbol].take(self._at)
        counts += self.estimator
        counts /= self._totals.take(self._at) + self.estimator * self.outcomes
        return counts

    def _see(self, symbol: int) -> None:
        if not self.frozen:
            self._counts[symbol, self._at] += 1  # each machine is in one of its own rows
            self._totals[self._at] += 1
        self._at = self._next[symbol].take(self._at)

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002  # freeze(False) thaws
        """While frozen, machines change their states and count nothing."""
        self.frozen = frozen

    def fork(self) -> Self:
        """An independent copy."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._counts, other._totals = self._counts.copy(), self._totals.copy()
        return other

    def config(self) -> dict[str, Any]:
        """What tells it from others: its arguments, and how much it has seen."""
        return {"state machines": repr(self), "seen": float(self._totals.sum() / self.accounts)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes its arguments and counts to a file: under another name, then renamed.

        Raises:
            OSError: the folder cannot be written, or the disk is full. What was at `path` before is still there.
        """
        buffer = io.BytesIO()
        kind = np.array([self.states, self.outcomes, self.forget])
        np.savez_compressed(buffer, format=FORMAT, kind=kind, estimator=self.estimator, counts=self._counts)
        files.write(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The family that was saved to `path`; it goes on with the same bits from the next episode on.

        Raises:
            CheckpointError: the file is damaged, of a newer gruemarket or of something else.
            FileNotFoundError: there is none.
        """
        data = Path(path).read_bytes()
        with (
            files.taken_apart(path, "saved state machines"),
            np.load(io.BytesIO(data), allow_pickle=False) as saved,
        ):
            files.check_format(path, str(saved["format"]), FORMAT)
            states, outcomes, forget = saved["kind"].tolist()
            family = cls(states, outcomes=outcomes, estimator=float(saved["estimator"]), forget=bool(forget))
            if saved["counts"].shape != family._counts.shape:
                raise CheckpointError(f"{path}: counts of other machines than it says")
            family._counts = saved["counts"]
            family._totals = family._counts.sum(axis=0)
        return family

    def __repr__(self) -> str:
        frozen = ", frozen" if self.frozen else ""
        forget = ", forget=True" if self.forget else ""
        return f"<StateMachines({self.states}, outcomes={self.outcomes}, estimator={self.estimator}{forget}){frozen}>"


def wirings(states: int, outcomes: int) -> Tables:
    """(M, states, K) where each state of each machine goes by each symbol; the machines in order of these numbers.

    Tables are filled row by row, each place with a state that was met or with the next new one; a row's state must have
    been met before. So every machine comes once, whatever its states are called.

    >>> [len(wirings(n, 2)) for n in (1, 2, 3, 4)], [len(wirings(n, 3)) for n in (1, 2, 3)]
    ([1, 12, 216, 5248], [1, 56, 7965])
    """
    tables, met = np.zeros((1, 0), dtype=np.int64), np.ones(1, dtype=np.int64)
    for place in range(states * outcomes):
        row = place // outcomes
        kept = met > row  # the state of this row was met
        tables, met = tables[kept], met[kept]
        choices = np.minimum(met + 1, states)
        index = np.repeat(np.arange(len(tables)), choices)
        to = np.arange(len(index)) - np.repeat(np.cumsum(choices) - choices, choices)
        tables = np.column_stack([tables[index], to])
        met = np.maximum(met[index], to + 1)
    return np.asarray(tables[met == states].reshape(-1, states, outcomes))


def _joined(tables: list[Tables]) -> tuple[Tables, Tables]:
    """One row for each state of each machine: (K, R) the row that follows by each symbol, (N,) each machine's first."""
    follows, firsts, base = [], [], 0
    for table in tables:
        count, states, outcomes = table.shape
        first = base + states * np.arange(count)
        follows.append((table + first[:, None, None]).reshape(-1, outcomes))
        firsts.append(first)
        base += count * states
    return np.ascontiguousarray(np.concatenate(follows).T), np.concatenate(firsts)


def count(states: int, outcomes: int) -> int:
    """How many machines have so many states, all met from the first on.

    >>> [count(n, 2) for n in (1, 2, 3, 4, 5)], [count(n, 3) for n in (1, 2, 3, 4)]
    ([1, 12, 216, 5248, 160675], [1, 56, 7965, 2128064])
    """
    ways = {1: 1}  # of filling the table so far, by how many states were met
    for place in range(states * outcomes):
        longer: dict[int, int] = {}
        for met, many in ways.items():
            if met > place // outcomes:
                longer[met] = longer.get(met, 0) + met * many
                longer[min(met + 1, states)] = longer.get(min(met + 1, states), 0) + many * (met < states)
        ways = longer
    return ways.get(states, 0)


def _name(rows: list[list[int]]) -> str:
    return " ".join("".join(map(str, row)) for row in rows)
