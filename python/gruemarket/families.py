"""Families: dense clusters of traders behind one interface, cleared together exactly."""

import os
from collections.abc import Callable
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from gruemarket.arrays import vector
from gruemarket.checks import whole
from gruemarket.errors import InputError, ShapeError
from gruemarket.run import Floats

Outcomes = npt.NDArray[np.uint32]
SUM_TOLERANCE = 1e-6  # of an account's forecast
NEEDED = ("outcomes", "accounts", "begin_episode", "forecast", "observe", "freeze", "frozen")


@runtime_checkable
class Family(Protocol):
    """Accounts that forecast the next outcome of an episode, then see it.

    Any class with these members is a family, no subclass of this one; `check_family` says whether it keeps the
    contract. `fork`, `save` and the class's `load(path)` are asked for only where they are needed, as by redefinitions
    and run directories. A family may also have `observe_all(outcomes)`: (T,) outcomes to (T, accounts) probabilities of
    what happened, the same as forecasting and observing each in turn, but faster. And it may have
    `split_accounts(episodes, fresh=...)`, as `Programs` has: an inductor asks it, before it reads, whether accounts are
    to become several.

    Attributes:
        outcomes: K, the number of outcomes of a round. With 2, bytes and text are read as bits, the most significant
            first; with 256, byte by byte.
        accounts: the number of accounts N that it shows the market.
        bits: (N,) description length in bits of each account, given the family; log2 N each where there is none, or
            where it is a method.
        frozen: whether it learns nothing from what it observes.
    """

    outcomes: int
    accounts: int
    bits: Any
    frozen: bool

    def begin_episode(self) -> None:
        """Forgets the context of the last episode, not what was learned."""

    def forecast(self) -> Any:
        """(K, N) probabilities of the next outcome; each account's sum to 1."""

    def observe(self, outcome: int) -> None:
        """Sees the outcome, and learns from it unless frozen."""

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002  # freeze(False) thaws
        """Stops or resumes learning."""

    def fork(self) -> Self:
        """An independent copy."""

    def save(self, path: Any) -> None:
        """Writes it to a file that the class's `load(path)` reads."""


class Adapter:
    """A family as the engine calls it: every array checked, `observe_all` made up where the class has none."""

    def __init__(self, family: Any, name: str) -> None:
        missing = [part for part in NEEDED if not hasattr(family, part)]
        if missing:
            raise InputError(f"{name}: {type(family).__name__} is not a family; it lacks {', '.join(missing)}")
        self.family, self.name = family, name
        self.outcomes, self.accounts = int(family.outcomes), int(family.accounts)
        if self.outcomes < 2 or self.accounts < 1:
            raise InputError(f"{name}: {self.outcomes} outcomes and {self.accounts} accounts; 2 and 1 are the least")
        even = np.full(self.accounts, np.log2(self.accounts))
        given = getattr(family, "bits", even)
        # where it is a method, as `Text.bits(data)`, it says nothing of the accounts
        self.bits = vector(np.atleast_1d(even if given is None or callable(given) else given), f"{name}: bits").tolist()
        if len(self.bits) != self.accounts:
            raise ShapeError(f"{name}: {len(self.bits)} bits for {self.accounts} accounts")

    @property
    def frozen(self) -> bool:
        """Whether it learns nothing."""
        return bool(self.family.frozen)

    def freeze(self, frozen: bool) -> None:  # noqa: FBT001
        """Stops or resumes learning."""
        self._method("freeze")(frozen)

    def begin_episode(self) -> None:
        """Forgets the last episode's context."""
        self.family.begin_episode()

    def forecast(self) -> Floats:
        """(K, accounts) probabilities of the next outcome."""
        given = np.asarray(self.family.forecast(), dtype=np.float64)
        if given.shape == (self.outcomes,) and self.accounts == 1:
            given = given[:, None]
        if given.shape != (self.outcomes, self.accounts):
            raise ShapeError(
                f"{self.name}: a forecast of shape {given.shape}; give (outcomes, accounts) = "
                f"({self.outcomes}, {self.accounts})"
            )
        sums = given.sum(axis=0)
        wrong = np.flatnonzero(~(abs(sums - 1) <= SUM_TOLERANCE) | ~np.all(given >= 0, axis=0))
        if wrong.size:
            i = wrong[0]
            raise InputError(
                f"{self.name}: account {i} forecasts {given[:, i].tolist()}; give probabilities that sum to 1"
            )
        return np.ascontiguousarray(given)

    def observe(self, outcome: Outcomes) -> None:
        """(1,) the outcome."""
        self.family.observe(int(outcome[0]))

    def observe_all(self, outcomes: Outcomes) -> Floats:
        """(T,) outcomes to (T, accounts) probabilities of what happened."""
        if not hasattr(self.family, "observe_all"):
            return self._one_by_one(outcomes)
        given = np.asarray(self.family.observe_all(outcomes), dtype=np.float64)
        if given.shape == (len(outcomes),) and self.accounts == 1:
            given = given[:, None]
        if given.shape != (len(outcomes), self.accounts):
            raise ShapeError(
                f"{self.name}: observed {len(outcomes)} outcomes and returned shape {given.shape}; give "
                f"({len(outcomes)}, {self.accounts})"
            )
        if not np.all((given >= 0) & (given <= 1)):
            t, i = np.argwhere(~((given >= 0) & (given <= 1)))[0]
            raise InputError(f"{self.name}: round {t}, account {i}: {given[t, i]} is not a probability")
        return np.ascontiguousarray(given)

    def _one_by_one(self, outcomes: Outcomes) -> Floats:
        rows = np.empty((len(outcomes), self.accounts))
        for t, x in enumerate(outcomes.tolist()):
            rows[t] = self.forecast()[x]
            self.family.observe(x)
        return rows

    def split_accounts(self, episodes: list[Outcomes], *, fresh: bool) -> list[tuple[int, float]]:
        """(source, share) of each account from now on; empty if nothing changed."""
        if not hasattr(self.family, "split_accounts"):
            return []
        parts = [(int(source), float(share)) for source, share in self.family.split_accounts(episodes, fresh=fresh)]
        if parts and len(parts) != int(self.family.accounts):
            raise ShapeError(f"{self.name}: {len(parts)} parts for {self.family.accounts} accounts after a split")
        return parts

    def fork(self) -> "Adapter":
        """An independent copy."""
        return Adapter(self._method("fork")(), self.name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the family to a file."""
        self._method("save")(path)

    def _method(self, method: str) -> Callable[..., Any]:
        found = getattr(self.family, method, None)
        if found is None:
            raise InputError(f"{self.name}: {type(self.family).__name__} has no {method}(), which is needed here")
        return found  # type: ignore[no-any-return]


def count_of(symbols: Any, outcomes: Any) -> int:
    """K: as given, else one more than the largest symbol, at least 2.

    >>> count_of([0, 2], None), count_of([0, 2], 5)
    (3, 5)
    """
    if outcomes is not None:
        return whole(outcomes, "outcomes", 2)
    array = np.asarray(symbols)
    return max(2, int(array.max()) + 1) if array.size and array.dtype.kind in "biu" else 2


def outcomes_of(episode: Any, outcomes: int, what: str = "an episode") -> Outcomes:
    """An episode as (T,) outcomes: bytes and text as bits or bytes, whole numbers as they are.

    >>> outcomes_of(b"A", 2).tolist()
    [0, 1, 0, 0, 0, 0, 0, 1]
    """
    if isinstance(episode, str):
        episode = episode.encode()
    if isinstance(episode, bytes | bytearray | memoryview):
        if outcomes == 2:
            return np.unpackbits(np.frombuffer(episode, np.uint8)).astype(np.uint32)
        if outcomes == 256:
            return np.frombuffer(episode, np.uint8).astype(np.uint32)
        raise InputError(f"{what} of bytes for {outcomes} outcomes; bytes are read with 2 (as bits) or 256")
    array = np.asarray(episode)
    if array.ndim != 1:
        raise ShapeError(f"{what} of shape {array.shape}; give one axis")
    if array.size and (array.dtype.kind not in "biu" or array.min() < 0 or array.max() >= outcomes):
        raise InputError(f"{what} with {array.dtype} {array[:5].tolist()} ...; give whole numbers 0 to {outcomes - 1}")
    return np.ascontiguousarray(array, dtype=np.uint32)
