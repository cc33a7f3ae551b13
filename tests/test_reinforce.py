"""Reinforcement: transfers by hand, control arms, the replicator, and what a step that fails leaves behind."""

from dataclasses import replace

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from families import Counter
from gruemarket.stages import Records

KEY = (1, 0)
TAX = gm.GrueTax(gm.schedules.constant(0.01), unit="batch")


def early(texts):
    """The share of letters from the first half of their row of the code."""
    return [sum(letter < "p" for letter in text) / max(len(text), 1) for text in texts]


def lengths(texts):
    return [len(text.encode()) for text in texts]


def inductor(**options):
    """Two voices that have read something, and one that knows nothing."""
    learner = gm.Inductor({"a": gm.Text(memory_mib=1), "b": gm.Text(memory_mib=1), "c": Counter()}, **options)
    episodes = [b"aeae aeiou ae " * 3, b"xyz rst xyzz " * 3] * 3
    learner.read(episodes, labels=["a", "b"] * 3, batch=6)
    for family in learner.families.values():
        family.freeze()
    return learner


def begun(stage, market):
    """The book from which a step's rollouts are drawn."""
    book = market.__copy__()
    book.run_batch([np.empty((0, len(market)))] * stage.group, stage=stage.name)
    return book


def step(stage, learner, index=0):
    records = Records()
    stage.play(learner, index, KEY, records)
    return pl.DataFrame(records.rewards, infer_schema_length=None)


def stage(**options):
    given = {"reward": early, "group": 6, "steps": 3, "step": 0.1, "max_bytes": 3} | options
    return gm.Reinforce(["ao"], **given)


def parts_of(learner, book, texts, prompt="ao"):
    texts = [text.encode() if isinstance(text, str) else text for text in texts]
    seen = learner.rehearse([prompt.encode() + text for text in texts], market=book, new_episode=False)
    return np.array([one.wealth[-1] for one in seen]), np.array(
        [-one.loss_bits[8 * len(prompt) :].sum() for one in seen]
    )


ALL = [bytes([byte]) for byte in range(256)]


def shown(data):
    return [one.decode(errors="replace") for one in data]


class Ascii(Counter):
    """Draws hardly anything but letters, 011xxxxx, so that a text is its bytes."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.bit = 0

    def begin_episode(self):
        super().begin_episode()
        self.bit = 0

    def observe(self, outcome):
        super().observe(outcome)
        self.bit = (self.bit + 1) % 8

    def forecast(self):
        if self.bit < 3:
            return np.array([[1e-12], [1 - 1e-12]])[:: 1 if self.bit else -1]
        return super().forecast()


def letters(**options):
    two = {"a": Ascii(2, 1, 1.0), "b": Ascii(2, 1, 1.0)}
    two["a"].counts[:, 0] += 0.5
    two["b"].counts[:, 1] += 0.5
    learner = gm.Inductor(two, **options)
    learner.read([b"ab", b"oz"], labels=["", ""], batch=2)
    for family in two.values():
        family.freeze()
    return learner


# --- Transfers


@pytest.mark.parametrize("grue", (None, TAX), ids=("untaxed", "taxed"))
@pytest.mark.parametrize("scaled", (False, True))
def test_transfers_are_the_formula_by_hand(grue, scaled):
    learner, how = letters(grue=grue), stage(scale_rewards=scaled)
    for index in range(3):
        book = begun(how, learner.market)
        rows = step(how, learner, index)
        reward = np.array(early(rows["text"]))
        np.testing.assert_array_equal(rows["reward"], reward)
        advantage = reward - reward.mean()
        advantage /= reward.std(ddof=1) + 1e-4 if scaled else 1
        np.testing.assert_allclose(rows["advantage"], advantage, atol=1e-14)
        parts, _ = parts_of(learner, book, rows["text"])
        moved = 0.1 / 5 * advantage @ parts
        scale = min(1, *(0.9 * w / -d for w, d in zip(book.wealth, moved, strict=True) if d < 0), 1)
        np.testing.assert_allclose(rows["scale"], scale, rtol=1e-9)
        np.testing.assert_allclose(learner.market.wealth, book.wealth + scale * moved, rtol=1e-9)
        np.testing.assert_allclose(learner.market.wealth.sum(), 1, atol=1e-12)
        assert learner.market.stage == "reinforce"
        assert rows["batch"].unique().to_list() == [learner.market.batches - 1]
    ledger = learner.market.ledger().filter(cause="reinforcement")
    assert ledger["stage"].unique().to_list() == ["reinforce"]


def test_an_overdraft_scales_the_whole_step_and_is_recorded():
    learner, how = letters(), stage(step=50.0)
    before = learner.market.wealth
    rows = step(how, learner)
    assert 0 < rows["scale"][0] < 1
    np.testing.assert_allclose((learner.market.wealth / before).min(), 0.1, rtol=1e-9)
    np.testing.assert_allclose(learner.market.wealth.sum(), 1, atol=1e-12)


@pytest.mark.parametrize("mode", ("sampled", "replicator"))
@pytest.mark.parametrize("value", (0.1, -1 / 3))
def test_equal_rewards_move_nothing(mode, value):
    options = {"mode": mode, "max_bytes": 1}
    fair = stage(reward=lambda texts: [value] * len(texts), **options)
    for how in (fair, stage(equal_rewards=True, group=7, **options)):
        learner = letters()
        before = begun(how, learner.market).log2_wealth
        step(how, learner)
        assert learner.market.log2_wealth.tobytes() == before.tobytes()
        assert learner.market.ledger().filter(cause="reinforcement").is_empty()


def test_permuted_rewards_are_the_same_ones_dealt_otherwise():
    fair, dealt = step(stage(), letters()), step(stage(permute_rewards=True), letters())
    assert fair["text"].to_list() == dealt["text"].to_list()
    assert fair["reward"].sort().to_list() == dealt["reward"].sort().to_list()
    assert fair["reward"].to_list() != dealt["reward"].to_list()


def test_prompts_take_turns_and_a_stop_ends_a_rollout():
    how = gm.Reinforce(["a", b"xyz"], early, group=4, max_bytes=40, stop=[" ", b"e"])
    learner = inductor()
    rows = [step(how, learner, index) for index in range(3)]
    assert [frame["prompt"][0] for frame in rows] == ["a", "xyz", "a"]
    texts = pl.concat(rows)["text"]
    assert all(not set(" e") & set(text[:-1]) for text in texts)
    assert rows[0]["text"].to_list() != rows[2]["text"].to_list()


# --- The replicator


def expected_step(learner, how, reward, prompt="ao"):
    """step sum_y P(y) (r(y) - rbar) f_i(y) over all bytes."""
    book = begun(how, learner.market)
    parts, log2_price = parts_of(learner, book, ALL, prompt)
    weight = np.exp2(log2_price)
    np.testing.assert_allclose(weight.sum(), 1, rtol=1e-12)
    given = np.array(reward(shown(ALL)))
    return how.step * ((weight * (given - weight @ given)) @ parts), weight @ given


def test_the_exact_replicator_is_the_expectation():
    learner, how = letters(), stage(mode="replicator", max_bytes=1)
    moved, mean = expected_step(learner, how, early)
    before = learner.market.wealth
    rows = step(how, learner)
    np.testing.assert_allclose(learner.market.wealth - before, moved, rtol=1e-9)
    assert rows.select("text", "advantage", "scale").rows() == [(None, 0.0, 1.0)]
    np.testing.assert_allclose(rows["reward"], mean, rtol=1e-12)


def test_the_exact_replicator_is_pi_times_the_gain_over_the_mean():
    """Design 2.7: step pi_i (r_i - rbar), pi the fast wealth after the prompt, r_i what i's own continuations earn."""
    learner, how = letters(), stage(mode="replicator", max_bytes=1)
    [seen] = learner.rehearse(["ao"], market=begun(how, learner.market), new_episode=False)
    own = []
    for name in "ab":
        alone = learner.without(*({"a", "b"} - {name}))
        own.append(alone.byte_price("ao") @ np.array(early(shown(ALL))))
    before, pi = learner.market.wealth, seen.wealth[-1]
    step(how, learner)
    np.testing.assert_allclose(learner.market.wealth - before, how.step * pi * (own - pi @ own), rtol=1e-9)


@pytest.mark.parametrize("options", ({"scale_rewards": False}, {"mode": "replicator", "rollouts": 12}))
def test_sampled_steps_are_the_replicator_on_average(options):
    how = stage(max_bytes=1, step=0.01, group=12, **options)
    start = letters()
    moved, _ = expected_step(start, how, early)
    steps = []
    for index in range(80):
        learner = start.beside(start.market.__copy__())
        learner.reference = start.market.wealth
        step(how, learner, index)
        steps.append(learner.market.wealth - start.market.wealth)
    noise = np.std(steps, axis=0) / np.sqrt(len(steps))
    assert np.all(abs(np.mean(steps, axis=0) - moved) < 4 * noise)
    assert np.all(abs(moved) > 4 * noise)


def test_reinforcement_moves_money_to_the_rewarded():
    learner = inductor()
    records = Records()
    how = gm.Reinforce([""], early, group=8, steps=15, step=0.2, max_bytes=6)
    how.begin(learner)
    before = learner.market.wealth
    for index in range(how.steps):
        how.play(learner, index, KEY, records)
    assert learner.market.wealth[0] > before[0] + 0.1


# --- Beta, clip


@pytest.mark.parametrize("mode", ("sampled", "replicator"))
def test_beta_is_a_penalty_on_leaving_the_first_book(mode):
    how = stage(beta=0.3, mode=mode, max_bytes=1, scale_rewards=False, step=0.3)
    learner = letters()
    step(how, learner)
    reference, before = learner.reference, learner.market.wealth
    assert abs(before - reference).max() > 1e-3
    book = begun(how, learner.market)
    rows = step(how, learner, 1)
    texts = ALL if mode == "replicator" else [str(text).encode() for text in rows["text"]]
    parts, now = parts_of(learner, book, texts)
    _, then = parts_of(learner, book.with_wealth(reference), texts)
    reward = early(shown(texts)) - 0.3 * np.log(2) * (now - then)
    if mode == "replicator":
        moved = 0.3 * ((np.exp2(now) * (reward - np.exp2(now) @ reward)) @ parts)
    else:
        moved = 0.3 / 5 * (reward - reward.mean()) @ parts
        np.testing.assert_array_equal(
            rows["reward"], early(shown(texts))
        )  # what the reward said, not what was made of it
    np.testing.assert_allclose(learner.market.wealth - before, moved, rtol=1e-8)


def test_a_large_beta_stays_at_the_first_book():
    ends = []
    for beta in (0.0, 20.0):
        learner = letters()
        start = learner.market.wealth
        for index in range(10):
            step(stage(beta=beta, mode="replicator", rollouts=20, max_bytes=1, step=0.5), learner, index)
        ends.append(abs(learner.market.wealth - start).max())
    assert ends[1] < ends[0] / 10


@pytest.mark.parametrize("clip", (None, 0.05, 0.0))
def test_a_second_update_counts_whom_the_ratio_leaves(clip):
    how = stage(updates=2, clip=clip, scale_rewards=False, step=0.3, group=8)
    learner, once = letters(), letters()
    book = begun(how, learner.market)
    rows = step(how, learner)
    step(replace(how, updates=1), once)
    _, old = parts_of(once, book, rows["text"])
    parts, new = parts_of(once, once.market, rows["text"])
    ratio, advantage = np.exp2(new - old), rows["advantage"].to_numpy()
    assert (abs(ratio - 1) > 0.05).any()
    if clip is not None:
        ratio = ratio * np.where(advantage > 0, ratio <= 1 + clip, ratio >= 1 - clip)
    counted = ratio * advantage
    moved = 0.3 / 7 * (counted - counted.mean()) @ parts
    np.testing.assert_allclose(learner.market.wealth - once.market.wealth, moved, rtol=1e-7, atol=1e-14)


# --- Forks


def test_forks_learn_from_good_rollouts():
    learner = letters()
    how = stage(redefine=True, tax_bits=2.0, reward=lengths, stop="a", max_bytes=4)
    how.begin(learner)
    counts = {name: family.counts.copy() for name, family in learner.families.items()}
    rows = step(how, learner)
    good = rows.filter(pl.col("advantage") > 0)["text"]
    assert 0 < len(good) < len(rows)
    learned = {name: int((family.counts - counts[name]).sum()) for name, family in learner.families.items()}
    bits = 8 * sum(len("ao" + text) for text in good)
    assert learned == {"a": 0, "b": 0, "a@reinforce": bits, "b@reinforce": bits}


# --- What goes wrong


def raises(_texts):
    raise RuntimeError("of its own")


def stopped(_texts):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("reward", "error", "message"),
    (
        (raises, gm.InputError, "raised at step 0 of stage reinforce: RuntimeError: of its own"),
        (lambda texts: [np.nan] * len(texts), gm.InputError, "rollout 0 of 6 .* was rewarded with nan"),
        (lambda _: [1.0], gm.InputError, "1 rewards for 6 rollouts"),
        (lambda texts: ["good"] * len(texts), gm.InputError, "rewards"),
        (stopped, KeyboardInterrupt, None),
    ),
)
@pytest.mark.parametrize("grue", (None, TAX), ids=("untaxed", "taxed"))
def test_a_step_that_fails_has_not_begun(reward, error, message, grue):
    learner = letters(grue=grue)
    how = stage(redefine=True, tax_bits=3.0)
    how.begin(learner)
    step(how, learner)
    before, counts = learner.fork(), [family.counts.copy() for family in learner.families.values()]
    with pytest.raises(error, match=message):
        step(replace(how, reward=reward), learner)
    assert learner.market.log2_wealth.tobytes() == before.market.log2_wealth.tobytes()
    assert learner.market.batches == before.market.batches
    assert learner.market.ledger().equals(before.market.ledger())
    assert all((f.counts == c).all() for f, c in zip(learner.families.values(), counts, strict=True))
    before.reference = learner.reference
    assert step(how, learner, 1).equals(step(how, before, 1))
    assert learner.market.log2_wealth.tobytes() == before.market.log2_wealth.tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    (
        ({"prompts": []}, "prompts"),
        ({"prompts": "one text"}, "give a list"),
        ({"prompts": [3]}, "give a list"),
        ({"reward": 3}, "cannot be called; see gm.rewards"),
        ({"group": 1}, "group=1; give a whole number, 2 or more"),
        ({"steps": 0}, "steps=0"),
        ({"step": -1.0}, "step=-1.0; give 0"),
        ({"beta": np.nan}, "beta=nan"),
        ({"step": np.inf}, "step=inf"),
        ({"mode": "exact"}, "'sampled' or 'replicator'"),
        ({"mode": "replicator"}, "say from how many rollouts="),
        ({"mode": "replicator", "rollouts": 1}, "rollouts=1"),
        ({"mode": "replicator", "max_bytes": 1, "redefine": True}, "draws no rollouts"),
        ({"tax_bits": -1.0}, "tax_bits=-1.0"),
        ({"stop": 5}, "stop 5; give a text or a list"),
        ({"stop": ["a", 5]}, "stop .'a', 5.; give a text or a list"),
    ),
)
def test_bad_input(options, message):
    with pytest.raises(gm.InputError, match=message):
        replace(stage(), **options)
