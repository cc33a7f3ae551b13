"""A saved inductor: a folder with its market, each family in a file of its class's own, and what else it stands on."""

import functools
import importlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gruemarket import files
from gruemarket.clearing import Clearing, Kelly
from gruemarket.errors import CheckpointError, InputError
from gruemarket.families import Adapter
from gruemarket.market import Market

FORMAT = 1
STATE, MARKET = "inductor.json", "market.safetensors"


def save(target: Path, market: Market, members: Sequence[Adapter], state: Mapping[str, Any]) -> None:
    """Writes the folder beside its place, syncs it, then renames it.

    Raises:
        CheckpointError: a family's class could not be found again.
        InputError: there is something else at `target`.
        OSError: the place cannot be written, or the disk is full. What was there before still is.
    """
    for member in members:
        found(class_name(type(member.family)), f"family {member.name}")
    _refuse_foreign(target)
    partial, old = (target.with_name(f".{target.name}.{os.getpid()}.{part}") for part in ("partial", "old"))
    partial.mkdir(parents=True)
    try:
        told = []
        for i, member in enumerate(members):
            member.save(partial / f"family-{i}")
            told.append({"name": member.name, "class": class_name(type(member.family)), "frozen": member.frozen})
        market.save(partial / MARKET)
        (partial / STATE).write_text(json.dumps({"format": FORMAT, **state, "members": told}, indent=1))
        files.sync_tree(partial)
    except BaseException:
        shutil.rmtree(partial)
        raise
    if target.exists():
        target.rename(old)
        partial.rename(target)
        shutil.rmtree(old)
    else:
        partial.rename(target)
    files.sync_folder(target.parent)


def load(folder: Path) -> tuple[Market, dict[str, Any], dict[str, Any]]:
    """The market, the families by name, and the state that were saved.

    Raises:
        CheckpointError: the folder is not an inductor's, is of a newer format, or damaged.
    """
    try:
        state = json.loads((folder / STATE).read_text())
        number, members = state["format"], [(m["name"], m["class"], m["frozen"]) for m in state["members"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder}: not a saved inductor ({error})") from error
    if number != FORMAT:
        raise CheckpointError(
            f"{folder} has format {number}, this gruemarket knows {FORMAT}; install a newer gruemarket"
        )
    families = {}
    for i, (name, kind, frozen) in enumerate(members):
        families[name] = found(kind, f"{folder}: family {name}").load(folder / f"family-{i}")
        Adapter(families[name], name).freeze(frozen)
    return Market.load(folder / MARKET), families, state


def class_name(kind: type) -> str:
    """A class as a text from which `found` finds it."""
    return f"{kind.__module__}:{kind.__qualname__}"


def found(name: str, whose: str) -> Any:
    """The class of that name."""
    module, _, qualname = name.partition(":")
    try:
        return functools.reduce(getattr, qualname.split("."), importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise CheckpointError(
            f"{whose} is a {name}, which cannot be imported; define the class at the top of a module"
        ) from error


def _refuse_foreign(path: Path) -> None:
    """What somebody keeps at `path` shall not be replaced."""
    if path.is_dir() and (not any(path.iterdir()) or (path / STATE).exists()):
        return
    if path.exists():
        raise InputError(f"{path} is there and is not a saved inductor; give a new name")


def told_clearing(clearing: Clearing | None) -> dict[str, Any]:
    """The clearing rule in plain values."""
    if clearing is None or isinstance(clearing, Kelly):
        return {"fraction": None if clearing is None else clearing.fraction}
    return {"fraction": None, "clearing": clearing.to_dict()}


def told(family: Any) -> Any:
    """What a family is, in plain values: its own word, or its class where it has none."""
    if hasattr(family, "config"):
        return family.config()
    kind: Any = type(family)
    return class_name(kind) if kind.__repr__ is object.__repr__ else repr(family)
