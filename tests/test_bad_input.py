"""Bad input, each kind with its own clear error, and a market that is as it was before the call."""

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
import witness
from refusals import FULL, MARKETS, ONE, OUTCOMES, PAID, N, T, refused


def put(array, value, *at):
    """A copy with this value at one place."""
    changed = np.array(array, dtype=np.result_type(array, type(value)) if isinstance(value, float) else None)
    changed[at] = value
    return changed


@pytest.fixture(params=MARKETS)
def market(request):
    return MARKETS[request.param]()


# --- Values, in every way of giving them

VALUES = {  # what stands in the last round of trader 4, and what must be said of it
    "NaN": (np.nan, "NaN is not a probability"),
    "infinite": (np.inf, "inf is not a probability"),
    "negative": (-0.25, "-0.25 is not a probability"),
    "tiny negative": (-1e-300, "is not a probability"),
    "over one": (1.5, "1.5 is not a probability|sums to"),
}
LAST = T - 1


@pytest.mark.parametrize("new_episode", (True, False))
@pytest.mark.parametrize("precision", (np.float64, np.float32))
@pytest.mark.parametrize("value", VALUES)
def test_values_that_are_no_probabilities(market, value, precision, new_episode):
    number, words = VALUES[value]
    if precision is np.float32 and value == "tiny negative":
        number = -1e-40
    words, place = f"round {LAST}, trader 4: .*({words})", {"new_episode": new_episode, "stage": "other"}
    one = put(ONE, number, LAST, 4).astype(precision)
    both = put(FULL, number, LAST, 1, 4).astype(precision)
    paid = put(PAID, number, LAST, 4).astype(precision)
    with refused(market, words):
        market.run(one, OUTCOMES, **place)
    with refused(market, words):
        market.run(both, OUTCOMES, **place)
    with refused(market, words):
        market.run(likelihoods=paid, **place)
    with refused(market, words):
        market.run(both, OUTCOMES, np.where(np.arange(N) == 4, 0.0, 1.0), **place)  # sleepers are checked too
    everybody = np.arange(0, N * T + 1, N), np.tile(np.arange(N), T)
    with refused(market, words):
        market.run(gm.SparseRounds(*everybody, both.transpose(0, 2, 1).reshape(-1, 2)), OUTCOMES, **place)
    with refused(market, words):
        market.run(likelihoods=gm.SparseRounds(*everybody, likelihoods=paid.ravel()), **place)


@pytest.mark.parametrize("value", VALUES)
def test_sparse_probabilities_of_one_of_two_outcomes(market, value):
    number, words = VALUES[value]
    with refused(market, f"round 1, trader 4: .*({words})"):
        market.run(gm.SparseRounds([0, 1, 3], [2, 3, 4], [0.5, 0.5, number]), [0, 1])


@pytest.mark.parametrize("value", VALUES)
def test_values_in_batches_and_single_rounds(market, value):
    number, words = VALUES[value]
    one, paid = put(ONE, number, LAST, 4), put(PAID, number, LAST, 4)
    for batch in ([(ONE, OUTCOMES), (one, OUTCOMES)], [PAID, paid]):
        with refused(market, f"episode 1 of the batch: round {LAST}, trader 4: .*({words})"):
            market.run_batch(batch, stage="other")
    words = f"round 0, trader 4: .*({words})"
    for forecast in (one[LAST], put(FULL[LAST], number, 1, 4)):
        with refused(market, words):
            market.price(forecast)
        with refused(market, words):
            market.settle(forecast, 0)


@pytest.mark.parametrize(("precision", "tolerance"), ((np.float64, 1e-6), (np.float32, 1e-4)))
def test_forecasts_that_do_not_sum_to_one(market, precision, tolerance):
    near = put(FULL, FULL[LAST, 1, 4] + 0.8 * tolerance, LAST, 1, 4).astype(precision)
    off = put(FULL, FULL[LAST, 1, 4] + 1.2 * tolerance, LAST, 1, 4).astype(precision)
    words = f"round {LAST}, trader 4: the forecast sums to (1.00|1.0001).*, not to 1"
    with refused(market, words):
        market.run(off, OUTCOMES)
    with refused(market, words):
        market.run(off, OUTCOMES, new_episode=False)
    with refused(market, "round 0, trader 4"):
        market.price(off[LAST])
    everybody = np.arange(0, N * T + 1, N), np.tile(np.arange(N), T)
    with refused(market, words):
        market.run(gm.SparseRounds(*everybody, off.transpose(0, 2, 1).reshape(-1, 2)), OUTCOMES)
    market.run(near, OUTCOMES)


STAKES = {"NaN": np.nan, "negative": -0.5, "over one": 1.0000001, "infinite": np.inf}


@pytest.mark.parametrize("value", STAKES)
def test_stakes_out_of_range(market, value):
    bad = STAKES[value]
    each, a_round = put(np.ones(N), bad, 4), put(np.ones((T, N)), bad, LAST, 4)
    with refused(market, "trader 4: stake .* is not in \\[0, 1\\]"):
        market.run(ONE, OUTCOMES, each)
    with refused(market, f"round {LAST}, trader 4: stake .* is not in \\[0, 1\\]"):
        market.run(ONE, OUTCOMES, a_round)
    with refused(market, f"round {LAST}, trader 4: stake .* is not in \\[0, 1\\]"):
        market.run(likelihoods=PAID, stakes=a_round)
    with refused(market, "trader 4: stake"):
        market.run_batch([PAID, PAID], stakes=each)
    with refused(market, "trader 4: stake"):
        market.price(ONE[0], each)
    with refused(market, "trader 4: stake"):
        market.settle(ONE[0], 1, each)
    with refused(market, "round 1, trader 2: stake"):
        market.run(gm.SparseRounds([0, 1, 2], [0, 2], [0.5, 0.5], stakes=[1, bad]), [0, 1])


@pytest.mark.parametrize("outcome", (-1, 2, 2**31, 2**62))
def test_outcomes_out_of_range(market, outcome):
    words = f"round {LAST}: outcome {outcome} is not one of 0..1"
    outcomes = OUTCOMES.astype(np.int64)
    outcomes[LAST] = outcome
    for forecasts in (ONE, FULL, ONE.astype(np.float32)):
        with refused(market, words):
            market.run(forecasts, outcomes)
    with refused(market, words):
        market.run(likelihoods=PAID, outcomes=outcomes)
    with refused(market, words):
        market.run(witness.sparse(ONE, OUTCOMES, 1), outcomes)
    with refused(market, words):
        market.run_batch([(ONE, OUTCOMES), (ONE, outcomes)])
    with refused(market, f"round 0: outcome {outcome} is not one of 0..1"):
        market.settle(ONE[0], outcome)


# --- What nobody thought possible


def test_an_outcome_to_which_nobody_awake_gave_any_probability(market):
    impossible = gm.ImpossibleOutcomeError
    said = "round {}: outcome {}.* no awake trader .* any probability.*; floor the forecasts"
    now = market.rounds
    sure = put(ONE, 0.0, LAST, slice(None))
    with refused(market, said.format(now + LAST, 1) + "|" + said.format(LAST, 1), impossible):
        market.run(sure, put(OUTCOMES, 1, LAST))
    with refused(market, "any probability", impossible):
        market.run(likelihoods=put(PAID, 0.0, LAST, slice(None)), new_episode=False)
    awake = np.where(np.arange(N) == 2, 1.0, 0.0)
    with refused(market, "any probability", impossible):  # those who sleep do not help
        market.run(likelihoods=put(PAID, 0.0, LAST, 2), stakes=awake)
    with refused(market, "any probability", impossible):
        market.run(gm.SparseRounds([0, 1, 2], [2, 3], [0.5, 1.0]), [0, 0])
    with refused(market, "episode 1 of the batch: round .*any probability", impossible):
        market.run_batch([PAID, put(PAID, 0.0, LAST, slice(None))])
    with refused(market, "any probability", impossible):
        market.settle(np.zeros(N), 1)
    assert market.price(np.zeros(N)).tolist() == pytest.approx([1.0, 0.0])
    partial = market.run(likelihoods=put(PAID, 0.0, LAST, slice(None)), stakes=np.zeros(N))  # nobody is awake
    assert partial.loss_bits.tolist() == [1.0] * T


def test_who_holds_nothing_does_not_make_an_outcome_possible():
    market = gm.Market(prior=[0.5, 0.5, 0.0])
    with refused(market, "no awake trader with money", gm.ImpossibleOutcomeError):
        market.run(likelihoods=[[0.5, 0.5, 0.5], [0.0, 0.0, 1.0]])


# --- A long call and blocks


def test_an_error_in_the_last_round_of_a_long_call(market):
    rounds = 30_000
    one, outcomes = witness.opinions(N, rounds, seed=4)
    with refused(market, f"round {rounds - 1}, trader 5: NaN is not a probability"):
        market.run(put(one, np.nan, rounds - 1, 5), outcomes, stage="long")
    stakes = np.where(np.arange(rounds)[:, None] % 3, 1.0, 0.5) * np.ones(N)
    with refused(market, f"round {rounds - 1}, trader 5: NaN is not a probability"):
        market.run(likelihoods=put(one, np.nan, rounds - 1, 5), stakes=stakes)
    with refused(market, "any probability", gm.ImpossibleOutcomeError):
        market.run(likelihoods=put(one, 0.0, rounds - 1, slice(None)), new_episode=False)


def test_a_refused_block_leaves_the_blocks_before_it(market):
    twin = market.__copy__()
    blocks = [
        (ONE[:3], OUTCOMES[:3]),
        {"forecasts": FULL[3:5], "outcomes": OUTCOMES[3:5]},
        (put(ONE[5:], np.nan, 1, 4), OUTCOMES[5:]),
    ]
    with pytest.raises(gm.InputError, match="round 1, trader 4: NaN"):
        market.run_blocks(blocks, stage="other")
    twin.run_blocks(blocks[:2], stage="other")
    assert witness.seen(market) == witness.seen(twin)
    with pytest.raises(gm.InputError, match="likelihoods after blocks or episodes of forecasts"):
        market.run_blocks([(ONE[:0], []), PAID])
    with refused(market, "a block of 1 parts"):
        market.run_blocks([(ONE,)])
    with refused(market, "unknown keys \\['forecast'\\] in a block"):
        market.run_blocks([{"forecast": ONE}])


def test_blocks_that_fail_by_themselves(market):
    def blocks():
        yield PAID
        raise RuntimeError("the file has ended")

    twin = market.__copy__()
    with pytest.raises(RuntimeError, match="the file has ended"):
        market.run_blocks(blocks())
    twin.run(likelihoods=PAID)
    assert witness.seen(market) == witness.seen(twin)


# --- Shapes


def test_wrong_shapes(market):
    shape = gm.ShapeError
    calls = {
        f"forecasts of shape \\({T}, {N - 1}\\); give \\(rounds, 2, {N}\\)": lambda: market.run(ONE[:, 1:], OUTCOMES),
        f"forecasts of shape \\({N}, {T}\\)": lambda: market.run(ONE.T, OUTCOMES),
        f"forecasts of shape \\({T}, {N}, 2\\)": lambda: market.run(FULL.transpose(0, 2, 1), OUTCOMES),
        f"forecasts of shape \\({T}, 3, {N}\\)": lambda: market.run(np.full((T, 3, N), 1 / 3), OUTCOMES),
        f"forecasts of shape \\({N},\\)": lambda: market.run(ONE[0], OUTCOMES),
        "forecasts of shape \\(\\)": lambda: market.run(0.5, OUTCOMES),
        f"likelihoods of shape \\({T}, 2, {N}\\)": lambda: market.run(likelihoods=FULL),
        f"likelihoods of shape \\({N},\\)": lambda: market.run(likelihoods=PAID[0]),
        "likelihoods of shape \\(\\)": lambda: market.run(likelihoods=1.0),
        f"{T - 1} outcomes for {T} rounds": lambda: market.run(ONE, OUTCOMES[1:]),
        "outcomes: shape \\(8, 1\\); give one axis": lambda: market.run(ONE, OUTCOMES[:, None]),
        "outcomes: shape \\(\\); give one axis": lambda: market.run(ONE[:1], 1),
        f"stakes of shape \\({T},\\); give \\({N},\\) or \\({T}, {N}\\)": lambda: market.run(ONE, OUTCOMES, np.ones(T)),
        "stakes of shape \\(\\)": lambda: market.run(ONE, OUTCOMES, 1.0),
        "forecasts: not a rectangular array": lambda: market.run([[0.5] * N, [0.5]], [0, 1]),
        "4 names for 6 traders": lambda: gm.Market(np.full(6, 3.0), names="abcd"),
        "4 groups for 6 traders": lambda: gm.Market(np.full(6, 3.0), groups=[1, 2, 3, 4]),
        "enters_at": lambda: gm.Market(np.full(6, 3.0), enters_at=[0, 1]),
        "5 shares for 6 traders": lambda: market.with_wealth([0.1] * 5),
        "values of shape \\(2,\\) for 3 listed traders": lambda: gm.SparseRounds([0, 3], [0, 1, 2], [0.5, 0.5]),
        "indptr ends at 2, with 3 traders": lambda: market.run(gm.SparseRounds([0, 2], [0, 1, 2], [0.5] * 3), [0]),
        "forecasts of 3 outcomes": lambda: market.run(gm.SparseRounds([0, 1], [0], [[0.2, 0.3, 0.5]]), [0]),
        "2 outcomes for 1 rounds": lambda: market.run(gm.SparseRounds([0, 1], [0], [0.5]), [0, 1]),
        "2 stakes for 1": lambda: market.run(gm.SparseRounds([0, 1], [0], [0.5], stakes=[1, 1]), [0]),
        "forecasts of shape \\(1, 5\\)": lambda: market.price(np.full(5, 0.5)),
        "forecasts of shape \\(1,\\)": lambda: market.price(0.5),
        "forecasts of shape \\(1, 3, 6\\)": lambda: market.settle(np.full((3, 6), 1 / 3), 0),
    }
    for words, call in calls.items():
        with refused(market, words, shape):
            call()


def test_sparse_rounds_that_do_not_fit(market):
    for indptr, traders, words in [
        ([0, 2], [0, 6], "round 0: trader 6 is not one of 0..5"),
        ([0, 1, 2], [0, -1], "round 1: trader -1 is not one of 0..5"),
        ([0, 2], [3, 3], "round 0: trader 3 stands there twice"),
        ([0, 2, 1, 2], [0, 1], "indptr must rise from 0"),
        ([1, 2], [0, 1], "indptr must rise from 0"),
        ([], [0, 1], "indptr must rise from 0"),
        ([0, 2], [0, 2**40], "round 0: trader 1099511627776 is not one of 0..5"),
    ]:
        rounds = gm.SparseRounds(indptr, traders, [0.5, 0.5])
        outcomes = [0] * rounds.rounds
        with refused(market, words):
            market.run(rounds, outcomes)
        with refused(market, words):
            market.run_batch([(rounds, outcomes)])
    with refused(market, "either forecasts or likelihoods"):
        gm.SparseRounds([0], [])
    good = gm.SparseRounds([0, 1], [0], [0.5])
    with refused(market, "stakes of sparse rounds belong into SparseRounds"):
        market.run(good, [0], np.ones(N))
    with refused(market, "sparse likelihoods go to likelihoods="):
        market.run(likelihoods=good)


# --- Kinds of arrays


def same(market, one, outcomes, stakes=None):
    """The same as float64 arrays in C order."""
    twin = market.__copy__()
    run = market.run(one, outcomes, stakes)
    expected = twin.run(ONE, OUTCOMES, None if stakes is None else np.ones(N))
    assert run.prices.tobytes() == expected.prices.tobytes()
    assert witness.seen(market) == witness.seen(twin)


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "every other": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
    "lists": lambda x: x.tolist(),
    "a subclass": np.ma.masked_array,
    "double double": lambda x: x.astype(np.longdouble) if x.dtype.kind == "f" else x.astype(float),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_is_read(market, layout):
    change = LAYOUTS[layout]
    same(market, change(ONE), change(OUTCOMES))
    same(market, change(FULL), change(OUTCOMES), change(np.ones(N)))
    twin = market.__copy__()
    single = ONE.astype(np.float32)
    if layout not in ("lists", "double double"):
        assert market.run(change(single), OUTCOMES).prices.tobytes() == twin.run(single, OUTCOMES).prices.tobytes() or (
            layout == "big-endian"
        )


def test_whole_numbers_and_truth_values_are_read(market):
    twin = market.__copy__()
    certain = np.array([[0, 1, 1, 0, 1, 0]])
    expected = twin.run(certain.astype(float), [1]).prices.tobytes()
    for dtype in (np.int8, np.uint64, bool, np.float16):
        copy = market.__copy__()
        assert copy.run(certain.astype(dtype), np.array([1], dtype=np.uint8)).prices.tobytes() == expected
        assert witness.seen(copy) == witness.seen(twin)
    market.run(certain, [True])
    assert witness.seen(market) == witness.seen(twin)


def test_polars_is_read(market):
    same(market, pl.DataFrame(ONE), pl.Series(OUTCOMES), pl.Series(np.ones(N)))
    assert gm.Market(pl.Series([1, 2])).wealth.tolist() == [0.5, 0.25]
    late = gm.Market(pl.Series([1.0, 2.0]), groups=pl.Series(["a", "b"]), names=pl.Series(["c", "d"]))
    assert (late.groups, late.names) == (["a", "b"], ["c", "d"])
    with refused(market, "round 0, trader 1: NaN"):
        market.run(likelihoods=pl.DataFrame(PAID).with_columns(pl.lit(None, pl.Float64).alias("column_1")))
    with refused(market, "outcomes: dtype .*; give whole numbers"):
        market.run(ONE[:2], pl.Series([1, None]))
    with refused(market, "is not numeric"):
        market.run(likelihoods=pl.DataFrame({str(i): ["x"] for i in range(N)}))


def test_arrow_is_read(market):
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({str(i): ONE[:, i] for i in range(N)})
    same(market, table, arrow.array(OUTCOMES))
    same(market, table.to_batches()[0], arrow.chunked_array([OUTCOMES]), arrow.array(np.ones(N)))
    assert gm.Market(arrow.array([1, 2])).wealth.tolist() == [0.5, 0.25]


KINDS = {
    "objects": np.array([[0.5] * N], dtype=object),
    "None inside": [[None] * N],
    "text": [["0.5"] * N],
    "complex": np.full((1, N), 0.5 + 0j),
    "times": np.zeros((1, N), dtype="m8[s]"),
    "records": np.zeros((1, N), dtype=[("p", float)]),
    "a set": {0.5},
    "a function": len,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_numeric(market, kind):
    given = KINDS[kind]
    for what, call in {
        "forecasts": lambda: market.run(given, [1]),
        "likelihoods": lambda: market.run(likelihoods=given),
        "stakes": lambda: market.run(ONE, OUTCOMES, given),
        "forecast": lambda: market.price(given),
        "shares": lambda: market.with_wealth(given),
        "bits": lambda: gm.Market(given),
        "prior": lambda: gm.Market(prior=given),
    }.items():
        with refused(market, f"{what}: dtype .* is not numeric; give float64 or float32"):
            call()
    with pytest.raises(gm.InputError, match=r"outcomes: (dtype|shape)"):
        market.run(ONE, given)


def test_outcomes_that_are_no_whole_numbers(market):
    for outcomes in ([0.5] * T, [np.nan] * T, [np.inf] * T, ["1"] * T, [None] * T, np.zeros(T, dtype=complex)):
        with refused(market, "outcomes: dtype .*; give whole numbers"):
            market.run(ONE, outcomes)
    with refused(market, "give whole numbers"):
        market.settle(ONE[0], None)
    market.run(ONE, OUTCOMES.astype(float))


def test_masked_entries_are_not_read_as_numbers(market):
    with refused(market, "forecasts: some entries are masked; fill them in"):
        market.run(np.ma.masked_array(ONE, ONE > 0.5), OUTCOMES)
    with refused(market, "outcomes: some entries are masked"):
        market.run(ONE, np.ma.masked_array(OUTCOMES, OUTCOMES > 0))


def test_what_is_missing_or_too_much(market):
    for words, call in {
        "either forecasts and outcomes, or likelihoods": market.run,
        "either forecasts": lambda: market.run(ONE, OUTCOMES, likelihoods=PAID),
        "forecasts need outcomes": lambda: market.run(ONE),
        "a batch of no episodes; give one or more": lambda: market.run_batch([]),
        "forecasts after blocks or episodes of likelihoods; give the same in all": lambda: market.run_batch(
            [PAID, (ONE, OUTCOMES)]
        ),
        "either bits or prior": gm.Market,
        "give either bits": lambda: gm.Market([1], prior=[0.5]),
        "stage ''; give a name": lambda: market.run(ONE, OUTCOMES, stage=""),
        "stage 3; give a name": lambda: market.run(ONE, OUTCOMES, stage=3),
        "stage 'wealth' would hide a column": lambda: market.run(ONE, OUTCOMES, stage="wealth"),
        "top -1 is negative": lambda: market.definitions(top=-1),
    }.items():
        with refused(market, words):
            call()


@pytest.mark.parametrize("kind", [kind for kind in MARKETS if kind != "csr"])  # which is taxed by episode
def test_no_rounds_are_fine(kind):
    market = MARKETS[kind]()
    before = market.log2_wealth
    rounds = market.rounds
    empty = np.empty((0, N))
    for call in (
        lambda: market.run(empty, []),
        lambda: market.run(np.empty((0, 2, N)), np.empty(0, dtype=int)),
        lambda: market.run(likelihoods=empty),
        lambda: market.run(likelihoods=empty, stakes=empty),
        lambda: market.run(gm.SparseRounds([0], [], []), []),
        lambda: market.run_blocks([]),
        lambda: market.run_blocks([empty, empty]),
        lambda: market.run_batch([empty, empty]),
    ):
        run = call()
        assert (len(run.prices), len(run.loss_bits), run.total_loss_bits, len(run.frame())) == (0, 0, 0, 0)
        assert run.regret_bits.tolist() == [0] * N
    np.testing.assert_allclose(market.log2_wealth, before, rtol=1e-6 if kind == "f32" else 1e-14)
    assert market.rounds == rounds
