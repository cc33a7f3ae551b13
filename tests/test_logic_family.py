"""The inductor as a family of symbols, as a file, as a copy; Kelly traders on it against the engine's closed form."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import gruemarket as gm
import numpy as np
import pytest
from gruemarket.errors import CheckpointError, InputError

logic = gm.logic
F = Fraction


def kelly(forecasts, weights, **settings):
    tokens = logic.Tokens(len(forecasts[0]))
    traders = [(logic.Kelly(tokens.sentences, q), w) for q, w in zip(forecasts, weights, strict=True)]
    return logic.LogicalInductor(tokens, traders, entry=1, **settings)


@pytest.mark.parametrize("outcomes", (2, 4))
def test_kelly_traders_are_the_engines_market(outcomes):
    rng = np.random.default_rng(outcomes)
    forecasts = rng.dirichlet(np.ones(outcomes), size=3)
    forecasts[:, -1] += 1 - forecasts.sum(axis=1)
    weights, rounds = [F(1, 2), F(1, 4), F(1, 4)], 40
    outcome = rng.integers(outcomes, size=rounds)
    inductor = kelly(forecasts.tolist(), weights, tolerance=logic.inverse_square, polish=F(1, 2**40))
    market = gm.Market([1, 2, 2], outcomes=outcomes)
    likelihoods = np.repeat(forecasts.T[None], rounds, axis=0)
    run = market.run(likelihoods, outcome)
    for t, x in enumerate(outcome):
        np.testing.assert_allclose(inductor.forecast().ravel(), run.prices[t], atol=1e-9)
        inductor.observe(int(x))
    assert inductor.audit().holds


def test_it_keeps_the_contract_of_a_family():
    beliefs = [0.3, 0.8]
    tokens = logic.Tokens(2)
    traders = [logic.Belief(tokens.sentences[1], b) for b in beliefs]
    traders += [logic.Arbitrage(tokens.sentences), logic.Kelly(tokens.sentences, [0.5, 0.5])]
    inductor = logic.LogicalInductor(tokens, traders, tolerance=logic.inverse_square, entry=1)
    gm.check_family(inductor, [[0, 1, 1, 0, 1, 1], [1, 1, 0, 1], [0, 0, 1]])


def test_it_is_a_member_of_an_inductor():
    family = kelly([[0.2, 0.8], [0.6, 0.4]], [F(1, 2), F(1, 2)])
    whole = gm.Inductor({"logic": family, "flat": gm.ContextTrees(depth=1)})
    whole.read([[1, 1, 0, 1]])
    assert whole.market.wealth.sum() == pytest.approx(1)


def test_a_day_to_come_must_be_observed_first():
    inductor = kelly([[0.5, 0.5]], [1])
    inductor.step()
    with pytest.raises(InputError, match="observe"):
        inductor.step()
    with pytest.raises(InputError, match="outcome 2"):
        inductor.observe(2)


# --- Files and copies


def story(days=0):
    daily = logic.Daily("pi[{day}]=7")
    traders = [logic.Belief(daily, F(k, 7)) for k in range(1, 7)]
    traders += [logic.Momentum("pi[3]=7 & pi[4]=7"), {"pi[5]=7 | x": 1 - 2 * logic.price("pi[5]=7 | x")}]
    inductor = logic.LogicalInductor(
        logic.Digits("pi", digit=7, delay=3), traders, tolerance=logic.inverse_square, watch=["x"]
    )
    if days:
        inductor.run(days, progress=False)
    return inductor


def same(a, b):
    assert a.prices.equals(b.prices)
    assert a.net_worth.equals(b.net_worth)
    assert [a._core.certificate(d) for d in range(1, a.day + 1)] == [
        b._core.certificate(d) for d in range(1, b.day + 1)
    ]


def test_a_saved_inductor_goes_on_with_the_same_bits(tmp_path):
    whole, first = story(30), story(17)
    first.price("never & spoken")
    first.truth("x & ~x | y")
    first.save(tmp_path / "days")
    loaded = logic.LogicalInductor.load(tmp_path / "days")
    for inductor in (first, loaded):
        inductor.run(13, progress=False)
        same(inductor, whole)


def test_a_run_saves_itself(tmp_path):
    first = story()
    first.run(12, progress=False, save=tmp_path / "days")
    same(logic.LogicalInductor.load(tmp_path / "days"), first)


def test_the_same_bits_in_every_process():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
        "import test_logic_family as t; s = t.story(20); "
        "print([str(s._core.certificate(d)) for d in range(1, 21)], s.prices['price'].to_list())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_a_fork_goes_its_own_way():
    one = story(10)
    other = one.fork()
    one.run(5, progress=False)
    assert other.day == 10
    other.run(5, progress=False)
    same(one, other)


def test_what_a_file_cannot_keep_is_asked_for(tmp_path):
    def process():
        yield ["a | b"]

    inductor = logic.LogicalInductor(process, [lambda _: {"a": F(1, 3)}], entry=1, tolerance=F(1, 2))
    inductor.run(2, progress=False)
    inductor.save(tmp_path / "days")
    with pytest.raises(InputError, match="process="):
        logic.LogicalInductor.load(tmp_path / "days")
    loaded = logic.LogicalInductor.load(tmp_path / "days", process=process, traders=[lambda _: {"a": F(1, 3)}])
    same(inductor, loaded)
    with pytest.raises(CheckpointError, match="day 1"):  # these would have bought at another price
        logic.LogicalInductor.load(tmp_path / "days", process=process, traders=[{"a": 9 - 18 * logic.price("a")}])


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "days"
    story(5).save(path)
    whole = path.read_bytes()
    flipped = [whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :] for at in range(0, len(whole), 7)]
    for damaged in (whole[:-20], b"", *flipped):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            logic.LogicalInductor.load(path)
    with pytest.raises(FileNotFoundError):
        logic.LogicalInductor.load(tmp_path / "nowhere")


KILLED = """
import sys, gruemarket as gm
daily = gm.logic.Daily("pi[{day}]=7")
traders = [gm.logic.Belief(daily, gm.logic.halving(k)) for k in range(1, 5)]
inductor = gm.logic.LogicalInductor(gm.logic.Digits(), traders, tolerance=gm.logic.inverse_square)
while True:
    inductor.run(3, progress=False)
    inductor.save(sys.argv[1])
    print(inductor.day, flush=True)
"""


def test_a_killed_process_leaves_a_whole_file(tmp_path):
    path = tmp_path / "days"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, env={**os.environ})
    process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    loaded = logic.LogicalInductor.load(path)
    traders = [logic.Belief(logic.Daily("pi[{day}]=7"), logic.halving(k)) for k in range(1, 5)]
    whole = logic.LogicalInductor(logic.Digits(), traders, tolerance=logic.inverse_square)
    whole.run(loaded.day, progress=False)
    same(loaded, whole)


# --- All strategies up to a size


def test_the_weights_of_all_strategies_are_what_drawing_them_gives():
    leaves = 3 + 2
    every = {str(shares["a"]): weight for shares, weight in logic.Strategies(["a"], size=3)}
    leaf = F(1, 2 * leaves)
    # itself, 1 times it in both orders, the greater and the lesser of it and itself
    assert every["price(a)"] == leaf + F(1, 10) * leaf**2 * 4
    assert every["price(a) + price(a, -1 day)"] == 2 * F(1, 10) * leaf**2  # in both orders
    # itself, -1 times 1 and min(-1, 1) and min(-1, 1/2) in both orders, the greater and the lesser of -1 and itself
    assert every["-1"] == leaf + F(1, 10) * leaf**2 * (2 + 2 + 2 + 2)


def test_all_strategies_up_to_a_size_make_a_virgin_inductor():
    every = logic.Strategies(["a", "b"], size=3)
    assert sum(weight for _, weight in every) < 1
    inductor = logic.LogicalInductor({2: ["a"]}, every, entry=1, tolerance=logic.inverse_square)
    prices = inductor.run(12, progress=False)
    assert prices.filter(day=12, sentence="a")["price"].item() > 0.9
    assert inductor.audit().holds
