"""All programs up to a size: counts that are known, masses against runs of every single program."""

import gruemarket as gm
import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="module")
def found():
    return gm.programs.enumerate(max_length=10)


@pytest.mark.parametrize("prune", (True, False))
def test_small_counts(prune):
    found = gm.programs.enumerate(max_length=7, prune=prune)
    assert (found.programs, found.distinct, found.full) == (53_085, 64, 10)
    assert (found.runs == found.programs) is not prune


def test_known_counts(found):
    assert (found.programs, found.distinct, found.full) == (7_405_741, 463, 195)
    assert found.runs < 30_000


def test_the_table(found):
    table = found.table()
    assert len(table) == 463
    assert table["members"].sum() == found.programs
    assert table["status"].value_counts().sort("status").rows() == [("full", 195), ("halted", 268)]
    full = table.filter(status="full")
    assert (full["behaviour"].str.len_chars() == 32).all()
    assert full["mass_bits_upper"].is_sorted()
    assert (full["mass_bits_lower"] <= full["mass_bits_upper"] + 1e-12).all()
    assert table.filter(pl.col("status") != "full")["mass_bits_upper"].null_count() == 268
    best = full.row(0, named=True)
    assert (best["behaviour"], best["shortest"], best["length"], best["memory"]) == ("1" * 32, "+[.]", 4, 1)
    assert best["steps"] == gm.programs.run(best["fastest"], machine="brainfuck").steps < 65


def test_kraft_and_the_reserve(found):
    full = found.table().filter(status="full")
    lower = np.exp2(-full["mass_bits_upper"].to_numpy())
    assert found.reserve == pytest.approx(1 - lower.sum(), abs=1e-15)
    assert lower.sum() < found.kraft < 1


@pytest.mark.parametrize("best", ("shortest", "fastest", "leanest"))
def test_examples_do_what_the_table_says(found, best):
    for row in found.table().filter(status="full").sample(40, seed=1).iter_rows(named=True):
        run = gm.programs.run(row[best], machine="brainfuck")
        assert (run.text, run.status) == (row["behaviour"], "OUTPUT_LIMIT")
        assert row["length"] <= len(row[best])
        assert row["steps"] <= run.steps
        assert row["memory"] <= run.cells


@pytest.mark.parametrize("settings", ({"max_length": 9}, {"max_length": 7, "alphabet": 3}))
def test_pruned_is_unpruned(settings):
    pruned, unpruned = (gm.programs.enumerate(**settings, prune=prune) for prune in (True, False))
    assert pruned.runs < unpruned.runs / 100
    both = pruned.table().join(unpruned.table(), on="behaviour", how="full", suffix="_unpruned")
    assert both.null_count()["behaviour"].item() == 0
    assert both.null_count()["behaviour_unpruned"].item() == 0
    for name in ("members", "length"):
        assert both[name].equals(both[f"{name}_unpruned"])
    full = both.filter(status="full")
    assert full["mass_bits_upper"].to_numpy() == pytest.approx(full["mass_bits_upper_unpruned"].to_numpy(), abs=1e-12)
    for name in ("steps", "memory"):  # of the fastest and of the leanest of all
        assert full[name].equals(full[f"{name}_unpruned"])


def test_time_and_memory_cost_bits():
    cheap = gm.programs.enumerate(max_length=8)
    dear = gm.programs.enumerate(max_length=8, a=1, b=1)
    rows = cheap.table().filter(status="full").join(dear.table(), on="behaviour", suffix="_dear")
    assert (rows["mass_bits_lower_dear"] > rows["mass_bits_lower"]).all()
    assert dear.reserve > cheap.reserve
    ones = dear.table().row(by_predicate=pl.col("behaviour") == "1" * 32, named=True)
    assert ones["mass_bits_upper"] > 5 * np.log2(7) - 1  # `+[.]` is 5 tokens with its END, and about 2 steps a symbol


def test_ranks():
    ranked = gm.programs.enumerate(max_length=9, order="rank")
    full = ranked.table().filter(status="full")
    r = np.arange(1, len(full) + 1)
    assert full["mass_bits_upper"].to_numpy() == pytest.approx(np.log2(r * (r + 1)))
    assert full["length"].is_sorted()
    assert ranked.reserve == pytest.approx(1 / (len(full) + 1))


def test_members_know_their_future(found):
    members = found.members()
    heavy = found.table().filter(status="full")["index"][0]
    some = found.members(heavy)
    assert members.filter(index=heavy).equals(some)
    assert 2 ** -found.table()["mass_bits_upper"][0] == pytest.approx(some["lower"].sum(), rel=1e-12)
    assert some.row(0, named=True)["cycle"] == b"\x01"
    known = members.filter(pl.col("cycle").is_not_null())
    assert known["lower"].sum() > 0.8 * members["lower"].sum()
    undecided = members.filter(pl.col("cycle").is_null()).sample(20, seed=0)
    for row in undecided.iter_rows(named=True):
        symbols = gm.programs.Predictor(row["program"], "brainfuck").symbols(32, 1000)
        assert bytes(symbols) == found.outputs[row["index"]]


def test_another_alphabet_and_tape():
    found = gm.programs.enumerate(max_length=6, alphabet=4, memory=5)
    assert found.table().filter(status="full").height > 3
    for row in found.table().filter(status="full").iter_rows(named=True):
        assert gm.programs.run(row["shortest"], machine="brainfuck", alphabet=4, memory=5).text == row["behaviour"]


def test_the_lazy_tree():
    found = gm.programs.enumerate("brainphoque", max_length=5)
    assert found.kraft == pytest.approx(1, abs=1e-12)
    table = found.table()
    ones = table.row(by_predicate=pl.col("behaviour") == "1" * 32, named=True)
    assert gm.programs.run(ones["shortest"]).text == ones["behaviour"]
    deeper = gm.programs.enumerate("brainphoque", max_length=6)
    rows = table.filter(status="full").join(deeper.table(), on="behaviour", suffix="_deeper")
    assert (rows["mass_bits_upper_deeper"] <= rows["mass_bits_upper"] + 1e-12).all()
    assert (rows["mass_bits_lower_deeper"] >= rows["mass_bits_lower"] - 1e-12).all()  # what was open is told apart


@pytest.mark.parametrize(("states", "leaves", "halting"), ((2, 61, 19), (3, 5_417, 1_772), (4, 858_909, 249_693)))
def test_turing_machines(states, leaves, halting):
    # no machine that halts prints more than 106 symbols: only those that never halt are full
    found = gm.programs.enumerate("turing", max_length=states, steps=200, max_output=200)
    table = found.table()
    assert found.programs == leaves
    assert table.filter(pl.col("status") != "full")["members"].sum() == halting
    longest = {2: 6, 3: 21, 4: 107}[states]
    assert table.filter(status="halted")["behaviour"].str.len_chars().max() == longest - 1
    assert found.kraft == pytest.approx(1, abs=1e-9)


def test_readers_answer_histories():
    found = gm.programs.enumerate("reader", max_length=6, horizon=3)
    full = found.table().filter(status="full")
    assert (full["behaviour"].str.len_chars() == 1 + 2 + 4).all()
    histories = [[], [0], [1], [0, 0], [0, 1], [1, 0], [1, 1]]
    for row in full.iter_rows(named=True):
        for history, answer in zip(histories, row["behaviour"], strict=True):
            reader = gm.programs.Predictor(row["shortest"])
            for symbol in history:
                reader.next(1000)
                reader.hear(symbol)
            assert reader.next(1000)[0] == int(answer)
    assert (full["behaviour"] == "0010101").any()  # what happened last


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"machine": "abacus"}, "abacus"),
        ({"max_length": 20}, "max_length 20"),
        ({"machine": "brainphoque", "max_length": 13}, "max_length 13"),
        ({"machine": "turing", "max_length": 5}, "5 states"),
        ({"machine": "turing", "max_length": 0}, "0 states"),
        ({"machine": "reader", "max_length": 4, "horizon": 40}, "histories"),
        ({"a": -1}, "a -1"),
        ({"b": float("nan")}, "b NaN"),
        ({"a": "1"}, "a '1'; give a number"),
        ({"max_length": -1}, "max_length -1"),
        ({"max_length": 2.5}, "max_length 2.5; give a whole number"),
        ({"steps": 2**40}, f"steps {2**40}"),
        ({"machine": ["reader"]}, "machine ['reader']"),
        ({"machine": "reader", "horizon": -1}, "horizon -1"),
        ({"order": "chance"}, "chance"),
        ({"alphabet": 1}, "alphabet 1"),
    ),
)
def test_bad_settings(settings, words):
    with pytest.raises(gm.InputError) as raised:
        gm.programs.enumerate(**{"max_length": 3} | settings)
    assert words in str(raised.value)


def test_no_such_behaviour(found):
    with pytest.raises(gm.InputError, match="behaviour 463; there are 463"):
        found.members(463)
    with pytest.raises(gm.InputError, match="behaviour -1"):
        found.members(-1)
