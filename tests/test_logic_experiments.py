"""Finite experiments of logical induction, small: the bounds of examples/logic hold, and break without the trader.

The files there say from which premises each bound follows. Here each is written once more, by its number.
"""

import runpy
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import gruemarket as gm
import numpy as np
import polars as pl
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples" / "logic"


@pytest.fixture(scope="module")
def experiments():
    """The modules by the names of their experiments."""
    return runpy.run_path(str(EXAMPLES), run_name="examples of logic")["EXPERIMENTS"]


def counts(contest, *, present):
    """k, days that count, bound."""
    arms = [arm for arm in contest.arms if arm.present is present]
    return np.array([(arm.k, arm.wrong.sum(), arm.bound) for arm in arms]).T


def obeys(contest, bound):
    """The bound is this one, is obeyed, is missed without the trader, and rests on its premise."""
    k, days, said = counts(contest, present=True)
    np.testing.assert_allclose(said, bound(k), rtol=1e-12)
    assert (days <= said).all()
    telling = said < len(contest.arms[0].wrong)
    assert telling.any()
    _, without, _ = counts(contest, present=False)
    assert (without[telling] > said[telling]).all()
    assert max(arm.lost for arm in contest.arms if arm.present) < 1  # so that the budget 1 changes nothing
    assert days[-1] > 0, "the rivals never moved the price: nothing was tried"
    return days


# --- Statistics


@pytest.mark.parametrize("order", ("ASCENDING", "LAST"))
def test_a_decimal_of_pi_is_seven_with_price_a_tenth(experiments, order):
    pi = experiments["pi"]
    price = pi.prices(getattr(pi, order), 10_000)
    assert len(price) == 10_000
    assert (price[3000:] - 0.1).abs().mean() < 0.005


def test_the_orders_are_permutations_and_the_right_one_is_last(experiments):
    pi = experiments["pi"]
    assert pi.LAST[-1] == 2
    assert pi.LAST[:-1] == sorted(set(range(1, 20)) - {2})
    for order in (pi.ASCENDING, pi.LAST, *map(pi.shuffled, range(20))):
        assert sorted(order) == list(range(1, 20))


def test_the_report_of_random_orders_says_which_fail(experiments):
    finding = experiments["pi"].find(quick=True)
    seeds = finding.frame.filter(pl.col("order").str.starts_with("seed"))
    fail = (seeds["missed"] > 0.05).to_list()
    assert 0 < sum(fail) < len(fail)
    assert [note.endswith("fails") for note in finding.notes[1:]] == fail
    assert finding.holds  # what is claimed is claimed of the two given orders


# --- One trader against rivals


def test_theorems_are_believed_before_they_are_proved(experiments):
    provability = experiments["provability"]
    delta = Fraction(1, 4)
    contest = provability.experiment(delta, (1, 2), 1600)
    days = obeys(contest, lambda k: 192 * 2**k / float(delta) + k - 1)
    assert days[1] > days[0]


def test_theorems_are_proved_twenty_days_late(experiments):
    assert experiments["provability"].STAKE * 32 == 1
    days = experiments["provability"].process()
    first = [next(days) for _ in range(23)]
    assert first[:20] == [[]] * 20
    assert [str(revealed[0]) for revealed in first[20:]] == [f'"9 divides 10^{n} - 1"' for n in (1, 2, 3)]


@pytest.mark.parametrize(("delta", "length"), ((Fraction(1, 5), 260), (Fraction(1, 8), 400)))
def test_exclusive_and_exhaustive_prices_come_to_sum_to_one(experiments, delta, length):
    contest = experiments["coherence"].experiment(delta, (1, 2, 3), length)
    obeys(contest, lambda k: 6 * 2**k / float(delta) + k - 1)
    for arm in contest.arms:
        assert arm.wrong.to_list() == [abs(total - 1) > float(delta) for total in arm.prices]


def test_an_unrefuted_sentence_keeps_a_price(experiments):
    contest = experiments["occam"].experiment((1, 2, 3, 4), 120)
    obeys(contest, lambda k: 6.4 * 2**k + k - 1)
    for arm in contest.arms:
        if arm.present:
            assert arm.prices[-1] >= 2**-arm.k / 16
        else:
            assert arm.prices[-1] == 0


@pytest.mark.parametrize("p", (Fraction(3, 10), Fraction(1, 2)))
def test_the_price_of_the_paradox_tends_to_p(experiments, p):
    delta = Fraction(1, 20)
    contest = experiments["paradox"].experiment(p, delta, (1, 2, 3), 150)
    obeys(contest, lambda k: 6 * 2**k / float(min(p, 1 - p) + delta) + k - 1)
    for arm in contest.arms:
        far = (arm.prices[75:] - float(p)).abs().max()
        assert far < 0.01 if arm.present else far > 0.1


def test_the_paradox_is_answered_by_its_price(experiments):
    paradox = experiments["paradox"]
    days = paradox.answers(Fraction(1, 2))
    assert next(days) == []
    assert days.send({paradox.named(1): Fraction(1, 2)}) == [~paradox.named(1)]
    assert days.send({paradox.named(2): Fraction(1, 2) - Fraction(1, 2**60)}) == [paradox.named(2)]


def test_the_price_of_an_undecided_sentence_stops_swinging(experiments):
    contest = experiments["convergence"].experiment((1, 2), 200)
    obeys(contest, lambda k: 6 * 2**k / 0.3)
    late = {arm.present: arm.wrong[-50:].sum() for arm in contest.arms if arm.k == 2}
    assert late == {True: 0, False: 25}


def test_upcrossings_are_ways_from_below_to_above(experiments):
    upcrossings = experiments["convergence"].upcrossings
    prices = pl.Series([0.2, 0.8, 0.9, 0.3, 0.5, 0.3, 0.7, 0.31, 0.9, 0.1])
    assert upcrossings(prices, 1).arg_true().to_list() == [1, 6]
    assert upcrossings(prices, 2).arg_true().to_list() == [6]


def test_given_psi_is_as_if_psi_were_known(experiments):
    delta = Fraction(3, 10)
    contest, psi = experiments["conditional"].experiment(delta, (1, 2), 150)
    obeys(contest, lambda k: 6 * 2**k / float(delta) + 6 * 2**k / (0.4 * float(delta)) + 2 * (k - 1))
    assert psi >= 0.4
    for arm in contest.arms:
        assert (arm.prices[-20:].mean() > 0.95) is arm.present


def test_the_invariant_behind_the_bounds_holds(experiments):
    """H4, from the stored trades alone: no budgeted trader is worth more than 3 * 2^(k + b)."""
    coherence = experiments["coherence"]
    wanted = Fraction(8, 15)
    arbitrageur = gm.logic.Arbitrage(coherence.SENTENCES, slope=5)
    traders = coherence.against(3, arbitrageur, lambda stake: coherence.rival(wanted, stake))
    audit = coherence.run([[gm.logic.one(*coherence.SENTENCES)]], traders, 60).audit()
    assert audit.holds
    assert {"H1", "H2", "H3", "H4"} <= set(audit.findings["invariant"])


# --- Calibration


@pytest.fixture(scope="module")
def calibrated(experiments):
    return experiments["calibration"].Calibration.run(2500, paired=True)


def test_prices_are_as_frequent_as_they_say(experiments, calibrated):
    alone = experiments["calibration"].Calibration.run(2500, paired=False)
    assert calibrated.distance < 0.03
    assert alone.distance > 0.08
    assert calibrated.tightest().holds


def test_tenths_count_every_day_but_the_first_fifth(calibrated):
    assert calibrated.frame["days"].sum() == 2000
    for tenth, mean in calibrated.frame.select("tenth", "price").iter_rows():
        assert tenth / 10 <= mean < (tenth + 1) / 10
    hits = (calibrated.frame["true"] * calibrated.frame["days"]).sum()
    decided = calibrated.inductor.prices.filter(pl.col("day") > 500)["sentence"]
    truths = [calibrated.inductor.truth(sentence) for sentence in decided[:-1]]  # the last is decided tomorrow
    assert round(hits) - sum(truths) in (0, 1)


def test_decimals_of_pi(experiments):
    decimals = experiments["calibration"].decimals_of_pi
    assert decimals(20) == "14159265358979323846"
    assert decimals(5000)[:20] == decimals(20)
    assert decimals(1000)[-10:] == "2164201989"  # the well-known end of the first thousand


# --- The command


def start(*arguments):
    """Runs the examples as a user would."""
    command = [sys.executable, EXAMPLES, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_it_prints_the_bound_beside_what_was_measured_and_draws(tmp_path):
    done = start("occam", "--quick", "--out", tmp_path / "not there" / "yet")
    assert (done.returncode, done.stderr) == (0, "")
    row = next(line for line in done.stdout.splitlines() if "k = 4" in line)
    measured, bound = map(float, row.split()[-2:])
    assert bound == pytest.approx(6.4 * 16 + 3)
    frame = pl.read_parquet(tmp_path / "not there" / "yet" / "occam.parquet")
    assert frame.filter(pl.col("k") == 4, pl.col("present"))["wrong"].item() == measured
    page = (tmp_path / "not there" / "yet" / "occam.html").read_text(encoding="utf-8")
    assert "<script src" not in page
    assert (tmp_path / "not there" / "yet" / "occam.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_experiment_is_refused(tmp_path):
    done = start("ocam", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "unknown experiment: ocam; known: pi, " in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_an_error_without_a_traceback(tmp_path):
    (tmp_path / "file").touch()
    done = start("occam", "--quick", "--out", tmp_path / "file" / "folder")
    assert done.returncode == 1
    assert "--out" in done.stderr
    assert "Traceback" not in done.stderr
