"""Clearing rules: how wealth and forecasts become a price."""

import math
from dataclasses import dataclass

from gruemarket.errors import InputError


@dataclass(frozen=True)
class Kelly:
    """Every trader bets a fraction of its wealth in proportion to its forecast (log utility).

    The price is the stake-weighted mean of the forecasts, `c_k = sum w b q_k / sum w b`, and a trader's wealth grows by
    `b q(x) / c(x) + 1 - b`. With `fraction=1` this is Bayes: prices are the mixture's, wealth is the posterior
    (Beygelzimer, Langford, Pennock 2012, arXiv 1201.6655). A smaller common fraction leaves the price of a round alone
    and slows the money.

    Args:
        fraction: the common factor of all stakes, in (0, 1].

    Raises:
        InputError: `fraction` is not in (0, 1].

    >>> Kelly(fraction=0.1)
    Kelly(fraction=0.1)
    """

    fraction: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise InputError(f"Kelly fraction {self.fraction} is not in (0, 1]; 1 stakes everything")


@dataclass(frozen=True)
class LogPool:
    """Every trader has exponential utility, and as much tolerance of risk as it stakes.

    The price is the stake-weighted geometric mean of the forecasts, `c_k` proportional to `prod q_k^(u / sum u)`. A
    unit staked earns `g = ln(q(x) / c(x)) - sum_k c_k ln(q_k / c_k)`, and the stakes are settled to `u exp(step g)`,
    scaled so that money is conserved: the exponentiated-gradient step of geometric mixing (Mattern 2013, "Linear and
    geometric mixtures"). Isoelastic utility tends to it as risk aversion grows, with `step` = 1 / risk aversion.

    `gm.Text` clears by it inside; `gm.Market` clears by `Kelly` so far.

    Args:
        step: how fast wealth follows the forecasts' gains, > 0 and finite.
        floor: forecasts are kept between this and 1 - `floor`, in (0, 1/2).

    Raises:
        InputError: `step` or `floor` is out of range.

    >>> LogPool(step=0.1)
    LogPool(step=0.1, floor=9.5367431640625e-07)
    """

    step: float = 0.3
    floor: float = 2.0**-20

    def __post_init__(self) -> None:
        if not (self.step > 0 and math.isfinite(self.step)):
            raise InputError(f"LogPool step {self.step} is not a finite number > 0; 0.3 suits text")
        if not 0 < self.floor < 0.5:
            raise InputError(f"LogPool floor {self.floor} is not in (0, 0.5); 2**-20 costs nobody much")
