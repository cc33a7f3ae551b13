"""The folder of scores, its report, the command and the example."""

import json
import re
import runpy
from pathlib import Path

import gruemarket as gm
import polars as pl
import pytest
from forecasters import tables
from gruemarket.cli import app
from gruemarket.forecasts.report import report
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

EXAMPLE = Path(__file__).parents[1] / "examples" / "forecasters.py"
SMALL = (gm.Kelly(), gm.LogPool(step=0.3))
SECTIONS = (
    "Methods (no look-ahead)",
    "Open questions",
    "Calibration",
    "Forecasters",
    "The richest over time",
    "Regret",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    forecasts, answers = tables()
    forecasts.write_parquet(folder / "forecasts.parquet")
    answers.write_csv(folder / "resolutions.csv")
    return folder / "forecasts.parquet", folder / "resolutions.csv"


@pytest.fixture(scope="module")
def scores(files):
    return gm.forecasts.score(*files, grid=SMALL, resamples=100, clearing=gm.Isoelastic(4))


def specs(html):
    return [
        json.loads(text) for text in re.findall(r'<script type="application/json" id="spec-[^"]*">(.*?)</script>', html)
    ]


def test_a_folder_holds_all_of_it(scores, tmp_path):
    place = scores.save(tmp_path / "not there" / "yet")
    for name, frame in scores.frames().items():
        assert_frame_equal(pl.read_parquet(place / f"{name}.parquet"), frame)
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["config"]["clearing"] == "isoelastic, aversion 4"
    assert manifest["gruemarket"]["version"] == gm.__version__
    scores.save(place)
    assert sorted(path.name for path in place.parent.iterdir()) == ["yet"]


def test_a_folder_of_something_else_stays(scores, tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(gm.InputError, match="holds something else than scores"):
        scores.save(tmp_path)
    with pytest.raises(gm.InputError, match="holds something else than scores"):
        scores.save(tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_save_that_fails_leaves_the_old_folder(scores, tmp_path, monkeypatch):
    place = scores.save(tmp_path / "scores")
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    monkeypatch.setattr("gruemarket.forecasts.folder.report", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scores.save(place)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]


def test_the_report_shows_everything(scores, tmp_path):
    html = report(scores, tmp_path / "report.html").read_text(encoding="utf-8")
    for title in SECTIONS:
        assert f"<h2>{title}</h2>" in html
    assert len(specs(html)) == 5
    assert all(name in html for name in scores.methods["method"])
    assert not re.search(r'(src|href)="https?:', html)


def test_a_report_without_open_questions_and_in_the_simple_order(files, tmp_path):
    closed = pl.read_csv(files[1]).drop_nulls()
    forecasts = pl.read_parquet(files[0]).join(closed, on="question", how="semi")
    scores = gm.forecasts.score(forecasts, closed, order="resolve", grid=(), resamples=100, floor=0.01)
    html = scores.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>Methods (sequential)</h2>" in html
    assert "sequential game" in html
    assert "<h2>Open questions</h2>" not in html


def test_a_report_says_which_times_of_resolution_are_assumed(scores, files, tmp_path):
    told = "do not say when they resolved"
    assert scores.settings["assumed"] == 0
    html = scores.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nothing looks ahead" in html
    assert told not in html
    unknown = pl.read_csv(files[1]).drop("resolves")
    html = gm.forecasts.score(files[0], unknown, grid=(), resamples=100).report(tmp_path / "report.html").read_text()
    assert "<h2>Methods (all times of resolution assumed)</h2>" in html
    assert "Nothing looks ahead" not in html
    assert told in html


@pytest.mark.parametrize("more", ((), ("--stream",)))
def test_the_command_says_which_times_of_resolution_are_assumed(files, tmp_path, more):
    some = pl.read_csv(files[1]).with_columns(resolves=pl.when(pl.int_range(pl.len()) > 4).then("resolves"))
    some.write_csv(tmp_path / "some.csv")
    done = invoke(files[0], "-r", tmp_path / "some.csv", "--out", tmp_path / "scores", *more)
    assert done.exit_code == 0, done.output
    words = " ".join(done.stdout.split())
    assert "no look-ahead but for 5 questions whose times of resolution are assumed" in words
    assert "Of 5 of 37 resolved questions the resolutions do not say when they resolved" in words
    assert json.loads((tmp_path / "scores" / "manifest.json").read_text())["config"]["assumed"] == 5
    assert "do not say" not in invoke(files[0], "-r", files[1], "--out", tmp_path / "scores", *more).stdout


def test_names_cannot_break_the_page(tmp_path):
    evil = "</script><script>alert(1)</script>"
    said = {"question": [evil, evil + "2"], "forecaster": [evil] * 2, "time": [1, 1], "outcome": [evil] * 2}
    answers = {"question": [evil, evil + "2"], "outcome": [evil, None]}
    scores = gm.forecasts.score(said | {"probability": [0.5, 0.5]}, answers, grid=())
    html = scores.report(tmp_path / "report.html", title=evil).read_text(encoding="utf-8")
    assert "<script>alert" not in html


def test_dates_are_drawn_as_dates(tmp_path):
    day = pl.date(2026, 1, 1).alias("time")
    said = pl.select(day, question=1, forecaster=pl.lit("Ann"), outcome=pl.lit("yes"), probability=0.7)
    scores = gm.forecasts.score(said, {"question": [1], "outcome": ["yes"]}, grid=())
    assert scores.wealth["time"].dtype == pl.Datetime("us")
    html = scores.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert any('"type":"utc"' in json.dumps(spec, separators=(",", ":")) for spec in specs(html))


def test_dates_are_drawn_as_clocks_show_them_where_they_are(tmp_path):
    said = pl.select(
        pl.datetime(2026, 7, 1, 12, time_zone="UTC").dt.convert_time_zone("Europe/Berlin").alias("time"),
        question=1, forecaster=pl.lit("Ann"), outcome=pl.lit("yes"), probability=0.7,
    )  # fmt: skip
    scores = gm.forecasts.score(said, {"question": [1], "outcome": ["yes"]}, grid=())
    html = scores.report(tmp_path / "report.html").read_text(encoding="utf-8")
    two_hours_later = (20635 * 24 + 12 + 2) * 3_600_000
    assert any(str(two_hours_later) in json.dumps(spec) for spec in specs(html))


# --- The command


def invoke(*arguments):
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def test_the_command(files, tmp_path):
    out = tmp_path / "scores"
    done = invoke(
        files[0], "-r", files[1], "--clearing", "isoelastic", "--aversion", "4", "--out", out, "--grue", "inverse"
    )
    assert done.exit_code == 0, done.output
    assert "isoelastic, aversion 4, taxed" in done.stdout
    assert "market of markets" in done.stdout
    assert "Open questions" in done.stdout
    assert f"report:  {out / 'report.html'}" in done.stdout
    expected = gm.forecasts.score(*files, clearing=gm.Isoelastic(4), grue=gm.GrueTax(gm.schedules.inverse()))
    assert_frame_equal(pl.read_parquet(out / "methods.parquet"), expected.methods)


def test_the_command_streams(files, tmp_path):
    out = tmp_path / "scores"
    done = invoke(files[0], "-r", files[1], "--stream", "--out", out, "--order", "resolve", "--no-progress")
    assert done.exit_code == 0, done.output
    assert "sequential" in done.stdout
    expected = gm.forecasts.stream(*files, order="resolve")
    assert_frame_equal(pl.read_parquet(out / "prices.parquet"), expected.prices)


@pytest.mark.parametrize("more", ((), ("--stream",)))
def test_the_command_counts_what_nobody_forecast(files, tmp_path, more):
    answers = pl.read_csv(files[1])
    early = answers.with_columns(pl.when(pl.col("question") == "q01").then(-99.0).otherwise("closes").alias("closes"))
    silent = answers.head(2).with_columns(question=pl.lit("unheard of ") + pl.col("question"))
    pl.concat([early, silent]).write_csv(tmp_path / "more.csv")
    done = invoke(files[0], "-r", tmp_path / "more.csv", "--out", tmp_path / "scores", *more)
    assert done.exit_code == 0, done.output
    assert "36 resolved questions (3 more without a forecast in time), 8" in " ".join(done.stdout.split())
    done = invoke(files[0], "-r", files[1], "--out", tmp_path / "scores", *more)
    assert "37 resolved questions, 8 forecasters" in " ".join(done.stdout.split())


@pytest.mark.parametrize("more", ((), ("--stream",)))
def test_the_command_chooses(files, tmp_path, more):
    out = tmp_path / "scores"
    done = invoke(files[0], "-r", files[1], "--out", out, "--methods", "median", "--methods", "Kelly", *more)
    assert done.exit_code == 0, done.output
    assert set(pl.read_parquet(out / "methods.parquet")["method"]) == {"Kelly", "median", "uniform mean"}


@pytest.mark.parametrize(
    ("options", "message"),
    (
        (("--clearing", "lmsr"), "--clearing lmsr; give kelly, isoelastic, logpool"),
        (("--clearing", "isoelastic"), "--clearing isoelastic needs --aversion"),
        (("--aversion", "4"), "--aversion belongs to --clearing isoelastic, not to kelly"),
        (("--grue", "sometimes"), "--grue sometimes; give inverse, elias-gamma"),
        (("--grue", "7"), "7"),
        (("--lock", "2"), "lock 2.0"),
        (("--methods", "mode"), "there is no method 'mode'; give some of: Kelly; Kelly, taxed; Kelly, fraction 0.3;"),
        (("--at", "soon"), "at='soon'; the tables' times are numbers"),
        (("--which", "first"), "which='first'"),
        (("--outcomes", "no.csv"), "there is no such file of outcomes: no.csv"),
    ),
)
def test_the_command_refuses(files, tmp_path, options, message):
    done = invoke(files[0], "-r", files[1], "--out", tmp_path / "scores", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"error: {message}" in done.stderr or message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "scores").exists()


def test_the_command_refuses_a_foreign_folder_before_it_reads(tmp_path):
    (tmp_path / "thesis.txt").touch()
    done = invoke("no.parquet", "-r", "no.csv", "--out", tmp_path)
    assert done.exit_code == 2
    assert "holds something else than scores" in done.stderr


@pytest.mark.parametrize("more", ((), ("--stream",)))
def test_the_command_refuses_a_place_that_cannot_be_written_before_it_reads(tmp_path, more):
    (tmp_path / "file").touch()
    done = invoke("no.parquet", "-r", "no.csv", "--out", tmp_path / "file" / "scores", *more)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "cannot be written" in done.stderr
    assert "no.parquet" not in done.stderr
    done = invoke("no.parquet", "-r", "no.csv", "--out", tmp_path / "not there" / "yet", *more)
    assert "no.parquet" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_scores_are_shown_though_they_cannot_be_saved(files, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gruemarket.forecasts.folder.files.write_table", full)
    done = invoke(files[0], "-r", files[1], "--out", tmp_path / "scores", "--methods", "median")
    assert done.exit_code == 2
    assert "median" in done.stdout
    assert "No space left on device" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_command_streams_no_csv(tmp_path):
    (tmp_path / "forecasts.csv").write_text("question,forecaster,time,outcome,probability\nq,Ann,1,yes,0.5\n")
    done = invoke(tmp_path / "forecasts.csv", "-r", "no.csv", "--stream", "--out", tmp_path / "scores")
    assert done.exit_code == 2
    assert "CSV is not streamed; convert the forecasts to Parquet" in done.stderr


def test_a_link_to_a_folder_stays_one(scores, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "scores")
    for _ in range(2):
        scores.save(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "scores" / "report.html").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "scores"]


def test_ctrl_c_leaves_the_folder_as_it_was(files, tmp_path, monkeypatch):
    out = tmp_path / "scores"
    assert invoke(files[0], "-r", files[1], "--out", out, "--methods", "median").exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def pressed(*_):
        raise KeyboardInterrupt

    for where in ("gruemarket.forecasts.markets.Market.play", "gruemarket.forecasts.folder.report"):
        monkeypatch.setattr(where, pressed)
        done = invoke(files[0], "-r", files[1], "--out", out)
        assert done.exit_code == 130
        assert done.stderr.splitlines()[-1] == "stopped before any results were written"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]


# --- The example


def test_the_example(tmp_path, capsys):
    runpy.run_path(str(EXAMPLE))["main"](["--quick", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert (tmp_path / "scores" / "report.html").exists()
    found = pl.read_parquet(tmp_path / "scores" / "methods.parquet")
    assert found.filter(method="isoelastic, aversion 4, taxed")["kind"].item() == "market"
    assert len(printed.splitlines()) == len(found) + 1
    done = invoke(tmp_path / "forecasts.csv", "-r", tmp_path / "resolutions.csv", "--out", tmp_path / "again")
    assert done.exit_code == 0, done.output
