"""Tables of recorded forecasts: in files and frames, whole or of what happened alone."""

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from families import forecasts

RNG = np.random.default_rng(5)
OUTCOMES = [RNG.integers(3, size=12) for _ in range(5)]  # of the episodes of `forecasts()`


def test_table_in_a_file(tmp_path):
    table = gm.Table(forecasts(), names=["x", "y"], bits=[0.5, 2.0])
    table.begin_episode()
    table.save(tmp_path / "t.parquet")
    again = gm.Table.load(tmp_path / "t.parquet")
    assert again.frame().equals(table.frame())
    assert again.names == ["x", "y"]
    assert again.bits.tolist() == [0.5, 2.0]
    for one in (table, again):  # the episode that was begun is over
        one.begin_episode()
    assert again.forecast().tobytes() == table.forecast().tobytes()
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(gm.CheckpointError):
        gm.Table.load(tmp_path / "t.parquet")


def test_tables_keep_the_contract():
    gm.check_family(gm.Table(forecasts()), OUTCOMES)


def test_rows_may_come_in_any_order():
    frame = gm.Table(forecasts(), names=["y", "x"]).frame()
    mixed = frame.sample(fraction=1, shuffle=True, seed=1)
    again = gm.Table.from_frame(mixed)
    columns = ["episode", "round", "forecaster", "outcome"]
    assert again.frame().sort(columns).equals(frame.sort(columns))


def test_table_of_what_happened():
    """Token log-probabilities of language models: enough to read, not to price."""
    logprobs = RNG.dirichlet(np.ones(9), (2, 30))[:, :, :2]
    tokens = RNG.integers(50_000, size=(2, 30))
    table = gm.Table(logprobs, happened=tokens, outcomes=50_257, names=["small", "large"])
    frame = table.frame().select(pl.exclude("probability"), logprob=pl.col("probability").log())
    again = gm.Table.from_frame(frame, outcomes=50_257)
    inductor = gm.Inductor({"models": again})
    run = inductor.read(list(tokens))
    market = gm.Market([1, 1], outcomes=50_257)
    expected = [market.run(likelihoods=np.exp(np.log(rows))).loss_bits for rows in logprobs]
    np.testing.assert_allclose(run.loss_bits, np.concatenate(expected), rtol=1e-12)
    with pytest.raises(gm.InputError, match="was recorded"):
        gm.Inductor({"models": table}).read([tokens[1]])
    with pytest.raises(gm.InputError, match="can be read, not priced"):
        table.forecast()
    with pytest.raises(gm.InputError, match="all 2 recorded episodes are read"):
        inductor.read([tokens[0]])


def frame(*rows):
    """One round, of which each row has a forecaster and an outcome."""
    columns = ["episode", "round", "forecaster", "outcome", "probability"]
    return pl.DataFrame([(0, 0, *row, 0.5) for row in rows], columns, orient="row")


@pytest.mark.parametrize(
    ("call", "message"),
    (
        (lambda: gm.Table([]), "no episodes"),
        (lambda: gm.Table([[[1.2]]]), "not probabilities"),
        (lambda: gm.Table([np.full((1, 3, 1), 0.2)]), "round 0: probabilities that do not sum"),
        (lambda: gm.Table([[[0.5]]], names=["a", "b"]), "2 names"),
        (lambda: gm.Table([[[0.5]]], happened=[[0]]), "give outcomes="),
        (lambda: gm.Table.from_frame(gm.Table([[[0.5]]]).frame().drop("probability")), "no column probability"),
        (lambda: gm.Table([[[0.5]]], happened=[[3]], outcomes=3), "happened in episode 0 .* 0 to 2"),
        (lambda: gm.Table([[[0.5]]], happened=[[0, 1]], outcomes=3), "one outcome for each round"),
        (lambda: gm.Table.from_frame(gm.Table(forecasts()).frame()[1:]), "every forecaster must forecast"),
        (lambda: gm.Table.from_frame(frame(("a", 0), ("b", 0), ("a", 1), ("a", 1))), "two forecasts of"),
        (lambda: gm.Table.from_frame(frame(("a", 0), ("b", 2)), outcomes=3), "differ in what happened"),
        (lambda: gm.Table.from_frame(frame(("a", -1), ("a", 1))), "outcome -1"),
        (lambda: gm.Table.from_frame(frame()), "empty"),
        (lambda: gm.Table.from_frame(frame(("a", 0)).with_columns(round=pl.lit("x"))), "other types of columns"),
        (lambda: gm.Table([[[0.5, 0.5]]], names=["a", "a"]), "two forecasters are called 'a'"),
        (lambda: gm.Table([[[0.5]], np.empty((0, 1))]), "episode 1 has no rounds"),
        (lambda: gm.Table([[[0.5]]]).observe_all([1, 1]), "1 recorded rounds, no more; .* sample_bytes=0 draws none"),
    ),
)
def test_bad_tables(call, message):
    with pytest.raises(gm.InputError, match=message):
        call()


def test_the_config_tells_tables_apart():
    told = [gm.Table([[[p]]]).config() for p in (0.9, 0.9, 0.1)]
    assert told[0] == told[1] != told[2]
