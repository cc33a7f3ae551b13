"""Non-dogmatism and Occam: what is not refuted keeps a price, the simpler the higher (theorems 4.6.2 and 4.6.4).

Nothing is ever revealed about a sentence. Trader k, the first that speaks of it, buys clip(2 - price / e, 0, 1) shares
a day, with e = 2^-k / 16: a whole share below e, none from 2e on. The rivals sell it down to 0. (Garrabrant et al.
2016, arXiv 1609.03543: P(s) >= C 2^-complexity(s); here the complexity is k, and C is 1/16.)

Premises, and how they are met. The world where the sentence is true stays plausible, and the trader gains 1 - price >=
1 - 2e there with each share; this being 6 * 2^k at most, it buys at most 6 * 2^k / (1 - 2e) <= 6.4 * 2^k shares in all
(k = 1 is the worst). They cost 2e each at most, which is 0.8 together and 0.925 with one day's more: it never can lose
1, and no budget touches it. Each day below e takes a whole share, so there are at most 6.4 * 2^k of them once it has
entered, and k - 1 before.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import gruemarket as gm
from contest import Arm, Contest, against, most_lost, run
from shown import Finding

SENTENCE = "there are odd perfect numbers"


def least_price(k: int) -> Fraction:
    """What the sentence is worth to trader k, whatever others say."""
    return Fraction(1, 16 * 2**k)


def arm(k: int, days: int, *, present: bool) -> Arm:
    """One inductor."""
    sentence, least = gm.logic.Atom(SENTENCE), least_price(k)
    buyer = {sentence: gm.logic.clip(2 - gm.logic.price(sentence) / least, 0, 1) if present else 0}

    def rival(stake: Fraction) -> Any:
        return gm.logic.Belief(sentence, 0, slope=1 / least, most=stake)

    inductor = run([], against(k, buyer, rival), days)
    prices = inductor.prices["price"]
    return Arm(k, present, prices, prices < float(least), 6.4 * 2**k + k - 1, most_lost(inductor, k))


def experiment(places: Sequence[int], days: int) -> Contest:
    """All of them."""
    arms = [arm(k, days, present=present) for k in places for present in (True, False)]
    title = "Non-dogmatism and Occam: an unrefuted sentence keeps a price of 2^-k / 16"
    what = "days on which it is below 2^-k / 16"
    return Contest(title, what, "price", arms, [float(least_price(max(places)))])


def find(*, quick: bool) -> Finding:
    """What is printed and drawn."""
    return (experiment((1, 2, 3, 4), 120) if quick else experiment(range(1, 9), 1800)).finding()
