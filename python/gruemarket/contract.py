"""The contract of a family, as a test that users run on theirs."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gruemarket.errors import InputError
from gruemarket.families import Adapter, Outcomes, outcomes_of
from gruemarket.run import Floats


def check_family(family: Any, episodes: Any = None, *, seed: int = 0) -> None:
    """Checks that a family keeps the contract of `Family`, on forks of it.

    Forecasts sum to 1; they do not depend on what follows (no look-ahead); frozen means frozen; a fork goes on like the
    original, and independently; a saved and loaded copy goes on like the original from the next episode on;
    `observe_all` equals forecasting and observing one by one, bit for bit. The family itself is left as it was.

    Args:
        family: an object with every member of `Family`, and a class with `load(path)`.
        episodes: what to read, two episodes or more, each bytes, text or (T,) outcomes; None draws three of 160 random
            outcomes, which suits a family that can read anything.
        seed: of the random outcomes.

    Raises:
        InputError: what does not hold, and where it was seen, or a member is missing.
        ShapeError: forecasts of the wrong shape.

    >>> import gruemarket as gm
    >>> gm.check_family(gm.Table([[[0.9]] * 4] * 3), [[1, 0, 1, 1]] * 3)
    """
    adapter = Adapter(family, type(family).__name__)
    if episodes is None:
        rng = np.random.default_rng(seed)
        episodes = [rng.integers(adapter.outcomes, size=160) for _ in range(3)]
    read = [outcomes_of(episode, adapter.outcomes) for episode in episodes]
    if len(read) < 2:
        raise InputError("check_family needs two episodes or more")
    for check in (_one_by_one, _no_look_ahead, _forks, _frozen, _saved):
        check(adapter, read)


def _read(adapter: Adapter, episodes: list[Outcomes]) -> list[Floats]:
    rows = []
    for episode in episodes:
        adapter.begin_episode()
        rows.append(adapter.observe_all(episode))
    return rows


def _same(rows: list[Floats], others: list[Floats], message: str) -> None:
    for e, (row, other) in enumerate(zip(rows, others, strict=True)):
        if row.tobytes() != other.tobytes():
            t = int(np.argwhere(row != other)[0][0])
            raise InputError(f"{message}: round {t} of episode {e} has {row[t].tolist()} and {other[t].tolist()}")


def _one_by_one(adapter: Adapter, episodes: list[Outcomes]) -> None:
    at_once, one_by_one = adapter.fork(), adapter.fork()
    for episode in episodes:
        at_once.begin_episode()
        one_by_one.begin_episode()
        _same(
            [at_once.observe_all(episode)],
            [one_by_one._one_by_one(episode)],  # noqa: SLF001  # of this package
            f"{adapter.name}: observe_all differs from forecasting and observing one by one",
        )


def _no_look_ahead(adapter: Adapter, episodes: list[Outcomes]) -> None:
    first = episodes[0]
    half = len(first) // 2
    other = first.copy()
    other[half:] = (other[half:] + 1) % adapter.outcomes
    try:
        changed = _read(adapter.fork(), [other])[0][:half]
    except InputError:
        return  # what was recorded cannot have gone otherwise
    same = _read(adapter.fork(), [first])[0][:half]
    _same([same], [changed], f"{adapter.name}: looks ahead: forecasts change with what happens after them")


def _forks(adapter: Adapter, episodes: list[Outcomes]) -> None:
    original = adapter.fork()
    _read(original, episodes[:1])
    fork = original.fork()
    rows = _read(original, episodes[1:])
    _same(rows, _read(fork, episodes[1:]), f"{adapter.name}: a fork goes on otherwise, or shares what it learned")


def _frozen(adapter: Adapter, episodes: list[Outcomes]) -> None:
    family = adapter.fork()
    family.freeze(frozen=True)
    if not family.frozen:
        raise InputError(f"{adapter.name}: is not frozen after freeze()")
    before = _read(family, episodes[:1])
    _read(family, episodes[:1])
    _same(before, _read(family, episodes[:1]), f"{adapter.name}: learns though frozen")


def _saved(adapter: Adapter, episodes: list[Outcomes]) -> None:
    load: Callable[[Path], Any] | None = getattr(type(adapter.family), "load", None)
    if load is None:
        raise InputError(f"{adapter.name}: has no load(path)")
    original = adapter.fork()
    _read(original, episodes[:1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "family"
        original.save(path)
        loaded = Adapter(load(path), adapter.name)
    rows = _read(original, episodes[1:])
    _same(rows, _read(loaded, episodes[1:]), f"{adapter.name}: goes on otherwise after save and load")
