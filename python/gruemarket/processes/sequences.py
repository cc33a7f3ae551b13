"""Processes that are no finite machines: given sequences, and one law after another."""

import math
import os
import re
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from gruemarket.checks import number, whole
from gruemarket.errors import InputError
from gruemarket.families import Outcomes, count_of, outcomes_of
from gruemarket.processes import codes
from gruemarket.processes.process import Process
from gruemarket.run import Floats

MOST_SYMBOLS = 256


class Sequence(Process):
    """A process whose every symbol is determined by its place."""

    @abstractmethod
    def symbols(self, length: int) -> Outcomes:
        """(length,) the first symbols."""

    @abstractmethod
    def symbol(self, place: int) -> int | None:
        """The symbol at a place; None past the end."""

    @property
    def entropy_rate(self) -> float | None:
        """0: whoever knows the sequence pays nothing."""
        return 0.0

    def sample(self, length: int, seed: int = 0) -> Outcomes:  # noqa: ARG002 # the law leaves nothing to chance
        """(length,) the first symbols, whatever the seed."""
        return self.symbols(length)

    def start(self) -> int:
        """The first place."""
        return 0

    def forecast(self, state: Any) -> Floats:
        """(K,) certainty of the next symbol; past the end, all alike."""
        symbol = self.symbol(state)
        if symbol is None:
            return np.full(self.outcomes, 1 / self.outcomes)
        row = np.zeros(self.outcomes)
        row[symbol] = 1
        return row

    def after(self, state: Any, symbol: int) -> int:  # noqa: ARG002 # what happened changes nothing
        """The next place."""
        return int(state) + 1


class ThueMorse(Sequence):
    """The parity of the number of ones in the place's binary digits: 0, 1, 1, 0, 1, 0, 0, 1, ...

    No finite machine prints it. Its description is a machine of two states that reads the place.

    >>> ThueMorse().sample(8).tolist()
    [0, 1, 1, 0, 1, 0, 0, 1]
    """

    outcomes = 2

    def __init__(self, *, name: str = "Thue-Morse", bits: float | None = None) -> None:
        self.name = name
        # K = 2, two states, an edge for each state and digit, and what each state prints
        self.bits = (
            codes.KINDS + codes.natural(1) + codes.natural(2) + 4 + 2 if bits is None else number(bits, "bits", 0)
        )

    def symbols(self, length: int) -> Outcomes:
        """(length,) the first symbols."""
        return (np.bitwise_count(np.arange(length)) & 1).astype(np.uint32)

    def symbol(self, place: int) -> int:
        """The symbol at a place."""
        return place.bit_count() & 1

    def definition(self) -> dict[str, Any]:
        """The process as plain data."""
        return {"kind": "Thue-Morse", "name": self.name, "bits": self.bits}


class Recorded(Sequence):
    """Symbols that somebody recorded, always from their beginning. Who forecasts them truly is whoever has the record.

    What an inductor pays beyond that is its whole code length; what it gains by their order, `learning_time` tells by
    comparison with the shuffled symbols.

    Args:
        symbols: (T,) whole numbers from 0.
        outcomes: K; None takes one more than the largest symbol, at least 2.
        name: what it is called.
        bits: its description length; None takes that of the record, symbol by symbol.

    Raises:
        InputError: no symbols, or other things than symbols.
    """

    def __init__(
        self, symbols: Any, *, outcomes: int | None = None, name: str = "recorded", bits: float | None = None
    ) -> None:
        array = np.asarray(symbols)
        if not array.size:
            raise InputError(f"{name}: a record of no symbols; give one or more")
        self.outcomes = count_of(array, outcomes)
        self.name = name
        self._symbols = outcomes_of(array, self.outcomes, f"{name}: a record")
        self.bits = codes.word(len(array), self.outcomes) if bits is None else number(bits, "bits", 0)

    def __len__(self) -> int:
        return len(self._symbols)

    @property
    def entropy_rate(self) -> float | None:
        """None: what wrote the record is not known."""
        return None

    def symbols(self, length: int) -> Outcomes:
        """(length,) the first symbols.

        Raises:
            InputError: there are fewer.
        """
        if length > len(self):
            raise InputError(f"{self.name}: {length} symbols of a record of {len(self)}; give a smaller length")
        return self._symbols[:length].copy()

    def symbol(self, place: int) -> int | None:
        """The symbol at a place; None past the end."""
        return int(self._symbols[place]) if place < len(self) else None

    def definition(self) -> dict[str, Any]:
        """The process as plain data."""
        known = {"symbols": self._symbols.tolist(), "outcomes": self.outcomes, "name": self.name, "bits": self.bits}
        return {"kind": "recorded", **known}


def read(path: str | os.PathLike[str], *, separated: bool | None = None, name: str | None = None) -> Recorded:
    """The process of a file of symbols, as text.

    Args:
        path: symbols one after the other, as in "0110"; or separated by commas, spaces or line ends, as in "3, 12, 3".
            The different ones, sorted (as numbers, if all are), become 0 to K - 1.
        separated: None takes them as separated if there is a comma, a space or a tab between two of them; line ends
            alone separate nothing then.
        name: None takes the file's name.

    Raises:
        InputError: no symbols, only one kind of them, more than 256 kinds, no text; or lines of numbers of different
            lengths, which may be read either way.
        FileNotFoundError: there is none.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not a text in UTF-8; give symbols such as 0110 or 3, 12, 3") from error
    if separated is None:
        separated = re.search(r"[, \t]", text) is not None
        lengths = {len(line) for line in text.splitlines()[:-1]}
        if not separated and len(lengths) > 1 and all(line.isdecimal() for line in text.splitlines()):
            raise InputError(f"{file}: a number a line, or digit by digit? give separated=True or separated=False")
    found = [one for one in re.split(r"[,\s]+", text) if one] if separated else list("".join(text.split()))
    kinds = sorted(set(found), key=lambda one: (int(one), one) if _is_number(one) else (math.inf, one))
    if not 2 <= len(kinds) <= MOST_SYMBOLS:
        hint = "" if separated else "; separate symbols of several letters by commas or spaces"
        raise InputError(f"{file} has {len(kinds)} different symbols; give 2 to {MOST_SYMBOLS}{hint}")
    places = {one: place for place, one in enumerate(kinds)}
    return Recorded([places[one] for one in found], outcomes=len(kinds), name=file.stem if name is None else name)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", text) is not None


class Switch(Process):
    """One law for the first symbols, then another from its beginning: a hidden grue.

    The true forecaster knows when.

    Args:
        before: the law of symbols 0 to `at` - 1.
        after: the law of the rest.
        at: how many symbols the first law has.
        name: None takes both names and the place.
        bits: its description length; None adds those of the laws to Elias's gamma code of `at`.

    Raises:
        InputError: `at` below 1, or something else than processes.
    """

    def __init__(self, before: Any, after: Any, at: int, *, name: str | None = None, bits: float | None = None) -> None:
        if not (isinstance(before, Process) and isinstance(after, Process)):
            raise InputError(f"a switch from {before!r} to {after!r}; give two processes")
        self.first: Process = before
        self.then: Process = after
        self.at = whole(at, "a switch at symbol", 1)
        self.outcomes = max(before.outcomes, after.outcomes)
        self.name = f"{before.name}, from {at} on {after.name}" if name is None else name
        known = codes.KINDS + before.bits + after.bits + codes.natural(self.at)
        self.bits = known if bits is None else number(bits, "bits", 0)

    @property
    def entropy_rate(self) -> float | None:
        """That of the law that lasts."""
        return self.then.entropy_rate

    def sample(self, length: int, seed: int = 0) -> Outcomes:
        """(length,) symbols."""
        seeds = self.random(seed).integers(2**32, size=2).tolist()
        early = self.first.sample(min(length, self.at), seeds[0])
        return np.concatenate([early, self.then.sample(max(0, length - self.at), seeds[1])])

    def start(self) -> tuple[int, Any]:
        """How many symbols were seen, and the state of the law that rules."""
        return 0, self.first.start()

    def forecast(self, state: Any) -> Floats:
        """(K,) as the law that rules forecasts."""
        seen, inner = state
        row = np.zeros(self.outcomes)
        law = self._law(seen)
        row[: law.outcomes] = law.forecast(inner)
        return row

    def after(self, state: Any, symbol: int) -> tuple[int, Any]:
        """The state once `symbol` was seen too; a symbol that the law does not have leaves it where it was."""
        seen, inner = state
        if seen + 1 == self.at:
            return self.at, self.then.start()
        law = self._law(seen)
        return seen + 1, law.after(inner, symbol) if symbol < law.outcomes else inner

    def _law(self, seen: int) -> Process:
        return self.first if seen < self.at else self.then

    def definition(self) -> dict[str, Any]:
        """The process as plain data."""
        laws = {"before": self.first.definition(), "after": self.then.definition()}
        return {"kind": "switch", **laws, "at": self.at, "name": self.name, "bits": self.bits}
