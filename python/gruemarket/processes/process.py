"""Processes: laws that symbols follow, each with the forecaster that knows it; and the family of such forecasters."""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np

from gruemarket import files
from gruemarket.arrays import vector
from gruemarket.checks import whole
from gruemarket.errors import InputError, ShapeError
from gruemarket.families import Outcomes
from gruemarket.run import Floats
from gruemarket.symbols import SymbolFamily

FORMAT = "gruemarket processes 1"


class Process(ABC):
    """A law of symbols 0 to K - 1, and what is known of the next one once some were seen.

    What a forecaster has seen so far is a state that is never changed, only followed by another: `start()`, then
    `after(state, symbol)`.

    Attributes:
        name: what it is called in frames and reports.
        outcomes: K, the number of symbols.
        bits: its description length.
    """

    name: str
    outcomes: int
    bits: float

    @property
    @abstractmethod
    def entropy_rate(self) -> float | None:
        """Bits a symbol that the true forecaster pays in the long run; None where nobody knows."""

    @abstractmethod
    def sample(self, length: int, seed: int = 0) -> Outcomes:
        """(length,) symbols. Processes of different names draw independently, whatever the seed."""

    @abstractmethod
    def start(self) -> Any:
        """The state before the first symbol."""

    @abstractmethod
    def forecast(self, state: Any) -> Floats:
        """(K,) the probabilities of the next symbol."""

    @abstractmethod
    def after(self, state: Any, symbol: int) -> Any:
        """The state once `symbol` was seen too."""

    @abstractmethod
    def definition(self) -> dict[str, Any]:
        """The process as plain data, of which `from_definition` makes it again."""

    def forecaster(self) -> "Processes":
        """The forecaster that knows the law, as a family with one account of 0 bits."""
        return Processes([self], bits=[0.0])

    def random(self, seed: int, *more: int) -> np.random.Generator:
        """A stream of its own for each process and seed."""
        return np.random.default_rng([whole(seed, "seed", 0), crc32(self.name.encode()), *more])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {self.outcomes} symbols, {self.bits:.1f} bits>"


class Processes(SymbolFamily):
    """Processes as a family: one account each, whose forecaster knows the law and learns nothing.

    A hidden Markov process is filtered exactly: the account keeps the probability of each hidden state given what the
    episode has shown. A symbol that a process cannot emit has probability 0, and full Kelly clearing then takes all
    that the account has; where a tax brings money back, it forecasts as if it had begun long ago.

    Args:
        processes: see `gm.processes`.
        bits: (N,) description lengths; None takes each process's own.
        outcomes: K, where symbols beyond those of the processes may come; None takes the most that a process has.

    Raises:
        InputError: no process, something else than a process, two of one name, or fewer outcomes than a process has.

    >>> import gruemarket as gm
    >>> family = gm.Processes([gm.processes.golden_mean(), gm.processes.even()])
    >>> family.names, family.bits.round(1).tolist()
    (['golden mean', 'even'], [19.8, 19.8])
    >>> family.observe_all([0, 1, 1]).round(3).tolist()
    [[0.333, 0.333], [1.0, 0.5], [0.5, 1.0]]
    """

    def __init__(self, processes: Iterable[Any], *, bits: Any = None, outcomes: int | None = None) -> None:
        if not isinstance(processes, Iterable):
            raise InputError(f"{processes!r} is no list of processes; give such as [gm.processes.golden_mean()]")
        given: list[Any] = list(processes)
        if not given:
            raise InputError("a family of no processes; give one or more")
        if wrong := [one for one in given if not isinstance(one, Process)]:
            raise InputError(f"{wrong[0]!r} is not a process; give such as gm.processes.golden_mean()")
        self.processes: list[Process] = given
        self.names = [one.name for one in self.processes]
        if twice := [name for i, name in enumerate(self.names) if name in self.names[:i]]:
            raise InputError(f"two processes are called {twice[0]!r}; give each a name of its own")
        most = max(one.outcomes for one in self.processes)
        self.outcomes = most if outcomes is None else whole(outcomes, "outcomes", most)
        self.accounts = len(self.processes)
        self.bits = vector([one.bits for one in self.processes] if bits is None else bits, "bits")
        if len(self.bits) != self.accounts:
            raise ShapeError(f"{len(self.bits)} bits for {self.accounts} processes")
        self.frozen = False
        self.begin_episode()

    def begin_episode(self) -> None:
        """Every process begins anew."""
        self._states = [one.start() for one in self.processes]

    def forecast(self) -> Floats:
        """(K, N) probabilities of the next symbol."""
        rows = np.zeros((self.outcomes, self.accounts))
        for i, (one, state) in enumerate(zip(self.processes, self._states, strict=True)):
            rows[: one.outcomes, i] = one.forecast(state)
        return rows

    def _see(self, symbol: int) -> None:
        # a symbol that a process does not have leaves it where it was
        self._states = [
            one.after(state, symbol) if symbol < one.outcomes else state
            for one, state in zip(self.processes, self._states, strict=True)
        ]

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002  # freeze(False) thaws
        """Changes nothing: a forecaster that knows its law learns nothing."""
        self.frozen = frozen

    def fork(self) -> Self:
        """An independent copy."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)  # states are never changed, and their list is replaced as a whole
        return other

    def config(self) -> dict[str, Any]:
        """What tells it from others: the processes' names, and a digest of their laws."""
        text = json.dumps(self._state(), sort_keys=True)
        return {"processes": self.names, "digest": blake2b(text.encode(), digest_size=16).hexdigest()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the processes to a JSON file: under another name, then renamed.

        Raises:
            OSError: the folder cannot be written, or the disk is full. What was at `path` before is still there.
        """
        files.write(Path(path), json.dumps(self._state()).encode())

    def _state(self) -> dict[str, Any]:
        laws = [one.definition() for one in self.processes]
        return {"format": FORMAT, "outcomes": self.outcomes, "bits": self.bits.tolist(), "processes": laws}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The family that was saved to `path`.

        Raises:
            CheckpointError: the file is damaged, of a newer gruemarket or of something else.
            FileNotFoundError: there is none.
        """
        from gruemarket.processes.definitions import from_definition  # noqa: PLC0415 # which knows all kinds of them

        data = Path(path).read_bytes()
        with files.taken_apart(path, "saved processes"):
            state = json.loads(data)
            files.check_format(path, state["format"], FORMAT)
            laws = [from_definition(law) for law in state["processes"]]
            return cls(laws, bits=state["bits"], outcomes=state["outcomes"])

    def __repr__(self) -> str:
        return f"Processes([{', '.join(self.names)}])"
