"""Plots of inductors: of a few days and of many, of a few sentences and of one a day."""

from fractions import Fraction

import gruemarket as gm
import polars as pl
import pytest
from gruemarket.errors import InputError
from gruemarket.logic.charts import POINTS

logic = gm.logic
DAYS = POINTS + 100


def daily(days):
    day = logic.Daily("pi[{day}]=7")
    traders = [logic.Belief(day, Fraction(k, 4)) for k in (1, 2, 3)]
    inductor = logic.LogicalInductor(logic.Digits("pi"), traders, tolerance=logic.inverse_square)
    inductor.run(days, progress=False)
    return inductor


@pytest.fixture(scope="module")
def long():
    return daily(DAYS)


def drawn(chart):
    """The rows of its data set, which is kept as CSV."""
    (data,) = chart.to_dict()["datasets"].values()
    return pl.read_csv(data.encode())


def test_one_sentence_a_day_is_drawn_as_a_band(long):
    assert logic.charts.beliefs(daily(20)).to_dict()["layer"]
    assert len(drawn(logic.charts.beliefs(long))) <= POINTS


def test_long_runs_are_thinned(long):
    assert len(drawn(logic.charts.net_worth(long))) <= 3 * POINTS
    assert len(drawn(logic.charts.certificates(long))) <= POINTS


def test_sentences_are_chosen_by_what_they_are():
    inductor = daily(12)
    chosen = logic.charts.beliefs(inductor, ["(pi[3]=7)", logic.Atom("pi[5]=7")])
    assert set(drawn(chosen)["sentence"]) == {"pi[3]=7", "pi[5]=7"}
    every = logic.charts.beliefs(inductor, [logic.Daily("pi[{day}]=7")])
    assert every.to_dict()["datasets"] == logic.charts.beliefs(inductor).to_dict()["datasets"]


@pytest.mark.parametrize(
    ("draw", "match"),
    (
        (lambda i: logic.charts.beliefs(i, "pi[3]=7"), r"write \['pi\[3\]=7'\]"),
        (lambda i: logic.charts.beliefs(i, [3]), "3 is no sentence"),
        (lambda i: logic.charts.beliefs(i, ["rain"]), "traded on any day"),
        (lambda i: logic.charts.net_worth(i, [0]), "trader 0; give a whole number, 1 or more"),
        (lambda i: logic.charts.net_worth(i, [9]), r"\[9\] has entered"),
    ),
)
def test_what_cannot_be_drawn_is_told(draw, match):
    with pytest.raises(InputError, match=match):
        draw(daily(2))


def test_an_inductor_without_days_has_frames_but_nothing_to_draw():
    nothing = logic.LogicalInductor()
    columns = {"day": pl.UInt32, "sentence": pl.String, "price": pl.Float64, "traded": pl.Boolean}
    assert dict(nothing.prices.schema) == columns
    assert nothing.certificates.schema["solver"] == pl.String
    for draw in (logic.charts.beliefs, logic.charts.net_worth, logic.charts.certificates):
        with pytest.raises(InputError, match="nothing to draw"):
            draw(nothing)
