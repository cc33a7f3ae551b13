"""Run directories: one run each, one process at a time, and snapshots that a killed process cannot spoil."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import gruemarket as gm
import pytest
from gruemarket import rundir
from gruemarket.rundir import RunDirectory
from story import story

CONFIG = {"stages": [{"kind": "Pretrain", "batch": 16}, {"kind": "FineTune", "examples": 200}], "grue": None}
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has other rights, limits and signals")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def write(number):
    return lambda place: (place / "state").write_text(str(number))


def state(run):
    place = run.latest()
    return None if place is None else int((place / "state").read_text())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "demo"


# --- Manifest


def test_the_manifest_says_what_made_the_run(path):
    with RunDirectory(path, CONFIG, seeds=[1, 2]) as run:
        manifest = json.loads((path / "manifest.json").read_text())
        assert run.manifest == manifest == rundir.read_manifest(path)
    assert (manifest["config"], manifest["seeds"], manifest["status"]) == (CONFIG, [1, 2], "running")
    assert manifest["gruemarket"] == gm.build_info()
    assert {"python", "numpy", "polars", "platform", "git", "created", "finished", "resumed"} <= manifest.keys()
    assert names_in(path) == [".lock", "manifest.json"]
    assert repr(run) == f"RunDirectory({str(path)!r}, running)"


def test_the_git_commit_is_that_of_the_working_directory(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rundir.git_commit() is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S607
    assert rundir.git_commit() == {"commit": head, "changed": False}
    monkeypatch.setenv("PATH", "")
    assert rundir.git_commit() is None
    with RunDirectory(path, CONFIG) as run:
        assert run.manifest["git"] is None


def test_the_same_config_continues_and_is_written_down(path):
    with RunDirectory(path, CONFIG, seeds=[1]) as run:
        created = run.manifest["created"]
    with RunDirectory(path, CONFIG, seeds=(1,)) as run:
        assert not run.finished
        assert run.manifest["created"] == created
        assert len(run.manifest["resumed"]) == 1
        assert run.manifest["resumed"][0]["gruemarket"] == gm.build_info()


def test_a_finished_run_gives_its_result(path):
    history = story(1)
    with RunDirectory(path, CONFIG) as run:
        run.snapshot(write(3))
        with pytest.raises(gm.InputError, match="not finished"):
            run.history()
        run.finish(history)
    before = (path / "manifest.json").read_bytes()
    with RunDirectory(path, CONFIG) as run:
        assert run.finished
        assert run.manifest["finished"] >= run.manifest["created"]
        assert run.history().wealth.equals(history.wealth)
        assert state(run) == 3
    assert (path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("config", "seeds", "line"),
    (
        (CONFIG | {"grue": 0.5}, [1], "grue: None there, 0.5 given"),
        (CONFIG | {"more": True}, [1], "more: nothing there, True given"),
        ({"stages": CONFIG["stages"]}, [1], "grue: None there, nothing given"),
        (CONFIG | {"stages": CONFIG["stages"][:1]}, [1], r"stages\[1\]: .* there, nothing given"),
        (CONFIG | {"stages": [CONFIG["stages"][0] | {"batch": 8}]}, [1], r"stages\[0\]\.batch: 16 there, 8 given"),
        (CONFIG, [2], r"seeds\[0\]: 1 there, 2 given"),
    ),
)
def test_another_config_is_refused_with_what_differs(path, config, seeds, line):
    with RunDirectory(path, CONFIG, seeds=[1]) as run:
        run.snapshot(write(3))
    before = (path / "manifest.json").read_bytes()
    with pytest.raises(gm.InputError, match=f"is the run of another config:\n(.*\n)*  {line}\n(.*\n)*give that"):
        RunDirectory(path, config, seeds=seeds)
    assert (path / "manifest.json").read_bytes() == before
    with RunDirectory(path, CONFIG, seeds=[1]) as run:  # and nobody holds the lock
        assert state(run) == 3


def test_numbers_are_compared_by_value_and_truths_are_not_numbers():
    assert rundir.differences({"a": 1, "b": 2.0}, {"a": 1.0, "b": 2}) == []
    assert rundir.differences({"a": True}, {"a": 1}) == ["a: True there, 1 given"]


def test_a_config_that_is_no_data_is_refused(path):
    with pytest.raises(gm.InputError, match=r"config\.stages\[0\]\.reward: function is not plain data"):
        RunDirectory(path, {"stages": [{"reward": lambda texts: texts}]})
    assert not path.exists()


def test_infinities_paths_and_odd_names_are_kept(path):
    config = {"tax_bits": float("inf"), "path": Path("a") / "b", "na\udce4me": "\u2028ä", "pair": (1, 2.5)}
    for _ in range(2):
        with RunDirectory(path, config) as run:
            assert run.manifest["config"]["tax_bits"] == "inf"


# --- Directories that are not ours


def test_a_directory_of_other_files_is_refused_and_left_alone(path):
    path.mkdir(parents=True)
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (path / name).touch()
    with pytest.raises(gm.InputError, match=r"holds other files \(a.txt, b.txt, c.txt and 1 more\); give a new"):
        RunDirectory(path, CONFIG)
    assert names_in(path) == ["a.txt", "b.txt", "c.txt", "d.txt"]


def test_an_empty_directory_and_a_note_beside_a_run_are_welcome(path):
    path.mkdir(parents=True)
    (path / ".lock").touch()  # as a process leaves it that was killed at once
    RunDirectory(path, CONFIG).close()
    (path / "note.txt").touch()
    RunDirectory(path, CONFIG).close()


def test_a_file_is_no_directory(path):
    path.parent.mkdir()
    path.touch()
    with pytest.raises(gm.InputError, match="demo is a file; give the name of a directory"):
        RunDirectory(path, CONFIG)
    with pytest.raises(NotADirectoryError, match="give another directory"):
        RunDirectory(path / "below", CONFIG)


@pytest.mark.parametrize("text", ("", "{", "[]", "{}", '{"name": "of a web page"}', "\xff"))
def test_another_manifest_is_refused(path, text):
    path.mkdir(parents=True)
    (path / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(gm.CheckpointError, match=r"manifest\.json is not the manifest of a run, or is damaged"):
        RunDirectory(path, CONFIG)


def test_a_newer_manifest_is_refused(path):
    with RunDirectory(path, CONFIG) as run:
        newer = run.manifest | {"format": 2}
    (path / "manifest.json").write_text(json.dumps(newer))
    with pytest.raises(gm.CheckpointError, match="format 2, this gruemarket knows 1; install a newer"):
        RunDirectory(path, CONFIG)


# --- Snapshots


def test_the_newest_snapshot_replaces_the_one_before(path):
    with RunDirectory(path, CONFIG) as run:
        assert run.latest() is None
        for number in range(3):
            place = run.snapshot(write(number))
            assert (place, state(run)) == (path / "checkpoint" / f"{number:06}", number)
            assert names_in(path / "checkpoint") == [f"{number:06}"]
            assert rundir.latest(path) == place


def test_a_snapshot_that_fails_leaves_the_one_before(path):
    def fails(place):
        write(2)(place)
        raise RuntimeError("no")

    with RunDirectory(path, CONFIG) as run:
        run.snapshot(write(1))
        with pytest.raises(RuntimeError):
            run.snapshot(fails)
        assert state(run) == 1
        assert names_in(path / "checkpoint") == ["000000"]
        run.snapshot(write(3))
        assert state(run) == 3


def test_a_snapshot_that_is_not_whole_is_passed_over(path):
    with RunDirectory(path, CONFIG) as run:
        run.snapshot(write(1))
        kept = path / "checkpoint" / "000000"
        shutil.copytree(kept, path / "kept")
        newer = run.snapshot(lambda place: [write(22)(place), (place / "sub").mkdir(), write(5)(place / "sub")])
        (path / "kept").rename(kept)
        (path / "checkpoint" / "000007.partial").mkdir()
        assert state(run) == 22
        (newer / "sub" / "state").write_text("")
        assert state(run) == 1
        (newer / "sub" / "state").unlink()
        assert state(run) == 1
        (kept / "snapshot.json").unlink()
        assert run.latest() is None
        run.snapshot(write(9))
        assert len(names_in(path / "checkpoint")) == 1
        assert state(run) == 9


# --- Locks, rights, room


def run_python(script, *arguments):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_two_processes_do_not_write_the_same_run(path):
    script = """
        import sys
        from gruemarket.rundir import RunDirectory
        RunDirectory(sys.argv[1], {})
    """
    with RunDirectory(path, {}):
        done = run_python(script, path)
        assert f"is in use: process {os.getpid()} works on this run; wait for it, or give" in done.stderr
        with pytest.raises(gm.InputError, match="is in use"):
            RunDirectory(path, {})
    done = run_python(script, path)
    assert done.returncode == 0, done.stderr


@posix
def test_a_directory_that_cannot_be_written(tmp_path):
    script = """
        import os, sys
        from gruemarket.rundir import RunDirectory
        if os.getuid() == 0:
            os.setgid(65534), os.setuid(65534)  # root may write everywhere
        for name in (sys.argv[1], sys.argv[1] + "/new"):
            try:
                RunDirectory(name, {})
            except PermissionError as error:
                assert "cannot be written: free some space, or give another directory" in str(error), error
            else:
                sys.exit("it was opened")
    """
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
    assert names_in(tmp_path) == []


@posix
def test_a_full_disk_loses_nothing(path):
    with RunDirectory(path, CONFIG) as run:
        run.snapshot(write(1))
    script = """
        import errno, json, resource, signal, sys
        from gruemarket.rundir import RunDirectory
        from story import story
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        run = RunDirectory(sys.argv[1], json.loads(sys.argv[2]))
        history = story(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
        for act in (lambda: run.snapshot(lambda place: (place / "state").write_text("2" * 4000)),
                    lambda: run.finish(history)):
            try:
                act()
            except OSError as error:
                assert error.errno == errno.EFBIG, repr(error)
                assert "free some space" in str(error), error
            else:
                sys.exit("it was written")
        print((run.latest() / "state").read_text(), run.finished)
    """
    done = run_python(script, path, json.dumps(CONFIG))
    assert (done.stdout, done.returncode) == ("1 False\n", 0), done.stderr
    with RunDirectory(path, CONFIG) as run:
        assert (state(run), run.finished) == (1, False)
        assert names_in(path / "checkpoint") == ["000000"]


def test_errors_of_the_system_keep_their_number_and_file(path):
    with RunDirectory(path, CONFIG) as run:

        def full(place):
            raise OSError(errno.ENOSPC, "No space left on device", str(place / "state"))

        with pytest.raises(OSError, match="No space left on device; the run directory") as error:
            run.snapshot(full)
    assert error.value.errno == errno.ENOSPC
    assert error.value.filename.endswith("state")


# --- Killed at any moment

STEPS = 60
KILLED = f"""
import sys
from gruemarket.rundir import RunDirectory

def write(place):
    for name in ("a", "b", "c"):
        (place / name).write_text(str(step) * 2000)

with RunDirectory(sys.argv[1], {{}}) as run:
    place = run.latest()
    step = 0 if place is None else int((place / "a").read_text()[:len((place / "a").read_text()) // 2000])
    for name in ("b", "c"):
        assert place is None or (place / name).read_bytes() == (place / "a").read_bytes()
    print(step, flush=True)
    while step < {STEPS}:
        step += 1
        run.snapshot(write)
    print("done", flush=True)
"""


@posix
def test_a_run_that_is_killed_goes_on_from_its_last_snapshot(path):
    draw = random.Random(3)  # noqa: S311 # nothing secret
    steps, kills = [], 0
    while kills < 8:
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as child:
            steps.append(int(child.stdout.readline()))  # a stale lock would have stopped it
            if steps[-1] >= STEPS:
                break
            time.sleep(draw.uniform(0, 0.02))
            child.send_signal(signal.SIGKILL)
        kills += child.returncode == -signal.SIGKILL
    assert steps == sorted(steps)
    assert kills >= 3
    assert run_python(KILLED, path).stdout.endswith("done\n")
    assert len(names_in(path / "checkpoint")) == 1
