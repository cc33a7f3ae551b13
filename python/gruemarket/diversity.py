"""How many different things there are: in a book of wealth, and among texts."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from gruemarket.arrays import vector
from gruemarket.errors import InputError, ShapeError
from gruemarket.run import Floats

ORDERS = (1, 2)  # of the n-grams that texts are compared by, as in the paper's code


def entropy_bits(wealth: Any) -> float:
    """H = -sum_i p_i log2 p_i in bits, of the shares p_i = w_i / sum w; 2^H is the effective number of accounts.

    Args:
        wealth: (N,) >= 0, with a sum above 0.

    >>> entropy_bits([0.25, 0.25, 0.25, 0.25, 0.0])
    2.0
    """
    given = vector(wealth, "wealth")
    if not (np.all(given >= 0) and np.isfinite(given.sum()) and given.sum() > 0):
        raise InputError("wealth that is negative, not finite or all 0; give shares with a sum above 0")
    p = given[given > 0] / given.sum()
    return float(-(p * np.log2(p)).sum()) + 0.0


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """The n words in a row that a text consists of, one for each place; words are what white space parts.

    >>> ngrams("to be or not to be", 2)[:2]
    [('to', 'be'), ('be', 'or')]
    """
    words = text.split()
    return list(zip(*(words[i:] for i in range(n)), strict=False))


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct-n (Li et al. 2016): different n-grams over all n-grams of all texts, in (0, 1]; NaN if there are none.

    >>> distinct(["to be or not to be"], 1)
    0.6666666666666666
    """
    grams = list(chain.from_iterable(ngrams(text, n) for text in texts))
    return len(set(grams)) / len(grams) if grams else float("nan")


def vendi(similarity: Any) -> float:
    """The Vendi score (Friedman and Dieng 2022): the effective number of different items, from 1 to n.

    VS = exp(-sum_i l_i ln l_i) with the eigenvalues l_i of K / n, for a positive semidefinite similarity K with ones on
    its diagonal.

    Args:
        similarity: (n, n) K.

    >>> round(vendi(np.eye(5)), 9), round(vendi(np.ones((5, 5))), 9)
    (5.0, 1.0)
    """
    K = np.asarray(similarity, dtype=np.float64)
    if K.ndim != 2 or K.shape[0] != K.shape[1] or not len(K):
        raise ShapeError(f"similarity of shape {K.shape}; give (n, n) with n >= 1")
    if not (np.allclose(K, K.T) and np.allclose(np.diag(K), 1)):
        raise InputError("similarity that is not symmetric with ones on its diagonal")
    eigenvalues = np.linalg.eigvalsh(K / len(K))
    positive = eigenvalues[eigenvalues > 1e-15]  # of a semidefinite matrix; below it is rounding
    return float(np.exp(-(positive * np.log(positive)).sum()))


def similarity(texts: Sequence[str], orders: Sequence[int] = ORDERS) -> Floats:
    """(n, n) how alike texts are: the cosine of their counts of n-grams, the mean over `orders`.

    Texts without n-grams of an order are alike in it if they are equal.

    >>> similarity(["a b", "a b", "c d", "a c"]).round(2).tolist()[0]
    [1.0, 1.0, 0.0, 0.25]
    """
    if not texts or not orders:
        raise InputError("no texts, or no orders, to compare; give one or more")
    return np.asarray(np.mean([_cosines(texts, n) for n in orders], axis=0))


def _cosines(texts: Sequence[str], n: int) -> Floats:
    # a text that is too short stands for itself
    counts = [Counter(ngrams(text, n)) or Counter({(" ", text): 1}) for text in texts]
    column = {gram: i for i, gram in enumerate(dict.fromkeys(chain.from_iterable(counts)))}
    rows = np.zeros((len(texts), len(column)))
    for row, count in zip(rows, counts, strict=True):
        row[[column[gram] for gram in count]] = list(count.values())
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, 1.0)
    return np.asarray((cosines + cosines.T) / 2)
