"""Scoring: against loops that hide nothing."""

import signal
import threading
import time

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from forecasters import ANSWERS, FORECASTS, TAX, kelly, last_forecasts, prices_of, score, tables
from gruemarket.forecasts.baselines import BASELINES, FACTORS
from gruemarket.forecasts.measures import bootstrap, calibration
from gruemarket.forecasts.methods import HINDSIGHT, MARKET_OF_MARKETS, WEIGHED, markets, named
from gruemarket.intervals import wilson
from polars.testing import assert_frame_equal


@pytest.fixture(scope="module")
def scores():
    return score(lock=0.2)


# --- The market


@pytest.mark.parametrize("lock", (0.05, 0.2))
def test_kelly_is_the_market_of_a_plain_loop(lock):
    found = score(lock=lock, grid=())
    prices, money = kelly(FORECASTS, ANSWERS, lock)
    expected = {(q, k): p for q, of_q in prices.items() for k, p in of_q.items()}
    assert prices_of(found, "Kelly") == pytest.approx(expected, abs=1e-12)
    wealth = dict(found.forecasters.select("forecaster", "wealth").iter_rows())
    assert wealth == pytest.approx(money, abs=1e-12)


def test_one_question_after_the_other_is_bayes():
    forecasts, answers = tables(questions=25, still=0, outcomes=(3,))
    found = score(forecasts, answers, order="resolve", lock=1, grid=())
    order = answers.with_columns(pl.min_horizontal("closes", "resolves").alias("by")).sort("resolves", "question")
    said, names = last_forecasts(forecasts, answers), sorted(forecasts["forecaster"].unique())
    market = gm.reference.Market(np.full(len(names), np.log2(len(names))), outcomes=3)
    bits = {}
    for row in order.iter_rows(named=True):
        if here := said.get(row["question"]):
            q = np.array([[here.get(n, {}).get(f"o{k}", 1 / 3) for n in names] for k in range(3)])
            awake = np.array([float(n in here) for n in names])
            bits[row["question"]] = market.run(q[None], [int(row["outcome"][1])], stakes=awake[None]).total_loss_bits
    assert dict(found.questions.filter(method="Kelly").select("question", "bits").iter_rows()) == pytest.approx(bits)
    assert found.order == "sequential"


@pytest.mark.parametrize("clearing", (gm.Kelly(), gm.Kelly(fraction=0.3), gm.Isoelastic(4), gm.LogPool()))
@pytest.mark.parametrize("grue", (None, TAX))
def test_money_is_conserved(clearing, grue):
    found = score(clearing=clearing, grue=grue, grid=())
    assert found.forecasters["wealth"].sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("grue", (None, TAX))
def test_the_regret_of_kelly_keeps_its_bound(grue):
    for seed in range(5):
        people = score(*tables(seed), clearing=gm.Kelly(), grue=grue, grid=(), lock=0.3).forecasters
        assert (people["regret_bits"] <= people["bound_bits"]).all()
        assert people["regret_bits"].max() > 0


def test_every_forecast_is_the_mean_of_them_to_kelly():
    found, lone = score(which="every", lock=0.1, grid=()), FORECASTS.sort("time")
    closes = ANSWERS.select("question", pl.min_horizontal("closes", "resolves").alias("by"))
    kept = lone.join(closes, on="question").filter(pl.col("time") <= pl.col("by"))
    mean = kept.group_by("question", "forecaster", "outcome").agg(pl.col("probability").mean(), pl.col("time").min())
    alone = score(mean, lock=0.1, grid=())
    for method in ("Kelly", "uniform mean"):
        assert prices_of(found, method) == pytest.approx(prices_of(alone, method))


def test_a_rare_forecaster_of_a_full_market_is_unfunded():
    rows = [(q, "Ann", 1, "yes", 0.8) for q in (1, 2)] + [(2, "Ann", 2, "yes", 0.9)]
    forecasts = pl.DataFrame(rows, ["question", "forecaster", "time", "outcome", "probability"], orient="row")
    answers = {"question": [1, 2], "outcome": ["yes", "yes"], "closes": [3, 4], "resolves": [9, 9]}
    found = score(forecasts, answers, lock=1)
    assert found.methods.filter(method="Kelly")["unfunded"].item() == 1
    assert prices_of(found, "Kelly")[2, "yes"] == pytest.approx(0.9)  # the uniform mean stands for it
    assert score(forecasts, answers).settings["lock"] == "running: 0.1 at first, 0.1 in the end"
    assert not score(forecasts, answers).methods["unfunded"].sum()


# --- Open questions


def test_an_open_question_is_priced_with_all_the_money(scores):
    said = last_forecasts(FORECASTS, ANSWERS.with_columns(resolves=pl.lit(1e9)))
    wealth = dict(scores.forecasters.select("forecaster", "wealth").iter_rows())
    found = prices_of(scores, "Kelly", still=True)
    for (question, outcome), price in found.items():
        of = said[question]
        assert price == pytest.approx(
            sum(wealth[n] * q[outcome] for n, q in of.items()) / sum(wealth[n] for n in of), abs=1e-12
        )
    assert len({q for q, _ in found}) == 3


def test_open_questions_do_not_touch_each_other():
    """If nobody knows when they close, that is: in those that have closed money is locked."""
    unknown = ANSWERS.with_columns(closes=pl.when(pl.col("outcome").is_not_null()).then("closes"))
    scores = score(answers=unknown, lock=0.2)
    fewer = score(FORECASTS.filter(pl.col("question") != "q38"), unknown.filter(pl.col("question") != "q38"), lock=0.2)
    for method in ("Kelly", MARKET_OF_MARKETS, "extremised log odds"):
        every = prices_of(scores, method, still=True)
        alone = {key: price for key, price in every.items() if key[0] != "q38"}
        assert prices_of(fewer, method, still=True) == pytest.approx(alone, abs=1e-14)


# --- What markets are compared with


def test_baselines_are_those_of_a_plain_loop(scores):
    said = last_forecasts(FORECASTS, ANSWERS)
    found = {name: prices_of(scores, name) for name in BASELINES}
    for question in ANSWERS.filter(pl.col("outcome").is_not_null())["question"]:
        if question in said:
            q = np.array([[one[k] for k in sorted(one)] for one in said[question].values()])
            names = sorted(next(iter(said[question].values())))
            median, pool = np.median(q, axis=0), np.exp(np.log(q).mean(axis=0))
            for name, expected in zip(BASELINES[:3], (q.mean(axis=0), median, pool), strict=True):
                price = [found[name][question, k] for k in names]
                np.testing.assert_allclose(price, expected / expected.sum(), rtol=1e-12)


def test_the_factor_is_what_resolved_questions_speak_for(scores):
    pool, extreme = (prices_of(scores, name) for name in ("log pool, equal weights", "extremised log odds"))
    rows = ANSWERS.filter(pl.col("outcome").is_not_null()).with_columns(
        pl.min_horizontal("closes", "resolves").alias("by")
    )
    rows = rows.filter(pl.col("question").is_in([q for q, _ in pool])).to_dicts()

    def powered(question, factor):
        p = {k: one**factor for (q, k), one in pool.items() if q == question}
        return {k: one / sum(p.values()) for k, one in p.items()}

    for row in rows:
        known = [other for other in rows if other["resolves"] < row["by"]]
        losses = [-sum(np.log2(powered(o["question"], a)[o["outcome"]]) for o in known) for a in FACTORS]
        weights = np.exp2(min(losses) - np.array(losses))
        factor = np.exp2(weights @ np.log2(FACTORS) / weights.sum())
        for k, price in powered(row["question"], factor).items():
            assert extreme[row["question"], k] == pytest.approx(price)
    assert FACTORS[len(FACTORS) // 2] == 1


def test_the_market_of_markets_bets_on_the_grid(scores):
    grid = scores.methods.filter(kind="market")["method"].to_list()
    rows = scores.prices.filter(pl.col("method").is_in(grid)).rename({"method": "forecaster"})
    rows = rows.join(ANSWERS.select("question", pl.min_horizontal("closes", "resolves").alias("time")), on="question")
    answers = ANSWERS.with_columns(pl.min_horizontal("closes", "resolves").alias("closes"))
    alone = score(rows.select("question", "forecaster", "time", "outcome", "probability"), answers, grid=())
    assert len(grid) == 4
    for still in (False, True):
        expected = prices_of(alone, "Kelly", still=still)
        assert prices_of(scores, MARKET_OF_MARKETS, still=still) == pytest.approx(expected, abs=1e-9)


def test_the_best_in_hindsight_is_one_of_the_grid(scores):
    best = scores.methods.filter(kind="hindsight")
    grid = scores.methods.filter(kind="market")
    assert best["bits"].item() == grid["bits"].min()
    assert best["method"].item().removeprefix(HINDSIGHT) == grid["method"][0]
    assert set(scores.methods.filter(kind="chosen online")["method"]) == {MARKET_OF_MARKETS, WEIGHED}


def test_a_market_finds_who_knows():
    draw = np.random.default_rng(0)
    truth = draw.random(300) < 0.5
    rows = [
        (q, f, q, "yes", 0.9 if (y if f < 2 else draw.random() < 0.5) else 0.1)
        for q, y in enumerate(truth)
        for f in range(12)
    ]
    forecasts = pl.DataFrame(rows, ["question", "forecaster", "time", "outcome", "probability"], orient="row")
    answers = {"question": range(300), "outcome": np.where(truth, "yes", "no"), "closes": range(300)}
    found = score(forecasts, answers, clearing=gm.Isoelastic(2))
    assert set(found.forecasters["forecaster"][:2]) == {0, 1}
    difference = found.methods.filter(method="isoelastic, aversion 2")
    assert difference["difference_high"].item() < -0.3


# --- Threads, signals, and what is chosen


@pytest.fixture
def set_threads():
    before = gm.threads()
    yield gm.set_threads
    gm.set_threads(before)


def test_threads_change_nothing(set_threads):
    found = []
    for count in (1, 2, 5):
        set_threads(count)
        found.append(score(clearing=gm.Isoelastic(4), grue=TAX).frames())
    for other in found[1:]:
        for name, frame in found[0].items():
            assert_frame_equal(other[name], frame, check_exact=True)


def test_an_error_of_one_market_ends_all(set_threads):
    """A schedule that ends is an error of the taxed markets alone."""
    set_threads(3)
    with pytest.raises(gm.InputError, match="index 3 is reached"):
        score(clearing=gm.Isoelastic(4), grue=gm.GrueTax(gm.schedules.hazard([0, 1, 1])))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gruemarket")]


def test_ctrl_c_ends_all_threads(set_threads):
    set_threads(2)
    rows = 400_000
    draw = np.random.default_rng(0)
    said = {"question": np.arange(rows) // 100, "forecaster": np.arange(rows) % 100, "time": np.arange(rows) // 100}
    said |= {"outcome": ["yes"] * rows, "probability": draw.random(rows)}
    questions = gm.forecasts.read(said, {"question": np.arange(rows // 100), "outcome": ["yes"] * (rows // 100)})
    pressed = []

    def press():
        while not any(thread.name.startswith("gruemarket") for thread in threading.enumerate()):
            time.sleep(0.001)
        time.sleep(0.1)  # the pool has begun, and is far from its end
        pressed.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Thread(target=press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        gm.forecasts.score(questions)
    assert time.perf_counter() - pressed[0] < 2
    timer.join()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gruemarket")]


@pytest.mark.parametrize(
    "chosen",
    (
        ("median",),
        ("Kelly, taxed", "extremised log odds"),
        (MARKET_OF_MARKETS,),
        (WEIGHED, "log pool, equal weights"),
        ("best in hindsight",),
    ),
)
def test_chosen_methods_are_what_they_are_among_all(scores, chosen):
    found = score(lock=0.2, methods=chosen)
    of_grid = [name for name in scores.methods["method"] if name.startswith(HINDSIGHT)]
    names = {"Kelly", "uniform mean", *(of_grid if chosen == ("best in hindsight",) else chosen)}
    assert set(found.methods["method"]) == names
    for name in ("questions", "prices", "calibration"):
        expected = scores.frames()[name].filter(pl.col("method").is_in(list(names)))
        assert_frame_equal(found.frames()[name], expected, check_exact=True)
    assert_frame_equal(found.forecasters, scores.forecasters, check_exact=True)
    assert found.settings["methods"] == "; ".join(sorted({"Kelly", "uniform mean", *chosen}))


def test_no_more_is_played_than_is_chosen(monkeypatch):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr("gruemarket.forecasts.combined._market_of", never)
    monkeypatch.setattr("gruemarket.forecasts.baselines.extremised", never)
    assert len(score(methods="median").methods) == 3


def test_a_method_of_another_name():
    with pytest.raises(gm.InputError, match="there is no method 'Median'; give some of: Kelly; Kelly, taxed; log pool"):
        score(methods=["Kelly", "Median"])
    with pytest.raises(gm.InputError, match="there is no method 'market of markets'; give some of: Kelly; uniform"):
        score(methods=[MARKET_OF_MARKETS], grid=())


RULES = [
    *(gm.Kelly(fraction) for fraction in (1, 0.3, 0.30000004, np.float32(0.3), 1 - 2**-53, 1 / 3)),
    *(gm.Isoelastic(aversion) for aversion in (1, 2, 2.0000001, 1e6, 123456, 1234567 / 10)),
    *(gm.LogPool(step, floor) for step in (0.3, 1, 1e-9, 0.1 + 0.2) for floor in (2**-20, 0.2, 0.2000001)),
]


def test_different_rules_have_different_names():
    names = [named(rule, tax) for rule in RULES for tax in (None, TAX)]
    assert len(set(names)) == 2 * len(RULES)
    assert named(gm.LogPool(1.0)) == named(gm.LogPool(1)) == "log pool, step 1"
    assert named(gm.LogPool(0.3, floor=0.2)) == "log pool, step 0.3, floor 0.2"
    assert named(gm.Kelly(0.30000004)) == "Kelly, fraction 0.30000004"


def test_no_market_takes_the_place_of_another():
    for asked in RULES:
        found = markets(asked, TAX, RULES)
        assert (found[0].clearing, found[0].grue) == (asked, TAX)
        assert len(found) == 2 * len(RULES)
        assert all(method.grid for method in found)
    assert not markets(gm.Kelly(), None, ())[0].grid


@pytest.mark.parametrize(
    ("clearing", "like_it"),
    ((gm.LogPool(0.3, floor=0.2), gm.LogPool(0.3)), (gm.Kelly(0.1000001), gm.Kelly(0.1))),
)
def test_the_market_that_is_asked_for_is_the_one_that_is_scored(clearing, like_it):
    alone, among = (score(clearing=clearing, grid=grid, lock=0.2) for grid in ((), (like_it,)))
    other = score(clearing=like_it, grid=(), lock=0.2)
    assert_frame_equal(among.forecasters, alone.forecasters, check_exact=True)
    assert prices_of(among, among.asked) == prices_of(alone, alone.asked)
    assert prices_of(among, named(like_it)) == prices_of(other, named(like_it))
    assert prices_of(among, among.asked) != prices_of(among, named(like_it))


# --- Measures


def test_scores_are_what_they_say(scores):
    happened = dict(ANSWERS.select("question", "outcome").iter_rows())
    for name in ("Kelly", "median"):
        prices = prices_of(scores, name)
        for row in scores.questions.filter(method=name).iter_rows(named=True):
            of = {k: p for (q, k), p in prices.items() if q == row["question"]}
            x = happened[row["question"]]
            assert row["bits"] == pytest.approx(-np.log2(of[x]))
            assert row["nats"] == pytest.approx(-np.log(of[x]))
            assert row["brier"] == pytest.approx(sum((p - (k == x)) ** 2 for k, p in of.items()))


def test_the_forecasters_own_record(scores):
    said, happened = last_forecasts(FORECASTS, ANSWERS), dict(ANSWERS.select("question", "outcome").iter_rows())
    prices = prices_of(scores, "Kelly")
    for row in scores.forecasters.iter_rows(named=True):
        mine = {q: of[row["forecaster"]] for q, of in said.items() if row["forecaster"] in of and happened[q]}
        assert row["questions"] == len(mine)
        assert row["bits"] == pytest.approx(np.mean([-np.log2(p[happened[q]]) for q, p in mine.items()]))
        assert row["market_bits"] == pytest.approx(np.mean([-np.log2(prices[q, happened[q]]) for q in mine]))
        brier = [sum((p - (k == happened[q])) ** 2 for k, p in one.items()) for q, one in mine.items()]
        assert row["brier"] == pytest.approx(np.mean(brier))


def test_calibration_counts():
    draw = np.random.default_rng(3)
    counts = draw.integers(2, 5, 200)
    starts = np.concatenate([[0], np.cumsum(counts)])
    prices = np.concatenate([draw.dirichlet(np.ones(K)) for K in counts])
    happened = np.array([-1 if i % 7 == 0 else draw.integers(K) for i, K in enumerate(counts)])
    pairs = [
        (prices[s + k], k == x) for s, K, x in zip(starts, counts, happened, strict=False) if x >= 0 for k in range(K)
    ]
    for row in calibration(prices, starts, happened).iter_rows(named=True):
        here = [hit for p, hit in pairs if row["bin"] <= p < row["bin"] + 0.1]
        assert row["outcomes"] == len(here)
        assert row["happened"] == pytest.approx(np.mean(here))
        assert (row["low"], row["high"]) == wilson(sum(here), len(here))


def test_the_bootstrap_covers_the_mean():
    draw = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        low, high = bootstrap(draw.exponential(size=(80, 1)), seed, 200)
        hits += bool(low[0] <= 1 <= high[0])
    assert 0.88 <= hits / 200 <= 0.98


def test_the_bootstrap_is_paired():
    """A method that is always 0.01 better is surely better, however the questions differ."""
    values = np.random.default_rng(0).exponential(size=(50, 1))
    low, high = bootstrap(np.hstack([values, values + 0.01 - values]), 0, 100)
    assert high[0] - low[0] > 0.1
    assert high[1] - low[1] < 1e-12


def test_infinite_losses_have_infinite_intervals():
    low, high = bootstrap(np.array([[1.0, np.inf], [2.0, 1.0]]), 0, 100)
    assert (low[1], high[1]) == (-np.inf, np.inf)
    assert np.isfinite([low[0], high[0]]).all()
    with pytest.raises(gm.InputError, match="39 resamples; give a whole number, 40 or more"):
        bootstrap(np.ones((2, 1)), 0, 39)
    with pytest.raises(gm.InputError, match="no questions to resample"):
        bootstrap(np.ones((0, 1)), 0)
