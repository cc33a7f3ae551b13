"""The market maker: prices at which what traders buy gains no more than a tolerance in any world."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gruemarket._core import clear_features
from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.logic.features import Feature, constant
from gruemarket.logic.numbers import exact, mapping, unit
from gruemarket.logic.steps import Prices, compiled


@dataclass(frozen=True)
class Cleared:
    """Prices, and what is known of the demand at them.

    Attributes:
        prices: of every sentence that is traded, in [0, 1].
        certificate: `sum_j max(d_j (1 - V_j), -d_j V_j)` for demand d at these prices V, the most that any table of
            truth values lets the traders gain; where the demand was enclosed only, no less than that.
        demand: numbers between which what is bought of each sentence lies; the same number twice where it is exact.
        solver: what found the prices: "start", "line", "coupled", or with "deep" beyond the precision of floats.
        evaluations: how often demand was worked out.
    """

    prices: dict[Any, Fraction]
    certificate: Fraction
    demand: dict[Any, tuple[Fraction, Fraction]]
    solver: str
    evaluations: int


@dataclass(frozen=True)
class MarketMaker:
    """Finds prices at which no world lets a strategy gain more than the tolerance.

    That is the market maker of logical induction (Garrabrant et al. 2016, arXiv 1609.03543, definition 5.1.1). Prices
    are looked for in floats, and beyond their precision where the tolerance asks for it; the certificate is then worked
    out exactly, so it holds however they were found. Sentences whose prices do not depend on each other are priced
    apart.

    Args:
        tolerance: the most that may be gained, > 0. A float counts as exactly what it is.
        polish: the certificate that is aimed at where the tolerance is greater; None for the tolerance itself.
        evaluations: evaluations of a demand after which nothing new is tried, >= 1.

    Raises:
        InputError: a number is out of range.

    >>> import gruemarket as gm
    >>> p, q = gm.logic.price("p"), gm.logic.price("q")
    >>> cleared = gm.logic.MarketMaker(tolerance=2**-20)({"p": gm.logic.maximum(p, q), "q": 1 - p - q})
    >>> cleared.prices, cleared.certificate
    ({'p': Fraction(1, 1), 'q': Fraction(0, 1)}, Fraction(0, 1))
    """

    tolerance: Any = Fraction(1, 2**20)
    polish: Any = Fraction(1, 2**40)
    evaluations: int = 20_000

    def __post_init__(self) -> None:
        for name in ("tolerance", "polish"):
            given = getattr(self, name)
            if given is None and name == "polish":
                continue
            value = exact(given, name)
            if value <= 0:
                raise InputError(f"{name} {given} is not above 0; it is the most that any world lets the traders gain")
            object.__setattr__(self, name, value)
        whole(self.evaluations, "evaluations", least=1)

    def __call__(
        self,
        strategy: Mapping[Hashable, Any],
        start: Prices | None = None,
        *,
        day: int = 1,
        past: Sequence[Prices] = (),
    ) -> Cleared:
        """Clears.

        Args:
            strategy: what is bought of each sentence: a feature or a number. Only these sentences are traded; where a
                feature reads another's price of today, that is 0.
            start: prices to begin at, such as yesterday's: where several will do, one near these is found. 1/2 where
                nothing is said.
            day: today, for features that read past prices.
            past: the prices of the days before, from day 1 on.

        Raises:
            InputError: a feature reads a day after today, or a price is not in [0, 1].
            NotClearedError: no such prices were found; says how near the best came.

        >>> import gruemarket as gm
        >>> gm.logic.MarketMaker(tolerance=0.5)({"p": 0}, start={"p": 0.25}).prices  # nobody trades: as it was
        {'p': Fraction(1, 4)}
        """
        mapping(strategy, "a strategy")
        mapping(start or {}, "prices to start from")
        features = [bought if isinstance(bought, Feature) else constant(bought) for bought in strategy.values()]
        program, sentences = compiled(features, day=day, past=past, traded=list(strategy))
        begin = [unit((start or {}).get(s, Fraction(1, 2)), f"price of {s} to start from") for s in sentences]
        prices, certificate, demand, solver, evaluations = clear_features(
            program, begin, self.tolerance, self.polish, min(self.evaluations, 2**32 - 1), simple_fractions=True
        )
        return Cleared(
            dict(zip(sentences, prices, strict=True)),
            certificate,
            dict(zip(sentences, demand, strict=True)),
            solver,
            evaluations,
        )
