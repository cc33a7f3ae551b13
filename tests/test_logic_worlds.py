"""Worlds against all truth tables."""

from copy import copy
from fractions import Fraction
from itertools import pairwise, product

import gruemarket as gm
import pytest
from formulas import sentences
from gruemarket.logic import Atom, Worlds, one, parse
from hypothesis import given, settings
from hypothesis import strategies as st

ATOMS = [Atom(f"t{i}") for i in range(5)]
SENTENCES = sentences(st.sampled_from(ATOMS), 6)
SHARES = st.dictionaries(SENTENCES, st.fractions(-9, 9, max_denominator=12), min_size=1, max_size=6)


def holds(sentence, world):
    """Its value in a world, a dict from atoms to booleans, by the meaning of the connectives."""
    parts = [holds(part, world) for part in sentence.parts]
    return {
        "atom": lambda: world[sentence],
        "not": lambda: not parts[0],
        "and": lambda: parts[0] and parts[1],
        "or": lambda: parts[0] or parts[1],
        "implies": lambda: not parts[0] or parts[1],
        "iff": lambda: parts[0] == parts[1],
        "one": lambda: sum(parts) == 1,
    }[sentence.kind]()


def tables():
    return [dict(zip(ATOMS, values, strict=True)) for values in product((False, True), repeat=len(ATOMS))]


@settings(deadline=None)
@given(st.lists(SENTENCES, max_size=5), SHARES)
def test_worlds_are_all_truth_tables_that_fit(revealed, shares):
    worlds, left = Worlds(), tables()
    for sentence in [None, *revealed]:
        if sentence is not None:
            still = [world for world in left if holds(sentence, world)]
            if still:
                worlds.reveal(sentence)
                left = still
            else:
                with pytest.raises(gm.InputError, match="no world agrees"):
                    worlds.reveal(sentence)
        for asked in shares:
            values = {holds(asked, world) for world in left}
            assert worlds.truth(asked) is (values.pop() if len(values) == 1 else None)
        worth = [sum(share * holds(s, world) for s, share in shares.items()) for world in left]
        for found, extreme in ((worlds.minimum(shares), min), (worlds.maximum(shares), max)):
            assert found.value == extreme(worth)
            at = [all(holds(s, world) is found.truths[s] for s in shares) for world in left]
            assert any(fits and value == found.value for fits, value in zip(at, worth, strict=True))


def test_known_extremes():
    worlds = Worlds([one("red", "green", "blue"), "rain -> wet"])
    assert worlds.minimum({"red": 3, "green": -1, "blue": 2}).value == -1
    assert worlds.maximum({"red": 3, "green": -1, "blue": 2}).value == 3
    assert (
        worlds.minimum({"red": 1, "green": 1, "blue": 1}).value
        == worlds.maximum({"red": 1, "green": 1, "blue": 1}).value
    )
    assert worlds.minimum({"rain": -1, "wet": Fraction(1, 3)}).value == Fraction(-2, 3)
    assert worlds.minimum({"rain & wet": 1, "~wet": 1}).value == 0
    assert worlds.minimum({"rain": 0.1}).value == 0
    assert worlds.maximum({"rain": 0.1}).value == Fraction(0.1)
    assert worlds.minimum({}).value == 0
    assert worlds.minimum({"snow": -1, "~snow": -1, "true": 5, "false": 7}).value == 4


def test_tautologies_and_contradictions_are_found():
    worlds = Worlds()
    assert worlds.truth("a | ~a") is True
    assert worlds.truth("(a -> b) & (b -> c) & a & ~c") is False
    assert worlds.truth("one(a, ~a)") is True
    assert worlds.minimum({"a | ~a": -1, "a & ~a": -1}).value == -1


def test_a_contradiction_changes_nothing():
    worlds = Worlds(["a | b", "c"])
    worlds.minimum({"a & b": 1})
    before = worlds.decided()
    for wrong in (("d", "~a", "~b"), ("~c",), ("e & ~e",), ("f", "false")):
        with pytest.raises(gm.InputError, match="no world agrees"):
            worlds.reveal(*wrong)
        assert worlds.decided() == before
        assert [worlds.truth(s) for s in ("a", "b", "c", "d", "e", "f", "a | b")] == [None, None, True] + [None] * 3 + [
            True
        ]
    worlds.reveal("~a")
    assert worlds.truth("b") is True
    assert worlds.truth("a & b") is False


def test_decided_is_a_log():
    worlds = Worlds(["a"])
    worlds.reveal("b -> c", "a -> b")
    assert [str(s) for s in worlds.decided()] == ["a", "b", "c"]
    assert all(value is True for value in worlds.decided().values())


def test_copies_part_ways():
    worlds = Worlds(["a -> b"])
    other = copy(worlds)
    other.reveal("a")
    assert (worlds.truth("b"), other.truth("b")) == (None, True)


@pytest.mark.parametrize(
    ("wrong", "match"),
    (
        (lambda: Worlds("a"), "list of sentences"),
        (lambda: Worlds([1]), "no sentence"),
        (lambda: Worlds(["a", "~a"]), "no world agrees"),
        (lambda: Worlds().reveal("a b"), "cannot be read"),
        (lambda: Worlds().truth(None), "no sentence"),
        (lambda: Worlds().minimum({"a": float("nan")}), "finite"),
        (lambda: Worlds().minimum({"a": "1"}), "number"),
    ),
)
def test_bad_input(wrong, match):
    with pytest.raises(gm.InputError, match=match):
        wrong()


def chain(count):
    """`x0 -> x1 -> ...`, and the least worth of alternating shares by dynamic programming."""
    atoms = [Atom(f"x{i}") for i in range(count)]
    shares = {atom: (-1) ** i * (1 + i % 5) for i, atom in enumerate(atoms)}
    suffixes = [sum(list(shares.values())[cut:]) for cut in range(count + 1)]
    return [a >> b for a, b in pairwise(atoms)], shares, min(suffixes)


def test_two_hundred_atoms():
    facts, shares, least = chain(200)
    worlds = Worlds(facts)
    assert worlds.minimum(shares).value == least
    worlds.reveal("x50")
    assert worlds.truth("x199") is True
    assert worlds.truth("x49") is None


def test_a_large_exclusive_set():
    atoms = [Atom(f"c{i}") for i in range(300)]
    worlds = Worlds([one(*atoms)])
    shares = {atom: (i * 7919) % 1009 - 300 for i, atom in enumerate(atoms)}
    assert worlds.minimum(shares).value == min(shares.values())
    assert worlds.maximum(shares).value == max(shares.values())
    worlds.reveal(~atoms[0])
    worlds.reveal(atoms[7])
    assert all(worlds.truth(atom) is (atom is atoms[7]) for atom in atoms)


def test_the_same_set_written_pair_by_pair():
    atoms = [Atom(f"d{i}") for i in range(20)]
    some = parse(" | ".join(map(str, atoms)))
    worlds = Worlds([some, *(~(a & b) for i, a in enumerate(atoms) for b in atoms[:i])])
    assert worlds.truth(one(*atoms)) is True
    assert worlds.minimum({atom: i - 3 for i, atom in enumerate(atoms)}).value == -3
