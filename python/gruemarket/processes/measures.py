"""Entropies of hidden Markov machines, by their states and by their mixed states."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gruemarket.run import Floats

MOST = 1 << 16  # mixed states that are looked at
GAP = 1e-9  # bits that are taken for none
NEGLIGIBLE = 1e-14  # probability of a mixed state that is dropped
DIGITS = 12  # in which equal mixed states agree


def entropy(rows: Floats) -> Floats:
    """(...,) entropy in bits of the distributions on the last axis."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(rows > 0, rows * np.log2(rows), 0.0)
    return np.asarray(0.0 - terms.sum(axis=-1))


def long_run(chain: Floats) -> Floats:
    """(S, S) the share of time that a chain, begun in s, spends in s' in the long run.

    The lazy chain (P + 1)/2 has no periods, so its powers settle on just these averages; 2^64 steps are 64 squarings.
    """
    power = (chain + np.eye(len(chain))) / 2
    for _ in range(64):
        power = power @ power
        power /= power.sum(axis=1, keepdims=True)
    power[power < NEGLIGIBLE] = 0
    return np.asarray(power / power.sum(axis=1, keepdims=True))


def unifilar_rate(emits: Floats, stationary: Floats) -> float:
    """The entropy rate where state and symbol determine the next state: the mean entropy of a state's symbol."""
    return float(stationary @ entropy(emits))


def conditional_entropies(transitions: Floats, beliefs: Floats, weights: Floats) -> Iterator[float]:
    """H(X_L | X_1 .. X_(L-1), which belief was first) for L = 1, 2, ...; ends when mixed states become too many.

    Words that lead to the same mixed state are one: what follows depends on nothing else.
    """
    emits = transitions.sum(axis=2).T
    looked = 0
    while (looked := looked + len(beliefs)) <= MOST:
        yield float(weights @ entropy(beliefs @ emits))
        joint = np.einsum("ms,xst->xmt", beliefs, transitions).reshape(-1, beliefs.shape[1])
        chances = joint.sum(axis=1)
        mass = np.tile(weights, len(transitions)) * chances
        kept = mass > NEGLIGIBLE
        beliefs, weights = _merged(joint[kept] / chances[kept, None], mass[kept])


def _merged(beliefs: Floats, weights: Floats) -> tuple[Floats, Floats]:
    _, first, place = np.unique(np.round(beliefs, DIGITS) + 0.0, axis=0, return_index=True, return_inverse=True)
    return beliefs[first], np.bincount(place.ravel(), weights).astype(np.float64)


def rate_bounds(transitions: Floats, stationary: Floats) -> tuple[float, float]:
    """The bounds of the entropy rate with the first state known, and unknown; both settle on it."""
    low, high = 0.0, np.inf
    known = conditional_entropies(transitions, np.eye(len(stationary)), stationary)
    unknown = conditional_entropies(transitions, stationary[None, :], np.ones(1))
    for below, above in zip(known, unknown, strict=False):
        low, high = max(low, below), min(high, above)
        if high - low <= GAP:
            break
    return low, high


def excess(transitions: Floats, stationary: Floats, rate: float) -> float | None:
    """The sum over L of H(X_L | X_1 .. X_(L-1)) - rate; None if it does not settle.

    The terms never rise, so the sum is over once one is 0.
    """
    total = 0.0
    for one in conditional_entropies(transitions, stationary[None, :], np.ones(1)):
        total += max(0.0, one - rate)
        if one - rate <= GAP:
            return total
    return None


def causal_states(transitions: Floats, stationary: Floats) -> list[int]:
    """The class of each state: states from which all futures have the same probabilities, by refinement.

    Of a unifilar machine; states that the long run never visits are in class -1.
    """
    visited = stationary > 0
    emits, leads = transitions.sum(axis=2).T, transitions.argmax(axis=2).T
    rows: list[tuple[object, ...]] = [tuple(np.round(row, DIGITS)) for row in emits]
    classes = _numbered(rows, visited)
    while True:
        rows = [
            (classes[s], *(classes[leads[s, x]] if emits[s, x] > 0 else -1 for x in range(len(transitions))))
            for s in range(len(stationary))
        ]
        finer = _numbered(rows, visited)
        if max(finer) == max(classes):
            return finer
        classes = finer


def _numbered(rows: list[tuple[object, ...]], visited: npt.NDArray[np.bool_]) -> list[int]:
    numbers: dict[tuple[object, ...], int] = {}
    return [numbers.setdefault(row, len(numbers)) if seen else -1 for row, seen in zip(rows, visited, strict=True)]


def causal_entropy(transitions: Floats, stationary: Floats) -> float:
    """The entropy of the causal states of a unifilar machine, in bits."""
    classes = np.array(causal_states(transitions, stationary))
    mass = np.bincount(classes[classes >= 0], stationary[classes >= 0]).astype(np.float64)
    return float(entropy(mass))
