"""Programs as traders: held against every program by itself; splits, priors, the contract, files."""

import itertools

import gruemarket as gm
import numpy as np
import pytest

TOKENS = "+><[]."
STEPS = 200


def matched(program):
    """Whether brackets match."""
    depth = 0
    for sign in program:
        depth += (sign == "[") - (sign == "]")
        if depth < 0:
            return False
    return depth == 0


def programs_up_to(longest, tokens=TOKENS):
    """Every program with matched brackets."""
    every = (word for n in range(longest + 1) for word in itertools.product(tokens, repeat=n))
    return ["".join(word) for word in every if matched(word)]


def printed(program, first, memory):
    """What a program prints, in plain Python; None once the loop is left that printed the last of the first symbols."""
    tape, head, at, count, end = [0] * memory, 0, 0, 0, len(program)
    partner, opened = {}, []
    for place, sign in enumerate(program):
        if sign == "[":
            opened.append(place)
        elif sign == "]":
            partner[place] = opened.pop()
            partner[partner[place]] = place
    while at < end:
        sign = program[at]
        if sign == ".":
            yield tape[head]
            count += 1
            if count == first:  # the outermost loop around it
                loops = [place for place in partner if program[place] == "[" and place < at < partner[place]]
                end = partner[min(loops)] + 1 if loops else at
        tape[head] ^= sign == "+"
        head = (head + (sign == ">") - (sign == "<")) % memory
        if (sign == "[" and not tape[head]) or (sign == "]" and tape[head]):
            at = partner[at]
        at += 1
    yield from itertools.repeat(None)


class OneByOne:
    """Every program as a trader of its own, asked symbol by symbol: as slow as it is plain."""

    def __init__(self, machine, longest, settings, episodes, noise="kt"):
        tokens = TOKENS + ("," if machine == "reader" else "")
        memory, first = settings.get("memory", 64), settings["max_output"]
        code = np.log2(len(tokens) + 1)
        self.bits, rows = [3.0], []
        for program in programs_up_to(longest, tokens):
            if machine == "brainfuck":
                done = gm.programs.run(program, machine=machine, steps=STEPS, max_output=first, memory=memory)
                full = done.status == "OUTPUT_LIMIT"
            else:
                full = answers_all(program, settings["horizon"])
            if full:
                self.bits.append((len(program) + 1) * code)
                makes = {
                    "brainfuck": lambda program=program: Printed(program, first, memory),
                    "reader": lambda program=program: gm.programs.Predictor(program),
                }
                rows.append(told(makes[machine], episodes, noise))
        coin = tossed(episodes)
        self.likelihoods = [np.column_stack([coin[e], *(row[e] for row in rows)]) for e in range(len(episodes))]


class Printed:
    """`printed`, asked as a `Predictor` is."""

    def __init__(self, *program):
        self._symbols = printed(*program)

    def next(self, _steps):
        return (next(self._symbols),)

    def hear(self, symbol):
        """It does not."""


def answers_all(program, horizon):
    """Whether a reader answers every history shorter than the horizon."""
    for past in (word for n in range(horizon) for word in itertools.product((0, 1), repeat=n)):
        asked = gm.programs.Predictor(program)
        for symbol in past:
            if asked.next(STEPS)[0] is None:
                return False
            asked.hear(symbol)
        if asked.next(STEPS)[0] is None:
            return False
    return True


def told(make, episodes, noise):
    """What a program gives to each outcome, by hand."""
    rows, hits, misses = [], 0, 0
    for episode in episodes:
        asked, row, silent = make(), [], False
        for outcome in episode:
            said = None if silent else asked.next(STEPS)[0]
            silent = said is None
            asked.hear(outcome)
            if silent:
                row.append(0.5)
            elif noise:
                row.append(((hits if said == outcome else misses) + 0.5) / (hits + misses + 1))
                hits, misses = hits + (said == outcome), misses + (said != outcome)
            else:
                row.append(float(said == outcome))
        rows.append(np.array(row))
    return rows


def tossed(episodes):
    """What a coin gives to each outcome."""
    rows, counts = [], np.zeros(2)
    for episode in episodes:
        row = []
        for outcome in episode:
            row.append((counts[outcome] + 0.5) / (counts.sum() + 1))
            counts[outcome] += 1
        rows.append(np.array(row))
    return rows


def episodes(seed, *lengths):
    """A word again and again with some noise, so that many programs stay in the game."""
    draws = np.random.default_rng(seed)
    return [
        (np.resize([0, 1, 1, 0, 1], length) ^ (draws.uniform(size=length) < 0.1)).astype(np.uint32)
        for length in lengths
    ]


RULES = {
    "kelly": {},
    "fraction": {"clearing": gm.Kelly(0.3)},
    "isoelastic": {"clearing": gm.Isoelastic(2.0)},
    "pool": {"clearing": gm.LogPool(0.4)},
    "taxed rounds": {"grue": gm.GrueTax(gm.schedules.constant(0.01))},
    "taxed episodes": {"grue": gm.GrueTax(gm.schedules.inverse(), unit="episode")},
    "within groups": {"grue": gm.GrueTax(gm.schedules.constant(0.02), kernel="within groups")},
}
DEFAULTS = {"max_output": 32, "horizon": 5}
CASES = {
    "brainfuck": ("brainfuck", 7, {"max_output": 8, "memory": 64}),
    "few cells": ("brainfuck", 7, {"max_output": 4, "memory": 5}),
    "reader": ("reader", 5, {"horizon": 2}),
}


@pytest.fixture(scope="module")
def one_by_one():
    """By case: what was read, and every program's part in it."""
    read = episodes(3, 60, 25, 100)
    made = {}
    for name, (machine, longest, settings) in CASES.items():
        made[name] = read, OneByOne(machine, longest, DEFAULTS | settings, read)
    return made


def inductor_of(case, **rule):
    machine, longest, settings = CASES[case]
    family = gm.Programs(machine, longest, STEPS, **settings)
    return gm.Inductor({"programs": family}, **rule)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", CASES)
def test_splits_give_what_all_programs_give_one_by_one(one_by_one, case, rule):
    read, single = one_by_one[case]
    groups = ["programs"] * len(single.bits)
    inductor = inductor_of(case, **RULES[rule])
    market = gm.Market(single.bits, groups=groups, **RULES[rule])
    assert len(inductor.market) < len(market)
    before = len(inductor.market)
    for episode, rows in zip(read, single.likelihoods, strict=True):
        own = inductor.read([episode])
        if rule in ("isoelastic", "pool"):
            forecasts = np.stack([np.where(episode[:, None] == x, rows, 1 - rows) for x in (0, 1)], axis=1)
            other = market.run(forecasts, episode)
        else:
            other = market.run(likelihoods=rows)
        np.testing.assert_allclose(own.loss_bits, other.loss_bits, rtol=1e-12, atol=1e-12)
    assert len(inductor.market) > before
    assert inductor.market.wealth[0] == pytest.approx(market.wealth[0], rel=1e-12)
    assert inductor.market.reserve == pytest.approx(market.reserve, rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_batch_splits_as_one(one_by_one, case):
    read, single = one_by_one[case]
    inductor = inductor_of(case)
    own = inductor.read(read, batch=len(read))
    other = gm.Market(single.bits).run_batch([{"likelihoods": rows} for rows in single.likelihoods])
    np.testing.assert_allclose(own.loss_bits, other.loss_bits, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_without_doubt_programs_are_bankrupt_when_they_err(case):
    machine, longest, settings = CASES[case]
    read = [np.resize([0, 1, 1], 40).astype(np.uint32)]
    single = OneByOne(machine, longest, DEFAULTS | settings, read, noise=None)
    family = gm.Programs(machine, longest, STEPS, noise=None, **settings)
    own = gm.Inductor({"programs": family}).read(read)
    other = gm.Market(single.bits).run(likelihoods=single.likelihoods[0])
    np.testing.assert_allclose(own.loss_bits, other.loss_bits, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_symbol_by_symbol_as_a_family_it_is_the_same(one_by_one, case):
    [episode, *_], _ = one_by_one[case]
    at_once, steps = inductor_of(case), inductor_of(case)
    prices = at_once.observe_all(episode)[:, 0]
    for price, outcome in zip(prices, episode.tolist(), strict=True):
        assert steps.forecast()[outcome, 0] == pytest.approx(price, rel=1e-12)
        steps.observe(outcome)
    assert steps.market.wealth[0] == pytest.approx(at_once.market.wealth[0], rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_frozen_it_forecasts_as_a_mixture(case):
    machine, longest, settings = CASES[case]
    family = gm.Programs(machine, longest, STEPS, noise=None, **settings)
    family.freeze()
    frozen, other = (gm.Inductor({"programs": family.fork()}) for _ in range(2))
    frozen.freeze()
    read = [np.resize([0, 1, 1], 40).astype(np.uint32)]
    losses = [inductor.read(read).loss_bits for inductor in (frozen, other)]
    np.testing.assert_allclose(*losses, rtol=1e-12, atol=1e-12)
    assert len(frozen.market) < len(other.market)


def test_a_mixture_is_what_full_kelly_makes_of_its_parts(one_by_one):
    [episode, *_], single = one_by_one["brainfuck"]
    family = inductor_of("brainfuck").families["programs"]
    rows = family.observe_all(episode)
    own = gm.Market(family.bits).run(likelihoods=rows)
    other = gm.Market(single.bits).run(likelihoods=single.likelihoods[0])
    np.testing.assert_allclose(own.loss_bits, other.loss_bits, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_money_and_mass_are_conserved_in_every_split(case):
    inductor = inductor_of(case, grue=gm.GrueTax(gm.schedules.constant(0.01)))
    family, splits = inductor.families["programs"], 0
    for episode in episodes(5, 8, 20, 50, 90, 200):
        before, mass = inductor.market.wealth, np.exp2(-inductor.market.bits)
        parts = family.fork().split_accounts([episode])
        inductor._tell_apart([episode])
        if parts:
            splits += 1
            sources = [source for source, _ in parts]
            for old, new in ((before, inductor.market.wealth), (mass, np.exp2(-inductor.market.bits))):
                np.testing.assert_allclose(np.bincount(sources, new), old, rtol=1e-12)
            np.testing.assert_allclose(np.exp2(-family.bits), np.exp2(-inductor.market.bits), rtol=1e-12)
        assert inductor.market.wealth.sum() + inductor.market.reserve == pytest.approx(1, abs=1e-12)
        assert family.reserve == pytest.approx(inductor_of(case).families["programs"].reserve, abs=1e-12)
        inductor.read([episode])
    assert splits


def test_a_tax_by_rows_refuses_splits():
    family = gm.Programs(max_length=7, max_output=8)
    count = family.accounts
    kernel = (np.arange(count + 1), np.roll(np.arange(count), 1), np.full(count, 0.5))
    inductor = gm.Inductor({"a": family}, grue=gm.GrueTax(gm.schedules.constant(0.1), kernel=kernel))
    with pytest.raises(gm.InputError, match="kernel given by rows"):
        inductor.read(episodes(1, 60))
