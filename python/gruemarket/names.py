"""Names that users give, checked against those that exist."""

import difflib
from collections.abc import Iterable

from gruemarket.errors import InputError


def check_known(name: object, known: Iterable[str], what: str, *, where: str = "") -> None:
    """Raises InputError if a name is not among those known: says which are, and which is nearest.

    >>> check_known("voics", ["voices", "path"], "key", where=" in [corpus]")
    Traceback (most recent call last):
    gruemarket.errors.InputError: unknown key 'voics' in [corpus]; did you mean 'voices'? known: path, voices
    """
    names = sorted(known)
    if name in names:
        return
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"unknown {what} {name!r}{where}; {hint}known: {', '.join(names) or 'none'}")
