"""Families in plain Python for the tests, and forecasts to record."""

import json
from pathlib import Path

import numpy as np


class Counter:
    """Laplace's rule by the last outcome of the episode; further accounts trust the counts less."""

    def __init__(self, outcomes=2, accounts=1, start=1.0):
        self.outcomes, self.accounts, self.start = outcomes, accounts, start
        self.bits = np.full(accounts, np.log2(accounts))
        self.counts = np.full((outcomes + 1, outcomes), float(start))
        self.frozen, self.last = False, outcomes

    def begin_episode(self):
        self.last = self.outcomes

    def forecast(self):
        rates = 1 + np.arange(self.accounts)
        powers = self.counts[self.last][:, None] ** (1 / rates)
        return powers / powers.sum(axis=0)

    def observe(self, outcome):
        if not self.frozen:
            self.counts[self.last, outcome] += 1
        self.last = outcome

    def freeze(self, frozen=True):  # noqa: FBT002
        self.frozen = frozen

    def fork(self):
        other = type(self)(self.outcomes, self.accounts, self.start)
        other.counts, other.frozen, other.last = self.counts.copy(), self.frozen, self.last
        return other

    def save(self, path):
        state = [self.outcomes, self.accounts, self.start, self.counts.tolist()]
        Path(path).write_text(json.dumps(state))

    @classmethod
    def load(cls, path):
        *arguments, counts = json.loads(Path(path).read_text())
        family = cls(*arguments)
        family.counts = np.array(counts)
        return family


class SumsToMore(Counter):
    def forecast(self):
        return super().forecast() * 1.1


def three():
    return {"a": Counter(), "b": Counter(accounts=2, start=0.5), "c": Counter(start=20.0)}


def forecasts(episodes=5, rounds=12, outcomes=3, accounts=2, seed=0):
    return list(np.random.default_rng(seed).dirichlet(np.ones(outcomes), (episodes, rounds, accounts)).swapaxes(2, 3))
