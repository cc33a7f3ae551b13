"""Convergence: a price cannot swing for ever (Garrabrant et al. 2016, arXiv 1609.03543, theorem 4.1.1).

Nothing is ever revealed about a sentence. The rivals swing: one day they want it at 0.8, the next at 0.2. An upcrossing
is a way from a = 0.3 or less up to b = 0.7 or more. Trader k holds between 0 and 1 share: it buys what it lacks to a
whole one at a or below, sells all at b or above, and parts of that up to r = 0.05 inside of them, so that what it buys
is continuous in the price.

Premises, and how they are met. Each upcrossing buys a whole share at a + r or less and sells it at b - r or more: it
gains b - a - 2r. What it holds cost a + r < 1 at most, beyond what it has gained, so no budget touches it. In the world
where the sentence is true, which stays plausible, what it holds is worth more than it cost: the gains are 6 * 2^k at
most, and there are at most 6 * 2^k / (b - a - 2r) upcrossings from its day of entry on. (Between a and b the price may
still swing: that is left to traders for closer pairs a, b.)
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import gruemarket as gm
import polars as pl
from contest import MOST_GAIN, Arm, Contest, against, most_lost, run
from shown import Finding

SENTENCE = "it is undecided"
LOW, HIGH, RAMP = Fraction(3, 10), Fraction(7, 10), Fraction(1, 20)


def buys_low_sells_high(seen: gm.logic.traders.Seen) -> dict[Any, gm.logic.Feature]:
    """Trader k: remembers what it offered yesterday, and so what it holds."""
    sentence = gm.logic.Atom(SENTENCE)
    held: Fraction = seen.memory.get("held", Fraction(0))
    if "offered" in seen.memory:
        held += seen.memory["offered"](seen.price(sentence, seen.day - 1))

    def on_ramp(price: Fraction) -> Fraction:
        bought = min(max((LOW + RAMP - price) / RAMP, Fraction(0)), Fraction(1))
        sold = min(max((price - HIGH + RAMP) / RAMP, Fraction(0)), Fraction(1))
        return (1 - held) * bought - held * sold

    seen.memory.update(held=held, offered=on_ramp)
    price = gm.logic.price(sentence)
    buys = gm.logic.clip((LOW + RAMP - price) / RAMP, 0, 1)
    sells = gm.logic.clip((price - HIGH + RAMP) / RAMP, 0, 1)
    return {sentence: (1 - held) * buys - held * sells}


def swings(stake: Fraction) -> Any:
    """A rival: 0.8 on one day, 0.2 on the next."""
    high, low = (gm.logic.Belief(gm.logic.Atom(SENTENCE), q, slope=20, most=stake).strategy for q in (0.8, 0.2))
    return lambda seen: high if seen.day % 2 else low


def upcrossings(prices: pl.Series, first: int) -> pl.Series:
    """On which days a way from LOW up to HIGH ends; it begins on day `first` at the earliest."""
    ends, low = [], False
    for day, price in enumerate(prices, start=1):
        ends.append(low and price >= float(HIGH))
        low = (low or (price <= float(LOW) and day >= first)) and not ends[-1]
    return pl.Series(ends)


def arm(k: int, days: int, *, present: bool) -> Arm:
    """One inductor."""
    trader = buys_low_sells_high if present else {gm.logic.Atom(SENTENCE): 0}
    inductor = run([], against(k, trader, swings), days)
    prices = inductor.prices["price"]
    bound = float(MOST_GAIN * 2**k / (HIGH - LOW - 2 * RAMP))
    return Arm(k, present, prices, upcrossings(prices, k), bound, most_lost(inductor, k))


def experiment(places: Sequence[int], days: int) -> Contest:
    """All of them."""
    arms = [arm(k, days, present=present) for k in places for present in (True, False)]
    title = "Convergence: no price swings from 0.3 up to 0.7 for ever"
    return Contest(title, "upcrossings from 0.3 to 0.7", "price", arms, [float(LOW), float(HIGH)], swings=True)


def find(*, quick: bool) -> Finding:
    """What is printed and drawn."""
    return (experiment((1, 2), 200) if quick else experiment(range(1, 6), 1400)).finding()
