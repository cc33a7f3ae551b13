"""Prices for traders who are known only by what they would buy, any continuous function of the prices.

The prices c are those at which no outcome x lets the traders together gain more than a tolerance,

    max_x D_x - c . D <= tolerance,    D_x the shares of outcome x that are bought at the prices c,

as Garrabrant et al. 2016 (Logical induction, arXiv 1609.03543, section 5.1) use a fixed point to fool every trader. It
is a variational inequality on the simplex. Two outcomes are solved by bisection. More are solved by mirror-prox
(Nemirovski 2004): prices rise where more is bought, and the step is judged at where it leads. That arrives wherever
demand falls as prices rise, as that of risk-averse traders does; where it does not arrive it says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gruemarket.errors import InputError, NotClearedError
from gruemarket.run import Floats

CALLS = 50_000

Bought = Callable[[Floats], Floats]


def gains(price: Floats, bought: Floats) -> Floats:
    """(K,) what all traders together gain by outcome: D_x - c . D."""
    in_all = bought.sum(axis=1)
    return np.asarray(in_all - price @ in_all)


def demand_price(bought: Bought, outcomes: int, tolerance: float) -> tuple[Floats, int, float]:
    """(K,) the prices, how often the demand was asked for, and the most that the traders can gain."""
    return _bisection(bought, tolerance) if outcomes == 2 else _mirror_prox(bought, outcomes, tolerance)


def demand_proceeds(price: Floats, bought: Floats, stakes: Floats) -> Floats:
    """(K, N) what trader i has of its stake when x happens, u_i + d_ix - c . d_i, scaled so that money is conserved."""
    proceeds = stakes + bought - price @ bought
    for x, i in np.argwhere(proceeds < -1e-12 * stakes):
        raise InputError(
            f"trader {i} would have {proceeds[x, i]} of its stake {stakes[i]} when outcome {x} happens; allowed: a "
            "demand that risks no more than the stake"
        )
    proceeds = np.maximum(proceeds, 0)
    return np.asarray(proceeds * stakes.sum() / proceeds.sum(axis=1, keepdims=True))


def _bisection(bought: Bought, tolerance: float) -> tuple[Floats, int, float]:
    """Where more is bought of outcome 1 its price rises. The ends are not asked for: a demand may be endless there."""
    low, high, best = 0.0, 1.0, np.inf
    for call in range(1, 1_100):
        one = (low + high) / 2
        gain = gains(price := np.array([1 - one, one]), bought(price))
        best = min(best, gain.max())
        if gain.max() <= tolerance:
            return price, call, gain.max()
        low, high = (one, high) if gain[1] > gain[0] else (low, one)
        if not low < (low + high) / 2 < high:
            break
    raise _not_cleared(best, call, tolerance)


def _mirror_prox(bought: Bought, outcomes: int, tolerance: float) -> tuple[Floats, int, float]:
    price, step, best = np.full(outcomes, 1 / outcomes), 1.0, np.inf
    for calls in range(2, CALLS, 2):
        gain = gains(price, bought(price))
        best = min(best, gain.max())
        if gain.max() <= tolerance:
            return price, calls, gain.max()
        ahead = _shifted(price, step * gain)
        there = gains(ahead, bought(ahead))
        way = abs(ahead - price).sum()
        if step * abs(there - gain).max() <= 0.7 * way:
            price, step = _shifted(price, step * there), 1.2 * step
        else:  # demand bends too much for so long a step
            step *= 0.5
    raise _not_cleared(best, calls, tolerance)


def _shifted(price: Floats, by: Floats) -> Floats:
    log_price = np.log(price) + by
    shifted = np.exp(log_price - log_price.max())
    return np.asarray(shifted / shifted.sum())


def _not_cleared(best: float, calls: int, tolerance: float) -> NotClearedError:
    return NotClearedError(
        f"no prices were found at which the traders cannot gain: at the best ones some outcome brings them {best:.3g} "
        f"after {calls} calls of the demand; allowed: {tolerance:.3g}"
    )
