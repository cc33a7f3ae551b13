"""Description lengths: self-delimiting codes of numbers and machines, in bits."""

import math
from fractions import Fraction

import numpy as np

from gruemarket.run import Floats

KINDS = math.log2(7)  # machine, word, de Bruijn, Mess3, Thue-Morse, recorded, switch: what a code says first
LARGEST = 1024  # denominator of a probability in a description
SAME = 1e-9  # how near a fraction must be to stand for a probability


def natural(n: int) -> int:
    """Bits of a whole number n >= 1 in Elias's gamma code (Elias 1975).

    >>> [natural(n) for n in (1, 2, 3, 4, 1000)]
    [1, 3, 3, 5, 19]
    """
    return 2 * int(n).bit_length() - 1


def probability(p: float) -> float:
    """Bits of a probability strictly between 0 and 1: its denominator, then which numerator.

    What is no fraction with a denominator up to 1024 is described to within 1/1024, with that denominator.

    >>> [probability(p) for p in (0.5, 0.25)]
    [3.0, 6.58...]
    """
    fraction = Fraction(p).limit_denominator(LARGEST)
    denominator = fraction.denominator if fraction.denominator > 1 and abs(fraction - p) <= SAME else LARGEST
    return natural(denominator) + math.log2(denominator - 1)


def machine(transitions: Floats) -> float:
    """Bits of a hidden Markov machine (K, S, S) that starts as it is in the long run.

    K, S, then for each state the number of its edges, where each leads and what it emits, and all probabilities but
    the last.
    """
    outcomes, states, _ = transitions.shape
    bits = KINDS + natural(outcomes - 1) + natural(states)
    for s in range(states):
        edges = transitions[:, s, :][transitions[:, s, :] > 0]
        bits += natural(len(edges)) + len(edges) * np.log2(outcomes * states)
        bits += sum(probability(p) for p in edges[:-1].tolist() if p < 1)
    return float(bits)


def word(length: int, outcomes: int) -> float:
    """Bits of a word, letter by letter: K, its length, the letters."""
    return KINDS + natural(outcomes - 1) + natural(length) + length * math.log2(outcomes)
