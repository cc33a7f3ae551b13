"""Coherence: prices of exclusive and exhaustive sentences come to sum to 1 (Garrabrant et al. 2016, theorem 4.1.2).

Day 1 reveals that exactly one of three sentences is true, and nothing more is ever revealed. Trader k is the
arbitrageur: clip(c (1 - sum of prices), -1, 1) shares of each, with c >= 1/delta. The rivals want the sum at
1 + 3 delta.

Premises, and how they are met. The set is exclusive and exhaustive in every plausible world from day 1 on, so each day
gains the arbitrageur the same in all of them, and never less than 0: no budget touches it. Where the sum misses 1 by
more than delta it holds one share of each (this is why c >= 1/delta), and gains more than delta. Together that is
6 * 2^k at most, so there are at most 6 * 2^k / delta such days once it has entered, and k - 1 before.
"""

from collections.abc import Sequence
from fractions import Fraction

import gruemarket as gm
import polars as pl
from contest import MOST_GAIN, Arm, Contest, against, most_lost, run
from shown import Finding

SENTENCES = ("red", "green", "blue")


def rival(wanted: Fraction, stake: Fraction) -> dict[str, gm.logic.Feature]:
    """Wants each sentence at this price."""
    return {s: gm.logic.clip(30 * (wanted - gm.logic.price(s)), -stake, stake) for s in SENTENCES}


def arm(k: int, delta: Fraction, days: int, *, present: bool) -> Arm:
    """One inductor."""
    arbitrageur = gm.logic.Arbitrage(SENTENCES, slope=1 / delta, most=1) if present else dict.fromkeys(SENTENCES, 0)
    wanted = (1 + 3 * delta) / 3
    process = [[gm.logic.one(*SENTENCES)]]
    inductor = run(process, against(k, arbitrageur, lambda stake: rival(wanted, stake)), days)
    sums = inductor.prices.group_by("day", maintain_order=True).agg(pl.col("price").sum())["price"]
    bound = float(MOST_GAIN * 2**k / delta + k - 1)
    return Arm(k, present, sums, (sums - 1).abs() > float(delta), bound, most_lost(inductor, k))


def experiment(delta: Fraction, places: Sequence[int], days: int) -> Contest:
    """All of them."""
    arms = [arm(k, delta, days, present=present) for k in places for present in (True, False)]
    title = "Coherence: the prices of exclusive, exhaustive sentences sum to 1"
    what = f"days on which the sum misses 1 by more than {float(delta)}"
    return Contest(title, what, "sum of the three prices", arms, [1 - float(delta), 1 + float(delta)])


def find(*, quick: bool) -> Finding:
    """What is printed and drawn."""
    contest = experiment(Fraction(1, 5), (1, 2, 3), 260) if quick else experiment(Fraction(1, 20), range(1, 7), 8000)
    return contest.finding()
