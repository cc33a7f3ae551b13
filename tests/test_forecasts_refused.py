"""Settings and tables that cannot be scored, each with its own error."""

import sys
from fractions import Fraction

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from forecasters import ANSWERS, FORECASTS, SMALL, score
from polars.testing import assert_frame_equal

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
