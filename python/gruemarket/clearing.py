"""Clearing rules: how wealth and forecasts become a price.

Trader i stakes `u_i = w_i b_i` and forecasts `q_i`; S is the sum of all stakes. A rule finds the prices c, which sum to
1, and what a unit staked grows to if x happens, `G_i(x)`; then `w_i <- u_i G_i(x) + (1 - b_i) w_i`. Money is conserved
for every outcome, also those that do not happen: `sum_i u_i G_i(x) = S`.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gruemarket.arrays import floats, vector
from gruemarket.errors import InputError, ShapeError

Floats: TypeAlias = npt.NDArray[np.float64]
DemandFunction: TypeAlias = Callable[[Floats, Floats, Floats], npt.ArrayLike]

LEAST_AVERSION, MOST_AVERSION = 1 / 16, 1e6


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
        _check_numbers(self, "fraction")
        if not 0 < self.fraction <= 1:
            raise InputError(f"Kelly fraction {self.fraction} is not in (0, 1]; 1 stakes everything")


@dataclass(frozen=True)
class LogPool:
    """Every trader has exponential utility, and as much tolerance of risk as it stakes.

    The price is the stake-weighted geometric mean of the forecasts, `c_k` proportional to `prod q_k^(u / sum u)`. A
    unit staked earns `g = ln(q(x) / c(x)) - sum_k c_k ln(q_k / c_k)`, and the stakes are settled to `u exp(step g)`,
    scaled so that money is conserved: the exponentiated-gradient step of geometric mixing (Mattern 2013, "Linear and
    geometric mixtures"). `Isoelastic` tends to it as risk aversion grows, with `step` = 1 / risk aversion.

    Args:
        step: how fast wealth follows the forecasts' gains, > 0 and finite.
        floor: forecasts are kept between this and 1 - `floor`, in (0, 1/2).

    Raises:
        InputError: `step` or `floor` is out of range.

    >>> import gruemarket as gm
    >>> market = gm.Market([1, 1], clearing=gm.LogPool(step=0.1))
    >>> market.price([0.9, 0.5]).round(3).tolist()  # odds of sqrt(9) : 1
    [0.25, 0.75]
    """

    step: float = 0.3
    floor: float = 2.0**-20

    def __post_init__(self) -> None:
        _check_numbers(self, "step", "floor")
        if not (self.step > 0 and math.isfinite(self.step)):
            raise InputError(f"LogPool step {self.step} is not a finite number > 0; 0.3 suits text")
        if not 0 < self.floor < 0.5:
            raise InputError(f"LogPool floor {self.floor} is not in (0, 0.5); 2**-20 costs nobody much")

    def to_dict(self) -> dict[str, Any]:
        """The rule in plain values."""
        return {"kind": "logpool"} | asdict(self)


@dataclass(frozen=True, eq=False)
class Isoelastic:
    """Traders of constant relative risk aversion eta: utility `W^(1 - eta) / (1 - eta)`, `ln W` at 1.

    Of its stake a trader spends on outcome k the share `s_k`, in proportion to `c_k (q_k / c_k)^(1 / eta)`, and so
    holds `u s_k / c_k`, which is what the stake becomes if k happens. The market clears where
    `sum_i u_i s_ik / c_k = S` for every k: a Fisher market of CES utilities, whose price is unique. Found by Newton's
    method to 1e-12 of S (`Run.residual`). Aversion 1 is `Kelly()`; below it traders are bold, above it they keep nearer
    to the price, so that money moves slowly: the higher, the nearer to `LogPool(step=1 / eta)`. An outcome to which
    nobody awake gives any probability has the price 0; so has one whose price would be below 1e-300, as where most rule
    it out and aversion is great.

    Args:
        aversion: eta, in [1/16, 1e6]: one number, or (N,) each trader's own.
        floor: forecasts are kept between this and 1 - `floor`, in [0, 1/2); 0 takes them as given.

    Raises:
        InputError: an aversion or `floor` is out of range.
        NotClearedError: raised by the market where no price was found.

    >>> import gruemarket as gm
    >>> for aversion in (0.5, 1, 4):
    ...     market = gm.Market([1, 1], clearing=gm.Isoelastic(aversion))
    ...     run = market.run([[0.9, 0.5]], [1])
    ...     print(run.prices[0].round(3), market.wealth.round(3))
    [0.341 0.659] [0.741 0.259]
    [0.3 0.7] [0.643 0.357]
    [0.264 0.736] [0.536 0.464]
    """

    aversion: float | npt.ArrayLike
    floor: float = 0.0

    def __post_init__(self) -> None:
        given = floats(self.aversion, "aversion").astype(np.float64, copy=True)
        if given.ndim > 1:
            raise ShapeError(f"aversion: shape {given.shape}; give one number, or one for each trader")
        wrong = np.flatnonzero(~((given >= LEAST_AVERSION) & (given <= MOST_AVERSION)))
        if wrong.size:
            whose = f" of trader {wrong[0]}" if given.ndim else ""
            raise InputError(
                f"aversion {given.flat[wrong[0]]}{whose} is not in [1/16, 1e6]; 1 is Kelly, more is more cautious"
            )
        given.flags.writeable = False
        object.__setattr__(self, "aversion", given if given.ndim else float(given))
        _check_numbers(self, "floor")
        if not 0 <= self.floor < 0.5:
            raise InputError(f"Isoelastic floor {self.floor} is not in [0, 0.5); 0 takes forecasts as given")

    def to_dict(self) -> dict[str, Any]:
        """The rule in plain values."""
        return {"kind": "isoelastic", "aversion": np.asarray(self.aversion).tolist(), "floor": self.floor}

    def __repr__(self) -> str:
        floor = f", floor={self.floor}" if self.floor else ""
        return f"Isoelastic(aversion={self.aversion!r}{floor})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Isoelastic) or self.floor != other.floor:
            return False
        return np.array_equal(np.asarray(self.aversion), np.asarray(other.aversion))

    def __hash__(self) -> int:
        return hash((np.asarray(self.aversion).tobytes(), self.floor))


@dataclass(frozen=True)
class LMSR:
    """A market maker that always quotes, by the logarithmic market scoring rule (Hanson 2003, 2007).

    One trader is the maker. Its forecast p is its opening quote, uniform in the classical rule; its liquidity is
    `b = liquidity * u_maker`. The others trade with it, with exponential utility and risk tolerance `step * u_i`, so
    the price is in proportion to `exp((b ln p_k + sum_i step u_i ln q_ik) / (b + step S))`, where S is what the others
    stake (Chen and Pennock 2007). If x happens the maker has paid `b ln(c_x / p_x)`, the rule's cost function: at most
    `b ln(1 / p_x)`, which is `b ln K` for a uniform quote. The others share that, and settle among themselves as in
    `LogPool`. Where nobody else is awake the price is p; where the maker sleeps it is a log pool of the others.

    Args:
        liquidity: b as a share of what the maker stakes, > 0; `liquidity * ln(1 / p_k)` must be below 1.
        maker: which trader it is.
        step: how fast the others trade, > 0; `step * ln(1 / floor)` must be below 1, so that they can pay.
        floor: their forecasts are kept between this and 1 - `floor`, in (0, 1/2).

    Raises:
        InputError: a number is out of range, or the maker could lose more than it stakes.

    >>> import gruemarket as gm
    >>> market = gm.Market([1, 1], clearing=gm.LMSR(liquidity=0.05, maker=0))
    >>> market.price([0.5, 0.9]).round(3).tolist()  # as much liquidity as tolerance: halfway, in log odds
    [0.25, 0.75]
    >>> market.price([0.5, 0.9], stakes=[1, 0]).tolist()  # it quotes whoever sleeps
    [0.5, 0.5]
    """

    liquidity: float
    maker: int = 0
    step: float = 0.05
    floor: float = 2.0**-20

    def __post_init__(self) -> None:
        _check_numbers(self, "liquidity", "step", "floor")
        if not (self.liquidity > 0 and math.isfinite(self.liquidity)):
            raise InputError(f"LMSR liquidity {self.liquidity} is not a finite number > 0; 0.1 suits few outcomes")
        _check_maker(self.maker)
        if not (self.step > 0 and math.isfinite(self.step)):
            raise InputError(f"LMSR step {self.step} is not a finite number > 0; 0.05 goes with the default floor")
        if not 0 < self.floor < 0.5:
            raise InputError(f"LMSR floor {self.floor} is not in (0, 0.5); 2**-20 goes with the default step")
        if (lost := self.step * -math.log(self.floor)) >= 1:
            raise InputError(
                f"LMSR step {self.step} with floor {self.floor}: traders could lose {lost:.3g} of what they stake; "
                "step * ln(1 / floor) must be below 1, so take a smaller step or a higher floor"
            )

    def to_dict(self) -> dict[str, Any]:
        """The rule in plain values."""
        return {"kind": "lmsr"} | asdict(self) | {"maker": int(self.maker)}


@dataclass(frozen=True)
class Demand:
    """Any continuous demand, given as a function: what each trader buys at given prices.

    A share of outcome k costs `c_k` and pays 1 if k happens, so `u_i G_i(x) = u_i + d_ix - sum_k c_k d_ik`. The price
    carries the certificate of logical induction (Garrabrant et al. 2016, arXiv 1609.03543): with D the sum of what all
    buy, `max_x (D_x - c.D) <= tolerance * S` (`Run.residual`), so no outcome lets the traders gain more together. What
    is left is made up by scaling, so that money is conserved.

    The function is called many times a round (`Run.passes`), by one thread, also at prices of 0, and must give the same
    for the same. A market that clears by one cannot be saved.

    Args:
        fn: `fn(price (K,), forecasts (K, N), money (N,))` -> (K, N) shares. `money` is what the traders stake as shares
            of S, 0 for sleepers; of sparse rounds it sees those who are listed, in their order.
        tolerance: in (0, 1).

    Raises:
        InputError: `fn` cannot be called, or `tolerance` is out of range; raised by the market where a trader could
            lose more than it stakes, or a demand is not a finite number.
        NotClearedError: raised by the market where no price was found. Errors of `fn` itself are passed on.

    >>> import gruemarket as gm
    >>> def linear(price, forecasts, money):
    ...     return money * (forecasts - price[:, None])
    >>> market = gm.Market([1, 1], clearing=gm.Demand(linear))
    >>> market.price([0.9, 0.5]).round(6).tolist()
    [0.3, 0.7]
    """

    fn: DemandFunction
    tolerance: float = 1e-9

    def __post_init__(self) -> None:
        if not callable(self.fn):
            raise InputError(f"Demand {self.fn!r} cannot be called; give fn(price, forecasts, money) -> (K, N) shares")
        _check_numbers(self, "tolerance")
        if not 0 < self.tolerance < 1:
            raise InputError(f"Demand tolerance {self.tolerance} is not in (0, 1); 1e-9 is the default")

    def to_dict(self) -> dict[str, Any]:
        """The rule in plain values: the function by its name, from which it cannot be had again."""
        name = getattr(self.fn, "__qualname__", type(self.fn).__qualname__)
        return {"kind": "demand", "fn": f"{self.fn.__module__}.{name}", "tolerance": self.tolerance}

    def __call__(self, price: Floats, forecasts: Floats, money: Floats) -> Floats:
        """(K, N) what the function says, checked; the engine asks by this."""
        bought = floats(self.fn(price, forecasts, money), "the demand function's answer")
        if bought.shape != forecasts.shape:
            raise ShapeError(f"the demand function answered with shape {bought.shape}; give {forecasts.shape}")
        return bought.astype(np.float64, copy=False)


def _check_numbers(of: Any, *names: str) -> None:
    for name in names:
        given = getattr(of, name)
        if isinstance(given, bool) or not isinstance(given, Real):
            raise InputError(f"{type(of).__name__} {name} {given!r} is not a number")


def _check_maker(given: Any) -> None:
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 0:
        raise InputError(f"LMSR maker {given!r} is not a trader's index; give a whole number >= 0")


Clearing: TypeAlias = Kelly | Isoelastic | LogPool | LMSR | Demand


# --- As the engine has them


@dataclass(frozen=True)
class RuleSpec:
    """A clearing rule as the engine reads it."""

    kind: str
    numbers: list[float]
    each: Floats | None = None
    maker: int = 0
    function: Demand | None = None

    @classmethod
    def of(cls, clearing: Any) -> "RuleSpec":
        """The engine's form of a rule; None is `Kelly()`."""
        if clearing is None or isinstance(clearing, Kelly):
            return cls("kelly", [1.0 if clearing is None else clearing.fraction])
        if isinstance(clearing, Isoelastic):
            eta, floor = clearing.aversion, float(clearing.floor)
            if isinstance(eta, float):
                return cls("isoelastic", [floor, eta])
            return cls("isoelastic", [floor], vector(eta, "aversion"))
        if isinstance(clearing, LogPool):
            return cls("log pool", [clearing.step, clearing.floor])
        if isinstance(clearing, LMSR):
            return cls("lmsr", [clearing.liquidity, clearing.step, clearing.floor], maker=int(clearing.maker))
        if isinstance(clearing, Demand):
            return cls("demand", [clearing.tolerance], function=clearing)
        known = "gm.Kelly(), gm.Isoelastic(aversion), gm.LogPool(), gm.LMSR(liquidity) or gm.Demand(fn)"
        raise InputError(f"clearing {clearing!r} is not a clearing rule; give {known}")

    @property
    def rule(self) -> Clearing:
        """The rule that this is the engine's form of."""
        if self.function is not None:
            return self.function
        if self.kind == "isoelastic":
            return Isoelastic(self.numbers[1] if self.each is None else self.each, self.numbers[0])
        if self.kind == "lmsr":
            liquidity, step, floor = self.numbers
            return LMSR(liquidity, self.maker, step, floor)
        return Kelly(*self.numbers) if self.kind == "kelly" else LogPool(*self.numbers)


def restricted(clearing: Any, kept: npt.NDArray[np.bool_]) -> Any:
    """The rule for those of its traders that are kept.

    Raises:
        InputError: the maker of an LMSR is not among them.
    """
    if isinstance(clearing, Isoelastic) and not isinstance(clearing.aversion, float):
        return Isoelastic(np.asarray(clearing.aversion)[kept], clearing.floor)
    if isinstance(clearing, LMSR):
        if not kept[clearing.maker]:
            raise InputError(f"{clearing!r}: without its maker there is no such market")
        return LMSR(clearing.liquidity, int(kept[: clearing.maker].sum()), clearing.step, clearing.floor)
    return clearing
