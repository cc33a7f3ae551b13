"""Processes: exact filtering against all hidden paths, entropies against closed forms and blocks, samples, files."""

import itertools

import gruemarket as gm
import numpy as np
import pytest
from gruemarket import processes
from gruemarket.processes import HiddenMarkov, codes, measures
from scipy import stats

TWICE_GOLDEN = np.zeros((2, 3, 3))  # the golden mean, with its first state twice
TWICE_GOLDEN[1, 0, 1] = TWICE_GOLDEN[0, 0, 2] = TWICE_GOLDEN[1, 1, 0] = TWICE_GOLDEN[0, 1, 2] = 0.5
TWICE_GOLDEN[1, 2, 0] = 1


def tangled(seed=3, outcomes=2, states=3):
    """A machine in which every state may follow every other with every symbol."""
    parts = np.random.default_rng(seed).dirichlet(np.ones(outcomes * states), states)
    return HiddenMarkov(parts.reshape(states, outcomes, states).swapaxes(0, 1), name=f"tangled {seed}")


MACHINES = [
    processes.golden_mean(),
    processes.even(),
    processes.z1r(),
    processes.rrxor(),
    processes.mess3(),
    processes.periodic("0010", phase=None),
    processes.periodic("011", phase=1),
    tangled(),
    *processes.generated(2, seed=8),
]
LAWS = [*processes.named(), tangled(4, 3), processes.Recorded([0, 2, 1, 1] * 50, name="record")]


def by_paths(machine, word):
    """P(word), summed over every path of hidden states."""
    total = 0.0
    for path in itertools.product(range(machine.states), repeat=len(word) + 1):
        chance = machine.initial[path[0]]
        for x, before, after in zip(word, path, path[1:], strict=False):
            chance *= machine.transitions[x, before, after]
        total += chance
    return total


@pytest.mark.parametrize("machine", MACHINES, ids=lambda one: one.name)
def test_beliefs_are_those_of_all_hidden_paths(machine):
    length = 4 if machine.states > 4 else 5
    for word in itertools.product(range(machine.outcomes), repeat=length):
        expected = by_paths(machine, word)
        found = machine.forecaster().observe_all(word)[:, 0]
        if expected == 0:
            assert found.prod() == 0
        else:
            np.testing.assert_allclose(found.prod(), expected, rtol=1e-12)


def test_after_what_cannot_be_the_process_is_anywhere():
    even = processes.even()
    odd_run = even.forecaster().observe_all([0, 1, 0])
    assert odd_run[:, 0].round(12).tolist() == [0.333333333333, 0.5, 0]
    family = even.forecaster()
    family.observe_all([0, 1, 0, 1])  # the second 0 was impossible: read as one of the long run, after which A
    np.testing.assert_allclose(family.forecast()[:, 0], [0, 1], atol=1e-12)


@pytest.mark.parametrize(
    ("machine", "rate", "complexity", "excess"),
    (
        (processes.golden_mean(), 2 / 3, np.log2(3) - 2 / 3, np.log2(3) - 4 / 3),
        (processes.even(), 2 / 3, np.log2(3) - 2 / 3, np.log2(3) - 2 / 3),
        (processes.rrxor(), 2 / 3, np.log2(3) + 2 / 3, np.log2(3) + 2 / 3),
        (processes.z1r(), 1 / 3, np.log2(3), np.log2(3)),
        (processes.periodic("00101"), 0, np.log2(5), np.log2(5)),
        (processes.periodic("0101"), 0, 1, 1),
        (processes.de_bruijn(4), 0, 4, 4),
        (processes.biased_coin(0.25), 2 - 0.75 * np.log2(3), 0, 0),
        (processes.fair_coin(), 1, 0, 0),
        (HiddenMarkov(TWICE_GOLDEN), 2 / 3, np.log2(3) - 2 / 3, np.log2(3) - 4 / 3),
    ),
    ids=lambda one: getattr(one, "name", None),
)
def test_entropies_have_their_known_values(machine, rate, complexity, excess):
    assert machine.entropy_rate == pytest.approx(rate, abs=1e-12)
    assert machine.statistical_complexity == pytest.approx(complexity, abs=1e-12)
    assert machine.excess_entropy == pytest.approx(excess, abs=1e-6)


def blocks(machine, length):
    """H(X_1 .. X_L) for L = 0 .. length of the stationary process, over all words."""
    rows, found = machine.stationary[None, :], []
    for _ in range(length + 1):
        chances = rows.sum(axis=1)
        found.append(float(stats.entropy(chances, base=2)))
        rows = np.einsum("ms,xst->xmt", rows, machine.transitions).reshape(-1, machine.states)
    return found


@pytest.mark.parametrize("machine", MACHINES, ids=lambda one: one.name)
def test_mixed_states_give_the_entropies_of_all_words(machine):
    length = 7
    expected = np.diff(blocks(machine, length))
    found = measures.conditional_entropies(machine.transitions, machine.stationary[None, :], np.ones(1))
    np.testing.assert_allclose(list(itertools.islice(found, length)), expected, atol=1e-10)


def test_entropy_rate_of_a_machine_that_is_not_unifilar_lies_between_its_bounds():
    for machine in (processes.mess3(), tangled()):
        assert not machine.is_unifilar
        low, high = machine.entropy_bounds
        assert 0 <= high - low < 1e-4
        assert low <= machine.entropy_rate <= high <= np.diff(blocks(machine, 6))[-1] + 1e-12
        assert machine.statistical_complexity is None
        assert machine.excess_entropy is None
    for machine in processes.generated(20, seed=2):  # where both ways are open, they agree
        low, high = measures.rate_bounds(machine.transitions, machine.stationary)
        assert low - 1e-9 <= machine.entropy_rate <= high + 1e-9


def test_long_run_of_chains_with_periods_and_ends():
    chain = np.array([[0, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    expected = [[0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(measures.long_run(chain), expected, atol=1e-12)
    values, vectors = np.linalg.eig(tangled().transitions.sum(axis=0).T)
    [one] = np.flatnonzero(abs(values - 1) < 1e-9)
    stationary = (vectors[:, one] / vectors[:, one].sum()).real
    np.testing.assert_allclose(tangled().stationary, stationary, rtol=1e-10)


@pytest.mark.parametrize("law", LAWS, ids=lambda one: one.name)
def test_samples_are_what_the_true_forecaster_expects(law):
    length = 200
    first = law.sample(length, 1)
    assert first.dtype == np.uint32
    assert first.tobytes() == law.sample(length, 1).tobytes()
    chances = np.concatenate([law.forecaster().observe_all(law.sample(length, seed))[:, 0] for seed in range(30)])
    assert (chances > 0).all()
    if law.entropy_rate and law.name != "hidden grue":
        assert -np.log2(chances).mean() == pytest.approx(law.entropy_rate, abs=0.04)


def test_words_are_as_frequent_as_they_should_be():
    machine, length = tangled(), 4
    counts = np.zeros((machine.outcomes,) * length)
    for seed in range(4000):
        counts[tuple(machine.sample(length, seed))] += 1
    expected = [by_paths(machine, word) for word in itertools.product(range(machine.outcomes), repeat=length)]
    assert stats.chisquare(counts.ravel(), 4000 * np.array(expected)).pvalue > 0.01


def test_processes_of_other_names_draw_independently():
    samples = [HiddenMarkov([[[0.5]], [[0.5]]], name=name).sample(64, 1).tolist() for name in "ab"]
    assert samples[0] != samples[1]


def test_sequences_are_their_definitions():
    morse = [0]
    while len(morse) < 256:
        morse += [1 - symbol for symbol in morse]
    assert processes.ThueMorse().sample(256).tolist() == morse
    for order, outcomes in ((1, 2), (4, 2), (3, 3)):
        word = processes.de_bruijn(order, outcomes).sample(outcomes**order).tolist()
        around = [tuple((word * 2)[i : i + order]) for i in range(len(word))]
        assert sorted(around) == sorted(itertools.product(range(outcomes), repeat=order))
    assert processes.constant(1).sample(3).tolist() == [1, 1, 1]
    assert processes.alternating(3).sample(5).tolist() == [0, 1, 2, 0, 1]
    assert processes.periodic("011", phase=2).sample(4).tolist() == [1, 0, 1, 1]
    assert {tuple(processes.periodic("01", phase=None).sample(2, seed)) for seed in range(9)} == {(0, 1), (1, 0)}


def test_a_switch_follows_one_law_then_the_other():
    law = processes.Switch(processes.alternating(), processes.alternating(3), 3)
    assert law.sample(7).tolist() == [0, 1, 0, 0, 1, 2, 0]
    assert law.sample(2).tolist() == [0, 1]
    assert law.forecaster().observe_all([0, 1, 0, 0, 1, 2, 0])[:, 0].tolist() == [1.0] * 7
    assert law.forecaster().observe_all([0, 2, 0, 1])[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    grue = processes.hidden_grue(40)
    early, late = grue.sample(100, 5)[:40], grue.sample(100, 5)[40:]
    assert processes.golden_mean().forecaster().observe_all(early).min() > 0
    assert processes.even().forecaster().observe_all(late).min() > 0
    assert grue.entropy_rate == processes.even().entropy_rate


def test_generated_machines_are_different_small_and_minimal():
    found = processes.generated(60, seed=1)
    assert len({processes.canonical(one) for one in found}) == 60
    assert [one.name for one in processes.generated(20, seed=1)] == [one.name for one in found[:20]]
    for one in found:
        assert one.is_unifilar
        assert 2 <= one.states <= 4
        assert one.entropy_rate > 0
        assert len(set(measures.causal_states(one.transitions, one.stationary))) == one.states
        assert 0 <= one.excess_entropy <= one.statistical_complexity + 1e-6 if one.excess_entropy else True
    others = processes.generated(60, seed=2, without=found)
    assert not {processes.canonical(one) for one in others} & {processes.canonical(one) for one in found}
    assert all(one.outcomes == 3 for one in processes.generated(3, outcomes=3))
    with pytest.raises(gm.InputError, match="allow more states"):
        processes.generated(1000, states=[1])
    with pytest.raises(gm.InputError, match="machines -1; give a whole number, 0 or more"):
        processes.generated(-1)


def test_machines_are_one_if_they_are_one_process():
    golden = processes.golden_mean()
    again = HiddenMarkov(golden.transitions[:, ::-1, ::-1])
    assert processes.canonical(golden) == processes.canonical(again) == processes.canonical(HiddenMarkov(TWICE_GOLDEN))
    assert processes.canonical(golden) != processes.canonical(processes.even())
    assert processes.canonical(golden) != processes.canonical(processes.golden_mean(0.25))


def test_description_lengths_are_those_of_a_code():
    assert sum(2.0 ** -codes.natural(n) for n in range(1, 1 << 12)) <= 1
    fractions = {a / b: codes.probability(a / b) for b in range(2, 60) for a in range(1, b)}
    assert sum(2.0**-bits for bits in fractions.values()) <= 1
    assert codes.probability(np.pi / 4) == codes.natural(1024) + np.log2(1023)
    bits = [law.bits for law in processes.named()]
    assert all(5 < one < 60 for one in bits)
    assert sum(2.0**-one for one in bits) < 1
    # one edge of each symbol for either state, and two probabilities of 1/2 but no other
    edges = codes.KINDS + 1 + 3 + (3 + 2 * 2 + 3) + (1 + 2)
    assert processes.golden_mean().bits == pytest.approx(edges)


def test_families_of_processes_keep_the_contract():
    gm.check_family(gm.Processes(LAWS))
    gm.check_family(processes.even().forecaster())


def test_a_market_of_processes_is_bayes_over_them():
    laws = [processes.golden_mean(), processes.fair_coin(), tangled()]
    symbols = laws[0].sample(60, 3)
    inductor = gm.Inductor({"laws": gm.Processes(laws)})
    run = inductor.read([symbols])
    prior = np.array([2.0**-law.bits for law in laws])
    likelihood = np.prod(gm.Processes(laws).observe_all(symbols), axis=0)
    # the reserve never bets, so the price is that of the laws alone
    assert run.total_loss_bits == pytest.approx(-np.log2(prior @ likelihood / prior.sum()), rel=1e-10)
    assert inductor.names == ["laws[golden mean]", "laws[fair coin]", "laws[tangled 3]"]


def test_a_wider_alphabet_has_symbols_that_no_process_emits():
    family = gm.Processes([processes.alternating()], outcomes=3)
    assert family.observe_all([0, 2, 1]).tolist() == [[1.0], [0.0], [1.0]]


def test_saved_families_are_whole(tmp_path):
    family = gm.Processes(LAWS, bits=np.arange(len(LAWS)) + 4.0, outcomes=5)
    family.save(tmp_path / "laws")
    again = gm.Processes.load(tmp_path / "laws")
    assert again.config() == family.config()
    assert again.names == family.names
    for damaged in (
        b"{}",
        b"[1]",
        b"\xff",
        (tmp_path / "laws").read_bytes()[:-9],
        b'{"format": "gruemarket processes 9"}',
    ):
        (tmp_path / "bad").write_bytes(damaged)
        with pytest.raises(gm.CheckpointError):
            gm.Processes.load(tmp_path / "bad")


@pytest.mark.parametrize(
    ("text", "symbols", "outcomes"),
    (
        ("0110\n10\n", [0, 1, 1, 0, 1, 0], 2),
        ("3, 12, 3, 7", [0, 2, 0, 1], 3),
        ("10\t9\n9\t10", [1, 0, 0, 1], 2),
        ("abca", [0, 1, 2, 0], 3),
        ("b a\nb", [1, 0, 1], 2),
        ("-1 1 -1", [0, 1, 0], 2),
    ),
)
def test_files_of_symbols(tmp_path, text, symbols, outcomes):
    (tmp_path / "mine.txt").write_text(text)
    law = processes.read(tmp_path / "mine.txt")
    assert (law.sample(len(symbols)).tolist(), law.outcomes, law.name) == (symbols, outcomes, "mine")
    assert law.entropy_rate is None
    assert law.forecaster().observe_all(symbols).prod() == 1
    np.testing.assert_allclose(law.forecast(len(symbols)), 1 / outcomes)  # past the end


def test_files_that_hold_no_symbols(tmp_path):
    file = tmp_path / "mine.txt"
    for text, message in (("", "0 different"), ("1 1 1", "1 different"), ("7\n12\n3\n", "separated=True or")):
        file.write_text(text)
        with pytest.raises(gm.InputError, match=message):
            processes.read(file)
    assert processes.read(file, separated=True).sample(3).tolist() == [1, 2, 0]
    assert len(processes.read(file, separated=False)) == 4
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(gm.InputError, match="UTF-8"):
        processes.read(file)
    file.write_text(" ".join(map(str, range(257))))
    with pytest.raises(gm.InputError, match="2 to 256"):
        processes.read(file)


@pytest.mark.parametrize(
    ("make", "message"),
    (
        (lambda: HiddenMarkov([[0.5], [0.5]]), "shape"),
        (lambda: HiddenMarkov([[[1.0]]]), "2 symbols or more"),
        (lambda: HiddenMarkov([[[0.5]], [[0.6]]]), "sum to 1"),
        (lambda: HiddenMarkov([[[-0.5]], [[1.5]]]), "sum to 1"),
        (lambda: HiddenMarkov([[[np.nan]], [[0.5]]]), "sum to 1"),
        (lambda: HiddenMarkov([np.eye(2), np.zeros((2, 2))]), "give initial="),
        (lambda: HiddenMarkov([np.eye(2), np.zeros((2, 2))], initial=[1]), "2 states"),
        (lambda: HiddenMarkov([np.eye(2), np.zeros((2, 2))], initial=[1, 1]), "sum to 1"),
        (lambda: processes.periodic(""), "without a word"),
        (lambda: processes.periodic("01", phase=2), "phase 2"),
        (lambda: processes.periodic([0.5]), "whole numbers"),
        (lambda: processes.biased_coin(1), "strictly between"),
        (lambda: processes.mess3(x=0.6), "strictly between"),
        (lambda: processes.de_bruijn(0), "order 0"),
        (lambda: processes.Recorded([]), "no symbols"),
        (lambda: processes.Recorded([0.5, 1]), "whole numbers"),
        (lambda: processes.Recorded([0, 1]).sample(3), "smaller length"),
        (lambda: processes.Switch(processes.even(), None, 3), "two processes"),
        (lambda: processes.Switch(processes.even(), processes.even(), 0), "1 or more"),
        (lambda: processes.even().sample(-1), "length -1"),
        (lambda: processes.even().sample(1, seed=-1), "seed -1"),
        (lambda: gm.Processes([]), "no processes"),
        (lambda: gm.Processes(["even"]), "not a process"),
        (lambda: gm.Processes([processes.even()] * 2), "two processes are called 'even'"),
        (lambda: gm.Processes([processes.mess3()], outcomes=2), "outcomes 2"),
        (lambda: gm.Processes([processes.mess3()], bits=[1, 2]), "2 bits for 1"),
        (lambda: processes.even().forecaster().observe(2), "0 to 1"),
        (lambda: processes.from_definition({"kind": "evne"}), "kind of process"),
        (lambda: processes.from_definition(3), "3 is no definition"),
        (lambda: processes.mess3("a", 0.1), "alpha 'a'; give a number strictly between 0 and 1"),
        (lambda: processes.mess3(x=0.5), "x 0.5; give a number strictly between 0 and 0.5"),
        (lambda: processes.biased_coin(None), "heads None"),
        (lambda: processes.golden_mean("a"), "stay 'a'; give a finite number, from 0 to 1"),
        (lambda: processes.even(float("nan")), "stay nan"),
        (lambda: processes.periodic("01a"), "a word '01a'; give symbols, or a text of digits"),
        (lambda: processes.periodic(3), "a word 3"),
        (lambda: processes.periodic([0, "b"]), "a word with .* give whole numbers"),
        (lambda: processes.biased_coin(3**10000), "heads .a number of 15850 bits."),
        (lambda: processes.even(1j), "stay 1j"),
        (lambda: gm.StateMachines(2, estimator="a"), "estimator 'a'"),
        (lambda: processes.de_bruijn(1.5), "order 1.5; give a whole number, 1 or more"),
        (lambda: processes.HiddenMarkov("x"), "transitions: dtype .* is not numeric"),
        (lambda: processes.HiddenMarkov([[[0.5]], [[0.5]]], bits=-1), "bits -1; give a finite number, 0 or more"),
        (lambda: processes.Recorded([0, 1], bits="a"), "bits 'a'"),
        (lambda: processes.Recorded([0, 1], outcomes="a"), "outcomes 'a'"),
        (lambda: processes.ThueMorse(bits=float("nan")), "bits nan"),
        (lambda: processes.canonical("x"), "'x' is not a hidden Markov process"),
        (lambda: gm.Processes(3), "3 is no list of processes"),
        (lambda: gm.programs.Predictor("+", alphabet=-1), "alphabet -1"),
        (lambda: gm.analysis.complexity({"trees": gm.ContextTrees()}, [3]), "3 is not a process"),
        (lambda: gm.analysis.complexity({"trees": gm.ContextTrees()}, None), "a list of processes"),
    ),
)
def test_bad_input_says_what_is_allowed(make, message):
    with pytest.raises(gm.InputError, match=message):
        make()
