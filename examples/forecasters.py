"""Real forecasters, made up: 60 of them, 1,200 questions, and what markets, means and pools make of them.

Everybody sees the truth through noise of their own. A third are sharp, a third are as sure of themselves and noisy, and
a third are timid: they see little, and know it. In the middle of the year the first two change places: what somebody
is good for must be found out anew, which is what the Grue tax is about. Questions resolve one to twenty days after they
close, some have three outcomes, and the last ones are still open.

With tables of the same columns, your forecasters can take their place:

    gruemarket score out/forecasters/forecasts.csv -r out/forecasters/resolutions.csv \
        --clearing isoelastic --aversion 4 --grue inverse --out out/forecasters/scores
"""

import argparse
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import gruemarket as gm
import numpy as np
import numpy.typing as npt
import polars as pl

START, DAYS = datetime(2025, 1, 1), 365  # noqa: DTZ001 # made-up days have no zone
FORECASTERS, QUESTIONS, OPEN = 60, 1200, 25
NOISE = {"sharp": 0.4, "noisy": 2.5, "timid": 2.5}
ANSWERED = 0.2  # of the questions, by each forecaster
Floats = npt.NDArray[np.float64]


def kind(forecaster: int, day: float) -> str:
    """What a forecaster is like on a day of the year."""
    first = ("sharp", "noisy", "timid")[forecaster % 3]
    swapped = {"sharp": "noisy", "noisy": "sharp", "timid": "timid"}
    return first if day < DAYS / 2 else swapped[first]


def forecast(truth: Floats, like: str, draw: np.random.Generator) -> Floats:
    """What somebody says who sees log odds (of spread 1.7) through noise; who is noisy does not know it."""
    seen = truth + draw.normal(0, NOISE[like], len(truth))
    believed = NOISE["sharp" if like == "noisy" else like]
    said = seen / (1 + (believed / 1.7) ** 2)
    weights = np.exp(said - said.max())
    said_of_each: Floats = weights / weights.sum()
    return said_of_each


def tables(seed: int, questions: int = QUESTIONS) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The forecasts and the resolutions."""
    draw = np.random.default_rng(seed)
    closes = np.sort(draw.uniform(5, DAYS, questions))
    rows, resolved = [], []
    for q, close in enumerate(closes):
        names = ["no", "yes"] if q % 5 else ["blue", "green", "red"]
        truth = np.append(0, draw.normal(0, 1.7, len(names) - 1))
        chances = np.exp(truth) / np.exp(truth).sum()
        happened = names[draw.choice(len(names), p=chances)]
        closed, is_open = START + timedelta(days=float(close)), q >= questions - OPEN
        pays = closed + timedelta(days=float(draw.uniform(1, 20)))
        resolved.append((f"Q{q:04}", None if is_open else happened, closed, None if is_open else pays))
        for f in np.flatnonzero(draw.random(FORECASTERS) < ANSWERED):
            when = closed - timedelta(days=float(draw.uniform(0, 5)))
            said = forecast(truth, kind(int(f), close), draw)
            told = zip(names, said, strict=True) if len(names) > 2 else [("yes", said[1])]
            rows += [(f"Q{q:04}", f"forecaster {f:02}", when, name, round(float(p), 9)) for name, p in told]
    columns = ["question", "forecaster", "time", "outcome", "probability"]
    answers = pl.DataFrame(resolved, ["question", "outcome", "closes", "resolves"], orient="row")
    return pl.DataFrame(rows, columns, orient="row"), answers


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the tables, scores them, and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/forecasters"), help="folder for tables and scores")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    parser.add_argument("--quick", action="store_true", help="a quarter of the questions")
    asked = parser.parse_args(arguments)
    forecasts, resolutions = tables(asked.seed, QUESTIONS // (4 if asked.quick else 1))
    asked.out.mkdir(parents=True, exist_ok=True)
    forecasts.write_csv(asked.out / "forecasts.csv")
    resolutions.write_csv(asked.out / "resolutions.csv")
    scores = gm.forecasts.score(
        forecasts, resolutions, clearing=gm.Isoelastic(4), grue=gm.GrueTax(gm.schedules.inverse()), seed=asked.seed
    )
    scores.save(asked.out / "scores")
    for row in scores.methods.iter_rows(named=True):
        ends = f"{row['difference_low']:+.4f} to {row['difference_high']:+.4f}"
        print(f"{row['method']:60} {row['bits']:.4f} bits a question; against the mean {ends}")
    print(f"the report is {asked.out / 'scores' / 'report.html'}")


if __name__ == "__main__":
    main()
