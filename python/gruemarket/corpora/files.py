"""Corpora from a user's own files: a folder, JSON lines or Parquet."""

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from gruemarket.corpora.corpus import COLUMNS, Corpus, in_columns
from gruemarket.errors import InputError
from gruemarket.names import check_known

TABLES = (".jsonl", ".ndjson", ".parquet")


def read(
    path: str | os.PathLike[str],
    *,
    voice: str | None = "voice",
    text: str = "text",
    title: str = "title",
    year: str = "year",
) -> Corpus:
    """Reads a corpus from a folder of files, a file of JSON lines (.jsonl, .ndjson) or a Parquet file.

    In a folder every file is a document, its voice the first folder on the way to it; files that lie in the folder
    itself have the folder's name as their voice. Files hold any bytes; those whose names begin with a dot are left out.
    In a table every row is a document. Documents without text are skipped with a warning.

    Args:
        path: the folder or file.
        voice: the column that names each row's voice; None makes everything one voice, named after the file or folder.
        text: the column of the text: strings, or bytes in Parquet.
        title: the column of the title, which need not be there.
        year: the column of the year, which need not be there. The columns licence and source are taken if they are.

    Raises:
        InputError: a column is missing, a line is not JSON, a file is not Parquet, a voice has no text at all.
        OSError: the path does not exist or cannot be read.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("ham", "spam"):
    ...     (folder / name).mkdir()
    ...     _ = (folder / name / "1.txt").write_bytes(b"dear all")
    >>> read(folder)
    Corpus(2 documents, 16 B: ham 8 B, spam 8 B)
    """
    path = Path(path)
    columns = {"voice": voice, "text": text, "title": title, "year": year, "licence": "licence", "source": "source"}
    if path.is_dir():
        frame = _folder(path, one_voice=voice is None)
    elif path.suffix in TABLES:
        table = _parquet(path) if path.suffix == ".parquet" else _json_lines(path)
        frame = _table(table, path, columns)
    elif path.exists():
        raise InputError(f"{path} is neither a folder nor one of {', '.join(TABLES)}; put texts into a folder")
    else:
        raise FileNotFoundError(f"{path} does not exist; give a folder or one of {', '.join(TABLES)}")
    return Corpus(_with_text(frame, path))


# --- Folders


def _folder(path: Path, *, one_voice: bool) -> pl.DataFrame:
    own_name = path.resolve().name or "files"
    rows = []
    for file in _visible(path):
        parts = file.relative_to(path).parts
        voice = own_name if one_voice or len(parts) == 1 else parts[0]
        rows.append((voice, "/".join(parts), None, file.read_bytes(), None, str(path)))
    if not rows:
        raise InputError(f"{path} holds no files; give a folder of texts, or of one folder for each voice")
    empty = {folder.name for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith(".")}
    if not one_voice and (missing := empty - {row[0] for row in rows}):
        raise InputError(f"{path}: voice {min(missing)!r} has no files; fill its folder or remove it")
    return pl.DataFrame(rows, COLUMNS, orient="row")


def _visible(path: Path) -> Iterator[Path]:
    """The files below a folder, in the order of their names whatever the file system's."""
    for entry in sorted(path.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _visible(entry)
        else:
            yield entry


# --- Tables


def _parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path} is not a whole Parquet file: {error}") from error


def _json_lines(path: Path) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.isspace():
                continue
            try:
                row = json.loads(line)
            except UnicodeDecodeError as error:
                hint = "JSON is UTF-8, a folder's files may hold any bytes"
                raise InputError(f"{path}, line {number}: not UTF-8; {hint}") from error
            except json.JSONDecodeError as error:
                raise InputError(f"{path}, line {number}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise InputError(f"{path}, line {number}: {type(row).__name__}; give an object, {{...}}, on every line")
            rows.append(row)
    if not rows:
        raise InputError(f"{path} is empty; give one object with a text on every line")
    try:
        return pl.DataFrame(rows, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise InputError(f"{path}: a column changes its type: {error}") from error


def _table(table: pl.DataFrame, path: Path, columns: dict[str, str | None]) -> pl.DataFrame:
    """A user's table with a corpus's columns."""
    hints = {"voice": "; name the voices' column with voice=, or take all as one voice with voice=None"}
    for column in ("text", "voice"):
        if (given := columns[column]) is not None:
            try:
                check_known(given, table.columns, "column", where=f" in {path}")
            except InputError as error:
                raise InputError(f"{error}{hints.get(column, '; name the texts’ column with text=')}") from None
    whole = {"voice": pl.lit(path.stem).alias("voice"), "source": pl.lit(str(path)).alias("source")}
    chosen = {
        column: pl.col(given).alias(column) if given in table.columns else whole.get(column)
        for column, given in columns.items()
    }
    try:
        return in_columns(table.select(column for column in chosen.values() if column is not None))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


# --- What both share


def _with_text(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The documents that have text, if every voice has some."""
    length = pl.col("text").bin.size().fill_null(0)
    silent = frame.group_by("voice", maintain_order=True).agg(length.sum()).filter(pl.col("text") == 0)
    if len(silent):
        raise InputError(f"{path}: voice {silent['voice'][0]!r} has no text; give it some or leave it out")
    empty = frame.filter(length == 0)
    if len(empty):
        first = empty.select("voice", "title").row(0)
        some = f"{len(empty)} of {len(frame)} documents"
        warnings.warn(f"{path}: {some} are empty and skipped, the first is {first}", stacklevel=3)
    return frame.filter(length > 0)
