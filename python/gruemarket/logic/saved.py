"""A logical inductor as a file: who trades on which terms, and the exact price of every day.

What was bought follows from the prices, so it is not stored: loading enters every day again at its prices, without
looking for any, and checks each certificate. The file is a name, a checksum, and compressed JSON.
"""

import dataclasses
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from gruemarket import files
from gruemarket._core import Sentence
from gruemarket.errors import CheckpointError, InputError
from gruemarket.logic import numbers
from gruemarket.logic.features import Feature, rebuilt
from gruemarket.logic.nodes import Leaf
from gruemarket.logic.sentences import parse
from gruemarket.logic.steps import Flat, flatten
from gruemarket.saved import class_name, found

NAME = b"gruemarket logic 2"  # the last character is the format
SEAL = 32  # bytes of a SHA-256
KEYS = {"given", "sentences", "days", "observed", "frozen"}
BROKEN = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What comes of a file that says something else than it should."""


class NotPlain(Exception):  # noqa: N818  # it never leaves this package
    """Something that only the program that made it can make again."""


def plain(given: Any) -> Any:  # noqa: PLR0911  # a line a kind
    """A definition as JSON; `made` is its inverse.

    Raises:
        NotPlain: it is a function without a name of its own, a generator, or of a class that is no dataclass.
    """
    if given is None or isinstance(given, bool | float | str):
        return given
    if isinstance(given, int) and abs(given) < 1 << 63:
        return given
    if isinstance(given, int | Fraction):
        return {"fraction": numbers.told(Fraction(given))}
    if isinstance(given, Sentence):
        return {"sentence": _text(given)}
    if isinstance(given, Feature):
        flat = flatten([given])
        leaves = [[plain(leaf.sentence), leaf.day, leaf.offset] for leaf in flat.leaves]
        return {"feature": [*flat.steps[::2], [numbers.told(c) for c in flat.steps[1]], leaves]}
    if isinstance(given, Mapping):
        return {"mapping": [[plain(key), plain(value)] for key, value in given.items()]}
    if isinstance(given, list | tuple):
        return {type(given).__name__: [plain(one) for one in given]}
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        fields = [field.name for field in dataclasses.fields(given) if field.init]
        return {"class": class_name(type(given)), "fields": {name: plain(getattr(given, name)) for name in fields}}
    if callable(given) and "<" not in getattr(given, "__qualname__", "<") and getattr(given, "__self__", None) is None:
        return {"function": class_name(given)}
    raise NotPlain(f"{given!r}")


def _text(sentence: Sentence) -> str:
    try:
        return str(sentence)
    except InputError as error:  # its parts are shared so often that it is too long
        raise NotPlain(repr(sentence)) from error


def made(told: Any) -> Any:
    """What `plain` told."""
    if not isinstance(told, dict):
        return told
    ((kind, value),) = ((k, v) for k, v in told.items() if k != "fields")
    makers: dict[str, Callable[[Any], Any]] = {
        "fraction": numbers.heard,
        "sentence": parse,
        "feature": _feature,
        "mapping": lambda pairs: {made(key): made(one) for key, one in pairs},
        "list": lambda each: [made(one) for one in each],
        "tuple": lambda each: tuple(made(one) for one in each),
        "function": lambda name: found(name, "a function of this inductor"),
        "class": lambda name: found(name, "a part of this inductor")(**{k: made(v) for k, v in told["fields"].items()}),
    }
    return makers[kind](value)


def _feature(told: Any) -> Feature:
    steps, roots, constants, leaves = told
    flat = Flat(
        ([tuple(step) for step in steps], [numbers.heard(c) for c in constants], roots),
        [Leaf(made(sentence), day, offset) for sentence, day, offset in leaves],
    )
    return rebuilt(flat)


def write(path: Path, state: Mapping[str, Any]) -> None:
    """Puts the file at `path` in one step.

    Raises:
        OSError: it cannot be written. What was there still is.
    """
    data = zlib.compress(json.dumps(state).encode(), 1)
    files.write(path, NAME + hashlib.sha256(data).digest() + data)


def read(path: Path) -> dict[str, Any]:
    """What `write` put there.

    Raises:
        CheckpointError: it is no such file, a newer one, or damaged.
        FileNotFoundError: there is none.
    """
    whole = path.read_bytes()
    name, seal, data = whole[: len(NAME)], whole[len(NAME) :][:SEAL], whole[len(NAME) + SEAL :]
    if len(name) == len(NAME) and name[:-1] == NAME[:-1] and name != NAME:
        age = "a newer" if name > NAME else "an older"
        raise CheckpointError(f"{path} is of {age} gruemarket; load it with that")
    if name != NAME or hashlib.sha256(data).digest() != seal:
        raise CheckpointError(
            f"{path}: not a whole file of a logical inductor (truncated or damaged); use an older copy"
        )
    state: dict[str, Any] = json.loads(zlib.decompress(data))
    if not isinstance(state, dict) or set(state) != KEYS:
        raise CheckpointError(f"{path}: not what a logical inductor writes of itself; use an older copy")
    return state


def given_or_told(name: str, given: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    """An argument of the inductor: the one that is given now, else the one in the file.

    Raises:
        CheckpointError: what the file says of it makes no sense.
        InputError: it is in neither.
    """
    if name in given:
        return given[name]
    if name not in told:
        raise InputError(
            f"{name} of this inductor cannot be kept in a file (a function without a name, or a generator): "
            f"give {name}= again"
        )
    try:
        return made(told[name])
    except BROKEN as error:
        raise CheckpointError(f"{name} of this inductor cannot be read from the file: {error}") from error
