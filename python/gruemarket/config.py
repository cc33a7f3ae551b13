"""A run as a TOML file: the twin of the Python call.

Every table's keys are the arguments of what it builds, so they are documented there and checked against its signature:

    out = "out/run"                    # where the results go, seen from where the command is given
    seeds = [1]

    [corpus]                           # gm.corpora.voices, or gm.corpora.read if there is a path (seen from this file)
    voices = ["docs", "code"]
    held_out = 0.1                     # Corpus.split, with split_seed = 0
    bytes_per_voice = 1_000_000        # Corpus.limit, of the rest

    [inductor]                         # gm.Inductor, with one gm.Text for each voice of the corpus
    text = { memory_mib = 16 }         # gm.Text; its own clearing may be { kind = "logpool", step = 0.3 }
    clearing = { kind = "kelly", fraction = 0.1 }  # or "isoelastic", "logpool", "lmsr", with their arguments
    grue = { schedule = "inverse", unit = "episode", landmarks = { tune = 3.0 } }  # or schedule = { constant = 0.01 }

    [[stage]]
    kind = "pretrain"                  # gm.Pretrain; voices = [...] takes some of the corpus
    [[stage]]
    kind = "finetune"                  # gm.FineTune
    name = "tune"
    voices = ["docs"]
    [[stage]]
    kind = "reinforce"                 # gm.Reinforce
    prompts = ["def "]
    reward = "parses_as_python"        # see gm.rewards.named

    [curriculum]                       # further arguments of gm.Curriculum
"""

import inspect
import os
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, Union, cast, get_args, get_origin

import polars as pl

import gruemarket
from gruemarket import corpora, rewards, schedules
from gruemarket.corpora import Corpus
from gruemarket.errors import InputError, MarketError
from gruemarket.experiments import Experiments
from gruemarket.grue import GrueTax
from gruemarket.names import check_known
from gruemarket.stages import Pretrain

STAGES = {"pretrain": "Pretrain", "finetune": "FineTune", "reinforce": "Reinforce"}
CLEARINGS = {"kelly": "Kelly", "isoelastic": "Isoelastic", "logpool": "LogPool", "lmsr": "LMSR"}
SCHEDULES = [name for name in schedules.__all__ if name != "Schedule"]
TABLES = ("out", "seeds", "corpus", "inductor", "stage", "curriculum", "experiments")
CORPUS_KEYS = (
    "voices",
    "path",
    "voice",
    "text",
    "title",
    "year",
    "held_out",
    "tuning",
    "split_seed",
    "bytes_per_voice",
)


class ConfigError(InputError):
    """A configuration that cannot be run; the message says where in it."""


@dataclass(frozen=True)
class Plan:
    """What a configuration builds.

    Attributes:
        inductor: a family for each voice, and their market.
        curriculum: the stages, with the seeds.
        out: the run directory.
        experiments: what is asked of the inductor after `pretrained`, the name of its first stage; None if nothing is.
        pretrained: as `Curriculum.keep` names it.
    """

    inductor: Any
    curriculum: Any
    out: Path
    experiments: Experiments | None = None
    pretrained: str = ""


@dataclass(frozen=True)
class Config:
    """A TOML file as it was read.

    Attributes:
        tables: its contents, as this module's documentation shows them.
        folder: where it lies; its paths and modules are looked for from there.
    """

    tables: Mapping[str, Any]
    folder: Path

    @classmethod
    def load(cls, path: str | os.PathLike[str], changes: Sequence[str] = ()) -> Self:
        """Reads a file.

        Args:
            path: the file.
            changes: what else shall hold, as "key=value": `seeds=[1, 2]`, `inductor.clearing.fraction=0.5`, and for
                stages their number, from 1 on, or name: `stage.2.examples=50`. Values are TOML; what is not is text.

        Raises:
            ConfigError: it is not TOML, or a change has no place.
            OSError: it cannot be read.
        """
        path = Path(path)
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
        for change in changes:
            _set(tables, change)
        return cls(tables, path.resolve().parent)

    def plan(self, api: Any = gruemarket) -> Plan:
        """Builds everything, and runs nothing.

        Args:
            api: where the classes are found.

        Raises:
            ConfigError: an unknown key, voice, stage or name, a value of the wrong type, or what the built object
                refuses.
            OSError: the corpus cannot be read.
        """
        for key in self.tables:
            check(key, TABLES, "key")
        for key in ("corpus", "inductor", "stage"):
            if key not in self.tables:
                raise ConfigError(f"there is no [{key}]; one is needed")
        seeds, out = self.tables.get("seeds", [1]), self.tables.get("out", "out/run")
        fits(seeds, list[int], "seeds")
        fits(out, str, "out")
        tables = _tables(self.tables["stage"], "[[stage]]")
        names = [self._kind(table, place) for place, table in _numbered(tables)]
        train, held_out = self._corpus()
        train, tuning = self._tuning(train, tables)
        corpora_of = {"pretrain": train, "finetune": train if tuning is None else tuning}
        stages = [
            self._stage(api, corpora_of.get(table["kind"], train), table, place) for place, table in _numbered(tables)
        ]
        inductor = self._inductor(api, train.voices, names)
        given = {"seed": seeds if len(seeds) > 1 else seeds[0]}
        if held_out is not None:
            given["held_out"] = held_out
        experiments = None
        if "experiments" in self.tables:
            experiments = self._experiments(api, stages, tuning, held_out, names)
            given["keep"] = [stages[0].name]
        curriculum = call(api.Curriculum, self.tables.get("curriculum", {}), "[curriculum]", stages, **given)
        return Plan(inductor, curriculum, Path(out), experiments, stages[0].name)

    # --- Its tables, one by one

    def _corpus(self) -> tuple[Corpus, Corpus | None]:
        """What is learned from, and what is held out; None if `held_out` is 0."""
        table = _table(self.tables["corpus"], "[corpus]")
        for key in table:
            check(key, CORPUS_KEYS, "key", "[corpus]")
        names, path = table.get("voices"), table.get("path")
        columns = {key: table[key] for key in ("voice", "text", "title", "year") if key in table}
        if path is None and columns:
            raise ConfigError(f"[corpus]: {min(columns)!r} names a column of a file; give its path, or leave it out")
        with located("[corpus]"):
            if path is None:
                corpus = corpora.voices(names)
            else:
                corpus = corpora.read(self.folder / path, **columns)
                corpus = corpus if names is None else corpus.filter(names)
            share = table.get("held_out", 0.1)
            train, held_out = corpus.split(share, table.get("split_seed", 0)) if share else (corpus, None)
            limit = table.get("bytes_per_voice")
            return train if limit is None else train.limit(limit), held_out

    def _tuning(self, train: Corpus, stages: Sequence[Mapping[str, Any]]) -> tuple[Corpus, Corpus | None]:
        """What pretraining shows, and what is kept from it for fine-tuning: documents of the voices tuned."""
        share = self.tables["corpus"].get("tuning", 0)
        tuned_by = [table.get("voices", train.voices) for table in stages if table["kind"] == "finetune"]
        voices = {voice for given in tuned_by for voice in ([given] if isinstance(given, str) else given)}
        if not share or not voices:
            return train, None
        tuned = [voice for voice in train.voices if voice in voices]
        with located("[corpus]: tuning"):
            shown, tuning = train.filter(tuned).split(share, self.tables["corpus"].get("split_seed", 0))
            others = [voice for voice in train.voices if voice not in voices]
            rest = [train.filter(others).documents] if others else []
            return Corpus(pl.concat([*rest, shown.documents])), tuning

    def _experiments(
        self, api: Any, stages: Sequence[Any], tuning: Corpus | None, held_out: Corpus | None, names: Sequence[str]
    ) -> Experiments:
        table = dict(_table(self.tables["experiments"], "[experiments]"))
        if not isinstance(stages[0], Pretrain) or tuning is None or held_out is None:
            raise ConfigError(
                "[experiments] need a first stage that is a pretrain, a finetune, and in [corpus] shares for held_out "
                "and tuning"
            )
        if "reward" in table:
            with located("[experiments]"):
                table["reward"] = rewards.named(table["reward"], folder=self.folder)
        build = partial(self._inductor, api, stages=names)
        return cast("Experiments", call(Experiments, table, "[experiments]", stages[0], tuning, held_out, build))

    def _inductor(self, api: Any, voices: Sequence[str], stages: Sequence[str]) -> Any:
        table = dict(_table(self.tables["inductor"], "[inductor]"))
        text = dict(_table(table.pop("text", {}), "[inductor.text]"))
        if "clearing" in text:
            text["clearing"] = _clearing(api, text["clearing"], "[inductor.text.clearing]")
        if "grue" in text:
            text["grue"] = _grue(text["grue"], "[inductor.text.grue]", stages)
        if "clearing" in table:
            table["clearing"] = _clearing(api, table["clearing"], "[inductor.clearing]")
        if "grue" in table:
            table["grue"] = _grue(table["grue"], "[inductor.grue]", stages)
        families = {voice: call(api.Text, text, "[inductor.text]") for voice in voices}
        return call(api.Inductor, table, "[inductor]", families)

    def _kind(self, table: Mapping[str, Any], place: str) -> str:
        """The name of a stage, once its kind is known."""
        if "kind" not in table:
            raise ConfigError(f"{place} has no kind; one of {', '.join(STAGES)}")
        check(table["kind"], STAGES, "kind", place)
        name = table.get("name", table["kind"])
        fits(name, str, f"{place}: name")
        voices = table.get("voices", [])
        if not isinstance(voices, str) and not (isinstance(voices, list) and all(isinstance(v, str) for v in voices)):
            raise ConfigError(f"{place} ({name}): voices = {voices!r}; give a text or a list of texts")
        return str(name)

    def _stage(self, api: Any, corpus: Corpus, table: Mapping[str, Any], place: str) -> Any:
        arguments = {key: value for key, value in table.items() if key != "kind"}
        where = f"{place} ({table.get('name', table['kind'])})"
        make = getattr(api, STAGES[table["kind"]])
        given, also = {}, ["kind"]
        if "corpus" in inspect.signature(make).parameters:
            voices = arguments.pop("voices", None)
            also.append("voices")
            with located(where):
                given["corpus"] = corpus if voices is None else corpus.filter(voices)
        if "reward" in arguments:
            with located(where):
                arguments["reward"] = rewards.named(arguments["reward"], folder=self.folder)
        return call(make, arguments, where, also=also, **given)


def _clearing(api: Any, table: Any, where: str) -> Any:
    arguments = dict(_table(table, where))
    kind = arguments.pop("kind", "kelly")
    if kind == "demand":
        raise ConfigError(f"{where}: a demand is a function of yours, which a file cannot hold; clear by it in Python")
    check(kind, CLEARINGS, "kind", where)
    return call(getattr(api, CLEARINGS[kind]), arguments, where)


def _grue(table: Any, where: str, stages: Sequence[str]) -> GrueTax:
    arguments = dict(_table(table, where))
    if "schedule" in arguments:
        arguments["schedule"] = _schedule(arguments["schedule"], f"{where}: schedule")
    if "landmarks" in arguments:
        landmarks = _table(arguments["landmarks"], f"{where}: landmarks")
        for name in landmarks:
            if not name.isdecimal():
                check(name, stages, "stage", f"{where}: landmarks")
        arguments["landmarks"] = {int(key) if key.isdecimal() else key: bits for key, bits in landmarks.items()}
    tax: GrueTax = call(GrueTax, arguments, where)
    return tax


def _schedule(given: Any, where: str) -> schedules.Schedule:
    """A name, or a table of one name and its argument: `{ constant = 0.01 }`."""
    name, arguments = next(iter(given.items())) if isinstance(given, dict) and len(given) == 1 else (given, None)
    check(name, SCHEDULES, "schedule", where)
    make = getattr(schedules, name)
    with located(where):
        schedule: schedules.Schedule = make() if arguments is None else make(arguments)
        return schedule


# --- Places and types


@contextmanager
def located(where: str) -> Iterator[None]:
    """What is refused in here is refused with its place."""
    try:
        yield
    except ConfigError:
        raise
    except (MarketError, TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def check(name: Any, known: Sequence[str] | Mapping[str, Any], what: str, where: str = "the file") -> None:
    """Raises ConfigError if a name is unknown; suggests the nearest."""
    try:
        check_known(name, known, what, where=f" in {where}")
    except InputError as error:
        raise ConfigError(str(error)) from None


def call(make: Callable[..., Any], table: Any, where: str, *first: Any, also: Sequence[str] = (), **given: Any) -> Any:
    """`make(*first, **given, **table)`, if the table's keys and types are those of its signature.

    `also` are keys that have been taken out of the table before: they are known too.

    >>> call(gruemarket.Kelly, {"fractoin": 0.5}, "[clearing]")
    Traceback (most recent call last):
    gruemarket.config.ConfigError: unknown key 'fractoin' in [clearing]; did you mean 'fraction'? known: fraction
    """
    signature = inspect.signature(make)
    own = [*signature.parameters][: len(first)]
    open_to_all = {key: one for key, one in signature.parameters.items() if key not in own and key not in given}
    for key, value in _table(table, where).items():
        check(key, [*open_to_all, *also], "key", where)
        fits(value, open_to_all[key].annotation, f"{where}: {key}")
    with located(where):
        signature.bind(*first, **given, **table)
        return make(*first, **given, **table)


def fits(value: Any, hint: Any, where: str) -> None:
    """Raises ConfigError if a value has not the type of a simple annotation; leaves others to what takes them.

    >>> fits("16", int | None, "[[stage]] 1: batch")
    Traceback (most recent call last):
    gruemarket.config.ConfigError: [[stage]] 1: batch = '16'; give a whole number
    """
    hints = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    wanted = [_words(one) for one in hints if one is not types.NoneType]
    if all(wanted) and not any(_is_a(value, one) for one in hints):
        raise ConfigError(f"{where} = {value!r}; give {' or '.join(map(str, wanted))}")


SIMPLE = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list[int]: "whole numbers",
}


def _words(hint: Any) -> str | None:
    """A simple annotation in words; None for any other."""
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) is Sequence:
        return "a list"
    return next((words for kind, words in SIMPLE.items() if hint == kind), None)


def _is_a(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is Sequence:
        return isinstance(value, list)
    if hint == list[int]:
        return isinstance(value, list) and bool(value) and all(_is_a(one, int) for one in value)
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _table(given: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise ConfigError(f"{where} is {given!r}; give a table")
    return given


def _tables(given: Any, where: str) -> list[Mapping[str, Any]]:
    if not (isinstance(given, list) and given):
        raise ConfigError(f"{where} is {given!r}; give one or more tables")
    return [_table(table, place) for place, table in _numbered(given)]


def _numbered(stages: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(f"[[stage]] {number}", table) for number, table in enumerate(stages, start=1)]


# --- Changes


def _set(tables: dict[str, Any], change: str) -> None:
    """Puts "a.b=value" into the tables; a stage goes by its number or name."""
    key, equals, text = change.partition("=")
    *path, last = key.strip().split(".")
    if not (equals and last):
        raise ConfigError(f"--set {change!r}: give key=value, for instance inductor.clearing.fraction=0.5")
    table: Any = tables
    for i, part in enumerate(path):
        table = _step(table, part, f"--set {change!r}: {'.'.join(path[: i + 1])}")
    if not isinstance(table, dict):
        raise ConfigError(f"--set {change!r}: {'.'.join(path)} holds {table!r}, no keys")
    table[last] = _value(text.strip())


def _step(table: Any, part: str, where: str) -> Any:
    if isinstance(table, list):
        known: dict[str, Any] = {str(number): one for number, one in enumerate(table, start=1)}
        known |= {str(one.get("name", one.get("kind"))): one for one in reversed(table) if isinstance(one, dict)}
        check(part, known, "stage", where)
        return known[part]
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: {table!r} holds no keys")
    return table.setdefault(part, {})


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text
