"""Deductive processes: lists, generators, theories, decimals."""

from fractions import Fraction

import gruemarket as gm
import pytest
from gruemarket import logic
from gruemarket.logic import Atom, Digits, Revealed, Theory, begin, revelations


def pi_decimals(count):
    """By Machin's formula (1706): 16 arctan(1/5) - 4 arctan(1/239), in integers."""
    scale = 10 ** (count + 10)

    def arctan(x):
        term, total, n = scale // x, scale // x, 1
        while term:
            term, n = term // -(x * x), n + 2
            total += term // n
        return total

    return str(4 * (4 * arctan(5) - arctan(239)) // 10**10)[1:]


def days(process, count):
    return [[str(sentence) for sentence in process.next()] for _ in range(count)]


def test_lists_by_day():
    given = {1: ["a"], 3: [Atom("b") >> Atom("c"), True]}
    for process in (given, Revealed(given), [["a"], [], ["b -> c", "true"]], Revealed([["a"], [], ["b -> c", "true"]])):
        assert days(begin(process), 4) == [["a"], [], ["b -> c", "true"], []]
        assert not begin(process).hears_prices


def test_a_process_begins_anew_each_time():
    process = Revealed([["a"], ["b"]])
    assert days(begin(process), 2) == days(begin(process), 2) == [["a"], ["b"]]


def test_generators_hear_prices():
    heard = []

    def process():
        heard.append((yield ["a"]))
        heard.append((yield [Atom("b")]))
        heard.append((yield []))

    running = begin(process)
    assert running.hears_prices
    assert days(running, 1) == [["a"]]
    running.cleared([Atom("a"), Atom("z")], [Fraction(1, 3), Fraction(2, 3)])
    assert days(running, 1) == [["b"]]
    assert days(running, 1) == [[]]  # nothing was told in between
    running.cleared([], [])
    assert days(running, 2) == [[], []]  # it has ended
    assert heard == [{Atom("a"): Fraction(1, 3), Atom("z"): Fraction(2, 3)}, None, {}]
    assert not running.hears_prices


def test_what_a_generator_raises_comes_through():
    def process():
        yield ["a"]
        raise KeyError("mine")

    running = begin(process())
    running.next()
    with pytest.raises(KeyError, match="mine"):
        running.next()


def test_a_process_is_not_asked_while_it_answers():
    def process():
        running.next()
        yield []

    running = begin(process)
    with pytest.raises(gm.InputError, match="already"):
        running.next()


def test_theory_settles_what_follows():
    theory = Theory(["a -> b", "b -> c", "a | d"], ["a -> c", "~c & a", "d", "c | d", "a & ~a"], delay=lambda n: 2 * n)
    found = revelations(theory, days=12).rows()
    assert found == [(2, "a -> c"), (4, "~(~c & a)"), (8, "c | d"), (10, "~(a & ~a)")]


def test_theory_settles_several_on_a_day_and_its_axioms_late():
    theory = Theory(["a", "a -> b"], ["b", "a & b"], delay=lambda _: 3, axioms_day=5)
    assert days(begin(theory), 6) == [[], [], ["b", "a & b"], [], ["a", "a -> b"], []]


def test_decimals_of_pi():
    decimals = pi_decimals(2500)
    found = revelations(Digits("pi", digit=7, delay=0), days=2500)
    assert found["day"].to_list() == list(range(1, 2501))
    expected = [f"{'' if digit == '7' else '~'}pi[{n}]=7" for n, digit in enumerate(decimals, start=1)]
    assert found["sentence"].to_list() == expected
    assert decimals[:13] == "1415926535897"


@pytest.mark.parametrize(
    ("number", "decimals"),
    (
        ("e", "71828182845904523536028747135266249775724709369995"),
        ("sqrt2", "41421356237309504880168872420969807856967187537694"),
        ("sqrt9", "0" * 50),
        ("pi", "14159265358979323846264338327950288419716939937510"),
    ),
)
def test_decimals_known(number, decimals):
    for digit in range(10):
        found = revelations(Digits(number, digit=digit, delay=0), days=50)["sentence"].to_list()
        assert [sentence[0] != "~" for sentence in found] == [one == str(digit) for one in decimals]


def test_far_decimals():
    # The six nines that begin at decimal 762 (Feynman's point), and the 100,000th decimal, which is 6.
    nines = revelations(Digits("pi", digit=9, delay=0), days=767)["sentence"].to_list()
    assert nines[760:] == ["~pi[761]=9", *(f"pi[{n}]=9" for n in range(762, 768))]
    last = begin(Digits("pi", digit=6, delay=lambda n: 100_000 if n == 100_000 else 200_000))
    for _ in range(99_999):
        assert last.next() == []
    assert [str(sentence) for sentence in last.next()] == ["pi[100000]=6"]


def test_delays():
    late = begin(Digits("pi", digit=1, delay=lambda n: n + (3 if n % 2 else 0)))
    assert days(late, 5) == [[], ["~pi[2]=1"], [], ["pi[1]=1", "~pi[4]=1"], []]
    early = begin(Digits(delay=lambda n: n - (n > 2)))
    early.next()
    early.next()
    with pytest.raises(gm.InputError, match=r"number 3 on day 2; give an f\(n\) >= n"):
        early.next()


@pytest.mark.parametrize(
    ("wrong", "match"),
    (
        (lambda: begin(7), "no deductive process"),
        (lambda: begin({0: ["a"]}), "count from 1"),
        (lambda: begin({"1": ["a"]}), "count from 1"),
        (lambda: begin([["a"], "b"]), "list of sentences"),
        (lambda: begin([["a &"]]), "cannot be read"),
        (lambda: begin(lambda: 3), "no deductive process"),
        (lambda: begin(Digits("phi")), 'decimals of "phi"'),
        (lambda: begin(Digits(digit=10)), "0 to 9"),
        (lambda: begin(Digits(digit="7")), "0 to 9"),
        (lambda: begin(Digits(delay=-1)), "delay -1"),
        (lambda: begin(Digits(delay=1.5)), "delay 1.5"),
        (lambda: begin(Theory(["a", "~a"])), "no world agrees"),
        (lambda: begin(Theory(["a"], ["b"], delay=lambda n: n - 1)), "settled on day 0"),
        (lambda: begin(Theory(["a"], ["b"], delay=lambda n: n / 2)), "settled on day 0.5"),
        (lambda: begin(Theory(["a"], axioms_day=0)), "axioms_day 0"),
        (lambda: begin(Theory(["a"], axioms_day=1.5)), "axioms_day 1.5"),
        (lambda: begin(Theory(["a"], ["b"], delay=None)), "delay None"),
        (lambda: begin(Revealed(3)), "days 3; give a dict"),
        (lambda: begin(Digits(3)), "the decimals of 3"),
        (lambda: begin(Digits(digit=True)), "digit True"),
        (lambda: begin(Digits(delay=lambda n: n + 0.5)).next(), "day of number 1 1.5; give a whole number"),
        (lambda: begin(Digits(delay=lambda _: None)).next(), "day of number 1 None"),
        (lambda: begin(Digits(delay=lambda _: -1)).next(), "day of number 1 -1; give a whole number, 0 or more"),
        (lambda: revelations([], days=-1), "days -1"),
        (lambda: revelations([], days=2.5), "days 2.5"),
        (lambda: Atom("\ud800"), "half a character"),
        (lambda: logic.parse("\ud800"), "half a character"),
        (lambda: logic.Tokens(2, name=3), "named 3"),
    ),
)
def test_bad_input(wrong, match):
    with pytest.raises(gm.InputError, match=match):
        wrong()


def test_days_that_never_come():
    far = 10**30
    assert revelations(Revealed({far: ["a"], 1: ["b"]}), days=2).rows() == [(1, "b")]
    assert revelations(Digits(delay=far), days=3).is_empty()
    assert revelations(Digits(delay=lambda n: n if n == 2 else far), days=3)["day"].to_list() == [2]
    assert revelations(Theory(["a"], ["a"], delay=far, axioms_day=far), days=3).is_empty()


def test_a_generator_must_yield_sentences():
    def process():
        yield "a"

    with pytest.raises(gm.InputError, match="list of sentences"):
        begin(process).next()
