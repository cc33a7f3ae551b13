"""Accounts of programs: their prior, what they are called, the contract, files, and what is refused."""

import hashlib
import os
import subprocess
import sys

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket.programs.family import _virgin

KINDS = {
    "brainfuck": {"max_length": 8},
    "three symbols": {"max_length": 7, "alphabet": 3},
    "few cells": {"max_length": 7, "memory": 5, "max_output": 6},
    "without doubt": {"max_length": 8, "noise": None},
    "no coin": {"max_length": 7, "coin_bits": None},
    "forgetful": {"max_length": 7, "forget": True},
    "by rank": {"max_length": 8, "order": "rank"},
    "slow and large cost": {"max_length": 8, "a": 1.0, "b": 0.5},
    "brainphoque": {"machine": "brainphoque", "max_length": 6},
    "with a tail": {"machine": "brainphoque", "max_length": 4, "tail": 2000},
    "reader": {"machine": "reader", "max_length": 6},
    "reader of three": {"machine": "reader", "max_length": 4, "alphabet": 3, "horizon": 2},
    "turing": {"machine": "turing", "max_length": 2, "steps": 200, "max_output": 6},
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_family(kind):
    gm.check_family(gm.Programs(**KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_after_splits_it_is_one_too(kind):
    family = gm.Programs(**KINDS[kind])
    symbols = np.random.default_rng(0).integers(family.outcomes, size=90)
    gm.Inductor({"programs": family}).read([symbols, symbols[::-1]])
    gm.check_family(family)
    assert len(family.names) == family.accounts == len(family.bits) == len(family.origins)
    assert np.exp2(-family.bits).sum() + family.reserve == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_goes_on_where_it_was(kind, tmp_path):
    family = gm.Programs(**KINDS[kind])
    symbols = np.random.default_rng(1).integers(family.outcomes, size=70)
    inductor = gm.Inductor({"programs": family})
    inductor.read([symbols])
    inductor.save(tmp_path / "inductor")
    loaded = gm.Inductor.load(tmp_path / "inductor")
    assert loaded.read([symbols[::-1]]).loss_bits.tobytes() == inductor.read([symbols[::-1]]).loss_bits.tobytes()
    assert loaded.names == inductor.names
    assert loaded.families["programs"].bits.tobytes() == family.bits.tobytes()
    assert repr(loaded.families["programs"]) == repr(family)


def test_accounts_hold_the_lower_bounds():
    for settings in ({}, {"a": 1.0, "b": 1.0}, {"order": "rank"}):
        family = gm.Programs(max_length=8, noise=None, coin_bits=None, **settings)
        found = gm.programs.enumerate(max_length=8, **settings)
        table = found.table().filter(status="full")
        np.testing.assert_allclose(family.bits, table["mass_bits_upper"], rtol=1e-12)
        assert family.reserve == pytest.approx(found.reserve, abs=1e-12)
        told = family.table()
        shared = ["behaviour", "members", "fastest", "leanest", "length", "steps", "memory"]
        assert told.select(shared).rows() == table.select(shared).rows()
        np.testing.assert_allclose(told["mass_bits_lower"], table["mass_bits_lower"], rtol=1e-12)
        np.testing.assert_allclose(told["mass_bits_upper"], table["mass_bits_upper"], rtol=1e-12)
        assert family.names == told["shortest"].to_list()
        assert [len(name) for name in family.names] == table["length"].to_list()


def test_the_coin_is_paid_from_the_reserve_or_by_all_alike():
    bare, coined = (gm.Programs(max_length=7, coin_bits=bits) for bits in (None, 2.0))
    assert coined.bits.tolist() == [2.0, *bare.bits.tolist()]
    assert coined.reserve == pytest.approx(bare.reserve - 0.25, abs=1e-15)
    bare, coined = (gm.Programs(max_length=7, coin_bits=bits, order="rank") for bits in (None, 2.0))
    np.testing.assert_allclose(np.exp2(-coined.bits[1:]), 0.75 * np.exp2(-bare.bits), rtol=1e-12)
    with pytest.raises(gm.InputError, match="a coin of 1e-06 bits would make it more than 1"):
        gm.Programs("turing", 3, coin_bits=1e-6)


def test_a_coin_costs_what_counting_costs():
    """A fair coin: log n / 2 bits for the bias, and the coin's 3 bits, not an amount that grows with the length."""
    tosses = np.random.default_rng(2).integers(2, size=4000)
    family = gm.Programs(max_length=8, noise=None)
    excess = gm.Inductor({"programs": family}).read([tosses]).total_loss_bits - len(tosses)
    assert excess < 3 + 0.5 * np.log2(len(tosses)) + 2
    without = gm.Inductor({"programs": gm.Programs(max_length=8, noise=None, coin_bits=None)})
    with pytest.raises(gm.ImpossibleOutcomeError):  # everybody is bankrupt
        without.read([tosses])


def test_a_program_and_its_complement_are_one_account_where_they_err():
    ones, both = gm.Programs(max_length=8, noise=None), gm.Programs(max_length=8)
    outputs = ones.table()["behaviour"].drop_nulls().to_list()
    turned = str.maketrans("01", "10")
    assert both.accounts - 1 == len({min(one, one.translate(turned)) for one in outputs})
    assert gm.Programs(max_length=6, alphabet=3).accounts == gm.Programs(max_length=6, alphabet=3, noise=None).accounts
    losses = [gm.Inductor({"p": both.fork()}).read([rows]).total_loss_bits for rows in ([[1] * 90][0], [0] * 90)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_stepping_is_paid_only_for_the_undecided():
    _virgin.cache_clear()
    family = gm.Programs(max_length=9)
    start = family.undecided
    gm.Inductor({"programs": family}).read([[0, 1] * 500])
    assert family.undecided < start / 4  # the states of most of them have come back
    assert gm.Programs(max_length=9).undecided == family.undecided  # worked out once for all copies


def test_how_far_ahead_others_have_looked_changes_no_bit():
    _virgin.cache_clear()
    symbols = np.random.default_rng(3).integers(2, size=150)
    rows = []
    for ahead in (None, 70, 3000):
        _virgin.cache_clear()
        family = gm.Programs(max_length=8)
        if ahead:
            gm.Programs(max_length=8).split_accounts([np.zeros(ahead, np.uint32)])
        family.split_accounts([symbols.astype(np.uint32)])
        rows.append((family.observe_all(symbols).tobytes(), family.bits.tobytes(), family.names))
    assert rows[0] == rows[1] == rows[2]


SAME = """
import hashlib, numpy as np, gruemarket as gm
digest = hashlib.sha256()
KINDS = ({"max_length": 9}, {"machine": "reader", "max_length": 6}, {"machine": "brainphoque", "max_length": 6})
for settings in KINDS:
    inductor = gm.Inductor({"programs": gm.Programs(**settings)}, grue=gm.GrueTax(gm.schedules.inverse()))
    inductor.read([np.random.default_rng(7).integers(2, size=200)])
    digest.update(inductor.market.log2_wealth.tobytes() + repr(inductor.names).encode())
print(digest.hexdigest())
"""


def test_the_same_bits_in_every_process_and_for_any_number_of_threads():
    digests = {
        subprocess.run(
            [sys.executable, "-c", SAME], check=True, capture_output=True, env=os.environ | {"GRUEMARKET_THREADS": n}
        ).stdout
        for n in ("1", "2", "5")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == hashlib.sha256().digest_size * 2


def test_drawn_programs_that_are_full_with_the_very_last_step_count():
    family = gm.Programs("brainphoque", 2, steps=96, tail=20_000, seed=1)
    assert gm.programs.run("+[.]", steps=96).status == "TIMEOUT"  # though it has printed all 32 symbols
    assert "+[.]" in family.names


def test_the_tail_is_drawn_without_bias():
    limits = {"memory": 64, "steps": 1000, "max_output": 32}
    head = gm.Programs("brainphoque", 4, noise=None, coin_bits=None)
    exact = gm.programs.enumerate("brainphoque", max_length=7)
    known = 1 - exact.reserve - (1 - head.reserve)  # of programs of 5 to 7 tokens
    tails = []
    for seed in range(4):
        family = gm.Programs("brainphoque", 4, tail=20_000, seed=seed, noise=None, coin_bits=None)
        drawn = gm.programs.sample(20_000, seed=seed, beyond=4, **limits).filter(status="OUTPUT_LIMIT")
        assert head.reserve - family.reserve == pytest.approx(drawn["weight"].sum(), abs=1e-12)
        short = drawn.filter(pl.col("tokens") <= 7)
        tails.append(short["weight"].sum())
    error = np.sqrt(known / 80_000)
    assert np.mean(tails) == pytest.approx(known, abs=4 * error)
    assert head.accounts < family.accounts


@pytest.mark.parametrize(
    ("settings", "program", "words"),
    (
        ({"max_length": 6}, "+[.]", ["prints 1 again and again: 65 steps for 32 symbols, 1 cell", "Account 1, '+[.]'"]),
        ({"max_length": 6}, ".+[.]", ["prints 0, then 1 again and again", "11 programs", "or its complement"]),
        ({"max_length": 6}, "+.", ["prints 1 and nothing more: 2 steps for 1 symbol, 1 cell", "in the reserve"]),
        ({"max_length": 6}, "", ["prints nothing", "in the reserve"]),
        ({"max_length": 6}, ">>>+[>.<.]", ["prints 01 again and again", "in the reserve"]),
        ({"max_length": 6, "alphabet": 3}, "+[.]", ["prints 1 again and again", "programs that print this,"]),
        ({"machine": "brainphoque", "max_length": 6}, "+[>.<.", ["prints 01 and nothing more"]),
        ({"machine": "reader", "max_length": 6}, "+[,.+]", ["the start: 0"]),
        ({"machine": "turing", "max_length": 2}, "1RB0RB_1LA0LA", ["prints 1"]),
    ),
)
def test_a_program_is_described(settings, program, words):
    told = gm.Programs(**settings).describe(program)
    for word in words:
        assert word in told


@pytest.mark.parametrize("kind", ("brainfuck", "few cells", "without doubt", "with a tail", "brainphoque", "turing"))
def test_accounts_are_called_by_programs_that_do_it(kind):
    family = gm.Programs(**KINDS[kind])
    for name, behaviour in family.table().select("name", "behaviour").rows()[1:]:
        first, cycle = family.unrolled(name, family.arguments["max_output"])
        said = (first + (cycle or b"") * 32)[: family.arguments["max_output"]]
        told = "".join(map(str, said))
        assert len(told) == family.arguments["max_output"]
        if behaviour is not None:  # drawn programs are in no table of what was enumerated
            turned = told.translate(str.maketrans("01", "10")) if family.arguments["noise"] else told
            assert behaviour in {told, turned}


def test_parts_of_an_account_are_described_and_listed():
    family = gm.Programs(max_length=8)
    before = family.table()
    inductor = gm.Inductor({"programs": family}, grue=gm.GrueTax(gm.schedules.constant(0.1)), definitions=True)
    inductor.read([[0, 1, 1] * 60])
    after = family.table()
    assert after["account"].to_list() == list(range(family.accounts))
    assert after["name"].to_list() == family.names
    masses = after.group_by(pl.Series(family.origins)).agg(pl.lit(2.0).pow(-pl.col("mass_bits_upper")).sum())
    old = before.select(pl.lit(2.0).pow(-pl.col("mass_bits_upper")))["literal"]
    np.testing.assert_allclose(masses.sort("")["literal"], old, rtol=1e-12)
    assert after["members"].sum() == before["members"].sum()
    for account in (1, family.accounts - 1):
        assert f"Account {account}, {family.names[account]!r}" in family.describe(family.names[account])
    definition = inductor.market.definitions(top=family.accounts)["definition"]
    assert any(f"programs[{family.names[-1]}]" in text for text in definition)


@pytest.mark.parametrize(
    "kind", ("brainfuck", "three symbols", "slow and large cost", "with a tail", "reader", "turing")
)
def test_parts_of_an_account_have_all_columns(kind):
    family = gm.Programs(**KINDS[kind])
    before = family.table()
    symbols = np.random.default_rng(0).integers(family.outcomes, size=300)
    assert family.split_accounts([symbols.astype(np.uint32)])
    origins = pl.Series("origin", family.origins)
    after = family.table().with_columns(origins).filter(pl.col("shortest").is_not_null())
    told = after.drop("behaviour", "mass_bits_lower")
    assert told.null_count().sum_horizontal().item() == 0
    assert (after["mass_bits_lower"] <= after["mass_bits_upper"] + 1e-9).all()
    parts = after.join(before, left_on="origin", right_on="account", suffix="_before")
    for bound in ("mass_bits_lower", "steps", "memory", "length"):
        assert (parts[bound] >= parts[f"{bound}_before"] - 1e-9).all()
    split = parts.filter(pl.len().over("origin") > 1)
    assert split.height > 1
    if kind in ("brainfuck", "three symbols"):
        limits = {name: family.arguments[name] for name in ("alphabet", "memory", "steps", "max_output")}
        for row in split.iter_rows(named=True):
            best = [gm.programs.run(row[name], machine="brainfuck", **limits) for name in ("fastest", "leanest")]
            assert (best[0].steps, best[1].cells) == (row["steps"], row["memory"])


def test_inductors_of_several_families_split_the_right_accounts():
    rng = np.random.default_rng(4)
    symbols = (np.resize([0, 1, 1], 120) ^ (rng.uniform(size=120) < 0.2)).astype(np.uint32)
    families = {"machines": gm.StateMachines(2), "programs": gm.Programs(max_length=7), "trees": gm.ContextTrees(3)}
    inductor = gm.Inductor(families, grue=gm.GrueTax(gm.schedules.constant(0.01), kernel="within groups"))
    early = gm.Inductor({name: family.fork() for name, family in families.items()}, grue=inductor.grue)
    early._tell_apart([np.zeros(300, np.uint32)])
    assert len(early.market) > len(inductor.market)
    for episode in (symbols[:20], symbols, symbols[:70]):
        losses = [one.read([episode]).loss_bits for one in (inductor, early)]
        np.testing.assert_allclose(*losses, rtol=1e-12)
    assert inductor.market.groups == [name.split("[")[0] for name in inductor.names]
    trees = [one.market.wealth[one.names.index("trees")] for one in (inductor, early)]
    assert trees[0] == pytest.approx(trees[1], rel=1e-12)


def test_inductors_that_share_their_families_split_none():
    symbols = np.resize([0, 1, 1], 100)
    alone = gm.Inductor({"programs": gm.Programs(max_length=7, noise=None)})
    one = alone.fork()
    other = one.beside(one.fork().market)
    alone.families["programs"].freeze()
    for inductor in (one, other):
        losses = inductor.read([symbols]).loss_bits
        np.testing.assert_allclose(losses, alone.fork().read([symbols]).loss_bits, rtol=1e-12, atol=1e-12)
        assert len(inductor.market) == len(alone.market)


def test_a_family_of_ones_own_may_split_its_accounts():
    class Twins(gm.Table):
        """One account that is two."""

        def split_accounts(self, episodes, *, fresh):
            assert fresh
            assert [len(episode) for episode in episodes] == [2]
            return [(0, 0.25), (0, 0.5), (0, 0.25)]

    inductor = gm.Inductor({"twins": Twins([[[0.5, 0.5]] * 2])})
    with pytest.raises(gm.ShapeError, match="twins: 3 parts for 2 accounts"):
        inductor.read([[0, 1]])


def test_a_curriculum_may_split_accounts_on_its_way():
    text = pl.DataFrame({"voice": ["a", "b"], "text": ["\x55\x55\x55\x55" * 8, "\x33\x33" * 16]})
    families = {"programs": gm.Programs(max_length=7), "text": gm.Text(memory_mib=1)}
    curriculum = gm.Curriculum(
        [
            gm.Pretrain(gm.Corpus(text), batch=2, episode_bytes=4),
            gm.FineTune(gm.Corpus(text).filter("a"), examples=2, episode_bytes=16, redefine=True, tax_bits=3),
        ]
    )
    inductor = gm.Inductor(families)
    before = len(inductor.market)
    history = curriculum.run(inductor, progress=False)
    ends = history.wealth.group_by("batch").agg(pl.col("wealth").sum())
    assert ends["wealth"].max() <= 1 + 1e-12
    assert len(inductor.market) > before


@pytest.mark.parametrize(
    ("settings", "message"),
    (
        ({"noise": "none"}, "noise 'none'; give \"kt\", or None"),
        ({"coin_bits": 0}, "coin_bits 0; give a number > 0"),
        ({"coin_bits": np.nan}, "coin_bits nan"),
        ({"coin_bits": 5000}, "coin_bits 5000; give a number > 0, 1000 at most"),
        ({"coin_bits": "3"}, "coin_bits '3'"),
        ({"max_length": [6]}, r"max_length \[6\]"),
        ({"max_length": -3}, "max_length -3"),
        ({"alphabet": 2.0}, "alphabet 2.0"),
        ({"tail": 10}, 'only "brainphoque" is drawn from'),
        ({"tail": -1, "machine": "brainphoque"}, "tail -1"),
        ({"max_length": 3}, "no program prints 32 symbols in 1000 steps; give a larger max_length"),
        ({"machine": "abacus"}, "machine 'abacus'"),
        ({"max_length": 99}, "max_length 99; give 0 to 19"),
        ({"a": -1}, "a -1; give an exponent from 0 to 64"),
        ({"alphabet": 1}, "alphabet 1; give a whole number, from 2 to 256"),
        ({"order": "best"}, "order 'best'"),
    ),
)
def test_what_is_out_of_range_is_refused(settings, message):
    with pytest.raises(gm.InputError, match=message):
        gm.Programs(**settings)


def test_numbers_of_numpy_are_numbers(tmp_path):
    family = gm.Programs(max_length=np.int64(6), a=np.float32(1), coin_bits=np.int32(2))
    family.save(tmp_path / "programs")
    assert (
        repr(gm.Programs.load(tmp_path / "programs"))
        == repr(family)
        == repr(gm.Programs(max_length=6, a=1, coin_bits=2))
    )


def test_what_is_no_program_or_no_outcome_is_refused(tmp_path):
    family = gm.Programs(max_length=6)
    before = family.forecast().tobytes()
    for outcome in (2, -1):
        with pytest.raises(gm.InputError):
            family.observe(outcome)
    with pytest.raises(gm.InputError):
        family.observe_all([0, 1, 7])
    assert family.forecast().tobytes() == before
    with pytest.raises(gm.InputError, match="has no partner"):
        family.describe("+[.")
    with pytest.raises(gm.InputError, match="what a reader prints depends on what it hears"):
        gm.Programs("reader", 5, horizon=2).unrolled("+.", 4)
    with pytest.raises(gm.InputError, match="1RB---_1LA0RB"):
        gm.Programs("turing", 2).describe("1RC---_1LA0RB")
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(gm.CheckpointError, match="not saved programs"):
        gm.Programs.load(tmp_path / "other")
    np.savez(tmp_path / "newer.npz", format="gruemarket programs 9")
    with pytest.raises(gm.CheckpointError, match="has format gruemarket programs 9"):
        gm.Programs.load(tmp_path / "newer.npz")
