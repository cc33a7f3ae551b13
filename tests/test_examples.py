"""The examples: their claims hold, their commands behave."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

EXAMPLES = Path(__file__).parents[1] / "examples"
GRUE_TAX, RECORDED_MODELS, FOREST = (EXAMPLES / f"{name}.py" for name in ("grue_tax", "recorded_models", "forest"))
NO_TAX, IN_FULL, INVERSE = "no tax", "tax, h = 1/(n(n+1))", "tax, h = 1/(n+1)"
KL = 1.2


def start(*arguments, script=GRUE_TAX):
    """Runs an example as a user would."""
    command = [sys.executable, script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


# --- grue_tax.py


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    out = tmp_path_factory.mktemp("not there") / "yet"
    done = start("--quick", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, pl.read_parquet(out / "grue_tax.parquet")


def episodes_to_adapt(runs, arm):
    """n and the mean over seeds, where a rule is worth its price."""
    means = runs.filter(pl.col("arm") == arm, pl.col("n") > 15).group_by("n").agg(pl.col("episodes_to_adapt").mean())
    return means.sort("n").to_numpy().T


def test_without_the_tax_adaptation_is_linear(quick):
    n, episodes = episodes_to_adapt(quick[1], NO_TAX)
    assert np.polyfit(np.log(n), np.log(episodes), 1)[0] == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(episodes, n, rtol=0.25)


@pytest.mark.parametrize(("arm", "logarithms"), ((IN_FULL, 2), (INVERSE, 1)))
def test_with_the_tax_adaptation_is_logarithmic(quick, arm, logarithms):
    n, episodes = episodes_to_adapt(quick[1], arm)
    assert np.polyfit(np.log2(n), episodes, 1)[0] == pytest.approx(logarithms / KL, abs=0.7)
    # the walk over 20 bits has a standard deviation of about 6 episodes, and there are 10 seeds
    np.testing.assert_allclose(episodes, (10 + logarithms * np.log2(n)) / KL, atol=5)


def test_the_rule_finds_the_switch(quick):
    rules = quick[1].filter(pl.col("arm") == IN_FULL, pl.col("n") >= 100)
    assert rules["rule_k"].null_count() == 0
    assert ((rules["rule_k"] - rules["n"]).abs() <= 20).all()
    assert (rules["rule_k"] - rules["n"]).abs().median() <= 5
    k = rules["rule_k"].to_numpy()
    np.testing.assert_allclose(rules["tax_bits"], 10 + np.log2(k * (k + 1.0)), atol=0.05)
    for rule, found in rules.select("rule", "rule_k").iter_rows():
        assert rule.startswith(f"0..{found - 1} A; {found}.. B (tax ")


def test_it_prints_the_rules_beside_the_true_n(quick):
    text, runs = quick
    for n, rule in runs.filter(pl.col("arm") == IN_FULL).group_by("n").agg(pl.col("rule").first()).iter_rows():
        assert any(f"true n = {n} " in line and rule in line for line in text.splitlines())


def test_the_same_seed_gives_the_same_runs(quick, tmp_path):
    assert start("--quick", "--out", tmp_path).returncode == 0
    assert pl.read_parquet(tmp_path / "grue_tax.parquet").equals(quick[1])


def test_a_seed_does_not_depend_on_the_others(quick, tmp_path):
    start("--n", "100", "--seed", "3", "--seeds", "2", "--out", tmp_path)
    same = quick[1].filter(pl.col("n") == 100, pl.col("seed").is_in([3, 4]))
    assert pl.read_parquet(tmp_path / "grue_tax.parquet").equals(same)


def test_the_plot_needs_no_network(tmp_path):
    done = start("--n", "10", "100", "--seeds", "2", "--out", tmp_path)
    page = tmp_path / "grue_tax.html"
    assert str(page) in done.stdout
    text = page.read_text(encoding="utf-8")
    assert "<script src" not in text
    assert "<link" not in text
    assert (tmp_path / "grue_tax.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_cannot_be_written_is_an_error_without_a_traceback(tmp_path):
    (tmp_path / "file").touch()
    done = start("--quick", "--out", tmp_path / "file" / "folder")
    assert done.returncode == 1
    assert "--out" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("wrong", (("--n", "0"), ("--n", "ten"), ("--seeds", "1"), ("--seed", "-1")))
def test_wrong_numbers_are_refused(tmp_path, wrong):
    done = start(*wrong, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert f"error: argument {wrong[0]}" in done.stderr
    assert not (tmp_path / "out").exists()


# --- recorded_models.py


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    out = tmp_path_factory.mktemp("recorded")
    done = start("--out", out, script=RECORDED_MODELS)
    assert (done.returncode, done.stderr) == (0, "")
    bits = [float(found) for found in re.findall(r"(\S+) bits a word", done.stdout)]
    return bits, pl.read_parquet(out / "recorded_models.parquet")


def test_the_record_has_a_row_for_each_word_and_model(recorded):
    _, frame = recorded
    assert frame.columns == ["episode", "round", "forecaster", "outcome", "logprob"]
    asked = frame.group_by("episode", "round").agg(pl.col("forecaster").n_unique(), pl.col("outcome").n_unique())
    assert asked.select("forecaster", "outcome").unique().rows() == [(3, 1)]
    assert len(frame) == 3 * len(asked)


def test_the_market_is_bayes_over_the_models_and_a_mixture_beats_them_all(recorded):
    (*models, full, slow), frame = recorded
    words = len(frame) / 3
    paid = frame.group_by("forecaster", maintain_order=True).agg(-pl.col("logprob").sum() / np.log(2))["logprob"]
    np.testing.assert_allclose(models, paid / words, atol=5e-4)
    bayes = np.log2(3) - np.logaddexp2.reduce(-paid.to_numpy())
    assert full == pytest.approx(bayes / words, abs=5e-4)
    assert slow < min(models)


def test_a_model_of_words_shares_out_all_of_its_probability():
    words = runpy.run_path(str(RECORDED_MODELS))["Words"]
    pages = [[0, 1, 2, 1, 2, 3], [1, 2, 1, 0]]
    for order in (1, 2, 3):
        model = words(pages, 5, order)
        for before in ([], [1], [2, 1], [4, 1], [0, 4]):
            assert sum(model.probability(before, word) for word in range(5)) == pytest.approx(1)


# --- forest.py

SMALL = ("--trees", "10", "--splits", "3", "--epochs", "2")
VOTE, SMOOTHED, LEAVES = "forest's vote", "vote, smoothed", "market of leaves"
METHODS = [VOTE, "vote, tempered", SMOOTHED, "market of trees", LEAVES, "leaves, 8 epochs, not stopped"]


@pytest.fixture(scope="module")
def forests(tmp_path_factory):
    out = tmp_path_factory.mktemp("forests")
    done = start(*SMALL, "--data", "wine", "iris", "--out", out, script=FOREST)
    assert done.returncode == 0, done.stderr
    return done.stdout, pl.read_parquet(out / "forest.parquet"), out


def test_every_split_has_a_row_for_each_method(forests):
    text, runs, out = forests
    assert runs.columns == ["data", "split", "method", "bits", "error"]
    assert runs["method"].unique(maintain_order=True).to_list() == METHODS
    assert runs.select("data", "split").unique(maintain_order=True).rows() == [
        (data, split) for data in ("wine", "iris") for split in range(3)
    ]
    assert ((runs["error"] >= 0) & (runs["error"] < 0.2) & (runs["bits"] > 0) & (runs["bits"] < 1)).all()
    page = (out / "forest.html").read_text(encoding="utf-8")
    assert "<script src" not in page
    assert (out / "forest.png").read_bytes().startswith(b"\x89PNG")
    assert str(out / "forest.html") in text


def test_forests_print_paired_differences_with_corrected_intervals(forests):
    text, runs, _ = forests
    wide = runs.filter(data="wine").pivot("method", index="split", values="bits")
    for other, column in ((VOTE, 4), (SMOOTHED, 5)):
        difference = (wide[LEAVES] - wide[other]).to_numpy()
        reach = stats.t.ppf(0.975, 2) * np.std(difference, ddof=1) * np.sqrt(1 / 3 + 0.3 / 0.7)
        row = next(line for line in text.splitlines() if "wine" in line and f" {LEAVES} " in line)
        star = " *" if abs(difference.mean()) > reach else ""
        assert re.split(" *[│┆] *", row)[column].strip() == f"{difference.mean():+.3f} ± {reach:.3f}{star}"


def test_a_split_does_not_depend_on_the_others(forests, tmp_path):
    start(*SMALL, "--splits", "2", "--seed", "1", "--data", "wine", "--out", tmp_path, script=FOREST)
    same = forests[1].filter(pl.col("data") == "wine", pl.col("split") > 0)
    assert pl.read_parquet(tmp_path / "forest.parquet").equals(same)


def test_forests_read_a_file_with_words_and_gaps(tmp_path):
    random = np.random.default_rng(0)
    colour = random.choice(["red", "green", "blue"], 80)
    answer = np.where((colour == "red") ^ (random.random(80) < 0.05), "yes", "no")
    frame = pl.DataFrame({"answer": answer, "colour": colour, "size": random.normal(size=80)})
    frame = frame.with_columns(size=pl.when(pl.col("size") < -1).then(None).otherwise("size"))
    frame.write_csv(tmp_path / "mixed.csv")
    given = ("--csv", tmp_path / "mixed.csv", "--target", "answer", *SMALL, "--forest", "extra", "--min-leaf", "4")
    done = start(*given, "--out", tmp_path, script=FOREST)
    assert done.returncode == 0, done.stderr
    runs = pl.read_parquet(tmp_path / "forest.parquet")
    assert runs["data"].unique().to_list() == ["mixed"]
    assert runs["error"].mean() < 0.25


@pytest.mark.parametrize(
    ("text", "target", "said"),
    (
        (None, "a", "No such file"),
        ("a,b\n1,x\n2,y\n3,x\n4,y\n", "c", "known: a, b"),
        ("a,b\n1,x\n2,x\n", "b", "needs 2 classes or more"),
        ("a,b\n1,x\n2,x\n3,y\n", "b", "each of 2 samples or more"),
        ("a,b\n1,x\n2,y\n3", "b", "needs 2 classes"),
        ("b\nx\nx\ny\ny\n", "b", "no other column"),
    ),
)
def test_files_that_are_no_data_are_refused(tmp_path, text, target, said):
    if text is not None:
        (tmp_path / "data.csv").write_text(text)
    done = start("--csv", tmp_path / "data.csv", "--target", target, "--out", tmp_path / "out", script=FOREST)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
