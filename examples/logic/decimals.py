"""Learning statistics: that a decimal of pi is 7 costs 0.1 before it is known (theorem 4.4.2).

Each day the market prices "the n-th decimal of pi is 7", and the answer is known a day later. 19 traders believe in
0.05, 0.10, ... 0.95: clip(10 (belief - price), -1, 1) shares a day, weights 2^-k, entry on day k. What is measured is
the mean of |price - 0.1| over the last seven tenths of the days: below 0.005 for 10,000. (Garrabrant et al. 2016,
arXiv 1609.03543.)

That is no theorem about 10,000 days, and the order of the traders decides. Two of them are shown where it holds: the
beliefs ascending; and the right one last, the others ascending. Of 20 random orders most fail. A trader whose belief
stands between the price and the truth first earns, by betting against those who are further off; it has to lose
all that again before its budgets give out, while the next one takes it over. So each belief between a bad early one and
the truth holds the price for about twice as long as the one before (the beliefs descending: 0.41 after 10,000 days).
A price may also leave the truth late: where 0.05 came early, all others grew rich by it; four sevens in a row take its
last budgets, and the heaviest of the rich holds the price until it has lost all that.
"""

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import altair as alt
import gruemarket as gm
import polars as pl
from shown import BLUE, GREEN, GREY, RED, Claim, Finding, coloured, day_axis, page, panel, spread

RIGHT = 2  # twentieths: 0.1
ASCENDING = list(range(1, 20))
LAST = [b for b in ASCENDING if b != RIGHT] + [RIGHT]
DAYS, ALLOWED = 10_000, 0.005  # mean |price - 0.1| over the days after the first three tenths
NAMES = ("ascending", "right one last, others ascending", "random, right in time", "random, too late")
COLOURS = dict(zip(NAMES, (BLUE, GREEN, RED, GREY), strict=True))


def prices(order: Sequence[int], days: int) -> pl.Series:
    """The price of each day's decimal, with traders in this order of beliefs (in twentieths)."""
    today = gm.logic.Daily("pi[{day}]=7")
    traders = [gm.logic.Belief(today, Fraction(belief, 20)) for belief in order]
    process = gm.logic.Digits("pi", digit=7, delay=1)
    inductor = gm.logic.LogicalInductor(process, traders, tolerance=gm.logic.inverse_square)
    return inductor.run(days, progress=False)["price"]


def missed(price: pl.Series) -> float:
    """Mean |price - 0.1| after the first three tenths of the days."""
    return float((price[len(price) * 3 // 10 :] - RIGHT / 20).abs().mean())  # type: ignore[arg-type]


def shuffled(seed: int) -> list[int]:
    """A random order."""
    order = ASCENDING.copy()
    random.Random(seed).shuffle(order)  # noqa: S311 # no secret
    return order


def find(*, quick: bool) -> Finding:
    """What is printed and drawn."""
    # the error falls as 1 / days: what a tenth of the days is allowed is ten times as much
    days, seeds = (1000, 4) if quick else (DAYS, 20)
    allowed = ALLOWED * DAYS / days
    named = {name: prices(order, days) for name, order in zip(NAMES[:2], (ASCENDING, LAST), strict=True)}
    claims = [Claim(f"mean |price - 0.1|, {name}", missed(price), allowed) for name, price in named.items()]
    drawn = [_drawn(name, name, price) for name, price in named.items()]
    rows = [(name, order, missed(named[name])) for name, order in zip(NAMES[:2], (ASCENDING, LAST), strict=True)]
    for seed in range(seeds):
        price = prices(shuffled(seed), days)
        rows.append((f"seed {seed}", shuffled(seed), missed(price)))
        drawn.append(_drawn(f"seed {seed}", NAMES[2 if rows[-1][2] <= allowed else 3], price))
    frame = pl.DataFrame(rows, schema=["order", "beliefs", "missed"], orient="row")
    notes = [f"of {days:,} days; {seeds} random orders, with the place of the right one and mean |price - 0.1|:"]
    notes += [_note(*row, allowed) for row in rows[2:]]
    return Finding("Statistics: a decimal of pi is 7 with price 0.1", claims, notes, frame, _chart(pl.concat(drawn)))


def _note(order: str, beliefs: Sequence[int], mean: float, allowed: float) -> str:
    place = beliefs.index(RIGHT) + 1
    return f"  {order:<8} place {place:>2}   {mean:.5f}  {'below' if mean <= allowed else 'fails'}"


def _drawn(order: str, kind: str, price: pl.Series) -> pl.DataFrame:
    frame = pl.DataFrame({"day": range(1, len(price) + 1), "price": price, "order": order, "kind": kind})
    return spread(len(price))(frame)


def _chart(drawn: pl.DataFrame) -> Any:
    y = alt.Y("price:Q", title="price of the day's decimal being 7", scale=alt.Scale(domain=[0, 1]))
    kinds = {kind: colour for kind, colour in COLOURS.items() if kind in drawn["kind"].unique().to_list()}
    colour = coloured("kind", kinds).legend(alt.Legend(orient="bottom", columns=2))

    def lines(chosen: Any, width: float) -> Any:
        data = alt.Chart(drawn.filter(chosen))
        return data.mark_line(strokeWidth=width).encode(day_axis(), y, colour, detail="order:N")

    named = pl.col("kind").is_in(NAMES[:2])
    about = ["Traders believe in 0.05, 0.10, ... 0.95; which comes first decides how soon the price is right."]
    right = alt.Chart(pl.DataFrame({"price": [RIGHT / 20]})).mark_rule(strokeDash=[5, 4]).encode(y)
    return page(
        [panel([lines(~named, 0.8), lines(named, 2), right], "19 beliefs in several orders")],
        "Statistics: a decimal of pi is 7 with price 0.1",
        about,
    )
