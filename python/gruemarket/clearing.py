"""Clearing rules: how wealth and forecasts become a price."""

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
