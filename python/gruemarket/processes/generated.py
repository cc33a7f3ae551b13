"""Generated processes: small machines drawn at random, no two alike."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.processes import measures
from gruemarket.processes.hidden import HiddenMarkov
from gruemarket.run import Floats

WEIGHTS = 4  # a probability is a weight over the state's sum of weights, each 1 to this
TRIES = 2000  # without a new machine, before the request is taken for too large

Form = tuple[tuple[tuple[int, float], ...], ...]


def generated(
    n: int,
    seed: int = 0,
    *,
    states: Iterable[int] = (2, 3, 4),
    outcomes: int = 2,
    without: Iterable[Any] = (),
) -> list[HiddenMarkov]:
    """Random epsilon-machines: unifilar, strongly connected, minimal, random in some state; no two the same process.

    Args:
        n: how many.
        seed: of the draws. The first of a larger n are the same.
        states: the numbers of states, one drawn for each machine.
        outcomes: K; every machine emits all of them.
        without: processes that none of them may be, such as those of another seed.

    Raises:
        InputError: numbers out of range, or more machines than were found.

    >>> [one.states for one in generated(4, seed=1)]
    [...]
    """
    sizes = [whole(size, "states", 1) for size in states]
    if not sizes:
        raise InputError("machines of no number of states; give one or more, such as (2, 3)")
    n, seed, outcomes = whole(n, "machines", 0), whole(seed, "seed", 0), whole(outcomes, "outcomes", 2)
    random = np.random.default_rng([seed, outcomes])
    forms = {canonical(one) for one in without if isinstance(one, HiddenMarkov) and one.is_unifilar}
    found: list[HiddenMarkov] = []
    tries = 0
    while len(found) < n:
        tries += 1
        if tries > TRIES:
            raise InputError(f"only {len(found)} machines of {sizes} states were found, not {n}; allow more states")
        machine = _drawn(random, int(random.choice(sizes)), outcomes, f"machine {seed}.{len(found)}")
        if machine is not None and (form := canonical(machine)) not in forms:
            forms.add(form)
            found.append(machine)
            tries = 0
    return found


def _drawn(random: np.random.Generator, states: int, outcomes: int, name: str) -> HiddenMarkov | None:
    """A machine, or None if it is not what is asked for."""
    emitted = random.random((states, outcomes)) < 2 / 3
    weights = random.integers(1, WEIGHTS + 1, (states, outcomes)) * emitted
    leads = random.integers(states, size=(states, outcomes))
    if not (emitted.any(axis=1).all() and emitted.any(axis=0).all() and (emitted.sum(axis=1) > 1).any()):
        return None
    transitions = np.zeros((outcomes, states, states))
    for s, x in np.argwhere(emitted):
        transitions[x, s, leads[s, x]] = weights[s, x] / weights[s].sum()
    reach = np.linalg.matrix_power(transitions.sum(axis=0) + np.eye(states), states)
    if not (reach > 0).all():
        return None
    machine = HiddenMarkov(transitions, name=name)
    return machine if len(set(measures.causal_states(transitions, machine.stationary))) == states else None


def canonical(machine: HiddenMarkov) -> Form:
    """The causal states of a unifilar machine, numbered in the way that makes the least table.

    Two stationary processes are the same if and only if these are.

    >>> from gruemarket.processes import periodic
    >>> canonical(periodic("01", phase=None)) == canonical(periodic("10", phase=None)) != canonical(periodic("011"))
    True
    """
    if not isinstance(machine, HiddenMarkov):
        raise InputError(f"{machine!r} is not a hidden Markov process; give such as gm.processes.golden_mean()")
    classes = measures.causal_states(machine.transitions, machine.stationary)
    rows = {c: _row(machine.transitions[:, s, :], classes) for s, c in enumerate(classes) if c >= 0}
    return min(_numbered(rows, first) for first in rows)


def _row(leaves: Floats, classes: list[int]) -> list[tuple[int, float]]:
    """For each symbol, the class that it leads to and its probability; -1 where it is not emitted."""
    return [(classes[int(row.argmax())], round(float(row.sum()), 12)) if row.any() else (-1, 0.0) for row in leaves]


def _numbered(rows: dict[int, list[tuple[int, float]]], first: int) -> Form:
    """The table with its states in the order in which they are met from `first` on."""
    order = [first]
    for state in order:  # which grows
        order.extend(dict.fromkeys(to for to, _ in rows[state] if to >= 0 and to not in order))
    place = {state: i for i, state in enumerate(order)} | {-1: -1}
    return tuple(tuple((place[to], chance) for to, chance in rows[state]) for state in order)
