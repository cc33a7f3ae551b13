"""Sentences: built, printed, read, kept once."""

import copy
import os
import pickle
import subprocess
import sys

import gruemarket as gm
import pytest
from formulas import sentences
from gruemarket.logic import FALSE, TRUE, Atom, one, parse
from hypothesis import given
from hypothesis import strategies as st

A, B, C = Atom("a"), Atom("b"), Atom("c")
NAMES = st.one_of(
    st.sampled_from(["rain", "pi[13]=7", "true", "not", "one", "x=1", "coin[a][b]=c.d"]), st.text(min_size=1)
)
SENTENCES = sentences(st.one_of(NAMES.map(Atom), st.sampled_from([TRUE, FALSE])), 12)


@given(SENTENCES)
def test_text_reads_back_as_the_same_object(sentence):
    assert parse(str(sentence)) is sentence


@given(SENTENCES)
def test_copies_are_the_same_object(sentence):
    assert pickle.loads(pickle.dumps(sentence)) is sentence  # noqa: S301  its own
    assert copy.copy(sentence) is sentence
    assert copy.deepcopy([sentence])[0] is sentence


@pytest.mark.parametrize(
    ("built", "text"),
    (
        (~~A, "~~a"),
        (A & B & C, "a & b & c"),
        (A & (B & C), "a & (b & c)"),
        ((A | B) & C, "(a | b) & c"),
        (A | B & C, "a | b & c"),
        (A >> (B >> C), "a -> b -> c"),
        ((A >> B) >> C, "(a -> b) -> c"),
        ((A == B) == C, "(a <-> b) <-> c"),
        (parse("a <-> (b <-> c)"), "a <-> (b <-> c)"),
        (A != B, "~(a <-> b)"),
        (~(A & B), "~(a & b)"),
        (A & True, "a & true"),
        (False | A, "false | a"),
        (True & A, "true & a"),
        (A | TRUE, "a | true"),
        (A == True, "a <-> true"),  # noqa: E712  a sentence
        (one(A, B | C, ~A), "one(a, b | c, ~a)"),
        (one(A), "one(a)"),
        (Atom("it rains"), '"it rains"'),
        (Atom('say "no" \\'), r'"say \"no\" \\"'),
        (Atom("and") & Atom("π"), '"and" & π'),
    ),
)
def test_text_is_what_was_written(built, text):
    assert str(built) == text
    assert parse(text) is built


@pytest.mark.parametrize(
    ("text", "same"),
    (
        ("a&b|c->a<->b", "a & b | c -> a <-> b"),
        ("not a and b or c", "~a & b | c"),
        ("¬a ∧ b ∨ c → a ↔ ⊤", "~a & b | c -> a <-> true"),
        ("!a && b || c => a <=> False", "~a & b | c -> a <-> false"),
        ("a == b", "a <-> b"),
        ("a <-> b <-> c", "(a <-> b) <-> c"),
        ("one ( a,b , c )", "one(a, b, c)"),
        ("((((a))))", "a"),
        ("x=1 & x==y", "x=1 & x <-> y"),
        ("pi[12]=7", "pi[12]=7"),
    ),
)
def test_other_spellings(text, same):
    assert str(parse(text)) == same


@pytest.mark.parametrize(
    ("text", "why"),
    (
        ("", "missing"),
        ("a &", "missing"),
        ("& a", "missing"),
        ("a b", "a sign is missing"),
        ("(a", "never closed"),
        ("one(a, b", "never closed"),
        ("a)", "never opened"),
        ("a, b", "a comma stands only"),
        ("(a, b)", "a comma stands only"),
        ("one()", "missing"),
        ("one", "write one"),
        ("a >> b", "write ->"),
        ('"a', "never closed"),
        ('"" & a', "missing"),
        ("2 + 2 = 4", "quote"),
        ("a = b", "quote"),
    ),
)
def test_what_cannot_be_read_says_where(text, why):
    with pytest.raises(gm.InputError, match=why) as raised:
        parse(text)
    assert "character" in str(raised.value)


def test_equal_sentences_are_one_object_and_keys():
    assert (A & B) is (A & B)
    assert (A & B) is not (B & A)
    table = {A: 1, A & B: 2, A == B: 3}
    assert table[parse("a & b")] == 2
    assert table[parse("a <-> b")] == 3
    many = [Atom(f"x{i}") for i in range(3000)]
    assert len({*many, *range(3000)}) == 6000
    assert all(hash(sentence) == hash(parse(str(sentence))) for sentence in many[:10])


@pytest.mark.parametrize("ask", (bool, lambda s: B in [s, C], lambda s: s == B == C, lambda s: s and B))
def test_a_truth_value_is_an_error_that_says_so(ask):
    with pytest.raises(gm.InputError, match=r"truth value of the sentence .* only spoken of"):
        ask(A)


def test_other_things_are_no_sentences():
    assert (A == 1) is False
    assert (A != "a") is True
    for wrong in (lambda: A & 1, lambda: A >> "b", lambda: A < B, gm.logic.Sentence):
        with pytest.raises(TypeError):
            wrong()
    for wrong in (lambda: Atom(""), lambda: Atom(1), lambda: parse(A), one, lambda: one(1)):
        with pytest.raises(gm.InputError):
            wrong()


def test_parts():
    sentence = parse("a & ~b -> one(a, c)")
    assert (sentence.kind, sentence.name) == ("implies", None)
    assert [str(part) for part in sentence.parts] == ["a & ~b", "one(a, c)"]
    assert [str(atom) for atom in sentence.atoms] == ["a", "b", "c"]
    assert (A.kind, A.name, A.parts, A.atoms[0] is A) == ("atom", "a", [], True)
    assert [parse(text).kind for text in ("true", "~a", "a|b", "a<->b")] == ["constant", "not", "or", "iff"]


def test_depth_and_shared_parts():
    deep = parse("~" * 100_000 + "a")
    assert len(str(deep)) == 100_001
    assert len(str(parse("(" * 100_000 + "a" + ")" * 100_000))) == 1
    wide = A
    for _ in range(60):
        wide = wide & wide
    with pytest.raises(gm.InputError, match="longer than"):
        str(wide)
    assert repr(wide).endswith("...>")
    assert gm.logic.Worlds([wide]).truth(A) is True


def test_nothing_depends_on_the_process():
    program = """
import gruemarket as gm
x = [gm.logic.Atom(f"x{i}") for i in range(9)]
worlds = gm.logic.Worlds([x[i] >> (x[i + 1] | x[(i * 5) % 9]) for i in range(8)])
least = worlds.minimum({s: (-1) ** i * (i % 3) for i, s in enumerate(x)})
print(least.value, list(least.truths.values()), [hash(s) for s in x], list({*x}))
"""
    seeds = ("0", "1", "77")
    run = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in seeds
    ]
    assert run[0] == run[1] == run[2]
