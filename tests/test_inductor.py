"""Inductors: families in one market, nested ones, generation, redefinition, saving."""

import gruemarket as gm
import numpy as np
import pytest
from families import Counter, SumsToMore, forecasts, three

RNG = np.random.default_rng(5)
EPISODES = [RNG.integers(2, size=40) for _ in range(6)]
TAX = gm.GrueTax(gm.schedules.inverse(), unit="episode", landmarks={"tuning": 4.0})


@pytest.mark.parametrize("grue", (None, TAX), ids=("untaxed", "taxed"))
@pytest.mark.parametrize("batch", (1, 2))
def test_a_flat_inductor_is_the_engine_on_the_same_forecasts(grue, batch):
    tables = forecasts(seed=1), forecasts(accounts=1, seed=2)
    outcomes = [np.random.default_rng(3).integers(3, size=12) for _ in range(5)]
    options = {"clearing": gm.Kelly(0.5), "grue": grue}
    inductor = gm.Inductor({"one": gm.Table(tables[0]), "two": gm.Table(tables[1])}, **options)
    market = gm.Market([2, 2, 1], outcomes=3, groups=["one", "one", "two"], **options)
    ours = inductor.read(outcomes, batch=batch)
    theirs = []
    for first in range(0, 5, batch):
        blocks = [(np.concatenate([a, b], axis=2), x) for a, b, x in zip(*tables, outcomes, strict=True)][
            first : first + batch
        ]
        theirs.append(market.run_batch(blocks))
    assert ours.loss_bits.tobytes() == np.concatenate([run.loss_bits for run in theirs]).tobytes()
    assert inductor.market.wealth.tobytes() == market.wealth.tobytes()
    assert inductor.names == ["one[0]", "one[1]", "two"]


@pytest.mark.parametrize("frozen", (False, True))
def test_a_nested_inductor_with_one_member_is_that_member(frozen):
    alone, nested = Counter(start=0.3), gm.Inductor({"only": Counter(start=0.3)})
    for family in (alone, nested):
        family.freeze(frozen)
    for episode in EPISODES:
        for family in (alone, nested):
            family.begin_episode()
        for x in episode.tolist():
            assert nested.forecast().tobytes() == alone.forecast().tobytes()
            for family in (alone, nested):
                family.observe(x)
    flat, deep = (
        gm.Inductor({"x": Counter(), "y": Counter(start=9)}),
        gm.Inductor({"x": gm.Inductor({"only": Counter()}), "y": gm.Inductor({"only": Counter(start=9)})}),
    )
    assert flat.read(EPISODES).loss_bits.tobytes() == deep.read(EPISODES).loss_bits.tobytes()
    assert flat.market.wealth.tobytes() == deep.market.wealth.tobytes()


def test_who_learns():
    families = three()
    inductor = gm.Inductor(families)
    inductor.read(EPISODES, labels=["a", "a", "b", "z", "z", "z"], batch=3)
    assert [f.counts.sum() - f.start * 6 for f in families.values()] == [80, 40, 0]
    families["a"].freeze()
    inductor.read(EPISODES[:1])
    assert [f.counts.sum() - f.start * 6 for f in families.values()] == [80, 80, 40]
    assert families["a"].frozen
    assert not families["b"].frozen


def test_a_nested_inductor_thaws_to_what_it_was():
    members = {"old": Counter(), "new": Counter()}
    members["old"].freeze()
    nested = gm.Inductor(members)
    outer = gm.Inductor({"in": nested, "other": Counter()})
    outer.read(EPISODES[:2], labels=["in", "other"])
    assert [family.counts.sum() - 6 for family in members.values()] == [0, 40]
    nested.freeze()
    for one in (nested, nested.fork()):
        one.freeze(frozen=False)
        assert [family.frozen for family in one.families.values()] == [True, False]


def test_looking_moves_nothing():
    inductor = gm.Inductor(three(), grue=TAX)
    inductor.read(EPISODES)
    before, counts = inductor.market.log2_wealth, [f.counts.copy() for f in inductor.families.values()]
    prices = inductor.price([1, 0, 1])
    np.testing.assert_allclose(prices.sum(), 1, rtol=1e-14)
    np.testing.assert_allclose(inductor.byte_price(b"a").sum(), 1, rtol=1e-12)
    sample = inductor.generate(b"a", 4, n=2)
    assert [len(s.data) for s in sample] == [4, 4]
    [seen] = inductor.rehearse([EPISODES[0]], marks=[2])
    assert seen.wealth.shape == (2, 4)
    assert inductor.market.log2_wealth.tobytes() == before.tobytes()
    assert all((f.counts == c).all() for f, c in zip(inductor.families.values(), counts, strict=True))
    run = inductor.fork().read([EPISODES[0]], labels=["nobody"])
    np.testing.assert_allclose(seen.loss_bits, run.loss_bits, rtol=1e-14)


def test_samples_follow_the_price():
    inductor = gm.Inductor({"a": Counter(start=2), "b": Counter(start=3)})
    inductor.read(EPISODES)
    draws = inductor.generate(b"", 1, n=4000, seed=1)
    ones = np.array([d.outcomes for d in draws]).mean(axis=0)
    first = inductor.price()[1]
    assert abs(ones[0] - first) < 4 * np.sqrt(first / 4000)
    bits = np.array([d.bits for d in draws])
    prices = np.exp2(-bits)
    distinct = {d.data: p for d, p in zip(draws, prices, strict=True)}
    expected = inductor.byte_price()
    for data, p in distinct.items():
        np.testing.assert_allclose(p, expected[data[0]], rtol=1e-10)
    frequency = np.bincount([d.data[0] for d in draws], minlength=256) / 4000
    assert 0.5 * abs(frequency - expected).sum() < 0.12


def test_generation_is_reproducible_stops_and_cools():
    inductor = gm.Inductor(three(), seed=7)
    assert inductor.generate(n=1)[0].data == inductor.generate(n=3)[0].data
    assert inductor.generate(seed=8)[0].data != inductor.generate(seed=9)[0].data
    cold = inductor.generate(max_bytes=5, temperature=0, n=2)
    assert cold[0].data == cold[1].data
    [free] = inductor.generate(max_bytes=50)
    [stopped] = inductor.generate(max_bytes=50, stop=free.data[10:12])
    assert stopped.data == free.data[: free.data.index(free.data[10:12]) + 2]
    assert stopped.responsibility.shape == (len(stopped.data) + 1, 4)
    np.testing.assert_allclose(stopped.responsibility.sum(axis=1), 1, rtol=1e-12)


def test_redefinition_sets_a_learner_beside_the_frozen():
    inductor = gm.Inductor({"a": Counter(), "b": Counter(start=30)}, grue=TAX)
    inductor.read(EPISODES, stage="first")
    before = inductor.market.wealth
    assert inductor.redefine("a", stage="tuning") == ["a@tuning"]
    np.testing.assert_allclose(inductor.market.wealth, [before[0] * 15 / 16, before[1], before[0] / 16], rtol=1e-14)
    assert [f.frozen for f in inductor.families.values()] == [True, False, False]
    inductor.read([np.ones(60, int)] * 4, stage="tuning")
    provenance = inductor.market.provenance()
    assert provenance["tuning"][2] > 0.5
    np.testing.assert_allclose(provenance["never"][2], 0, atol=1e-15)
    with pytest.raises(gm.InputError, match="is there already"):
        inductor.redefine("a", stage="tuning")


@pytest.mark.parametrize("grue", (None, TAX))
def test_saved_and_loaded(tmp_path, grue):
    inductor = gm.Inductor(three(), grue=grue, clearing=gm.Kelly(0.5), seed=3)
    inductor.read(EPISODES)
    inductor.redefine(stage="tuning")
    for _ in range(2):  # the second goes over the first
        inductor.save(tmp_path / "saved")
    again = gm.Inductor.load(tmp_path / "saved")
    for one in (inductor, again):
        one.read(EPISODES[:3], stage="tuning")
    assert inductor.market.wealth.tobytes() == again.market.wealth.tobytes()
    assert inductor.generate()[0].data == again.generate()[0].data
    assert inductor.without("b").names == again.without("b").names
    assert sorted(p.name for p in tmp_path.iterdir()) == ["saved"]
    (tmp_path / "saved" / "market.safetensors").write_bytes(b"half")
    with pytest.raises(gm.CheckpointError):
        gm.Inductor.load(tmp_path / "saved")
    with pytest.raises(gm.CheckpointError, match="not a saved inductor"):
        gm.Inductor.load(tmp_path)


def test_a_class_that_could_not_be_loaded_is_not_saved(tmp_path):
    class Local(Counter):
        pass

    with pytest.raises(gm.CheckpointError, match=r"family a is a .*Local, which cannot be imported; define the class"):
        gm.Inductor({"a": Local()}).save(tmp_path / "saved")
    assert not list(tmp_path.iterdir())


def test_other_cash():
    inductor = gm.Inductor(three())
    inductor.read(EPISODES)
    np.testing.assert_allclose(inductor.virgin().market.wealth, [1 / 3, 1 / 6, 1 / 6, 1 / 3])
    assert inductor.with_wealth([0.25] * 4).market.wealth.tolist() == [0.25] * 4
    fewer = inductor.without("a")
    wealth = inductor.market.wealth[1:]
    np.testing.assert_allclose(fewer.market.wealth, wealth / wealth.sum(), rtol=1e-12)
    np.testing.assert_allclose(fewer.virgin().market.wealth, [0.25, 0.25, 0.5], rtol=1e-12)


class Alone(Counter):
    fork = save = None


class Raises(Counter):
    def observe(self, _outcome):
        raise RuntimeError("of its own")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    (
        (lambda: gm.Inductor({}), gm.InputError, "no families"),
        (lambda: gm.Inductor({"a": 3}), gm.InputError, "a: int is not a family"),
        (lambda: gm.Inductor(dict.fromkeys("ab", Counter())), gm.InputError, "fork"),
        (lambda: gm.Inductor({"a": Counter(), "b": Counter(3)}), gm.ShapeError, "family 1 forecasts 3 outcomes"),
        (lambda: gm.Inductor(three(), bits={"a": 1.0}), gm.InputError, "differ"),
        (lambda: gm.Inductor(three()).read([[0, 2]]), gm.InputError, "0 to 1"),
        (lambda: gm.Inductor(three()).read([]), gm.InputError, "no episodes"),
        (lambda: gm.Inductor(three()).read(EPISODES, labels=["a"]), gm.InputError, "1 labels"),
        (lambda: gm.Inductor({"a": Counter(3)}).read([b"text"]), gm.InputError, "bytes are read with 2"),
        (lambda: gm.Inductor({"a": Alone()}).redefine(), gm.InputError, r"a: Alone has no fork\(\)"),
        (lambda: gm.Inductor({"a": Alone()}).virgin(), gm.InputError, r"a: Alone has no fork\(\)"),
        (lambda: gm.Inductor({"a": Raises()}).read(EPISODES), RuntimeError, "of its own"),
        (lambda: gm.Inductor({"a": SumsToMore()}).read(EPISODES), gm.InputError, "a: account 0 forecasts"),
        (lambda: gm.Inductor(three()).generate(temperature=-1.0), gm.InputError, "temperature"),
        (lambda: gm.Inductor(three()).without("x"), gm.InputError, "unknown families"),
        (lambda: gm.Inductor(three()).without("a", "b", "c"), gm.InputError, "leave one"),
    ),
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- What once went wrong


def test_saving_replaces_nothing_of_others(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    (tmp_path / "file").write_text("a file")
    for name in ("mine", "file"):
        with pytest.raises(gm.InputError, match="not a saved inductor"):
            gm.Inductor(three()).save(tmp_path / name)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine"]


def test_a_frozen_inductor_reads_and_keeps_nothing():
    inductor = gm.Inductor(three(), grue=TAX)
    inductor.read(EPISODES)
    inductor.freeze()
    before = inductor.market.wealth.tobytes()
    first, second = (inductor.read(EPISODES[:2]).loss_bits.tobytes() for _ in range(2))
    assert first == second
    assert inductor.market.wealth.tobytes() == before


@pytest.mark.parametrize(
    ("grue", "bits"),
    (
        (gm.GrueTax(gm.schedules.inverse(), unit="stage"), np.log2(6)),
        (gm.GrueTax(gm.schedules.inverse(), unit="episode", landmarks={5: 12.0}), 12.0),
        (gm.GrueTax(gm.schedules.inverse(), unit="episode", landmarks={"new": 3.0}), 3.0),
        (gm.GrueTax(gm.schedules.inverse(), unit="batch"), np.log2(6)),
    ),
)
def test_a_redefinition_costs_what_the_schedule_says_of_now(grue, bits):
    inductor = gm.Inductor({"a": Counter()}, grue=grue)
    for stage in "pqrst":
        inductor.read(EPISODES[:1], stage=stage)
    inductor.redefine(stage="new")
    np.testing.assert_allclose(inductor.market.wealth, [1 - 2**-bits, 2**-bits], rtol=1e-9)


def test_the_config_tells_families_that_learned_otherwise():
    told = []
    for data in (b"aaaa" * 50, b"bcbc" * 50):
        text = gm.Text(memory_mib=1)
        text.bits(data)
        told.append(gm.Inductor({"a": text}).config())
    assert told[0] != told[1]


def test_generation_in_the_order_of_words():
    assert gm.Inductor(three()).generate("a", 3, 0.5, None, 2, 7)[1].data


class Plain(Counter):
    """Without a length of its own, and with no default in `freeze`."""

    def __init__(self, outcomes=2, accounts=1, start=1.0):
        super().__init__(outcomes, accounts, start)
        self.bits = None

    def freeze(self, frozen):
        self.frozen = frozen


def test_a_family_may_leave_out_what_goes_without_saying():
    inductor = gm.Inductor({"a": Plain(accounts=2), "b": Plain()})
    assert inductor.market.bits.tolist() == [2, 2, 1]
    inductor.read(EPISODES)
    inductor.redefine("a", bits=2.0, stage="new")
    assert [family.frozen for family in inductor.families.values()] == [True, False, False]
    assert inductor.beside(inductor.market).families["b"].frozen


def test_bits_that_are_no_numbers_are_refused():
    family = Counter()
    family.bits = ["short"]
    with pytest.raises(gm.InputError, match="a: bits"):
        gm.Inductor({"a": family})


class Unsaved(Counter):
    def save(self, path):
        raise OSError(28, "No space left on device", str(path))


def test_a_save_that_fails_leaves_the_one_before_and_nothing_else(tmp_path):
    inductor = gm.Inductor(three())
    inductor.save(tmp_path / "saved")
    with pytest.raises(OSError, match="No space"):
        gm.Inductor({"a": Unsaved()}).save(tmp_path / "saved")
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]
    assert gm.Inductor.load(tmp_path / "saved").names == inductor.names


def test_a_newer_format_is_refused(tmp_path):
    gm.Inductor(three()).save(tmp_path / "saved")
    state = (tmp_path / "saved" / "inductor.json").read_text()
    (tmp_path / "saved" / "inductor.json").write_text(state.replace('"format": 1', '"format": 2'))
    with pytest.raises(gm.CheckpointError, match="format 2, this gruemarket knows 1"):
        gm.Inductor.load(tmp_path / "saved")
