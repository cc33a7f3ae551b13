"""How fast does a market change its mind, with the Grue tax and without?

Two traders of 10 bits each know one coin each: A says heads with 0.8, B with 0.2. An episode is one toss. The coin is
A's for n episodes, then B's. An episode of A costs B KL = 0.2 log2(0.2/0.8) + 0.8 log2(0.8/0.2) = 1.2 bits against A
on average, and one of B's wins them back: without the tax B needs as many episodes as it lost, n. With the tax some of
A's money becomes B's before every episode, by the rule "A, but from episode n on B", whose price is bits_B to name B
and L(n) = -log2 of the hazard at n to name n: (bits_B + L(n)) / KL episodes win that back, and L grows as log n. (Where
this is more than n, the rule is not worth its price.) The market has *adapted* when B holds more money than A, which is
when the price of heads has fallen below 1/2; the episodes of B that it has seen by then are counted.

Two taxes are levied. The hazard 1/(n(n+1)) charges all of L(n) = log2 n(n+1) to who redefines itself. The hazard
1/(n+1), `schedules.inverse()`, is the same prior over n, but takes half of its price from whoever has stayed until n.
As only money that changes hands is taxed, and B is but 2^-10 of what A may become, staying costs next to nothing here:
L(n) is log2(n+1), and the market adapts faster still.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import altair as alt
import gruemarket as gm
import numpy as np
import numpy.typing as npt
import polars as pl

COIN_A, COIN_B = 0.8, 0.2  # the probability of heads; each trader forecasts its own coin
BITS = 10.0  # description length of either trader
KL = COIN_B * np.log2(COIN_B / COIN_A) + (1 - COIN_B) * np.log2((1 - COIN_B) / (1 - COIN_A))  # bits an episode

GRID = (10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 3000)
QUICK_GRID, QUICK_SEEDS = (10, 30, 100, 300, 1000), 10


@dataclass(frozen=True)
class Arm:
    """One way to tax, with the schedule for a given number of rounds."""

    name: str
    schedule: Callable[[int], gm.Schedule] | None

    def tax(self, rounds: int) -> gm.GrueTax | None:
        """The tax; an episode is one round, so it is levied by round."""
        return None if self.schedule is None else gm.GrueTax(self.schedule(rounds), unit="round")

    def price_bits(self, n: int) -> float:
        """bits_B + L(n): what "A, but from episode n on B" costs."""
        return np.inf if self.schedule is None else BITS - float(np.log2(self.schedule(n + 1).hazard(n)))

    def predicted(self, n: int) -> float:
        """Episodes until B has won back its losses, or the price of the rule where that is less."""
        return min(float(n), self.price_bits(n) / float(KL))


def in_full(rounds: int) -> gm.Schedule:
    """h_t = 1/(t(t+1)): whoever redefines itself at t pays log2 t(t+1) bits."""
    t = np.maximum(np.arange(rounds), 1)
    return gm.schedules.hazard(np.log2(t) + np.log2(t + 1))


NO_TAX = Arm("no tax", None)
IN_FULL = Arm("tax, h = 1/(n(n+1))", in_full)
INVERSE = Arm("tax, h = 1/(n+1)", lambda _: gm.schedules.inverse())
ARMS = (NO_TAX, IN_FULL, INVERSE)


def play(arm: Arm, n: int, seed: int) -> dict[str, Any]:
    """Tosses coin A n times and coin B until every market has adapted; all arms see the same tosses."""
    # B's way back is a random walk of n +- 2 sqrt(n) episodes: 2n + 500 are more than 20 standard deviations
    rounds = 3 * n + 500
    chance = np.where(np.arange(rounds) < n, COIN_A, COIN_B)
    heads = (np.random.default_rng([seed, n]).random(rounds) < chance).astype(np.int64)
    market = gm.Market([BITS, BITS], names=["A", "B"], grue=arm.tax(rounds), definitions=True)
    run = market.run(np.tile([COIN_A, COIN_B], (rounds, 1)), heads, regret=False)
    after_switch = run.prices[n:, 1]
    rule = market.definitions(top=1).row(0, named=True)
    return {
        "arm": arm.name,
        "n": n,
        "seed": seed,
        "episodes_to_adapt": int(np.argmax(after_switch < 0.5)),
        "predicted_episodes": arm.predicted(n),
        "rule": rule["definition"],
        "rule_k": _found_k(rule["definition"]) if rule["switches"] == 1 else None,
        "tax_bits": rule["tax_bits"],
    }


def _found_k(definition: str) -> int:
    """K of "0..K-1 A; K.. B (tax ...)"."""
    return int(definition.split("; ")[1].partition("..")[0])


@dataclass(frozen=True)
class Experiment:
    """What all seeds measured: one row a run, and what can be said of them."""

    runs: pl.DataFrame

    @classmethod
    def play(cls, grid: Sequence[int], seeds: Sequence[int]) -> "Experiment":
        """Runs every arm with every n and seed."""
        rows = [play(arm, n, seed) for arm in ARMS for n in grid for seed in seeds]
        return cls(pl.DataFrame(rows, schema_overrides={"rule_k": pl.Int64}))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row an arm and n: the mean over seeds with two standard errors, a rule, and the K of all rules."""
        episodes, k = pl.col("episodes_to_adapt"), pl.col("rule_k")
        return self.runs.group_by("arm", "n", maintain_order=True).agg(
            episodes.mean().alias("mean"),
            (2 * episodes.std() / pl.len().sqrt()).alias("two_errors"),
            pl.col("predicted_episodes").first().alias("predicted"),
            pl.col("rule").first(),
            k.count().alias("with_k"),
            k.median().alias("k"),
            k.min().alias("k_low"),
            k.max().alias("k_high"),
        )

    @property
    def seeds(self) -> int:
        """How many there are."""
        return self.runs["seed"].n_unique()

    def of(self, arm: Arm) -> pl.DataFrame:
        """The summary of one arm, by n."""
        return self.summary.filter(pl.col("arm") == arm.name)

    def growth(self, arm: Arm) -> tuple[float, float] | None:
        """What a doubling of n adds, with two standard errors: episodes, or without a tax log2 of them.

        Fitted to the means over seeds where the rule is worth its price; None where these are fewer than two. The error
        is the jackknife's: the fit is repeated without each of the seeds.
        """
        mine = pl.col("arm") == arm.name
        worth = pl.lit(arm is NO_TAX) | (pl.col("predicted_episodes") < pl.col("n"))
        by_seed = self.runs.filter(mine & worth).pivot("seed", index="n", values="episodes_to_adapt")
        if len(by_seed) < 2:
            return None
        doublings, episodes = np.log2(by_seed["n"].to_numpy()), by_seed.drop("n").to_numpy()

        def fit(some: npt.NDArray[np.int64]) -> float:
            means = some.mean(axis=1)
            return float(np.polyfit(doublings, np.log2(means) if arm is NO_TAX else means, 1)[0])

        without_one = [fit(np.delete(episodes, i, axis=1)) for i in range(self.seeds)]
        return fit(episodes), 2 * float(np.std(without_one) * np.sqrt(self.seeds - 1))


# --- What is printed


def report(experiment: Experiment) -> str:
    """The table, what it means, and the rules that the markets found."""
    table = [
        "Episodes of B until B holds more money than A, after n episodes of A",
        f"(mean over {experiment.seeds} seeds +- two standard errors, and the prediction)",
        "",
        (" " * 6 + "".join(f"   {arm.name:^27}" for arm in ARMS)).rstrip(),
        f"{'n':>6}" + f"   {'measured':>17} {'predicted':>9}" * len(ARMS),
    ]
    by_arm = [experiment.of(arm).rows(named=True) for arm in ARMS]
    table += [f"{cells[0]['n']:>6}" + "".join(map(_cell, cells)) for cells in zip(*by_arm, strict=True)]
    parts = (table, _growth_lines(experiment), _rule_lines(experiment))
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _cell(row: dict[str, Any]) -> str:
    return f"   {row['mean']:>8.1f} +- {row['two_errors']:>5.1f} {row['predicted']:>9.1f}"


def _growth_lines(experiment: Experiment) -> list[str]:
    lines = []
    for arm, predicted in ((NO_TAX, 1.0), (IN_FULL, 2 / KL), (INVERSE, 1 / KL)):
        if growth := experiment.growth(arm):
            measured = "{:.2f} +- {:.2f}".format(*growth)
            shape = "linear: episodes ~ n^p, p =" if arm is NO_TAX else "logarithmic: a doubling of n adds"
            lines.append(f"{arm.name:<20} {shape} {measured} (predicted: {predicted:.2f})")
    return lines


def _rule_lines(experiment: Experiment) -> list[str]:
    rows = experiment.of(IN_FULL).rows(named=True)
    width = max(len(row["rule"]) for row in rows)
    lines = [
        f"The richest account's most probable definition ({IN_FULL.name}, seed {experiment.runs['seed'][0]}),",
        'and the K of "A, but from K on B" over all seeds: median [least, greatest]',
    ]
    for row in rows:
        found = f"K = {row['k']:g} [{row['k_low']}, {row['k_high']}]" if row["with_k"] else "no seed found such a rule"
        some = "" if row["with_k"] in (0, experiment.seeds) else f" in {row['with_k']} of {experiment.seeds} seeds"
        lines.append(f"  true n = {row['n']:<6} {row['rule']:<{width}}   {found}{some}")
    return lines


# --- What is drawn

COLOURS = ("#c44e52", "#4c72b0", "#55a868")


def chart(experiment: Experiment) -> Any:
    """Both panels: all arms on logarithmic axes, and the taxed ones where a logarithm is a straight line."""
    measured = experiment.summary.with_columns(
        low=(pl.col("mean") - pl.col("two_errors")).clip(0.5),  # a logarithmic axis shows no 0
        high=pl.col("mean") + pl.col("two_errors"),
        kind=pl.lit("measured"),
    )
    ends = experiment.runs["n"].to_numpy()
    between = np.unique(np.geomspace(ends.min(), ends.max(), 100).round().astype(int)).tolist()
    predicted = pl.DataFrame(
        [{"arm": arm.name, "n": n, "mean": arm.predicted(n), "kind": "predicted"} for arm in ARMS for n in between]
    )
    taxed = pl.col("arm") != NO_TAX.name
    panels = (
        _panel(measured, predicted, "Without the tax: linear (slope 1)", logarithmic=True),
        _panel(measured.filter(taxed), predicted.filter(taxed), "With the tax: logarithmic", logarithmic=False),
    )
    title = alt.TitleParams(
        "Changing its mind takes a market n episodes, and with the Grue tax about log n",
        subtitle=[
            "n tosses of coin A (heads 0.8), then coin B (heads 0.2). Adapted: B holds more money than A.",
            f"Measured: mean over {experiment.seeds} seeds, shaded two standard errors either way.",
            "Predicted: n, or (bits_B + L(n)) / KL where that is less; KL = 1.2 bits, L(n) = -log2 h.",
        ],
        fontSize=18,
        subtitleFontSize=12,
        subtitleColor="#555",
        subtitlePadding=6,
        anchor="start",
        offset=16,
    )
    return (
        alt.hconcat(*panels, spacing=40)
        .properties(title=title, padding=16)
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#e6e6e6")
        .configure_legend(labelFontSize=12, symbolStrokeWidth=2, symbolSize=250, symbolOpacity=1)
    )


def _panel(measured: pl.DataFrame, predicted: pl.DataFrame, title: str, *, logarithmic: bool) -> Any:
    decades = [digit * 10**power for power in range(7) for digit in (1, 3)]
    axis = alt.Axis(values=decades, format=",d")
    x = alt.X("n:Q", title="n, episodes of A before the switch", scale=alt.Scale(type="log", nice=False), axis=axis)
    scale, y_axis = (alt.Scale(type="log"), axis) if logarithmic else (alt.Scale(zero=True), alt.Axis(tickCount=8))
    y = alt.Y("mean:Q", title="episodes of B until adapted", scale=scale, axis=y_axis)
    names = [arm.name for arm in ARMS]
    colour = alt.Color("arm:N", title=None, scale=alt.Scale(domain=names, range=COLOURS), sort=names)
    kinds = alt.Scale(domain=["measured", "predicted"], range=[[1, 0], [5, 4]])
    kind = alt.StrokeDash("kind:N", title=None, scale=kinds)
    shown = [f"{key}:Q" for key in ("n", "mean", "low", "high", "predicted")]
    data = alt.Chart(measured)
    layers = (
        data.mark_area(opacity=0.2).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour),
        alt.Chart(predicted).mark_line(strokeWidth=1.5).encode(x, y, colour, kind),
        data.mark_line(strokeWidth=2).encode(x, y, colour, kind),
        data.mark_point(filled=True, size=45, opacity=1).encode(x, y, colour, tooltip=["arm:N", *shown]),
    )
    caption = alt.TitleParams(title, fontSize=14, fontWeight="normal")
    return alt.layer(*layers).properties(width=420, height=340, title=caption)


def draw(experiment: Experiment, out: Path) -> str:
    """Writes the plot and says where it is."""
    page, picture = out / "grue_tax.html", out / "grue_tax.png"
    plot = chart(experiment)
    plot.save(page, inline=True)
    plot.save(picture, scale_factor=2)
    return f"plot: {page}  (needs no network), {picture}"


# --- The command


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""

    def at_least(least: int) -> Callable[[str], int]:
        def integer(text: str) -> int:
            if (value := int(text)) < least:
                raise argparse.ArgumentTypeError(f"{value} is below {least}")
            return value

        return integer

    about = (__doc__ or "").split("\n\n")
    parser = argparse.ArgumentParser(
        description=about[0], epilog="\n\n".join(about[1:]), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    quick = f"n = {', '.join(map(str, QUICK_GRID))} and {QUICK_SEEDS} seeds unless given"
    parser.add_argument("--n", type=at_least(1), nargs="+", metavar="N", help="episodes of A (default: 10 to 3000)")
    parser.add_argument("--seeds", type=at_least(2), metavar="S", help="how many, 2 or more (default: 20)")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="FIRST", help="the first seed (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out/grue_tax"), help="folder to write (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help=quick)
    args = parser.parse_args(given)
    args.n = sorted(set(args.n or (QUICK_GRID if args.quick else GRID)))
    args.seeds = args.seeds or (QUICK_SEEDS if args.quick else 20)
    return args


def main(given: Sequence[str] | None = None) -> int:
    """Runs the experiment, prints it and writes it."""
    args = arguments(given)
    table = args.out / "grue_tax.parquet"
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        table.touch()  # whoever waits for the result shall not learn only then that it cannot be kept
        experiment = Experiment.play(args.n, range(args.seed, args.seed + args.seeds))
        experiment.runs.write_parquet(table)
        plot = draw(experiment, args.out)
    except OSError as error:
        print(f"cannot write to {args.out}: {error}; name another folder with --out", file=sys.stderr)
        return 1
    print(report(experiment), "", f"every run: {table}", plot, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
