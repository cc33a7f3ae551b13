"""Selection: how much of what was won in a stage went to accounts that were already rich."""

import math
from itertools import permutations as all_permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.errors import InputError
from gruemarket.history import History
from gruemarket.run import Floats


def selection_share(history: History, stage: str, *, permutations: int = 1000, seed: int = 0) -> pl.DataFrame:
    """How much of what was won in a stage went to accounts that were already rich, beside what chance would give.

    With the wealth w before and v after the stage, the gains g_i = max(v_i - w_i, 0) and G = sum g, each measure is
    sum_i g_i x_i / G:

    - "rich": x_i is 1 for the rich, the fewest accounts that together held at least half of the money, else 0: the
      share of the gains that went to them;
    - "rank": x_i is the part of the other accounts that had less (ties count half): 1 if the richest won all;
    - "wealth": x_i = w_i: the mean wealth of whom a gained coin went to.

    An account that began in the stage, as a redefined one does, had nothing. The null deals the same gains to the
    accounts in random order: its mean is the mean of x. All orders are used if there are at most `permutations`,
    otherwise so many drawn ones, with p = (1 + as great) / (1 + permutations) (Phipson and Smyth 2010). It is blind to
    one thing: who holds nearly all money has little left to win.

    Args:
        history: one seed or several; each is judged by itself.
        stage: its name.
        permutations: how many orders at most.
        seed: of the drawn orders.

    Returns:
        One row a seed and measure: seed, stage, measure, gain (G), value, null_mean, null_low, null_high (95 %),
        p (the probability of as great a value under the null), orders. All but the first four are null where nothing
        was won.

    Raises:
        InputError: an unknown stage, or no permutations.

    >>> import gruemarket as gm
    >>> money = {"a": (0.6, 0.7), "b": (0.3, 0.3), "c": (0.1, 0.0)}
    >>> rows = [(1, "tune", t - 1, t, name, w[t], 0.0) for name, w in money.items() for t in (0, 1)]
    >>> wealth = pl.DataFrame(rows, list(gm.history.SCHEMAS["wealth"]), orient="row")
    >>> stages = pl.DataFrame([(1, "tune", "FineTune", 0, 0, 1)], list(gm.history.SCHEMAS["stages"]), orient="row")
    >>> found = selection_share(gm.History(wealth=wealth, stages=stages), "tune")
    >>> found.select("measure", "value", "null_mean", "p").row(0)
    ('rich', 1.0, 0.333..., 0.333...)
    """
    if stage not in history.stage_names:
        raise InputError(
            f"stage {stage!r} is not in this history; there are {', '.join(history.stage_names) or 'none'}"
        )
    if permutations < 1:
        raise InputError(f"{permutations} permutations; give 1 or more")
    rows: list[tuple[Any, ...]] = []
    for one, first, last in history.stages.filter(stage=stage).select("seed", "first_batch", "last_batch").rows():
        before, after = _around(history.wealth.filter(seed=one), first, last)
        gains = np.maximum(after - before, 0)
        orders = _orders(len(gains), permutations, seed)
        for measure, x in _richness(before).items():
            found = _against_chance(gains, x, orders) if gains.sum() > 0 else (None,) * 5
            rows.append((one, stage, measure, float(gains.sum()), *found, len(orders[0]) if gains.sum() > 0 else None))
    numbers = ("gain", "value", "null_mean", "null_low", "null_high", "p")
    schema: dict[str, Any] = {"seed": pl.Int64, "stage": pl.String, "measure": pl.String}
    return pl.DataFrame(rows, schema | dict.fromkeys(numbers, pl.Float64) | {"orders": pl.Int64}, orient="row")


Orders = tuple[npt.NDArray[np.int64], bool]  # (P, N) permutations, and whether these are all


def _around(wealth: pl.DataFrame, first: int, last: int) -> tuple[Floats, Floats]:
    """Every account's wealth before and after a stage; 0 before it began."""
    start = wealth.filter(pl.col("batch") < first)["batch"].max()
    ends = wealth.group_by("account", maintain_order=True).agg(
        pl.col("wealth").filter(pl.col("batch") == pl.lit(start, pl.Int64)).last().alias("w"),
        pl.col("wealth").filter(pl.col("batch") == last).last().alias("v"),
    )
    before, after = ends.fill_null(0.0).select("w", "v").to_numpy().T
    return before, after


def _richness(before: Floats) -> dict[str, Floats]:
    order = np.argsort(-before, kind="stable")
    held = np.cumsum(before[order])
    rich = np.zeros(len(before))
    rich[order[: 1 + int(np.argmax(held >= held[-1] / 2))]] = 1
    others = max(len(before) - 1, 1)
    less, same = (before[:, None] > before).sum(axis=1), (before[:, None] == before).sum(axis=1) - 1
    return {"rich": rich, "rank": (less + same / 2) / others, "wealth": before}


def _orders(accounts: int, permutations: int, seed: int) -> Orders:
    if accounts < 12 and math.factorial(accounts) <= permutations:
        return np.array(list(all_permutations(range(accounts)))), True
    draw = np.random.default_rng(seed)
    return np.array([draw.permutation(accounts) for _ in range(permutations)]), False


def _against_chance(gains: Floats, x: Floats, orders: Orders) -> tuple[float, float, float, float, float]:
    drawn, complete = orders
    value = float(gains @ x / gains.sum())
    null = gains[drawn] @ x / gains.sum()
    great = int((null >= value - 1e-12).sum())
    p = great / len(null) if complete else (1 + great) / (1 + len(null))
    low, high = np.quantile(null, [0.025, 0.975])
    return value, float(null.mean()), float(low), float(high), p
