"""Inductors as files: sentences of any depth, numbers of any length, how prices were found, files that are not whole."""

import hashlib
import json
import zlib
from fractions import Fraction

import gruemarket as gm
import pytest
from gruemarket.errors import CheckpointError
from gruemarket.logic import saved

logic = gm.logic
F = Fraction


def third(sentence):
    return {sentence: F(1, 3) - logic.price(sentence)}


def again(inductor, path, **given):
    inductor.save(path)
    return logic.LogicalInductor.load(path, **given)


def test_how_prices_were_found_is_kept(tmp_path):
    traders = [logic.Belief("a", F(1, 3)), logic.Implication("a & b", "b"), logic.Arbitrage(["a", "~a"])]
    inductor = logic.LogicalInductor([["a | b"]], traders, tolerance=logic.inverse_square, entry=1)
    inductor.run(8, progress=False)
    assert inductor.certificates["evaluations"].max() > 0
    assert again(inductor, tmp_path / "x").certificates.equals(inductor.certificates)


def test_deep_sentences_are_kept(tmp_path):
    deep = logic.parse("~" * 100_000 + "a")  # whose parts are as many sentences, nearly as long
    inductor = logic.LogicalInductor([[], [deep]], [third(deep)], entry=1)
    inductor.run(3, progress=False)
    loaded = again(inductor, tmp_path / "x")
    assert loaded.prices.equals(inductor.prices)
    assert loaded.truth("a") is True


def test_sentences_with_too_long_a_text_are_kept_and_shown_by_their_beginning(tmp_path):
    shared = logic.Atom("a")
    for _ in range(40):
        shared = shared & shared
    traders = [third(shared)]
    inductor = logic.LogicalInductor([], traders, entry=1)
    inductor.run(2, progress=False)
    assert inductor.prices["sentence"][0].startswith("a & a & (a & a)")
    assert inductor.prices["sentence"][0].endswith(" ...")
    loaded = again(inductor, tmp_path / "x", traders=traders)
    assert loaded.prices.equals(inductor.prices)


def test_numbers_of_any_length_are_kept(tmp_path):
    long = F(1, 3**20_000)
    trader = {"a": F(1, 3) + long - logic.price("a"), "b": logic.constant(F(10**30))}
    assert "a number of" in str(trader["a"])
    inductor = logic.LogicalInductor([], [trader], entry=1, tolerance=F(1, 2**64) + long, polish=None)
    inductor.run(2, progress=False)
    loaded = again(inductor, tmp_path / "x")
    assert loaded.step() == inductor.step()


def sealed(state):
    data = zlib.compress(json.dumps(state).encode())
    return saved.NAME + hashlib.sha256(data).digest() + data


def test_a_file_that_makes_no_sense_is_refused(tmp_path):
    path = tmp_path / "x"
    inductor = logic.LogicalInductor([["a"]], [logic.Belief("b", F(1, 3))], entry=1, tolerance=F(1, 2**20))
    inductor.run(3, progress=False)
    inductor.save(path)
    state = saved.read(path)
    changes = [
        {"days": [[["x"], "start", 0]]},
        {"days": [[["1/7"], "nobody", 0]]},
        {"days": [[["5/7"], "start", 0]]},
        {"days": 3},
        {"sentences": [["atom", "a", [7]]]},
        {"sentences": [["not", "", [0, 1]]]},
        {"sentences": [["atom", "a", []]] * 2},
        {"observed": ["a"]},
        {"given": state["given"] | {"tolerance": {"function": "os:nothing"}}},
        {"given": state["given"] | {"traders": {"nothing": 3}}},
        {"given": state["given"] | {"polish": {"fraction": "1/0"}}},
        {"more": 1},
    ]
    for change in changes:
        path.write_bytes(sealed(state | change))
        with pytest.raises(CheckpointError):
            logic.LogicalInductor.load(path)
    path.write_bytes(sealed([]))
    with pytest.raises(CheckpointError, match="not what a logical inductor writes"):
        logic.LogicalInductor.load(path)
    path.write_bytes(sealed(state))
    assert logic.LogicalInductor.load(path).prices.equals(inductor.prices)


@pytest.mark.parametrize(("digit", "age"), ((b"1", "an older"), (b"3", "a newer")))
def test_the_age_of_a_file_is_told(tmp_path, digit, age):
    (tmp_path / "x").write_bytes(saved.NAME[:-1] + digit + b"rest")
    with pytest.raises(CheckpointError, match=f"is of {age} gruemarket"):
        logic.LogicalInductor.load(tmp_path / "x")
