"""Measures on money and texts, against closed forms, enumerations and nulls that must be uniform."""

import math

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket import analysis, diversity, selection
from gruemarket.history import SCHEMAS
from scipy import stats
from story import PROMPTS, story


class Coin:
    """One account that says 1 with the same probability for ever."""

    outcomes, accounts = 2, 1
    bits = np.zeros(1)

    def __init__(self, heads):
        self.heads, self.frozen = heads, False

    def begin_episode(self):
        pass

    def forecast(self):
        return np.array([[1 - self.heads], [self.heads]])

    def observe(self, outcome):
        pass

    def freeze(self, frozen=True):  # noqa: FBT002
        self.frozen = frozen

    def fork(self):
        return Coin(self.heads)


def coins(ones=0.9, noughts=0.2, **more):
    return gm.Inductor({"ones": Coin(ones), "noughts": Coin(noughts)}, **more)


def posterior(prior, text, chances):
    """Bayes over coins, after each byte: (L + 1, N)."""
    bits = np.unpackbits(np.frombuffer(text, np.uint8))
    steps = np.where(bits[:, None] == 1, chances, 1 - np.array(chances))
    log = np.vstack([np.zeros(len(chances)), np.cumsum(np.log(steps), axis=0)])[::8] + np.log(prior)
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def corpus(*documents):
    return pl.DataFrame(documents, ["voice", "text"], orient="row")


@pytest.fixture
def still():
    """An inductor, and at the end of the test a look whether it moved."""
    inductor = coins(clearing=gm.Kelly(0.5), grue=gm.GrueTax(gm.schedules.inverse()))
    inductor.read([b"\xff", b"\x0f"])
    before = inductor.market.wealth.tobytes(), inductor.market.ledger()
    yield inductor
    assert inductor.market.wealth.tobytes() == before[0]
    assert inductor.market.ledger().equals(before[1])


# --- Diversity


def test_entropy_in_closed_forms():
    assert diversity.entropy_bits([1.0]) == 0
    assert diversity.entropy_bits(np.full(8, 0.01)) == pytest.approx(3)
    w = np.random.default_rng(1).dirichlet(np.ones(9))
    assert diversity.entropy_bits(w) == pytest.approx(stats.entropy(w, base=2))
    for wrong in ([0.0, 0.0], [0.5, -0.1], [float("nan")], []):
        with pytest.raises(gm.InputError):
            diversity.entropy_bits(wrong)


def test_distinct_counts_ngrams_over_all_texts():
    assert diversity.distinct(["a b a", "a b"], 1) == 2 / 5
    assert diversity.distinct(["a b a", "a b"], 2) == 2 / 3
    assert diversity.distinct(["a b c"], 3) == 1
    assert math.isnan(diversity.distinct(["a b", ""], 3))
    assert diversity.distinct(["x"] * 10, 1) == 0.1


@pytest.mark.parametrize("n", (1, 2, 7, 50))
def test_vendi_is_1_for_the_same_and_n_for_different_texts(n):
    assert diversity.vendi(diversity.similarity(["the same old words"] * n)) == pytest.approx(1, abs=1e-9)
    assert diversity.vendi(diversity.similarity([f"a{i} b{i} c{i}" for i in range(n)])) == pytest.approx(n)
    assert diversity.vendi(diversity.similarity([""] * n)) == pytest.approx(1, abs=1e-9)


def test_vendi_of_groups_and_pairs_in_closed_form():
    texts = ["a b c"] * 4 + ["d e f"] * 4 + ["", "", "", ""]
    assert diversity.vendi(diversity.similarity(texts)) == pytest.approx(3)
    unequal = ["a b c"] * 3 + ["d e f"]
    assert diversity.vendi(diversity.similarity(unequal)) == pytest.approx(2 ** diversity.entropy_bits([3, 1]))
    for s in (0.0, 0.3, 0.999):  # eigenvalues (1 +- s) / 2
        expected = 2 ** diversity.entropy_bits([1 + s, 1 - s])
        assert diversity.vendi([[1, s], [s, 1]]) == pytest.approx(expected)
    for wrong in (np.eye(2)[:1], [[1, 2], [0, 1]], [[2.0]], np.empty((0, 0))):
        with pytest.raises(gm.InputError):
            diversity.vendi(wrong)


def test_similarity_is_the_mean_cosine_of_ngram_counts():
    found = diversity.similarity(["a b a", "a b"])
    unigrams, bigrams = 3 / math.sqrt(5 * 2), 1 / math.sqrt(2)  # (2, 1).(1, 1) and (ab, ba).(ab)
    assert found[0, 1] == pytest.approx((unigrams + bigrams) / 2)
    assert diversity.similarity(["x", "y", "x"], orders=[2])[0].tolist() == [1, 0, 1]
    with pytest.raises(gm.InputError):
        diversity.similarity([])


# --- Selection


def judged(before, after, **more):
    rows = [
        (1, "s", b, b + 1, str(i), float(w), 0.0) for b, ws in ((3, before), (4, after)) for i, w in enumerate(ws) if w
    ]
    wealth = pl.DataFrame(rows, list(SCHEMAS["wealth"]), orient="row")
    stages = pl.DataFrame([(1, "s", "FineTune", 4, 4, 1)], list(SCHEMAS["stages"]), orient="row")
    frame = analysis.selection_share(gm.History(wealth=wealth, stages=stages), "s", **more)
    return {row["measure"]: row for row in frame.to_dicts()}


def test_the_measures_by_hand():
    found = judged([0.5, 0.25, 0.15, 0.1], [0.4, 0.35, 0.25, 0])
    assert found["rich"]["gain"] == pytest.approx(0.2)
    assert found["rich"]["value"] == pytest.approx(0)
    assert found["rank"]["value"] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert found["wealth"]["value"] == pytest.approx((0.25 + 0.15) / 2)
    assert {row["orders"] for row in found.values()} == {24}
    assert found["rich"]["p"] == 1


def test_the_nulls_mean_is_the_mean_of_what_is_measured():
    before = [0.4, 0.3, 0.2, 0.1]
    found = judged(before, [0.3, 0.5, 0.1, 0.1])
    assert [found[name]["null_mean"] for name in ("rich", "rank", "wealth")] == pytest.approx([0.5, 0.5, 0.25])
    assert found["rank"]["value"] == pytest.approx(2 / 3)
    assert found["rank"]["p"] == 0.5  # the gain falls on each of the four alike, on two of them it is as great


def test_redefined_accounts_had_nothing_before():
    found = judged([0.6, 0.4, 0], [0.2, 0.1, 0.7])
    assert found["rich"]["value"] == found["rank"]["value"] == found["wealth"]["value"] == 0
    assert found["rich"]["p"] == 1


def test_a_stage_in_which_nothing_was_won():
    found = judged([0.6, 0.4], [0.6, 0.4])
    assert {row["value"] for row in found.values()} == {row["p"] for row in found.values()} == {None}
    assert found["rich"]["gain"] == 0


@pytest.mark.parametrize(("accounts", "permutations"), ((5, 200), (9, 199)), ids=("all orders", "drawn orders"))
def test_p_is_uniform_where_gains_know_nothing_of_wealth(accounts, permutations):
    draw, ps = np.random.default_rng(7), []
    for trial in range(400):
        before = draw.dirichlet(np.ones(accounts))
        gains = draw.exponential(size=accounts) ** 2
        orders = selection._orders(accounts, permutations, trial)
        ps.append(selection._against_chance(gains, selection._richness(before)["wealth"], orders)[-1])
    assert selection._orders(accounts, permutations, 0)[1] == (accounts == 5)
    assert stats.kstest(ps, "uniform").pvalue > 0.01
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(ps) <= level) <= level + 3 * math.sqrt(level * (1 - level) / 400)


def test_gains_of_the_rich_are_found_out():
    before = np.sort(np.random.default_rng(2).dirichlet(np.ones(10)))
    after = before + before**2
    found = judged(before, after / after.sum())
    assert found["rich"]["value"] > 0.9
    for name in ("rank", "wealth"):
        assert found[name]["p"] < 0.05
        assert found[name]["value"] > found[name]["null_high"]
    again = judged(before, after / after.sum())
    assert found == again
    assert judged(before, after / after.sum(), seed=1) != found


def test_every_seed_is_judged_by_itself():
    many = gm.History.joined([story(1), story(2)])
    found = analysis.selection_share(many, "finetune")
    assert found["seed"].to_list() == [1, 1, 1, 2, 2, 2]
    assert found.filter(seed=2).equals(analysis.selection_share(many.of_seed(2), "finetune"))
    with pytest.raises(gm.InputError, match="stage 'tune' is not in this history; there are pretrain"):
        analysis.selection_share(many, "tune")
    with pytest.raises(gm.InputError, match="0 permutations"):
        analysis.selection_share(many, "finetune", permutations=0)


# --- Bits to win back


@pytest.mark.parametrize("w", (1e-9, 0.01, 0.3, 0.5, 0.9))
def test_winning_that_many_bits_gives_half_of_the_money(w):
    inductor = gm.Inductor({"a": Coin(0.5), "b": Coin(0.5)}, bits={"a": -math.log2(w), "b": -math.log2(1 - w)})
    bits = analysis.bits_to_win_back(inductor)["bits"][0]
    likelihoods = np.exp2([[min(bits, 0), min(-bits, 0)]])
    inductor.market.run(likelihoods=likelihoods)
    assert inductor.market.wealth[0] == pytest.approx(0.5, abs=1e-6)


def test_drained_accounts_need_their_log2_wealth():
    inductor = coins(bits={"ones": 1, "noughts": 1})
    inductor.market.run(likelihoods=[[1.0, 0.5]] * 5000)
    found = analysis.bits_to_win_back(inductor)
    assert found["bits"].to_list() == pytest.approx([-math.inf, 5000])
    assert found["wealth"].to_list() == [1, 0]


def test_a_history_is_judged_at_its_end():
    many = gm.History.joined([story(1), story(2)])
    found = analysis.bits_to_win_back(many)
    assert len(found) == 12
    assert found.columns[0] == "seed"
    w = found["wealth"].to_numpy()
    np.testing.assert_allclose(found["bits"], np.log2((1 - w) / w), atol=1e-6)
    assert w.sum() == pytest.approx(2)


# --- Responsibility, learning time, accuracy


def test_responsibility_is_the_posterior():
    text = b"\xf0\xff\x00\x3f"
    inductor = coins(bits={"ones": 2, "noughts": 0.6})
    found = analysis.responsibility(inductor, [text, "abc"], marks=(1, 3, 100))
    prior = np.exp2([-2, -0.6])
    expected = posterior(prior / prior.sum(), text, [0.9, 0.2])[[1, 3, 4]]
    assert found.filter(text=0)["bytes"].to_list() == [1, 1, 3, 3, 4, 4]
    np.testing.assert_allclose(found.filter(text=0)["share"], expected.ravel(), rtol=1e-9)
    np.testing.assert_allclose(found.filter(text=0)["wealth"], expected.ravel() * prior.sum(), rtol=1e-9)
    assert found.filter(text=1)["bytes"].to_list() == [1, 1, 3, 3]
    assert analysis.responsibility(inductor, []).columns == found.columns


def test_bits_and_learning_times_are_those_of_bayes():
    texts = [bytes(np.random.default_rng(i).choice([0x7F, 0x1F, 0x0F, 0x01], 20).tolist()) for i in range(9)]
    inductor = coins(0.6, 0.4, bits={"ones": 5, "noughts": 0.046})
    found = analysis.inductive_bias(inductor, corpus(*(("x", text) for text in texts)), every=1)
    assert found["market"].to_list() == ["virgin", "trained"]
    assert found.row(0)[1:] == found.row(1)[1:]  # nothing was read
    prior = np.exp2([-5, -0.046])
    times = []
    for text in texts:
        shares = posterior(prior / prior.sum(), text, [0.6, 0.4])
        held = shares[:, shares[-1].argmax()] > 0.5
        times.append(next(t for t in range(21) if held[t:].all()))
    assert len(set(times)) > 3
    assert found["learning_bytes"][0] == np.median(times)
    assert found["learned"][0] == 1
    row = found.row(0, named=True)
    ones = np.unpackbits(np.frombuffer(b"".join(texts), np.uint8).reshape(9, 20), axis=1).sum(axis=1)
    bits = -np.log2([prior / prior.sum() @ [0.6**k * 0.4 ** (160 - k), 0.4**k * 0.6 ** (160 - k)] for k in ones])
    # the prior is not quite 1, and the reserve does not bet
    assert row["bits"] == pytest.approx(bits.sum())
    assert row["bits_per_byte"] == pytest.approx(bits.sum() / 180)


def test_training_moves_the_bias():
    inductor = coins()
    inductor.read([b"\xff"] * 3)
    found = analysis.inductive_bias(inductor, corpus(("ones", b"\xff" * 9), ("noughts", b"\x00" * 9)), every=1)
    rows = {(row["market"], row["voice"]): row for row in found.to_dicts()}
    assert rows["trained", "ones"]["bits"] < rows["virgin", "ones"]["bits"]
    assert rows["trained", "noughts"]["bits"] > rows["virgin", "noughts"]["bits"]
    assert rows["trained", "ones"]["learning_bytes"] == 0
    assert rows["trained", "noughts"]["learning_bytes"] > rows["virgin", "noughts"]["learning_bytes"]


def test_learned_at_counts_from_the_last_crossing():
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.7, 0.3]])
    assert analysis.learned_at(shares, [0, 5, 10, 15]) == 10
    assert analysis.learned_at(shares[2:], [0, 5]) == 0
    assert analysis.learned_at(shares[:2], [0, 5]) == 5
    assert analysis.learned_at(np.array([[0.9, 0.05, 0.05], [0.4, 0.35, 0.25]]), [0, 5]) == math.inf
    assert analysis.learned_at(np.array([[0.5, 0.5]]), [0]) == math.inf


def test_what_is_never_learned_has_no_time(still):
    even = gm.Inductor({name: Coin(0.5) for name in "abc"})
    found = analysis.inductive_bias(even, corpus(("x", b"ab")))
    assert found.select("learning_bytes", "learned", "bits_per_byte").row(1) == (None, 0, 8)
    analysis.inductive_bias(still, corpus(("x", b"ab")))


def test_accuracy_counts_documents(still):
    documents = [("ones", b"\xff" * 4), ("ones", b"\x00\xff\xff\xff"), ("noughts", b"\x00"), ("ones", b"")]
    found = analysis.voice_accuracy(still, corpus(*documents), after_bytes=1)
    low, high = stats.binomtest(2, 3).proportion_ci(method="wilson")
    assert found.row(2)[:4] == ("all", 3, 2, pytest.approx(2 / 3))
    assert found.row(2)[4:] == pytest.approx((low, high, 0.5, 2 / 3))
    assert found["right"].to_list() == [1, 1, 2]
    assert analysis.voice_accuracy(still, corpus(*documents))["right"].to_list() == [2, 1, 3]


def test_a_redefined_family_keeps_its_voice():
    inductor = coins()
    inductor.redefine("ones", stage="tune", bits=1)
    documents = corpus(("ones", b"\xff" * 4), ("noughts", b"\x00" * 4))
    assert inductor.market.groups == ["ones", "noughts", "ones@tune"]
    assert analysis.voice_accuracy(inductor, documents)["accuracy"].to_list() == [1, 1, 1]
    named = {"ones": "noughts", "ones@tune": "noughts", "noughts": "ones"}
    assert analysis.voice_accuracy(inductor, documents, voices=named)["accuracy"].to_list() == [0, 0, 0]


def test_an_at_sign_may_be_a_familys_own():
    inductor = gm.Inductor({"me@home": Coin(0.9), "noughts": Coin(0.2)})
    inductor.redefine("me@home", stage="tune", bits=1)
    inductor.redefine("me@home@tune", stage="again", bits=1)
    documents = corpus(("me@home", b"\xff" * 4), ("noughts", b"\x00" * 4))
    assert analysis.voice_accuracy(inductor, documents)["accuracy"].to_list() == [1, 1, 1]


def test_no_voice_may_be_called_all(still):
    with pytest.raises(gm.InputError, match="called 'all'"):
        analysis.voice_accuracy(still, corpus(("all", b"a")))


def test_a_corpus_is_taken_as_it_is(still):
    found = analysis.voice_accuracy(still, gm.Corpus(corpus(("ones", b"\xff"))))
    assert found["accuracy"].to_list() == [1, 1]


@pytest.mark.parametrize(
    ("given", "words"),
    (
        (pl.DataFrame({"voice": ["a"]}), "is not a corpus"),
        ([b"text"], "list is not a corpus"),
        (corpus(("a", b"")), "no documents with a voice and a text"),
    ),
)
def test_what_is_no_corpus_is_refused(still, given, words):
    for measure in (analysis.inductive_bias, analysis.voice_accuracy):
        with pytest.raises(gm.InputError, match=words):
            measure(still, given)
    with pytest.raises(gm.InputError, match="0 bytes"):
        analysis.voice_accuracy(still, corpus(("a", b"a")), after_bytes=0)


# --- Mode collapse


def test_a_historys_collapse_is_judged_by_stage():
    history = gm.History.joined([story(1), story(2)])
    found = analysis.mode_collapse(history)
    assert len(found) == 2 * 4 * 2
    assert found["samples"].sum() == len(history.samples)
    one = found.row(
        by_predicate=(pl.col("seed") == 2) & (pl.col("stage") == "finetune") & pl.col("prompted"), named=True
    )
    last = history.wealth.filter(seed=2, batch=52)["wealth"]
    assert one["entropy_bits"] == pytest.approx(stats.entropy(last, base=2))
    assert one["effective_accounts"] == pytest.approx(2 ** one["entropy_bits"])
    texts = history.samples.filter(pl.col("prompt") != PROMPTS[0], seed=2, stage="finetune")["text"].to_list()
    assert one["samples"] == len(texts) == 4
    assert one["vendi"] == pytest.approx(diversity.vendi(diversity.similarity(texts)))
    assert one["distinct_2"] == diversity.distinct(texts, 2)
    before = found.filter(seed=1, stage="before", prompted=False)
    assert before["vendi"].item() == pytest.approx(1)
    start = story(1).wealth.filter(batch=-1)["wealth"]
    assert before["entropy_bits"].item() == pytest.approx(stats.entropy(start, base=2))


def test_a_drained_voice_comes_back_under_its_prompt(still):
    drained = coins(bits={"ones": 20, "noughts": 1e-5})
    found = analysis.mode_collapse(drained, {"ones": [b"\xff" * 4, b"\xff" * 5], "noughts": [b"\0"]}, n=3, max_bytes=5)
    assert found["samples"].to_list() == [3, 6, 3]
    assert found["entropy_bits"].unique().item() == pytest.approx(stats.entropy(drained.market.wealth, base=2))
    ones = found.row(1, named=True)
    assert ones["wealth"] == pytest.approx(2**-20, rel=1e-3)
    assert ones["recovered"] > 0.99
    assert ones["kept"] > 0.9
    assert found.row(0, named=True)["recovered"] is None
    again = analysis.mode_collapse(drained, {"ones": [b"\xff" * 4, b"\xff" * 5], "noughts": [b"\0"]}, n=3, max_bytes=5)
    assert again.equals(found)
    analysis.mode_collapse(still, n=2, max_bytes=2)


@pytest.mark.parametrize(
    ("prompts", "words"),
    (
        ({"ones": []}, "prompts of 'ones'"),
        ({"ones": b"\xff"}, "give a list of one or more"),
        ({"twos": [b"\xff"]}, "no family has the voice 'twos'; there are ones, noughts"),
    ),
)
def test_prompts_that_cannot_be_asked(still, prompts, words):
    with pytest.raises(gm.InputError, match=words):
        analysis.mode_collapse(still, prompts, n=1, max_bytes=1)
    with pytest.raises(gm.InputError, match="prompts for a history"):
        analysis.mode_collapse(story(1), {"early": ["x"]})
