"""Text: a family of specialists that read bytes and learn as they read."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from gruemarket import _core
from gruemarket.arrays import integers
from gruemarket.clearing import Kelly, LogPool
from gruemarket.errors import CheckpointError, InputError
from gruemarket.grue import GrueTax, TaxSpec

PROBE = b"The quick brown fox jumps over the lazy dog; def main(): return 0\nQ: Who are you? A: I am 42. " * 2


class Text:
    """A dense cluster of traders that forecast text, bit by bit; outside it is one account of a market.

    A byte is eight binary markets, most significant bit first. A specialist looks at one kind of context: the last
    bytes (of each length in `orders`), the letters of the present word, the longest match in what was read. For each
    context and each prefix of the next byte it has one trader, with an account and an adaptive belief of its own; who
    was never asked before sleeps, except for order 0.

    A bit is traded twice. First by everybody awake, each with the wealth of its own account (`clearing`). Then what was
    published, the beliefs, the price and the match, is traded again by log pool, beside a bold trader who doubles the
    price's log odds and a sceptic who always gives even odds, in books that are selected by the longest order awake and
    the length of the match: a layer is a market over published prices. All weights are wealth: a book's sum to 1.

    Traders live in tables of a fixed size; when these are full, the least visited of two contexts makes room.

    With `mode="exact"` the cluster is the full-Kelly market over all suffix trees of a depth: context-tree weighting
    (Willems, Shtarkov, Tjalkens 1995), with `grue` context-tree switching (Veness et al. 2012, arXiv 1111.3182). It is
    slow, and grows.

    Args:
        mode: "default", the specialists; or "exact".
        memory_mib: what everything that the family holds takes at most, in MiB, 1 to 16384; 64, or 1024 if exact. In
            the default mode a sixteenth keeps what was read last (in which matches are found), as much its index, the
            rest the traders. In the exact mode no nodes are born once it is full: an unseen context forecasts as its
            longest seen suffix.
        estimator: the a of a belief. Default mode: its step is `p += (y - p) / (n + 1 + 2a)` at the n-th visit, > 0;
            0.05. Exact mode: it is added to each count; 1/2, Krichevsky-Trofimov's. Text is less even than that: there
            1/16 is far better.
        orders: default mode: the lengths of contexts in bytes, different ones from 0 to 16, at most 8 specialists in
            all; 0 to 6.
        word: default mode: whether there is a specialist for the present word (its letters in either case, and bytes
            from 128 on).
        match: default mode: whether there is a trader that follows the longest match of 6 bytes or more.
        clearing: default mode: how the first market clears, `LogPool(step)` or `Kelly(fraction)`.
        limit: default mode: where the count n stops, 1 to 448, so that a belief goes on adapting; 64. Counts are kept
            on a coarse scale.
        endowment: default mode: a trader of the i-th specialist is born with e^(`endowment` i) times the wealth of one
            of the first; 0.5.
        seed: default mode: of the random rounding of what traders believe and own. The same seed gives the same bits.
        depth: exact mode: the longest context in bits, 0 to 64; 48.
        grue: exact mode: None weighs all trees; a tax by round, such as `gm.GrueTax(gm.schedules.inverse())`, lets
            every node change where it stops, its index counting the visits of the node.
        leaf_bits: exact mode: what a tree's code spends on a leaf above the full depth, in bits, an inner node costing
            `-log2(1 - 2^-leaf_bits)`; 1 is one bit a node. On text 4 is better, and then switching pays.
        factored: exact mode: whether bits are those of bytes, eight trees, one for each place in a byte (its bits so
            far come first in the context); False reads plain binary sequences with one tree.

    Raises:
        InputError: an argument is out of range, or of the other mode.

    >>> text = Text(memory_mib=2)
    >>> round(text.bits(b"to be or not to be, " * 20) / 400, 1)
    0.4
    >>> float(text.observe_all("to be or not")[-8:].prod().round(1))
    1.0
    >>> bytes([text.byte_forecast().argmax()])
    b' '
    """

    outcomes = 2
    accounts = 1

    def __init__(
        self,
        *,
        mode: Literal["default", "exact"] = "default",
        memory_mib: float | None = None,
        estimator: float | None = None,
        orders: Iterable[int] | None = None,
        word: bool | None = None,
        match: bool | None = None,
        clearing: LogPool | Kelly | None = None,
        limit: float | None = None,
        endowment: float | None = None,
        seed: int | None = None,
        depth: int | None = None,
        grue: GrueTax | None = None,
        leaf_bits: float | None = None,
        factored: bool | None = None,
    ) -> None:
        cluster = {"orders": orders, "word": word, "match": match, "limit": limit, "endowment": endowment, "seed": seed}
        exact = {"depth": depth, "grue": grue, "leaf_bits": leaf_bits, "factored": factored}
        if mode not in ("default", "exact"):
            raise InputError(f"mode {mode!r}; 'default' or 'exact'")
        foreign = exact if mode == "default" else cluster | {"clearing": clearing}
        if strange := [name for name, given in foreign.items() if given is not None]:
            raise InputError(f"mode {mode!r} does not take {', '.join(strange)}")
        self._core: _core.Text | _core.ContextTree
        if mode == "exact":
            self._core = _core.ContextTree(
                depth=_depth(48 if depth is None else depth),
                factored=factored is not False,
                estimator=_number(0.5 if estimator is None else estimator, "estimator"),
                leaf_bits=_number(1 if leaf_bits is None else leaf_bits, "leaf_bits"),
                tax=None if grue is None else TaxSpec.of(grue),
                memory_mib=_number(1024 if memory_mib is None else memory_mib, "memory_mib"),
            )
            return
        clearing = LogPool() if clearing is None else clearing
        if not isinstance(clearing, LogPool | Kelly):
            raise InputError(
                f"clearing {clearing!r} is not a rule by which texts clear inside; gm.LogPool() or gm.Kelly(fraction)"
            )
        self._core = _core.Text(
            memory_mib=_number(64 if memory_mib is None else memory_mib, "memory_mib"),
            orders=_orders(range(7) if orders is None else orders),
            word=word is not False,
            matches=match is not False,
            clearing=("log pool", clearing.step) if isinstance(clearing, LogPool) else ("Kelly", clearing.fraction),
            floor=clearing.floor if isinstance(clearing, LogPool) else LogPool.floor,
            estimator=_number(0.05 if estimator is None else estimator, "estimator"),
            limit=_number(64 if limit is None else limit, "limit"),
            endowment=_number(0.5 if endowment is None else endowment, "endowment"),
            seed=_seed(0 if seed is None else seed),
        )

    # --- A family

    def begin_episode(self) -> None:
        """Forgets the context of the last episode, not what was learned."""
        self._core.begin_episode()

    def forecast(self) -> npt.NDArray[np.float64]:
        """(2, 1) the probabilities of the next bit, 0 first; they sum to 1."""
        return self._core.forecast()

    def observe(self, outcome: int) -> None:
        """Sees the next bit, and learns from it unless frozen.

        Raises:
            InputError: `outcome` is neither 0 nor 1.
        """
        self._core.observe(int(_bit_array([outcome])[0]))

    def observe_all(self, outcomes: Any) -> npt.NDArray[np.float64]:
        """Forecasts and observes bit by bit: (T, 1) the probability of each bit that happened, before it was seen.

        Args:
            outcomes: bytes or text (read as UTF-8), eight bits a byte, most significant first; or an array of bits.

        Raises:
            InputError: an outcome is neither 0 nor 1.
            KeyboardInterrupt: Ctrl-C; what was read until then has been learned.
        """
        return self._core.read(_bit_array(outcomes))

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002 # `freeze(False)` reads well
        """While frozen, reading moves the episode's context and learns nothing: no belief, no wealth, no history."""
        self._core.freeze(frozen)

    @property
    def frozen(self) -> bool:
        """Whether nothing is learned."""
        return self._core.frozen

    def fork(self) -> Self:
        """An independent copy."""
        return self._of(self._core.fork())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves everything to a safetensors file: written beside it, synced, then renamed.

        Raises:
            OSError: the folder cannot be written, or the disk is full. What was at `path` before is still there.
        """
        self._core.save(Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The family that was saved to `path`; it goes on with the same bits.

        Raises:
            CheckpointError: the file is truncated, damaged, of a newer format or of something else.
            FileNotFoundError: there is none.
        """
        try:
            return cls._of(_core.Text.load(Path(path)))
        except CheckpointError as damaged:
            try:
                return cls._of(_core.ContextTree.load(Path(path)))
            except CheckpointError:
                raise damaged from None

    # --- Text

    def bits(self, data: Any) -> float:
        """Begins an episode and reads all of `data`: its code length in bits, each bit forecast before it is seen.

        `gm.Text().bits(data)` is the code length of reading `data` once from scratch.

        Args:
            data: bytes, or text (read as UTF-8).

        Raises:
            InputError: `data` is neither.
            KeyboardInterrupt: Ctrl-C; what was read until then has been learned.
        """
        given = _bytes(data)
        self._core.begin_episode()
        return self._core.bits(given)

    def byte_forecast(self) -> npt.NDArray[np.float64]:
        """(256,) the probabilities of the next byte, all positive; they sum to 1. Nothing moves.

        Each is the product of what its eight bits would be given if they were read now.

        Raises:
            InputError: some bits of a byte have been seen, but not all.
        """
        return self._core.byte_forecast()

    @property
    def traders(self) -> int:
        """How many traders have been asked, and are still in the tables."""
        return self._core.traders

    @property
    def awake(self) -> int:
        """How many traders bet on the next bit, the match among them; exact mode: how many nodes the context awakes."""
        return self._core.awake

    @property
    def memory_bytes(self) -> int:
        """What everything that the family holds takes; never more than `memory_mib`."""
        return self._core.memory_bytes

    def config(self) -> dict[str, Any]:
        """What tells it from others: its arguments, and what it has learned, as the bits of a fixed text."""
        probe = self.fork()
        probe.freeze()
        return {"text": repr(self), "probe_bits": probe.bits(PROBE)}

    def __repr__(self) -> str:
        """The arguments it was made with, and how it stands."""
        config: dict[str, Any] = dict(self._core.config)
        frozen = ", frozen" if self.frozen else ""
        if isinstance(self._core, _core.ContextTree):
            return f"<Text(mode='exact', {', '.join(f'{name}={value!r}' for name, value in config.items())}){frozen}>"
        given = (f"{name}={value!r}" for name, value in config.items() if name not in ("clearing", "floor", "matches"))
        rule, number = config["clearing"]
        clearing = LogPool(number, config["floor"]) if rule == "log pool" else Kelly(number)
        return f"<Text({', '.join(given)}, match={config['matches']}, clearing={clearing!r}){frozen}>"

    # --- Inside

    @classmethod
    def _of(cls, core: _core.Text | _core.ContextTree) -> Self:
        text = object.__new__(cls)
        text._core = core
        return text


def _bytes(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise InputError(f"data of type {type(data).__name__}; give bytes, or text to be read as UTF-8")


def _bit_array(outcomes: Any) -> npt.NDArray[np.uint8]:
    """Bits in uint8; bytes and text are taken apart, most significant bit first."""
    if isinstance(outcomes, str | bytes | bytearray | memoryview):
        return np.unpackbits(np.frombuffer(_bytes(outcomes), np.uint8))
    bits = integers(outcomes, "outcomes")
    wrong = bits[(bits < 0) | (bits > 1)]
    if len(wrong):
        raise InputError(f"outcome {wrong[0]}; a text is read as bits, 0 or 1, or give bytes")
    return bits.astype(np.uint8)


def _depth(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or not 0 <= given <= 64:
        raise InputError(f"depth {given!r}; give a whole number of bits from 0 to 64")
    return int(given)


def _orders(given: Iterable[int]) -> list[int]:
    try:
        orders = sorted(int(order) for order in integers(list(given), "orders"))
    except TypeError as error:
        raise InputError(f"orders {given!r}; give whole numbers, such as range(7)") from error
    if not orders or orders[0] < 0 or orders[-1] > 16 or len(set(orders)) < len(orders):
        raise InputError(f"orders {orders}; give at least one, different ones, from 0 to 16")
    return orders


def _number(given: Any, what: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float | np.integer | np.floating):
        raise InputError(f"{what} {given!r}; give a number")
    return float(given)


def _seed(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or not 0 <= given < 2**64:
        raise InputError(f"seed {given!r}; give a whole number from 0 to 2**64 - 1")
    return int(given)
