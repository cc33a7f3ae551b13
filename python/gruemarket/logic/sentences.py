"""Sentences: atoms, and what not, and, or, implies, iff and "exactly one of" make of them.

>>> import gruemarket as gm
>>> rain, wet = gm.logic.Atom("rain"), gm.logic.Atom("wet")
>>> print((rain >> wet) & ~wet)
(rain -> wet) & ~wet
>>> gm.logic.parse("(rain -> wet) & ~wet") is (rain >> wet) & ~wet
True
"""

from collections.abc import Iterable
from typing import TypeAlias

from gruemarket._core import Sentence, atom, one_of, parse_sentence
from gruemarket.errors import InputError

SentenceLike: TypeAlias = Sentence | str | bool
"""A sentence, its text, or True or False."""

TRUE: Sentence = parse_sentence("true")
"""What holds in every world."""
FALSE: Sentence = parse_sentence("false")
"""What holds in no world."""


def Atom(name: str) -> Sentence:  # noqa: N802  it reads as the thing that it makes
    """The atom of a name: a sentence about which nothing else is said.

    Args:
        name: any text but the empty one. Names such as `rain`, `pi[13]=7` or `coin[2]=heads` (letters, digits, `_`,
            `.`, then indices in square brackets, then `=value`) print as they are, others in double quotes.

    Returns:
        The sentence; for the same name always the same object.

    Raises:
        InputError: the name is empty or not a text.

    >>> Atom("rain"), Atom("2 + 2 = 4"), Atom("rain") is Atom("rain")
    (<rain>, <"2 + 2 = 4">, True)
    """
    if not isinstance(name, str):
        raise InputError(f'an atom is named by a text, not by {name!r}; write Atom("rain")')
    return atom(name)


def parse(text: str) -> Sentence:
    """Reads a sentence.

    From the tightest: `~`, `&`, `|`, `->` (from the right: `a -> b -> c` is `a -> (b -> c)`), `<->`; brackets; `true`,
    `false`; `one(a, b, c)` for exactly one of them. `!`, `not`, `and`, `or`, `=>`, `<=>`, `==` and the signs of logic
    are read too. Python's `>>` binds more tightly than `&`, so in Python brackets are needed around it; in text `->`
    is written.

    Args:
        text: the sentence.

    Returns:
        The sentence, as it is written: nothing is simplified, and `str` gives the same text with the fewest brackets.

    Raises:
        InputError: it cannot be read; the message says where and why.

    >>> parse("a & ~b -> c").kind, str(parse("((a) & (not b)) => c"))
    ('implies', 'a & ~b -> c')
    """
    if not isinstance(text, str):
        raise InputError(f'a sentence is read from a text, not from {text!r}; write parse("a & ~b -> c")')
    return parse_sentence(text)


def one(*sentences: SentenceLike) -> Sentence:
    """Exactly one of these holds: they are exclusive and exhaustive.

    Its size, and the time that it takes, grow with the number of sentences, not with that of pairs.

    Args:
        sentences: at least one.

    Returns:
        The sentence.

    Raises:
        InputError: there are none.

    >>> print(one("red", "green", "blue"))
    one(red, green, blue)
    """
    return one_of(*(as_sentence(sentence) for sentence in sentences))


def as_sentence(given: SentenceLike) -> Sentence:
    """A sentence as it is, a text read, True and False as the constants.

    Args:
        given: one of these.

    Returns:
        The sentence.

    Raises:
        InputError: it is something else, or a text that cannot be read.

    >>> as_sentence("a | b"), as_sentence(True)
    (<a | b>, <true>)
    """
    if isinstance(given, Sentence):
        return given
    if isinstance(given, bool):
        return TRUE if given else FALSE
    if isinstance(given, str):
        return parse_sentence(given)
    raise InputError(f"{given!r} is no sentence; give a sentence (Atom, parse, operators), or its text")


def as_sentences(given: Iterable[SentenceLike]) -> list[Sentence]:
    """Several of them.

    Raises:
        InputError: one of them is no sentence, or a single one was given.

    >>> as_sentences(["a", ~Atom("b")])
    [<a>, <~b>]
    """
    if isinstance(given, Sentence | str | bool) or not isinstance(given, Iterable):
        raise InputError(f"{given!r} is not a list of sentences; write [{given!r}]")
    return [as_sentence(sentence) for sentence in given]
