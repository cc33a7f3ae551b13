"""Checkpoints: a run goes on with the same bits, a damaged file is refused, and the old one survives."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import gruemarket as gm
import numpy as np
import pytest
import witness


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def lived(kernel="csr", *, dtype="f64", unit="episode", traders=12, definitions=True, **given):
    """A market with everything: groups, names, late entrants, stages, provenance, definitions, a lazy sparse state."""
    late = np.where(np.arange(traders) % 4 == 3, 2, 0)
    market = witness.market(kernel, traders, unit=unit, dtype=dtype, enters_at=late, definitions=definitions, **given)
    witness.play(market, "full", seed=1)
    witness.play(market, "stakes", seed=2, stage="second")
    if not (definitions and unit == "round"):
        witness.play(market, "batch", seed=3, stage="third")
    witness.play(market, "sparse", seed=4, stage="second")
    return market


def reload(market, folder):
    market.save(folder / "market")
    assert names_in(folder) == ["market"]
    return gm.Market.load(folder / "market")


# --- Round trips


@pytest.mark.parametrize("definitions", (True, False))
@pytest.mark.parametrize("dtype", ("f64", "f32"))
@pytest.mark.parametrize("unit", ("round", "episode", "batch", "stage"))
@pytest.mark.parametrize("kernel", witness.KERNELS)
def test_a_loaded_market_goes_on_with_the_same_bits(tmp_path, kernel, unit, dtype, definitions):
    market = lived(kernel, unit=unit, dtype=dtype, definitions=definitions)
    twin = reload(market, tmp_path)
    assert witness.seen(twin) == witness.seen(market)
    assert repr(twin) == repr(market)
    for seed, mode in enumerate(witness.MODES):
        if mode == "batch" and definitions and unit == "round":
            continue
        place = {"stage": f"later {seed % 3}", "new_episode": mode == "batch" or seed % 2 == 0}
        runs = [witness.play(m, mode, seed=seed, **place) for m in (market, twin)]
        assert runs[0].prices.tobytes() == runs[1].prices.tobytes()
        assert runs[0].regret_bits.tobytes() == runs[1].regret_bits.tobytes()
        twin = reload(twin, tmp_path)
    assert witness.seen(twin) == witness.seen(market)
    assert witness.seen(twin.virgin()) == witness.seen(market.virgin())


@pytest.mark.parametrize("when", ("never played", "in the middle of an episode", "drained", "with other cash"))
def test_a_market_can_be_saved_at_any_time(tmp_path, when):
    market = witness.market("within groups", unit="round")
    if when == "in the middle of an episode":
        witness.play(market, "full", seed=1)
    if when == "drained":
        market.run(likelihoods=np.tile([1.0, *[0.25] * 5], (20_000, 1)))
    if when == "with other cash":
        witness.play(market, "full", seed=1)
        market = market.with_wealth(np.full(6, 0.125))
    twin = reload(market, tmp_path)
    runs = [witness.play(m, "stakes", seed=2, new_episode=False) for m in (market, twin)]
    assert runs[0].prices.tobytes() == runs[1].prices.tobytes()
    assert witness.seen(twin) == witness.seen(market)


def test_names_and_groups_of_any_letters(tmp_path):
    names = ['say "hi"', "", "Grün, 緑", "\\\n\0", "same", "same"]
    market = witness.market(names=names, groups=names)
    twin = reload(market, tmp_path)
    assert (twin.names, twin.groups) == (names, names)


def test_hazards_and_codes_are_kept_to_the_last_bit(tmp_path):
    for schedule in (gm.schedules.hazard([np.inf, 0.1, np.inf, 1e-3, 700.7]), gm.schedules.code([1.1, 2.3, 9.7])):
        market = witness.market(grue=gm.GrueTax(schedule, landmarks={3: 1 / 3, "second": 0.1}))
        witness.play(market, "full", seed=1, rounds=1)
        twin = reload(market, tmp_path)
        for m in (market, twin):
            witness.play(m, "full", seed=2, stage="second")
        assert witness.seen(twin) == witness.seen(market)


def test_the_file_is_a_safetensors_file(tmp_path):
    lived().save(tmp_path / "market")
    data = (tmp_path / "market").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header["__metadata__"].keys() == {"gruemarket", "blake3"}
    assert header["wealth.mantissas"]["dtype"] == "F64"
    assert header["wealth.mantissas"]["shape"] == [12]


# --- Damage


@pytest.fixture
def file(tmp_path):
    lived().save(tmp_path / "market")
    return tmp_path / "market"


def positions(length, count):
    """The first bytes, which hold lengths and names, and others all over."""
    draw = random.Random(length)  # noqa: S311 # nothing secret
    return [*range(10), *sorted(draw.sample(range(10, length), count - 10))]


def assert_refused(path, words):
    with pytest.raises(gm.CheckpointError, match=words) as refused:
        gm.Market.load(path)
    assert str(path) in str(refused.value)


def test_a_truncated_file_is_refused(file):
    data = file.read_bytes()
    for length in [*positions(len(data), 50), len(data) - 1]:
        file.write_bytes(data[:length])
        assert_refused(file, "truncated or damaged")
    file.write_bytes(data + b"\0")
    assert_refused(file, "truncated or damaged")


def test_a_flipped_bit_is_refused(file):
    data = file.read_bytes()
    header = int.from_bytes(data[:8], "little")
    for at in [*positions(header + 8, 60), *range(header + 8, len(data), len(data) // 60)]:
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        file.write_bytes(damaged)
        with pytest.raises(gm.CheckpointError):
            gm.Market.load(file)


def with_header(data, change):
    """The file with another gruemarket header, as a newer version might have written it."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def test_a_newer_format_is_refused(file):
    def newer(header):
        ours = json.loads(header["__metadata__"]["gruemarket"])
        header["__metadata__"]["gruemarket"] = json.dumps(ours | {"format": 99, "news": [1, 2]})

    file.write_bytes(with_header(file.read_bytes(), newer))
    assert_refused(file, "checkpoint format 99, newer than this gruemarket's 2; install a newer gruemarket")


def test_a_header_that_was_written_over_is_refused(file):
    def other(header):
        ours = json.loads(header["__metadata__"]["gruemarket"])
        header["__metadata__"]["gruemarket"] = json.dumps(ours | {"fraction": 0.5})

    file.write_bytes(with_header(file.read_bytes(), other))
    assert_refused(file, "damaged")


def test_another_safetensors_file_is_refused(file):
    file.write_bytes(with_header(file.read_bytes(), lambda header: header.pop("__metadata__")))
    assert_refused(file, "not a")
    file.write_bytes(with_header(file.read_bytes(), lambda header: header.update(__metadata__={"made by": "others"})))
    assert_refused(file, "a safetensors file, but not a gruemarket checkpoint")


@pytest.mark.parametrize(
    "data", (b"", b"\0" * 8, b"\0" * 100, b"\xff" * 100, b"not a market\n", b"\x02" + b"\0" * 7 + b"{}")
)
def test_what_is_no_checkpoint_is_refused(file, data):
    file.write_bytes(data)
    with pytest.raises(gm.CheckpointError):
        gm.Market.load(file)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        gm.Market.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        gm.Market.load(tmp_path / "nothing")
    with pytest.raises(TypeError):
        gm.Market.load(3)


# --- Saving that fails


def assert_survives(folder, market):
    assert names_in(folder) == ["market"]
    assert witness.seen(gm.Market.load(folder / "market")) == witness.seen(market)


def test_saving_where_no_file_can_stand(tmp_path, file):
    market = lived("anything")
    before = witness.seen(market)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        market.save(folder)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        market.save(tmp_path / "nowhere" / "market")
    with pytest.raises(OSError, match="market"):
        market.save(file / "market")
    assert witness.seen(market) == before
    assert names_in(tmp_path) == ["folder", "market"]
    assert names_in(folder) == []
    folder.rmdir()
    assert_survives(tmp_path, lived())


def run_python(script, folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_saving_into_a_folder_that_cannot_be_written(tmp_path, file):
    if os.name != "posix":
        pytest.skip("rights are of another kind here")
    script = """
        import os, sys, gruemarket as gm
        if os.getuid() == 0:
            os.setgid(65534), os.setuid(65534)  # root may write everywhere
        market = gm.Market([1, 1])
        try:
            market.save(sys.argv[1] + "/market")
        except PermissionError as error:
            assert "market" in str(error)
        else:
            sys.exit("it was saved")
    """
    del file
    outside = tmp_path
    while outside != outside.parent and os.getuid() == 0:  # let the other user come as far as this folder
        outside.chmod(outside.stat().st_mode | 0o011)
        outside = outside.parent
    tmp_path.chmod(0o555)
    try:
        done = run_python(script, tmp_path)
    finally:
        tmp_path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert_survives(tmp_path, lived())


@pytest.mark.skipif(os.name != "posix", reason="Windows has no limits of this kind")
@pytest.mark.parametrize("room", (0, 1, 100, 4096, 30_000, 79_000))
def test_a_full_disk_leaves_the_old_file(tmp_path, file, room):
    script = """
        import errno, resource, signal, sys, gruemarket as gm, numpy as np
        market = gm.Market(prior=np.full(10_000, 1e-4))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
        try:
            market.save(sys.argv[1] + "/market")
        except OSError as error:
            assert error.errno == errno.EFBIG or "large" in str(error), repr(error)
            assert "market" in str(error), repr(error)
        else:
            sys.exit("it was saved")
        market.run(likelihoods=np.full((1, 10_000), 0.5))  # and goes on
    """
    done = run_python(script, tmp_path, room)
    assert done.returncode == 0, done.stderr
    assert file.exists()
    assert_survives(tmp_path, lived())


def test_errors_of_the_system_keep_their_number(tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        gm.Market.load(tmp_path / "nothing")
    assert missing.value.errno == errno.ENOENT


# --- Killed at any moment

STEPS = 40
KILLED = f"""
import os, sys, gruemarket as gm, witness
path = sys.argv[1] + "/market"
modes = [mode for mode in witness.MODES if mode != "blocks"]
if os.path.exists(path):
    market = gm.Market.load(path)
else:
    market = witness.market("anything", 60_000, names=None, unit="episode", definitions=True)
print("running", flush=True)
while market.episodes < {STEPS}:
    step = market.episodes
    # an episode more, or three in a batch; stages come and go
    witness.play(market, modes[step % len(modes)], seed=step, rounds=3, stage=f"stage {{step // 9 % 3}}")
    market.save(path)
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Of a run that was killed and continued, and of one that was not."""
    draw = random.Random(5)  # noqa: S311 # nothing secret
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    cut, whole = (tmp_path_factory.mktemp(name) for name in ("cut", "whole"))
    assert run_python(KILLED, whole).stdout == "running\ndone\n"
    kills = 0
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(cut)], stdout=subprocess.PIPE, env=environment, text=True
        ) as child:
            assert child.stdout.readline() == "running\n"
            time.sleep(draw.uniform(0, 0.12))
            child.send_signal(signal.SIGKILL)
        kills += child.returncode == -signal.SIGKILL
    last = run_python(KILLED, cut)
    assert last.stdout == "running\ndone\n", last.stderr
    assert kills >= 3
    return cut, whole


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_a_run_that_is_killed_and_continued_gives_the_same_bits(folders):
    ours, theirs = (gm.Market.load(folder / "market") for folder in folders)
    assert ours.episodes == theirs.episodes >= STEPS
    for name in ("wealth", "log2_wealth"):
        assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes()
    for frame in ("ledger", "provenance", "definitions"):
        assert getattr(ours, frame)().equals(getattr(theirs, frame)())


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_what_killed_runs_had_begun_to_write_is_cleared_up_by_those_that_follow(folders):
    assert names_in(folders[0]) == ["market"]
