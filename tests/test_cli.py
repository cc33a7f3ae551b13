"""The command: what it prints, its exit codes, and errors without tracebacks. The market is played by a stub."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
import test_config
from gruemarket.cli import app
from gruemarket.config import Config
from gruemarket.history import SCHEMAS
from gruemarket.rundir import RunDirectory, read_manifest
from typer.testing import CliRunner

EXAMPLE = Path(__file__).parents[1] / "examples" / "voices.toml"


STAGES = (("read", 0, 2), ("tune", 3, 3))


def history():
    """Two seeds of two stages."""
    seeds = (1, 2)
    wealth = [(s, "read", b, 0, "docs", 0.5 + 0.1 * b, -1.0) for s in seeds for b in (-1, 0, 2, 3)]
    ends = [(s, stage, "Pretrain", first, last, 16) for s in seeds for stage, first, last in STAGES]
    rates = (("before", 6.5), ("read", 1.0), ("tune", 0.5))
    bits = [(s, stage, "code", who, 1, 1.0, s + x) for s in seeds for stage, x in rates for who in ("market", "docs")]
    rows = {"wealth": wealth, "stages": ends, "evaluation": bits}
    return gm.History(**{name: pl.DataFrame(rows[name], [*SCHEMAS[name]], orient="row") for name in rows})


class Inductor(test_config.Inductor):
    names = ("docs", "code")

    @classmethod
    def load(cls, path):
        assert path.is_dir()
        return cls({})

    def generate(self, _prompt, max_bytes, **_given):
        data = b"\xff" + b"x" * (max_bytes - 1) if max_bytes else b""
        parts = np.array([[0.5, 0.5], [0.25, 0.75]])
        return [SimpleNamespace(data=data, text=data.decode(errors="replace"), bits=8.0, responsibility=parts)]


def stub(happens=None):
    """The package's names, with a curriculum that plays nothing."""

    class Curriculum(test_config.Curriculum):
        def run(self, inductor, out, progress, report):  # noqa: ARG002 # as the command calls it
            config = {"families": list(inductor.families), "progress": progress}
            seeds = self.seed if isinstance(self.seed, list) else [self.seed]
            with RunDirectory(out, config, seeds) as directory:
                if happens is not None:
                    happens()
                directory.snapshot(lambda place: (place / "inductor").mkdir())
                directory.finish(history())
            return history()

    return SimpleNamespace(**vars(test_config.STUBS) | {"Curriculum": Curriculum, "Inductor": Inductor})


def invoke(*arguments, api=None):
    return CliRunner().invoke(app, [str(one) for one in arguments], obj=api or stub())


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what names no folder goes there
    path = tmp_path / "run.toml"
    path.write_text(test_config.SMALL)
    return path


# --- run


def test_run_ends_with_a_table_and_the_report(config, tmp_path):
    done = invoke("run", config, "--out", tmp_path / "out", "--seed", 4, "--seed", 5, "--no-progress")
    assert (done.exit_code, done.stderr) == (0, "")
    manifest = read_manifest(tmp_path / "out")
    assert (manifest["config"], manifest["seeds"]) == ({"families": ["docs"], "progress": False}, [4, 5])
    assert "<svg" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    lines = [line.split() for line in done.stdout.replace("│", " ").replace("┃", " ").splitlines()]
    assert ["voice", "before", "read", "tune"] in lines
    assert ["code", "8.000", "2.500", "2.000"] in lines
    assert ["docs", "0.4000", "0.7000", "0.8000"] in lines
    assert lines[-1] == ["report:", str(tmp_path / "out" / "report.html")]


def test_set_changes_the_configuration(config, tmp_path):
    out = tmp_path / "there"
    done = invoke("run", config, "--set", f"out={out}", "-s", "seeds=[9]", "-s", "corpus.voices=['code', 'docs']")
    assert done.exit_code == 0
    manifest = read_manifest(out)
    assert (manifest["config"], manifest["seeds"]) == ({"families": ["code", "docs"], "progress": True}, [9])


@pytest.mark.parametrize(
    ("arguments", "words"),
    (
        (("--set", "corpus.voices=['dcos']"), "[corpus]: unknown voice 'dcos'; did you mean 'docs'?"),
        (("--set", "stage.1.bacth=1"), "unknown key 'bacth' in [[stage]] 1 (pretrain); did you mean 'batch'?"),
        (("--set", "corpus.path=nowhere"), "nowhere does not exist"),
        (("--seed", "one"), "--seed"),
        (("--sed", "1"), "--sed"),
    ),
)
def test_a_wrong_configuration_is_one_line_and_exit_2(config, arguments, words):
    done = invoke("run", config, *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""
    assert isinstance(done.exception, SystemExit)


def test_a_missing_file_is_exit_2(tmp_path):
    done = invoke("run", tmp_path / "nowhere.toml")
    assert (done.exit_code, done.stderr) == (2, f"error: No such file or directory: {tmp_path / 'nowhere.toml'}\n")


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line(config, tmp_path):
    (tmp_path / "mail").mkdir()
    for name, text in (("1", "dear all"), ("2", "buy now"), ("3", "")):
        (tmp_path / "mail" / name).write_text(text)
    done = invoke("run", config, "--out", tmp_path / "out", "--set", "corpus={path='mail'}")
    assert done.exit_code == 0
    assert done.stderr.startswith(f"warning: {tmp_path / 'mail'}: 1 of 3 documents are empty")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "words"),
    (
        (gm.InputError("reward f raised at step 3"), "error: reward f raised at step 3\n"),
        (OSError(28, "No space left on device", "out/wealth.parquet"), "No space left on device: out/wealth.parquet"),
        (PermissionError("not here"), "error: not here\n"),
    ),
)
def test_a_run_that_fails_is_one_line_and_exit_1(config, error, words):
    def fail():
        raise error

    done = invoke("run", config, api=stub(fail))
    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_is_exit_130_and_says_how_to_go_on(config):
    def stop():
        raise KeyboardInterrupt

    done = invoke("run", config, "--out", "runs/a", api=stub(stop))
    assert (done.exit_code, done.stderr) == (130, "stopped; the same command continues the run in runs/a\n")


def test_a_defect_keeps_its_traceback(config):
    def fail():
        raise ZeroDivisionError

    assert isinstance(invoke("run", config, api=stub(fail)).exception, ZeroDivisionError)


# --- report, generate


@pytest.fixture
def directory(config, tmp_path):
    assert invoke("run", config, "--out", tmp_path / "out").exit_code == 0
    return tmp_path / "out"


def test_report_is_written_anew(directory):
    page = (directory / "report.html").read_bytes()
    (directory / "report.html").unlink()
    done = invoke("report", directory)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith(f"report: {directory / 'report.html'}\n")
    assert (directory / "report.html").read_bytes() == page


def test_a_run_that_is_not_finished_has_no_report(config, tmp_path):
    def fail():
        raise OSError(28, "No space left on device")

    assert invoke("run", config, "--out", tmp_path / "out", api=stub(fail)).exit_code == 1
    done = invoke("report", tmp_path / "out")
    assert done.exit_code == 2
    assert "has no results yet; give its command again" in done.stderr
    assert "no whole checkpoint" in invoke("generate", tmp_path / "out").stderr


def test_generate_prints_the_text_and_who_wrote_it(directory):
    done = invoke("generate", directory, "--prompt", "[red]é", "--max-bytes", 4)
    assert (done.exit_code, done.stdout) == (0, "[red]é\N{REPLACEMENT CHARACTER}xxx\n")
    assert done.stderr == "# 1: 4 bytes, 2.00 bits/byte, 75% code\n"
    assert invoke("generate", directory, "--max-bytes", 0).stderr == "# 1: 0 bytes, 75% code\n"


@pytest.mark.parametrize("command", ("report", "generate"))
def test_a_folder_of_something_else_is_refused(tmp_path, command):
    done = invoke(command, tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path} is not the folder of a run; give the --out of one\n"


def test_a_damaged_run_is_refused(directory):
    (directory / "wealth.parquet").write_bytes(b"PAR1")
    done = invoke("report", directory)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "wealth.parquet is damaged" in done.stderr


def test_damaged_findings_are_refused(directory):
    (directory / "experiments").mkdir()
    (directory / "experiments" / "findings.json").write_text("{")
    done = invoke("report", directory)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "not whole findings" in done.stderr


def test_a_prompt_may_be_any_bytes(directory, monkeypatch):
    given = []
    generate = Inductor.generate
    monkeypatch.setattr(Inductor, "generate", lambda *a, **more: given.append(a[1]) or generate(*a, **more))
    done = invoke("generate", directory, "--prompt", "a\udcff", "--max-bytes", 2)
    assert (done.exit_code, given) == (0, [b"a\xff"])
    assert done.stdout == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}x\n"


WRONG = (
    ("--n", "0"),
    ("--max-bytes", "-1"),
    ("--max-bytes", "9" * 20),
    ("--temperature", "-1"),
    ("--seed", "-1"),
)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_numbers_are_refused(directory, wrong):
    done = invoke("generate", directory, *wrong)
    assert done.exit_code == 2
    assert wrong[0] in done.stderr


# --- corpora, help, version


def test_corpora_lists_every_voice():
    done = invoke("corpora")
    assert done.exit_code == 0
    for name, licence in gm.corpora.catalogue().select("voice", "licence").rows():
        assert any(name in line and licence in line for line in done.stdout.splitlines())


def test_version_and_help():
    assert invoke("--version").stdout == f"gruemarket {gm.__version__}\n"
    assert "Exit codes" in invoke("--help").stdout
    for command in ("run", "report", "corpora", "generate"):
        assert command in invoke("--help").stdout
        assert invoke(command, "-h").exit_code == 0
    assert invoke().exit_code == 2
    assert "Did you mean 'run'" in invoke("rnu").stderr


# --- With the market itself

SMALL = (
    "corpus.voices=['docs', 'code']",
    "corpus.bytes_per_voice=6_000",
    "corpus.held_out=0.01",
    "inductor.text.memory_mib=1",
    "stage.finetune.voices=['docs']",
    "stage.finetune.examples=4",
    "stage.reinforce.steps=2",
    "stage.reinforce.group=2",
    "stage.reinforce.max_bytes=16",
    "curriculum.sample_bytes=16",
    "experiments.examples=4",
)


def test_the_example_is_a_configuration_of_five_voices():
    tables = Config.load(EXAMPLE).tables
    assert len(tables["corpus"]["voices"]) == 5
    stages = Config.load(EXAMPLE, SMALL).plan().curriculum.stages
    assert [type(stage) for stage in stages] == [gm.Pretrain, gm.FineTune, gm.Reinforce]


def test_the_example_runs_continues_and_writes(tmp_path):
    command = ["run", EXAMPLE, "--out", tmp_path / "out", "--no-progress"]
    command += [part for change in SMALL for part in ("--set", change)]
    done = invoke(*command, api=gm)
    assert (done.exit_code, done.stderr) == (0, "")
    for stage in ("before", "pretrain", "finetune", "reinforce", "docs@finetune"):
        assert stage in done.stdout
    again = invoke(*command, api=gm)
    assert (again.exit_code, again.stdout) == (0, done.stdout)
    assert invoke("report", tmp_path / "out", api=gm).exit_code == 0
    texts = [invoke("generate", tmp_path / "out", "-p", "def ", "--seed", 3, api=gm).stdout for _ in range(2)]
    assert texts[0] == texts[1]
    assert texts[0].startswith("def ")
    other = invoke(*command, "--set", "stage.pretrain.batch=8", api=gm)
    assert other.exit_code == 1
    assert "stages[0].batch: 64 there, 8 given" in other.stderr


# --- The command as the system starts it

COMMAND = [sys.executable, "-c", "from gruemarket.cli import app; app()"]


def test_it_starts_without_a_terminal():
    done = subprocess.run([*COMMAND, "run", "nowhere.toml"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: No such file or directory: nowhere.toml\n"


def test_nobody_reading_on_is_no_error():
    command = f"{sys.executable} -c 'from gruemarket.cli import app; app()' corpora | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)  # noqa: S602
    assert "Traceback" not in done.stderr
