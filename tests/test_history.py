"""Histories: their columns, several seeds and their intervals, and files that are whole or not there."""

import os
import subprocess
import sys

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket.history import FILES, SCHEMAS
from gruemarket.intervals import t_probability, t_quantile, wilson
from scipy import stats
from story import story


def frames(history):
    return {table: getattr(history, table) for table in SCHEMAS}


def assert_same(ours, theirs):
    for table, frame in frames(ours).items():
        assert frame.equals(getattr(theirs, table)), table
        assert frame.schema == getattr(theirs, table).schema, table


# --- Columns


def test_every_table_has_the_columns_and_types_of_its_schema():
    for history in (gm.History(), story(1)):
        for table, frame in frames(history).items():
            wanted = {name: column.dtype for name, column in SCHEMAS[table].items()}
            assert list(frame.schema.items())[: len(wanted)] == list(wanted.items())
            assert frame.columns[0] == "seed"
            assert all(column.meaning for column in SCHEMAS[table].values())


def test_columns_are_put_in_order_and_cast():
    frame = pl.DataFrame({"episodes": [3], "kind": ["Pretrain"], "stage": ["read"], "seed": [1]})
    frame = frame.with_columns(first_batch=pl.lit(0, pl.Int8), last_batch=pl.lit(2, pl.UInt64))
    stages = gm.History(stages=frame).stages
    assert stages.columns == list(SCHEMAS["stages"])
    assert stages.rows() == [(1, "read", "Pretrain", 0, 2, 3)]


@pytest.mark.parametrize(
    ("change", "words"),
    (
        (lambda frame: frame.drop("kind"), "stages: no column 'kind'"),
        (lambda frame: frame.with_columns(more=1), "stages: unknown column 'more'"),
        (lambda frame: frame.with_columns(seed=pl.lit("one")), "stages: .*one"),
        (lambda frame: frame.to_dict(), "stages: dict is not a Polars frame"),
    ),
)
def test_other_columns_are_refused(change, words):
    with pytest.raises(gm.InputError, match=words):
        gm.History(stages=change(story(1).stages))


def test_a_history_is_frozen():
    with pytest.raises(AttributeError):
        story(1).wealth = None


def test_what_it_is_about():
    history = story(1)
    assert history.seeds == [1]
    assert history.stage_names == ["pretrain", "finetune", "reinforce"]
    assert history.accounts[:2] == ["early", "modern"]
    assert repr(history) == "History(seed 1: pretrain, finetune, reinforce, 6 accounts, 70 batches)"
    assert repr(gm.History()) == "History(seeds none: no stages, 0 accounts, 0 batches)"


# --- Several seeds


def test_seeds_are_joined_and_taken_apart():
    first, second = story(1), story(2)
    both = gm.History.joined([first, second])
    assert both.seeds == [1, 2]
    assert_same(both.of_seed(1), first)
    assert_same(both.of_seed(2), second)
    assert_same(gm.History.joined([first]), first)
    with pytest.raises(gm.InputError, match="seed 3 is not in this history"):
        both.of_seed(3)


def test_a_seed_cannot_be_joined_with_itself():
    with pytest.raises(gm.InputError, match="seed 1 stands in more than one"):
        gm.History.joined([story(1), story(2), story(1)])
    with pytest.raises(gm.InputError, match="no histories"):
        gm.History.joined([])


def test_stages_that_a_run_did_not_have_redefined_nothing():
    one = story(1)
    two = gm.History(provenance=story(2).provenance.drop("finetune"))
    joined = gm.History.joined([one, two]).provenance
    assert joined.filter(seed=2)["finetune"].to_list() == [0.0] * 6
    assert joined.null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize("degrees", (*range(1, 13), 100, 1001))
def test_students_t_is_scipys(degrees):
    for t in (-30.0, -1.0, 0.0, 1e-3, 0.7, 2.0, 63.0):
        assert t_probability(t, degrees) == pytest.approx(stats.t.cdf(t, degrees), abs=1e-13)
    for p in (1e-4, 0.025, 0.5, 0.9, 0.975, 0.9999):
        assert t_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=1e-9, abs=1e-12)


def test_wilsons_interval_is_scipys():
    for k, n in ((0, 1), (1, 1), (0, 20), (7, 20), (20, 20), (613, 1000)):
        theirs = stats.binomtest(k, n).proportion_ci(method="wilson")
        assert wilson(k, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    for k, n in ((1, 0), (-1, 3), (4, 3)):
        with pytest.raises(gm.InputError):
            wilson(k, n)


def test_intervals_are_scipys():
    many = gm.History.joined([story(seed) for seed in range(1, 6)])
    found = many.interval("log2_wealth", level=0.9)
    key = {"stage": "finetune", "batch": 50, "account": "assistant"}
    values = many.wealth.filter(**key)["log2_wealth"].to_numpy()
    row = found.row(by_predicate=pl.all_horizontal(pl.col(name) == value for name, value in key.items()), named=True)
    low, high = stats.t.interval(0.9, 4, values.mean(), stats.sem(values))
    assert (row["mean"], row["low"], row["high"], row["seeds"]) == pytest.approx((values.mean(), low, high, 5))


def test_bits_per_byte_are_all_bits_over_all_bytes():
    history = story(1)
    found = history.interval("bits", by=["voice"])
    for voice, mean, low, high, seeds in found.rows():
        rows = history.bits.filter(voice=voice)
        assert mean == pytest.approx(rows["bits"].sum() / rows["bytes"].sum())
        assert (low, high, seeds) == (None, None, 1)


def test_the_interval_covers_as_often_as_it_says():
    draw = np.random.default_rng(1).normal(3.0, 2.0, (2000, 4))
    by_seed = pl.DataFrame({"trial": np.repeat(np.arange(2000), 4), "seed": list(range(4)) * 2000, "x": draw.ravel()})
    found = gm.history.mean_and_interval(by_seed, "x", ["trial"])
    covered = found.filter((pl.col("low") <= 3) & (pl.col("high") >= 3)).height / 2000
    assert covered == pytest.approx(0.95, abs=0.015)  # three standard errors


@pytest.mark.parametrize(
    ("given", "words"),
    (
        ({"measure": "samples"}, "measure 'samples'; give one of wealth"),
        ({"measure": "bits", "by": ["account"]}, "bits has no column 'account'"),
        ({"measure": "bits", "level": 1.0}, "level 1.0"),
    ),
)
def test_what_no_interval_is_of(given, words):
    with pytest.raises(gm.InputError, match=words):
        story(1).interval(**given)


# --- Saving


def test_a_saved_history_is_the_same(tmp_path):
    history = gm.History.joined([story(1), story(2)])
    history.save(tmp_path / "not there" / "yet")
    history.save(tmp_path / "not there" / "yet")
    assert sorted(path.name for path in (tmp_path / "not there" / "yet").iterdir()) == sorted(FILES.values())
    assert FILES["bits"] == "rounds.parquet"
    assert_same(gm.History.load(tmp_path / "not there" / "yet"), history)


def test_a_history_of_nothing_is_saved_too(tmp_path):
    gm.History().save(tmp_path)
    assert_same(gm.History.load(tmp_path), gm.History())


def test_a_damaged_table_is_refused(tmp_path):
    story(1).save(tmp_path)
    file = tmp_path / "wealth.parquet"
    data = file.read_bytes()
    for damaged in (b"", data[:100], data[:-1], b"\0" * len(data), (tmp_path / "ledger.parquet").read_bytes()):
        file.write_bytes(damaged)
        with pytest.raises(gm.CheckpointError, match=r"wealth\.parquet is damaged, or not a table"):
            gm.History.load(tmp_path)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"wealth\.parquet"):
        gm.History.load(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no limits of this kind")
def test_a_full_disk_leaves_the_old_tables(tmp_path):
    story(1).save(tmp_path)
    script = """if True:
        import resource, signal, sys, gruemarket as gm
        from story import story
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        both = gm.History.joined([story(2), story(3)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        try:
            both.save(sys.argv[1])
        except OSError as error:
            assert "wealth.parquet" in str(error), repr(error)
        else:
            sys.exit("it was saved")
    """
    environment = os.environ | {"PYTHONPATH": os.path.dirname(__file__)}  # noqa: PTH120
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES.values())
    assert_same(gm.History.load(tmp_path), story(1))
