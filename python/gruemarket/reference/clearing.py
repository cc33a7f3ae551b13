"""Clearing rules: how stakes and forecasts become a price, and what a unit staked is worth when something happens.

All of them conserve money whatever happens: sum_i u_i G_i(x) = sum_i u_i for the stakes u and every outcome x.

Sources: Beygelzimer, Langford, Pennock 2012 (Kelly, arXiv 1201.6655); Freund et al. 1997 (specialists); Mattern 2013
(geometric mixing); Hanson 2003 and Chen and Pennock 2007 (logarithmic market scoring rule; exponential utility).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gruemarket.clearing import LMSR, Demand, Isoelastic, LogPool
from gruemarket.errors import InputError
from gruemarket.reference.demand import demand_price, demand_proceeds
from gruemarket.reference.isoelastic import isoelastic_log_price, log_growth
from gruemarket.reference.logs import NOTHING, log2, log_mean, total
from gruemarket.run import Floats

LN2 = np.log(2)


@dataclass(frozen=True)
class Cleared:
    """Log2 of the prices, (K,), and of G_i(x) by which what trader i staked grows when x happens, (N,)."""

    log2_price: Floats
    log2_growth: Callable[[int], Floats]
    passes: int = 0
    residual: float = 0.0


def clear(rule: Any, log2_stakes: Floats, log2_forecast: Floats, outcomes: int) -> Cleared:
    """The market of one round, from what everybody stakes and says. Where nobody stakes anything, nothing moves."""
    if total(log2_stakes) == NOTHING:
        return Cleared(np.full(len(log2_forecast), -np.log2(outcomes)), lambda _: np.zeros(len(log2_stakes)))
    match rule:
        case Isoelastic():
            return _isoelastic(rule, log2_stakes, log2_forecast)
        case LogPool():
            return _log_pool(rule, log2_stakes, log2_forecast)
        case LMSR():
            return _lmsr(rule, log2_stakes, log2_forecast)
        case Demand():
            return _demand(rule, log2_stakes, log2_forecast)
    return _kelly(log2_stakes, log2_forecast)


def grown(stakes: Floats, log2_growth: Floats) -> Floats:
    """Log2 of b_i G_i(x) + 1 - b_i, by which all of a trader's money grows: 0 for sleeping specialists."""
    return np.logaddexp2(log2(stakes) + log2_growth, log2(1 - stakes))


def _kelly(log2_stakes: Floats, log2_forecast: Floats) -> Cleared:
    """c_k = sum_i u_i q_ik / sum_i u_i, G_i(x) = q_ix / c_x."""
    log2_price = total(log2_stakes + log2_forecast) - total(log2_stakes)
    return Cleared(log2_price, lambda x: log2_forecast[x] - log2_price[x])


def _isoelastic(rule: Isoelastic, log2_stakes: Floats, log2_forecast: Floats) -> Cleared:
    """Who stakes nothing has no say; an outcome that nobody else thinks possible has the price 0."""
    aversion = np.broadcast_to(np.asarray(rule.aversion, dtype=float), log2_stakes.shape)
    awake = log2_stakes > NOTHING
    if rule.floor:
        log2_forecast = _floored(log2_forecast, rule.floor) / LN2
    log_price = _normed(LN2 * _kelly(log2_stakes, log2_forecast).log2_price)
    possible = log_price > NOTHING
    log_shares = LN2 * (log2_stakes - total(log2_stakes))[awake]
    said = LN2 * log2_forecast[np.ix_(possible, awake)]
    log_price[possible], sweeps, residual = isoelastic_log_price(log_shares, said, aversion[awake], log_price[possible])

    def log2_growth(x: int) -> Floats:
        growth = np.zeros(len(awake))
        growth[awake] = log_growth(log_price[possible], said, aversion[awake])[np.count_nonzero(possible[:x])]
        return np.asarray(growth / LN2)

    return Cleared(log_price / LN2, log2_growth, sweeps, residual)


def _floored(log2_forecast: Floats, floor: float) -> Floats:
    """Ln q, kept off 0 and 1. The forecasts no longer sum to 1, and nothing asks that of them."""
    return np.asarray(np.log(np.clip(np.exp2(log2_forecast), floor, 1 - floor)))


def _normed(log_price: Floats) -> Floats:
    return np.asarray(log_price - np.logaddexp.reduce(log_price))


def _profit(log_price: Floats, log_said: Floats) -> Floats:
    """(K, N) g_i(x) = ln (q_ix / c_x) - sum_k c_k ln (q_ik / c_k), of a unit staked at a tolerance of risk of 1."""
    edge = log_said - log_price[:, None]
    return np.asarray(edge - np.exp(log_price) @ edge)


def _log_pool(rule: LogPool, log2_stakes: Floats, log2_forecast: Floats) -> Cleared:
    """c_k ~ prod_i q_ik^(u_i / S), G_i(x) = e^(step g_i(x)) S / sum_j u_j e^(step g_j(x))."""
    log_said, log_shares = _floored(log2_forecast, rule.floor), LN2 * (log2_stakes - total(log2_stakes))
    log_price = _normed(log_said @ np.exp(log_shares))
    gain = rule.step * _profit(log_price, log_said)
    return Cleared(log_price / LN2, lambda x: (gain[x] - log_mean(log_shares, gain[x])) / LN2)


def _lmsr(rule: LMSR, log2_stakes: Floats, log2_forecast: Floats) -> Cleared:
    """A log pool with a maker: ln c_k = (b ln p_k + step sum_i u_i ln q_ik) / (b + step S) + constant.

    b = liquidity * u_maker. When x happens the maker pays M_x = b ln (c_x / p_x) to the others, who share it by what
    their trades leave them with: u_i G_i = u_i e^(step g_i) (S + M_x) / sum_j u_j e^(step g_j). Both are worked out
    from the maker's part in the price, b / (b + step S), so that they are exact however little the others stake.
    """
    others = log2_stakes.copy()
    others[rule.maker] = NOTHING
    if log2_stakes[rule.maker] == NOTHING:
        return _log_pool(LogPool(rule.step, rule.floor), others, log2_forecast)
    log_said = _floored(log2_forecast, rule.floor)
    log_quote = _normed(LN2 * log2_forecast[:, rule.maker])
    if rule.liquidity * -log_quote.min() >= 1:
        raise InputError(
            f"the maker quotes {np.exp(log_quote.min())}, and with the liquidity {rule.liquidity} it could lose all "
            "that it stakes; allowed: liquidity * ln(1 / quote) < 1"
        )
    if total(others) == NOTHING:
        return Cleared(log_quote / LN2, lambda _: np.zeros(len(log2_stakes)))
    log_shares = LN2 * (others - total(others))
    log_ratio = np.log(rule.liquidity / rule.step) + LN2 * (log2_stakes[rule.maker] - total(others))  # ln b / (step S)
    pull = np.exp(-np.logaddexp(0, log_ratio))  # of the others on the price; that of the maker is 1 - pull
    news = log_said @ np.exp(log_shares) - log_quote
    mean = log_mean(log_quote, pull * news) / pull if pull > 1e-200 else np.exp(log_quote) @ news  # the same at 0
    move = news - mean  # ln (c / p) / pull
    log_price = _normed(log_quote + pull * move)
    subsidy = rule.step * np.exp(-np.logaddexp(0, -log_ratio)) * move  # M_x / S
    gain = rule.step * _profit(log_price, log_said)

    def log2_growth(x: int) -> Floats:
        growth = gain[x] + np.log1p(subsidy[x]) - log_mean(log_shares, gain[x])
        growth[rule.maker] = np.log1p(-rule.liquidity * pull * move[x])
        return np.asarray(growth / LN2)

    return Cleared(log_price / LN2, log2_growth)


def _demand(rule: Demand, log2_stakes: Floats, log2_forecast: Floats) -> Cleared:
    """A price at which no outcome lets the traders gain more than a tolerance; settled at what they then buy.

    They count in shares of all that is staked, and who stakes nothing buys nothing.
    """
    money, forecast = np.exp2(log2_stakes - total(log2_stakes)), np.exp2(log2_forecast)

    def bought(price: Floats) -> Floats:
        shares = rule(price, forecast, money)
        if not np.all(np.isfinite(shares)):
            raise InputError(f"the demand {shares} at the prices {price}; allowed: finite numbers")
        return np.where(money > 0, shares, 0.0)

    price, calls, residual = demand_price(bought, len(forecast), rule.tolerance)
    proceeds = demand_proceeds(price, bought(price), money)
    growth = np.divide(proceeds, money, out=np.ones_like(proceeds), where=money > 0)
    return Cleared(log2(price), lambda x: log2(growth[x]), calls, residual)
