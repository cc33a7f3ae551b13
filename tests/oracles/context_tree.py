"""Context trees in plain numpy, and their traders one by one.

Bits are lists of 0 and 1; a context is the bits before, the last one first, with zeros before the first bit.
"""

import functools
import itertools
import math

import numpy as np


def context(past, depth):
    """The last `depth` bits, the last one first."""
    return tuple(([0] * depth + list(past))[: -depth - 1 : -1]) if depth else ()


def suffix_trees(depth):
    """Every prunable suffix tree of a depth, 1, 2, 5, 26, ... of them, as its contexts: (leaves, inner nodes)."""
    if depth == 0:
        return [({()}, set())]
    trees = [({()}, set())]
    for zero, one in itertools.product(suffix_trees(depth - 1), repeat=2):
        leaves, inner = ({(bit, *c) for bit, side in enumerate((zero, one)) for c in side[part]} for part in (0, 1))
        trees.append((leaves, inner | {()}))
    return trees


def tree_bits(tree, depth, leaf_bits=1.0):
    """The length of a tree's code: what is said of every node above the full depth."""
    leaves, inner = tree
    early = sum(len(leaf) < depth for leaf in leaves)
    return early * leaf_bits - len(inner) * math.log2(1 - 2**-leaf_bits)


def block_probability(zeros, ones, a=0.5):
    """The probability of a sequence with so many zeros and ones whose belief adds a to each count."""
    logs = (math.lgamma(n + a) - math.lgamma(a) for n in (zeros, ones))
    return math.exp(sum(logs) - math.lgamma(zeros + ones + 2 * a) + math.lgamma(2 * a))


def weighting(bits, depth, past=(), leaf_bits=1.0, a=0.5):
    """The probability of the bits under the mixture of all trees, one by one; `past` is context only."""
    total = 0.0
    for tree in suffix_trees(depth):
        counts = {leaf: [0, 0] for leaf in tree[0]}
        for i, bit in enumerate(bits):
            seen = context([*past, *bits[:i]], depth)
            leaf = next(seen[:k] for k in range(depth + 1) if seen[:k] in tree[0])
            counts[leaf][bit] += 1
        likelihood = math.prod(block_probability(*pair, a) for pair in counts.values())
        total += 2.0 ** -tree_bits(tree, depth, leaf_bits) * likelihood
    return total


def histories(visits, hazards, shares):
    """Every sequence of choices (0: stop here, 1: descend) over a node's visits, with its prior.

    Before visit t >= 1 the tax turns the share `hazards[t] * shares[j]` of account i's money into account j's.
    """
    for choices in itertools.product((0, 1), repeat=visits):
        prior = shares[choices[0]] if choices else 1.0
        for t in range(1, visits):
            i, j = choices[t - 1 : t + 1]
            prior *= hazards[t] * shares[j] if j != i else 1 - hazards[t] * shares[1 - i]
        yield choices, prior


def switching(bits, depth, hazards, past=(), *, leaf_bits=1.0, a=0.5):
    """The probability of the bits, with every history of choices of every node written out.

    A history that descends at a visit bets what the market below says then; that one settles all of its own visits,
    whatever the node above chose at them.
    """
    shares = (2.0**-leaf_bits, 1 - 2.0**-leaf_bits)
    seen = [context([*past, *bits[:i]], depth) for i in range(len(bits))]

    def visits(node, rounds):
        return [i for i in range(rounds) if seen[i][: len(node)] == node]

    def belief(node, i):
        """The probability that the node's own counts give to what happened in round i."""
        before = [bits[j] for j in visits(node, i)]
        return (before.count(bits[i]) + a) / (len(before) + 2 * a)

    def below(node, i):
        child = seen[i][: len(node) + 1]
        return block(child, i + 1) / block(child, i)

    @functools.cache
    def block(node, rounds):
        """The probability that the node's market gave to what happened at its visits in so many rounds."""
        times = visits(node, rounds)
        stop = [belief(node, i) for i in times]
        if len(node) == depth:
            return math.prod(stop)
        bets = list(zip(stop, (below(node, i) for i in times), strict=True))
        return math.fsum(
            prior * math.prod(pair[choice] for pair, choice in zip(bets, choices, strict=True))
            for choices, prior in histories(len(times), hazards, shares)
        )

    return block((), len(bits))


class PlainTree:
    """Context-tree weighting and switching by their recursion, a dictionary of nodes, log2 wealth: slow and plain."""

    def __init__(self, depth, *, factored=False, a=0.5, leaf_bits=1.0, schedule=None):
        self.depth, self.factored, self.a, self.schedule = depth, factored, a, schedule
        self.log_prior = np.array([-leaf_bits, np.log2(1 - 2.0**-leaf_bits)])
        self.nodes = {}  # (tree, context) -> [counts, log2 wealth of "stop here" and "descend"]
        self.past = []

    def begin_episode(self):
        self.past = []

    def _path(self):
        tree, full = len(self.past) % 8 if self.factored else 0, context(self.past[-self.depth :], self.depth)
        return [(tree, full[:k]) for k in range(self.depth + 1)]

    def _taxed(self, counts, log_wealth):
        visits = int(counts.sum())
        if self.schedule is None or visits == 0:
            return log_wealth
        hazard, rho = self.schedule.hazard(visits), 2.0**self.log_prior
        with np.errstate(divide="ignore"):
            stay, inflow = np.log2(1 - hazard * rho[::-1]), np.log2(hazard * rho)
        return np.logaddexp2(log_wealth + stay, log_wealth[::-1] + inflow)

    def forecast(self):
        """The path with beliefs, taxed log2 wealth and prices, both outcomes each; from the root down."""
        price, steps = None, []
        for key in reversed(self._path()):
            counts, log_wealth = self.nodes.get(key, (np.zeros(2), self.log_prior))
            belief = (counts + self.a) / (counts.sum() + 2 * self.a)
            log_wealth = self._taxed(counts, log_wealth)
            below = price
            if below is None:
                price = belief
            else:
                share = 2.0 ** (log_wealth - np.logaddexp2.reduce(log_wealth))
                price = share[0] * belief + share[1] * below
            steps.append((key, counts, log_wealth, belief, below, price))
        return steps[::-1]

    def observe(self, bit, *, learn=True):
        """The probability that the bit had."""
        steps = self.forecast()
        for key, counts, log_wealth, belief, below, _ in steps if learn else ():
            bets = np.zeros(2) if below is None else np.log2([belief[bit], below[bit]])
            grown = log_wealth + bets
            self.nodes[key] = counts + np.eye(2)[bit], grown - np.logaddexp2.reduce(grown)
        self.past.append(bit)
        return steps[0][-1][bit]

    def read(self, bits, *, learn=True):
        return np.array([self.observe(int(bit), learn=learn) for bit in bits])
