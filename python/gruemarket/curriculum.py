"""Curricula: stages in turn, written down, resumable at any moment."""

import json
import os
import time
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gruemarket import files
from gruemarket.conventions import stage_name
from gruemarket.corpora import Corpus
from gruemarket.errors import InputError
from gruemarket.history import SCHEMAS, History
from gruemarket.inductor import Inductor
from gruemarket.names import check_known
from gruemarket.progress import Shown
from gruemarket.reinforce import Reinforce
from gruemarket.rundir import RunDirectory
from gruemarket.samples import Sample
from gruemarket.stages import FineTune, Records, Row, Stage, names_of, plain_text, stream, whole

BEFORE = "before"  # the first stage, for samples and evaluations
SNAPSHOT = 60.0  # seconds of work that a kill may cost
PROBES = 1024  # bytes of an episode of held-out text
MOST_PROBES = 32_768  # bytes of a voice that are evaluated
LOOK = 2**32 - 1  # in the place of a stage's index: the random stream of samples


class Callback:
    """What is called as a curriculum runs; a method that returns True stops the run.

    Any object with some of these methods will do.
    """

    def on_stage_start(self, stage: Stage, inductor: Inductor) -> bool | None:
        """Before the first step of a stage."""

    def on_batch(self, stage: Stage, step: int, inductor: Inductor) -> bool | None:
        """After each step."""

    def on_stage_end(self, stage: Stage, inductor: Inductor) -> bool | None:
        """After the last step of a stage."""


EVENTS = ("on_stage_start", "on_batch", "on_stage_end")


class Curriculum:
    """A list of stages.

    Args:
        stages: `Pretrain`, `FineTune`, `Reinforce`, each with a name of its own.
        seed: of everything that is drawn; several for several runs.
        held_out: documents that no stage shows; before and after each stage their bits per byte are measured, for the
            market and for each account.
        prompts: what is continued before and after each stage, to look at; None takes those of the stages that have
            any, or the empty text.
        sample_bytes: length of these continuations; 0 draws none.
        keep: names of stages after which a run directory keeps the inductor, as `inductors/STAGE-SEED`.

    Raises:
        InputError: no stages, two of one name, a stage called "before" or by the name of a column of provenance; seeds
            that are not different whole numbers from 0 on;
            prompts that are not a list of texts.

    >>> import gruemarket as gm
    >>> corpus = gm.Corpus(pl.DataFrame({"voice": ["a", "b"], "text": ["aaaa" * 40, "bcbc" * 40]}))
    >>> inductor = gm.Inductor({name: gm.Text(memory_mib=1) for name in corpus.voices})
    >>> stages = [gm.Pretrain(corpus, episode_bytes=40), gm.FineTune(corpus.filter("b"), examples=2, episode_bytes=40)]
    >>> gm.Curriculum(stages, seed=1).run(inductor, progress=False)
    History(seed 1: pretrain, finetune, 2 accounts, 3 batches)
    >>> inductor.market.wealth.round(2).tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        seed: int | Sequence[int] = 0,
        held_out: Corpus | None = None,
        prompts: Sequence[str | bytes] | None = None,
        sample_bytes: int = 200,
        keep: Sequence[str] = (),
    ) -> None:
        self.stages = list(stages)
        if not self.stages:
            raise InputError("a curriculum of no stages; give one or more")
        if BEFORE in [stage_name(name) for name in names_of(self.stages)]:
            raise InputError(f"a stage is called {BEFORE!r}, which stands for what was there before the first")
        self.seeds = list(seed) if isinstance(seed, Sequence | np.ndarray) else [seed]
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"seeds {self.seeds}; give one or more, each once")
        for one in self.seeds:
            whole(0, seed=one)
        whole(0, sample_bytes=sample_bytes)
        given: Any = prompts
        listed: list[Any] = (
            list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else [None]
        )
        if given is not None and not all(isinstance(p, str | bytes) for p in listed):
            raise InputError(f"prompts {prompts!r}; give a list of texts, or None")
        known = [p for stage in self.stages for p in getattr(stage, "prompts", ())] or [""]
        chosen: list[str | bytes] = list(dict.fromkeys(known)) if given is None else listed
        self.prompts = [p.encode() if isinstance(p, str) else p for p in chosen] if sample_bytes else []
        self.held_out, self.sample_bytes = held_out, sample_bytes
        for name in keep:
            check_known(name, names_of(self.stages), "stage", where=" in keep")
        self.keep = list(keep)

    def config(self, inductor: Inductor) -> dict[str, Any]:
        """Everything that determines the results, in plain values."""
        return {
            "inductor": inductor.config(),
            "stages": [stage.config() for stage in self.stages],
            "held_out": None if self.held_out is None else self.held_out.digest,
            "prompts": [plain_text(p) for p in self.prompts],
            "sample_bytes": self.sample_bytes,
        }

    def run(
        self,
        inductor: Inductor,
        *,
        out: str | os.PathLike[str] | None = None,
        progress: bool = True,
        callbacks: Callback | Sequence[Callback] = (),
        report: bool = True,
    ) -> History:
        """Runs the stages.

        With one seed the inductor itself is trained. With several, a fork of it for each, and it stays as it was: their
        results are in the history; a callback sees each fork, and the run directory's checkpoint keeps the last.

        A run with `out` leaves a run directory: the same call continues one that was stopped, or killed, with the same
        bits; it returns the result of one that is finished, and makes the given inductor the trained one, as far as the
        run would have. A run that fails before its first snapshot leaves the inductor as it was. Without `out` it
        stays as the last step has left it, but for what families had learned in one that failed.

        Args:
            inductor: as it stands before the first stage; to continue a run, either this or the one that it trained.
            out: the run directory; None keeps everything in memory.
            progress: bars in a terminal, lines elsewhere; both go to stderr.
            callbacks: see `Callback`. A run that they stop is not finished: the same call goes on with it.
            report: whether a finished run directory gets its `report.html`, which takes some seconds.

        Raises:
            InputError: the directory holds another run, or the stages do not fit the inductor or their corpus.
            OSError: the directory cannot be written; what was there can be continued.
        """
        heard = list(callbacks) if isinstance(callbacks, Sequence) else [callbacks]
        if strange := [one for one in heard if not any(hasattr(one, event) for event in EVENTS)]:
            raise InputError(f"callback {strange[0]!r} has no {', '.join(EVENTS)}; see gm.Callback")
        for i, stage in enumerate(self.stages):
            if stage.length((self.seeds[0], i)) < 1:
                raise InputError(f"stage {stage.name} has no steps")
        self._check_redefined(inductor)
        with Shown(wanted=progress) as shown:
            if out is None:
                return self._run(inductor, None, shown, heard)
            with RunDirectory(out, self._begun(inductor, Path(out).resolve()), self.seeds) as directory:
                history = self._run(inductor, directory, shown, heard)
                page = directory.path / "report.html"
                if report and directory.finished and not page.exists():
                    # drawing takes as long to import as all the rest
                    draw = import_module("gruemarket.report").report
                    draw(history, page, manifest=directory.manifest)
                return history

    def _check_redefined(self, inductor: Inductor) -> None:
        """Raises InputError if a stage redefines a family that will not be there."""
        known = list(inductor.families)
        for stage in self.stages:
            if isinstance(stage, FineTune | Reinforce) and stage.redefine is not False:
                who = stage.redefine
                names = list(known) if who is True else [who] if isinstance(who, str) else list(who)
                for name in names:
                    check_known(name, known, "family", where=f" in redefine of stage {stage.name}")
                known += [fork for name in names if (fork := f"{name}@{stage.name}") not in known]

    def _begun(self, inductor: Inductor, path: Path) -> dict[str, Any]:
        """The config of the run in a directory; also where the inductor is the one that this run has changed."""
        if inductor.origin is None or inductor.origin[0] != path:
            inductor.origin = path, inductor.config()
        return self.config(inductor) | {"inductor": inductor.origin[1]}

    def _run(self, inductor: Inductor, directory: RunDirectory | None, shown: Shown, callbacks: list[Any]) -> History:
        course = Course(self, inductor, shown, callbacks, directory)
        if directory is not None and directory.finished:
            return directory.history()
        try:
            stopped = course.run()
        except BaseException:
            course.give_back()
            raise
        history = History.joined(course.histories)
        if directory is not None:
            if stopped:
                history.save(directory.path)
            else:
                directory.finish(history)
        return history


class Course:
    """One run of a curriculum: where it stands, and what it has written down."""

    def __init__(
        self,
        curriculum: Curriculum,
        inductor: Inductor,
        shown: Shown,
        callbacks: list[Any],
        directory: RunDirectory | None,
    ) -> None:
        self.curriculum, self.given, self.shown, self.callbacks = curriculum, inductor, shown, callbacks
        self.directory, self.saved = directory, time.monotonic()
        self.histories: list[History] = []
        self.alone = len(curriculum.seeds) == 1
        self._begin()
        latest = None if directory is None else directory.latest()
        if latest is not None:
            self.restore(latest)
        # a process that fails before there is a snapshot shall not leave the given inductor half trained
        self.untouched = inductor.fork() if directory is not None and latest is None and self.alone else None

    def _begin(self) -> None:
        """Stands before the first stage of the next seed."""
        self.inductor = self.given if self.alone else self.given.fork()
        self.stage, self.step = 0, -1  # step -1: the stage has not begun
        self.first = 0, 0  # batch and episode of the stage
        self.rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
        self.kept: dict[str, pl.DataFrame] = {}  # rows of before a snapshot

    @property
    def seed(self) -> int:
        """The seed that is running."""
        return int(self.curriculum.seeds[len(self.histories)])

    # --- Running

    def run(self) -> bool:
        """Runs to the end; whether a callback stopped it."""
        while True:
            stopped = self._run_seed()
            if stopped:
                self.save()
            self.histories.append(self.history())
            if stopped or len(self.histories) == len(self.curriculum.seeds):
                return stopped
            self._begin()
            self.save()

    def _run_seed(self) -> bool:
        if self.stage == 0 and self.step < 0:
            self._look(BEFORE)
            self._write_wealth(self.curriculum.stages[0].name, -1)
        while self.stage < len(self.curriculum.stages):
            stage = self.curriculum.stages[self.stage]
            key = (self.seed, self.stage)
            length = stage.length(key)
            self.shown.stage(self._title(stage), length, max(self.step, 0))
            if self.step < 0:
                stage.begin(self.inductor)
                self.step, self.first = 0, (self.inductor.market.batches, self.inductor.market.episodes)
                if self._hear("on_stage_start", stage):
                    return True
            while self.step < length:
                self._take(stage, key)
                self.shown.step(self.step, self._note())
                if self._hear("on_batch", stage, self.step - 1):
                    return True
                if time.monotonic() - self.saved > SNAPSHOT:
                    self.save()
            self._end(stage)
            if self._hear("on_stage_end", stage):
                return True
        return False

    def _take(self, stage: Stage, key: tuple[int, int]) -> None:
        records = Records()
        stage.play(self.inductor, self.step, key, records)
        self.rows["bits"].extend(records.bits)
        self.rows["rewards"].extend(records.rewards)
        self.step += 1
        self._write_wealth(stage.name, self.inductor.market.batches - 1)

    def _end(self, stage: Stage) -> None:
        market, (batch, episode) = self.inductor.market, self.first
        row = {"stage": stage.name, "kind": type(stage).__name__, "first_batch": batch}
        self.rows["stages"].append({**row, "last_batch": market.batches - 1, "episodes": market.episodes - episode})
        self._look(stage.name)
        if self.directory is not None and stage.name in self.curriculum.keep:
            self.inductor.save(self.directory.path / "inductors" / f"{stage.name}-{self.seed}")
        self.stage, self.step = self.stage + 1, -1
        self.save()

    def _hear(self, event: str, *arguments: Any) -> bool:
        heard = [getattr(callback, event, None) for callback in self.callbacks]
        answers = [call(*arguments, self.inductor) for call in heard if call is not None]
        return any(answers)  # all of them are asked first

    def _title(self, stage: Stage) -> str:
        return stage.name if len(self.curriculum.seeds) == 1 else f"seed {self.seed}: {stage.name}"

    def _note(self) -> str:
        wealth = self.inductor.market.wealth
        richest = int(wealth.argmax())
        return f"{self.inductor.names[richest]} holds {wealth[richest]:.0%}"

    # --- Writing down

    def _write_wealth(self, stage: str, batch: int) -> None:
        market = self.inductor.market
        for name, share, bits in zip(market.names, market.wealth.tolist(), market.log2_wealth.tolist(), strict=True):
            row = {"stage": stage, "batch": batch, "episodes": market.episodes, "account": name}
            self.rows["wealth"].append({**row, "wealth": share, "log2_wealth": bits})

    def _look(self, stage: str) -> None:
        """Samples and evaluates what the stage has left."""
        self.shown.note(f"{stage}: samples and held-out text")
        for i, prompt in enumerate(self.curriculum.prompts):
            seed = stream(self.seed, LOOK, i)
            for sample in self.inductor.generate(prompt, self.curriculum.sample_bytes, n=2, seed=seed):
                self.rows["samples"].append({"stage": stage, **_shown(prompt, sample, self.inductor.names)})
        if self.curriculum.held_out is not None:
            self.rows["evaluation"].extend(evaluated(self.inductor, self.curriculum.held_out, stage))

    def history(self) -> History:
        """What the present seed has written down so far."""
        frames = {}
        for table, columns in SCHEMAS.items():
            schema = {name: column.dtype for name, column in columns.items() if name != "seed"}
            frame = pl.DataFrame(self.rows[table], schema, orient="row") if table != "provenance" else pl.DataFrame()
            frames[table] = pl.concat([self.kept[table], frame]) if table in self.kept else frame
        market = self.inductor.market
        frames["ledger"] = market.ledger()
        stages = [name for name in market.provenance().columns if name not in ("trader", "group")]
        frames["provenance"] = market.provenance().select(stages).rename({"name": "account"})
        if self.inductor.follows_definitions:
            found = market.definitions(top=len(market))
            frames["definitions"] = found.select(pl.col("name").alias("account"), "definition", "tax_bits", "wealth")
        seed = pl.lit(self.seed, dtype=pl.Int64).alias("seed")
        return History(**{table: frame.select(seed, pl.all()) for table, frame in frames.items()})

    # --- Snapshots

    def save(self) -> None:
        """Keeps the present state in the run directory, if there is one."""
        if self.directory is not None:
            self.directory.snapshot(self._write)
            self.untouched = None
        self.saved = time.monotonic()

    def _write(self, place: Path) -> None:
        self.inductor.save(place / "inductor")
        for i, history in enumerate(self.histories):
            history.save(place / f"history-{i}")
        for table, rows in self.rows.items():
            if rows:
                schema = {name: column.dtype for name, column in SCHEMAS[table].items() if name != "seed"}
                frame = pl.DataFrame(rows, schema, orient="row")
                self.kept[table] = pl.concat([self.kept[table], frame]) if table in self.kept else frame
                self.rows[table] = []
        for table, frame in self.kept.items():
            files.write_table(place / f"{table}.parquet", frame)
        stands = {"stage": self.stage, "step": self.step, "first": self.first, "seeds": len(self.histories)}
        files.write(place / "course.json", json.dumps(stands).encode())

    def restore(self, place: Path) -> None:
        """Goes back to where a snapshot was taken."""
        stands = json.loads((place / "course.json").read_bytes())
        self.stage, self.step, self.first = stands["stage"], stands["step"], tuple(stands["first"])
        self.histories = [History.load(place / f"history-{i}") for i in range(stands["seeds"])]
        self.kept = {p.stem: pl.read_parquet(p.read_bytes()) for p in place.glob("*.parquet")}
        self.inductor.become(Inductor.load(place / "inductor"))

    def give_back(self) -> None:
        """Makes the given inductor what it was, if there is no snapshot to go on from."""
        if self.untouched is not None:
            self.given.become(self.untouched)


def _shown(prompt: bytes, sample: Sample, names: Sequence[str]) -> Row:
    wealth = sample.responsibility[-1]
    best = int(wealth.argmax())
    shown = {"prompt": prompt.decode(errors="replace"), "text": sample.text, "bits": sample.bits}
    return {**shown, "bytes": len(sample.data), "account": names[best], "responsibility": float(wealth[best])}


def evaluated(inductor: Inductor, held_out: Corpus, stage: str = "") -> list[Row]:
    """Bits of held-out text by voice, for the market from the present slow wealth, and for each account."""
    rows: list[Row] = []
    for voice in held_out.voices:
        texts = held_out.filter(voice).limit(MOST_PROBES).episodes(PROBES)["text"].to_list()
        seen = inductor.rehearse(texts)
        count = sum(map(len, texts))
        bits = {"market": sum(one.bits for one in seen)}
        bits |= dict(zip(inductor.names, np.sum([one.account_bits for one in seen], axis=0).tolist(), strict=True))
        for name, found in bits.items():
            row = {"stage": stage, "voice": voice, "account": name, "bytes": count, "bits": found}
            rows.append({**row, "bits_per_byte": found / count})
    return rows
