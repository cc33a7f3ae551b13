"""Garrabrant's logical inductor in slow, plain Python: documentation of `gruemarket.logic`, and its oracle.

Every number is a `Fraction`, every world is enumerated, every past day is looked at again each day. Numbers in brackets
are those of Garrabrant et al. 2016 (Logical Induction, arXiv 1609.03543).

- A *sentence* is the name of an atom, or a tuple: ("not", s), ("and", s, t), ("or", s, t), ("implies", s, t),
  ("iff", s, t), ("true",), ("false",). A *world* is a truth value for each atom.
- A *deductive process* reveals sentences day by day; D_n is all that it has revealed up to day n, and PC(D_n) the
  worlds in which all of D_n is true: the *plausible* worlds of day n (3.0.5).
- A *trader* is a function `trader(n, P)` of the day and of the prices so far; `P(sentence, day)` is a price, today's
  included. It returns how many shares of each sentence it buys: {sentence: shares}. On one day it always names the same
  sentences, and the shares must be continuous in today's prices.
- A share of s, bought at price p, is worth 1 - p in the worlds where s is true, and -p in the others.

Nobody's money is at stake beyond what *budgeters* allow (5.2); the *firm* is the weighted sum of all budgeters of all
traders (5.3); the *market maker* finds the price at which no world lets the firm gain more than the day's tolerance
(5.1). The prices that come out are the inductor's beliefs (5.4).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil
from typing import Any

from gruemarket.errors import InputError, NotClearedError

Sentence = Any  # the name of an atom, or a tuple as above
World = Mapping[str, bool]
Prices = Mapping[Sentence, Fraction]
Shares = Mapping[Sentence, Fraction]
PriceOf = Callable[[Sentence, int], Fraction]
Trader = Callable[[int, PriceOf], Shares]
Field = Callable[[Prices], Shares]  # today's prices to what is demanded at them
Process = Iterable[Sequence[Sentence]] | Generator[Sequence[Sentence], Prices, None]

BITS = 400  # of a price, after which a bisection stops
SWEEPS = 60  # over the prices of several sentences
CONNECTIVES: Mapping[str, Callable[[Sequence[bool]], bool]] = {
    "true": lambda _: True,
    "false": lambda _: False,
    "not": lambda s: not s[0],
    "and": all,
    "or": any,
    "implies": lambda s: not s[0] or s[1],
    "iff": lambda s: s[0] == s[1],
}


# --- Sentences and worlds


def holds(sentence: Sentence, world: World) -> bool:
    """The sentence's truth value in a world.

    >>> holds(("implies", "rain", ("not", "dry")), {"rain": True, "dry": True})
    False
    """
    if isinstance(sentence, str):
        return world[sentence]
    name, *parts = sentence
    return CONNECTIVES[name]([holds(part, world) for part in parts])


def atoms(sentences: Iterable[Sentence]) -> list[str]:
    """The names of all atoms in some sentences, each once, sorted."""

    def within(sentence: Sentence) -> Iterator[str]:
        if isinstance(sentence, str):
            yield sentence
        else:
            for part in sentence[1:]:
                yield from within(part)

    return sorted({name for sentence in sentences for name in within(sentence)})


def plausible(known: Sequence[Sentence], names: Sequence[str]) -> list[World]:
    """PC(D): the worlds over these atoms in which everything known is true.

    >>> plausible([("or", "a", "b"), ("not", "a")], ["a", "b"])
    [{'a': False, 'b': True}]
    """
    worlds = (dict(zip(names, values, strict=True)) for values in product([False, True], repeat=len(names)))
    return [world for world in worlds if all(holds(sentence, world) for sentence in known)]


# --- Trades and what they are worth


@dataclass(frozen=True)
class Trade:
    """What was bought on one day, at that day's prices."""

    shares: Shares
    prices: Prices

    def worth(self, world: World) -> Fraction:
        """W(T) = sum over sentences of xi (W(s) - p)."""
        return sum((x * (holds(s, world) - self.prices[s]) for s, x in self.shares.items()), Fraction(0))

    def times(self, factor: Fraction) -> Trade:
        """The same trade, scaled."""
        return Trade({s: factor * x for s, x in self.shares.items()}, self.prices)


def worth(trades: Iterable[Trade], world: World) -> Fraction:
    """What the trades of several days are worth together, each at its own day's prices."""
    return sum((trade.worth(world) for trade in trades), Fraction(0))


# --- Budgeter and TradingFirm


def shut_off(budget: int, past: Sequence[Trade], days: Sequence[Sequence[World]]) -> bool:
    """Whether the raw trader had lost its budget on some earlier day m, in some world plausible on that day (5.2.1).

    Args:
        budget: b.
        past: the raw trader's trades of the days 1..n-1.
        days: PC(D_m) for m = 1..n-1 or more. What was learned after day m does not count on day m.
    """
    return any(worth(past[: m + 1], world) <= -budget for m in range(len(past)) for world in days[m])


def budget_factor(budget: int, past: Sequence[Trade], today: Trade, days: Sequence[Sequence[World]]) -> Fraction:
    """By what the Budgeter of budget b multiplies today's trade (5.2.1).

    0 for ever once it is shut off; else inf over W in PC(D_n) of 1 / max(1, -W(T_n) / (b + W(past))).

    It had bought at 1/2 and lost 1/2 if a is false; one more share at 3/4 could cost 3/4, and 1/2 is left:

    >>> half, worlds = Fraction(1, 2), plausible([], ["a"])
    >>> past = [Trade({"a": Fraction(1)}, {"a": half})]
    >>> budget_factor(1, past, Trade({"a": Fraction(1)}, {"a": Fraction(3, 4)}), [worlds, worlds])
    Fraction(2, 3)
    """
    if shut_off(budget, past, days):
        return Fraction(0)
    return min(1 / max(Fraction(1), -today.worth(world) / (budget + worth(past, world))) for world in days[-1])


def largest_factor(budget: int, past: Sequence[Trade], today: Trade, worlds: Sequence[World]) -> Fraction:
    """The same where it is not shut off: max {x in [0, 1] : b + min over W of W(past + x T_n) >= 0}.

    Each world allows all x up to some bound; the least bound counts.
    """
    lines = [(budget + worth(past, world), today.worth(world)) for world in worlds]
    return min([Fraction(1), *(left / -slope for left, slope in lines if slope < 0)])


def deepest(past: Sequence[Trade], today: Trade, days: Sequence[Sequence[World]]) -> int:
    """C_n: no plausible world of any day, today included, lets the raw trader lose more than this."""
    trades = [*past, today]
    losses = (-worth(trades[: m + 1], world) for m in range(len(trades)) for world in days[m])
    return max(0, *map(ceil, losses))


def firm_factor(past: Sequence[Trade], today: Trade, days: Sequence[Sequence[World]]) -> Fraction:
    """Sum over all budgets b = 1, 2, ... of 2^-b times the factor of b (5.3.2).

    Above C every factor is 1, and these budgets together weigh 2^-C.
    """
    most = deepest(past, today, days)
    below = (Fraction(1, 2**b) * budget_factor(b, past, today, days) for b in range(1, most + 1))
    return sum(below, Fraction(1, 2**most))


# --- MarketMaker


def certificate(demand: Shares, prices: Prices) -> Fraction:
    """The most that any of the 2^k tables of truth values lets the demand gain: sum of max(d (1 - p), -d p).

    >>> certificate({"a": Fraction(1, 2), "b": Fraction(-1)}, {"a": Fraction(1), "b": Fraction(1, 4)})
    Fraction(1, 4)
    """
    return sum((max(d * (1 - prices[s]), -d * prices[s]) for s, d in demand.items()), Fraction(0))


def market_maker(field: Field, start: Prices, tolerance: Fraction) -> dict[Sentence, Fraction]:
    """Prices whose certificate is at most the tolerance (5.1.2). The paper tries all rational prices in turn.

    Bisection, sentence by sentence, over and over: enough for one sentence, and for several that hardly depend on
    each other. The engine's portfolio does more.

    Raises:
        NotClearedError: no such prices were found.

    >>> market_maker(lambda p: {"a": 1 - 4 * p["a"]}, {"a": Fraction(1, 2)}, Fraction(1, 1000))
    {'a': Fraction(1, 4)}
    """
    prices = dict(start)
    for _ in range(SWEEPS):
        for sentence in prices:
            if certificate(field(prices), prices) <= tolerance:
                return prices
            prices[sentence] = _bisect(field, prices, sentence, tolerance / (2 * len(prices)))
    reached = certificate(field(prices), prices)
    if reached <= tolerance:
        return prices
    raise NotClearedError(f"certificate {float(reached):.3g} above the tolerance {float(tolerance):.3g}; give prices")


def _bisect(field: Field, prices: Prices, sentence: Sentence, tolerance: Fraction) -> Fraction:
    """One price at which one sentence's part of the certificate is small, the others as they are."""

    def demand(price: Fraction) -> Fraction:
        return Fraction(field({**prices, sentence: price})[sentence])

    if demand(Fraction(0)) <= 0:
        return Fraction(0)
    if demand(Fraction(1)) >= 0:
        return Fraction(1)
    low, high = Fraction(0), Fraction(1)
    for _ in range(BITS):
        middle = (low + high) / 2
        if certificate({sentence: (d := demand(middle))}, {sentence: middle}) <= tolerance:
            return middle
        low, high = (middle, high) if d > 0 else (low, middle)
    return low


# --- The inductor


def halving(n: int) -> Fraction:
    """2^-n: the paper's tolerance of day n, and its weight of trader n."""
    return Fraction(1, 2**n)


def inverse_square(n: int) -> Fraction:
    """1 / (n (n + 1)): another schedule whose sum is 1, for long runs."""
    return Fraction(1, n * (n + 1))


class LogicalInductor:
    """The inductor of a deductive process and some traders (5.4.1), day by day.

    Args:
        process: what is revealed on the days 1, 2, ...; a generator is sent each day's prices after they are made. When
            it is over nothing more is revealed.
        traders: trader 1, trader 2, ...
        tolerance: of each day; their sum over all days is at most 1.
        weight: w_k of each trader; their sum is at most 1.
        entry: the first day of each trader; it buys nothing before.

    Raises:
        InputError: the process contradicts itself.

    Two traders buy a below their beliefs and sell it above; the first weighs twice as much as the other:

    >>> def believes(belief):
    ...     return lambda n, P: {"a": Fraction(belief) - P("a", n)}
    >>> traders = [believes("1/4"), believes("3/4")]
    >>> inductor = LogicalInductor([[]], traders, tolerance=lambda n: halving(n + 10), entry=lambda k: 1)
    >>> round(float(inductor.step()["a"]), 2)
    0.42
    """

    def __init__(
        self,
        process: Process,
        traders: Sequence[Trader],
        *,
        tolerance: Callable[[int], Fraction] = halving,
        weight: Callable[[int], Fraction] = halving,
        entry: Callable[[int], int] = lambda k: k,
    ) -> None:
        self._process = iter(process)
        self.traders, self.tolerance, self.weight, self.entry = list(traders), tolerance, weight, entry
        self.revealed: list[list[Sentence]] = []  # by day
        self.prices: list[dict[Sentence, Fraction]] = []  # by day
        self.certificates: list[Fraction] = []  # by day
        self.raw: list[list[Trade]] = [[] for _ in self.traders]  # by trader and day
        self._new: list[Sentence] | None = None  # revealed today, before the prices are made

    @property
    def day(self) -> int:
        """How many days have their prices."""
        return len(self.prices)

    def step(self, prices: Prices | None = None) -> dict[Sentence, Fraction]:
        """Makes the next day's prices, or takes those that are given. A sentence that nobody trades has price 0.

        Raises:
            InputError: the process contradicts itself.
            NotClearedError: no prices were found, or those given miss the day's tolerance. Nothing has moved.
        """
        if self._new is None:
            self._new = self._reveal()
        today, tolerance = len(self.prices) + 1, self.tolerance(len(self.prices) + 1)
        days = self.worlds([*self.revealed, self._new], self._support({}))
        field = self._field(today, days)
        traded = field({})
        if prices is None:
            last = self.prices[-1] if self.prices else {}
            found = market_maker(field, {s: last.get(s, Fraction(1, 2)) for s in traded}, tolerance)
        else:
            found = {s: Fraction(prices[s]) for s in traded}
        reached = certificate(field(found), found)
        if reached > tolerance:
            raise NotClearedError(f"day {today}: certificate {float(reached):.3g} above {float(tolerance):.3g}")
        for past, trade in zip(self.raw, self._trades(today, found), strict=True):
            past.append(trade)
        self.revealed.append(self._new)
        self.prices.append(found)
        self.certificates.append(reached)
        self._new = None
        return found

    def run(self, days: int) -> list[dict[Sentence, Fraction]]:
        """So many days more; their prices."""
        return [self.step() for _ in range(days)]

    def worlds(self, revealed: Sequence[Sequence[Sentence]], more: Iterable[Sentence] = ()) -> list[list[World]]:
        """PC(D_m) for each day m, over all atoms that are known by now."""
        bought = (s for trades in self.raw for trade in trades for s in trade.shares)
        names = atoms([*(s for day in revealed for s in day), *bought, *more])
        return [plausible([s for day in revealed[: m + 1] for s in day], names) for m in range(len(revealed))]

    def _reveal(self) -> list[Sentence]:
        try:
            generator = self._process
            if self.prices and isinstance(generator, Generator):
                new = list(generator.send(dict(self.prices[-1])))
            else:
                new = list(next(generator))
        except StopIteration:
            new = []
        if not self.worlds([*self.revealed, new])[-1]:
            raise InputError(f"day {len(self.prices) + 1}: {new} contradicts what was revealed before")
        return new

    def _price_of(self, today: Prices) -> PriceOf:
        def price_of(sentence: Sentence, day: int) -> Fraction:
            if day < 1:
                return Fraction(0)
            prices = today if day == len(self.prices) + 1 else self.prices[day - 1]
            return prices.get(sentence, Fraction(0))

        return price_of

    def _trades(self, today: int, prices: Prices) -> list[Trade]:
        """What every raw trader buys at these prices; nothing before it enters."""
        price_of = self._price_of(prices)
        trades = []
        for k, trader in enumerate(self.traders, start=1):
            shares = trader(today, price_of) if today >= self.entry(k) else {}
            trades.append(Trade(dict(shares), {s: prices.get(s, Fraction(0)) for s in shares}))
        return trades

    def _support(self, prices: Prices) -> list[Sentence]:
        return [s for trade in self._trades(len(self.prices) + 1, prices) for s in trade.shares]

    def _field(self, today: int, days: Sequence[Sequence[World]]) -> Field:
        """TradingFirm_n as a function of today's prices (5.3.2)."""

        def demand(prices: Prices) -> Shares:
            total: dict[Sentence, Fraction] = {}
            for k, trade in enumerate(self._trades(today, prices), start=1):
                factor = self.weight(k) * firm_factor(self.raw[k - 1], trade, days) if trade.shares else Fraction(0)
                for s, x in trade.shares.items():
                    total[s] = total.get(s, Fraction(0)) + factor * x
            return total

        return demand

    # --- What everybody is worth, in the worlds that are plausible now

    def net_worth(self, k: int) -> tuple[Fraction, Fraction]:
        """The least and the most that trader k's own trades are worth, without any budget."""
        return self._ends(self.raw[k - 1])

    def budgeted(self, k: int, budget: int) -> tuple[Fraction, Fraction]:
        """The same of its Budgeter of that budget; the least is never below -budget."""
        days, raw = self.worlds(self.revealed), self.raw[k - 1]
        factors = (budget_factor(budget, raw[:n], raw[n], days[: n + 1]) for n in range(len(raw)))
        return self._ends([trade.times(factor) for trade, factor in zip(raw, factors, strict=True)])

    def firm(self) -> tuple[Fraction, Fraction]:
        """The same of the TradingFirm; the most is never above the sum of all tolerances."""
        days = self.worlds(self.revealed)
        trades = []
        for k, raw in enumerate(self.raw, start=1):
            factors = (self.weight(k) * firm_factor(raw[:n], raw[n], days[: n + 1]) for n in range(len(raw)))
            trades += [trade.times(factor) for trade, factor in zip(raw, factors, strict=True)]
        return self._ends(trades)

    def _ends(self, trades: Sequence[Trade]) -> tuple[Fraction, Fraction]:
        values = [worth(trades, world) for world in self.worlds(self.revealed)[-1]]
        return min(values), max(values)
