"""The processes that have names, as machines."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from gruemarket.checks import between, number, whole
from gruemarket.errors import InputError
from gruemarket.families import count_of, outcomes_of
from gruemarket.processes import codes
from gruemarket.processes.hidden import HiddenMarkov

Edges = dict[tuple[str, int], dict[str, float]]


def constant(symbol: int = 0, outcomes: int = 2) -> HiddenMarkov:
    """One symbol for ever."""
    return periodic([symbol], outcomes=outcomes, name="constant")


def alternating(outcomes: int = 2) -> HiddenMarkov:
    """0, 1, ..., K - 1 again and again, from 0 on."""
    return periodic(range(outcomes), outcomes=outcomes, name="alternating")


def periodic(
    word: Any, *, outcomes: int | None = None, phase: int | None = 0, name: str | None = None, bits: float | None = None
) -> HiddenMarkov:
    """A word again and again.

    Args:
        word: symbols, or a text of digits such as "0010".
        outcomes: K; None takes one more than the largest symbol, at least 2.
        phase: where in the word it begins; None does not tell, which costs the true forecaster up to log2 of the
            word's length once.
        name: None takes "periodic" with the word.
        bits: its description length; None takes that of the word, letter by letter.

    Raises:
        InputError: an empty word, something else than symbols, or a phase outside of the word.

    >>> periodic("001").sample(7).tolist()
    [0, 0, 1, 0, 0, 1, 0]
    """
    if (isinstance(word, str) and word and not word.isdecimal()) or not isinstance(word, Iterable):
        raise InputError(f"a word {word!r}; give symbols, or a text of digits such as '0010'")
    letters = list(map(int, word)) if isinstance(word, str) else list(word)
    if not letters:
        raise InputError("a periodic process without a word; give one symbol or more")
    count = count_of(letters, outcomes)
    symbols = outcomes_of(letters, count, "a word").tolist()
    length = len(symbols)
    if phase is not None:
        phase = whole(phase, "phase", 0, length - 1)
    transitions = np.zeros((count, length, length))
    for s, symbol in enumerate(symbols):
        transitions[symbol, s, (s + 1) % length] = 1
    return HiddenMarkov(
        transitions,
        initial=np.full(length, 1 / length) if phase is None else np.eye(length)[phase],
        name=f"periodic {''.join(map(str, symbols))}" if name is None else name,
        bits=codes.word(length, count) if bits is None else bits,
    )


def de_bruijn(order: int = 5, outcomes: int = 2) -> HiddenMarkov:
    """The least de Bruijn word of an order, again and again: every word of that length once in K^order symbols.

    Until then it looks like a fair coin to whoever remembers less than `order` symbols. The word is that of Fredricksen
    and Maiorana 1978: the Lyndon words whose lengths divide the order, in lexicographic order.

    Raises:
        InputError: an order below 1, or a word of more than 1024 symbols.

    >>> de_bruijn(3).sample(8).tolist()
    [0, 0, 0, 1, 0, 1, 1, 1]
    """
    order, outcomes = whole(order, "order", 1), whole(outcomes, "outcomes", 2)
    if order > 10 or outcomes**order > 1024:
        raise InputError(f"order {order} over {outcomes} symbols; give a word of at most 1024 symbols")
    bits = codes.KINDS + codes.natural(outcomes - 1) + codes.natural(order)
    return periodic(_lyndon(order, outcomes), outcomes=outcomes, name=f"de Bruijn {order}", bits=bits)


def _lyndon(order: int, outcomes: int) -> list[int]:
    """All Lyndon words of lengths that divide `order`, joined (Duval 1988)."""
    joined, word = list[int](), [-1]
    while word:
        word[-1] += 1
        if order % len(word) == 0:
            joined += word
        word = [word[i % len(word)] for i in range(order)]
        while word and word[-1] == outcomes - 1:
            word.pop()
    return joined


def biased_coin(heads: float = 0.8) -> HiddenMarkov:
    """Independent symbols, 1 with probability `heads`, strictly between 0 and 1."""
    heads = between(heads, "a coin with heads", 0, 1)
    return HiddenMarkov([[[1 - heads]], [[heads]]], name=f"biased coin {heads:g}")


def fair_coin() -> HiddenMarkov:
    """Independent symbols, both equally likely."""
    return HiddenMarkov([[[0.5]], [[0.5]]], name="fair coin")


def golden_mean(stay: float = 0.5) -> HiddenMarkov:
    """No two 0 in a row; elsewhere 1 with probability `stay`. 2/3 bits a symbol for 1/2."""
    stay = number(stay, "stay", 0, 1)
    return _machine("golden mean", {("A", 1): {"A": stay}, ("A", 0): {"B": 1 - stay}, ("B", 1): {"A": 1}})


def even(stay: float = 0.5) -> HiddenMarkov:
    """Runs of 1 have even lengths; between them 0 with probability `stay`. 2/3 bits a symbol for 1/2."""
    stay = number(stay, "stay", 0, 1)
    return _machine("even", {("A", 0): {"A": stay}, ("A", 1): {"B": 1 - stay}, ("B", 1): {"A": 1}})


def z1r() -> HiddenMarkov:
    """0, then 1, then a fair coin, again and again: 1/3 bit a symbol. The forecaster must find out the phase."""
    return _machine("Z1R", {("Z", 0): {"O": 1}, ("O", 1): {"R": 1}, ("R", 0): {"Z": 0.5}, ("R", 1): {"Z": 0.5}})


def rrxor() -> HiddenMarkov:
    """Two fair coins, then their exclusive or, again and again: 2/3 bits a symbol."""
    edges: Edges = {("S", 0): {"0": 0.5}, ("S", 1): {"1": 0.5}}
    edges |= {("0", 0): {"even": 0.5}, ("0", 1): {"odd": 0.5}, ("1", 0): {"odd": 0.5}, ("1", 1): {"even": 0.5}}
    return _machine("RRXOR", edges | {("even", 0): {"S": 1}, ("odd", 1): {"S": 1}})


def mess3(alpha: float = 0.6, x: float = 0.15) -> HiddenMarkov:
    """Three states of which each mostly emits its own of three symbols; its mixed states are a fractal.

    Marzen and Crutchfield 2017, "Nearly maximally predictive features and their dimensions". With b = (1 - alpha)/2 and
    y = 1 - 2x the state stays with probability y, goes to each other one with x, and the state that is *reached* emits
    its own symbol with alpha, each other with b.
    """
    alpha, x = between(alpha, "alpha", 0, 1), between(x, "x", 0, 0.5)
    moves = np.full((3, 3), x) + (1 - 3 * x) * np.eye(3)
    emits = np.full((3, 3), (1 - alpha) / 2) + (alpha - (1 - alpha) / 2) * np.eye(3)
    bits = codes.KINDS + sum(map(codes.probability, (alpha, x)))
    return HiddenMarkov(moves[None, :, :] * emits.T[:, None, :], name="Mess3", bits=bits)


def _machine(name: str, edges: Edges, outcomes: int = 2) -> HiddenMarkov:
    """A machine of edges: (state, symbol) -> next state -> probability."""
    states = list(dict.fromkeys(state for state, _ in edges))
    transitions = np.zeros((outcomes, len(states), len(states)))
    for (state, symbol), leads in edges.items():
        for to, chance in leads.items():
            transitions[symbol, states.index(state), states.index(to)] = chance
    return HiddenMarkov(transitions, name=name)
