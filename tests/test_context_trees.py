"""Context trees over symbols: those of a text on bits, and on bytes given that these are symbols."""

import gruemarket as gm
import numpy as np
import pytest

RNG = np.random.default_rng(4)


def test_two_symbols_are_bits():
    symbols = RNG.integers(2, size=300)
    text = gm.Text(mode="exact", depth=9, factored=False)
    assert gm.ContextTrees(9).observe_all(symbols).tobytes() == text.observe_all(symbols).tobytes()


def test_more_symbols_are_bytes_of_which_only_these_can_come():
    symbols = RNG.integers(5, size=120)
    text, trees = gm.Text(mode="exact", depth=31), gm.ContextTrees(3, outcomes=5)
    for symbol in symbols.tolist():
        chances = text.byte_forecast()[:5]
        np.testing.assert_allclose(trees.forecast()[:, 0], chances / chances.sum(), rtol=1e-12)
        text.observe_all(bytes([symbol]))
        trees.observe(symbol)


def test_a_depth_is_in_symbols():
    """Each symbol repeats that of three before: depth 3 learns it, depth 2 cannot."""
    symbols = RNG.integers(3, size=400)
    for t in range(3, 400):
        symbols[t] = symbols[t - 3] if t % 40 else symbols[t]
    short, long = (-np.log2(gm.ContextTrees(depth, outcomes=3).observe_all(symbols)).sum() for depth in (2, 3))
    assert long < short - 20


def test_what_is_not_a_symbol_costs_nothing():
    symbols = RNG.integers(3, size=2000)
    bits = -np.log2(gm.ContextTrees(0, outcomes=3).observe_all(symbols)).sum()
    assert 0 < bits - 2000 * np.log2(3) < 20


@pytest.mark.parametrize("outcomes", (2, 3, 256))
def test_context_trees_keep_the_contract(outcomes):
    gm.check_family(gm.ContextTrees(outcomes=outcomes))


def test_saved_context_trees_are_whole(tmp_path):
    trees = gm.ContextTrees(4, outcomes=3)
    trees.observe_all(RNG.integers(3, size=50))
    trees.save(tmp_path / "trees")
    again = gm.ContextTrees.load(tmp_path / "trees")
    assert (repr(again), again.config()) == (repr(trees), trees.config())
    whole = (tmp_path / "trees").read_bytes()
    newer = whole.replace(b"context trees 1", b"context trees 9")
    for bad in (b"", whole[:20], whole[:-5], newer, b"[]\n" + whole):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(gm.CheckpointError):
            gm.ContextTrees.load(tmp_path / "bad")


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        ({"depth": 65}, "from 0 to 64"),
        ({"depth": 8, "outcomes": 3}, "from 0 to 7"),
        ({"depth": -1}, "depth for 2 symbols -1"),
        ({"outcomes": 1}, "from 2 to 256"),
        ({"outcomes": 300}, "from 2 to 256"),
        ({"estimator": -1.0}, "estimator"),
    ),
)
def test_bad_input_says_what_is_allowed(arguments, message):
    with pytest.raises(gm.InputError, match=message):
        gm.ContextTrees(**arguments)
    trees = gm.ContextTrees(outcomes=3)
    with pytest.raises(gm.InputError, match="0 to 2"):
        trees.observe_all([0, 3])
