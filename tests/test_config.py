"""Configurations: what a TOML file builds, played by stubs of the same signatures, and where it is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

import gruemarket as gm
import pytest
from gruemarket.config import Config, ConfigError


@dataclass
class LogPool:
    step: float = 0.3

    def __post_init__(self):
        if not self.step > 0:
            raise gm.InputError(f"step {self.step} is not above 0")


@dataclass
class Text:
    memory_mib: int = 64
    orders: Any = range(7)
    clearing: Any = None
    grue: Any = None
    seed: int = 0
    mode: Literal["default", "exact"] = "default"


@dataclass
class Inductor:
    families: dict
    clearing: Any = None
    grue: Any = None
    seed: int = 0


@dataclass
class Pretrain:
    corpus: gm.Corpus
    batch: int = 16
    episode_bytes: int = 512
    name: str = "pretrain"


@dataclass
class FineTune:
    corpus: gm.Corpus
    examples: int = 200
    redefine: bool | Sequence[str] = False
    tax_bits: float | None = None
    name: str = "finetune"


@dataclass
class Reinforce:
    prompts: Sequence[str]
    reward: Any
    group: int = 8
    steps: int = 50
    name: str = "reinforce"


@dataclass
class Curriculum:
    stages: list
    seed: int | list[int] = 0
    held_out: gm.Corpus | None = field(default=None, repr=False)
    prompts: Any = None


STUBS = SimpleNamespace(
    Kelly=gm.Kelly,
    LogPool=LogPool,
    Text=Text,
    Inductor=Inductor,
    Pretrain=Pretrain,
    FineTune=FineTune,
    Reinforce=Reinforce,
    Curriculum=Curriculum,
)

WHOLE = """
out = "out/here"
seeds = [3, 4]

[corpus]
voices = ["docs", "code"]
held_out = 0.2
split_seed = 5
bytes_per_voice = 20_000

[inductor]
seed = 9
[inductor.text]
memory_mib = 8
orders = [0, 1, 2]
clearing = { kind = "logpool", step = 0.1 }
[inductor.clearing]
kind = "kelly"
fraction = 0.2
[inductor.grue]
schedule = { constant = 0.01 }
unit = "batch"
landmarks = { tune = 3, 100 = 2.5 }

[[stage]]
kind = "pretrain"
batch = 4
[[stage]]
kind = "finetune"
name = "tune"
voices = ["docs"]
redefine = true
tax_bits = 7
[[stage]]
kind = "reinforce"
prompts = ["def "]
reward = { length = 40 }

[curriculum]
prompts = ["a"]
"""
SMALL = """
[corpus]
voices = "docs"
bytes_per_voice = 5_000
[inductor]
[[stage]]
kind = "pretrain"
"""


def plan(tmp_path, text, changes=()):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return Config.load(path, changes).plan(STUBS)


def test_it_is_the_twin_of_the_python_call(tmp_path):
    made = plan(tmp_path, WHOLE)
    train, held_out = gm.corpora.voices(["docs", "code"]).split(0.2, seed=5)
    train = train.limit(20_000)
    text = Text(8, [0, 1, 2], LogPool(0.1))
    tax = gm.GrueTax(gm.schedules.constant(0.01), unit="batch", landmarks={"tune": 3, 100: 2.5})
    assert made.inductor == Inductor({"docs": text, "code": text}, gm.Kelly(0.2), tax, 9)
    assert made.inductor.families["docs"] is not made.inductor.families["code"]
    pretrain, tune, reinforce = made.curriculum.stages
    assert (pretrain.batch, pretrain.episode_bytes, pretrain.name) == (4, 512, "pretrain")
    assert pretrain.corpus.documents.equals(train.documents)
    assert tune.corpus.documents.equals(train.filter("docs").documents)
    assert (tune.redefine, tune.tax_bits, tune.name) == (True, 7, "tune")
    assert (reinforce.prompts, reinforce.reward) == (["def "], gm.rewards.length(40))
    assert made.curriculum.held_out.documents.equals(held_out.documents)
    assert (made.curriculum.seed, made.curriculum.prompts) == ([3, 4], ["a"])
    assert str(made.out) == "out/here"


@pytest.mark.parametrize("voices", ("'docs'", "['docs']"))
def test_tuning_keeps_documents_from_pretraining(tmp_path, voices):
    pretrain, tune, _ = plan(tmp_path, WHOLE, ["corpus.tuning=0.5", f"stage.2.voices={voices}"]).curriculum.stages
    whole = plan(tmp_path, WHOLE).curriculum.stages[0].corpus
    shown, kept = (set(some.filter("docs").documents["text"]) for some in (pretrain.corpus, tune.corpus))
    assert shown
    assert kept
    assert not shown & kept
    assert shown | kept == set(whole.filter("docs").documents["text"])
    assert len(pretrain.corpus.filter("code")) == len(whole.filter("code"))


def test_what_is_not_said_is_as_in_python(tmp_path):
    made = plan(tmp_path, SMALL)
    assert made.inductor == Inductor({"docs": Text()})
    assert made.curriculum.seed == 1
    assert len(made.curriculum.held_out) >= 1
    assert plan(tmp_path, SMALL, ["corpus.held_out=0"]).curriculum.held_out is None


def test_a_corpus_of_files_lies_beside_the_configuration(tmp_path, monkeypatch):
    for voice in ("ham", "spam"):
        (tmp_path / "mail" / voice).mkdir(parents=True)
        for name in "12":
            (tmp_path / "mail" / voice / name).write_text(voice + name)
    monkeypatch.chdir("/")
    files = 'corpus = { path = "mail" }\ninductor = {}\n[[stage]]\nkind = "pretrain"\n'
    assert list(plan(tmp_path, files).inductor.families) == ["ham", "spam"]
    assert list(plan(tmp_path, files, ["corpus.voices=['spam']"]).inductor.families) == ["spam"]
    with pytest.raises(ConfigError, match=r"\[corpus\]: unknown voice 'span'; did you mean 'spam'"):
        plan(tmp_path, files, ["corpus.voices=['span']"])
    with pytest.raises(FileNotFoundError):
        plan(tmp_path, files, ["corpus.path=post"])


def test_a_reward_of_one_s_own_lies_beside_the_configuration(tmp_path):
    (tmp_path / "beside_the_config.py").write_text("def shout(texts):\n    return [1.0] * len(texts)\n")
    made = plan(tmp_path, WHOLE, ["stage.3.reward=beside_the_config:shout"])
    assert gm.rewards.name_of(made.curriculum.stages[2].reward) == "beside_the_config:shout"


def test_changes_reach_every_table(tmp_path):
    changes = [
        "seeds=[7]",
        "out=elsewhere",
        "corpus.bytes_per_voice=10_000",
        "inductor.clearing.fraction=0.5",
        "inductor.text.mode=exact",
        "stage.tune.examples=50",
        "stage.3.steps = 2",
        "curriculum.prompts=['x = 1']",
    ]
    made = plan(tmp_path, WHOLE, changes)
    _, tune, reinforce = made.curriculum.stages
    assert (made.curriculum.seed, str(made.out), made.curriculum.prompts) == (7, "elsewhere", ["x = 1"])
    assert (made.inductor.clearing.fraction, made.inductor.families["docs"].mode) == (0.5, "exact")
    assert (tune.examples, reinforce.steps) == (50, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    (
        ("seeds", "give key=value"),
        ("=1", "give key=value"),
        ("a.=1", "give key=value"),
        ("stage.4.steps=1", r"unknown stage '4' in --set 'stage.4.steps=1': stage"),
        ("stage.tuna.steps=1", "did you mean 'tune'"),
        ("seeds.first=1", r"seeds holds \[3, 4\]"),
        ("seeds.first.one=1", r"unknown stage 'first'"),
        ("out.first.one=1", "'out/here' holds no keys"),
        ("stage=1", "give one or more tables"),
        ("seeds=[]", r"seeds = \[\]; give whole numbers"),
        ("seeds=1", "seeds = 1; give whole numbers"),
        ("out=3", "out = 3; give a text"),
    ),
)
def test_a_change_without_a_place_is_refused(tmp_path, change, words):
    with pytest.raises(ConfigError, match=words):
        plan(tmp_path, WHOLE, [change])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    (
        ("seeds =", "seed =", r"unknown key 'seed' in the file; did you mean 'seeds'\?"),
        ("split_seed", "splitseed", r"unknown key 'splitseed' in \[corpus\]; did you mean 'split_seed'"),
        ('"code"]', '"cod"]', r"\[corpus\]: unknown voice 'cod'; did you mean 'code'"),
        ("held_out = 0.2", "held_out = 2", r"\[corpus\]: held_out 2 is not in"),
        ("held_out = 0.2", 'title = "t"', r"\[corpus\]: 'title' names a column of a file"),
        ("bytes_per_voice = 20_000", 'bytes_per_voice = "all"', r"\[corpus\]: "),
        ("memory_mib", "memory", r"unknown key 'memory' in \[inductor.text\]; did you mean 'memory_mib'"),
        ("memory_mib = 8", 'memory_mib = "8"', r"\[inductor.text\]: memory_mib = '8'; give a whole number"),
        ("memory_mib = 8", "memory_mib = true", r"\[inductor.text\]: memory_mib = True; give a whole number"),
        ("memory_mib = 8", 'mode = "quick"', r"\[inductor.text\]: mode = 'quick'; give 'default' or 'exact'"),
        ('"logpool"', '"logpol"', r"unknown kind 'logpol' in \[inductor.text.clearing\]; did you mean 'logpool'"),
        ("step = 0.1", "step = -1", r"\[inductor.text.clearing\]: step -1 is not above 0"),
        ("fraction = 0.2", "fraction = 2", r"\[inductor.clearing\]: Kelly fraction 2"),
        ("{ constant = 0.01 }", '"inverted"', r"unknown schedule 'inverted' in \[inductor.grue\]: schedule; did"),
        ("{ constant = 0.01 }", "{ constant = 3 }", r"\[inductor.grue\]: schedule: "),
        ("{ constant = 0.01 }", '"constant"', r"\[inductor.grue\]: schedule: .*rate"),
        ("{ tune = 3,", "{ tuna = 3,", r"unknown stage 'tuna' in \[inductor.grue\]: landmarks; did you mean 'tune'"),
        ('unit = "batch"', 'unit = "bach"', r"\[inductor.grue\]: "),
        ('kind = "finetune"', 'kind = "fine-tune"', r"unknown kind 'fine-tune' in \[\[stage\]\] 2; did you mean"),
        ('kind = "finetune"', "", r"\[\[stage\]\] 2 has no kind; one of pretrain, finetune, reinforce"),
        ("redefine", "redefined", r"unknown key 'redefined' in \[\[stage\]\] 2 \(tune\); did you mean 'redefine'"),
        ("redefine = true", "redefine = 1", r"\[\[stage\]\] 2 \(tune\): redefine = 1; give true or false or a list"),
        ('prompts = ["def "]', 'prompts = "def "', r"\[\[stage\]\] 3 \(reinforce\): prompts = 'def '; give a list"),
        ('voices = ["docs"]', 'voices = ["doc"]', r"\[\[stage\]\] 2 \(tune\): unknown voice 'doc'"),
        ('voices = ["docs"]', "voices = 5", r"\[\[stage\]\] 2 \(tune\): voices = 5; give a text or a list of texts"),
        ('voices = ["docs"]', 'voices = [["a"]]', r"\[\[stage\]\] 2 \(tune\): voices = .*; give a text or a list"),
        ('voices = ["docs"]', 'corpus = "docs"', r"unknown key 'corpus' in \[\[stage\]\] 2"),
        ('prompts = ["def "]', 'voices = ["docs"]', r"unknown key 'voices' in \[\[stage\]\] 3"),
        ("reward = { length = 40 }", "", r"\[\[stage\]\] 3 \(reinforce\): missing a required argument: 'reward'"),
        ("{ length = 40 }", '"parses"', r"\[\[stage\]\] 3 \(reinforce\): unknown reward 'parses'"),
        ("[curriculum]\nprompts", "[curriculum]\nprompt", r"unknown key 'prompt' in \[curriculum\]"),
        ("[curriculum]\nprompts", "[curriculum]\nseed", r"unknown key 'seed' in \[curriculum\]"),
        ("[[stage]]", "[stage]", "not TOML"),
        ('out = "out/here"', "out = ", "not TOML: .*line 2"),
    ),
)
def test_what_is_wrong_is_refused_with_its_place(tmp_path, old, new, words):
    assert old in WHOLE
    with pytest.raises(ConfigError, match=words):
        plan(tmp_path, WHOLE.replace(old, new))


@pytest.mark.parametrize("table", ("corpus", "inductor", "stage"))
def test_every_table_is_needed(tmp_path, table):
    lines = {"corpus": 'corpus = { voices = "docs" }', "inductor": "inductor = {}", "stage": "stage = [{}]"}
    with pytest.raises(ConfigError, match=rf"there is no \[{table}\]"):
        plan(tmp_path, "\n".join(line for key, line in lines.items() if key != table))


@pytest.mark.parametrize("wrong", ("corpus = 1", "inductor = []", "stage = 1", "stage = []", "stage = [1]"))
def test_a_table_must_be_one(tmp_path, wrong):
    right = {
        "corpus": 'corpus = { voices = "docs" }',
        "inductor": "inductor = {}",
        "stage": 'stage = [{kind="pretrain"}]',
    }
    right[wrong.split()[0]] = wrong
    with pytest.raises(ConfigError, match=r"give (a table|one or more tables)"):
        plan(tmp_path, "\n".join(right.values()))


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        Config.load(tmp_path / "nowhere.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not TOML"):
        Config.load(tmp_path / "bytes.toml")


# --- Experiments, which ask for stages of their own: here nothing is a stub

ASKED = """
[corpus]
voices = ["docs", "code"]
tuning = 0.5
bytes_per_voice = 30_000
[inductor.text]
memory_mib = 1
[[stage]]
kind = "pretrain"
name = "school"
[[stage]]
kind = "finetune"
voices = "docs"
[experiments]
examples = 20
tax_bits = 4
reward = { length = 40 }
"""


def real(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return Config.load(path).plan()


def test_experiments_are_asked_of_the_first_stage(tmp_path):
    made = real(tmp_path, ASKED)
    asked, (pretrain, tune) = made.experiments, made.curriculum.stages
    assert (made.pretrained, made.curriculum.keep) == ("school", ["school"])
    assert (asked.examples, asked.tax_bits, asked.reward) == (20, 4, gm.rewards.length(40))
    assert asked.pretrain is pretrain
    assert asked.tuning.digest == tune.corpus.digest
    assert asked.held_out.digest == made.curriculum.held_out.digest
    assert list(asked.build(["code"]).families) == ["code"]
    assert real(tmp_path, ASKED.partition("[experiments]")[0]).experiments is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    (
        ("tuning = 0.5", "", "need a first stage that is a pretrain, a finetune, and .* held_out and tuning"),
        ("tuning = 0.5", "tuning = 0.5\nheld_out = 0", "shares for held_out and tuning"),
        ('kind = "pretrain"', 'kind = "finetune"', "a first stage that is a pretrain"),
        ('kind = "finetune"\nvoices = "docs"', 'kind = "pretrain"', "a finetune"),
        ('voices = "docs"', "", r"\[experiments\]: experiments tune with one voice; .*'docs', 'code'"),
        ("tuning = 0.5", "tuning = 2", r"\[corpus\]: tuning: "),
        ("examples = 20", "example = 20", r"unknown key 'example' in \[experiments\]; did you mean 'examples'"),
        ("examples = 20", "examples = 2.5", r"\[experiments\]: examples = 2.5; give a whole number"),
        ("examples = 20", "seed = 20", r"unknown key 'seed' in \[experiments\]"),
        ("{ length = 40 }", '"nice"', r"\[experiments\]: unknown reward 'nice'"),
    ),
)
def test_experiments_that_cannot_be_asked_are_refused(tmp_path, old, new, words):
    assert old in ASKED
    with pytest.raises(ConfigError, match=words):
        real(tmp_path, ASKED.replace(old, new))
