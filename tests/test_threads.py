"""Threads change nothing but the time: the same bits for any number, forks live, Ctrl-C stops at a settled round."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gruemarket as gm
import numpy as np
import pytest
import witness

TRADERS = 50_000  # seven tiles
CONTEXT = "fork" if sys.platform != "win32" else "spawn"


@pytest.fixture(autouse=True)
def threads_as_before():
    before = gm.threads()
    yield
    gm.set_threads(before)


def shown(market):
    """As `witness.seen`, as arrays: lists of so many traders are slow."""
    origins = market.provenance().drop("name", "group")
    history = [market.definitions().rows()] if market._core.unit == "episode" else []
    arrays = [market.wealth, market.log2_wealth, *(origins[name].to_numpy() for name in origins.columns)]
    return [array.tobytes() for array in arrays], market.reserve, market.ledger().rows(), history


# --- The same bits


@pytest.mark.parametrize("dtype", ("f64", "f32"))
@pytest.mark.parametrize("kernel", witness.KERNELS)
@pytest.mark.parametrize("unit", ("round", "episode"))
def test_any_number_of_threads_gives_the_same_bits(kernel, unit, dtype):
    if kernel == "untaxed" and unit == "episode":
        unit = "round"
    groups = np.arange(TRADERS) * 7919 % 600  # so many that three tiles share an array of sums
    late = np.where(np.arange(TRADERS) % 11 == 0, 3, 0)
    start = witness.market(
        kernel,
        TRADERS,
        unit=unit,
        dtype=dtype,
        groups=groups,
        names=None,
        enters_at=late,
        definitions=unit == "episode",
    )
    modes = [mode for mode in witness.MODES if mode not in ("blocks", "settle")]
    told = {}
    for count in (1, 2, 64):
        gm.set_threads(count)
        market, tale = start.virgin(), []
        for seed, mode in enumerate(modes):
            run = witness.play(market, mode, seed=seed, rounds=3, stage=f"stage {seed // 4}")
            tale += [run.prices.tobytes(), run.loss_bits.tobytes(), run.regret_bits.tobytes()]
        told[count] = tale, shown(market)
    assert told[1] == told[2] == told[64]


def test_threads_are_counted():
    gm.set_threads(3)
    assert gm.threads() == 3
    with pytest.raises(gm.InputError, match="0 threads; give 1 or more"):
        gm.set_threads(0)
    assert gm.threads() == 3


# --- Forks


def play_in_child(market, queue):
    witness.play(market, "full", seed=5)
    queue.put(market.log2_wealth.tobytes())  # no frame: Polars itself does not live through a fork


@pytest.mark.skipif(CONTEXT != "fork", reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    gm.set_threads(4)
    market = witness.market("anything", 20_000, names=None)
    witness.play(market, "full", seed=4)  # the parent's workers are up
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=play_in_child, args=(market, queue), daemon=True) for _ in range(3)]
    for child in children:
        child.start()
    answers = [queue.get(timeout=30) for _ in children]
    for child in children:
        child.join(timeout=30)
        assert child.exitcode == 0
    witness.play(market, "full", seed=5)
    assert answers == [market.log2_wealth.tobytes()] * 3


# --- Python's threads


def test_a_second_thread_is_told_that_the_market_is_in_use():
    likelihoods = np.full((100_000, 200), 0.5)
    start = witness.market("anything", 200)
    market, alone = start.virgin(), start.virgin()
    told = ""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(market.run, likelihoods=likelihoods)
        while not (told or call.done()):
            try:
                market.state_bytes  # noqa: B018  the reading itself may fail
            except gm.MarketError as error:
                told = str(error)
        call.result()
    assert "one thread at a time" in told
    alone.run(likelihoods=likelihoods)
    assert witness.seen(market) == witness.seen(alone)


# --- Ctrl-C

STOPPED = """
import gruemarket as gm, numpy as np, time, witness
rng = np.random.default_rng(1)
{story}
market = start()
before = witness.seen(market)
print("ready", flush=True)
try:
    play(market, None)
except KeyboardInterrupt:
    print("stopped", flush=True)
else:
    raise SystemExit("it was not stopped: make it longer")
rounds = market.rounds
close = 1e-9 if market._core.dtype == "f64" else 1e-3
assert abs(market.wealth.sum() + market.reserve - 1) < close
net = {{}}
for source, target, amount in market.ledger().select("from", "to", "amount").iter_rows():
    net[source] = net.get(source, 0) - amount
    net[target] = net.get(target, 0) + amount
assert all(abs(x) < close for x in (sum(net.values()), net.get("market", 0), net.get("tax", 0))), net
if {whole}:
    assert witness.seen(market) == before
else:
    assert rounds < T, rounds
    if not rounds and witness.seen(market) == before:  # stopped before anything began
        print("consistent after 0", flush=True)
        raise SystemExit
    twin = start()
    play(twin, slice(0, rounds))
    assert witness.seen(twin) == witness.seen(market)
    after = slice(rounds, min(rounds + 50, T))
    ours, theirs = (play(m, after, new_episode=False) for m in (market, twin))
    assert ours.prices.tobytes() == theirs.prices.tobytes()
    assert witness.seen(twin) == witness.seen(market)
print("consistent after", rounds, flush=True)
"""

DENSE = """
T, N = 300_000, 200
l = 0.1 + 0.9 * rng.random((T, N), dtype=np.float32)
def start():
    return witness.market({kernel!r}, N, definitions={definitions}, dtype={dtype!r})
def play(market, rounds, **place):
    return market.run(likelihoods=l if rounds is None else l[rounds], stakes=np.full(N, 0.5), **place)
"""
STORIES = {
    "taxed, definitions": (DENSE.format(kernel="csr", definitions=True, dtype="f64"), False),
    "taxed within groups, f32": (DENSE.format(kernel="within groups", definitions=True, dtype="f32"), False),
    "two traders, very many rounds": (
        """
T, N = 60_000_000, 2
l = np.full((T, N), 0.5, dtype=np.float32)
def start():
    return witness.market("untaxed", N)
def play(market, rounds, **place):
    return market.run(likelihoods=l if rounds is None else l[rounds], **place)
""",
        False,
    ),
    "sparse": (
        """
T, N = 10_000_000, 1000
who = rng.integers(N, size=T)
one = 0.1 + 0.8 * rng.random(T)
x = rng.integers(2, size=T)
def start():
    return witness.market("anything", N)
def play(market, rounds, **place):
    rounds = slice(0, T) if rounds is None else rounds
    who_then = who[rounds]
    return market.run(gm.SparseRounds(np.arange(len(who_then) + 1), who_then, one[rounds]), x[rounds], **place)
""",
        False,
    ),
    "batch": (
        DENSE.format(kernel="csr", definitions=False, dtype="f64")
        + """
def play(market, rounds, **place):
    return market.run_batch([l[:T // 2], l[T // 2:]])
""",
        True,
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("story", STORIES)
def test_ctrl_c_stops_a_long_call_at_a_settled_round(story):
    text, whole = STORIES[story]
    script = STOPPED.format(story=textwrap.dedent(text), whole=whole)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    for delay in (0.2, 1, 5):  # a busy machine may not have settled a round, or not answer in time: ask again, later
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as child:
            assert child.stdout.readline() == "ready\n", child.stderr.read()
            time.sleep(delay)
            asked = time.monotonic()
            child.send_signal(signal.SIGINT)
            answer = child.stdout.readline()
            waited = time.monotonic() - asked
            assert answer == "stopped\n", child.stderr.read()
            rest, errors = child.communicate(timeout=120)
        assert rest.startswith("consistent after"), errors
        assert child.returncode == 0
        if waited < 1 and (whole or rest != "consistent after 0\n"):
            return
    pytest.fail(f"{rest.strip()} rounds; it took {waited:.1f} s to stop")


def test_a_signal_that_raises_nothing_stops_nothing():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    try:
        market = witness.market("csr", 2000)
        likelihoods = np.full((2000, 2000), 0.5)
        os.kill(os.getpid(), signal.SIGINT)
        market.run(likelihoods=likelihoods)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard
    assert market.rounds == 2000
