"""Text: probabilities that sum to 1, no look-ahead, frozen means frozen, the same bits however it is read."""

import _thread
import hashlib
import pydoc_data.topics
import threading

import gruemarket as gm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

PROSE = pydoc_data.topics.topics["assignment"].encode()
RANDOM = np.random.default_rng(0).bytes(20_000)


def text(**settings):
    return gm.Text(**({"memory_mib": 2} | settings))


def learned(**settings):
    family = text(**settings)
    family.bits(PROSE[:4000])
    return family


def bits_of(data):
    return np.unpackbits(np.frombuffer(data, np.uint8))


# --- Probabilities


@given(st.binary(max_size=60))
def test_the_bytes_sum_to_1_and_each_is_possible(data):
    family = text(memory_mib=1)
    for piece in (data, PROSE[:40], data):
        family.observe_all(piece)
        forecast = family.byte_forecast()
        assert forecast.shape == (256,)
        assert forecast.min() > 0
        assert forecast.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("frozen", (False, True))
def test_a_byte_is_given_what_reading_it_is_given(frozen):
    family = learned()
    family.freeze(frozen)
    family.observe_all(b"The assignm")
    forecast = family.byte_forecast()
    for byte in b"ex \x00\xff":
        assert family.fork().observe_all(bytes([byte])).prod() == pytest.approx(forecast[byte], rel=1e-12)
    assert np.array_equal(family.byte_forecast(), forecast)
    assert forecast.argmax() == ord("e")


def test_a_byte_forecast_waits_for_the_end_of_a_byte():
    family = text()
    family.observe(1)
    with pytest.raises(gm.InputError, match="1 of the 8 bits of a byte are read; observe the other 7"):
        family.byte_forecast()


def test_two_outcomes_sum_to_1():
    family = learned()
    for bit in bits_of(PROSE[:100]):
        forecast = family.forecast()
        assert forecast.shape == (2, 1)
        assert forecast.sum() == 1
        assert forecast.min() > 0
        family.observe(bit)


# --- What it costs


def test_code_length_is_that_of_what_was_forecast():
    paid = text().observe_all(PROSE)
    assert text().bits(PROSE) == pytest.approx(-np.log2(paid).sum(), rel=1e-12)
    assert text().bits(PROSE.decode()) == text().bits(PROSE)


def test_random_bytes_cost_8_bits_each():
    family = text(memory_mib=8)
    cost = family.bits(RANDOM) / len(RANDOM)
    assert 7.99 < cost < 8.05
    assert family.bits(RANDOM) / len(RANDOM) < 4  # the second time it remembers


@pytest.mark.parametrize("data", (b"\x00" * 50_000, b"a" * 50_000, b"0123456789abcdef\n" * 3000))
def test_what_repeats_costs_almost_nothing(data):
    assert text().bits(data) / len(data) < 0.02


def test_without_a_match_nobody_follows_one():
    family = text(match=False)
    family.bits(b"abra cadabra " * 5 + b"abra")
    assert family.awake == 8


def test_prose_is_learned():
    flat = {"word": False, "match": False, "orders": [0]}
    assert text().bits(PROSE) / len(PROSE) < 2.6 < text(**flat).bits(PROSE) / len(PROSE)


@pytest.mark.parametrize(
    "settings",
    (
        {"clearing": gm.Kelly(0.3)},
        {"clearing": gm.LogPool(0.1, floor=1e-3)},
        {"orders": [1, 4]},
        {"orders": [16, 2, 9]},
        {"orders": range(8), "word": False},
        {"match": False},
        {"estimator": 0.5, "limit": 20, "endowment": 0},
    ),
)
def test_settings_are_used_and_learn_too(settings):
    family = text(**settings)
    cost = family.bits(PROSE) / len(PROSE)
    assert cost != text().bits(PROSE) / len(PROSE)
    assert cost < 3.6
    assert family.byte_forecast().sum() == pytest.approx(1, abs=1e-12)


# --- No look-ahead, the same bits


@given(st.binary(max_size=30), st.binary(min_size=1, max_size=30), st.binary(min_size=1, max_size=30))
def test_what_follows_changes_no_forecast(prefix, one, other):
    paid = [text(memory_mib=1).observe_all(prefix + rest)[: 8 * len(prefix)] for rest in (one, other)]
    assert np.array_equal(*paid)


@pytest.mark.parametrize("frozen", (False, True))
def test_bit_by_bit_and_in_pieces_it_is_the_same(frozen):
    one, other, pieces = (learned() for _ in range(3))
    for family in (one, other, pieces):
        family.freeze(frozen)
    data = PROSE[3000:3400] + RANDOM[:50]
    bits = bits_of(data)
    whole = one.observe_all(data)
    stepwise = []
    for bit in bits:
        stepwise.append(other.forecast()[bit])
        other.observe(bit)
    assert whole.shape == (len(bits), 1)
    assert np.array_equal(whole, stepwise)
    assert np.array_equal(
        whole, np.concatenate([pieces.observe_all(part) for part in np.split(bits, [3, 8, 77, 1001])])
    )
    assert np.array_equal(one.byte_forecast(), other.byte_forecast())


def test_the_seed_decides_the_rounding_and_nothing_else():
    assert text(seed=1).bits(PROSE) == text(seed=1).bits(PROSE) != text(seed=2).bits(PROSE)
    assert text(seed=1).bits(PROSE) == pytest.approx(text(seed=2).bits(PROSE), rel=0.01)


def test_frozen_outputs():
    """To renew it after a change that is meant to move bits, print what is compared."""
    paid = text(seed=7).observe_all(PROSE[:2000])
    assert hashlib.sha256(paid.astype("<f8").tobytes()).hexdigest()[:16] == "e1f9233cd4704f14"


# --- Episodes


def test_an_episode_forgets_the_context_only():
    family = learned()
    family.freeze()
    family.begin_episode()
    first = family.observe_all(b"An assignment")
    second = family.observe_all(b"An assignment")
    family.begin_episode()
    assert np.array_equal(family.observe_all(b"An assignment"), first)
    assert not np.array_equal(first, second)


def test_frozen_means_frozen(tmp_path):
    family = learned()
    family.freeze()
    assert family.frozen
    family.begin_episode()
    family.save(tmp_path / "before")
    traders = family.traders
    paid = family.observe_all(PROSE[2000:6000])
    family.bits(RANDOM[:1000])
    family.byte_forecast()
    family.begin_episode()
    family.save(tmp_path / "after")
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()
    assert family.traders == traders
    assert np.array_equal(family.observe_all(PROSE[2000:6000]), paid)
    family.freeze(frozen=False)
    family.observe_all(PROSE[2000:6000])
    assert family.traders > traders


def test_frozen_reading_follows_a_match_into_what_was_learned():
    family = text()
    family.bits(RANDOM[:5000])
    family.freeze()
    family.begin_episode()
    assert -np.log2(family.observe_all(RANDOM[1000:1200])).sum() < 4 * 200


def test_learning_may_go_on_in_the_middle_of_a_byte():
    family = learned()
    bits = bits_of(PROSE[:100])
    family.freeze()
    family.observe_all(bits[:333])
    family.freeze(frozen=False)
    family.observe_all(bits[333:])
    assert family.byte_forecast().sum() == pytest.approx(1, abs=1e-12)


def test_forks_are_equal_and_independent():
    family = learned()
    fork = family.fork()
    assert isinstance(fork, gm.Text)
    before = fork.byte_forecast()
    assert np.array_equal(before, family.byte_forecast())
    family.observe_all(RANDOM[:500])
    assert np.array_equal(fork.byte_forecast(), before)
    assert np.array_equal(fork.fork().observe_all(PROSE[:500]), fork.observe_all(PROSE[:500]))


# --- Files


def test_a_loaded_family_goes_on_with_the_same_bits(tmp_path):
    for family in (learned(), learned(clearing=gm.Kelly(0.2), orders=[0, 3], match=False), text()):
        family.observe_all(bits_of(PROSE[:20])[:-3])
        family.save(tmp_path / "text")
        assert [path.name for path in tmp_path.iterdir()] == ["text"]
        loaded = gm.Text.load(tmp_path / "text")
        assert repr(loaded) == repr(family)
        assert loaded.memory_bytes == family.memory_bytes
        assert np.array_equal(loaded.observe_all(PROSE[:900]), family.observe_all(PROSE[:900]))


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "text"
    learned(memory_mib=1).save(path)
    whole = path.read_bytes()
    for cut in (0, 7, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(gm.CheckpointError, match="truncated or damaged"):
            gm.Text.load(path)
    for place in (len(whole) // 3, len(whole) - 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(gm.CheckpointError, match="truncated or damaged"):
            gm.Text.load(path)


def test_a_file_of_something_else_is_refused(tmp_path):
    gm.Market([1, 1]).save(tmp_path / "market")
    with pytest.raises(gm.CheckpointError, match="Text"):
        gm.Text.load(tmp_path / "market")
    with pytest.raises(FileNotFoundError):
        gm.Text.load(tmp_path / "nothing")
    with pytest.raises(OSError, match="nowhere"):
        text().save(tmp_path / "nowhere" / "text")


# --- Memory


@pytest.mark.parametrize("memory_mib", (1, 1.5, 4, 64))
def test_memory_is_what_was_allowed(memory_mib):
    family = gm.Text(memory_mib=memory_mib)
    assert 0.9 * memory_mib < family.memory_bytes / 2**20 <= memory_mib
    family.bits(PROSE)
    assert family.memory_bytes / 2**20 <= memory_mib


def test_full_tables_go_on():
    family = text(memory_mib=1)
    family.bits(RANDOM * 2)
    assert family.traders < 2**20 / 4
    assert family.byte_forecast().sum() == pytest.approx(1, abs=1e-12)


def test_traders_wake_as_they_are_asked():
    family = text()
    assert (family.traders, family.awake) == (0, 1)
    family.bits(b"abra cadabra " * 5)
    assert 200 < family.traders < 3000
    family.observe_all(b"abra")
    assert family.awake == 9  # seven orders, the word, the match
    assert gm.Text(orders=[2], word=False).awake == 0


# --- Bad input


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"memory_mib": 0}, "memory_mib 0"),
        ({"memory_mib": -1}, "memory_mib -1"),
        ({"memory_mib": float("nan")}, "memory_mib NaN"),
        ({"memory_mib": float("inf")}, "memory_mib inf"),
        ({"memory_mib": "64"}, "memory_mib '64'; give a number"),
        ({"orders": []}, "orders"),
        ({"orders": [-1]}, "orders"),
        ({"orders": [17]}, "orders"),
        ({"orders": [2, 2]}, "orders"),
        ({"orders": range(8)}, "give 1 to 7"),
        ({"orders": 3}, "orders 3"),
        ({"orders": [0.5]}, "orders"),
        ({"clearing": "kelly"}, "clearing 'kelly' is not a rule by which texts clear inside"),
        ({"clearing": gm.Isoelastic(2)}, r"gm.LogPool\(\) or gm.Kelly"),
        ({"estimator": 0}, "estimator 0"),
        ({"estimator": float("nan")}, "estimator NaN"),
        ({"limit": 0}, "limit 0"),
        ({"limit": 1000}, "limit 1000"),
        ({"endowment": 2}, "endowment 2"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 0.5}, "seed 0.5"),
        ({"mode": "fast"}, "mode 'fast'"),
    ),
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(gm.InputError, match=words):
        text(**settings)


def test_bad_outcomes_are_named_and_nothing_moves():
    family = learned()
    before = family.byte_forecast()
    for bad, words in ((2, "outcome 2"), (-1, "outcome -1"), (0.5, "whole numbers")):
        with pytest.raises(gm.InputError, match=words):
            family.observe(bad)
        with pytest.raises(gm.InputError, match=words):
            family.observe_all([0, 1, bad])
    with pytest.raises(gm.InputError, match="type list"):
        family.bits([1, 2])
    assert np.array_equal(family.byte_forecast(), before)


def test_nothing_is_nothing():
    family = text()
    assert family.bits(b"") == 0
    assert family.observe_all("").shape == (0, 1)
    assert family.observe_all([]).shape == (0, 1)


@pytest.mark.parametrize("bad", (0, -1, float("nan"), float("inf")))
def test_a_log_pool_has_a_step(bad):
    with pytest.raises(gm.InputError, match="step"):
        gm.LogPool(bad)


@pytest.mark.parametrize("bad", (0, 0.5, float("nan")))
def test_a_log_pool_has_a_floor(bad):
    with pytest.raises(gm.InputError, match="floor"):
        gm.LogPool(floor=bad)


# --- Threads and Ctrl-C


def test_ctrl_c_stops_a_long_reading():
    family = gm.Text(memory_mib=4)
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        family.bits(PROSE * 10_000)
    timer.join()
    assert family.byte_forecast().sum() == pytest.approx(1, abs=1e-12)


def test_others_run_while_a_family_reads():
    family = gm.Text(memory_mib=4)
    thread = threading.Thread(target=family.bits, args=(PROSE * 50,))
    thread.start()
    turns = 0
    while thread.is_alive():
        turns += 1
    thread.join()
    assert turns > 100


# --- The exact mode, through the same door; tests/test_context_tree.py has its mathematics


@pytest.mark.parametrize(
    ("past", "x", "depth", "probability"),
    (
        ([1, 0], [0, 1, 1, 0, 1, 0, 0], 2, 17 / 8192),
        ([0, 0], [0, 1] * 4, 2, 375 / 65536),
        ([0, 1, 0], [0, 1, 1, 0, 1, 0, 0], 3, 95 / 32768),
    ),
)
def test_exact_mode_is_all_trees_of_a_depth(past, x, depth, probability):
    trees = gm.Text(mode="exact", depth=depth, factored=False)
    trees.freeze()
    trees.observe_all(past)
    trees.freeze(frozen=False)
    np.testing.assert_allclose(trees.observe_all(x).prod(), probability, rtol=1e-12)


@pytest.mark.parametrize("grue", (None, gm.GrueTax(gm.schedules.inverse())), ids=("weighting", "switching"))
def test_exact_mode_is_a_family(grue, tmp_path):
    trees = gm.Text(mode="exact", depth=12, grue=grue)
    gm.check_family(trees, [b"to be or not to be", b"that is the question", b"to be"])
    first = trees.bits(b"abracadabra " * 20)
    assert trees.bits(b"abracadabra " * 20) < 0.7 * first
    np.testing.assert_allclose(trees.byte_forecast().sum(), 1, rtol=1e-12)
    assert "mode='exact'" in repr(trees)
    trees.save(tmp_path / "trees")
    assert gm.Text.load(tmp_path / "trees").bits(b"abra") == trees.fork().bits(b"abra")


def test_specialists_keep_the_contract():
    gm.check_family(gm.Text(memory_mib=1), [b"to be or not to be", b"that is the question", b"to be"])


@pytest.mark.parametrize(
    ("options", "message"),
    (
        ({"mode": "exact", "orders": [1]}, "does not take orders"),
        ({"mode": "exact", "clearing": gm.Kelly()}, "does not take clearing"),
        ({"depth": 3}, "does not take depth"),
        ({"mode": "exact", "depth": 65}, "0 to 64"),
        ({"mode": "exact", "grue": gm.GrueTax(gm.schedules.inverse(), unit="batch")}, "round"),
    ),
)
def test_options_of_the_other_mode(options, message):
    with pytest.raises(gm.InputError, match=message):
        gm.Text(**options)
