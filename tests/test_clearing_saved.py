"""Clearing rules as objects, and in files."""

import json

import gruemarket as gm
import numpy as np
import pytest
from cleared import RULES, every_rule, every_saved_rule, market, played, taxes
from gruemarket.clearing import RuleSpec


@every_saved_rule
def test_a_saved_market_goes_on_with_the_same_bits(clearing, tmp_path):
    forecasts, outcomes, stakes = played()
    one = market(clearing, **taxes()["within groups"])
    one.run(forecasts, outcomes, stakes)
    one.save(tmp_path / "market")
    other = gm.Market.load(tmp_path / "market")
    assert other.clearing == clearing
    runs = one.run(forecasts, outcomes), other.run(forecasts, outcomes)
    assert np.array_equal(runs[0].prices, runs[1].prices)
    assert np.array_equal(one.log2_wealth, other.log2_wealth)


def header_of(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["gruemarket"])


def test_older_readers_take_no_other_rule_for_kelly(tmp_path):
    for name, clearing in {"kelly": gm.Kelly(0.5), "other": gm.LogPool()}.items():
        market(clearing).save(tmp_path / name)
    assert header_of(tmp_path / "kelly")["format"] == 1
    assert "rule" not in header_of(tmp_path / "kelly")
    assert header_of(tmp_path / "other")["format"] == 2
    assert gm.Market.load(tmp_path / "kelly").clearing == gm.Kelly(0.5)


def test_a_function_is_not_saved(tmp_path):
    path = tmp_path / "market"
    market(gm.Kelly()).save(path)
    before = path.read_bytes()
    with pytest.raises(gm.InputError, match=r"clears by a function of yours \(Demand\) cannot be saved"):
        market(RULES["demand"]).save(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["market"]


@every_rule
def test_the_engine_gives_back_the_rule_it_was_given(clearing):
    assert RuleSpec.of(clearing).rule == clearing
    assert hash(RuleSpec.of(clearing).rule) == hash(clearing)
    assert json.loads(json.dumps(clearing.to_dict()))["kind"] in {"isoelastic", "logpool", "lmsr", "demand"}


def test_aversions_are_equal_by_value():
    assert gm.Isoelastic([1, 2]) == gm.Isoelastic(np.array([1.0, 2.0])) != gm.Isoelastic([1, 3])
    assert gm.Isoelastic(2) != gm.Isoelastic([2])
    given = np.array([1.0, 2.0])
    rule = gm.Isoelastic(given)
    given[0] = 7
    assert rule == gm.Isoelastic([1, 2])
