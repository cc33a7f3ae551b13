"""Conditional beliefs: what is believed given psi is what would be believed had psi been known (theorem 4.7.2).

Psi is never decided. Of theorem n a process proves "psi -> theorem n", a day late. One inductor hears just that, and
its conditional price is P(psi & theorem) / P(psi), or 1 where that is not below 1. The other hears psi too on day 1,
and is asked directly. (Garrabrant et al. 2016, arXiv 1609.03543.)

Trader k of the direct inductor buys clip((1 - price) / delta, 0, 1) shares of the day's theorem. Trader k of the other
bets on condition: with u = P(psi), v = P(psi & theorem), x = clip((u - v) / (delta e), 0, 1) it buys x u shares of psi
& theorem and sells x v shares of psi. That costs nothing, pays x (u - v) if psi, and nothing else. The rivals, by the
same bets, want the theorem at 1 - 3 delta, given psi or directly; and psi at a half.

Premises, and how they are met. One theorem at a time waits for its proof, and it can cost x v < 1: no budget touches
the trader. Worlds with psi and all theorems stay plausible. There each day below 1 - delta gains the direct trader more
than delta, and the other more than delta e, if u >= e = 0.4 (it is counted that it always is). Either gains 6 * 2^k at
most; and if neither is below 1 - delta the two prices are no further than delta apart: at most 6 * 2^k / delta +
6 * 2^k / (delta e) + 2 (k - 1) days are.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

import gruemarket as gm
import polars as pl
from contest import MOST_GAIN, Arm, Contest, against, most_lost, run
from shown import Claim, Finding

LEAST = Fraction(2, 5)  # e, the price that psi keeps
PSI = gm.logic.Atom("psi")


def theorem(n: int) -> Any:
    """Theorem n."""
    return gm.logic.Atom(f"theorem {n}")


def process(*, known: bool) -> Callable[[], Iterator[list[Any]]]:
    """Proves "psi -> theorem n" on day n + 1, and tells psi on day 1 or never."""

    def days() -> Iterator[list[Any]]:
        yield [PSI] if known else []
        yield from ([PSI >> theorem(n)] for n in count(1))

    return days


def conditional(k: int, delta: Fraction, days: int, *, present: bool) -> tuple[pl.DataFrame, float]:
    """Day, conditional price, price of psi; and what the trader stood to lose."""
    both = gm.logic.Daily(lambda day: PSI & theorem(day))
    u, v = gm.logic.price(PSI), gm.logic.price(both)

    def bet(x: gm.logic.Feature, more: Any = 0) -> dict[Any, gm.logic.Feature]:
        return {both: x * u, PSI: more - x * v}

    def rival(stake: Fraction) -> Any:
        on_psi = gm.logic.clip(10 * (Fraction(1, 2) - u), -stake, stake)
        return bet(gm.logic.clip(10 * ((1 - 3 * delta) * u - v), -stake, stake), on_psi)

    trader = bet(gm.logic.clip((u - v) / (delta * LEAST), 0, 1)) if present else {both: 0, PSI: 0}
    inductor = run(process(known=False), against(k, trader, rival), days)
    prices = inductor.prices
    of_psi = pl.col("sentence") == "psi"
    frame = prices.filter(~of_psi).join(prices.filter(of_psi).select("day", psi="price"), on="day")
    given = pl.when(pl.col("price") < pl.col("psi")).then(pl.col("price") / pl.col("psi")).otherwise(1.0)
    return frame.sort("day").select("day", given.alias("price"), "psi"), most_lost(inductor, k)


def direct(k: int, delta: Fraction, days: int) -> tuple[pl.Series, float]:
    """The price of the day's theorem where psi is known; and what the trader stood to lose."""
    today = gm.logic.Daily(theorem)

    def rival(stake: Fraction) -> Any:
        return gm.logic.Belief(today, 1 - 3 * delta, slope=10, most=stake)

    trader = gm.logic.Belief(today, 1, slope=1 / delta, most=1)
    inductor = run(process(known=True), against(k, trader, rival), days)
    return inductor.prices["price"], most_lost(inductor, k)


def experiment(delta: Fraction, places: Sequence[int], days: int) -> tuple[Contest, float]:
    """All of them, the control being a conditional inductor without its trader; and the least price of psi."""
    arms, least = [], 1.0
    for k in places:
        sure, lost_there = direct(k, delta, days)
        bound = float(MOST_GAIN * 2**k * (1 / delta + 1 / (delta * LEAST)) + 2 * (k - 1))
        for present in (True, False):
            given, lost = conditional(k, delta, days, present=present)
            least = min(least, *given["psi"])
            arms.append(
                Arm(
                    k,
                    present,
                    given["price"],
                    (given["price"] - sure).abs() > float(delta),
                    bound,
                    max(lost, lost_there),
                )
            )
    title = "Conditional beliefs: given psi, as if psi were known"
    what = f"days on which the two are more than {float(delta)} apart"
    return Contest(title, what, "price of the day's theorem, given psi", arms, [1 - float(delta)]), least


def find(*, quick: bool) -> Finding:
    """What is printed and drawn."""
    contest, least = experiment(Fraction(3, 10), *(((1, 2), 150) if quick else ((1, 2, 3), 600)))
    return contest.finding(Claim("how far the price of psi falls below 0.4", max(0.0, float(LEAST) - least), 0))
