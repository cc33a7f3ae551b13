"""Learning time: regrets against direct sums, times against their definition, and nulls."""

import math

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket import learning
from gruemarket.analysis import learning_time
from scipy import stats

GOLDEN = gm.processes.golden_mean()


def machines(outcomes):
    return gm.StateMachines(2, outcomes=outcomes)


def test_regret_is_the_sum_of_what_was_paid_beyond_the_truth():
    found = learning_time(machines, GOLDEN, length=300, seeds=[4, 9], window=32)
    expected = {"process": [], "shuffled": []}
    for seed in (4, 9):
        symbols = GOLDEN.sample(300, seed)
        shuffled = GOLDEN.random(seed, 1).permutation(symbols)
        assert sorted(shuffled) == sorted(symbols)
        for arm, read in (("process", symbols), ("shuffled", shuffled)):
            family = machines(2)
            likelihood = family.observe_all(read).prod(axis=0)
            paid = -np.log2(2.0**-family.bits @ likelihood)  # the Bayes mixture
            if arm == "process":
                true = -np.log2(GOLDEN.forecaster().observe_all(read)).sum()
            else:
                shares = np.bincount(read) / 300
                true = 300 * stats.entropy(shares, base=2)
            expected[arm].append((paid, true))
    for arm, rows in expected.items():
        row = found.row(by_predicate=pl.col("arm") == arm, named=True)
        paid, true = np.array(rows).T
        assert row["bits"] == pytest.approx(paid.mean(), rel=1e-9)
        assert row["true_bits"] == pytest.approx(true.mean(), rel=1e-9)
        regret = paid - true
        assert row["regret_bits"] == pytest.approx(regret.mean(), rel=1e-7)
        interval = stats.t.interval(0.95, 1, regret.mean(), stats.sem(regret))
        assert (row["regret_low"], row["regret_high"]) == pytest.approx(interval, rel=1e-6)
    worth = np.array(expected["shuffled"])[:, 0] - np.array(expected["process"])[:, 0]
    assert found["order_bits"].to_list() == [pytest.approx(worth.mean(), rel=1e-9), None]
    assert found["seeds"].to_list() == [2, 2]


def test_who_knows_the_law_has_nothing_to_learn():
    for law in gm.processes.named():
        [row] = learning_time(law.forecaster(), law, length=200, seeds=2, null=False).rows(named=True)
        assert row["regret_bits"] == pytest.approx(0, abs=1e-9)
        assert (row["time"], row["learned"], row["order_bits"]) == (0, 1, None)
    with pytest.raises(gm.ImpossibleOutcomeError):
        learning_time(GOLDEN.forecaster(), GOLDEN, length=200, seeds=1)


def by_definition(epsilon, losses, window):
    """The least t such that from every s >= t on the next `window` losses are at most epsilon in the mean."""
    starts = range(len(losses) - window + 1)
    fine = [np.mean(losses[s : s + window]) <= epsilon for s in starts]
    return next((t for t in starts if all(fine[t:])), None)


def test_time_is_that_of_its_definition():
    random = np.random.default_rng(2)
    for _ in range(200):
        losses = random.integers(-1, 3, size=12).astype(float)
        losses[random.integers(12) :] = 0
        for window in (1, 3, 12):
            expected = by_definition(0.6, losses, window)
            assert learning.time_to(0.6, np.cumsum(losses), window) == expected


def test_without_order_the_null_is_the_process():
    """Of independent symbols the shuffled ones are another sample of the same law."""
    found = learning_time(machines, gm.processes.biased_coin(0.7), length=400, seeds=12)
    process, shuffled = found.rows(named=True)
    assert process["order_low"] < 0 < process["order_high"]
    assert abs(process["bits"] - shuffled["bits"]) < 1
    # against the best coin in hindsight, which is better than the true one by half a bit or so
    assert 0 < shuffled["regret_bits"] < 10
    ordered = learning_time(machines, gm.processes.alternating(), length=400, seeds=2).row(0, named=True)
    assert ordered["order_bits"] > 350


def test_where_order_is_out_of_reach_it_is_worth_nothing():
    """State machines of two states cannot tell a de Bruijn word from a fair coin, so it is never learned."""
    row = learning_time(machines, gm.processes.de_bruijn(7), length=128, seeds=2).row(0, named=True)
    assert abs(row["order_bits"]) < 8
    assert (row["time"], row["time_low"], row["learned"]) == (None, None, 0)


def test_what_is_measured_does_not_learn():
    inductor = gm.Inductor({"machines": machines(2)})
    before = inductor.config()
    first = learning_time(inductor, GOLDEN, length=100, seeds=2)
    assert inductor.config() == before
    assert first.equals(learning_time(inductor, GOLDEN, length=100, seeds=2))
    assert first.equals(learning_time(lambda _: gm.Inductor({"machines": machines(2)}), GOLDEN, length=100, seeds=2))
    inductor.read([GOLDEN.sample(500, 77)])
    trained = learning_time(inductor, GOLDEN, length=100, seeds=2)
    assert trained["regret_bits"][0] < first["regret_bits"][0] - 5


def test_intervals_of_medians_cover_them():
    for n in (1, 5, 6, 9, 20, 41):
        middle, low, high = learning.median_interval(range(n))
        assert middle == np.median(range(n))
        outside = 2 * stats.binom.cdf(low, n, 0.5)  # fewer than low + 1 of n below the median
        if n < 6:
            assert (low, high) == (0, n - 1)
        else:
            assert outside <= 0.05 < 2 * stats.binom.cdf(low + 1, n, 0.5)
            assert high == n - 1 - low
    assert learning.median_interval([1, math.inf, 2, math.inf]) == (math.inf, 1, math.inf)
    assert learning.median_interval([math.inf] * 4) == (math.inf,) * 3


@pytest.mark.parametrize(
    ("changed", "message"),
    (
        ({"length": 10}, "no larger window"),
        ({"window": 0}, "1 or more"),
        ({"seeds": 0}, "seeds 0"),
        ({"seeds": [-1]}, "seed -1"),
        ({"seeds": 2.5}, "seeds 2.5; give a whole number"),
        ({"seeds": []}, r"seeds \[\]"),
        ({"length": "a"}, "length 'a'; give a whole number"),
        ({"epsilon": "a"}, "epsilon 'a'"),
        ({"epsilon": -1.0}, "epsilon -1"),
        ({"epsilon": math.nan}, "epsilon nan"),
        ({"process": "even"}, "not a process"),
        ({"inductor": machines(2), "process": gm.processes.mess3()}, "2 outcomes for a process of 3"),
        ({"inductor": 3}, "not a family"),
    ),
)
def test_bad_input_says_what_is_allowed(changed, message):
    given = {"inductor": machines, "process": GOLDEN, "length": 100, "seeds": 1} | changed
    with pytest.raises(gm.InputError, match=message):
        learning_time(given.pop("inductor"), given.pop("process"), **given)
