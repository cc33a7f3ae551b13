"""Stages of training: what is shown to an inductor, batch by batch, and who may learn from it."""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import polars as pl

from gruemarket.corpora import Corpus
from gruemarket.errors import InputError
from gruemarket.families import Adapter
from gruemarket.inductor import Inductor

Row = dict[str, Any]


def stream(seed: int, *key: int) -> int:
    """A seed of its own for every key: stage, step, ...; keys of different lengths differ too."""
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0]) >> 1


@dataclass
class Records:
    """What a stage writes down, row by row; the curriculum adds the seed."""

    bits: list[Row] = field(default_factory=list)
    rewards: list[Row] = field(default_factory=list)


class Stage(Protocol):
    """One stage of a curriculum."""

    @property
    def name(self) -> str:
        """Of the stage; heads its column of provenance, and is what a landmark of the tax names."""

    def length(self, key: Sequence[int]) -> int:
        """How many steps the stage has; `key` is (seed, index of the stage)."""

    def begin(self, inductor: Inductor) -> None:
        """Says who may learn, and redefines whom it has to."""

    def play(self, inductor: Inductor, index: int, key: Sequence[int], records: Records) -> None:
        """One batch: the inductor reads, or is rewarded; what happened goes into the records."""

    def config(self) -> dict[str, Any]:
        """Everything that determines what the stage does, in plain values."""


def freeze_all(inductor: Inductor, *, frozen: bool) -> None:
    """Freezes or thaws every family."""
    for name, family in inductor.families.items():
        Adapter(family, name).freeze(frozen)


@dataclass(frozen=True)
class Redefinition:
    """Whom a stage redefines, and what that costs.

    Attributes:
        who: True for every family, or names.
        bits: None takes it from the market's tax.
    """

    who: bool | tuple[str, ...]
    bits: float | None

    @classmethod
    def of(cls, redefine: bool | str | Sequence[str], bits: float | None) -> Self:  # noqa: FBT001  # as users give it
        """Checks what a stage was given.

        Raises:
            InputError: bits that are not above 0.
        """
        if bits is not None and not 0 < bits < np.inf:
            raise InputError(f"tax_bits={bits}; give a number above 0, or None for what the market's tax says")
        names = (redefine,) if isinstance(redefine, str) else redefine
        return cls(names if isinstance(names, bool) else tuple(names), bits)

    def begin(self, inductor: Inductor, stage: str) -> None:
        """Freezes every family; sets a learning fork beside those that are to be redefined."""
        freeze_all(inductor, frozen=True)
        if self.who:
            inductor.redefine(*(self.who if isinstance(self.who, tuple) else ()), bits=self.bits, stage=stage)

    def config(self) -> dict[str, Any]:
        """In plain values."""
        return {"redefine": self.who if isinstance(self.who, bool) else list(self.who), "tax_bits": self.bits}


def at_least(least: float, **given: float) -> None:
    """Raises InputError if an argument is less, or not finite."""
    for name, value in given.items():
        if not least <= value < np.inf:
            raise InputError(f"{name}={value}; give {least} or more")


def whole(least: int, **given: Any) -> None:
    """Raises InputError if an argument is less, or no whole number."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name}={value!r}; give a whole number, {least} or more")


@dataclass(frozen=True)
class Reading:
    """The part that is common to the stages that show episodes of a corpus."""

    corpus: Corpus
    _: KW_ONLY
    batch: int = 16
    episode_bytes: int = 512
    name: str = "reading"

    labelled: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.corpus, Corpus):
            raise InputError(f"stage {self.name}: {self.corpus!r} is not a corpus; see gm.corpora and gm.Corpus")
        whole(1, batch=self.batch, episode_bytes=self.episode_bytes)

    def episodes(self, key: Sequence[int]) -> pl.DataFrame:
        """The stage's episodes in their order: voice, document, start, text."""
        return _cut(self.corpus, self.episode_bytes, stream(*key))

    def length(self, key: Sequence[int]) -> int:
        """How many batches there are."""
        return -(-len(self.episodes(key)) // self.batch)

    def play(self, inductor: Inductor, index: int, key: Sequence[int], records: Records) -> None:
        """Reads a batch."""
        episodes, length = self.episodes(key), self.length(key)
        # batches of nearly equal size: after a short last one the money would lie with the few voices in it
        some = episodes[len(episodes) * index // length : len(episodes) * (index + 1) // length]
        voices, texts = some["voice"].to_list(), some["text"].to_list()
        labels = voices if self.labelled else None
        run = inductor.read(texts, labels=labels, batch=len(texts), stage=self.name, regret=False)
        ends = np.cumsum([span.rounds for span in run.spans])
        losses = np.add.reduceat(run.loss_bits, np.concatenate([[0], ends[:-1]]))
        for voice, text, span, bits in zip(voices, texts, run.spans, losses.tolist(), strict=True):
            row = {"batch": span.batch, "episode": span.episode, "voice": voice, "bytes": len(text), "bits": bits}
            records.bits.append({"stage": self.name, **row, "bits_per_byte": bits / len(text)})

    def config(self) -> dict[str, Any]:
        """Everything that determines what the stage does, in plain values."""
        shown = {"corpus": self.corpus.digest, "batch": self.batch, "episode_bytes": self.episode_bytes}
        return {"kind": type(self).__name__, "name": self.name, **shown}


_CUTS: dict[tuple[str, int, int], pl.DataFrame] = {}  # of the last corpora, which a stage asks for at every step


def _cut(corpus: Corpus, episode_bytes: int, seed: int) -> pl.DataFrame:
    key = (corpus.digest, episode_bytes, seed)
    if key not in _CUTS:
        if len(_CUTS) >= 4:
            _CUTS.clear()
        _CUTS[key] = corpus.episodes(episode_bytes, seed)
    return _CUTS[key]


@dataclass(frozen=True)
class Pretrain(Reading):
    """Shows every episode of a corpus once; each family learns from those labelled with its name.

    Every family is thawed. Episodes of a voice without a family are read too, and nobody learns from them.

    Args:
        corpus: documents with their voices.
        batch: how many episodes are resolved at once, at most; batches are of nearly equal size. Where an episode tells
            its voice, the book after a batch is nearly the batch's own mixture of voices, so bigger batches hold it
            steadier.
        episode_bytes: documents are cut into episodes of this length.
        name: of the stage.

    >>> import gruemarket as gm, polars as pl
    >>> corpus = gm.Corpus(pl.DataFrame({"voice": ["a", "b"], "text": ["aaaa" * 40, "bcbc" * 40]}))
    >>> gm.Pretrain(corpus, batch=2, episode_bytes=64).length((1, 0))
    3
    """

    name: str = "pretrain"

    def begin(self, inductor: Inductor) -> None:
        """Everybody may learn, each from what is labelled as its own."""
        freeze_all(inductor, frozen=False)


@dataclass(frozen=True)
class FineTune(Reading):
    """Shows a few episodes of a corpus to families that are frozen, or to their redefinitions.

    Without `redefine` only money moves: the rich families that already predict the corpus get richer. With it, each
    family gets a fork beside it that learns from every episode of this stage, and pays for saying so (see
    `Inductor.redefine`): money can then tell selection (to an old, frozen voice) from modification (to a fork).

    Args:
        corpus: what is shown.
        examples: how many episodes, drawn without replacement.
        batch: how many episodes are resolved at once.
        episode_bytes: the length of an episode.
        redefine: False, True for every family, or names of families.
        tax_bits: what a redefinition costs; None takes it from the market's tax, a landmark of this stage first.
        name: of the stage.
    """

    examples: int = 200
    batch: int = 1
    redefine: bool | str | Sequence[str] = False
    tax_bits: float | None = None
    name: str = "finetune"

    labelled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(1, examples=self.examples)
        _ = self._redefinition

    def episodes(self, key: Sequence[int]) -> pl.DataFrame:
        """The examples in their order."""
        found = super().episodes(key)
        if len(found) < self.examples:
            raise InputError(
                f"stage {self.name}: {self.examples} examples of {self.episode_bytes} bytes, but the corpus has "
                f"{len(found)}; give fewer examples, or shorter ones"
            )
        return found.head(self.examples)

    def begin(self, inductor: Inductor) -> None:
        """Everybody is frozen but the forks."""
        self._redefinition.begin(inductor, self.name)

    def config(self) -> dict[str, Any]:
        """Everything that determines what the stage does, in plain values."""
        return {**super().config(), "examples": self.examples, **self._redefinition.config()}

    @property
    def _redefinition(self) -> Redefinition:
        return Redefinition.of(self.redefine, self.tax_bits)


def plain_text(given: str | bytes) -> str:
    """Text as a manifest keeps it; different bytes stay different."""
    return given.decode(errors="backslashreplace") if isinstance(given, bytes) else given


def names_of(stages: Iterable[Stage]) -> list[str]:
    """The stages' names, each once.

    Raises:
        InputError: two stages have the same name.
    """
    names = [stage.name for stage in stages]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two stages are called {', '.join(twice)}; give each its name=")
    return names
