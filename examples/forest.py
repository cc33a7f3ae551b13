"""Does a forest vote better, or does it bet better?

A random forest gives every tree one vote. Here the trees are traders instead, or every leaf of every tree is a
specialist that is awake where a sample falls into it: who foresaw what happened to the samples that its tree did not
see in training (out-of-bag) has more money afterwards, and the price on new samples is the classifier's probability
(Barbu and Lay 2012). All methods read the same fitted forests, on the same splits into training and test.

"Smoothed" counts (n_k + a) / (n + a K) in each leaf, as the markets do: it is the price at which they open, so what a
market learns is what it gains on this. The forest's own vote may give 0 to what happens, which would cost infinitely
much, so a tenth of a tree's vote is added to it, shared among all classes. "Tempered" raises that vote to the one power
(a temperature; Guo et al. 2017) that suits the samples which trees did not see in training: the same samples that the
markets learn from. Losses are in bits per test sample.
Intervals are 95 %, Student's t over the splits with the correction of Nadeau and Bengio (2003) for splits that overlap;
differences are paired, and "*" marks those whose interval leaves out 0.

Stakes, smoothing and at most 5 epochs, the classifier's defaults, were chosen on splits of these data with the seeds
1000 to 1009, for a low loss without more errors; the splits shown begin with seed 0. The last line plays four times as
many epochs whether they help or not. With your own data give the file: "--csv FILE --target COLUMN"; columns that are
not numbers are taken apart into indicators.
"""

import argparse
import math
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
from gruemarket.intervals import t_quantile
from gruemarket.names import check_known
from gruemarket.progress import Shown
from scipy.optimize import minimize_scalar
from sklearn import datasets
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

BUNDLED = ("breast_cancer", "digits", "wine", "iris")
FORESTS = {"random": RandomForestClassifier, "extra": ExtraTreesClassifier}
TEST = 0.3  # the share of samples that is held out
VOTE, SMOOTHED, TEMPERED = "forest's vote", "vote, smoothed", "vote, tempered"
QUICK_SPLITS, QUICK_TREES = 3, 20


@dataclass(frozen=True)
class Data:
    """Samples with classes."""

    name: str
    X: npt.NDArray[np.float64]
    y: npt.NDArray[np.int64]

    @classmethod
    def bundled(cls, name: str) -> "Data":
        """One that comes with scikit-learn."""
        return cls(name, *getattr(datasets, f"load_{name}")(return_X_y=True))

    @classmethod
    def read(cls, path: Path, target: str | None) -> "Data":
        """A CSV file with a header; the last column is the class unless another is named."""
        frame = pl.read_csv(path, infer_schema_length=None, null_values=["", "NA", "?"])
        target = frame.columns[-1] if target is None else target
        check_known(target, frame.columns, "column", where=f" in {path}")
        frame = frame.filter(pl.col(target).is_not_null())
        classes = frame[target].cast(pl.String)
        counts = classes.value_counts()
        if len(counts) < 2 or counts["count"].min() < 2:  # type: ignore[operator]  # a count is a number
            raise gm.InputError(f"{path}: column {target!r} needs 2 classes or more, each of 2 samples or more")
        if len(counts) > len(frame) / 2:
            raise gm.InputError(f"{path}: column {target!r} has {len(counts)} values in {len(frame)} rows, no classes")
        features = frame.drop(target)
        if not features.columns:
            raise gm.InputError(f"{path}: there is no other column than {target!r} to tell its classes by")
        words = [name for name, dtype in features.schema.items() if not (dtype.is_numeric() or dtype == pl.Boolean)]
        X = features.to_dummies(words).cast(pl.Float64).to_numpy()  # a missing number is NaN, which trees can read
        return cls(path.stem, X, np.unique(classes.to_numpy(), return_inverse=True)[1])


def methods(settings: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What is compared with the vote: the settings of each market."""
    few, many = settings.epochs, 4 * settings.epochs
    return {
        SMOOTHED: {"traders": "trees", "epochs": 0},
        "market of trees": {"traders": "trees", "epochs": few},
        "market of leaves": {"traders": "leaves", "epochs": few},
        f"leaves, {many} epochs, not stopped": {"traders": "leaves", "epochs": many, "early_stopping": False},
    }


def play(data: Data, settings: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """One split: one forest, and all that can be made of it. One row a method."""
    X, X_test, y, y_test = train_test_split(data.X, data.y, test_size=TEST, random_state=seed, stratify=data.y)
    kind = FORESTS[settings.forest]
    forest = kind(
        settings.trees, bootstrap=True, oob_score=True, min_samples_leaf=settings.min_leaf, random_state=seed
    ).fit(X, y)
    vote = voted(forest.predict_proba(X_test), settings.trees)
    unseen = np.flatnonzero(~np.isnan(forest.oob_decision_function_).any(axis=1))  # every tree has seen the others
    power = best_power(voted(forest.oob_decision_function_[unseen], settings.trees), y[unseen])
    prices = {VOTE: vote, TEMPERED: tempered(vote, power)}
    for name, choice in methods(settings).items():
        market = gm.sklearn.MarketClassifier(
            FrozenEstimator(forest),
            clearing=gm.Kelly(settings.fraction),
            smoothing=settings.smoothing,
            oob=True,
            random_state=seed,
            **choice,
        )
        prices[name] = market.fit(X, y).predict_proba(X_test)
    return [
        {
            "data": data.name,
            "split": seed,
            "method": name,
            "bits": bits(p, y_test),
            "error": float((p.argmax(axis=1) != y_test).mean()),
        }
        for name, p in prices.items()
    ]


Chances = npt.NDArray[np.float64]


def bits(chances: Chances, y: npt.NDArray[np.int64]) -> float:
    """The mean log loss."""
    return float(-np.log2(chances[np.arange(len(y)), y]).mean())


def voted(share: Chances, trees: int) -> Chances:
    """Shares of votes, (samples, classes), with a tenth of a vote for all classes together."""
    votes: Chances = share * trees + 0.1 / share.shape[1]
    return votes / (trees + 0.1)


def tempered(chances: Chances, power: float) -> Chances:
    """Chances to a power, brought to sum to 1."""
    logs = power * np.log(chances)
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    raised /= raised.sum(axis=1, keepdims=True)
    return np.asarray(np.maximum(raised, np.finfo(float).tiny))


def best_power(chances: Chances, y: npt.NDArray[np.int64]) -> float:
    """The power that these samples would have liked best, from 1/16 to 16."""
    found = minimize_scalar(lambda log2: bits(tempered(chances, 2**log2), y), bounds=(-4, 4), method="bounded")
    return float(2**found.x)


@dataclass(frozen=True)
class Experiment:
    """What all splits measured: one row a data set, split and method."""

    runs: pl.DataFrame

    @classmethod
    def play(cls, everything: Sequence[Data], settings: argparse.Namespace) -> "Experiment":
        """All splits of all data sets."""
        rows = []
        with Shown(wanted=True) as progress:
            for data in everything:
                progress.stage(data.name, settings.splits)
                for i in range(settings.splits):
                    rows += play(data, settings, settings.seed + i)
                    progress.step(i + 1, "")
        return cls(pl.DataFrame(rows))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row a data set and method: means of bits and error, paired differences, and how far intervals reach."""

        def than(method: str, label: str) -> pl.DataFrame:
            other = self.runs.filter(method=method).select("data", "split", bits_of="bits", error_of="error")
            both = self.runs.join(other, on=["data", "split"], maintain_order="left")
            return both.select(
                (pl.col("bits") - pl.col("bits_of")).alias(f"bits_than_{label}"),
                (pl.col("error") - pl.col("error_of")).alias(f"error_than_{label}"),
            )

        compared = pl.concat([self.runs, than(VOTE, "vote"), than(SMOOTHED, "smoothed")], how="horizontal")
        measures = [name for name in compared.columns if name.startswith(("bits", "error"))]
        splits = self.runs["split"].n_unique()
        # splits overlap: their variance says too little about other samples by n_test / n_train (Nadeau, Bengio 2003)
        reach = t_quantile(0.975, splits - 1) * math.sqrt(1 / splits + TEST / (1 - TEST))
        return compared.group_by("data", "method", maintain_order=True).agg(
            *(pl.col(name).mean() for name in measures),
            *((pl.col(name).std() * reach).alias(f"{name}_reach") for name in measures),
        )


# --- What is printed and drawn


def report(experiment: Experiment, settings: argparse.Namespace) -> str:
    """The table."""

    def cell(name: str, digits: int, scale: int = 1) -> pl.Expr:
        def text(row: dict[str, float]) -> str:
            value, reach = row[name] * scale, row[f"{name}_reach"] * scale
            if "than" not in name:
                return f"{value:.{digits}f} ± {reach:.{digits}f}"
            star = "*" if abs(value) > reach else ""
            return "0" if value == reach == 0 else f"{value:+.{digits}f} ± {reach:.{digits}f} {star}"

        return pl.struct(name, f"{name}_reach").map_elements(text, return_dtype=pl.String)

    table = experiment.summary.select(
        pl.col("data"),
        pl.col("method"),
        cell("bits", 3).alias("log loss, bits"),
        cell("bits_than_vote", 3).alias("more than vote"),
        cell("bits_than_smoothed", 3).alias("more than smoothed"),
        cell("error", 2, 100).alias("error, %"),
        cell("error_than_vote", 2, 100).alias("more than vote's"),
    )
    kind = f"{settings.forest} forests of {settings.trees} trees, Kelly(fraction={settings.fraction})"
    with pl.Config(
        tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, fmt_str_lengths=60, tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):  # fmt: skip
        return f"{settings.splits} splits, {kind}\n{table}"


def chart(experiment: Experiment) -> Any:
    """Differences to the vote with their intervals: a row of panels for each data set."""
    names = experiment.summary["method"].unique(maintain_order=True).to_list()[1:]
    rows = [
        alt.hconcat(
            _panel(experiment, data, names, "bits_than_vote", "log loss, bits more than the vote"),
            _panel(experiment, data, names, "error_than_vote", "error, more than the vote's"),
            spacing=40,
        )
        for data in experiment.summary["data"].unique(maintain_order=True)
    ]
    splits = experiment.runs["split"].n_unique()
    title = alt.TitleParams(
        "A forest that bets, against the same forest's vote",
        subtitle=f"Left of 0 is better than the vote. Mean over {splits} splits, 95 % intervals of paired differences.",
        fontSize=18,
        subtitleColor="#555",
        anchor="start",
        offset=16,
    )
    return alt.vconcat(*rows, spacing=24).properties(title=title, padding=16).configure_view(stroke=None)


def _panel(experiment: Experiment, data: str, names: list[str], measure: str, label: str) -> Any:
    mine = experiment.summary.filter(pl.col("data") == data, pl.col("method") != VOTE).select(
        "method",
        value=measure,
        low=pl.col(measure) - pl.col(f"{measure}_reach"),
        high=pl.col(measure) + pl.col(f"{measure}_reach"),
    )
    y = alt.Y("method:N", title=None, sort=names, axis=alt.Axis(labelLimit=220))
    scale = alt.Axis(format=".1%" if measure == "error_than_vote" else "+.3~f", tickCount=6)
    colour = alt.Color("method:N", sort=names, legend=None)
    chart = alt.Chart(mine)
    layers = (
        alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color="#888", strokeDash=[4, 3]).encode(x="zero:Q"),
        chart.mark_rule(strokeWidth=2).encode(alt.X("low:Q", title=label, axis=scale), alt.X2("high:Q"), y, colour),
        chart.mark_point(filled=True, size=60, opacity=1).encode(
            alt.X("value:Q", axis=scale), y, colour, tooltip=["method:N", "value:Q", "low:Q", "high:Q"]
        ),
    )
    return alt.layer(*layers).properties(width=330, height=26 * len(names), title=data)


def draw(experiment: Experiment, out: Path) -> str:
    """Writes the plot and says where it is."""
    page, picture = out / "forest.html", out / "forest.png"
    plot = chart(experiment)
    plot.save(page, inline=True)
    plot.save(picture, scale_factor=2)
    return f"plot: {page}  (needs no network), {picture}"


# --- The command


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""

    def at_least(least: float, kind: Callable[[str], Any] = int, most: float = math.inf) -> Callable[[str], Any]:
        def number(text: str) -> Any:
            if not least <= (value := kind(text)) <= most:
                raise argparse.ArgumentTypeError(f"{value} is not in {least:g} to {most:g}")
            return value

        return number

    about = (__doc__ or "").split("\n\n")
    parser = argparse.ArgumentParser(
        description=about[0], epilog="\n\n".join(about[1:]), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    above_0 = at_least(1e-9, float)
    add = parser.add_argument
    add("--data", nargs="*", choices=BUNDLED, help="bundled with scikit-learn (default: all four, none with --csv)")
    add("--csv", type=Path, action="append", default=[], metavar="FILE", help="a file of yours; may be given again")
    add("--target", metavar="COLUMN", help="the files' column of classes (default: the last)")
    add("--splits", type=at_least(2), metavar="S", help="how many, 2 or more (default: 20)")
    add("--seed", type=at_least(0), default=0, metavar="FIRST", help="the first split's seed (default: 0)")
    add("--forest", choices=FORESTS, default="random", help="the kind of forest (default: random)")
    add("--trees", type=at_least(2), metavar="B", help="trees in a forest (default: 100)")
    add("--min-leaf", type=at_least(1), default=1, metavar="N", help="samples in a leaf, at least (default: 1)")
    add("--epochs", type=at_least(1), default=5, metavar="E", help="of the markets, at most (default: 5)")
    add(
        "--fraction",
        type=at_least(1e-9, float, 1),
        default=0.1,
        help="of its money that a trader stakes (default: 0.1)",
    )
    add("--smoothing", type=above_0, default=0.01, metavar="A", help="count of each class beforehand (default: 0.01)")
    add("--out", type=Path, default=Path("out/forest"), help="folder to write (default: %(default)s)")
    add("--quick", action="store_true", help=f"{QUICK_SPLITS} splits and {QUICK_TREES} trees unless given")
    args = parser.parse_args(given)
    args.splits = args.splits or (QUICK_SPLITS if args.quick else 20)
    args.trees = args.trees or (QUICK_TREES if args.quick else 100)
    if args.data is None:
        args.data = [] if args.csv else BUNDLED
    return args


def main(given: Sequence[str] | None = None) -> int:
    """Runs the experiment, prints it and writes it."""
    args = arguments(given)
    try:
        everything = [*map(Data.bundled, args.data), *(Data.read(path, args.target) for path in args.csv)]
    except (OSError, gm.InputError, pl.exceptions.PolarsError) as error:
        print(f"cannot read the data: {error}", file=sys.stderr)
        return 1
    table = args.out / "forest.parquet"
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        table.touch()  # whoever waits for the result shall not learn only then that it cannot be kept
        experiment = Experiment.play(everything, args)
        experiment.runs.write_parquet(table)
        plot = draw(experiment, args.out)
    except OSError as error:
        print(f"cannot write to {args.out}: {error}; name another folder with --out", file=sys.stderr)
        return 1
    print(report(experiment, args), "", f"every run: {table}", plot, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
