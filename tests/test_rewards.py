"""Rewards: what they give, and what of a user's own is refused, by name."""

import ast

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket import rewards
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "reward"),
    (
        ("x = 1\n", 1),
        ("", 0),
        (" \n\t\n", 0),
        ("\n\n\n(", 0),
        ("def f(:", 0),
        ("x = 1\ny = 2\nz = (", 2 / 3),
        ("x = 1\n\n\n\nz = (", 1 / 2),
        ("def f():\n    return 1\n\ndef g(", 2 / 3),
        ("x = '\\d'", 1),
        ("x\0", 0),
        ("(" * 1000, 0),
        ("-" * 100_000 + "1", 0),
        ("# a remark", 1),
    ),
)
def test_parsing_gives_the_share_of_lines_that_parse(text, reward):
    assert rewards.parses_as_python([text]) == pytest.approx([reward])


@given(st.text(alphabet="x=1()\n :#'ÿ"))
def test_all_that_python_parses_is_rewarded_in_full(text):
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        whole = False
    else:
        whole = bool(text.strip())
    (reward,) = rewards.parses_as_python([text])
    assert 0 <= reward <= 1
    assert whole <= (reward == 1)
    assert bool(text.strip()) or reward == 0


def test_ready_made_rewards():
    texts = ["", "yes", "yes and no", "x" * 30]
    assert rewards.contains(["yes", "no"])(texts) == [0, 0.5, 1, 0]
    assert rewards.contains("yes")(texts) == [0, 1, 1, 0]
    assert rewards.length(10)(texts) == pytest.approx([0, 0.3, 1, 0])
    assert rewards.matches(r"^y.*o$")(texts) == [0, 0, 1, 0]
    both = rewards.mean_of(rewards.contains("yes"), rewards.length(10))
    assert both(texts) == pytest.approx([0, 0.65, 1, 0])


def test_they_are_equal_if_they_are_written_alike():
    assert rewards.length(3) == rewards.length(3) != rewards.length(4)
    assert repr(rewards.matches("a+")) == "matches('a+')"


@pytest.mark.parametrize(
    ("make", "words"),
    (
        (lambda: rewards.contains([]), "no words"),
        (lambda: rewards.contains(["a", 1]), "1 is not a text"),
        (lambda: rewards.contains(5), "5 is not a text"),
        (lambda: rewards.length(0), "target 0"),
        (lambda: rewards.matches("("), r"'\(' is not a regular expression"),
        (rewards.mean_of, "no rewards"),
    ),
)
def test_bad_settings_are_refused(make, words):
    with pytest.raises(gm.InputError, match=words):
        make()


# --- What rewards return


@pytest.mark.parametrize("values", ([1, 0], (1.0, 0.0), np.float32([1, 0]), pl.Series([1, 0]), [True, False]))
def test_any_numbers_are_taken(values):
    checked = rewards.check(values, ["a", "b"])
    assert checked.dtype == np.float64
    assert checked.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("values", "words"),
    (
        ([0, float("nan")], r"rollout 1 of 2 \('bb'\) was rewarded with nan"),
        ([float("-inf"), float("nan")], r"rollout 0 of 2 \('a+\.\.\.'\) was rewarded with -inf"),
        ([1], "1 rewards for 2 rollouts"),
        ([1, 2, 3], "3 rewards for 2 rollouts"),
        ([[1], [2]], "one axis"),
        (1.0, "one axis"),
        (None, "not numeric"),
        ([1, None], "not numeric"),
        (["1", "2"], "not numeric"),
    ),
)
def test_other_returns_are_refused(values, words):
    with pytest.raises(gm.InputError, match=words):
        rewards.check(values, ["a" * 100, "bb"])


def failing(texts):
    raise KeyError(texts[0])


def test_a_reward_that_raises_is_named_with_its_cause():
    with pytest.raises(gm.InputError, match=r"reward .*:failing raised at step 7 of 'rl': KeyError: 'a'") as raised:
        rewards.score(failing, ["a"], where="step 7 of 'rl'")
    assert isinstance(raised.value.__cause__, KeyError)
    with pytest.raises(gm.InputError, match=r"reward .*<lambda> at step 7: rollout 0"):
        rewards.score(lambda texts: [np.nan for _ in texts], ["a"], where="step 7")


def test_a_reward_is_given_a_list_of_its_own():
    def greedy(texts):
        count = len(texts)
        texts.clear()
        return [1.0] * count

    texts = ["a", "b"]
    assert rewards.score(greedy, texts).tolist() == [1, 1]
    assert texts == ["a", "b"]


# --- Names


@pytest.mark.parametrize(
    ("name", "written"),
    (
        ("parses_as_python", "parses_as_python"),
        ({"contains": ["a", "b"]}, "contains(['a', 'b'])"),
        ({"length": 80}, "length(80)"),
        ({"mean_of": ["parses_as_python", {"matches": "x"}]}, "mean_of(parses_as_python, matches('x'))"),
    ),
)
def test_a_name_is_a_reward(name, written):
    assert rewards.name_of(rewards.named(name)) == written


def test_a_function_of_one_s_own_is_found_beside_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", before := ["nowhere"])
    (tmp_path / "my_own_rewards.py").write_text("def shout(texts):\n    return [float(t.isupper()) for t in texts]\n")
    reward = rewards.named("my_own_rewards:shout", folder=tmp_path)
    assert reward(["A", "a"]) == [1, 0]
    assert rewards.name_of(reward) == "my_own_rewards:shout"
    assert before == ["nowhere"]
    with pytest.raises(gm.InputError, match="has no function 'whisper'"):
        rewards.named("my_own_rewards:whisper", folder=tmp_path)
    (tmp_path / "broken_rewards.py").write_text("1 / 0")
    with pytest.raises(gm.InputError, match="ZeroDivisionError"):
        rewards.named("broken_rewards:any", folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    (
        ("parse_as_python", "did you mean 'parses_as_python'"),
        ("nowhere_at_all:f", "ModuleNotFoundError"),
        ({"contain": "x"}, "did you mean 'contains'"),
        ({"length": 1, "matches": "x"}, "table of one key"),
        ({}, "table of one key"),
        (3, "give a name"),
    ),
)
def test_unknown_rewards_are_refused(name, words):
    with pytest.raises(gm.InputError, match=words):
        rewards.named(name)
