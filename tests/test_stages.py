"""Stages that read: who learns, what the rows add up to, what a redefinition costs."""

import json

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from families import Counter
from gruemarket.stages import Records, stream

KEY = (1, 0)
TAX = gm.GrueTax(gm.schedules.inverse(), unit="episode", landmarks={"finetune": 6.0})


def corpus(**texts):
    texts = texts or {"a": "abcd" * 20, "b": "z" * 50, "nobody": "q?" * 15}
    return gm.Corpus(pl.DataFrame({"voice": list(texts), "text": list(texts.values())}))


def inductor(**options):
    return gm.Inductor({"a": Counter(), "b": Counter(start=0.5)}, **options)


def play(stage, market_of, key=KEY):
    records = Records()
    stage.begin(market_of)
    for step in range(stage.length(key)):
        stage.play(market_of, step, key, records)
    return pl.DataFrame(records.bits)


def saved(family, path):
    """What it has learned, without the context that it stands in."""
    other = family.fork()
    other.freeze()
    other.begin_episode()
    other.save(path)
    kept = path.read_bytes()
    if isinstance(family, Counter):
        return kept
    return json.loads(kept[8 : 8 + int.from_bytes(kept[:8], "little")])["__metadata__"]  # with a hash of all the rest


# --- Pretrain


@pytest.mark.parametrize("batch", (1, 4, 100))
def test_pretraining_reads_every_episode_once_and_labels_say_who_learns(batch):
    stage, learner = gm.Pretrain(corpus(), batch=batch, episode_bytes=7), inductor()
    rows = play(stage, learner)
    pieces = corpus().episodes(7)
    assert rows.group_by("voice").agg(pl.col("bytes").sum()).sort("voice").rows() == [
        ("a", 80),
        ("b", 50),
        ("nobody", 30),
    ]
    assert len(rows) == len(pieces) == learner.market.episodes
    assert rows["episode"].to_list() == list(range(len(pieces)))
    sizes = rows.group_by("batch", maintain_order=True).len()["len"]
    assert sizes.max() <= min(batch, sizes.min() + 1)
    assert stage.length(KEY) == -(-len(pieces) // batch) == learner.market.batches
    counted = [family.counts.sum() - family.counts.size * family.start for family in learner.families.values()]
    assert counted == [80 * 8, 50 * 8]


def test_the_rows_are_what_reading_by_hand_costs():
    stage, ours, theirs = gm.Pretrain(corpus(), batch=3, episode_bytes=8), inductor(grue=TAX), inductor(grue=TAX)
    rows = play(stage, ours)
    episodes = stage.episodes(KEY)
    assert len(episodes) % 3 == 0
    run = theirs.read(episodes["text"].to_list(), labels=episodes["voice"].to_list(), batch=3, stage="pretrain")
    assert ours.market.wealth.tobytes() == theirs.market.wealth.tobytes()
    np.testing.assert_allclose(rows["bits"].sum(), run.total_loss_bits, rtol=1e-13)
    ends = np.cumsum([span.rounds for span in run.spans])
    by_hand = [part.sum() for part in np.split(run.loss_bits, ends[:-1])]
    np.testing.assert_allclose(rows["bits"], by_hand, rtol=1e-13)
    np.testing.assert_allclose(rows["bits_per_byte"], rows["bits"] / rows["bytes"])


def test_the_order_is_the_seeds_and_the_stages():
    stage = gm.Pretrain(corpus(), episode_bytes=3)
    orders = [stage.episodes(key)["text"].to_list() for key in ((1, 0), (1, 0), (2, 0), (1, 1))]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2] != orders[3] != orders[0]
    assert [sorted(order) for order in orders] == [sorted(orders[0])] * 4


def test_streams_differ_by_key_and_stay():
    keys = [(1,), (1, 0), (1, 0, 0), (1, 1), (2, 0), (2**40, 0), (0, 1)]
    assert len({stream(*key) for key in keys}) == len(keys)
    assert stream(1, 0) == 4215923173971654960


@pytest.mark.parametrize("family", (Counter(), gm.Text(memory_mib=1)))
def test_one_voice_alone(family):
    alone = gm.Inductor({"a": family})
    rows = play(gm.Pretrain(corpus(a="abab" * 30), episode_bytes=40), alone)
    assert alone.market.wealth.tolist() == [1.0]
    assert rows["bits_per_byte"].is_between(0, 10).all()


# --- FineTune


def test_without_redefinition_only_money_moves(tmp_path):
    learner = gm.Inductor({"a": gm.Text(memory_mib=1), "b": gm.Text(memory_mib=1)})
    play(gm.Pretrain(corpus(a="over and over " * 20, b="0123456789" * 30), episode_bytes=50), learner)
    before = [saved(family, tmp_path / name) for name, family in learner.families.items()]
    wealth = learner.market.wealth
    play(gm.FineTune(corpus(b="over and over " * 20), examples=4, episode_bytes=50), learner, (1, 1))
    assert [saved(family, tmp_path / name) for name, family in learner.families.items()] == before
    assert learner.market.wealth[0] > wealth[0]
    assert learner.names == ["a", "b"]


@pytest.mark.parametrize(
    ("who", "forks"),
    ((True, ["a@finetune", "b@finetune"]), ("b", ["b@finetune"]), (["b", "a"], ["b@finetune", "a@finetune"]), ([], [])),
)
def test_redefined_forks_learn_and_their_originals_do_not(tmp_path, who, forks):
    learner = inductor()
    play(gm.Pretrain(corpus(), episode_bytes=9), learner)
    before = [saved(learner.families[name], tmp_path / name) for name in "ab"]
    rows = play(gm.FineTune(corpus(x="some new words" * 3), examples=3, episode_bytes=9, redefine=who), learner, (1, 1))
    assert learner.names == ["a", "b", *forks]
    assert [saved(learner.families[name], tmp_path / name) for name in "ab"] == before
    for fork in forks:
        learned = learner.families[fork].counts.sum() - learner.families[fork.split("@")[0]].counts.sum()
        assert learned == rows["bytes"].sum() * 8


@pytest.mark.parametrize(
    ("options", "tax_bits", "expected"),
    (({}, 3.0, 3.0), ({}, None, None), ({"grue": TAX}, None, 6.0), ({"grue": TAX}, 2.5, 2.5)),
    ids=("said", "delta code", "landmark", "said, with a landmark"),
)
def test_a_redefinition_pays_its_tax(options, tax_bits, expected):
    learner = inductor(**options)
    play(gm.Pretrain(corpus(), episode_bytes=9), learner)
    before = learner.market.wealth
    if expected is None:
        expected = -np.log2(gm.schedules.elias_delta().hazard(learner.market.episodes))
    stage = gm.FineTune(corpus(), examples=2, episode_bytes=9, redefine=True, tax_bits=tax_bits)
    stage.begin(learner)
    paid = before * 2.0**-expected
    np.testing.assert_allclose(learner.market.wealth, [*(before - paid), *paid], rtol=1e-12)
    np.testing.assert_allclose(learner.market.provenance()["finetune"], [0, 0, *paid], rtol=1e-12)
    np.testing.assert_allclose(learner.market.provenance()["never"][2:], [0, 0], atol=1e-15)


def test_the_ledger_has_the_tax():
    learner = inductor()
    play(gm.Pretrain(corpus(), episode_bytes=9), learner)
    paid = (learner.market.wealth / 8).tolist()
    play(gm.FineTune(corpus(), examples=2, episode_bytes=9, redefine=True, tax_bits=3.0), learner, (1, 1))
    tax = learner.market.ledger().filter(cause="grue tax")
    assert set(tax["stage"]) == {"finetune"}
    assert sorted(tax.select("from", "to", "amount").rows()) == [
        ("a", "tax", pytest.approx(paid[0], rel=1e-12)),
        ("b", "tax", pytest.approx(paid[1], rel=1e-12)),
        ("tax", "a@finetune", pytest.approx(paid[0], rel=1e-12)),
        ("tax", "b@finetune", pytest.approx(paid[1], rel=1e-12)),
    ]


def test_pretraining_again_thaws():
    learner = inductor()
    play(gm.FineTune(corpus(), examples=2, episode_bytes=9), learner)
    assert all(family.frozen for family in learner.families.values())
    play(gm.Pretrain(corpus(), name="again"), learner, (1, 1))
    assert not any(family.frozen for family in learner.families.values())


# --- Bad input


class Unfreezable(Counter):
    freeze = None


@pytest.mark.parametrize(
    ("call", "message"),
    (
        (lambda: gm.Pretrain(corpus(), batch=0), "batch=0; give a whole number, 1 or more"),
        (lambda: gm.Pretrain(corpus(), batch=2.5), "batch=2.5; give a whole number"),
        (lambda: gm.Pretrain(corpus(), episode_bytes=0), "episode_bytes=0"),
        (lambda: gm.Pretrain(corpus().documents), "not a corpus; see gm.corpora"),
        (lambda: corpus(a=""), "no text"),
        (lambda: gm.Corpus(corpus().documents.clear()), "no documents"),
        (lambda: gm.FineTune(corpus(), examples=0), "examples=0"),
        (lambda: gm.FineTune(corpus(), redefine=True, tax_bits=0.0), "tax_bits=0.0; give a number above 0"),
        (lambda: gm.FineTune(corpus(), examples=99).length(KEY), "99 examples of 512 bytes, but the corpus has 3"),
        (lambda: gm.FineTune(corpus(), examples=1, redefine="ab").begin(inductor()), "unknown families .'ab'."),
        (lambda: gm.Pretrain(corpus()).begin(gm.Inductor({"a": Unfreezable()})), r"Unfreezable has no freeze\(\)"),
    ),
)
def test_bad_input(call, message):
    with pytest.raises(gm.InputError, match=message):
        call()
