r"""Rewards: what a rollout is worth.

A reward is any callable that takes a list of texts and returns one finite number for each; higher is better, and only
differences within a group count. Texts are what was generated, decoded from UTF-8 with `errors="replace"`.

>>> import gruemarket as gm
>>> gm.rewards.parses_as_python(["x = 1", "x = ", "x = 1\ny = "])
[1.0, 0.0, 0.5]
>>> polite = gm.rewards.mean_of(gm.rewards.contains(["please", "thank"]), gm.rewards.length(20))
>>> polite(["please", "thank you, please do."])
array([0.4  , 0.975])
"""

import ast
import importlib
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket.arrays import vector
from gruemarket.errors import InputError
from gruemarket.names import check_known

__all__ = [
    "Reward",
    "check",
    "contains",
    "length",
    "matches",
    "mean_of",
    "name_of",
    "named",
    "parses_as_python",
    "score",
]

Rewarding = Callable[[list[str]], Any]
"""A reward as users write one; what it returns is read as (n,) floats."""


# --- Ready-made rewards


@dataclass(frozen=True, repr=False)
class Reward:
    """A reward that carries its name, so that a run's manifest can say which it was; equal if the names are.

    Attributes:
        name: how it is written.
        of_texts: the rewards of some texts.
    """

    name: str
    of_texts: Rewarding = field(compare=False)

    def __call__(self, texts: Sequence[str]) -> Any:
        """One reward for each text."""
        return self.of_texts(list(texts))

    def __repr__(self) -> str:
        return self.name


def parses_as_python(texts: Sequence[str]) -> list[float]:
    """The share of a text's lines, blank ones aside, in the longest prefix of whole lines that Python parses.

    1 if all of it parses, 0 if it is blank or its first line is wrong by itself; between them, a text that was cut off
    in its last statement keeps what stands before. Nothing is run.
    """
    return [_parsed_share(text) for text in texts]


def _parsed_share(text: str) -> float:
    lines = text.splitlines(keepends=True)
    filled = np.cumsum([bool(line.strip()) for line in lines])
    for end in range(len(lines), 0, -1):
        if _parses("".join(lines[:end])):
            return float(filled[end - 1] / max(filled[-1], 1))
    return 0.0


def _parses(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an escape like "\d" is bad style, not bad Python
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
            return False
    return True


def contains(words: Sequence[str]) -> Reward:
    """The share of these words that the text contains, as they are written."""
    given: Any = words
    wanted = [words] if isinstance(words, str) else list(words) if isinstance(given, Iterable) else [given]
    if strange := [word for word in wanted if not isinstance(word, str)]:
        raise InputError(f"contains: {strange[0]!r} is not a text; give words")
    if not wanted:
        raise InputError("contains: no words; give one or more")
    return Reward(
        f"contains({wanted!r})", lambda texts: [sum(word in text for word in wanted) / len(wanted) for text in texts]
    )


def length(target: int) -> Reward:
    """1 at `target` characters, and 1/target less for each more or fewer; not below 0."""
    if not target >= 1:
        raise InputError(f"length: target {target!r}; give 1 or more characters")
    return Reward(
        f"length({target!r})", lambda texts: [max(1 - abs(len(text) - target) / target, 0.0) for text in texts]
    )


def matches(regex: str) -> Reward:
    """1 where the regular expression is found somewhere in the text, else 0; `^`, `$` and `.` as in `re.search`."""
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise InputError(f"matches: {regex!r} is not a regular expression: {error}") from error
    return Reward(f"matches({regex!r})", lambda texts: [float(pattern.search(text) is not None) for text in texts])


def mean_of(*rewards: Rewarding) -> Reward:
    """The mean of several rewards."""
    if not rewards:
        raise InputError("mean_of: no rewards; give one or more")
    name = f"mean_of({', '.join(map(name_of, rewards))})"
    return Reward(name, lambda texts: np.mean([score(reward, texts) for reward in rewards], axis=0))


# --- Calling them


def score(reward: Rewarding, texts: Sequence[str], *, where: str = "") -> npt.NDArray[np.float64]:
    """(n,) the rewards of n texts, checked.

    Args:
        reward: the callable.
        texts: what was generated.
        where: for the errors: at which step, of which prompt.

    Raises:
        InputError: the reward raised (that error is the cause of this one), or returned what `check` refuses.

    >>> score(parses_as_python, ["1 + 1"]).tolist()
    [1.0]
    """
    at = f" at {where}" if where else ""
    try:
        values = reward(list(texts))
    except Exception as error:
        raise InputError(f"reward {name_of(reward)} raised{at}: {type(error).__name__}: {error}") from error
    try:
        return check(values, texts)
    except InputError as error:
        raise InputError(f"reward {name_of(reward)}{at}: {error}") from error


def check(values: Any, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """(n,) rewards as float64: one finite number for each text.

    Raises:
        InputError: NaN, an infinity, no number, more or fewer than there are texts; names the rollout.

    >>> check([1, float("nan")], ["yes", "no"])
    Traceback (most recent call last):
    gruemarket.errors.InputError: rollout 1 of 2 ('no') was rewarded with nan; give a finite number for every text
    """
    rewards = vector(values, "rewards")
    if len(rewards) != len(texts):
        raise InputError(f"{len(rewards)} rewards for {len(texts)} rollouts; give one for every text")
    for i in np.flatnonzero(~np.isfinite(rewards))[:1]:
        raise InputError(
            f"rollout {i} of {len(texts)} ({_shortened(texts[i])}) was rewarded with {rewards[i]}; "
            "give a finite number for every text"
        )
    return rewards


def _shortened(text: str, width: int = 60) -> str:
    return repr(text if len(text) <= width else text[:width] + "...")


# --- Names


def name_of(reward: Rewarding) -> str:
    """How a reward is written: the name that `named` takes, for those that are functions of a module.

    >>> name_of(parses_as_python), name_of(contains("x")), name_of(__import__("os").path.isfile)
    ('parses_as_python', "contains(['x'])", 'genericpath:isfile')
    """
    if isinstance(reward, Reward):
        return reward.name
    module, name = getattr(reward, "__module__", None), getattr(reward, "__qualname__", None)
    if not (module and name):
        return repr(reward)
    return name if module == __name__ else f"{module}:{name}"


SIMPLE = {"parses_as_python": parses_as_python}
MAKERS: dict[str, Callable[[Any], Reward]] = {"contains": contains, "length": length, "matches": matches}


def named(name: Any, *, folder: Path | None = None) -> Rewarding:
    """The reward of a name, as a TOML file gives it.

    Args:
        name: "parses_as_python"; a table of one key: `{contains = ["a", "b"]}`, `{length = 80}`, `{matches = "^A"}`,
            `{mean_of = [...]}` with rewards of any of these kinds; or "module:function", a function of one's own.
        folder: where modules are looked for first.

    Raises:
        InputError: no such reward, module or function.

    >>> named({"mean_of": ["parses_as_python", {"length": 80}]})
    mean_of(parses_as_python, length(80))
    """
    if isinstance(name, dict) and len(name) == 1:
        ((maker, argument),) = name.items()
        check_known(maker, [*MAKERS, "mean_of"], "reward")
        if maker == "mean_of":
            return mean_of(*(named(one, folder=folder) for one in argument))
        return MAKERS[maker](argument)
    if not isinstance(name, str):
        raise InputError(f"reward {name!r}; give a name, or a table of one key such as {{length = 80}}")
    if ":" not in name:
        check_known(name, SIMPLE, "reward", where=" (one of your own is 'module:function')")
        return SIMPLE[name]
    return _imported(name, folder)


def _imported(name: str, folder: Path | None) -> Rewarding:
    module_name, _, attribute = name.partition(":")
    try:
        with _importable(folder):
            module = importlib.import_module(module_name)
    except Exception as error:
        raise InputError(f"reward {name!r}: importing {module_name!r} raised {error!r}") from error
    if not callable(reward := getattr(module, attribute, None)):
        raise InputError(f"reward {name!r}: {module_name!r} has no function {attribute!r}")
    found: Rewarding = reward
    return found


@contextmanager
def _importable(folder: Path | None) -> Iterator[None]:
    if folder is None:
        yield
        return
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
