"""Input, checked before anything moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket.clearing import LMSR, Isoelastic
from gruemarket.errors import InputError
from gruemarket.reference.logs import SUM_TOLERANCE, total
from gruemarket.run import Floats


@dataclass(frozen=True)
class Rounds:
    """The checked rounds of one episode."""

    log2_forecasts: Floats  # (T, K, N), or (T, 1, N) likelihoods of what happened
    stakes: Floats  # (T, N) with the market's common fraction
    outcomes: npt.NDArray[np.int64] | None  # (T,)
    paid: npt.NDArray[np.int64]  # (T,) the row of the forecast that is paid


def shares(what: str, given: npt.ArrayLike, shape: tuple[int, int]) -> Floats:
    """Numbers from 0 to 1, (rounds, traders)."""
    checked = np.asarray(given, dtype=float)
    if checked.shape != shape:
        raise InputError(f"{what}s of shape {checked.shape}; allowed: {shape}")
    for t, i in np.argwhere(~((checked >= 0) & (checked <= 1))):
        raise InputError(f"{what} {checked[t, i]} in round {t} of trader {i}; allowed: 0 to 1")
    return checked


def simplex(given: npt.ArrayLike, shape: tuple[int, int, int]) -> Floats:
    """Forecasts, (rounds, outcomes, traders); two outcomes may be given by the probability of outcome 1."""
    rounds, outcomes, traders = shape
    tolerance = 1e-4 if np.asarray(given).dtype == np.float32 else 1e-6
    forecasts = np.asarray(given, dtype=float)
    if forecasts.ndim == 2 and outcomes == 2:
        one = shares("forecast", forecasts, (rounds, traders))
        return np.stack([1 - one, one], axis=1)
    if forecasts.shape != shape:
        raise InputError(f"forecasts of shape {forecasts.shape}; allowed: {shape}")
    sums = forecasts.sum(axis=1)
    for t, i in np.argwhere(~(abs(sums - 1) <= tolerance) | ~np.all(forecasts >= 0, axis=1)):
        raise InputError(f"forecast {forecasts[t, :, i]} in round {t} of trader {i}; allowed: shares that sum to 1")
    return forecasts


def endowment(log2_cash: Floats, *, normalize: bool = False) -> tuple[Floats, float]:
    """Cash by trader, and what it leaves in the reserve for good. A sum within 1e-9 of 1 counts as 1."""
    money = float(np.exp2(total(log2_cash)))
    if normalize or abs(money - 1) <= SUM_TOLERANCE:
        return log2_cash - total(log2_cash), 0.0
    if money > 1:
        raise InputError(f"the shares sum to {money}; allowed: at most 1. normalize=True divides a prior by its sum")
    return log2_cash, 1 - money


def check_rule(rule: Any, outcomes: int, traders: int) -> None:
    """What a clearing rule asks of the market."""
    if isinstance(rule, Isoelastic) and np.shape(rule.aversion) not in ((), (traders,)):
        raise InputError(f"{np.size(rule.aversion)} aversions; allowed: one number, or {traders}, one for each trader")
    if isinstance(rule, LMSR) and not 0 <= rule.maker < traders:
        raise InputError(f"maker {rule.maker}; allowed: a trader, 0 to {traders - 1}")
    if isinstance(rule, LMSR) and rule.liquidity * np.log(outcomes) >= 1:
        raise InputError(
            f"liquidity {rule.liquidity} for {outcomes} outcomes; allowed: less than 1 / ln {outcomes} = "
            f"{1 / np.log(outcomes):.3g}, so that the maker cannot lose all that it stakes"
        )
