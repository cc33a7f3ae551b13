"""No method looks ahead, and nothing hangs on how tables are laid."""

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from forecasters import ANSWERS, FORECASTS, SMALL, TAX, prices_of, score, tables
from gruemarket.forecasts.methods import HINDSIGHT
from polars.testing import assert_frame_equal


@pytest.fixture(scope="module")
def scores():
    return score(lock=0.2)


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
