"""The paradox sentence: its price tends to p (Garrabrant et al. 2016, arXiv 1609.03543, theorem 4.11.2).

Sentence n says "my price on day n is below p", with the exact price; the process looks at it and tells the truth a day
later. Trader k buys clip(c (p - price), -1, 1) shares of the day's sentence, with c >= 1/delta. The rivals want it at
p + 6 delta.

Premises, and how they are met. Below p the sentence is true, and the trader has bought; from p on it is false, and the
trader has sold: it gains every day in the world as it is, and just one sentence is open at a time, which can cost it
less than 1. So no budget touches it. On a day more than delta from p it holds a whole share and gains 1 - price > 1 -
p + delta or price > p + delta. Together that is 6 * 2^k at most: at most 6 * 2^k / (min(p, 1 - p) + delta) such days
once it has entered, and k - 1 before. As this holds for any delta (a gain is |price - p| c min(p, 1 - p) otherwise),
the price tends to p.
"""

from collections.abc import Generator, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

import gruemarket as gm
from contest import MOST_GAIN, Arm, Contest, against, most_lost, run
from shown import Claim, Finding


def named(n: int) -> Any:
    """Sentence n."""
    return gm.logic.Atom(f"the price of sentence {n} is too low")


def answers(p: Fraction) -> Generator[list[Any], dict[Any, Fraction], None]:
    """Says a day later whether the price was below p."""
    prices = yield []
    for n in count(1):
        prices = yield [named(n) if prices[named(n)] < p else ~named(n)]


def arm(k: int, p: Fraction, delta: Fraction, days: int, *, present: bool) -> Arm:
    """One inductor."""
    today = gm.logic.Daily(named)
    teller = gm.logic.Belief(today, p, slope=1 / delta, most=1) if present else {today: 0}

    def rival(stake: Fraction) -> Any:
        return gm.logic.Belief(today, min(p + 6 * delta, Fraction(1)), slope=10, most=stake)

    inductor = run(lambda: answers(p), against(k, teller, rival), days)
    prices = inductor.prices["price"]
    bound = MOST_GAIN * 2**k / (min(p, 1 - p) + delta) + k - 1
    return Arm(k, present, prices, (prices - float(p)).abs() > float(delta), float(bound), most_lost(inductor, k))


def experiment(p: Fraction, delta: Fraction, places: Sequence[int], days: int) -> Contest:
    """All of them."""
    arms = [arm(k, p, delta, days, present=present) for k in places for present in (True, False)]
    title = f'The paradox sentence: the price of "my price is below {float(p)}" tends to {float(p)}'
    what = f"days on which it is more than {float(delta)} from {float(p)}"
    return Contest(title, what, "price of the day's sentence", arms, [float(p)])


def find(*, quick: bool) -> Finding:
    """What is printed and drawn."""
    p, delta = Fraction(3, 10), Fraction(1, 20)
    contest = experiment(p, delta, (1, 2, 3), 150) if quick else experiment(p, delta, range(1, 7), 1200)
    missed = [float((a.prices[-len(a.prices) // 2 :] - float(p)).abs().mean()) for a in contest.arms if a.present]  # type: ignore[arg-type]
    return contest.finding(Claim("mean |price - p| of the last half, worst k", max(missed), float(delta)))
