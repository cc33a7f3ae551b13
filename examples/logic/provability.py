"""Provability induction: theorems are believed before they are proved (Garrabrant et al. 2016, theorem 4.2.1).

Theorem n says that 9 divides 10^n - 1. The deductive process finds that out by division, 20 days late, for each n anew.
Trader k has seen the pattern: each day it buys clip(c (1 - price), 0, 1/32) shares of the day's theorem. The rivals
want it at 1 - 3 delta.

Premises, and how they are met. 20 theorems at most wait for their proof at a time (those of today and of the 19 days
before), so the trader never can lose more than 20/32 < 1: no budget touches it. On a day below 1 - delta it buys the
whole 1/32, since c >= 1/(32 delta), and gains more than delta / 32 in the world where all theorems are true, which
stays plausible. It never loses there, and gains 6 * 2^k at most: at most 192 * 2^k / delta such days once it has
entered, and k - 1 before.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import gruemarket as gm
from contest import MOST_GAIN, Arm, Contest, against, most_lost, run
from shown import Finding

LATE = 20  # days from a theorem to its proof
STAKE = Fraction(1, 32)  # shares a day; LATE of them are less than 1


def named(n: int) -> Any:
    """Theorem n."""
    return gm.logic.Atom(f"9 divides 10^{n} - 1")


def process() -> Iterator[list[Any]]:
    """Divides, 20 days late."""
    yield from ([] for _ in range(LATE))
    n = 0
    while True:
        n += 1
        yield [named(n) if pow(10, n, 9) == 1 else ~named(n)]


def arm(k: int, delta: Fraction, days: int, *, present: bool) -> Arm:
    """One inductor."""
    today = gm.logic.Daily(named)
    slope = max(Fraction(1), STAKE / delta)
    believer = gm.logic.Belief(today, 1, slope=slope, most=STAKE) if present else {today: 0}

    def rival(stake: Fraction) -> Any:
        return gm.logic.Belief(today, 1 - 3 * delta, slope=10, most=stake * STAKE)

    inductor = run(process, against(k, believer, rival), days)
    prices = inductor.prices["price"]
    bound = MOST_GAIN * 2**k / (delta * STAKE) + k - 1
    return Arm(k, present, prices, prices < float(1 - delta), float(bound), most_lost(inductor, k))


def experiment(delta: Fraction, places: Sequence[int], days: int) -> Contest:
    """All of them."""
    arms = [arm(k, delta, days, present=present) for k in places for present in (True, False)]
    title = "Provability induction: theorems are believed 20 days before they are proved"
    what = f"days on which the day's theorem is below {float(1 - delta)}"
    return Contest(title, what, "price of the day's theorem", arms, [1 - float(delta)])


def find(*, quick: bool) -> Finding:
    """What is printed and drawn."""
    contest = experiment(Fraction(1, 4), (1, 2), 1600) if quick else experiment(Fraction(1, 10), (1, 2, 3), 16_000)
    return contest.finding()
