"""The contestants that several benches share: the engine from its prior, the plain numpy loop, a pass that only reads.

Everyone starts each turn anew from the prior, so all turns do the same work. Two rounds, a call each, open a turn and
are not timed: a copied market shares its books with the original until it is played, and finds its memory in the first
calls. The loop plays them too, to come to the same price.

Likelihoods lie between 0.4 and 0.6: in 10^4 rounds a plain loop's numbers stay in float32's normal range, and numpy is
not slowed by subnormals (the engine's accounts cannot underflow, whatever the likelihoods).
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import gruemarket as gm
import numpy as np
from race import Contestant

FLOAT = {"f64": np.float64, "f32": np.float32}
TOLERANCE = {"f64": 1e-9, "f32": 1e-4}
READS = {"max": np.max, "sum": np.sum, "dot": lambda values: values.ravel() @ values.ravel()}


def some_likelihoods(rounds: int, traders: int, dtype: str = "f64", seed: int = 0) -> np.ndarray:
    """(T, N) probabilities that the traders gave to what happened."""
    rng = np.random.default_rng(seed)
    values = np.empty((rounds, traders), FLOAT[dtype])
    rng.random(out=values, dtype=values.dtype)
    values *= 0.2
    values += 0.4
    return values


def even_market(traders: int, dtype: str = "f64", **settings: Any) -> gm.Market:
    """A market whose traders share the money evenly."""
    return gm.Market(prior=np.full(traders, 1 / traders), normalize=True, dtype=dtype, **settings)


class Engine(Contestant):
    """One call of `Market.run`.

    Args:
        prior: the market to begin each turn with.
        opening: likelihoods of the calls that are not timed; None takes the first round twice.
        call: the keywords of the call.
    """

    def __init__(self, prior: gm.Market, *, opening: Sequence[Any] | None = None, **call: Any) -> None:
        self.prior, self.call = prior, call
        self.opening = [call["likelihoods"][:1]] * 2 if opening is None else opening
        super().__init__(play=self.run, ready=self.begin)

    def begin(self) -> None:
        """A fresh market, and the opening."""
        self.result = self.market = None  # lets go of the last one first
        self.market = self.prior.virgin()
        for rounds in self.opening:
            self.market.run(**self.call | {"likelihoods": rounds})

    def run(self) -> gm.Run:
        """The rounds in one call."""
        return self.market.run(**self.call)

    @property
    def last_price(self) -> float:
        """The market's price of what happened last."""
        return 2.0 ** -float(self.result.loss_bits[-1])


class PlainLoop(Contestant):
    """`p = l @ w; w *= l; w /= p`, in place: Bayes as one writes it in numpy."""

    def __init__(self, likelihoods: np.ndarray, shares: np.ndarray | float | None = None) -> None:
        self.likelihoods = likelihoods
        self.shares = 1 / likelihoods.shape[1] if shares is None else shares
        self.wealth = np.empty_like(likelihoods[0])
        super().__init__(play=self.loop, ready=self.begin)

    def begin(self) -> None:
        """The prior again, and the opening."""
        self.wealth[:] = self.shares
        for _ in range(2):
            self.loop(self.likelihoods[:1])

    def loop(self, likelihoods: np.ndarray | None = None) -> float:
        """All rounds; the last price."""
        w, p = self.wealth, np.nan
        for l in self.likelihoods if likelihoods is None else likelihoods:  # noqa: E741  the formula's letter
            p = l @ w
            w *= l
            w /= p
        return float(p)


def one_read(values: np.ndarray) -> tuple[str, Contestant]:
    """A pass that only reads these bytes, by whichever of numpy's max, sum and dot reads them fastest; its name."""

    def best(name: str) -> float:
        taken = []
        for _ in range(3):
            start = perf_counter()
            READS[name](values)
            taken.append(perf_counter() - start)
        return min(taken)

    name = min(READS, key=best)
    return f"one read ({name})", Contestant(play=lambda: READS[name](values))
