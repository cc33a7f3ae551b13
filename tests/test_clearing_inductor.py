"""Inductors whose accounts clear by other rules."""

import copy
import re

import gruemarket as gm
import numpy as np
import pytest
from cleared import linear
from families import Counter
from gruemarket.clearing import restricted
from gruemarket.config import Config, ConfigError


def three(outcomes=2):
    return {"a": Counter(outcomes, start=0.5), "b": Counter(outcomes, 2), "c": Counter(outcomes, start=9.0)}


EPISODES = [[1, 0, 1, 1, 0, 1, 1], [0, 0, 1], [1, 1, 1, 1, 0]]
ACCOUNT_RULES = {
    "isoelastic": gm.Isoelastic(4),
    "each": gm.Isoelastic([0.5, 1, 3, 9]),
    "log pool": gm.LogPool(),
    "LMSR": gm.LMSR(0.2, maker=2, floor=1e-6),
}


@pytest.mark.parametrize("clearing", ACCOUNT_RULES.values(), ids=ACCOUNT_RULES)
@pytest.mark.parametrize("outcomes", (2, 3))
def test_an_inductor_reads_prices_and_writes_by_any_rule(clearing, outcomes, tmp_path):
    if outcomes == 3:
        episodes = [[x + (i % 3 == 2) for i, x in enumerate(episode)] for episode in EPISODES]
    else:
        episodes = EPISODES
    inductor = gm.Inductor(three(outcomes), clearing=clearing, seed=3)
    inductor.learn(episodes)
    for family in inductor.families.values():
        family.freeze()
    rehearsed = inductor.rehearse(episodes[:1], [2])[0]
    price, by_hand = inductor.price(episodes[0][:2]), copy.copy(inductor.market)
    run = inductor.read(episodes[:1])
    assert run.prices.shape == (len(episodes[0]), outcomes)
    np.testing.assert_allclose(rehearsed.loss_bits, run.loss_bits, rtol=1e-12)
    np.testing.assert_allclose(price, run.prices[2], rtol=1e-12)
    families = inductor.families
    for family in families.values():
        family.begin_episode()
    for t, x in enumerate(episodes[0]):
        forecast = np.concatenate([family.forecast() for family in families.values()], axis=1)
        settled = by_hand.settle(forecast, x, new_episode=t == 0)
        assert np.array_equal(settled.prices[0], run.prices[t])
        for family in families.values():
            family.observe(x)
    inductor.read(episodes[1:], batch=2)
    inductor.save(tmp_path / "saved")
    other = gm.Inductor.load(tmp_path / "saved")
    assert other.clearing == clearing
    assert np.array_equal(other.price([1, 0]), inductor.price([1, 0]))
    first, second = (one.generate([1, 0], max_bytes=2, seed=5)[0] for one in (inductor, other))
    assert np.array_equal(first.outcomes, second.outcomes)
    fork = inductor.fork()
    fork.begin_episode()
    paid = fork.observe_all(episodes[0])
    assert paid.shape == (len(episodes[0]), 1)
    assert paid[0, 0] == pytest.approx(inductor.price([])[episodes[0][0]], rel=1e-12)


def test_accounts_that_are_left_keep_their_aversion_and_the_maker():
    each = gm.Inductor(three(), clearing=ACCOUNT_RULES["each"])
    assert each.without("a").clearing == gm.Isoelastic([1, 3, 9])
    made = gm.Inductor(three(), clearing=ACCOUNT_RULES["LMSR"])
    assert made.without("a").clearing.maker == 1
    with pytest.raises(gm.InputError, match="without its maker"):
        made.without("b")
    assert restricted(gm.Kelly(0.5), np.array([True])) == gm.Kelly(0.5)
    each.read(EPISODES)
    each.redefine("b", bits=2, stage="later")
    assert each.clearing == each.market.clearing == gm.Isoelastic([0.5, 1, 3, 9, 1, 3])


def test_the_rule_of_an_inductor_may_stand_in_a_file(tmp_path):
    path = tmp_path / "run.toml"
    table = '[corpus]\nvoices = ["docs"]\nbytes_per_voice = 2000\n[inductor]\ntext = {{ memory_mib = 1 }}\n{}\n'
    stage = '[[stage]]\nkind = "pretrain"\n'
    rules = {
        '{ kind = "isoelastic", aversion = 4 }': gm.Isoelastic(4),
        '{ kind = "logpool", step = 0.1 }': gm.LogPool(0.1),
        '{ kind = "lmsr", liquidity = 0.2 }': gm.LMSR(0.2),
    }
    for text, rule in rules.items():
        path.write_text(table.format(f"clearing = {text}") + stage)
        assert Config.load(path).plan().inductor.clearing == rule
    for text, match in {
        '{ kind = "isoelastic" }': "aversion",
        '{ kind = "isoelastic", aversion = -1 }': r"\[inductor.clearing\]: aversion -1.0",
        '{ kind = "demand", fn = "f" }': "a demand is a function of yours, which a file cannot hold",
    }.items():
        path.write_text(table.format(f"clearing = {text}") + stage)
        with pytest.raises(ConfigError, match=match):
            Config.load(path).plan()


def test_what_rules_say_of_themselves():
    assert re.fullmatch(r"Isoelastic\(aversion=4.0\)", repr(gm.Isoelastic(4)))
    assert repr(gm.Isoelastic(4, floor=0.01)) == "Isoelastic(aversion=4.0, floor=0.01)"
    assert gm.LMSR(0.1).to_dict() == {"kind": "lmsr", "liquidity": 0.1, "maker": 0, "step": 0.05, "floor": 2.0**-20}
    assert gm.Demand(linear).to_dict()["fn"].endswith("linear")


def test_a_market_says_by_what_it_clears():
    assert repr(gm.Market([1, 1])) == "Market(2 traders, 2 outcomes, f64, 0 rounds)"
    shown = repr(gm.Market([1, 1], clearing=gm.Isoelastic([2, 3])))
    assert shown == "Market(2 traders, 2 outcomes, f64, cleared by Isoelastic, 0 rounds)"


@pytest.mark.parametrize("clearing", (gm.LogPool(floor=0.3), gm.LMSR(0.1, floor=0.3)))
def test_a_floor_that_is_too_high_for_the_outcomes(clearing):
    with pytest.raises(gm.InputError, match=r"^floor 0.3 is not above 0 and at most 1 / 4, as there are 4 outcomes"):
        gm.Market([1, 1], outcomes=4, clearing=clearing)


def test_an_outcome_that_is_too_cheap_to_count_says_so():
    forecasts = [[[0.5, 1.0], [0.5, 0.0]]]  # so cautious a pool hardly listens to whoever rules nothing out
    with pytest.raises(gm.ImpossibleOutcomeError, match=r"any probability that counts \(its price was 0\); floor the"):
        gm.Market([1, 1], clearing=gm.Isoelastic(1e5)).run(forecasts, [1])
