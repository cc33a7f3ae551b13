"""Isoelastic traders: the price that clears markets in money of utility W^(1 - eta) / (1 - eta).

It is a Fisher market whose buyers have utilities of constant elasticity, so its equilibrium solves a convex programme
(Eisenberg and Gale 1959; Jain and Vazirani 2010): it exists, and the prices are unique. Here it is found as Walras
imagined it, one market after another. All outcomes but k are a bundle, at the relative prices that stand. To a trader
of risk aversion eta that bundle is one outcome to which it gives the probability

    Q = (sum_l p_l (q_l / p_l)^(1/eta))^eta,    p the prices within the bundle, which sum to 1

so k against its bundle is a market of two outcomes, and there the price is a root between the lowest and the highest
of the traders' own odds. Each such step minimises the convex function that the prices minimise (the programme's dual)
in one direction, so sweep after sweep it can only fall.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gruemarket.errors import NotClearedError
from gruemarket.reference.logs import log_mean
from gruemarket.run import Floats

SWEEPS = 2_000
TOLERANCE = 1e-12  # of every outcome's excess demand


def log_growth(log_price: Floats, log_forecast: Floats, aversion: Floats) -> Floats:
    """(K, N) ln G_i(k) = ln (q_ik / c_k)^(1/eta) / Z_i: what a unit that trader i stakes is worth when k happens.

    Z_i = sum_k c_k (q_ik / c_k)^(1/eta), so that it buys for what it stakes.
    """
    wish = (log_forecast - log_price[:, None]) / aversion
    return wish - log_mean(log_price, wish, axis=0)


def excess(log_price: Floats, log_shares: Floats, log_forecast: Floats, aversion: Floats) -> Floats:
    """(K,) ln of what is demanded of each outcome over what there is of it: 0 where the market clears."""
    return log_mean(log_shares, log_growth(log_price, log_forecast, aversion))


def bundled(log_price: Floats, log_forecast: Floats, aversion: Floats) -> Floats:
    """(N,) ln Q_i: the probability that each trader gives to a bundle of outcomes, of prices that sum to 1."""
    wish = (log_forecast - log_price[:, None]) / aversion
    return aversion * log_mean(log_price, wish, axis=0)


def root(falling: Callable[[float], float], near: float, reach: float) -> float:
    """Where a falling function crosses 0, to the last bits: bounds, then secants (Illinois) and now and then a half."""
    bound, value = [near, near], [falling(near)] * 2
    while value[0] and (value[0] > 0) == (value[1] > 0):
        side = int(value[0] > 0)  # where the root lies, which is where the bound moves
        bound, value = [bound[side]] * 2, [value[side]] * 2
        bound[side] += reach if side else -reach
        value[side], reach = falling(bound[side]), 4 * reach
    last = np.inf
    for step in range(400):
        (low, high), (at_low, at_high) = bound, value
        if at_low == 0 or at_high == 0:
            return low if at_low == 0 else high
        middle = (low + high) / 2 if step % 5 == 4 else low + (high - low) * at_low / (at_low - at_high)
        if not low < middle < high or abs(middle - last) <= 1e-15 * (1 + abs(middle)):
            break
        at, last = falling(middle), middle
        bound, value = ([middle, high], [at, at_high / 2]) if at > 0 else ([low, middle], [at_low / 2, at])
    return middle


def two_outcome_log_odds(
    log_shares: Floats, log_forecast: Floats, aversion: Floats, near: float, reach: float
) -> float:
    """Ln c_1 / c_0 of two outcomes. Below everybody's own odds all want more of outcome 1, above all want less."""

    def unbalance(log_odds: float) -> float:
        log_price = -np.logaddexp(0, np.array([log_odds, -log_odds]))
        none, one = excess(log_price, log_shares, log_forecast, aversion)
        return float(one - none)

    return root(unbalance, near, reach)


def isoelastic_log_price(
    log_shares: Floats, log_forecast: Floats, aversion: Floats, start: Floats
) -> tuple[Floats, int, float]:
    """(K,) ln c, the sweeps that it took, and the largest excess demand that is left.

    Args:
        log_shares: (N,) ln of each trader's part of all stakes.
        log_forecast: (K, N) ln q; to each outcome somebody gives a probability.
        aversion: (N,) eta.
        start: (K,) ln of the prices to begin with, which sum to 1.
    """
    log_price, moved, last, sweeps = start.copy(), np.full(len(start), 0.1), np.inf, 0
    while sweeps < SWEEPS:
        sweeps += 1
        for k in range(len(start) if len(start) > 1 else 0):
            rest = np.arange(len(start)) != k
            bundle = np.logaddexp.reduce(log_price[rest])
            within, before = log_price[rest] - bundle, log_price[k] - bundle
            pair = np.stack([bundled(within, log_forecast[rest], aversion), log_forecast[k]])
            log_odds = two_outcome_log_odds(log_shares, pair, aversion, before, moved[k] + 1e-12)
            log_price[k], log_price[rest] = -np.logaddexp(0, -log_odds), within - np.logaddexp(0, log_odds)
            moved[k] = abs(log_odds - before)
        size = float((moved / (1 + abs(log_price))).max())
        if len(start) <= 2 or size <= 4e-15 or last <= size <= 1e-9:  # the last is but rounding
            break
        last = size
    residual = float(abs(np.expm1(excess(log_price, log_shares, log_forecast, aversion))).max())
    if residual > TOLERANCE:
        raise NotClearedError(f"an excess demand of {residual:.3g} is left after {sweeps} sweeps; allowed: {TOLERANCE}")
    return log_price, sweeps, residual
