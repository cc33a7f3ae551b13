"""Made-up forecasters for tests, and the no-look-ahead Kelly market over them in a loop that hides nothing."""

import gruemarket as gm
import numpy as np
import polars as pl

COLUMNS = ["question", "forecaster", "time", "outcome", "probability"]


def tables(seed=0, questions=40, forecasters=8, still=3, outcomes=(2, 2, 3)):
    """Forecasts, several by the same forecaster, and resolutions, of which the last are open."""
    draw = np.random.default_rng(seed)
    rows, answers = [], []
    for q in range(questions):
        K = outcomes[q % len(outcomes)]
        truth = draw.dirichlet(np.ones(K))
        close = float(q + draw.integers(0, 4))
        happened = None if q >= questions - still else f"o{draw.choice(K, p=truth)}"
        answers.append((f"q{q:02}", happened, close, close + float(draw.integers(0, 12))))
        for f in np.flatnonzero(draw.random(forecasters) < 0.6):
            for _ in range(draw.integers(1, 4)):
                said = draw.dirichlet(1 + truth * (3 + 4 * f))
                when = close + 1 - float(draw.random() * 4)
                rows += [(f"q{q:02}", f"f{f}", when, f"o{k}", float(p)) for k, p in enumerate(said)]
    resolutions = pl.DataFrame(answers, ["question", "outcome", "closes", "resolves"], orient="row")
    return pl.DataFrame(rows, COLUMNS, orient="row"), resolutions


def last_forecasts(forecasts, resolutions):
    """Each question's {forecaster: {outcome: probability}} at its close, in a loop."""
    closes = {row["question"]: min(row["closes"], row["resolves"]) for row in resolutions.iter_rows(named=True)}
    found = {}
    for row in forecasts.sort("time").iter_rows(named=True):
        if row["time"] <= closes[row["question"]]:
            said = found.setdefault(row["question"], {}).setdefault(row["forecaster"], {})
            said[row["outcome"]] = row["probability"]
    return found


def kelly(forecasts, resolutions, lock):
    """The price of what happened, by question: Kelly with locked stakes, played event by event in plain dicts."""
    said = last_forecasts(forecasts, resolutions)
    names = sorted(forecasts["forecaster"].unique())
    free = dict.fromkeys(names, 1 / len(names))
    locked, prices = {}, {}
    events = []
    for row in resolutions.iter_rows(named=True):
        if row["question"] in said:
            close = min(row["closes"], row["resolves"])
            events.append((close, 0, row["question"], None))
            if row["outcome"] is not None:
                events.append((row["resolves"], 1, row["question"], row["outcome"]))
    for _, _, question, outcome in sorted(events, key=lambda event: event[:3]):
        if outcome is None:
            wealth = {n: free[n] + sum(stakes.get(n, 0) for stakes in locked.values()) for n in names}
            stakes = {n: min(lock * wealth[n], free[n]) for n in said[question]}
            locked[question] = stakes
            for n, stake in stakes.items():
                free[n] -= stake
            total = sum(stakes.values())
            outcomes = {k for one in said[question].values() for k in one}
            prices[question] = {k: sum(u * said[question][n][k] for n, u in stakes.items()) / total for k in outcomes}
        else:
            for n, stake in locked.pop(question).items():
                free[n] += stake * said[question][n][outcome] / prices[question][outcome]
    # what is still locked is in questions that have closed and are open
    prices = {question: found for question, found in prices.items() if question not in locked}
    return prices, {n: free[n] + sum(stakes.get(n, 0) for stakes in locked.values()) for n in names}


FORECASTS, ANSWERS = tables()
SMALL = (gm.Kelly(), gm.LogPool(step=0.3))
TAX = gm.GrueTax(gm.schedules.inverse())


def score(forecasts=FORECASTS, answers=ANSWERS, **given):
    return gm.forecasts.score(forecasts, answers, **({"grid": SMALL, "resamples": 100, "floor": 0} | given))


def prices_of(scores, method, *, still=False):
    rows = scores.prices.filter(pl.col("method") == method, pl.col("open") == still)
    return {(q, k): p for q, k, p in rows.select("question", "outcome", "probability").iter_rows()}
