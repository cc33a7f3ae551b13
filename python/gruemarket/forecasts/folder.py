"""Scores in a folder, which is written beside its place and then renamed."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from gruemarket import files, rundir
from gruemarket.errors import InputError
from gruemarket.forecasts.report import report
from gruemarket.forecasts.scores import Scores

KIND = "scores of forecasts"


def save(scores: Scores, given: Path) -> Path:
    """Writes frames, manifest and report; see `Scores.save`."""
    refuse_foreign(given)
    place = given.resolve()  # the folder that a link leads to is replaced, not the link
    partial = place.with_name(f".{place.name}{files.PARTIAL}")
    with rundir.advised(given):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            for name, frame in scores.frames().items():
                files.write_table(partial / f"{name}.parquet", frame)
            manifest = {"kind": KIND, "config": rundir.plain(scores.settings), **rundir.origin()}
            files.write(partial / rundir.MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
            report(scores, partial / "report.html")
            _put(partial, place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return given


def refuse_place(given: Path) -> None:
    """Finds out whether `save` could write there, and leaves nothing behind.

    Raises:
        InputError: the folder holds something else than scores.
        OSError: no folder can be made there.
    """
    refuse_foreign(given)
    place = given.resolve()
    while not place.parent.exists():
        place = place.parent
    with rundir.advised(given), TemporaryDirectory(prefix=f".{place.name}.", suffix=files.PARTIAL, dir=place.parent):
        pass


def refuse_foreign(place: Path) -> None:
    """Raises InputError if there is something at the place that holds no scores."""
    if not place.exists():
        return
    if place.is_dir() and not any(place.iterdir()):
        return
    try:
        ours = json.loads((place / rundir.MANIFEST).read_bytes())["kind"] == KIND
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise InputError(f"{place} holds something else than scores; give a new folder, or one that scores are in")


def _put(partial: Path, place: Path) -> None:
    """The new folder takes the old one's place; between the two renames there is none, never half a one."""
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    partial.rename(place)
    files.sync_folder(place.parent)
    shutil.rmtree(old, ignore_errors=True)
