"""Scoring: against loops that hide nothing, and that no method looks ahead."""

import signal
import sys
import threading
import time
from fractions import Fraction

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from forecasters import kelly, last_forecasts, tables
from gruemarket.forecasts.baselines import BASELINES, FACTORS
from gruemarket.forecasts.measures import bootstrap, calibration
from gruemarket.forecasts.methods import HINDSIGHT, MARKET_OF_MARKETS, WEIGHED, markets, named
from gruemarket.intervals import wilson
from polars.testing import assert_frame_equal

FORECASTS, ANSWERS = tables()
SMALL = (gm.Kelly(), gm.LogPool(step=0.3))
TAX = gm.GrueTax(gm.schedules.inverse())


def score(forecasts=FORECASTS, answers=ANSWERS, **given):
    return gm.forecasts.score(forecasts, answers, **({"grid": SMALL, "resamples": 100, "floor": 0} | given))


def prices_of(scores, method, *, still=False):
    rows = scores.prices.filter(pl.col("method") == method, pl.col("open") == still)
    return {(q, k): p for q, k, p in rows.select("question", "outcome", "probability").iter_rows()}


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


# --- No look-ahead


@pytest.mark.parametrize("clearing", (gm.Kelly(), gm.Isoelastic(4)))
def test_no_method_knows_what_comes_later(clearing):
    asked = {"clearing": clearing, "grue": TAX, "lock": 0.1}
    late = ANSWERS.filter(pl.col("outcome").is_not_null()).sort("resolves")["question"][-12:].to_list()
    moment = ANSWERS.filter(pl.col("question").is_in(late))["resolves"].min()
    turned = ANSWERS.with_columns(
        pl.when(pl.col("question").is_in(late)).then(pl.lit("o1")).otherwise("outcome").alias("outcome")
    )
    before = pl.col("question").is_in(
        ANSWERS.filter(pl.min_horizontal("closes", "resolves") <= moment)["question"].to_list()
    )
    columns = ("question", "method", "outcome", "probability")
    one, other = (
        score(answers=answers, **asked)
        .prices.filter(before, ~pl.col("open"), ~pl.col("method").str.starts_with(HINDSIGHT))
        .select(columns)
        for answers in (ANSWERS, turned)
    )
    assert ANSWERS["outcome"].ne_missing(turned["outcome"]).sum() > 3
    assert one["question"].n_unique() > 10
    assert_frame_equal(one, other, check_exact=True)


def many():
    """Busy forecasters, of whom some come late, in tables that know each question's close beforehand."""
    forecasts, answers = tables(seed=4, questions=90, forecasters=11, still=8)
    late = (pl.col("time") > 45) & pl.col("forecaster").is_in(["f1", "f4", "f7"])
    names = pl.when(late).then("a " + pl.col("forecaster")).otherwise("forecaster")
    return forecasts.with_columns(names.alias("forecaster")), answers


def known_at(moment, forecasts, answers):
    """What the tables said then: no row from later on, no outcome and time of resolution that came later."""
    came = pl.col("outcome").is_not_null() & (pl.col("resolves") <= moment)
    told = answers.with_columns(pl.when(came).then(name).alias(name) for name in ("outcome", "resolves"))
    return forecasts.filter(pl.col("time") <= moment), told


@pytest.mark.parametrize("moment", (20, 60))
@pytest.mark.parametrize("grue", (None, TAX))
@pytest.mark.parametrize("given", ({}, {"lock": 0.2}, {"order": "resolve"}, {"at": "-1"}, {"which": "every"}))
def test_what_comes_later_changes_no_bit_of_what_was_before(moment, grue, given):
    """All rows after a moment are deleted; without closes, the resolutions of later questions as well."""
    asked = {"grue": grue, "clearing": gm.Isoelastic(4), "resamples": 100, "grid": (*SMALL, gm.Isoelastic(0.5))} | given
    forecasts, answers = many()
    for closes in (True, False):
        whole = forecasts, answers if closes else answers.drop("closes")
        part = known_at(moment, *whole)
        if not closes:
            part = part[0], part[1].filter(pl.col("outcome").is_not_null())
        assert (part[0]["forecaster"].n_unique() < whole[0]["forecaster"].n_unique()) == (moment < 45)
        full, cut = (gm.forecasts.score(*one, **asked) for one in (whole, part))
        keys = ["question", "method"]
        of_cut = cut.questions.filter(~pl.col("method").str.starts_with(HINDSIGHT))
        of_full = full.questions.join(of_cut.select(keys), on=keys, how="semi")
        assert of_cut["question"].n_unique() > 8
        assert_frame_equal(of_full.sort(keys), of_cut.sort(keys), check_exact=True)


def test_what_comes_later_changes_no_bit_of_the_whole_grid():
    full, cut = (gm.forecasts.score(*one, resamples=100) for one in (many(), known_at(50, *many())))
    keys = ["question", "method"]
    of_cut = cut.questions.filter(~pl.col("method").str.starts_with(HINDSIGHT)).sort(keys)
    assert of_cut["method"].n_unique() == 24
    assert_frame_equal(full.questions.join(of_cut, on=keys, how="semi").sort(keys), of_cut, check_exact=True)


def test_questions_that_stay_open_for_long_later_do_not_change_the_first_prices():
    """The lock of a question is not that of the busier times that come after it."""
    draw = np.random.default_rng(1)
    truth = draw.random(60) < 0.5
    said = {name: np.repeat(np.arange(60), 5) for name in ("question", "time")} | {"forecaster": np.tile(range(5), 60)}
    said |= {"outcome": ["yes"] * 300, "probability": np.where(np.repeat(truth, 5), 0.7, 0.4) + draw.random(300) * 0.2}
    prices = []
    for delay in (1, 20):
        resolves = np.arange(60) + np.where(np.arange(60) < 30, 1, delay)
        answers = {"question": range(60), "outcome": np.where(truth, "yes", "no"), "closes": range(60)}
        found = gm.forecasts.score(said, answers | {"resolves": resolves}, methods=(), resamples=100)
        prices.append(found.questions.filter(method="Kelly").sort("question")["price"])
        assert found.settings["lock"] == f"running: 0.1 at first, {1 / (delay + 1):.4g} in the end"
    assert prices[0][:31].equals(prices[1][:31])
    assert not prices[0].equals(prices[1])


# --- As of a time, and times that nobody gave


@pytest.mark.parametrize("grue", (None, TAX))
@pytest.mark.parametrize("order", ("close", "resolve"))
def test_open_questions_are_priced_with_the_money_of_the_asked_time(grue, order):
    """Outcomes that come at that time or later change none of their prices, and those before do."""
    forecasts, answers = many()
    asked = {"at": 83, "grue": grue, "lock": 0.3, "order": order}
    later = pl.col("outcome").is_not_null() & (pl.col("resolves") >= 83)
    sooner = pl.col("outcome").is_not_null() & (pl.col("resolves") >= 70) & ~later
    one, other, third = (
        score(forecasts, answers.with_columns(outcome=pl.when(which).then(pl.lit("o1")).otherwise("outcome")), **asked)
        for which in (pl.lit(value=False), later, sooner)
    )
    assert answers.filter(later).height > 3
    assert one.open().height > 4
    no_hindsight = ~pl.col("method").str.starts_with(HINDSIGHT)
    assert_frame_equal(one.open().filter(no_hindsight), other.open().filter(no_hindsight), check_exact=True)
    assert not one.open("Kelly" if grue is None else "Kelly, taxed").equals(
        third.open("Kelly" if grue is None else "Kelly, taxed")
    )


def test_the_money_of_the_asked_time_is_that_of_the_tables_of_then():
    forecasts, answers = many()
    full = score(forecasts, answers, at=83, lock=0.05)
    then = score(*known_at(82.999, forecasts, answers), lock=0.05)
    for method in ("Kelly", "log pool, step 0.3"):
        now = prices_of(then, method, still=True)
        found = prices_of(full, method, still=True)
        assert len(found) > 4
        assert found == pytest.approx({key: now[key] for key in found}, abs=1e-12)


def test_an_open_question_that_has_closed_locks_its_stakes():
    """As it would if its outcome came tomorrow; one whose close nobody knows does not."""
    rows = [(q, "Ann", 1, "yes", 0.8) for q in ("a", "b")]
    forecasts = pl.DataFrame(rows, ["question", "forecaster", "time", "outcome", "probability"], orient="row")
    answers = pl.DataFrame({"question": ["a", "b"], "outcome": [None, "yes"], "closes": [2, 3], "resolves": [None, 4]})
    assert score(forecasts, answers, lock=1).methods.filter(method="Kelly")["unfunded"].item() == 1
    unknown = answers.with_columns(closes=pl.Series([None, 3]))
    found = score(forecasts, unknown, lock=1)
    assert found.methods.filter(method="Kelly")["unfunded"].item() == 0
    assert prices_of(found, "Kelly", still=True)["a", "yes"] == pytest.approx(0.8)


def test_times_of_resolution_that_nobody_gave_are_counted():
    some = ANSWERS.with_columns(resolves=pl.when(pl.int_range(pl.len()) >= 30).then("resolves"))
    assumed = some.filter(pl.col("outcome").is_not_null())["question"][:30]
    played = score(lock=0.2).questions["question"].unique()
    found = [score(answers=answers, lock=0.2) for answers in (ANSWERS, some, ANSWERS.drop("closes", "resolves"))]
    counts = [0, int(played.is_in(assumed.implode()).sum()), len(played)]
    assert [one.settings["assumed"] for one in found] == counts
    assert [one.order for one in found] == [
        "no look-ahead",
        f"no look-ahead but for {counts[1]} questions whose times of resolution are assumed",
        "all times of resolution assumed",
    ]
    assert [bool(one.caution) for one in found] == [False, True, True]
    streamed = gm.forecasts.stream(FORECASTS.lazy(), some, lock=0.2, resamples=100, rows=60)
    assert streamed.settings["assumed"] == counts[1]
    assert score(order="resolve", answers=some).order == "sequential"


def test_forecasts_after_the_close_count_for_nothing(scores):
    late = FORECASTS.with_columns(pl.lit(1e6).alias("time")).unique(["question", "forecaster", "outcome"])
    late = late.with_columns(1 / pl.len().over("question", "forecaster").alias("probability"))
    late = late.select(FORECASTS.columns).filter(pl.col("question").str.ends_with("2"))
    more = score(pl.concat([FORECASTS, late]), lock=0.2)
    assert_frame_equal(more.questions, scores.questions, check_exact=True)


def test_the_order_of_rows_and_the_cut_into_pieces_change_nothing(scores):
    mixed = FORECASTS.sample(fraction=1, shuffle=True, seed=1)
    answers = ANSWERS.sample(fraction=1, shuffle=True, seed=2)
    for rows in (60, 10**6):
        found = gm.forecasts.stream(
            mixed.lazy(), answers, lock=0.2, grid=SMALL, resamples=100, floor=0, rows=rows
        ).frames()
        for name, frame in scores.frames().items():
            if name != "wealth":  # which is noted once a piece
                assert_frame_equal(found[name], frame, check_exact=True)


def test_rows_in_the_order_of_prices_are_read_where_they_are(scores, monkeypatch):
    turn = ANSWERS.with_columns(
        pl.min_horizontal("closes", "resolves").alias("by"), pl.col("outcome").is_null().alias("open")
    ).sort("open", "by", "question", maintain_order=True)
    ordered = turn.select("question").join(FORECASTS, on="question", maintain_order="left")
    asked = {"lock": 0.2, "grid": SMALL, "resamples": 100, "floor": 0, "rows": 60}
    spilled = gm.forecasts.stream(ordered.reverse().lazy(), ANSWERS, **asked)
    monkeypatch.setattr(pl.DataFrame, "write_parquet", None)
    found = gm.forecasts.stream(ordered.select(FORECASTS.columns).lazy(), ANSWERS, **asked)
    for name, frame in spilled.frames().items():
        assert_frame_equal(found.frames()[name], frame, check_exact=True)
    assert_frame_equal(found.prices, scores.prices, check_exact=True)
    far = pl.when(pl.int_range(pl.len()) == 900).then(2).otherwise("probability").alias("probability")
    wrong = ordered.with_columns(far)
    with pytest.raises(gm.InputError, match="row 900 of the forecasts has probability 2"):
        gm.forecasts.stream(wrong.lazy(), ANSWERS, **asked)


@pytest.mark.parametrize(
    "given", ({"at": 20}, {"at": "-1", "which": "every"}, {"order": "resolve"}, {"grue": TAX}, {"lock": 0.1})
)
def test_a_stream_has_every_setting(given):
    asked = given | {"resamples": 100, "grid": ()}
    whole = gm.forecasts.score(FORECASTS, ANSWERS, **asked)
    parts = gm.forecasts.stream(FORECASTS.lazy(), ANSWERS, rows=50, **asked)
    assert_frame_equal(parts.prices, whole.prices, check_exact=True)
    assert_frame_equal(parts.forecasters, whole.forecasters, check_exact=True)


def test_the_same_seed_gives_the_same_bits(scores):
    assert_frame_equal(score(lock=0.2).methods, scores.methods, check_exact=True)
    assert not score(lock=0.2, seed=1).methods["bits_low"].equals(scores.methods["bits_low"])


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


# --- What is wrong

BAD_NUMBERS = (
    ({"lock": 7}, "lock 7; give a share"),
    ({"lock": True}, "lock True; give a share"),
    ({"floor": "x"}, "floor 'x'; give 0 or more"),
    ({"floor": float("nan")}, "floor nan"),
    ({"tolerance": "x"}, "tolerance 'x'; give how far from 1"),
    ({"resamples": "x"}, "'x' resamples; give a whole number, 40 or more"),
    ({"resamples": 50.0}, "50.0 resamples; give a whole number"),
    ({"seed": -1}, "seed -1; give a whole number, 0 or more"),
    ({"seed": "x"}, "seed 'x'"),
    ({"grid": gm.Kelly()}, r"grid Kelly\(fraction=1.0\); give several rules, such as \[Kelly\(fraction=1.0\)\]"),
    ({"grid": ["kelly"]}, "clearing 'kelly' cannot be scored"),
    ({"methods": 7}, "methods 7; give names, some of: Kelly; "),
    ({"grue": 0.1}, "grue 0.1 is not a tax"),
    ({"grue": gm.GrueTax(gm.schedules.inverse(), unit="episode")}, "a book of forecasts takes a tax of kernel"),
)


@pytest.mark.parametrize(
    ("given", "message"),
    (
        ({"lock": 0}, "lock 0; give a share of wealth above 0 and at most 1"),
        ({"lock": "half"}, "lock 'half'; give a share of wealth above 0 and at most 1"),
        ({"floor": 0.6}, "floor 0.6"),
        ({"floor": 0.4}, "floor 0.4 times 3 outcomes is 1 or more"),
        ({"which": "first"}, "which='first'; give 'last' or 'every'"),
        ({"order": "random"}, "order='random'; give 'close'"),
        ({"clearing": "kelly"}, "clearing 'kelly' cannot be scored on forecasts; give Kelly, Isoelastic, LogPool"),
        ({"clearing": gm.Isoelastic(np.array([1.0, 2.0]))}, "give one number for all"),
        ({"resamples": 3}, "3 resamples; give a whole number, 40 or more"),
        ({"tolerance": -1}, "tolerance -1"),
        *BAD_NUMBERS,
    ),
)
@pytest.mark.parametrize("how", ("score", "stream"))
def test_settings_that_are_wrong(given, message, how):
    with pytest.raises(gm.InputError, match=message):
        getattr(gm.forecasts, how)(FORECASTS.lazy(), ANSWERS, **({"grid": SMALL} | given))


@pytest.mark.parametrize(("given", "message"), BAD_NUMBERS)
@pytest.mark.parametrize("how", ("score", "stream"))
def test_settings_are_looked_at_before_anything_is_read(given, message, how, tmp_path):
    files = tmp_path / "no.parquet", tmp_path / "no.csv"
    with pytest.raises(gm.InputError, match=message):
        getattr(gm.forecasts, how)(*files, **given)


def test_a_stream_looks_at_the_rest_before_it_reads_on(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["gruemarket.forecasts.stream"], "summary", None)
    for given, wrong in (
        ({"at": "soon"}, pytest.raises(gm.InputError, match="at='soon'")),
        ({"rows": "many"}, pytest.raises(gm.InputError, match="rows 'many'; give how many")),
        ({"folder": tmp_path / "no"}, pytest.raises(FileNotFoundError)),
    ):
        with wrong:
            gm.forecasts.stream(FORECASTS.lazy(), ANSWERS, **given)


def test_settings_may_be_numbers_of_any_type():
    given = {"floor": Fraction(1, 1000), "tolerance": Fraction(1, 1000), "resamples": np.int64(50), "seed": np.int32(1)}
    found = score(lock=np.float32(0.5), **given)
    expected = score(lock=0.5, floor=0.001, tolerance=0.001, resamples=50, seed=1)
    assert_frame_equal(found.methods, expected.methods, check_exact=True)


@pytest.mark.parametrize(
    ("given", "names"),
    (
        ({"resolutions": ANSWERS}, "resolutions"),
        ({"outcomes": ANSWERS}, "outcomes"),
        ({"resolutions": ANSWERS, "tolerance": 0.1}, "resolutions and tolerance"),
    ),
)
def test_what_has_been_read_takes_nothing_more_in(given, names):
    questions = gm.forecasts.read(FORECASTS, ANSWERS)
    with pytest.raises(gm.InputError, match=f"the forecasts have been read; give {names} to read"):
        gm.forecasts.score(questions, **given)
    expected = score(lock=0.2)
    assert_frame_equal(score(questions, None, lock=0.2).methods, expected.methods, check_exact=True)


def test_no_resolutions():
    with pytest.raises(gm.InputError, match="no resolutions are given; give a Parquet or CSV file"):
        gm.forecasts.score(FORECASTS)


def test_nothing_to_score():
    with pytest.raises(gm.InputError, match="no question has resolved: all 40 have no outcome yet"):
        score(answers=ANSWERS.with_columns(outcome=pl.lit(None, pl.String)))
    known = ANSWERS["outcome"].count()
    for scored in (
        gm.forecasts.score,
        lambda forecasts, *rest, **at: gm.forecasts.stream(forecasts.lazy(), *rest, **at),
    ):
        with pytest.raises(gm.InputError, match=f"none of the {known} resolved questions has a forecast before it is"):
            scored(FORECASTS, ANSWERS, at="-100")


def test_what_everybody_ruled_out():
    said = {
        "question": [1] * 2,
        "forecaster": ["A"] * 2,
        "time": [1] * 2,
        "outcome": ["x", "y"],
        "probability": [1.0, 0.0],
    }
    answers = {"question": [1], "outcome": ["y"]}
    with pytest.raises(
        gm.ImpossibleOutcomeError,
        match="question 1 resolved as 'y', to which every forecast in time gave 0; give a floor",
    ):
        score(said, answers)
    floored = score(said, answers, floor=2**-20)
    assert floored.methods["bits"].max() == pytest.approx(20)


def test_who_has_lost_all_does_not_help_and_the_error_names_the_question():
    said = {
        "question": ["b", "b", "a", "a"],
        "forecaster": ["A", "B"] * 2,
        "time": [1, 1, 2, 2],
        "outcome": ["yes"] * 4,
    }
    said["probability"] = [1.0, 0.0, 1.0, 0.0]
    answers = {"question": ["a", "b"], "outcome": ["no", "yes"]}
    with pytest.raises(gm.ImpossibleOutcomeError, match="question 'a' resolved as 'no', to which nobody who had money"):
        score(said, answers, floor=0, lock=1)
