"""Context trees over symbols: the market over all suffix trees of a depth, for sequences that are not bytes."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np

from gruemarket import files
from gruemarket.checks import whole
from gruemarket.families import Outcomes, outcomes_of
from gruemarket.run import Floats
from gruemarket.symbols import SymbolFamily
from gruemarket.text import Text

FORMAT = "gruemarket context trees 1"
DEEPEST_BITS = 64
BYTE = 8


class ContextTrees(SymbolFamily):
    """All suffix trees up to a depth as one account: `gm.Text(mode="exact")` on symbols 0 to K - 1.

    Two symbols are read as bits by one tree. More are read as bytes by eight trees, one for each place in a byte, and
    the forecast is that of the byte given that it is a symbol; so what it costs to learn which bytes come is not paid.

    Args:
        depth: the longest context in symbols: up to 64 for two symbols, up to 7 for more.
        outcomes: K, 2 to 256.
        estimator: what is added to each count of a belief, > 0; 1/2 is Krichevsky-Trofimov.
        memory_mib: the most that nodes may take, as in `gm.Text`.

    Raises:
        InputError: an argument is out of range.

    >>> trees = ContextTrees(depth=3)
    >>> bits = -np.log2(trees.observe_all([0, 1, 1] * 10))
    >>> round(float(bits[:15].sum()), 1), round(float(bits[15:].sum()), 1)
    (11.4, 1.9)
    """

    accounts = 1

    def __init__(
        self, depth: int | None = None, *, outcomes: int = 2, estimator: float = 0.5, memory_mib: float = 64
    ) -> None:
        self.outcomes = whole(outcomes, "outcomes", 2, 256)
        most = DEEPEST_BITS if outcomes == 2 else (DEEPEST_BITS - BYTE + 1) // BYTE
        self.depth = min(16, most) if depth is None else whole(depth, f"depth for {outcomes} symbols", 0, most)
        # on the way to a byte's last bit, its other bits come before the context
        bits = self.depth if outcomes == 2 else BYTE * self.depth + BYTE - 1
        self._text = Text(mode="exact", depth=bits, factored=outcomes > 2, estimator=estimator, memory_mib=memory_mib)

    def begin_episode(self) -> None:
        """Forgets the context of the last episode, not what was learned."""
        self._text.begin_episode()

    def forecast(self) -> Floats:
        """(K, 1) the probabilities of the next symbol."""
        if self.outcomes == 2:
            return self._text.forecast()
        chances = self._text.byte_forecast()[: self.outcomes]
        return np.asarray(chances / chances.sum())[:, None]

    def observe_all(self, outcomes: Any) -> Floats:
        """(T, 1) the probability of each symbol that happened, before it was seen."""
        symbols: Outcomes = outcomes_of(outcomes, self.outcomes)
        if self.outcomes == 2:
            return self._text.observe_all(symbols)
        return super().observe_all(symbols)

    def _see(self, symbol: int) -> None:
        if self.outcomes == 2:
            self._text.observe(symbol)
        else:
            self._text.observe_all(bytes([symbol]))

    @property
    def frozen(self) -> bool:
        """Whether nothing is learned."""
        return self._text.frozen

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002  # freeze(False) thaws
        """While frozen, reading moves the context and learns nothing."""
        self._text.freeze(frozen)

    def fork(self) -> Self:
        """An independent copy."""
        return self._of(self._text.fork(), self.outcomes, self.depth)

    def config(self) -> dict[str, Any]:
        """What tells it from others: its arguments, and what it has learned, as the bits of a fixed sequence."""
        probe = self.fork()
        probe.freeze()
        probe.begin_episode()
        fixed = np.arange(64) ** 2 // 3 % self.outcomes
        return {"context trees": repr(self), "probe_bits": float(-np.log2(probe.observe_all(fixed)).sum())}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves everything to a file: a line of JSON, then what `gm.Text` saves. Written under another name first.

        Raises:
            OSError: the folder cannot be written, or the disk is full. What was at `path` before is still there.
        """
        head = json.dumps({"format": FORMAT, "outcomes": self.outcomes, "depth": self.depth})
        with tempfile.TemporaryDirectory() as folder:
            inner = Path(folder) / "text"
            self._text.save(inner)
            files.write(Path(path), head.encode() + b"\n" + inner.read_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The family that was saved to `path`; it goes on with the same bits.

        Raises:
            CheckpointError: the file is damaged, of a newer gruemarket or of something else.
            FileNotFoundError: there is none.
        """
        head, _, rest = Path(path).read_bytes().partition(b"\n")
        with files.taken_apart(path, "saved context trees"):
            state = json.loads(head)
            files.check_format(path, state["format"], FORMAT)
            outcomes, depth = int(state["outcomes"]), int(state["depth"])
        with tempfile.TemporaryDirectory() as folder:
            inner = Path(folder) / "text"
            inner.write_bytes(rest)
            return cls._of(Text.load(inner), outcomes, depth)

    @classmethod
    def _of(cls, text: Text, outcomes: int, depth: int) -> Self:
        trees = object.__new__(cls)
        trees._text, trees.outcomes, trees.depth = text, outcomes, depth
        return trees

    def __repr__(self) -> str:
        frozen = ", frozen" if self.frozen else ""
        return f"<ContextTrees(depth={self.depth}, outcomes={self.outcomes}){frozen}>"
