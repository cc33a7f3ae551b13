"""Inductors compared over processes: rank correlations, runs that go on, the command and its report."""

import re

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket import compared, ranks
from gruemarket.analysis import Complexity, complexity, learning_time
from gruemarket.cli import app
from gruemarket.processes import alternating, biased_coin, constant, even, generated, golden_mean, mess3
from gruemarket.report.complexity import write
from scipy import stats
from typer.testing import CliRunner

SHORT = {"length": 80, "seeds": 2, "window": 16, "progress": False}
LAWS = [constant(), alternating(), golden_mean(), mess3()]


def machines(outcomes):
    return gm.StateMachines(2, outcomes=outcomes)


def trees(outcomes):
    return gm.ContextTrees(3, outcomes=outcomes)


BOTH = {"trees": trees, "machines": machines}


@pytest.fixture(scope="module")
def found():
    return complexity(BOTH, LAWS, **SHORT)


def test_ranks_correlate_as_spearman_says():
    random = np.random.default_rng(3)
    for n in (3, 8, 50):
        for most in (2, 5, 1000):  # with many ties, and with few
            a, b = random.integers(most, size=(2, n)).astype(float)
            a[0], b[-1] = most, most + 1  # not all alike
            assert ranks.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
    a = np.array([1.0, np.inf, 3, np.inf])  # who never learns comes last, all alike
    assert ranks.spearman(a, np.array([1.0, 9, 3, 9])) == 1
    assert np.isnan(ranks.spearman(np.ones(4), a))
    many = random.integers(4, size=(2, 6, 9)).astype(float)
    one_by_one = [ranks.spearman(x, y) for x, y in zip(*many, strict=True)]
    np.testing.assert_array_equal(ranks.spearman(*many), one_by_one)


def test_intervals_of_correlations_cover_them():
    random, inside = np.random.default_rng(5), 0
    covariance = [[1, 0.7], [0.7, 1]]
    truth = 6 / np.pi * np.arcsin(0.35)  # of normal variables (Pearson 1907)
    for _ in range(100):
        a, b = random.multivariate_normal([0, 0], covariance, size=40).T
        n, _, low, high = ranks.agreement(a, b, 200, random)
        assert n == 40
        inside += low <= truth <= high
    assert 85 <= inside <= 99
    a, b = np.array([1, 2, np.nan, 4.0, 5]), np.array([1, 2, 3, np.nan, 5.0])
    assert ranks.agreement(a, b, 50, random)[:2] == (3, 1)
    assert ranks.agreement(a[:3], b[:3], 50, random) == (2, None, None, None)


def test_every_pair_is_measured_as_alone(found):
    assert found.inductors == ["trees", "machines"]
    times = found.times()
    assert len(times) == 2 * len(LAWS) * 2
    for name, make in BOTH.items():
        for law in LAWS:
            alone = learning_time(make, law, length=80, seeds=2, window=16)
            assert times.filter(inductor=name, process=law.name).drop("inductor").equals(alone)
    ends = found.curves.filter(symbols=80).sort("inductor", "process", "arm", "seed")["regret_bits"]
    assert ends.to_list() == found.runs.sort("inductor", "process", "arm", "seed")["regret_bits"].to_list()


def test_correlations_are_those_of_the_table(found):
    times = found.times().filter(arm="process")
    regrets = [times.filter(inductor=name)["regret_bits"].to_numpy() for name in ("trees", "machines")]
    row = found.correlations(draws=50).row(0, named=True)
    assert (row["first"], row["second"], row["processes"]) == ("trees", "machines", 4)
    assert row["spearman"] == pytest.approx(stats.spearmanr(*regrets).statistic)
    others = found.correlations("time", draws=50)
    assert others["second"].to_list()[1:5] == list(found.processes.columns[2:])
    assert others["first"].unique().sort().to_list() == ["machines", "trees"]
    assert others.filter(second="excess_entropy")["processes"].to_list() == [3, 3]  # Mess3 has none that is known
    for measured in (found.correlations, found.repeats):
        with pytest.raises(gm.InputError, match="regret_bits, time"):
            measured("bits")
        with pytest.raises(gm.InputError, match="draws 0"):
            measured(draws=0)


def test_an_inductor_agrees_with_itself_as_far_as_its_sequences_do(found):
    regrets = found.runs.filter(arm="process").pivot(on="seed", index=["inductor", "process"], values="regret_bits")
    for row in found.repeats(draws=50).iter_rows(named=True):
        one, other = (regrets.filter(inductor=row["inductor"])[seed].to_numpy() for seed in ("0", "1"))
        assert row["processes"] == 4
        assert row["spearman"] == pytest.approx(stats.spearmanr(one, other).statistic)
        assert row["low"] <= row["spearman"] <= row["high"]
    once = Complexity(found.runs.filter(seed=0), found.curves, found.processes)
    assert once.repeats()["spearman"].to_list() == [None, None]


def test_a_stopped_run_goes_on(found, tmp_path):
    calls = []

    def stopping(outcomes):
        calls.append(outcomes)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return machines(outcomes)

    laws, out = LAWS, tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        complexity({"trees": trees, "machines": stopping}, laws, out=out, **SHORT)
    done = len(list((out / "cells").iterdir()))
    assert 4 < done < 8
    calls.extend([2] * 100)
    before = len(calls)
    again = complexity({"trees": trees, "machines": stopping}, laws, out=out, **SHORT)
    # two to tell what it is, and one for each sequence that was left
    assert len(calls) - before == 2 + 2 * 2 * (8 - done)
    for one in (again, Complexity.load(out), complexity(BOTH, laws, out=out, **SHORT)):
        assert one.runs.equals(found.runs)
        assert one.curves.equals(found.curves)
        assert one.processes.equals(found.processes)
    assert not (out / "cells").exists()
    with pytest.raises(gm.InputError, match="length: 80 there, 90 given"):
        complexity(BOTH, laws, out=out, **{**SHORT, "length": 90})
    with pytest.raises(gm.InputError, match=r"inductors\.machines"):
        complexity({**BOTH, "machines": lambda k: gm.StateMachines(1, outcomes=k)}, laws, out=out, **SHORT)
    (out / "runs.parquet").write_bytes(b"PAR1")
    with pytest.raises(gm.CheckpointError):
        Complexity.load(out)


def test_pretraining_moves_money_to_what_was_shown():
    virgin = gm.Inductor({"family": machines(2)})
    make = compared.pretrained(lambda k: gm.StateMachines(2, outcomes=k, forget=True), episodes=6, length=200, seed=3)
    trained = make(2)
    assert trained.market.wealth.sum() == pytest.approx(1, abs=1e-12)
    assert (trained.market.wealth >= virgin.market.wealth / 2 - 1e-15).all()
    assert trained.market.wealth.max() > 2 * virgin.market.wealth[1:].max()
    trained.read([[0, 1] * 100])
    assert make(2).market.wealth.tobytes() != trained.market.wealth.tobytes()  # each is a fork
    [one] = generated(1, 3)
    assert processes_shown(3, without=[one]).isdisjoint({gm.processes.canonical(one)})
    with pytest.raises(gm.InputError, match="keep 2"):
        compared.pretrained(machines, keep=2)


def processes_shown(seed, without):
    return {gm.processes.canonical(one) for one in generated(6, seed, without=without)}


def test_inductors_fit_alphabets_of_all_sizes():
    made = {k: {name: make(k) for name, make in compared.inductors(states=4).items()} for k in (2, 3, 4, 26)}
    assert {k: made[k]["state machines"].states for k in made} == {2: 4, 3: 3, 4: 2, 26: 1}
    assert {k: made[k]["context trees"].depth for k in made} == {2: 16, 3: 7, 4: 7, 26: 7}
    assert {k: made[k]["programs"].arguments["max_length"] for k in made} == {2: 12, 3: 10, 4: 9, 26: 8}
    assert {k: made[k]["readers"].arguments["max_length"] for k in made} == {2: 8, 3: 6, 4: 5, 26: 5}
    assert all(one.outcomes == k for k in made for one in made[k].values())


def test_programs_pretrained_have_their_parts_money_too():
    make = compared.pretrained(lambda k: gm.Programs(max_length=8, alphabet=k, forget=True), episodes=4, length=100)
    trained = make(2)
    assert len(trained.market) > gm.Programs(max_length=8).accounts
    assert trained.market.wealth.sum() + trained.market.reserve == pytest.approx(1, abs=1e-12)
    virgin = trained.market.virgin().wealth
    assert (trained.market.wealth >= virgin / 2 - 1e-15).all()
    assert (trained.market.wealth > virgin).any()


def test_a_short_record_is_read_whole(tmp_path):
    record = gm.processes.Recorded([0, 1, 1] * 10, name="record")
    found = complexity({"trees": trees}, [record, alternating()], **SHORT)
    assert found.runs["symbols"].unique().sort().to_list() == [30, 80]
    row = found.times().row(by_predicate=(pl.col("process") == "record") & (pl.col("arm") == "process"), named=True)
    assert row["true_bits"] == 0
    assert row["regret_bits"] == pytest.approx(row["bits"], rel=1e-12)
    text = write(found, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "record" in text  # one inductor has nobody to agree with


@pytest.mark.parametrize(
    ("inductors", "laws", "message"),
    (
        ({}, LAWS, "0 inductors"),
        (BOTH, [], "0 processes"),
        (BOTH, [even(), even()], "two processes are called 'even'"),
        ({"machines": machines(2)}, LAWS, "a function that makes one"),
    ),
)
def test_bad_input_says_what_is_allowed(inductors, laws, message):
    with pytest.raises(gm.InputError, match=message):
        complexity(inductors, laws, **SHORT)


def test_the_report_shows_what_was_measured(found, tmp_path):
    page = write(found, tmp_path / "report.html", manifest={"status": "<finished>"})
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"<section id=[^>]*><h2>(.*?)</h2>", text)
    assert headings == ["Agreement", "Regret and learning time", "Regret on the way", "Processes", "What made this"]
    assert set(re.findall(r'<div class="chart" [^>]* data-spec="spec-([a-z]+)"></div>', text)) == {
        "heat",
        "pairs",
        "times",
        "curves",
    }
    assert "two inductors' orders of the processes correlate by" in text.replace("&#x27;", "'")
    assert "of 1 pairs have an interval that lies below that" in text
    assert "&lt;finished&gt;" in text
    assert "golden mean" in text


def command(*arguments):
    return CliRunner().invoke(app, ["complexity", *map(str, arguments)])


def test_the_command(tmp_path):
    (tmp_path / "mine.txt").write_text("0110" * 30)
    given = ["--symbols", tmp_path / "mine.txt", "-p", "even", "-p", "constant", "--generated", 2, "--length", 100]
    given += ["--seeds", 2, "--states", 2, "--tokens", 8, "--pretrain", 2, "--out", tmp_path / "out"]
    result = command(*given, "--no-progress")
    assert result.exit_code == 0, result.output
    for shown in ("mine", "even", "machine 0.1", "pretrained context trees", "Spearman", "report.html"):
        assert shown in result.output
    assert (tmp_path / "out" / "report.html").exists()
    names = Complexity.load(tmp_path / "out").processes["process"].to_list()
    assert names == ["even", "constant", "mine", "machine 0.0", "machine 0.1"]
    assert command(*given).exit_code == 0  # it was done
    assert "another config" in command(*given, "--seeds", 3).output
    result = command("-p", "evne", "--out", tmp_path / "other")
    assert (result.exit_code, "did you mean 'even'?" in result.output) == (2, True)
    result = command("--symbols", tmp_path / "none.txt", "--out", tmp_path / "other")
    assert (result.exit_code, "No such file" in result.output) == (2, True)
    assert not (tmp_path / "other").exists()


def test_a_coin_is_learned_at_once_by_who_has_only_coins():
    found = complexity({"coins": lambda k: gm.StateMachines(1, outcomes=k)}, [biased_coin(), golden_mean()], **SHORT)
    coin, golden = found.times().filter(arm="process").rows(named=True)
    assert coin["regret_bits"] < 8 < golden["regret_bits"]
