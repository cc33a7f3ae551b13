"""Brute force: every sequence, every subset, every definition, each with its own money.

Nothing here knows how the market does it. Shares are plain floats: the cases are tiny.
"""

from fractions import Fraction
from itertools import product

import numpy as np

# --- Experts and sleepers


def bayes_mixture(prior, forecasts, outcomes):
    """Prices (T, K) and posterior (N,) of sum_i prior_i prod_t q_it(x_t); forecasts (T, K, N)."""
    joint = np.array(prior, dtype=float)
    prices = []
    for forecast, outcome in zip(forecasts, outcomes, strict=True):
        prices.append([(joint * row).sum() / joint.sum() for row in forecast])
        joint = joint * forecast[outcome]
    return np.array(prices), joint / joint.sum() * np.sum(prior)


def awake_subsets(prior, forecasts, outcomes, stakes):
    """Fractional Kelly: trader i is a crowd of specialists, one for each of the 2^T sets of rounds to be awake in.

    Each has prior_i prod_t (b_it if awake else 1 - b_it); who is asleep bets the market's own price.
    Returns prices (T, K) and wealth (N,).
    """
    rounds = len(outcomes)
    awake = np.array(list(product([False, True], repeat=rounds)))  # (2^T, T)
    crowd = np.array(
        [w * np.where(awake, b, 1 - b).prod(axis=1) for w, b in zip(prior, np.transpose(stakes), strict=True)]
    )
    prices = []
    for t, outcome in enumerate(outcomes):
        betting = crowd * awake[:, t]
        price = np.array([(betting * row[:, None]).sum() for row in forecasts[t]]) / betting.sum()
        crowd = crowd * np.where(awake[:, t], forecasts[t, outcome][:, None] / price[outcome], 1)
        prices.append(price)
    return np.array(prices), crowd.sum(axis=1)


def fixed_share(prior, likelihoods, rate):
    """Code length in bits and posterior over the last expert, by all N^T sequences of experts.

    Before each round but the first, with probability `rate`, an expert is drawn anew from the prior (sum 1).
    """
    rounds, traders = likelihoods.shape
    posterior = np.zeros(traders)
    for experts in product(range(traders), repeat=rounds):
        share = prior[experts[0]] * likelihoods[0, experts[0]]
        for t in range(1, rounds):
            before, now = experts[t - 1], experts[t]
            share *= ((1 - rate) * (before == now) + rate * prior[now]) * likelihoods[t, now]
        posterior[experts[-1]] += share
    return -np.log2(posterior.sum()), posterior / posterior.sum()


def one_switch(prior_of_time, before, after):
    """Evidence of "A, from K on B": prior_of_time(K) for 1 <= K < T, the rest stays with A; likelihoods (T,)."""
    rounds = len(before)
    mass = [prior_of_time(k) for k in range(1, rounds)]
    switched = sum(m * before[:k].prod() * after[k:].prod() for k, m in enumerate(mass, 1))
    return switched + (1 - sum(mass)) * before.prod()


# --- Definitions


class Histories:
    """Every history of redefinition with its own money, the tax it paid and the label of its last change."""

    def __init__(self, prior):
        self.money = {((0, i),): share for i, share in enumerate(prior) if share > 0}  # spans (from, trader): share
        self.tax = dict.fromkeys(self.money, 1.0)
        self.label = dict.fromkeys(self.money, "never")
        self.traders = len(prior)

    def enter(self, trader, share):
        """A late entrant's money has one history so far."""
        start = ((0, trader),)
        self.money[start], self.tax[start], self.label[start] = share, 1.0, "never"

    def levy(self, hazard, kernel, index, label):
        """Every history goes on in each trader; kernel[i, k] = rho(k|i), money for oneself is no change."""
        money, tax, labels = {}, {}, {}
        for history, share in self.money.items():
            trader = history[-1][1]
            others = [k for k in range(self.traders) if k != trader and kernel[trader, k] > 0]
            terms = {history: 1 - hazard * sum(kernel[trader, k] for k in others)}
            terms |= {(*history, (index, k)): hazard * kernel[trader, k] for k in others}
            for longer, term in terms.items():
                money[longer], tax[longer] = share * term, self.tax[history] * term
                labels[longer] = self.label[history] if longer == history else label
        self.money, self.tax, self.label = money, tax, labels

    def grow(self, factors):
        """Settlement multiplies the money of whatever a trader holds."""
        self.money = {history: share * factors[history[-1][1]] for history, share in self.money.items()}

    def wealth(self):
        return self.by(lambda _: True)

    def by(self, chosen):
        wealth = np.zeros(self.traders)
        for history, share in self.money.items():
            if chosen(history):
                wealth[history[-1][1]] += share
        return wealth

    def provenance(self, label):
        """(N,) the money whose last change carries this label."""
        return self.by(lambda history: self.label[history] == label)

    def most_probable(self, trader):
        """(spans, share, tax in bits) of the history with most money among those that end in this trader."""
        history = max((h for h in self.money if h[-1][1] == trader), key=self.money.get)
        return history, self.money[history], abs(np.log2(self.tax[history]))


def anything(prior, group=None):  # noqa: ARG001  # the kernels are called alike
    return np.tile(prior, (len(prior), 1))


def within_groups(prior, group):
    same = np.array(group)[:, None] == np.array(group)
    return np.where(same, prior, 0) / np.where(same, prior, 0).sum(axis=1, keepdims=True)


def sparse_matrix(kernel):
    """The dense matrix of a CSR triple."""
    indptr, targets, shares = kernel
    rho = np.zeros((len(indptr) - 1, len(indptr) - 1))
    for i in range(len(rho)):
        for entry in range(indptr[i], indptr[i + 1]):
            rho[i, targets[entry]] += shares[entry]
    return rho


# --- Codes


def gamma_word(number):
    return "0" * (number.bit_length() - 1) + f"{number:b}"


def delta_word(number):
    return gamma_word(number.bit_length()) + f"{number:b}"[1:]


def omega_word(number):
    word = "0"
    while number > 1:
        word = f"{number:b}{word}"
        number = number.bit_length() - 1
    return word


WORDS = {"elias_gamma": gamma_word, "elias_delta": delta_word, "elias_omega": omega_word}


def code_hazards(word, n):
    """h_t = pi(t) / (1 - sum_{s < t} pi(s)) for 1 <= t < n in exact fractions; the words are a complete code."""
    rest, hazards = Fraction(1), {}
    for t in range(1, n):
        mass = Fraction(1, 2 ** len(word(t)))
        hazards[t] = mass / rest
        rest -= mass
    return hazards


def distant_hazard(word, t):
    """The same for a far t: words are equally long from one power of 2 to the next, so the sum is over blocks."""
    rest, power = Fraction(1), 0
    while 2 ** (power + 1) <= t:
        rest -= Fraction(2**power, 2 ** len(word(2**power)))
        power += 1
    mass = Fraction(1, 2 ** len(word(t)))
    return mass / (rest - (t - 2**power) * mass)


def given_code_hazards(lengths, n):
    """The hazards of a code given by its lengths; what Kraft's sum leaves is the mass of "never"."""
    mass = [0.0, *(2.0**-length for length in lengths)]
    hazards = []
    for t in range(n):
        rest = 1 - sum(mass[:t])
        hazards.append(mass[t] / rest if 0 < t < len(mass) else 0.0)
    return hazards
