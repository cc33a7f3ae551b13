"""Files and folders that are whole or not there: written beside their place, synced, then renamed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import polars as pl

from gruemarket.errors import CheckpointError

PARTIAL = ".partial"  # what ends the name of something that is still being written


def write(path: Path, data: bytes) -> None:
    """Puts `data` where `path` is, in one step: at any moment the file is the old one or the new one.

    Raises:
        OSError: the folder cannot be written, or the disk is full. What was at `path` before is still there.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error
    sync_folder(path.parent)


def write_table(path: Path, frame: pl.DataFrame) -> None:
    """Puts a frame where `path` is, as zstd Parquet; atomic as `write` is."""
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    write(path, buffer.getvalue())


def sync_tree(folder: Path) -> None:
    """Makes a folder and all below it durable."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable, where the system can."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock that `path` stands for; the system lets go of it when the process ends, however that happens.

    The file stays behind, empty of meaning: what counts is the lock on it.

    Raises:
        BlockingIOError: another process, or another lock of this one, holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, path)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)  # which unlocks


if sys.platform == "win32":
    import msvcrt

    FAR = 2**30  # a byte that is never written, so that the others can be read while it is locked

    def _lock(descriptor: int, path: Path) -> None:
        os.lseek(descriptor, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, "locked by another process", str(path)) from error
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int, path: Path) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(error.errno, "locked by another process", str(path)) from error


@contextmanager
def taken_apart(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Turns what goes wrong while a saved file is read into one error: that it is not what it should be.

    Raises:
        CheckpointError: the file is damaged, or of something else.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, BadZipFile) as error:
        raise CheckpointError(f"{path}: not {what} ({error})") from error


def check_format(path: str | os.PathLike[str], given: Any, known: Any) -> None:
    """Refuses a file of a format that this version does not read."""
    if given != known:
        raise CheckpointError(f"{path} has format {given!r}; this gruemarket knows {known!r}")
