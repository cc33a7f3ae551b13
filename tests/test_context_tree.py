"""Context trees: every tree and every history one by one, plain numpy, and the manners of a family."""

import json
import math
import os
import random
import signal
import threading
import time
from fractions import Fraction

import gruemarket as gm
import numpy as np
import pytest
from gruemarket import _core
from gruemarket.market import TaxSpec
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import context_tree as oracle

INVERSE = gm.schedules.inverse()
SCHEDULES = {
    "weighting": None,
    "inverse": INVERSE,
    "constant": gm.schedules.constant(0.1),
    "elias gamma": gm.schedules.elias_gamma(),
    "all": gm.schedules.constant(1.0),
    "tiny": gm.schedules.constant(1e-60),
    "never": gm.schedules.constant(0.0),
}
ENGLISH = b"the cat sat on the mat, the dog sat on the log; " * 12


def tree(depth, *, factored=False, a=0.5, leaf_bits=1.0, schedule=None, grue=None, memory_mib=64.0):
    tax = grue if schedule is None else gm.GrueTax(schedule)
    spec = None if tax is None else TaxSpec.of(tax)
    return _core.ContextTree(depth, factored, a, leaf_bits, spec, memory_mib)


def array(bits):
    return np.array(list(bits), dtype=np.uint8)


def text(string):
    return array(map(int, string))


def bits_of(data):
    return np.unpackbits(np.frombuffer(data, np.uint8))


def with_past(past, **given):
    fresh = tree(**given)
    fresh.freeze()
    fresh.read(array(past))
    fresh.freeze(frozen=False)
    return fresh


def random_bits(n, seed, memory=3):
    """Bits that depend on those before, so that trees have something to find."""
    rng = np.random.default_rng(seed)
    chances, bits = rng.uniform(size=2**memory), [0] * memory
    for _ in range(n):
        bits.append(int(rng.uniform() < chances[int("".join(map(str, bits[-memory:])), 2)]))
    return array(bits[memory:])


def parts(path):
    """What a file's header says, and the arrays after it."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


# --- Oracles


def test_the_published_values():
    for past, bits, depth, expected in (
        ("10", "0110100", 2, Fraction(17, 8192)),
        ("00", "01010101", 2, Fraction(375, 65536)),
        ("010", "0110100", 3, Fraction(95, 32768)),
    ):
        probabilities = with_past(text(past), depth=depth).read(text(bits))
        assert probabilities.shape == (len(bits), 1)
        assert math.prod(probabilities[:, 0]) == pytest.approx(float(expected), rel=1e-14)
        assert oracle.weighting(text(bits), depth, text(past)) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("leaf_bits", (1.0, 0.3, 4.0))
def test_the_codes_of_all_trees_fill_krafts_sum(leaf_bits):
    for depth, count in enumerate((1, 2, 5, 26, 677)):
        trees = oracle.suffix_trees(depth)
        assert len(trees) == count
        assert math.fsum(2.0 ** -oracle.tree_bits(t, depth, leaf_bits) for t in trees) == pytest.approx(1, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 1), max_size=40),
    st.lists(st.integers(0, 1), max_size=3),
    st.integers(0, 3),
    st.sampled_from((1.0, 0.3, 4.0)),
    st.sampled_from((0.5, 0.05)),
)
def test_weighting_is_the_mixture_of_all_trees(bits, past, depth, leaf_bits, a):
    read = with_past(past, depth=depth, leaf_bits=leaf_bits, a=a).read(array(bits))
    expected = oracle.weighting(bits, depth, past, leaf_bits, a)
    assert math.prod(read[:, 0]) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(sorted(SCHEDULES)), st.sampled_from((1.0, 3.0)))
def test_switching_is_the_mixture_of_all_histories(data, schedule, leaf_bits):
    most = 9
    depth = data.draw(st.integers(0, 3))
    bits = data.draw(st.lists(st.integers(0, 1), max_size=most))
    past = data.draw(st.lists(st.integers(0, 1), max_size=3))
    rule = SCHEDULES[schedule]
    hazards = np.zeros(most + 1) if rule is None else rule.hazards(most + 1)
    expected = oracle.switching(bits, depth, hazards, past, leaf_bits=leaf_bits)
    read = with_past(past, depth=depth, leaf_bits=leaf_bits, schedule=rule).read(array(bits))
    assert math.prod(read[:, 0]) == pytest.approx(expected, rel=1e-12)
    if schedule in ("weighting", "never"):
        assert oracle.weighting(bits, depth, past, leaf_bits) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("depth", "factored"), ((0, False), (1, False), (7, False), (7, True), (20, True), (64, True)))
def test_plain_numpy_agrees(schedule, depth, factored):
    given = {"factored": factored, "a": 0.3, "leaf_bits": 2.0, "schedule": SCHEDULES[schedule]}
    engine, plain = tree(depth, **given), oracle.PlainTree(depth, **given)
    bits = np.concatenate([random_bits(200, 1), bits_of(ENGLISH[:40]), random_bits(60, 2, 5), bits_of(ENGLISH[:20])])
    np.testing.assert_allclose(engine.read(bits)[:, 0], plain.read(bits), rtol=1e-12)
    assert engine.traders == len(plain.nodes)
    engine.begin_episode()
    plain.begin_episode()
    np.testing.assert_allclose(engine.read(bits[:80])[:, 0], plain.read(bits[:80]), rtol=1e-12)
    engine.freeze()
    np.testing.assert_allclose(engine.read(bits[9:90])[:, 0], plain.read(bits[9:90], learn=False), rtol=1e-12)


@pytest.mark.parametrize("schedule", ("weighting", "inverse"))
def test_plain_numpy_agrees_after_accounts_too_poor_for_floats(schedule):
    rng = np.random.default_rng(5)
    alternating, noise = np.tile([0, 1], 3000), rng.integers(0, 2, 1500)
    bits = np.concatenate([alternating, noise, alternating, noise]).astype(np.uint8)
    given = {"schedule": SCHEDULES[schedule]}
    engine, plain = tree(3, **given).read(bits)[:, 0], oracle.PlainTree(3, **given).read(bits)
    np.testing.assert_allclose(engine, plain, rtol=1e-9)
    assert -np.log2(engine).sum() == pytest.approx(-np.log2(plain).sum(), rel=1e-12)


def test_a_node_is_a_market_of_two_accounts():
    """At depth 1, each visit of the root is a round of the engine's own market, taxed by the engine's own tax."""
    bits = random_bits(200, 7)
    counts, contexts, opinions = np.full(2, 0.5), np.full((2, 2), 0.5), []
    for i, bit in enumerate(bits):
        own = contexts[bits[i - 1] if i else 0]
        opinions.append([counts[1] / counts.sum(), own[1] / own.sum()])
        counts[bit] += 1
        own[bit] += 1
    market = gm.Market([1, 1], grue=gm.GrueTax(INVERSE))
    losses = market.run(np.array(opinions), bits).loss_bits
    np.testing.assert_allclose(-np.log2(tree(1, schedule=INVERSE).read(bits)[:, 0]), losses, rtol=1e-11)


def test_landmarks_replace_the_hazard_of_a_visit():
    tax = gm.GrueTax(gm.schedules.constant(0.0), landmarks={2: 1.0})
    bits = [0, 1, 1, 0]
    read = tree(1, grue=tax).read(array(bits))
    assert math.prod(read[:, 0]) == pytest.approx(oracle.switching(bits, 1, [0, 0, 0.5, 0]), rel=1e-12)


# --- Bytes


@pytest.mark.parametrize("schedule", ("weighting", "inverse"))
def test_bytes_sum_to_one_and_are_what_reading_pays(schedule):
    voice = tree(30, factored=True, schedule=SCHEDULES[schedule])
    for byte in ENGLISH[:60]:
        forecast = voice.byte_forecast()
        assert forecast.shape == (256,)
        assert forecast.sum() == pytest.approx(1, abs=1e-13)
        assert math.prod(voice.read(bits_of(bytes([byte])))[:, 0]) == pytest.approx(forecast[byte], rel=1e-13)


def test_code_lengths():
    lengths = [tree(48, factored=True).bits(data) for data in (b"", b"a", ENGLISH, os.urandom(20_000))]
    assert lengths[:2] == [0.0, 8.0]
    assert lengths[2] < 3 * len(ENGLISH)
    assert lengths[3] > 8 * 20_000
    one, two = tree(48, factored=True, schedule=INVERSE), tree(48, factored=True, schedule=INVERSE)
    whole = one.bits(ENGLISH)
    assert two.bits(ENGLISH[:101]) + two.bits(ENGLISH[101:]) == pytest.approx(whole, rel=1e-13)
    assert -np.log2(tree(48, factored=True, schedule=INVERSE).read(bits_of(ENGLISH))).sum() == pytest.approx(whole)
    assert one.bits(ENGLISH) < whole / 3


# --- Manners of a family


def test_one_by_one_is_the_same_to_the_bit():
    bits = bits_of(ENGLISH[:80])
    batch, single = (tree(30, factored=True, schedule=INVERSE) for _ in range(2))
    seen = []
    for bit in bits:
        forecast = single.forecast()
        assert forecast.shape == (2, 1)
        assert forecast.sum() == pytest.approx(1, abs=1e-14)
        assert single.forecast().tobytes() == forecast.tobytes()
        seen.append(forecast[bit, 0])
        single.observe(int(bit))
    assert batch.read(bits).tobytes() == np.array(seen).tobytes()
    silent = tree(30, factored=True, schedule=INVERSE)
    for bit in bits:
        silent.observe(int(bit))
    assert silent.byte_forecast().tobytes() == batch.byte_forecast().tobytes()
    assert (silent.traders, silent.memory_bytes) == (batch.traders, batch.memory_bytes)


def test_bits_of_either_type():
    bits = bits_of(ENGLISH)
    narrow, wide = tree(48, factored=True).read(bits), tree(48, factored=True).read(bits.astype(np.uint32))
    assert narrow.tobytes() == wide.tobytes()
    assert tree(48).read(bits[::2]).tobytes() == tree(48).read(bits[::2].copy()).tobytes()
    assert tree(48).read(array([])).shape == (0, 1)


def test_frozen_means_frozen(tmp_path):
    voice = tree(30, factored=True, schedule=INVERSE)
    voice.bits(ENGLISH)
    voice.begin_episode()
    voice.save(tmp_path / "before")
    assert not voice.frozen
    voice.freeze()
    assert voice.frozen
    first = voice.bits(b"the cat sat in a tree")
    voice.begin_episode()
    assert voice.bits(b"the cat sat in a tree") == first
    voice.begin_episode()
    voice.freeze(frozen=False)
    voice.save(tmp_path / "after")
    (before, arrays), (after, same) = (parts(tmp_path / name) for name in ("before", "after"))
    assert (after, same) == (before, arrays)


def test_forks_go_their_own_ways():
    voice = tree(30, factored=True, schedule=INVERSE)
    voice.bits(ENGLISH[:101])
    fork, twin = voice.fork(), voice.fork()
    assert fork.bits(b"something else") == twin.bits(b"something else")
    assert fork.byte_forecast().tobytes() == twin.byte_forecast().tobytes()
    assert voice.bits(ENGLISH[101:]) == pytest.approx(tree(30, factored=True, schedule=INVERSE).bits(ENGLISH), rel=0.5)
    assert voice.byte_forecast().tobytes() != twin.byte_forecast().tobytes()


def test_an_episode_begins_without_context():
    voice = tree(16)
    voice.begin_episode()
    assert voice.awake == 0
    voice.read(text("1"))
    voice.begin_episode()
    assert voice.awake == 17
    voice.read(text("1"))
    assert voice.awake == 1
    assert voice.traders == 17


def test_no_look_ahead():
    noise = np.random.default_rng(3).bytes(30_000)
    for schedule in (None, INVERSE):
        assert tree(48, factored=True, schedule=schedule).bits(noise) >= 8 * len(noise) * 0.999


# --- Memory


def test_memory_is_never_exceeded():
    data = np.random.default_rng(1).bytes(4_000)
    voice = tree(48, factored=True, memory_mib=0.25, schedule=INVERSE)
    free = tree(48, factored=True, schedule=INVERSE)
    voice.bits(data)
    free.bits(data)
    assert free.memory_bytes > 2**19
    assert voice.memory_bytes < 2**18 + 2**14
    full = voice.traders
    voice.begin_episode()
    before = voice.bits(ENGLISH)
    assert voice.traders == full
    voice.begin_episode()
    assert voice.bits(ENGLISH) < before
    assert voice.byte_forecast().sum() == pytest.approx(1, abs=1e-13)


def test_full_trees_still_learn_what_they_have_nodes_for():
    voice = tree(48, factored=True, memory_mib=0.02)
    assert voice.bits(ENGLISH * 4) < 4 * 4 * len(ENGLISH)


# --- Files


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_loaded_tree_goes_on_with_the_same_bits(tmp_path, schedule):
    voice = tree(30, factored=True, a=1 / 16, leaf_bits=4.0, schedule=SCHEDULES[schedule], memory_mib=0.1)
    for stop in (0, 3, 400):
        voice.read(bits_of(ENGLISH)[:stop])
        voice.freeze(frozen=stop == 3)
        voice.save(tmp_path / "tree")
        twin = _core.ContextTree.load(tmp_path / "tree")
        assert [path.name for path in tmp_path.iterdir()] == ["tree"]
        assert (twin.frozen, twin.traders, twin.awake) == (voice.frozen, voice.traders, voice.awake)
        assert twin.config == voice.config
        voice.freeze(frozen=False)
        twin.freeze(frozen=False)
        bits = bits_of(ENGLISH)[stop : stop + 200]
        assert twin.fork().read(bits).tobytes() == voice.read(bits).tobytes()


@pytest.fixture
def file(tmp_path):
    voice = tree(12, schedule=INVERSE)
    voice.read(random_bits(300, 1))
    voice.save(tmp_path / "tree")
    return tmp_path / "tree"


def assert_refused(path, words):
    with pytest.raises(gm.CheckpointError, match=words) as refused:
        _core.ContextTree.load(path)
    assert str(path) in str(refused.value)


def test_a_damaged_file_is_refused(file):
    data = file.read_bytes()
    draw = random.Random(1)  # noqa: S311 # nothing secret
    for place in [*range(10), *draw.sample(range(len(data)), 40)]:
        file.write_bytes(data[:place])
        assert_refused(file, "truncated or damaged")
        flipped = bytearray(data)
        flipped[place] ^= 1 << draw.randrange(8)
        file.write_bytes(flipped)
        with pytest.raises(gm.CheckpointError):
            _core.ContextTree.load(file)


def test_other_files_are_refused(file, tmp_path):
    data, (header, arrays) = file.read_bytes(), parts(file)
    kind = "gruemarket ContextTree"
    assert header["__metadata__"].keys() == {kind, "blake3"}
    header["__metadata__"][kind] = header["__metadata__"][kind].replace('"format":1', '"format":2')
    newer = json.dumps(header).encode()
    file.write_bytes(len(newer).to_bytes(8, "little") + newer + arrays)
    assert_refused(file, "newer than this gruemarket")
    gm.Market([1, 1]).save(tmp_path / "market")
    assert_refused(tmp_path / "market", "not a gruemarket ContextTree checkpoint")
    file.write_bytes(data)
    with pytest.raises(gm.CheckpointError, match="not a gruemarket checkpoint"):
        gm.Market.load(file)
    with pytest.raises(FileNotFoundError):
        _core.ContextTree.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        tree(3).save(tmp_path / "no folder" / "tree")


def test_config():
    assert tree(30, factored=True, a=1 / 16, leaf_bits=4.0, schedule=INVERSE, memory_mib=1.5).config == {
        "depth": 30,
        "factored": True,
        "estimator": 1 / 16,
        "leaf_bits": 4.0,
        "taxed": True,
        "memory_mib": 1.5,
    }


# --- Bad input


@pytest.mark.parametrize(
    ("given", "words"),
    (
        ({"depth": 65}, "depth 65 bits; give 0 to 64"),
        ({"a": 0.0}, "estimator 0; give a finite number > 0"),
        ({"a": math.nan}, "estimator NaN"),
        ({"a": math.inf}, "estimator inf"),
        ({"leaf_bits": 0.0}, "leaf_bits 0; give"),
        ({"leaf_bits": math.nan}, "leaf_bits NaN; give"),
        ({"leaf_bits": 65.0}, "leaf_bits 65; give"),
        ({"memory_mib": 0.0}, "memory_mib 0; give"),
        ({"memory_mib": math.nan}, "memory_mib NaN; give"),
        ({"memory_mib": 0.001}, "a path of depth 48 alone takes"),
    ),
)
def test_settings_out_of_range(given, words):
    with pytest.raises(gm.InputError, match=words):
        tree(**{"depth": 48, **given})


@pytest.mark.parametrize(
    "given",
    (
        {"kernel": "within groups"},
        {"kernel": ([0, 1, 2], [1, 0], [1, 1])},
        {"unit": "episode"},
        {"landmarks": {"rl": 1}},
    ),
)
def test_taxes_that_do_not_fit_in_a_node(given):
    with pytest.raises(gm.InputError, match="counts each node's visits"):
        tree(3, grue=gm.GrueTax(INVERSE, **given))


def test_outcomes_that_are_no_bits_move_nothing():
    voice = tree(30, factored=True)
    voice.bits(ENGLISH)
    before = voice.byte_forecast()
    for call in (lambda: voice.observe(2), lambda: voice.read(array([0, 1, 2]))):
        with pytest.raises(gm.InputError, match="outcome 2; a family of 2 outcomes knows 0 to 1"):
            call()
    assert voice.byte_forecast().tobytes() == before.tobytes()
    with pytest.raises(OverflowError):
        voice.observe(-1)


def test_bytes_are_forecast_where_one_begins():
    voice = tree(30, factored=True)
    voice.observe(1)
    with pytest.raises(gm.InputError, match="1 bits into a byte"):
        voice.byte_forecast()
    with pytest.raises(gm.InputError, match="factored=True"):
        tree(30).byte_forecast()


def test_a_schedule_that_ends_moves_nothing():
    short = gm.schedules.hazard([math.inf, 1.0, 2.0])
    for factored, enough in ((False, 3), (True, 24)):
        voice = tree(4, factored=factored, schedule=short)
        with pytest.raises(gm.InputError, match="3 entries, but index 3 is reached"):
            voice.read(array([0] * (enough + 1)))
        assert voice.traders == 0
        voice.read(array([0] * enough))
        with pytest.raises(gm.InputError, match="3 entries, but index 3 is reached"):
            voice.observe(0)
        with pytest.raises(gm.InputError, match="3 entries, but index 3 is reached"):
            voice.forecast()


# --- Threads and signals


def test_ctrl_c_stops_a_long_read():
    voice, data = tree(48, factored=True), np.random.default_rng(1).bytes(8_000_000)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    start = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        voice.bits(data)
    assert time.monotonic() - start < 5
    assert voice.traders > 0


def test_threads_wait_for_each_other():
    voice, data = tree(48, factored=True), np.random.default_rng(2).bytes(50_000)
    reader = threading.Thread(target=voice.bits, args=(data,))
    reader.start()
    while reader.is_alive():
        assert voice.forecast().sum() == pytest.approx(1)
        assert voice.traders >= 0
    reader.join()
    assert voice.traders > len(data)
