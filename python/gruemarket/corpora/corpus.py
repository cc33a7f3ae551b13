"""The corpus: documents in voices, and how they are split, cut into episodes and shuffled.

Everything random here is a hash of the seed and of a document's own bytes: it depends neither on the order of the rows
nor on the version of a random generator, and equal texts never stand on both sides of a split.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Self

import polars as pl

from gruemarket.errors import InputError
from gruemarket.names import check_known

COLUMNS = {
    "voice": pl.String,
    "title": pl.String,
    "year": pl.Int32,
    "text": pl.Binary,
    "licence": pl.String,
    "source": pl.String,
}
Digest = bytes  # a name of its own: inside of Corpus, `bytes` is a property
EPISODE_COLUMNS = {"voice": pl.String, "document": pl.Int64, "start": pl.Int64, "text": pl.Binary}


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """Documents, each in one voice. Nothing changes a corpus; every method returns another one.

    Args:
        documents: a frame with the columns voice and text (bytes, or text that becomes UTF-8) and, where known, title,
            year, licence and source; other columns are left out. Frames of several corpora go together with
            `Corpus(pl.concat([one.documents, other.documents]))`.

    Attributes:
        documents: one row a document: voice, title, year (None if unknown), text (bytes), licence, source.

    Raises:
        InputError: no documents, a column or a voice's name is missing, a document without text.

    >>> import polars as pl
    >>> Corpus(pl.DataFrame({"voice": ["ham", "spam"], "text": ["dear all", b"buy now" * 300]}, strict=False))
    Corpus(2 documents, 2.1 kB: ham 8 B, spam 2.1 kB)
    """

    documents: pl.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "documents", _checked(self.documents))

    @property
    def voices(self) -> list[str]:
        """The voices' names, in order of first appearance."""
        return self.documents["voice"].unique(maintain_order=True).to_list()

    @property
    def bytes(self) -> int:
        """The length of all texts together, in bytes."""
        return int(self._lengths.sum())

    @cached_property
    def digest(self) -> str:
        """A name for exactly these texts in these voices, whatever the order of the rows: 32 hexadecimal digits."""
        texts = sorted(zip(self.documents["voice"], self._digests, strict=True))
        whole = blake2b(digest_size=16)
        for voice, digest in texts:
            whole.update(digest + voice.encode() + b"\0")
        return whole.hexdigest()

    def __len__(self) -> int:
        """How many documents there are."""
        return len(self.documents)

    def __repr__(self) -> str:
        sizes = self.documents.select("voice", bytes=self._lengths).group_by("voice", maintain_order=True).sum()
        voices = ", ".join(f"{voice} {size(count)}" for voice, count in sizes.iter_rows())
        return f"Corpus({len(self)} documents, {size(self.bytes)}: {voices})"

    def filter(self, voice: str | Sequence[str]) -> Self:
        """The documents of one voice or several.

        Raises:
            InputError: a voice that the corpus does not have; names those it has.

        >>> import gruemarket as gm
        >>> gm.corpora.voices(["docs", "code"]).filter(voice="docs").voices
        ['docs']
        """
        wanted = [voice] if isinstance(voice, str) else list(voice)
        if not wanted:
            raise InputError("no voice to filter by; give one name or several")
        for name in wanted:
            check_known(name, self.voices, "voice")
        return type(self)(self.documents.filter(pl.col("voice").is_in(wanted)))

    def split(self, held_out: float = 0.1, seed: int = 0) -> tuple[Self, Self]:
        """Two corpora, (train, held out), split by document within each voice.

        A voice of two texts or more holds out at least one and keeps at least one; a voice of a single text keeps it.
        Equal texts of a voice stay together. The same documents are held out whatever the order of the rows.

        Args:
            held_out: the share of each voice's documents, in (0, 1).
            seed: which documents.

        Raises:
            InputError: `held_out` is not in (0, 1), or no voice has two texts.

        >>> import gruemarket as gm
        >>> train, held_out = gm.corpora.voices(["docs"]).split(0.2)
        >>> round(len(held_out) / (len(train) + len(held_out)), 1)
        0.2
        """
        if not 0 < held_out < 1:
            raise InputError(f"held_out {held_out} is not in (0, 1)")
        draws = pl.Series("draw", [_draw(seed, digest) for digest in self._digests], dtype=pl.Binary)
        rank = pl.col("draw").rank("dense").over("voice")
        texts = pl.col("draw").n_unique().over("voice")
        share = pl.min_horizontal((held_out * texts + 0.5).floor().clip(1), texts - 1)
        chosen = self.documents.with_columns(draws).select(chosen=rank <= share).to_series()
        if not chosen.any():
            raise InputError("no voice has two different documents, so none can be held out; cut the texts into more")
        return type(self)(self.documents.filter(~chosen)), type(self)(self.documents.filter(chosen))

    def episodes(self, episode_bytes: int = 512, seed: int = 0) -> pl.DataFrame:
        """All texts, cut into episodes and shuffled by the seed.

        A document is cut from its start on, so only its last episode may be shorter. Every byte is in one episode.

        Args:
            episode_bytes: the length of an episode, 1 or more.
            seed: which order.

        Returns:
            One row an episode: voice, document (its row in `documents`), start (in bytes), text (bytes).

        >>> corpus = Corpus(pl.DataFrame({"voice": ["ham"], "text": ["abcde"]}))
        >>> corpus.episodes(2, seed=4).sort("start").rows()
        [('ham', 0, 0, b'ab'), ('ham', 0, 2, b'cd'), ('ham', 0, 4, b'e')]
        """
        _at_least_one(episode_bytes, "episode_bytes")
        rows = []
        for document, (voice, text) in enumerate(self.documents.select("voice", "text").iter_rows()):
            digest = self._digests[document] + voice.encode()
            for start in range(0, len(text), episode_bytes):
                draw = _draw(seed, start.to_bytes(8, "little"), digest)
                rows.append((draw, voice, document, start, text[start : start + episode_bytes]))
        schema = {"draw": pl.Binary} | EPISODE_COLUMNS
        return pl.DataFrame(rows, schema, orient="row").sort("draw", maintain_order=True).drop("draw")

    def sample(self, n: int, episode_bytes: int = 512, seed: int = 0) -> pl.DataFrame:
        """The first `n` of `episodes(episode_bytes, seed)`: drawn without replacement, every episode alike.

        Raises:
            InputError: there are fewer than `n` episodes.
        """
        _at_least_one(n, "n")
        episodes = self.episodes(episode_bytes, seed)
        if len(episodes) < n:
            raise InputError(
                f"{n} episodes of {episode_bytes} bytes were asked for, but {self!r} has {len(episodes)}; "
                "ask for fewer or shorter ones"
            )
        return episodes.head(n)

    def limit(self, bytes_per_voice: int) -> Self:
        """At most so many bytes of each voice: whole documents from all over it, the last one cut to fit.

        Which documents are kept depends on their texts, not on the order of the rows.
        """
        _at_least_one(bytes_per_voice, "bytes_per_voice")
        draw = pl.Series("draw", self._digests, dtype=pl.Binary)
        frame = self.documents.with_columns(draw, bytes=self._lengths).with_row_index("row").sort("draw", "row")
        left = bytes_per_voice - (pl.col("bytes").cum_sum() - pl.col("bytes")).over("voice")
        frame = frame.with_columns(left=left).filter(pl.col("left") > 0).sort("row")
        texts = [text[:left] for text, left in frame.select("text", "left").iter_rows()]
        return type(self)(frame.with_columns(text=pl.Series(texts, dtype=pl.Binary)))

    @cached_property
    def _lengths(self) -> pl.Series:
        return self.documents["text"].bin.size().cast(pl.Int64)

    @cached_property
    def _digests(self) -> list[Digest]:
        """One digest a document, of its text."""
        return [blake2b(text, digest_size=16).digest() for text in self.documents["text"]]


def _draw(seed: int, *parts: bytes) -> bytes:
    """16 bytes that look random: a hash of the seed and the parts."""
    state = blake2b(str(operator.index(seed)).encode() + b"\0", digest_size=16)
    for part in parts:
        state.update(part)
    return state.digest()


def _at_least_one(value: int, what: str) -> None:
    if operator.index(value) < 1:
        raise InputError(f"{what} {value}; give 1 or more")


def _checked(given: Any) -> pl.DataFrame:
    """The documents, each with a voice and a text."""
    frame = in_columns(given)
    if frame.is_empty():
        raise InputError("a corpus of no documents; give one or more")
    nameless, wordless = pl.col("voice").fill_null("") == "", pl.col("text").fill_null(b"") == b""
    for wrong, what in ((nameless, "no voice; name one"), (wordless, "no text; leave it out")):
        for row, voice, title in frame.with_row_index().filter(wrong).head(1).select("index", "voice", "title").rows():
            raise InputError(f"document {row} (voice {voice!r}, title {title!r}) has {what}")
    return frame


def in_columns(given: Any) -> pl.DataFrame:
    """A frame with exactly this module's columns, in its types; those that are absent are null."""
    if not isinstance(given, pl.DataFrame):
        raise InputError(f"documents of type {type(given).__name__}; give a Polars frame with columns voice and text")
    for column in ("voice", "text"):
        if column not in given.columns:
            raise InputError(f"the documents have no column {column!r}, only {', '.join(given.columns) or 'none'}")
    if (dtype := given.schema["text"]) not in (pl.String, pl.Binary, pl.Null):
        raise InputError(f"the documents' text has the type {dtype}; give strings or bytes")
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in COLUMNS.items() if name not in given.columns]
    try:
        return given.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in COLUMNS.items())
    except pl.exceptions.PolarsError as error:
        raise InputError(f"the documents' columns do not fit: {error}") from error


def size(count: int) -> str:
    """A number of bytes for people.

    >>> size(512), size(20_480), size(1_581_994)
    ('512 B', '20.5 kB', '1.6 MB')
    """
    for unit, width in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= width:
            return f"{count / width:.1f} {unit}"
    return f"{count} B"
