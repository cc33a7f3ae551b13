"""Programs, one at a time: machines, their fixtures, predictors, draws."""

import gruemarket as gm
import numpy as np
import polars as pl
import pytest


def digits(text):
    return [int(digit) for digit in text]


@pytest.mark.parametrize(
    ("program", "output", "steps", "status"),
    (
        ("+[.]", "1" * 32, 96, "OUTPUT_LIMIT"),
        (".+[.]", "0" + "1" * 31, 94, "OUTPUT_LIMIT"),
        ("+[>.<.]", "01" * 16, 96, "OUTPUT_LIMIT"),
        ("+[.>+.<]", "1110" * 8, 111, "OUTPUT_LIMIT"),
        (">+[>+.<]", "10" * 16, 192, "OUTPUT_LIMIT"),
        ("+>+[.<]", "11", 12, "HALTED"),
        # its third `[` is evaluated and leaves the loop: 4 + 2 * 4 + 1, as in the public code of Grau-Moya et al.
        (">+>+[.<]", "11", 13, "HALTED"),
        ("+.", "1", 2, "HALTED"),
    ),
)
def test_brainphoque(program, output, steps, status):
    run = gm.programs.run(program, machine="brainphoque", alphabet=2, memory=64, steps=1000, max_output=32)
    assert (run.output, run.steps, run.status) == (digits(output), steps, status)
    assert run.text == output


def test_brainphoque_writes_a_skipped_body_at_the_end():
    # the loop is skipped at first, so what follows it is printed; its body comes when the second loop goes back to it
    assert gm.programs.run("[.>]").output == [0]
    assert gm.programs.run("{.>]").output == [0]
    assert gm.programs.run("]]].").output == [0]


def test_the_step_limit_is_tested_before_the_output_limit():
    assert gm.programs.run("+.", steps=2, max_output=1).status == "TIMEOUT"
    assert gm.programs.run("+.", steps=3, max_output=1).status == "OUTPUT_LIMIT"
    assert gm.programs.run("+.", steps=3, max_output=2).status == "HALTED"


def test_brainfuck():
    run = gm.programs.run("++[->+++<]>.", machine="brainfuck", alphabet=10)
    assert (run.output, run.status, run.cells) == ([6], "HALTED", 2)
    assert run.steps == 2 + 1 + 2 * 7 + 2  # `]` jumps behind its `[`
    assert gm.programs.run("-.", machine="brainfuck", alphabet=256).output == [255]
    assert gm.programs.run("-." * 2, machine="brainfuck", alphabet=2).output == [1, 0]
    assert gm.programs.run("[+.].", machine="brainfuck").output == [0]
    assert gm.programs.run("<+>>.", machine="brainfuck", memory=3).output == [0]
    assert gm.programs.run("<+>>>.", machine="brainfuck", memory=4).output == [0]
    assert gm.programs.run("<+>>.", machine="brainfuck", memory=2).output == [1]


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"program": "+x"}, "'x' at 1"),
        ({"program": "+,"}, "',' at 1"),
        ({"program": "+[", "machine": "brainfuck"}, "'[' at 1 has no partner"),
        ({"program": "]", "machine": "brainfuck"}, "']' at 0 has no partner"),
        ({"program": "+", "machine": "abacus"}, "abacus"),
        ({"program": "+", "alphabet": 1}, "alphabet 1"),
        ({"program": "+", "alphabet": 257}, "alphabet 257"),
        ({"program": "+", "memory": 0}, "memory 0"),
        ({"program": "+", "steps": 0}, "steps 0"),
        ({"program": "+", "max_output": 0}, "max_output 0"),
        ({"program": "+", "steps": 2**31}, "steps 2147483648"),
        ({"program": "+", "steps": 1.5}, "steps 1.5"),
        ({"program": None}, "program None; give its tokens as text"),
    ),
)
def test_bad_programs(settings, words):
    with pytest.raises(gm.InputError) as raised:
        gm.programs.run(**settings)
    assert words in str(raised.value)


def test_a_reader_bets_on_what_happened():
    echo = gm.programs.Predictor("+[,.+]", alphabet=3)  # prints what it heard last; leaves only on hearing 2
    heard = [1, 0, 1, 1, 0, 2, 1]
    said = []
    for symbol in heard:
        said.append(echo.next(100)[0])
        echo.hear(symbol)
    assert said == [0, 1, 0, 1, 1, 0, 2]
    assert echo.next(100) == (None, False)  # 2 + 1 is 0: it has left its loop


def test_a_predictor_keeps_its_state():
    flip = gm.programs.Predictor("+[.>+.<]", machine="brainfuck")
    assert flip.next(2) == (None, True)  # not yet
    whole = gm.programs.run("+[.>+.<]", machine="brainfuck", max_output=20).output
    first = flip.symbols(7, 100).tolist()
    fork = flip.fork()
    rest = flip.symbols(13, 100)
    assert first + rest.tolist() == whole
    assert np.array_equal(fork.symbols(13, 100), rest)
    assert fork.steps == flip.steps
    assert flip.cells == 2


def test_a_predictor_stops_where_its_program_ends():
    assert gm.programs.Predictor("..", machine="brainphoque").symbols(5, 10).tolist() == [0, 0]
    predictor = gm.programs.Predictor(",.")
    for symbol in (2, -1, 300):
        with pytest.raises(gm.InputError, match=f"symbol {symbol}"):
            predictor.hear(symbol)
    with pytest.raises(gm.InputError, match="steps -1"):
        predictor.next(-1)
    with pytest.raises(gm.InputError, match="count -1"):
        predictor.symbols(-1, 5)


def test_samples_come_by_their_weight():
    drawn = gm.programs.sample(20_000, seed=4)
    assert drawn["weight"].sum() == pytest.approx(1)
    assert (drawn["program"].str.len_chars() == drawn["tokens"]).all()
    assert drawn["bits"].to_numpy() == pytest.approx(drawn["tokens"].to_numpy() * np.log2(7))
    head = drawn.filter(pl.col("program").is_in(["+[]", "-[]"]))["weight"].sum()
    assert head == pytest.approx(2 / 7**3, rel=0.3)


def test_draws_have_streams_of_their_own():
    few, many = gm.programs.sample(10, seed=1), gm.programs.sample(3000, seed=1)
    assert few.drop("weight").equals(many.head(10).drop("weight"))
    assert not few.equals(gm.programs.sample(10, seed=2))


def test_the_streams_stay_what_they_are():
    programs = gm.programs.sample(2, seed=0)["program"].to_list()
    assert programs[0] == "{]>++<-><[]"
    assert programs[1].startswith("-[.+.-..-++<{.+.+>++]]+.<-[<<>]+.>>]")


def test_the_head_enumerated_and_the_tail_drawn():
    head = gm.programs.enumerate("brainphoque", max_length=5)
    ones = "1" * 32
    known = 2 ** -head.table().row(by_predicate=pl.col("behaviour") == ones, named=True)["mass_bits_upper"]
    tail = gm.programs.sample(100_000, seed=9, beyond=5).filter(behaviour=ones)["weight"].sum()
    whole = gm.programs.sample(100_000, seed=10).filter(behaviour=ones)["weight"].sum()
    assert known + tail == pytest.approx(whole, rel=0.1)


@pytest.mark.parametrize(
    "bad",
    ({"count": 0}, {"count": 2.5}, {"count": 1, "beyond": -1}, {"count": 1, "seed": -1}, {"count": 1, "seed": 2**64}),
)
def test_bad_draws(bad):
    with pytest.raises(gm.InputError):
        gm.programs.sample(**bad)
