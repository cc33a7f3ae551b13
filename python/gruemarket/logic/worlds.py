"""The worlds that agree with what is revealed, and what sentences are worth in them."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from gruemarket._core import PlausibleWorlds, Sentence
from gruemarket.logic.numbers import exact, mapping
from gruemarket.logic.sentences import SentenceLike, as_sentence, as_sentences


@dataclass(frozen=True)
class Worth:
    """The least or greatest worth of shares.

    Attributes:
        value: exact.
        truths: of each sentence, in one world where they are worth that.
    """

    value: Fraction
    truths: dict[Sentence, bool]


class Worlds:
    """PC(D): every truth assignment of the atoms in which all revealed sentences hold.

    Nothing is enumerated: atoms that revealed sentences join are kept as a decision diagram of their own, or as clauses
    where that would be too large; atoms that nothing joins cost nothing. Revealing a sentence touches only what it
    speaks of.

    Args:
        revealed: sentences that hold from the start.

    Raises:
        InputError: they contradict each other, or one is no sentence.

    >>> import gruemarket as gm
    >>> worlds = gm.logic.Worlds(["rain -> wet", "one(red, green, blue)"])
    >>> worlds.minimum({"rain": 1, "wet": -1, "red": -2, "blue": -3}).value
    Fraction(-4, 1)
    >>> worlds.reveal("~wet | blue", "rain")
    >>> [worlds.truth(sentence) for sentence in ("wet", "blue & ~red", "snow")]
    [True, True, None]
    """

    def __init__(self, revealed: Iterable[SentenceLike] = ()) -> None:
        self._core = PlausibleWorlds()
        self.reveal(*as_sentences(revealed))

    def reveal(self, *sentences: SentenceLike) -> None:
        """Keeps only the worlds where all of these hold.

        Args:
            sentences: what is revealed.

        Raises:
            InputError: no world would be left; the message names the sentence. Nothing has changed then.
        """
        self._core.reveal(as_sentences(sentences))

    def truth(self, sentence: SentenceLike) -> bool | None:
        """The truth value that a sentence has in every world; None if it holds in some and fails in others.

        Args:
            sentence: any sentence.

        Returns:
            It is decided exactly.
        """
        return self._core.truth(as_sentence(sentence))

    def decided(self) -> dict[Sentence, bool]:
        """What is decided of atoms, and of sentences whose worth was asked for.

        Returns:
            Their truth values, in the order in which they came about.
        """
        return dict(self._core.decided())

    def minimum(self, shares: Mapping[SentenceLike, Any]) -> Worth:
        """What these shares are worth at least: each pays 1 if its sentence holds.

        Args:
            shares: a number for each sentence, negative ones too; a float counts as exactly what it is.

        Returns:
            The least worth over all worlds, and a world where they are worth that.

        Raises:
            InputError: a number that is not finite.
        """
        return self._extreme(shares, greatest=False)

    def maximum(self, shares: Mapping[SentenceLike, Any]) -> Worth:
        """What these shares are worth at most; see `minimum`."""
        return self._extreme(shares, greatest=True)

    def _extreme(self, shares: Mapping[SentenceLike, Any], *, greatest: bool) -> Worth:
        mapping(shares, "shares")
        sentences = as_sentences(shares)
        numbers = [exact(number, "a number of shares") for number in shares.values()]
        value, truths = self._core.extreme(sentences, numbers, greatest)
        return Worth(value, dict(zip(sentences, truths, strict=True)))

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        other._core = copy(self._core)
        return other
