"""The contract of a family: who keeps it passes, and every way to break it is found."""

import gruemarket as gm
import numpy as np
import pytest
from families import Counter, SumsToMore, three

TAX = gm.GrueTax(gm.schedules.inverse(), unit="episode")


@pytest.mark.parametrize(
    "family",
    (
        Counter(),
        Counter(3, 2),
        gm.Inductor(three(), grue=TAX),
        gm.Inductor({"in": gm.Inductor(three()), "out": Counter()}),
        gm.Text(memory_mib=1),
        gm.Inductor({"text": gm.Text(memory_mib=1)}),
    ),
    ids=("counter", "several accounts", "inductor", "nested", "text", "inductor of texts"),
)
def test_families_keep_the_contract(family):
    gm.check_family(family)


class LooksAhead(Counter):
    def observe_all(self, outcomes):
        return np.where(np.asarray(outcomes) == outcomes[-1], 0.9, 0.1)[:, None]


class Thaws(Counter):
    def observe(self, outcome):
        self.counts[self.last, outcome] += 1


class Shares(Counter):
    def fork(self):
        other = super().fork()
        other.counts = self.counts
        return other


class Forgets(Counter):
    def save(self, path):
        type(self)().save_counts(path)

    def save_counts(self, path):
        super().save(path)


class NeverFreezes:
    """Without `freeze` and `frozen`, whoever only looks ahead would teach it."""

    outcomes, accounts = 2, 1

    def begin_episode(self):
        pass

    forecast = observe = begin_episode


@pytest.mark.parametrize(
    ("family", "message"),
    (
        (LooksAhead(), "one by one"),
        (Thaws(), "learns though frozen"),
        (Shares(), "shares what it learned|one by one"),
        (Forgets(), "after save and load"),
        (SumsToMore(), "sum to 1"),
        (object(), "not a family; it lacks outcomes"),
        (NeverFreezes(), "lacks freeze, frozen"),
    ),
)
def test_broken_families_are_found(family, message):
    with pytest.raises(gm.InputError, match=message):
        gm.check_family(family)


def test_checking_leaves_the_family_as_it_was():
    family = Counter()
    gm.check_family(family, ["some text", "some more", "and more"])
    assert (family.counts == 1).all()
    assert not family.frozen


def test_one_episode_is_too_few():
    with pytest.raises(gm.InputError, match="two episodes or more"):
        gm.check_family(Counter(), [b"one"])
