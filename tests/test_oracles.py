"""Both markets against brute force at tiny size, to 1e-12."""

from collections import defaultdict

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from gruemarket import reference
from oracles import enumerate as oracle

EXACT = {"rtol": 1e-12, "atol": 1e-12}
BITS = [1.0, 2.0, 3.0]  # they sum to 7/8: an eighth stays in the reserve
PRIOR = np.exp2(np.negative(BITS))
NAMES = ["wren", "thrush", "heron"]
GROUPS = ["song", "song", "water"]


def close(given, expected):
    np.testing.assert_allclose(given, expected, **EXACT)


def opinions(seed, rounds, outcomes=3, traders=3):
    """Forecasts (T, K, N) and outcomes (T,)."""
    rng = np.random.default_rng(seed)
    forecasts = rng.dirichlet(np.ones(outcomes), size=(rounds, traders)).transpose(0, 2, 1)
    return forecasts, rng.integers(outcomes, size=rounds)


# --- Clearing


def test_kelly_is_the_bayes_mixture(market_class):
    forecasts, outcomes = opinions(1, rounds=6)
    market = market_class(BITS, outcomes=3)
    run = market.run(forecasts, outcomes)
    prices, posterior = oracle.bayes_mixture(PRIOR, forecasts, outcomes)
    close(run.prices, prices)
    close(market.wealth, posterior)
    joint = PRIOR * np.prod([q[x] for q, x in zip(forecasts, outcomes, strict=True)], axis=0)
    close(run.total_loss_bits, -np.log2(joint.sum() / PRIOR.sum()))
    close(run.regret_bits, np.log2(posterior / PRIOR))


@pytest.mark.parametrize("fraction", (1.0, 0.5, 0.03))
@pytest.mark.parametrize("varied", (False, True))
def test_fractional_kelly_sums_over_all_sets_of_rounds_awake(market_class, fraction, varied):
    forecasts, outcomes = opinions(2, rounds=6)
    stakes = np.random.default_rng(2).random((6, 3)) if varied else np.ones((6, 3))
    market = market_class(BITS, outcomes=3, clearing=gm.Kelly(fraction))
    run = market.run(forecasts, outcomes, stakes)
    prices, wealth = oracle.awake_subsets(PRIOR, forecasts, outcomes, fraction * stakes)
    close(run.prices, prices)
    close(market.wealth, wealth)


def test_a_common_fraction_leaves_the_first_price_alone(market_class):
    forecasts, _outcomes = opinions(3, rounds=1)
    prices = [market_class(BITS, outcomes=3, clearing=gm.Kelly(b)).price(forecasts[0]) for b in (1.0, 0.1)]
    close(*prices)


def test_specialists_asleep_bet_the_price(market_class):
    forecasts, outcomes = opinions(4, rounds=6)
    awake = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    market = market_class(BITS, outcomes=3)
    run = market.run(forecasts, outcomes, awake)
    as_if = np.where(awake[:, None], forecasts, run.prices[:, :, None])
    prices, posterior = oracle.bayes_mixture(PRIOR, as_if, outcomes)
    close(run.prices, prices)
    close(market.wealth, posterior)


def test_nobody_awake(market_class):
    forecasts, outcomes = opinions(5, rounds=2)
    market = market_class(BITS, outcomes=3)
    run = market.run(forecasts, outcomes, np.zeros(3))
    close(run.prices, np.full((2, 3), 1 / 3))
    close(run.loss_bits, np.log2(3))
    close(run.regret_bits, np.zeros(3))
    close(market.wealth, PRIOR)
    assert market.ledger().is_empty()


# --- Batches and entries


def direct_batch(wealth, episodes):
    """s_i <- (1/E) sum_e f_ei, and the prices of all rounds."""
    ends, prices = [], []
    for forecasts, outcomes in episodes:
        fast = wealth
        for forecast, outcome in zip(forecasts, outcomes, strict=True):
            price = forecast @ fast / fast.sum()
            fast = fast * forecast[outcome] / price[outcome]
            prices.append(price)
        ends.append(fast)
    return np.mean(ends, axis=0), prices


def test_batches_follow_their_formula(market_class):
    market, wealth = market_class(BITS, outcomes=3), PRIOR
    for seed, lengths in enumerate([(3, 1, 4), (2,), (1, 1, 1, 1, 5)]):
        episodes = [opinions(10 * seed + e, length) for e, length in enumerate(lengths)]
        run = market.run_batch(episodes)
        wealth, prices = direct_batch(wealth, episodes)
        close(run.prices, prices)
        close(market.wealth, wealth)
    assert (market.rounds, market.episodes, market.batches) == (19, 9, 3)


@pytest.mark.parametrize("sizes", ((1, 1, 1, 1), (2, 2), (1, 3)))
def test_late_entry_is_a_specialist_that_slept(market_class, sizes):
    enters_at = np.array([0, 1, 2])
    late, sleeping = market_class(BITS, outcomes=3, enters_at=enters_at), market_class(BITS, outcomes=3)
    close(late.wealth, [PRIOR[0], 0, 0])
    close(late.reserve, 1 - PRIOR[0])
    first = 0
    for size in sizes:
        episodes = [opinions(first + e, rounds=2) for e in range(size)]
        run = late.run_batch(episodes)
        twin = sleeping.run_batch(episodes, stakes=(enters_at <= first).astype(float))
        close(run.prices, twin.prices)
        close(run.regret_bits, twin.regret_bits)
        close(late.wealth, np.where(enters_at <= first, sleeping.wealth, 0))
        first += size
    entries = late.ledger().filter(pl.col("cause") == "entry", pl.col("from") == "entry")
    close(entries["amount"].sum(), PRIOR[enters_at <= first - sizes[-1]][1:].sum())


# --- The Grue tax


def test_a_constant_tax_is_fixed_share(market_class):
    forecasts, outcomes = opinions(6, rounds=6)
    likelihoods = np.array([q[x] for q, x in zip(forecasts, outcomes, strict=True)])
    prior = np.array([0.5, 0.3, 0.2])
    market = market_class(prior=prior, outcomes=3, grue=gm.GrueTax(gm.schedules.constant(0.15)))
    run = market.run(forecasts, outcomes)
    bits, posterior = oracle.fixed_share(prior, likelihoods, 0.15)
    close(run.total_loss_bits, bits)
    close(market.wealth, posterior)


BECOMING_B = (np.array([0, 1, 1]), np.array([1]), np.array([1.0]))  # CSR: A may become B, B nothing else


@pytest.mark.parametrize("kind", ("inverse", *oracle.WORDS))
def test_a_schedule_is_a_prior_on_the_time_of_change(market_class, kind):
    def prior_of_time(k):
        return 1 / (k * (k + 1)) if kind == "inverse" else 2.0 ** -len(oracle.WORDS[kind](k))

    likelihoods = np.random.default_rng(7).random((40, 2))
    market = market_class(prior=[1.0, 0.0], grue=gm.GrueTax(getattr(gm.schedules, kind)(), kernel=BECOMING_B))
    run = market.run(likelihoods=likelihoods)
    close(run.total_loss_bits, -np.log2(oracle.one_switch(prior_of_time, *likelihoods.T)))


LENGTHS = [2.0, 2.0, 3.0, 4.0]  # a code that says "never" with 5/16, and nothing after 4
HAZARD_BITS = [np.inf, 1.0, 3.0, 0.25, 2.0, 5.0, 1.5, 0.5, 4.0, 2.5]
SCHEDULES = {
    "constant": (gm.schedules.constant(0.2), [0.2] * 10),
    "inverse": (gm.schedules.inverse(), [1 / (t + 1) for t in range(10)]),
    "code": (gm.schedules.code(LENGTHS), oracle.given_code_hazards(LENGTHS, 10)),
    "hazard": (gm.schedules.hazard(HAZARD_BITS), np.exp2(np.negative(HAZARD_BITS))),
} | {
    kind: (getattr(gm.schedules, kind)(), [0.0, *map(float, oracle.code_hazards(word, 10).values())])
    for kind, word in oracle.WORDS.items()
}
CSR = (np.array([0, 2, 3, 6]), np.array([1, 2, 2, 0, 1, 2]), np.array([0.5, 0.25, 0.7, 0.1, 0.3, 0.6]))
KERNELS = {
    "anything": oracle.anything(PRIOR),
    "within groups": oracle.within_groups(PRIOR, GROUPS),
    "csr": oracle.sparse_matrix(CSR),
}
# Five batches as (stage, rounds in each of its episodes), such that no unit is levied more than five times.
ONE_BY_ONE = [("first", (2,)), ("second", (1,)), ("second", (1,)), ("third", (1,)), ("second", (1,))]
IN_BATCHES = [("first", (2, 1)), ("second", (1,)), ("second", (2, 2)), ("third", (1, 3)), ("second", (2,))]


class Enumeration:
    """All definitions of three traders through the batches of a story, with every payment of tax."""

    def __init__(self, hazards, kernel, landmarks, unit):
        self.hazards, self.kernel, self.landmarks, self.unit = hazards, kernel, landmarks, unit
        self.histories = oracle.Histories(PRIOR)
        self.paid, self.received = np.zeros(3), np.zeros(3)
        self.rounds = self.episodes = self.batches = self.stages = 0
        self.stage, self.fresh, self.loss_bits = None, False, 0.0

    def hazard(self, index):
        fresh, self.fresh = self.fresh, False
        if index == 0:
            return 0.0
        if index in self.landmarks:
            return 2.0 ** -self.landmarks[index]
        return 2.0 ** -self.landmarks[self.stage] if fresh and self.stage in self.landmarks else self.hazards[index]

    def levy(self, indices):
        hazard = 1 - np.prod([1 - self.hazard(index) for index in indices])
        flows = hazard * self.histories.wealth()[:, None] * self.kernel
        np.fill_diagonal(flows, 0)
        self.paid, self.received = self.paid + flows.sum(axis=1), self.received + flows.sum(axis=0)
        if hazard > 0:
            self.histories.levy(hazard, self.kernel, max(indices[0], 1), self.stage)

    def settle(self, wealth, likelihood):
        price = likelihood @ wealth / wealth.sum()
        self.loss_bits -= np.log2(price)
        return wealth * likelihood / price

    def play(self, stage, episodes):
        if stage != self.stage:
            self.stage, self.fresh, self.stages = stage, True, self.stages + 1
            if self.unit == "stage":
                self.levy([self.stages - 1])
        if self.unit == "batch":
            self.levy([self.batches])
        if self.unit == "episode":
            self.levy(range(self.episodes, self.episodes + len(episodes)))
        if self.unit == "round":
            self.play_taxed_rounds(*episodes)
        else:
            self.play_batch(episodes)
        self.batches, self.episodes = self.batches + 1, self.episodes + len(episodes)

    def play_taxed_rounds(self, likelihoods):
        for likelihood in likelihoods:
            self.levy([self.rounds])
            wealth = self.histories.wealth()
            self.histories.grow(self.settle(wealth, likelihood) / wealth)
            self.rounds += 1

    def play_batch(self, episodes):
        wealth = self.histories.wealth()
        ends = []
        for likelihoods in episodes:
            fast = wealth
            for likelihood in likelihoods:
                fast = self.settle(fast, likelihood)
            ends.append(fast)
        self.histories.grow(np.mean(ends, axis=0) / wealth)


def rule(history):
    """What `definition` must say, but for the tax."""
    ends = [str(index - 1) for index, _ in history[1:]] + [""]
    return "; ".join(f"{start}..{end} {NAMES[i]}" for (start, i), end in zip(history, ends, strict=True))


def check_definitions(market, histories):
    frame = market.definitions()
    assert frame["trader"].to_list() == np.argsort(-histories.wealth()).tolist()
    for row in frame.iter_rows(named=True):
        history, share, tax_bits = histories.most_probable(row["trader"])
        close([row["log2_share"], row["tax_bits"]], [np.log2(share), tax_bits])
        assert row["definition"] == f"{rule(history)} (tax {tax_bits:.1f} bits)"
        assert row["switches"] == len(history) - 1


def tax_by_group(market):
    flows = defaultdict(float)
    for row in market.ledger().filter(pl.col("cause") == "grue tax").iter_rows(named=True):
        flows[row["from"], row["to"]] += row["amount"]
    return flows


@pytest.mark.parametrize("unit", ("round", "episode", "batch", "stage"))
@pytest.mark.parametrize("landmarks", ({}, {2: 1.25}, {"second": 0.75}, {4: 0.0, "third": 2.0}), ids=str)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_grue_tax_sums_over_all_definitions(market_class, schedule, kernel, landmarks, unit):
    given, hazards = SCHEDULES[schedule]
    grue = gm.GrueTax(given, kernel=CSR if kernel == "csr" else kernel, landmarks=landmarks, unit=unit)
    market = market_class(BITS, grue=grue, groups=GROUPS, names=NAMES, definitions=True)
    oracles = Enumeration(hazards, KERNELS[kernel], landmarks, unit)
    rng = np.random.default_rng(8)
    loss_bits = 0.0
    for stage, lengths in ONE_BY_ONE if unit == "round" else IN_BATCHES:
        episodes = [rng.random((length, 3)) for length in lengths]
        loss_bits += market.run_batch(episodes, stage=stage).total_loss_bits
        oracles.play(stage, episodes)
    histories = oracles.histories
    close(loss_bits, oracles.loss_bits)
    close(market.wealth, histories.wealth())
    for label in ("never", "first", "second", "third"):
        close(market.provenance()[label], histories.provenance(label))
    check_definitions(market, histories)
    flows = tax_by_group(market)
    for group in ("song", "water"):
        members = np.equal(GROUPS, group)
        close(flows[group, "tax"], oracles.paid[members].sum())
        close(flows["tax", group], oracles.received[members].sum())


def test_without_a_tax_there_is_one_definition(market_class):
    market = market_class(BITS, names=NAMES, definitions=True)
    market.run(likelihoods=[[0.5, 0.25, 0.5]])
    frame = market.definitions(top=1)
    assert frame["definition"].to_list() == ["0.. wren (tax 0.0 bits)"]
    close(frame["log2_share"], market.log2_wealth[:1])


def test_a_redefinition_in_the_first_batch(market_class):
    """Its levy has the hazards of episodes 1 and 2, since none is due at 0: the earliest change is at 1."""
    grue = gm.GrueTax(gm.schedules.constant(0.9), kernel=BECOMING_B, unit="episode")
    market = market_class(prior=[1.0, 0.0], names=["A", "B"], grue=grue, definitions=True)
    market.run_batch([np.array([[0.5, 0.5]])] * 3)
    close(market.wealth, [0.01, 0.99])
    assert market.definitions(top=1)["definition"].to_list() == ["0..0 A; 1.. B (tax 0.0 bits)"]


# --- Codes


@pytest.mark.parametrize("kind", oracle.WORDS)
def test_hazards_of_elias_codes(kind):
    schedule = getattr(gm.schedules, kind)()
    exact = {t: float(h) for t, h in oracle.code_hazards(oracle.WORDS[kind], 1500).items()}
    far = [2**14 - 1, 2**14, 10**5, 2**17 - 1]
    exact |= {t: float(oracle.distant_hazard(oracle.WORDS[kind], t)) for t in far}
    ours = reference.hazards(schedule, max(far) + 1)
    farther = {t: float(oracle.distant_hazard(oracle.WORDS[kind], t)) for t in (2**30, 10**12 + 7, 2**53)}
    for t, hazard in exact.items():
        close(ours[t] / hazard, 1)
    for t, hazard in (exact | farther).items():
        close(schedule.hazard(t) / hazard, 1)


# --- Long runs


def test_the_drained_trader_comes_back(market_class):
    rounds = 10**6 if market_class is gm.Market else 10**4
    market = market_class([1.0, 1.0])
    against = np.tile([0.8, 0.2], (rounds, 1))
    market.run(likelihoods=against)
    np.testing.assert_allclose(market.log2_wealth[1], -2.0 * rounds, rtol=1e-9)
    market.run(likelihoods=against[:, ::-1])
    np.testing.assert_allclose(market.log2_wealth, [-1, -1], atol=2e-9 * rounds)
    market.run(likelihoods=against[:, ::-1])
    np.testing.assert_allclose(market.log2_wealth[0], -2.0 * rounds, rtol=1e-9)
