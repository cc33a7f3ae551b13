"""Processes from plain data."""

from collections.abc import Mapping
from typing import Any

from gruemarket.errors import InputError
from gruemarket.names import check_known
from gruemarket.processes.hidden import HiddenMarkov
from gruemarket.processes.process import Process
from gruemarket.processes.sequences import Recorded, Switch, ThueMorse

KINDS: dict[str, Any] = {
    "hidden Markov": HiddenMarkov,
    "Thue-Morse": ThueMorse,
    "recorded": Recorded,
    "switch": Switch,
}


def from_definition(definition: Mapping[str, Any]) -> Process:
    """The process that `Process.definition` told.

    Raises:
        InputError: an unknown kind, or data that is not of such a process.

    >>> from gruemarket.processes import even
    >>> from_definition(even().definition())
    <HiddenMarkov 'even': 2 symbols, 19.8 bits>
    """
    if not isinstance(definition, Mapping):
        raise InputError(f"{definition!r} is no definition; give what a process's definition() gives")
    given = dict(definition)
    kind = given.pop("kind", None)
    check_known(kind, KINDS, "kind of process")
    for part in ("before", "after"):
        if part in given:
            given[part] = from_definition(given[part])
    made: Process = KINDS[kind](**given)
    return made
