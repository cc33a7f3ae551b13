"""Curricula: what they write down, and that a run which was stopped, killed or broken off ends with the same bits."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from families import Counter
from gruemarket import curriculum as module
from gruemarket import rundir
from gruemarket.history import FILES, SCHEMAS

HERE = Path(__file__).parent
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has other limits and signals")
VOICES = {"calm": "the sea is calm and so is she. " * 6, "loud": "BANG! CRASH! WHAM! " * 9, "other": "1 + 1 = 2; " * 12}
TAX = gm.GrueTax(gm.schedules.inverse(), unit="batch", landmarks={"tune": 3.0})


def corpus(*voices):
    return gm.Corpus(pl.DataFrame({"voice": voices or list(VOICES), "text": [VOICES[v] for v in voices or VOICES]}))


def inductor(family=lambda: gm.Text(memory_mib=1), names=("calm", "loud")):
    return gm.Inductor({name: family() for name in names}, clearing=gm.Kelly(0.5), grue=TAX)


LOUD = gm.rewards.contains(list("ACHMSW!"))


def curriculum(reward=LOUD, seed=1, **options):
    stages = [
        gm.Pretrain(corpus(), batch=3, episode_bytes=48, name="read"),
        gm.FineTune(corpus("other"), examples=3, episode_bytes=16, redefine="calm", name="tune"),
        gm.Reinforce(["th", "WH"], reward, group=3, steps=4, max_bytes=4, beta=0.1, name="reward"),
    ]
    return gm.Curriculum(stages, seed=seed, held_out=corpus("other"), sample_bytes=6, **options)


STEPS = [("read", 4), ("tune", 3), ("reward", 4)]


def told(history):
    return {table: getattr(history, table) for table in SCHEMAS}


def assert_same(ours, theirs):
    """The very same rows, floats bit for bit."""
    for table, frame in told(theirs).items():
        assert told(ours)[table].equals(frame), table


def bits(learner):
    return learner.market.log2_wealth.tobytes(), learner.market.ledger().rows(), learner.names


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Nothing waits for the disk: that what is written is durable, test_rundir.py looks after."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def whole():
    """The uninterrupted run."""
    learner = inductor()
    return curriculum().run(learner, progress=False), learner


# --- What is written down


def test_the_tables(whole):
    history, learner = whole
    assert history.stage_names == ["read", "tune", "reward"]
    assert history.accounts == learner.names == ["calm", "loud", "calm@tune"]
    assert history.stages.drop("seed").rows() == [
        ("read", "Pretrain", 0, 3, 11),
        ("tune", "FineTune", 4, 6, 3),
        ("reward", "Reinforce", 7, 10, 12),
    ]
    batches = history.wealth["batch"].unique().sort().to_list()
    assert batches == list(range(-1, 11))
    sums = history.wealth.group_by("batch").agg(pl.col("wealth").sum())["wealth"]
    np.testing.assert_allclose(sums, 1, atol=1e-12)
    last = history.wealth.filter(batch=10)
    assert last["wealth"].to_list() == learner.market.wealth.tolist() == history.provenance["wealth"].to_list()
    assert last["episodes"].unique().to_list() == [26]
    assert set(history.ledger["cause"]) == {"settlement", "grue tax", "reinforcement"}
    assert history.provenance.columns == ["seed", "account", "wealth", "never", "read", "tune", "reward"]
    assert history.bits.group_by("stage", maintain_order=True).len().rows() == [("read", 11), ("tune", 3)]
    assert history.rewards["batch"].to_list() == [b for b in range(7, 11) for _ in range(3)]
    assert history.definitions["account"].sort().to_list() == sorted(learner.names)
    points = ["before", "read", "tune", "reward"]
    assert history.samples.group_by("stage", "prompt", maintain_order=True).len().rows() == [
        (point, prompt, 2) for point in points for prompt in ("th", "WH")
    ]
    assert history.evaluation.group_by("stage", maintain_order=True).len()["len"].to_list() == [3, 3, 4, 4]
    assert set(history.evaluation["account"]) == {"market", *learner.names}


def test_a_curriculum_goes_on_from_where_an_inductor_stands(whole):
    _, learner = whole
    again = learner.fork()
    more = gm.Curriculum([gm.Pretrain(corpus(), name="more", batch=16)], sample_bytes=0).run(again, progress=False)
    assert more.stages.row(0) == (0, "more", "Pretrain", 11, 11, 3)
    assert more.samples.is_empty()


def test_bytes_as_outcomes_and_voices_without_a_family():
    learner = gm.Inductor({"x": Counter(256), "y": Counter(256, start=5.0)})
    stage = gm.Pretrain(corpus(), episode_bytes=64)
    history = gm.Curriculum([stage], held_out=corpus("loud"), sample_bytes=5).run(learner, progress=False)
    assert (history.samples["bytes"] == 5).all()
    assert set(history.bits["voice"]) == set(VOICES)
    assert all((family.counts == family.start).all() for family in learner.families.values())  # nobody's voice


def test_one_voice_only():
    learner = inductor(names=["calm"])
    history = gm.Curriculum([gm.Pretrain(corpus("calm")), gm.FineTune(corpus("loud"), examples=1)]).run(
        learner, progress=False
    )
    assert set(history.wealth["wealth"]) == {1.0}


# --- The same bits


@pytest.mark.parametrize("threads", (1, 2, 5))
def test_any_number_of_threads(whole, threads):
    before = gm.threads()
    gm.set_threads(threads)
    try:
        learner = inductor()
        assert_same(curriculum().run(learner, progress=False), whole[0])
    finally:
        gm.set_threads(before)
    assert bits(learner) == bits(whole[1])


@pytest.mark.parametrize("out", (None, "run"))
def test_several_seeds_are_the_runs_of_each(whole, tmp_path, out):
    given = inductor()
    start = bits(given)
    place = None if out is None else tmp_path / out
    several = curriculum(seed=[2, 1]).run(given, out=place, progress=False)
    assert several.seeds == [1, 2]
    assert_same(several.of_seed(1), whole[0])
    assert bits(given) == start  # forks were trained
    assert several.interval("bits")["seeds"].unique().to_list() == [2]
    assert not several.of_seed(2).rewards["text"].equals(several.of_seed(1).rewards["text"])
    if place is not None:
        assert_same(curriculum(seed=[2, 1]).run(given, out=place, progress=False), several)
        assert bits(given) == start
        kept = gm.Inductor.load(rundir.latest(place) / "inductor")
        assert bits(kept) == bits(whole[1])  # the last seed's


@pytest.mark.parametrize("family", (lambda: gm.Text(memory_mib=1), Counter), ids=("text", "python"))
def test_when_snapshots_are_taken_changes_nothing(monkeypatch, tmp_path, family):
    ours, theirs = inductor(family), inductor(family)
    expected = curriculum().run(theirs, progress=False)
    monkeypatch.setattr(module, "SNAPSHOT", 0.0)
    assert_same(curriculum().run(ours, out=tmp_path / "run", progress=False), expected)
    assert bits(ours) == bits(theirs)


# --- Callbacks


class Listening:
    """Writes down what it hears, and says yes at one moment."""

    def __init__(self, yes=None, error=None):
        self.heard, self.yes, self.error = [], yes, error

    def _hear(self, *said):
        self.heard.append(said)
        if said == self.yes:
            if self.error:
                raise self.error
            return np.True_
        return None

    def on_stage_start(self, stage, _inductor):
        return self._hear("start", stage.name)

    def on_batch(self, stage, step, _inductor):
        return self._hear("batch", stage.name, step)

    def on_stage_end(self, stage, _inductor):
        return self._hear("end", stage.name)

    def finish(self, _history):
        return self._hear("finish")


HEARD = [
    said
    for name, steps in STEPS
    for said in (("start", name), *(("batch", name, step) for step in range(steps)), ("end", name))
]
MOMENTS = [("start", "read"), ("batch", "read", 1), ("end", "read"), ("start", "tune"), ("batch", "tune", 0)]
MOMENTS += [("batch", "tune", 2), ("start", "reward"), ("batch", "reward", 3), ("end", "reward")]


@pytest.mark.parametrize(("moment", "fresh"), [(m, i % 2 == 0) for i, m in enumerate(MOMENTS)], ids=str)
def test_a_callback_stops_and_the_same_call_goes_on(whole, tmp_path, moment, fresh):
    learner, first, second = inductor(), Listening(moment), Listening()
    part = curriculum().run(learner, out=tmp_path / "run", progress=False, callbacks=[first, gm.Callback()])
    assert first.heard == HEARD[: HEARD.index(moment) + 1]
    assert rundir.read_manifest(tmp_path / "run")["status"] == "running"
    assert part.wealth.equals(whole[0].wealth.head(len(part.wealth)))
    learner = inductor() if fresh else learner
    history = curriculum().run(learner, out=tmp_path / "run", progress=False, callbacks=second)
    assert first.heard + second.heard == HEARD
    assert_same(history, whole[0])
    assert bits(learner) == bits(whole[1])


@pytest.mark.parametrize("nth", (12, 15, 22))
def test_several_seeds_go_on_in_the_middle_of_one(whole, tmp_path, nth):
    class Stops:
        def on_batch(self, _stage, _step, _inductor):
            nonlocal nth
            nth -= 1
            return nth == 0

    given = inductor()
    part = curriculum(seed=[1, 2]).run(given, out=tmp_path / "run", progress=False, callbacks=Stops())
    assert_same(part.of_seed(1), whole[0])
    history = curriculum(seed=[1, 2]).run(given, out=tmp_path / "run", progress=False, callbacks=Stops())
    assert_same(history, curriculum(seed=[1, 2]).run(given, progress=False))


def test_without_a_directory_a_stop_leaves_what_is_there(whole):
    learner = inductor()
    history = curriculum().run(learner, progress=False, callbacks=Listening(("batch", "tune", 0)))
    assert history.wealth["batch"].max() == 4
    assert learner.market.wealth.tolist() == whole[0].wealth.filter(batch=4)["wealth"].to_list()


# --- Broken off


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
@pytest.mark.parametrize(
    ("fresh", "error"),
    ((True, RuntimeError("of its own")), (False, KeyboardInterrupt())),
    ids=("new process, error", "same inductor, Ctrl-C"),
)
def test_broken_off_anywhere_it_ends_with_the_same_bits(whole, tmp_path, moment, fresh, error):
    learner = inductor()
    with pytest.raises(type(error)):
        curriculum().run(learner, out=tmp_path / "run", progress=False, callbacks=Listening(moment, error))
    learner = inductor() if fresh else learner
    assert_same(curriculum().run(learner, out=tmp_path / "run", progress=False), whole[0])
    assert bits(learner) == bits(whole[1])
    finished = inductor() if fresh else learner
    assert_same(curriculum().run(finished, out=tmp_path / "run", progress=False), whole[0])
    assert bits(finished) == bits(whole[1])


class Trips(Counter):
    """Ctrl-C in the middle of an episode."""

    left = None

    def observe(self, outcome):
        if Trips.left is not None:
            Trips.left -= 1
            if Trips.left < 0:
                Trips.left = None
                raise KeyboardInterrupt
        super().observe(outcome)


@pytest.mark.parametrize("left", (700, 20_000))
def test_families_that_have_half_learned_are_given_back(tmp_path, left):
    ours, theirs = inductor(Trips), inductor(Trips)
    expected = curriculum().run(theirs, progress=False)
    Trips.left = left
    with pytest.raises(KeyboardInterrupt):
        curriculum().run(ours, out=tmp_path / "run", progress=False)
    assert Trips.left is None
    assert_same(curriculum().run(ours, out=tmp_path / "run", progress=False), expected)
    assert bits(ours) == bits(theirs)


def test_broken_off_before_it_is_marked_as_finished(whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(rundir.RunDirectory, "finish", Listening(("finish",), KeyboardInterrupt()).finish)
        with pytest.raises(KeyboardInterrupt):
            curriculum().run(inductor(), out=tmp_path / "run", progress=False)
    learner, heard = inductor(), Listening()
    assert_same(curriculum().run(learner, out=tmp_path / "run", progress=False, callbacks=heard), whole[0])
    assert bits(learner) == bits(whole[1])
    assert heard.heard == []


class Flaky:
    """A reward that fails at some calls."""

    def __init__(self, *fails):
        self.calls, self.fails = 0, fails

    def __call__(self, texts):
        self.calls += 1
        return [np.nan] * len(texts) if self.calls in self.fails else LOUD(texts)


def test_a_reward_that_fails_loses_nothing(whole, tmp_path):
    reward = gm.rewards.Reward(LOUD.name, Flaky(1, 4, 8))
    learner = inductor()
    for _ in range(3):
        with pytest.raises(gm.InputError, match="was rewarded with nan"):
            curriculum(reward).run(learner, out=tmp_path / "run", progress=False)
    assert_same(curriculum(reward).run(learner, out=tmp_path / "run", progress=False), whole[0])


CHILD = """
import sys
import test_curriculum as this
this.module.SNAPSHOT = 0.0
print("ready", flush=True)
this.curriculum().run(this.inductor(), out=sys.argv[1], progress=False)
print("done", flush=True)
"""


def child(place):
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    command = [sys.executable, "-c", CHILD, str(place)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@posix
def test_killed_at_any_moment_it_ends_with_the_same_bits(whole, tmp_path):
    draw, kills = random.Random(5), 0  # noqa: S311 # nothing secret
    while kills < 4:
        with child(tmp_path / "run") as process:
            process.stdout.readline()
            time.sleep(draw.uniform(0, 0.08 * kills))  # the first at once, so that even a fast machine is killed
            process.send_signal(draw.choice((signal.SIGKILL, signal.SIGINT)))
        kills += process.returncode in (-signal.SIGKILL, -signal.SIGINT)
        if process.returncode == 0:
            break
    learner = inductor()
    assert_same(curriculum().run(learner, out=tmp_path / "run", progress=False), whole[0])
    assert bits(learner) == bits(whole[1])
    assert_same(gm.History.load(tmp_path / "run"), whole[0])
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "manifest.json",
        ".lock",
        "checkpoint",
        "report.html",
        *FILES.values(),
    }
    assert len(list((tmp_path / "run" / "checkpoint").iterdir())) == 1
    assert kills


@posix
def test_a_full_disk_leaves_a_run_that_goes_on(whole, tmp_path):
    script = """
import resource, signal, sys
import test_curriculum as this
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

class Fills:
    def on_batch(self, stage, step, inductor):
        if stage.name == "tune":
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))

try:
    this.curriculum().run(this.inductor(), out=sys.argv[1], progress=False, callbacks=Fills())
except OSError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "run")],
        env=os.environ | {"PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "free some space, or give another directory" in done.stdout, done.stderr
    assert [path.name for path in (tmp_path / "run" / "checkpoint").iterdir()] == ["000000"]
    learner = inductor()
    heard = Listening()
    assert_same(curriculum().run(learner, out=tmp_path / "run", progress=False, callbacks=heard), whole[0])
    assert heard.heard[0] == ("start", "tune")


def test_another_run_is_refused_with_what_differs(tmp_path):
    learner = inductor()
    stage = gm.Pretrain(corpus(), batch=4)
    gm.Curriculum([stage], sample_bytes=0).run(learner, out=tmp_path, progress=False)
    before = bits(learner)
    for other, line in (
        (gm.Curriculum([gm.Pretrain(corpus(), batch=5)], sample_bytes=0), r"stages\[0\].batch: 4 there, 5 given"),
        (gm.Curriculum([gm.Pretrain(corpus("loud"), batch=4)], sample_bytes=0), r"stages\[0\].corpus"),
        (gm.Curriculum([stage], seed=3, sample_bytes=0), r"seeds\[0\]: 0 there, 3 given"),
    ):
        with pytest.raises(gm.InputError, match=line):
            other.run(learner, out=tmp_path, progress=False)
    for given in (learner.fork(), inductor(names=["calm", "quiet"])):  # another start, other families
        with pytest.raises(gm.InputError, match=r"inductor\.(wealth|episodes|families)"):
            gm.Curriculum([stage], sample_bytes=0).run(given, out=tmp_path, progress=False)
    assert bits(learner) == before
    (tmp_path / "manifest.json").write_text(json.dumps({}))
    with pytest.raises(gm.CheckpointError, match="damaged"):
        gm.Curriculum([stage], sample_bytes=0).run(inductor(), out=tmp_path, progress=False)


# --- Progress


@pytest.mark.parametrize("wanted", (True, False))
def test_progress_is_plain_lines_on_stderr(capfd, wanted):
    curriculum().run(inductor(), progress=wanted)
    shown = capfd.readouterr()
    assert shown.out == ""
    if not wanted:
        assert shown.err == ""
        return
    lines = shown.err.splitlines()
    assert "\x1b" not in shown.err
    assert [line for line in lines if line.endswith("steps")] == [f"{name}: {steps} steps" for name, steps in STEPS]
    assert [line.split("  ")[0] for line in lines if "holds" in line] == [f"{n}: {k}/{k}" for n, k in STEPS]


def test_progress_in_a_terminal_is_bars(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    curriculum().run(inductor())
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "11/11" not in shown.err
    assert "4/4" in shown.err
    assert "holds" in shown.err


# --- Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    (
        (lambda: gm.Curriculum([]), "no stages"),
        (lambda: gm.Curriculum([gm.Pretrain(corpus())] * 2), "two stages are called pretrain"),
        (lambda: gm.Curriculum([gm.Pretrain(corpus(), name="before")]), "'before', which stands for"),
        (lambda: gm.Curriculum([gm.Pretrain(corpus(), name="wealth")]), "hide a column of provenance"),
        (lambda: curriculum(seed=[]), "give one or more"),
        (lambda: curriculum(seed=[1, 1]), "each once"),
        (lambda: curriculum(seed=-1), "seed=-1; give a whole number, 0 or more"),
        (lambda: curriculum(seed=0.5), "seed=0.5"),
        (lambda: curriculum().run(inductor(), callbacks=print), "has no on_stage_start"),
        (
            lambda: curriculum().run(inductor(names=["loud"]), progress=False),
            "unknown family 'calm' in redefine of stage tune",
        ),
        (lambda: curriculum(prompts="text"), "prompts 'text'; give a list"),
        (lambda: curriculum(prompts=[b"a", 1]), "prompts .b'a', 1.; give a list"),
        (lambda: curriculum(prompts=5), "prompts 5; give a list"),
    ),
)
def test_bad_input(call, message):
    with pytest.raises(gm.InputError, match=message):
        call()


@pytest.mark.parametrize("place", (None, "run"))
def test_too_many_examples_are_found_before_anything_is_read(tmp_path, place):
    learner = inductor()
    before = bits(learner)
    stages = [gm.Pretrain(corpus()), gm.FineTune(corpus(), examples=99)]
    with pytest.raises(gm.InputError, match="99 examples of 512 bytes, but the corpus has 3"):
        gm.Curriculum(stages).run(learner, out=place and tmp_path / place, progress=False)
    assert bits(learner) == before
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("who", ("calm@twice", "lout"))
def test_unknown_families_are_found_before_anything_is_read(tmp_path, who):
    learner = inductor()
    before = bits(learner)
    again = gm.Reinforce([""], LOUD, steps=1, redefine=["calm@tune", who], name="twice")
    with pytest.raises(gm.InputError, match=f"unknown family '{who}' in redefine of stage twice; did you mean"):
        gm.Curriculum([*curriculum().stages[:2], again]).run(learner, out=tmp_path / "run", progress=False)
    assert bits(learner) == before
    assert not (tmp_path / "run").exists()


def test_a_fork_of_an_earlier_stage_may_be_redefined():
    again = gm.FineTune(corpus("other"), examples=1, episode_bytes=16, redefine="calm@tune", tax_bits=2, name="twice")
    learner = inductor()
    gm.Curriculum([*curriculum().stages[:2], again], sample_bytes=0).run(learner, progress=False)
    assert learner.names[-1] == "calm@tune@twice"
