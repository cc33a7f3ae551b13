"""Reading forecasts: what tables may look like, and that what is wrong is named by its row."""

from datetime import UTC, date, datetime, timedelta

import gruemarket as gm
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from gruemarket.forecasts.clock import Clock

DAY = 86_400e6
COLUMNS = ["question", "forecaster", "time", "outcome", "probability"]


def said(*rows):
    return pl.DataFrame(rows, COLUMNS, orient="row")


TWO = said(("a", "Ann", 1, "yes", 0.9), ("a", "Bob", 2, "yes", 0.6), ("b", "Ann", 3, "no", 0.5))
ANSWERS = pl.DataFrame({"question": ["a", "b"], "outcome": ["yes", None]})


def test_what_is_read():
    found = gm.forecasts.read(TWO, ANSWERS)
    assert found.table["question"].to_list() == ["a", "b"]
    assert found.table["outcomes"].to_list() == [["no", "yes"], ["no", "yes"]]
    assert found.happened.tolist() == [1, -1]
    assert found.closes.tolist() == [2, 3]
    assert found.resolves.tolist() == [2, np.inf]
    assert found.forecasters.to_list() == ["Ann", "Bob"]
    np.testing.assert_allclose(found.values, [0.1, 0.9, 0.4, 0.6, 0.5, 0.5])


@pytest.mark.parametrize("kind", ("csv", "tsv", "parquet", "arrow", "dict", "lazy", "csv.gz"))
def test_tables_of_any_kind_are_the_same(kind, tmp_path):
    path = tmp_path / f"forecasts.{kind}"
    made = {
        "csv": lambda: TWO.write_csv(path) or path,
        "csv.gz": lambda: path.write_bytes(__import__("gzip").compress(TWO.write_csv().encode())) and path,
        "tsv": lambda: TWO.write_csv(path, separator="\t") or path,
        "parquet": lambda: TWO.write_parquet(path) or str(path),
        "arrow": lambda: pa.table(TWO.to_dict(as_series=False)),
        "dict": lambda: TWO.to_dict(as_series=False),
        "lazy": TWO.lazy,
    }[kind]()
    np.testing.assert_array_equal(gm.forecasts.read(made, ANSWERS).values, gm.forecasts.read(TWO, ANSWERS).values)


def test_the_order_of_rows_means_nothing():
    draw = np.random.default_rng(0)
    rows = [(q, f, float(t), k, 1 / 3) for q in range(5) for f in range(4) for t in range(2) for k in "xyz"]
    frame, answers = said(*rows), {"question": range(5), "outcome": ["x"] * 5}
    mixed = frame[draw.permutation(len(frame))]
    for name, value in vars(gm.forecasts.read(frame, answers).panel()).items():
        np.testing.assert_array_equal(getattr(gm.forecasts.read(mixed, answers).panel(), name), value)


def test_an_outcome_that_is_left_out_gets_the_rest():
    rows = [("q", "Ann", 0, "x", 0.5), ("q", "Ann", 0, "y", 0.2), ("q", "Bob", 0, "x", 0.2), ("q", "Bob", 0, "z", 0.8)]
    found = gm.forecasts.read(said(*rows), {"question": ["q"], "outcome": ["z"]})
    np.testing.assert_allclose(found.values, [0.5, 0.2, 0.3, 0.2, 0.0, 0.8], atol=1e-15)


@pytest.mark.parametrize(
    ("name", "other"), (("yes", "no"), ("No", "Yes"), ("true", "false"), ("1", "0"), ("Ada", "not Ada"))
)
def test_one_outcome_alone_has_an_opposite(name, other):
    found = gm.forecasts.read(said(("q", "Ann", 0, name, 0.7)), {"question": ["q"], "outcome": [None]})
    names = found.table["outcomes"][0].to_list()
    assert names == sorted([name, other])
    assert found.values[names.index(name)] == 0.7


def test_a_table_of_outcomes():
    outcomes = {"question": ["q"] * 3, "outcome": ["x", "y", "z"]}
    rows = said(("q", "Ann", 0, "x", 0.5), ("q", "Ann", 0, "y", 0.5))
    found = gm.forecasts.read(rows, {"question": ["q"], "outcome": ["x"]}, outcomes=outcomes)
    np.testing.assert_array_equal(found.values, [0.5, 0.5, 0.0])


def test_numbers_and_text_name_the_same_question():
    answers = {"question": ["7"], "outcome": ["yes"]}
    assert gm.forecasts.read(said((7, 1, 0, "yes", 0.7)), answers).happened.tolist() == [1]


# --- Times


@pytest.mark.parametrize("zone", (None, "UTC", "Europe/Zurich"))
def test_datetimes(zone):
    times = [datetime(2026, 1, 1, 12), datetime(2026, 1, 2, 12)]  # noqa: DTZ001
    rows = said(("q", "Ann", times[0], "yes", 0.7), ("q", "Ann", times[1], "yes", 0.8))
    rows = rows.with_columns(pl.col("time").dt.replace_time_zone(zone))
    found = gm.forecasts.read(rows, {"question": ["q"], "outcome": ["yes"], "closes": [date(2026, 1, 2)]})
    assert np.ptp(found.times) == DAY
    assert found.panel().values.tolist() == pytest.approx([0.3, 0.7])  # a date is its first instant
    assert found.table["closes"].dtype == pl.Datetime("us", zone)
    assert found.table["closes"].to_list() == pl.Series([datetime(2026, 1, 2)]).dt.replace_time_zone(zone).to_list()  # noqa: DTZ001


def test_text_that_is_a_time(tmp_path):
    path = tmp_path / "forecasts.csv"
    path.write_text("question,forecaster,time,outcome,probability\nq,Ann,2026-01-01T10:00:00,yes,0.5\n")
    assert gm.forecasts.read(path, {"question": ["q"], "outcome": ["yes"]}).clock == Clock("datetime")


@pytest.mark.parametrize(
    ("at", "expected"),
    (
        ("7d", (7 * DAY, True)),
        ("1.5h", (5400e6, True)),
        (timedelta(hours=2), (7200e6, True)),
        ("2026-01-02", (20455 * DAY, False)),
        (date(2026, 1, 2), (20455 * DAY, False)),
        (datetime(2026, 1, 2), (20455 * DAY, False)),  # noqa: DTZ001
    ),
)
def test_times_that_are_asked(at, expected):
    assert Clock("datetime").at(at) == expected


BERLIN = (20455 * DAY - 3600e6, False)  # when the second of January begins there


@pytest.mark.parametrize(
    ("at", "expected"),
    (
        ("2026-01-02", BERLIN),
        (date(2026, 1, 2), BERLIN),
        ("2026-01-02T00:00+01:00", BERLIN),
        ("2026-01-01T23:00Z", BERLIN),
        (datetime(2026, 1, 1, 23, tzinfo=UTC), BERLIN),
        ("7d", (7 * DAY, True)),
    ),
)
def test_times_that_are_asked_where_clocks_have_a_zone(at, expected):
    assert Clock("datetime", "Europe/Berlin").at(at) == expected


@pytest.mark.parametrize("at", ("2026-01-02T00:00", datetime(2026, 1, 2)))  # noqa: DTZ001
def test_a_time_without_a_zone_among_times_with_one(at):
    with pytest.raises(gm.InputError, match=r"at='2026-01-02T00:00:00' has no time zone, .* have one \(Europe/Berlin"):
        Clock("datetime", "Europe/Berlin").at(at)


@pytest.mark.parametrize("at", ("2026-01-02T00:00Z", datetime(2026, 1, 2, tzinfo=UTC)))
def test_a_time_with_a_zone_among_times_without(at):
    with pytest.raises(gm.InputError, match=r"at='2026-01-02T00:00:00\+00:00' has a time zone, the tables' times have"):
        Clock("datetime").at(at)


def test_a_day_that_begins_at_one():
    """In São Paulo clocks were put forward at midnight."""
    assert Clock("datetime", "America/Sao_Paulo").at("2018-11-04") == Clock("datetime").at("2018-11-04T03:00")


def test_tables_of_several_zones_are_told_in_that_of_the_forecasts():
    rows = said(("q", "Ann", datetime(2026, 7, 1, 12, tzinfo=UTC), "yes", 0.7))
    zoned = rows.with_columns(pl.col("time").dt.convert_time_zone("Europe/Berlin"))
    answers = {"question": ["q"], "outcome": ["yes"], "closes": [datetime(2026, 7, 2, 12, tzinfo=UTC)]}
    found = gm.forecasts.score(zoned, answers, grid=())
    same = gm.forecasts.score(rows, answers, grid=())
    for name in ("questions", "wealth"):
        frame = found.frames()[name]
        column = "priced" if name == "questions" else "time"
        assert frame[column].dtype == pl.Datetime("us", "Europe/Berlin")
        assert frame[column].dt.convert_time_zone("UTC").equals(same.frames()[name][column])
    parts = gm.forecasts.stream(zoned.lazy(), answers, lock=1)
    assert parts.questions["priced"].to_list() == found.questions["priced"].to_list()


@pytest.mark.parametrize(("clock", "at"), (("datetime", "soon"), ("datetime", 7), ("number", "7d"), ("number", None)))
def test_times_that_are_none(clock, at):
    with pytest.raises(gm.InputError, match="at="):
        Clock(clock).at(at)


ROWS = said(*((q, f, t, "yes", 0.1 * t) for q in "ab" for f in ("Ann", "Bob") for t in (1, 2, 3)))
WHEN = pl.DataFrame({"question": ["a", "b"], "outcome": ["yes"] * 2, "closes": [3, 2], "resolves": [9, 8]})


@pytest.mark.parametrize(
    ("given", "last"),
    (({}, [0.2, 0.3]), ({"at": 1}, [0.1, 0.1]), ({"at": "-1"}, [0.1, 0.2]), ({"at": 100}, [0.2, 0.3])),
)
def test_the_last_forecast_before_a_question_is_priced(given, last):
    panel = gm.forecasts.read(ROWS, WHEN).panel(**given)
    found = [panel.values[a + 1] for a in panel.value_starts[:-1]]
    order = panel.question.tolist()
    assert [found[order.index(q)] for q in (1, 0)] == pytest.approx(last)


def test_every_forecast_shares_the_stake():
    panel = gm.forecasts.read(ROWS, WHEN).panel(which="every")
    assert panel.sizes.tolist() == [4, 6]
    assert panel.forecasters.tolist() == [0, 0, 1, 1, 0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(panel.weights(), [1 / 2] * 4 + [1 / 3] * 6)


def test_nothing_is_priced_after_it_resolved():
    early = WHEN.with_columns(resolves=pl.lit(1))
    assert gm.forecasts.read(ROWS, early).panel().priced.tolist() == [1, 1]


def test_questions_without_forecasts_in_time_are_left_out():
    late = WHEN.with_columns(closes=pl.Series([3.0, 0.5]))
    assert gm.forecasts.read(ROWS, late).panel().question.tolist() == [0]
    with pytest.raises(gm.InputError, match="no question has a forecast before it is priced"):
        gm.forecasts.read(ROWS, WHEN).panel(at=0.5)


# --- What is wrong

GOOD = {
    "question": ["a", "a"],
    "forecaster": ["A", "B"],
    "time": [1, 1],
    "outcome": ["x", "x"],
    "probability": [0.5, 0.5],
}


@pytest.mark.parametrize(
    ("change", "message"),
    (
        ({"probability": [0.5, 1.5]}, "row 1 of the forecasts has probability 1.5"),
        ({"probability": [float("nan"), 0.5]}, "row 0 of the forecasts has probability nan"),
        ({"probability": [0.5, None]}, "row 1 of the forecasts has no probability"),
        ({"probability": ["0.1", "little"]}, "row 1 of the forecasts has probability 'little'"),
        ({"probability": ["0.1", "0.2"]}, "probability is of type String; give numbers from 0 to 1"),
        ({"probability": [0.7, 70]}, r"row 1 .* has probability 70.0 \(rows.*\); .* not percent: 0.7 for 70 %"),
        ({"probability": ["70%", "30%"]}, "row 0 .* has probability '70%' .* not percent"),
        ({"probability": [0.5, 1e4]}, "give a number from 0 to 1$"),
        ({"time": [1, None]}, "row 1 of the forecasts has no time"),
        ({"time": ["now", "then"]}, "row 0 of the forecasts has time 'now' .*; give numbers, or all as 2026-01-31"),
        ({"time": ["2026-01-31", "01/02/2026"]}, "row 1 of the forecasts has time '01/02/2026'"),
        ({"time": ["2026-01-31", "2026-02-31"]}, "row 1 of the forecasts has time '2026-02-31'"),
        ({"time": ["2026-01-31T12:00", "2026-01-31T12:00Z"]}, "row 1 .* time '2026-01-31T12:00Z' .* with a time zone"),
        ({"time": [True, False]}, "time is of type Boolean; give numbers, dates or datetimes"),
        ({"time": [1, 2**60]}, "row 1 of the forecasts: time 1152921504606846976 is too large"),
        ({"question": [None, "a"]}, "row 0 of the forecasts has no question"),
        ({"forecaster": ["A", None]}, "row 1 of the forecasts has no forecaster"),
        ({"outcome": ["x", None]}, "row 1 of the forecasts has no outcome"),
        (
            {"forecaster": ["A", "A"]},
            r"row 1 of the forecasts \(question 'a', forecaster 'A'; .*\) says 'x' a second time at the same time",
        ),
        ({"outcome": ["x", "y"], "forecaster": ["A", "A"]}, "row 0 of the forecasts .* sum to 1.5"),
        ({"question": ["b", "b"]}, r"no question of the forecasts \('b', ...\) is in the resolutions \('a', ...\)"),
        ({"outcome": [["x"], ["y"]]}, "outcome"),
    ),
)
def test_rows_that_are_wrong(change, message):
    given = GOOD | change
    if "sum to 1.5" in message:
        given["probability"] = [0.75, 0.75]
    with pytest.raises(gm.InputError, match=message):
        gm.forecasts.read(given, {"question": ["a"], "outcome": ["x"]})


@pytest.mark.parametrize(
    ("answers", "message"),
    (
        ({"question": ["a", "a"], "outcome": ["x", "x"]}, "row 1 of the resolutions has question 'a' a second time"),
        ({"question": [None], "outcome": ["x"]}, "row 0 of the resolutions has no question"),
        ({"question": ["a"]}, "the resolutions have no column outcome; they need question, outcome and have question"),
        ({"question": ["a"], "outcome": ["x"], "opens": [2], "closes": [1]}, "row 0 .* closes before it opens"),
        ({"question": ["a"], "outcome": ["x"], "opens": [2], "resolves": [1]}, "row 0 .* resolves before it opens"),
        (
            {"question": ["b", "a"], "outcome": ["x", "x"], "opens": [0, 2]},
            "row 1 of the forecasts comes before its question 'a' opens, at 2.0",
        ),
        (
            {"question": ["b", "a"], "outcome": ["x", "x"], "opens": [None, 2], "closes": [9, 9]},
            "row 1 of the forecasts comes before .* mend one of the two times, or leave out opens",
        ),
        ({"question": [], "outcome": []}, "the resolutions have no rows; give one a question"),
        ({"question": ["a"], "outcome": ["x"], "closes": [date(2026, 1, 1)]}, "give all tables times of one kind"),
        (7, "the resolutions are a int"),
        (None, "no resolutions are given; give a Parquet or CSV file"),
    ),
)
@pytest.mark.parametrize("how", ("read", "stream"))
def test_resolutions_that_are_wrong(answers, message, how):
    rows = pl.DataFrame(GOOD).with_columns(pl.Series("time", [3 if "row 1" in message else 1, 1]))
    with pytest.raises(gm.InputError, match=message):
        getattr(gm.forecasts, how)(rows.lazy(), answers)


def test_a_question_may_be_forecast_as_it_opens():
    answers = {"question": ["a"], "outcome": ["x"], "opens": [1], "closes": [1], "resolves": [1]}
    assert len(gm.forecasts.read(GOOD, answers)) == 1


def test_no_rows():
    with pytest.raises(gm.InputError, match="the forecasts have no rows"):
        gm.forecasts.read(TWO.clear(), ANSWERS)
    with pytest.raises(gm.InputError, match="the forecasts have no rows"):
        gm.forecasts.stream(TWO.clear().lazy(), ANSWERS)


def test_a_resolution_that_forecasts_rule_out():
    rows = said(("q", "A", 1, "no", 0.4), ("q", "A", 1, "yes", 0.6))
    with pytest.raises(
        gm.InputError, match=r"row 1 .* 'q' resolved as 'Maybe', which all its forecasts rule out; they name"
    ):
        gm.forecasts.read(rows, {"question": ["p", "q"], "outcome": ["x", "Maybe"]})


@pytest.mark.parametrize(
    ("name", "happened"),
    (("yes", "YES"), ("yes", " yes"), ("yes", "true"), ("yes", "1"), ("yes", "Maybe"), ("1", "yes"), ("Ada", "ada")),
)
def test_a_resolution_in_other_words(name, happened):
    """It would get what forecasts have left over: the opposite of what it means."""
    answers = {"question": ["p", "q"], "outcome": ["x", happened]}
    with pytest.raises(gm.InputError, match=rf"row 1 .* 'q' resolved as '{happened}' .* forecasts speak of '{name}'"):
        gm.forecasts.read(said(("q", "A", 1, name, 0.6)), answers)
    outcomes = {"question": ["q"] * 2, "outcome": [name, happened]}
    assert gm.forecasts.read(said(("q", "A", 1, name, 0.6)), answers, outcomes=outcomes).happened[0] >= 0


@pytest.mark.parametrize(("name", "happened"), (("yes", "no"), ("yes", "No"), ("Ada", "Bob")))
def test_a_resolution_that_nobody_names(name, happened):
    found = gm.forecasts.read(said(("q", "A", 1, name, 0.6)), {"question": ["q"], "outcome": [happened]})
    assert found.values[found.happened[0]] == pytest.approx(0.4)


CSV = "question,forecaster,time,outcome,probability\nq,Ann,2026-01-01,yes,0.5\n"


@pytest.mark.parametrize(
    ("text", "message"),
    (
        ("", r"forecasts.csv: no whole table of forecasts \(empty CSV\); its first row must name the columns$"),
        (CSV.splitlines()[0], "the forecasts have no rows"),
        (CSV.replace(",", ";"), "separate columns by commas, not by semicolons"),
        (CSV + "q,Bob,2026-01-01,yes,0,5\n", r"no whole table .*; give as many cells a row as in the header.* commas$"),
        (CSV.replace("question", "Question"), r"no column question; .* rename those that are called otherwise \(case"),
        (CSV + "q,Bob,01/02/2026,yes,0.5\n", "row 1 of the forecasts has time '01/02/2026'"),
        (CSV + "q,Bob,2026\n", "row 1 of the forecasts has time '2026'"),
        (CSV + "q,Bob,2026-01-02,yes,50%\n", "row 1 of the forecasts has probability '50%'"),
        (CSV + "q,Bob,2026-01-02,yes,nan\n", "row 1 of the forecasts has probability nan"),
        (CSV + "q,Bob,,yes,0.5\n", "row 1 of the forecasts has no time"),
        (CSV + "q,Bob,2026-01-02,Yes,0.5\n", "row 1 .* question 'q' has outcomes 'Yes' and 'yes' .*; spell them alike"),
        (CSV + " q,Bob,2026-01-02,yes,0.5\n", "row 1 of the forecasts has question ' q' .*, with a space around it"),
        (
            CSV + "q,Bob ,2026-01-02,yes,0.5\n",
            "row 1 of the forecasts has forecaster 'Bob ' .*, with a space around it",
        ),
        (CSV + "q,Bob,2026-01-02, yes,0.5\n", "row 1 of the forecasts has outcome ' yes' .*, with a space around it"),
    ),
)
def test_files_that_are_wrong(tmp_path, text, message):
    path = tmp_path / "forecasts.csv"
    path.write_text(text)
    with pytest.raises(gm.InputError, match=message):
        gm.forecasts.read(path, {"question": ["q"], "outcome": ["yes"]})


@pytest.mark.parametrize(
    ("row", "message"),
    (
        ("q,Bob,2026-01-02,yes,1.5", "row 1 of the forecasts has probability 1.5"),
        ("q,Bob,,yes,0.5", "row 1 of the forecasts has no time"),
        ("q,Bob,2026-01-02,Yes,0.5", "row 1 .* question 'q' has outcomes 'Yes' and 'yes' .*; spell them alike"),
        (" q,Bob,2026-01-02,yes,0.5", "row 1 of the forecasts has question ' q' .*, with a space around it"),
        ("q,Bob ,2026-01-02,yes,0.5", "row 1 of the forecasts has forecaster 'Bob ' .*, with a space around it"),
        ("q,Bob,2026-01-02, yes,0.5", "row 1 of the forecasts has outcome ' yes' .*, with a space around it"),
        ("q,,2026-01-02,yes,0.5", "row 1 of the forecasts has no forecaster"),
    ),
)
def test_streamed_files_that_are_wrong(tmp_path, row, message):
    path = tmp_path / "forecasts.parquet"
    pl.read_csv((CSV + row).encode(), try_parse_dates=True).write_parquet(path)
    with pytest.raises(gm.InputError, match=message):
        gm.forecasts.stream(path, {"question": ["q"], "outcome": ["yes"]})


@pytest.mark.parametrize("name", ("forecasts.csv", "forecasts.TSV", "forecasts.csv.gz"))
def test_csv_is_not_streamed(tmp_path, name, monkeypatch):
    """It would be read whole, which is what streaming shall spare."""
    (tmp_path / name).write_text(CSV)
    monkeypatch.setattr(pl, "read_csv", None)
    with pytest.raises(gm.InputError, match=f"{name}: CSV is not streamed; convert the forecasts to Parquet"):
        gm.forecasts.stream(tmp_path / name, {"question": ["q"], "outcome": ["yes"]})


# --- Names in CSV


def written(tmp_path, rows, answers):
    """Files of rows, and of resolutions."""
    (tmp_path / "forecasts.csv").write_text("question,forecaster,time,outcome,probability\n" + rows)
    (tmp_path / "answers.csv").write_text("question,outcome\n" + answers)
    return tmp_path / "forecasts.csv", tmp_path / "answers.csv"


@pytest.mark.parametrize(
    ("one", "other"),
    (
        ("007", "7"),
        ("1.10", "1.1"),
        ("1e3", "1000"),
        ("+7", "7"),
        ("18446744073709551615", "18446744073709551614"),
        ("12345678901234567890123", "12345678901234567890124"),
    ),
)
def test_names_that_look_like_one_number_are_two(tmp_path, one, other):
    files = written(tmp_path, f"q,{one},1,yes,0.9\nq,{other},2,yes,0.1\n", "q,yes\n")
    assert gm.forecasts.read(*files).forecasters.to_list() == sorted([one, other])
    files = written(tmp_path, f"{one},A,1,yes,0.9\n{other},A,2,yes,0.1\n", f"{one},yes\n{other},no\n")
    found = gm.forecasts.read(*files).table
    assert dict(found.select("question", "outcome").iter_rows()) == {one: "yes", other: "no"}
    files = written(tmp_path, f"q,A,1,{one},0.9\nq,A,1,{other},0.1\n", f"q,{other}\n")
    found = gm.forecasts.read(*files).table
    assert (sorted(found["outcomes"][0]), found["outcome"][0]) == (sorted([one, other]), other)


def test_names_that_are_numbers_stay_numbers(tmp_path):
    files = written(tmp_path, "10,-3,1,yes,0.9\n9,4,1,no,0.9\n", '"10",yes\n9,\n')
    found = gm.forecasts.read(*files)
    assert (found.table["question"].to_list(), found.forecasters.to_list()) == ([9, 10], [-3, 4])


def test_an_outcome_that_was_written_as_a_float(tmp_path):
    """As pandas writes whole numbers some of which are missing."""
    files = written(tmp_path, "q,A,1,1,0.9\nr,A,1,1,0.9\n", "q,1.0\nr,\n")
    assert gm.forecasts.read(*files).table["outcome"].to_list() == ["1", None]
    files = written(tmp_path, "q,A,1,1.0,0.9\nq,A,1,2.0,0.1\n", "q,1.0\n")
    assert gm.forecasts.read(*files).table["outcome"].to_list() == ["1.0"]


@pytest.mark.parametrize("kind", (pl.UInt64, pl.Int128))
def test_whole_numbers_of_any_width(kind, tmp_path):
    for first in (7, 2**64 - 1):
        names = pl.Series("forecaster", [first, 3], kind)
        rows = pl.DataFrame({"question": [1, 1], "time": [1, 1], "outcome": ["yes"] * 2, "probability": [0.9, 0.1]})
        rows.with_columns(names).write_parquet(tmp_path / "wide.parquet")
        expected = [3, 7] if first == 7 else [str(first), "3"]
        for how in ("score", "stream"):
            found = getattr(gm.forecasts, how)(
                tmp_path / "wide.parquet", {"question": [1], "outcome": ["yes"]}, grid=(), lock=1
            )
            assert found.forecasters["forecaster"].sort().to_list() == expected


def test_what_files_may_look_like_all_the_same(tmp_path):
    path, answers = tmp_path / "forecasts.csv", {"question": ["q"], "outcome": ["yes"]}
    path.write_text(CSV.replace("yes,", "yes, "))
    assert gm.forecasts.read(path, answers).values.tolist() == [0.5, 0.5]
    path.write_bytes(CSV.replace("Ann", "Zoë").encode("latin1"))
    with pytest.raises(gm.InputError, match=r"no whole table .*; save the file as UTF-8$"):
        gm.forecasts.read(path, answers)


def test_files_whose_cells_are_all_quoted(tmp_path):
    path, answers = tmp_path / "forecasts.csv", tmp_path / "answers.csv"
    path.write_text('"question","forecaster","time","outcome","probability"\n"q","Ann","1","yes","0.25"\n')
    answers.write_text('"question","outcome","closes"\n"q","yes","3"\n"r","",""\n')
    found = gm.forecasts.read(path, answers)
    assert (found.values.tolist(), found.closes.tolist(), found.happened.tolist()) == ([0.75, 0.25], [3], [1])


def test_what_is_missing_may_be_nan():
    rows = said(("a", "A", 1, "1", 0.9), ("b", "A", 2, "1", 0.9))
    answers = {"question": ["a", "b"], "outcome": np.array([1, np.nan]), "resolves": np.array([3, np.nan])}
    found = gm.forecasts.read(rows, answers)
    assert (found.resolves.tolist(), found.happened.tolist()) == ([3, np.inf], [1, -1])
    with pytest.raises(gm.InputError, match="row 1 of the forecasts has no time"):
        gm.forecasts.read(rows.with_columns(time=pl.Series([1.0, np.nan])), answers)


def test_lists_may_mix_whole_numbers_and_others():
    rows = {"question": ["q", "q"], "forecaster": ["A", "B"], "time": [1, 1.5], "outcome": ["yes"] * 2}
    answers = {"question": ["q", "r"], "outcome": ["yes", None], "closes": [3, float("nan")]}
    found = gm.forecasts.read(rows | {"probability": [1, 0.5]}, answers)
    assert (found.values.tolist(), found.times.tolist(), found.closes.tolist()) == ([0, 1, 0.5, 0.5], [1, 1.5], [3])


def test_a_question_of_the_resolutions_with_a_space_around_it():
    with pytest.raises(gm.InputError, match=r"row 1 of the resolutions has question 'b ' .*, with a space around it"):
        gm.forecasts.read(TWO, {"question": ["a", "b "], "outcome": ["yes", "no"]})


def test_outcomes_that_differ_by_case_only_if_a_table_names_them():
    rows, answers = said(("q", "A", 1, "m", 0.6), ("q", "B", 1, "M", 0.6)), {"question": ["q"], "outcome": ["m"]}
    with pytest.raises(gm.InputError, match=r"row 1 .* has outcomes 'M' and 'm'"):
        gm.forecasts.read(rows, answers)
    found = gm.forecasts.read(rows, answers, outcomes={"question": ["q", "q"], "outcome": ["m", "M"]})
    assert found.table["outcomes"].to_list() == [["M", "m"]]


def test_days_in_files_are_dates_and_names_are_names(tmp_path):
    path = tmp_path / "forecasts.csv"
    path.write_text(CSV.replace("q,", "2026-01-01,").replace("yes", "01/02/2026"))
    answers = {"question": ["2026-01-01"], "outcome": ["01/02/2026"], "closes": [date(2026, 1, 2)]}
    found = gm.forecasts.read(path, answers)
    assert found.table["question"].to_list() == ["2026-01-01"]
    assert "01/02/2026" in found.table["outcomes"][0]


def test_too_many_outcomes_left_out():
    rows = said(("q", "A", 1, "x", 0.4), ("q", "B", 1, "y", 0.6))
    with pytest.raises(gm.InputError, match=r"row 0 .* names 1 of the question's 3 outcomes"):
        gm.forecasts.read(rows, {"question": ["q"], "outcome": ["z"]})


def test_rounded_forecasts():
    rows, answers = said(*(("q", "A", 1, k, 0.33) for k in "xyz")), {"question": ["q"], "outcome": ["x"]}
    with pytest.raises(gm.InputError, match=r"sum to 0.99; they must sum to 1 within 1e-06. If they are rounded"):
        gm.forecasts.read(rows, answers)
    np.testing.assert_allclose(gm.forecasts.read(rows, answers, tolerance=0.02).values, 1 / 3)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        gm.forecasts.read(tmp_path / "no.csv", ANSWERS)
    (tmp_path / "half.parquet").write_bytes(b"PAR1")
    with pytest.raises(gm.InputError, match=r"half.parquet: no whole table of forecasts"):
        gm.forecasts.read(tmp_path / "half.parquet", ANSWERS)
    (tmp_path / "table.xlsx").touch()
    with pytest.raises(gm.InputError, match=r"unknown kind '.xlsx'; give .parquet or .csv"):
        gm.forecasts.read(tmp_path / "table.xlsx", ANSWERS)
    for name in ("folder", "folder.csv", "folder.parquet"):
        (tmp_path / name).mkdir()
        with pytest.raises(gm.InputError, match=rf"{name} is a folder; give a Parquet or CSV file of forecasts"):
            gm.forecasts.read(tmp_path / name, ANSWERS)


def test_a_folder_of_parquet_is_one_table(tmp_path):
    (tmp_path / "forecasts.parquet").mkdir()
    for number in range(3):
        TWO[number : number + 1].write_parquet(tmp_path / "forecasts.parquet" / f"{number}.parquet")
    assert len(gm.forecasts.read(tmp_path / "forecasts.parquet", ANSWERS).entries) == 3
