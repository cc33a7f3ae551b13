"""Experiments after a pretraining: small ones whose results can be worked out another way."""

import copy
from dataclasses import replace

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket.experiments import Experiments, load
from polars.testing import assert_frame_equal

TAX_BITS = 3.0
ALPHABETS = {"letters": b"abcd ef", "digits": b"0123 45", "marks": b"+-*/ =;"}  # nobody can take one for another


def corpus():
    rng = np.random.default_rng(4)
    texts = [
        (voice, rng.choice(np.frombuffer(alphabet, np.uint8), 300).tobytes())
        for voice, alphabet in ALPHABETS.items()
        for _ in range(6)
    ]
    return gm.Corpus(pl.DataFrame(texts, ["voice", "text"], orient="row"))


def build(voices):
    return gm.Inductor({voice: gm.Text(memory_mib=1, orders=range(3)) for voice in voices}, clearing=gm.Kelly(0.2))


def likes_digits(texts):
    return [float(sum(c.isdigit() for c in text)) for text in texts]


@pytest.fixture(scope="module")
def experiments():
    train, held_out = corpus().split(0.2, seed=1)
    shown, tuning = train.filter("digits").split(0.5, seed=1)
    others = train.filter(["letters", "marks"])
    pretrain = gm.Pretrain(gm.Corpus(pl.concat([shown.documents, others.documents])), batch=12, episode_bytes=100)
    asked = {"after_bytes": 40, "examples": 12, "example_bytes": 20, "tax_bits": TAX_BITS, "prompts": ["0", "a"]}
    asked |= {"steps": 4, "group": 4, "max_bytes": 4, "rollouts": 8, "reward": likes_digits}
    return Experiments(pretrain, tuning, held_out, build, **asked)


@pytest.fixture(scope="module")
def pretrained(experiments):
    inductor = build(["letters", "digits", "marks"])
    gm.Curriculum([experiments.pretrain], seed=1, sample_bytes=0).run(inductor, progress=False)
    return inductor


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("experiments")


@pytest.fixture(scope="module")
def findings(experiments, pretrained, out):
    wealth = pretrained.market.wealth.tobytes()
    found = experiments.run(pretrained, out, seed=1, progress=False)
    assert pretrained.market.wealth.tobytes() == wealth
    return {one.title: one for one in found}


COLUMNS = {
    "Who wrote it": ["voice", "documents", "right", "accuracy", "low", "high", "chance", "most_common"],
    "Half the money": ["book", "wealth_before", "bits_to_half", "examples_to_half", "wealth_after"],
    "Selection or redefinition": [
        "pretraining",
        "forks",
        "selection",
        "redefinition",
        "won",
        "best_original",
        "best_fork",
        "tax_bits",
        "behind_bits",
        "gain_bits_per_example",
        "crossover_predicted",
        "crossover_measured",
    ],
    "The book after reinforcement": [
        "arm",
        "entropy_before_bits",
        "entropy_after_bits",
        "richest",
        "wealth",
        "reward_first",
        "reward_last",
    ],
    "What a prompt recovers": [
        "voice",
        *(f"{what}_{when}" for when in ("before", "after", "null") for what in ("wealth", "recovered", "kept")),
    ],
}


def test_every_finding_has_its_columns_and_something_beside_its_result(findings):
    assert {title: one.table.columns for title, one in findings.items()} == COLUMNS
    for one in findings.values():
        assert one.caption
        assert one.headlines
        assert all(all(part for part in headline) for headline in one.headlines)


# --- Kept and found again


def test_the_same_experiments_are_found_again(experiments, pretrained, findings, out):
    def not_again(_voices):
        raise AssertionError("built anew")

    again = replace(experiments, build=not_again).run(pretrained, out, seed=1, progress=False)
    assert [one.title for one in again] == [*findings]
    for one in again:
        assert_frame_equal(one.table, findings[one.title].table)
        assert one[:2] == findings[one.title][:2]
        assert one.headlines == findings[one.title].headlines
    assert [one.title for one in load(out) or []] == [*findings]


def test_they_are_the_same_bits_elsewhere(experiments, pretrained, findings, tmp_path):
    for one in experiments.run(pretrained, tmp_path, seed=1, progress=False):
        assert_frame_equal(one.table, findings[one.title].table, check_exact=True)


@pytest.mark.parametrize("change", ({"after_bytes": 3}, {"seed": 2}, {"reward": gm.rewards.length(3)}), ids=str)
@pytest.mark.usefixtures("findings")
def test_others_are_not(experiments, pretrained, out, change):
    seed = change.get("seed", 1)
    other = replace(experiments, **{key: value for key, value in change.items() if key != "seed"})
    assert load(out, experiments.config(pretrained, 1)) is not None
    assert load(out, other.config(pretrained, seed)) is None


def test_others_after_the_same_pretraining_replace_them(experiments, pretrained, tmp_path):
    for after_bytes in (40, 2):
        asked = replace(experiments, after_bytes=after_bytes, steps=1, examples=2)
        asked.run(pretrained, tmp_path, seed=1, progress=False)
        assert f"after {after_bytes} bytes" in load(tmp_path)[0].caption
    with pytest.raises(gm.InputError, match="another config"):
        asked.run(pretrained, tmp_path, seed=2, progress=False)


def test_a_folder_of_none(tmp_path):
    assert load(tmp_path) is None


ONE = '{"findings": [{"title": "a", "caption": "b", "headlines": []}]}'


@pytest.mark.parametrize("index", ("{", "[]", "{}", '{"findings": [{}]}', '{"findings": 1}', ONE, "\udcff"))
def test_damaged_findings(tmp_path, index):
    (tmp_path / "findings.json").write_bytes(index.encode(errors="surrogateescape"))
    (tmp_path / "0.parquet").write_bytes(b"PAR1")
    with pytest.raises(gm.CheckpointError, match="not whole findings"):
        load(tmp_path)


# --- Oracles


def test_separate_voices_are_told_apart_every_time(findings, experiments):
    table = findings["Who wrote it"].table
    assert table["accuracy"].to_list() == [1.0] * 4
    assert table.filter(voice="all")["documents"].item() == len(experiments.held_out)
    assert "100%" in findings["Who wrote it"].headlines[0][1]


def test_half_the_money_by_hand(findings, experiments, pretrained):
    stage = gm.FineTune(experiments.tuning, examples=12, episode_bytes=20)
    texts = stage.episodes((1, 0))["text"].to_list()
    read = pretrained.likelihoods(texts)
    digits = pretrained.names.index("digits")
    for row, market in zip(
        findings["Half the money"].table.iter_rows(named=True),
        (copy.copy(pretrained.market), pretrained.market.virgin()),
        strict=True,
    ):
        money = [market.wealth[digits]]
        for rows in read:
            market.run(likelihoods=rows)
            money.append(market.wealth[digits])
        assert row["wealth_before"] == pytest.approx(money[0], rel=1e-12)
        assert row["wealth_after"] == pytest.approx(money[-1], rel=1e-12)
        assert row["examples_to_half"] == next(i for i, share in enumerate(money) if share >= 0.5)


def rows_of(findings, forks):
    return findings["Selection or redefinition"].table.filter(forks=forks).rows(named=True)


def test_forks_that_learn_nothing_hold_their_share_of_the_tax(findings):
    for null in rows_of(findings, "frozen (null)"):
        assert null["redefinition"] == pytest.approx(2**-TAX_BITS, rel=1e-12)
        assert null["tax_bits"] == pytest.approx(TAX_BITS, rel=1e-12)
        assert null["won"] == "selection"
        assert null["gain_bits_per_example"] == pytest.approx(0, abs=1e-12)
        assert (null["crossover_predicted"], null["crossover_measured"]) == (None, None)


def test_what_is_selected_and_what_is_redefined_is_all_there_is(findings):
    for row in findings["Selection or redefinition"].table.rows(named=True):
        assert row["selection"] + row["redefinition"] == pytest.approx(1, rel=1e-12)
        assert "@" in row["best_fork"]
        assert "@" not in row["best_original"]


def test_without_the_voice_only_a_fork_can_win(findings):
    knew, never = rows_of(findings, "learn")
    assert knew["best_original"] == "digits"
    assert never["best_original"] in ("letters", "marks")
    assert never["won"] == "redefinition"
    assert never["behind_bits"] >= np.log2(2**TAX_BITS - 1) - 1e-9  # what the source keeps over what its fork gets
    assert never["crossover_predicted"] == pytest.approx(never["behind_bits"] / never["gain_bits_per_example"])
    assert 1 <= never["crossover_measured"] <= 12
    assert never["redefinition"] > knew["redefinition"]


def test_equal_rewards_leave_the_book(findings):
    arms = {row["arm"]: row for row in findings["The book after reinforcement"].table.rows(named=True)}
    assert len(arms) == 4
    equal = arms["equal rewards (null)"]
    assert equal["entropy_after_bits"] == pytest.approx(equal["entropy_before_bits"], rel=1e-12)
    assert arms["sampled groups"]["entropy_after_bits"] != pytest.approx(equal["entropy_before_bits"], rel=1e-6)
    assert len({row["entropy_before_bits"] for row in arms.values()}) == 1


def test_what_a_prompt_recovers_begins_with_the_books(findings, pretrained):
    table = findings["What a prompt recovers"].table
    assert table["voice"].to_list() == list(pretrained.families)
    np.testing.assert_allclose(table["wealth_before"], pretrained.market.wealth, rtol=1e-12)
    assert (table["recovered_before"] > 0.5).all()  # forty bytes of a voice tell it from the others


# --- Bad input


def test_tuning_is_in_one_voice(experiments):
    with pytest.raises(gm.InputError, match="tune with one voice"):
        replace(experiments, tuning=experiments.held_out)


def test_a_place_that_is_a_file_is_an_error_of_the_system(experiments, pretrained, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        experiments.run(pretrained, tmp_path / "file", progress=False)
