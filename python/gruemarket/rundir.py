"""The run directory: whose config is in it, how far it has come, and snapshots from which it goes on."""

import json
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from gruemarket import files
from gruemarket._core import build_info
from gruemarket.errors import CheckpointError, InputError
from gruemarket.history import History

FORMAT = 1
MANIFEST, LOCK, CHECKPOINT, SEAL = "manifest.json", ".lock", "checkpoint", "snapshot.json"


class RunDirectory(AbstractContextManager["RunDirectory"]):
    """A directory that belongs to one run, and to one process at a time.

    It is made if it is not there; one that holds a run of the same config is continued. `with` holds its lock, which
    the system releases even when the process is killed.

    Args:
        path: the directory: new, empty, or one of a run.
        config: everything that determines the results, as plain data: dicts, lists, strings, numbers, None.
        seeds: the seeds of the run.

    Raises:
        InputError: the directory holds other files, or a run of another config (the message says what differs), or
            another process is working on that run, or the config is not plain data.
        CheckpointError: its manifest is damaged, or of a newer gruemarket.
        OSError: it cannot be written, or the disk is full.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with RunDirectory(folder, {"batch": 16}, seeds=[1]) as run:
    ...     _ = run.snapshot(lambda place: (place / "money").write_text("1"))
    >>> with RunDirectory(folder, {"batch": 16}, seeds=[1]) as run:
    ...     (run.latest() / "money").read_text(), run.finished
    ('1', False)
    >>> RunDirectory(folder, {"batch": 32}, seeds=[1])
    Traceback (most recent call last):
    gruemarket.errors.InputError: ... is the run of another config:
      batch: 16 there, 32 given
    give that config, or another directory
    """

    def __init__(self, path: str | os.PathLike[str], config: Mapping[str, Any], seeds: Iterable[int] = (0,)) -> None:
        self.path = Path(path)
        given = {"config": plain(config), "seeds": plain(list(seeds))}
        _refuse_foreign(self.path)
        with advised(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = files.locked(self.path / LOCK)
            self._enter_lock()
        try:
            self._open(given)
        except BaseException:
            self.close()
            raise

    def _enter_lock(self) -> None:
        try:
            self._lock.__enter__()
        except BlockingIOError as error:
            holder = (self.path / LOCK).read_text()
            raise InputError(
                f"{self.path} is in use: process {holder} works on this run; wait for it, or give another directory"
            ) from error

    def _open(self, given: dict[str, Any]) -> None:
        found = read_manifest(self.path) if (self.path / MANIFEST).exists() else None
        if found is None:
            self._manifest = {"format": FORMAT, **given, "status": "running", "created": _now(), "finished": None}
            self._put(**origin(), resumed=[])
            return
        self._manifest = found
        if lines := differences({key: found[key] for key in given}, given):
            told = "\n".join(f"  {line}" for line in lines)
            raise InputError(
                f"{self.path} is the run of another config:\n{told}\ngive that config, or another directory"
            )
        if not self.finished:
            self._put(resumed=[*found["resumed"], {"at": _now(), **origin()}])

    # --- How far it has come

    @property
    def manifest(self) -> dict[str, Any]:
        """What `manifest.json` says."""
        return dict(self._manifest)

    @property
    def finished(self) -> bool:
        """Whether the run is done, so that its history can be loaded."""
        return bool(self._manifest["status"] == "finished")

    def history(self) -> History:
        """The result of a finished run.

        Raises:
            InputError: the run is not finished.
        """
        if not self.finished:
            raise InputError(f"the run in {self.path} is not finished; give its command again to continue it")
        return History.load(self.path)

    def finish(self, history: History) -> None:
        """Saves the result and marks the run as finished; its last snapshot stays.

        Raises:
            OSError: the disk is full; the run can be continued.
        """
        with advised(self.path):
            history.save(self.path)
            self._put(status="finished", finished=_now())

    # --- Snapshots

    def snapshot(self, write: Callable[[Path], object]) -> Path:
        """Keeps a state of the run: `write` puts its files into the empty folder that it is given.

        The folder gets its name, one number more than the last, only once all of it is durable; only then the one
        before is deleted. Whatever `write` raises leaves the one before.

        Raises:
            OSError: the disk is full.
        """
        home = self.path / CHECKPOINT
        number = max((number for number, _ in _snapshots(self.path)), default=-1) + 1
        place, partial = home / f"{number:06}", home / f"{number:06}{files.PARTIAL}"
        with advised(self.path):
            home.mkdir(exist_ok=True)
            self._delete_all_but(self.latest())
            partial.mkdir()
            try:
                write(partial)
                files.write(partial / SEAL, _dump({"files": _sizes(partial)}))
                files.sync_tree(partial)
                partial.rename(place)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            files.sync_folder(home)
            self._delete_all_but(place)
        return place

    def latest(self) -> Path | None:
        """The newest snapshot that is whole, or None: the run begins at its beginning."""
        return latest(self.path)

    def _delete_all_but(self, kept: Path | None) -> None:
        for place in (self.path / CHECKPOINT).iterdir():
            if place != kept and place.name.removesuffix(files.PARTIAL).isdecimal():
                shutil.rmtree(place)

    # --- The manifest and the lock

    def _put(self, **changes: Any) -> None:
        manifest = self._manifest | changes
        with advised(self.path):
            files.write(self.path / MANIFEST, _dump(manifest))
        self._manifest = manifest

    def close(self) -> None:
        """Lets go of the directory."""
        self._lock.__exit__(None, None, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r}, {self._manifest['status']})"


def latest(path: str | os.PathLike[str]) -> Path | None:
    """The newest snapshot in a run directory that is whole, or None, whoever is working on it."""
    return next((place for _, place in sorted(_snapshots(Path(path)), reverse=True) if _whole(place)), None)


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The manifest of a run directory, whoever is working on it.

    Raises:
        FileNotFoundError: it has none.
        CheckpointError: it is damaged, or of a newer gruemarket.
    """
    file = Path(path) / MANIFEST
    try:
        found = json.loads(file.read_bytes())
        number = found["format"]
        _ = found["config"], found["seeds"], found["status"], found["resumed"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is not the manifest of a run, or is damaged; give another directory") from error
    if number != FORMAT:
        raise CheckpointError(f"{file} has format {number}, this gruemarket knows {FORMAT}; install a newer gruemarket")
    return dict(found)


def origin() -> dict[str, Any]:
    """What made a result: the versions, and the git commit of the working directory if there is one."""
    return {
        "gruemarket": build_info(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "polars": version("polars"),
        "platform": platform.platform(),
        "git": git_commit(),
    }


def git_commit() -> dict[str, Any] | None:
    """The commit of the working directory, and whether files differ from it; None without git or a repository."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603 # our own words

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None


def plain(value: Any, key: str = "config") -> Any:
    """A value as JSON keeps it: what it says is what is compared.

    Raises:
        InputError: there is something in it that is not plain data; the message says where.

    >>> plain({"step": np.float64(0.5), "orders": range(3), "limit": float("inf")})
    {'step': 0.5, 'orders': [0, 1, 2], 'limit': 'inf'}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(item, f"{key}[{i}]") for i, item in enumerate(value)]
    raise InputError(f"{key}: {type(value).__name__} is not plain data; give dicts, lists, strings, numbers or None")


def differences(found: Any, given: Any, key: str = "") -> list[str]:
    """Where two plain values differ, a line each.

    >>> differences({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3], "c": None})
    ['b[1]: 2 there, 3 given', 'c: nothing there, None given']
    """
    if isinstance(found, dict) and isinstance(given, dict):
        names = [*found, *(name for name in given if name not in found)]
        return [line for name in names for line in _item(found, given, name, _below(key, name))]
    if isinstance(found, list) and isinstance(given, list):
        pairs = (dict(enumerate(found)), dict(enumerate(given)))
        longer = max(len(found), len(given))
        return [line for i in range(longer) for line in _item(*pairs, i, f"{key}[{i}]")]
    same = found == given and isinstance(found, bool) == isinstance(given, bool)
    return [] if same else [f"{key}: {found!r} there, {given!r} given"]


def _item(found: dict[Any, Any], given: dict[Any, Any], name: Any, key: str) -> list[str]:
    if name not in found:
        return [f"{key}: nothing there, {given[name]!r} given"]
    if name not in given:
        return [f"{key}: {found[name]!r} there, nothing given"]
    return differences(found[name], given[name], key)


def _below(key: str, name: str) -> str:
    """A key's name as users know it: the manifest's outermost `config` goes without saying."""
    return name if key in ("", "config") else f"{key}.{name}"


@contextmanager
def advised(path: Path) -> Iterator[None]:
    """Errors of the system, of the same class, with advice."""
    try:
        yield
    except OSError as error:
        said = error.strerror or str(error)
        advice = f"{said}; the run directory {path} cannot be written: free some space, or give another directory"
        raise type(error)(error.errno, advice, error.filename) from error


def _refuse_foreign(path: Path) -> None:
    """A new directory shall not be mixed with what somebody keeps in an old one."""
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path} is a file; give the name of a directory")
    names = sorted(item.name for item in path.iterdir() if not item.name.startswith("."))
    if names and MANIFEST not in names:
        some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise InputError(f"{path} is not a run directory and holds other files ({some}); give a new or empty directory")


def _snapshots(path: Path) -> Iterator[tuple[int, Path]]:
    home = path / CHECKPOINT
    for place in home.iterdir() if home.is_dir() else ():
        if place.name.isdecimal():
            yield int(place.name), place


def _sizes(folder: Path) -> dict[str, int]:
    kept = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SEAL)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in kept}


def _whole(place: Path) -> bool:
    """Whether a snapshot still has all of its files at their full lengths; what is in them, their readers check."""
    try:
        return bool(json.loads((place / SEAL).read_bytes())["files"] == _sizes(place))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _dump(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
