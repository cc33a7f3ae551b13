"""The engine's market under every clearing rule: what each trader is paid, and all the ways to play."""

import copy
import json
import re

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from families import Counter
from gruemarket.clearing import RuleSpec, restricted
from gruemarket.config import Config, ConfigError

BITS = [2.0, 2.5, 3.0, 2.0, 4.0]
N, K, T = len(BITS), 3, 12


def linear(price, forecasts, money):
    return money * (forecasts - price[:, None])


RULES = {
    "isoelastic 1/2": gm.Isoelastic(0.5),
    "isoelastic 4": gm.Isoelastic(4),
    "isoelastic each": gm.Isoelastic([0.25, 1, 2, 8, 1e5]),
    "log pool": gm.LogPool(0.4, floor=1e-5),
    "LMSR": gm.LMSR(0.3, maker=1),
    "demand": gm.Demand(linear, tolerance=1e-12),
}
SAVED = {name: rule for name, rule in RULES.items() if name != "demand"}
every_rule = pytest.mark.parametrize("clearing", RULES.values(), ids=RULES)
every_saved_rule = pytest.mark.parametrize("clearing", SAVED.values(), ids=SAVED)


def played(rounds=T, outcomes=K, traders=N, seed=0, dtype=np.float64):
    """Forecasts, what happens, and stakes of which a quarter are 0; the market maker quotes the same all the time."""
    draws = np.random.default_rng(seed)
    forecasts = draws.dirichlet(np.full(outcomes, 0.7), (rounds, traders)).transpose(0, 2, 1) * 0.99 + 0.01 / outcomes
    forecasts[:, :, 1] = 1 / outcomes
    stakes = draws.uniform(0, 1, (rounds, traders))
    stakes[draws.uniform(size=stakes.shape) < 0.25] = 0
    return np.ascontiguousarray(forecasts, dtype), draws.integers(outcomes, size=rounds), stakes


def market(clearing, **more):
    return gm.Market(**({"bits": BITS, "outcomes": K, "clearing": clearing} | more))


def growth(rule, price, q, u):
    """(K, N) what a unit staked grows to, outcome by outcome, from the price alone, by the formula of each rule."""
    whole = u.sum()
    if isinstance(rule, gm.Isoelastic):
        logs = np.log(price)[:, None] + (np.log(q) - np.log(price)[:, None]) / np.asarray(rule.aversion)
        budget = np.exp(logs - logs.max(axis=0))
        return budget / budget.sum(axis=0) / price[:, None]
    if isinstance(rule, gm.Demand):
        bought = rule.fn(price, q, u / whole)
        gains = bought - price @ bought
        return (1 + gains / np.where(u, u / whole, 1)) / (1 + gains.sum(axis=1))[:, None]
    ratio = np.log(np.clip(q, rule.floor, 1 - rule.floor)) - np.log(price)[:, None]
    weight = np.exp(rule.step * (ratio - price @ ratio))
    if isinstance(rule, gm.LogPool):
        return weight * (whole / (weight @ u))[:, None]
    others = np.where(np.arange(len(u)) == rule.maker, 0, u)
    made = rule.liquidity * u[rule.maker] * np.log(price / q[:, rule.maker])
    paid = weight * ((others.sum() + made) / (weight @ others))[:, None]
    if u[rule.maker]:
        paid[:, rule.maker] = 1 - made / u[rule.maker]
    return paid


def pooled(rule, q, u):
    """The price of the rules that have a formula for it."""
    logs = np.log(np.clip(q, rule.floor, 1 - rule.floor))
    if isinstance(rule, gm.LogPool):
        mean = logs @ u / u.sum()
    else:
        others, liquidity = np.where(np.arange(len(u)) == rule.maker, 0, u), rule.liquidity * u[rule.maker]
        quoted = liquidity * np.log(q[:, rule.maker])
        mean = (quoted + rule.step * (logs @ others)) / (liquidity + rule.step * others.sum())
    return np.exp(mean) / np.exp(mean).sum()


# --- One round


@every_rule
@pytest.mark.parametrize("staked", (False, True))
def test_a_round_pays_what_the_rule_says_and_conserves_money_whatever_happens(clearing, staked):
    forecasts, _, stakes = played()
    for q, given in zip(forecasts, stakes, strict=True):
        b = given if staked else np.ones(N)
        before = market(clearing).wealth
        price = market(clearing).price(q, stakes=b if staked else None)
        assert price.sum() == pytest.approx(1, abs=1e-14)
        if isinstance(clearing, gm.LogPool | gm.LMSR):
            np.testing.assert_allclose(price, pooled(clearing, q, b * before), rtol=1e-12)
        pays = growth(clearing, price, q, b * before)
        np.testing.assert_allclose(pays @ (b * before), (b * before).sum(), rtol=2e-12)
        for x in range(K):
            after = market(clearing)
            run = after.settle(q, x, stakes=b if staked else None)
            assert np.array_equal(run.prices[0], price)
            np.testing.assert_allclose(after.wealth, before * (b * pays[x] + 1 - b), rtol=1e-10)
            assert after.wealth.sum() == pytest.approx(before.sum(), rel=1e-14)
            assert np.array_equal(after.wealth[b == 0], before[b == 0]) or np.allclose(
                after.wealth[b == 0], before[b == 0], rtol=1e-15
            )


@every_rule
def test_a_run_says_how_its_prices_were_found(clearing):
    forecasts, outcomes, _ = played()
    run = market(clearing).run(forecasts, outcomes)
    assert run.passes.shape == run.residual.shape == (T,)
    assert run.passes.dtype == np.int64
    by_formula = isinstance(clearing, gm.LogPool | gm.LMSR)
    assert np.all(run.passes == 0) if by_formula else np.all((run.passes >= 1) & (run.passes < 10_000))
    assert np.all((run.residual >= 0) & (run.residual <= 1e-12))
    kelly = gm.Market(BITS, outcomes=K).run(forecasts, outcomes)
    assert not kelly.passes.any()
    assert not kelly.residual.any()
    two = gm.Run.joined([run, kelly])
    assert np.array_equal(two.passes, [*run.passes, *kelly.passes])


def test_aversion_one_is_kelly():
    forecasts, outcomes, stakes = played(rounds=50)
    kelly, isoelastic = market(gm.Kelly()), market(gm.Isoelastic(1))
    runs = [one.run(forecasts, outcomes, stakes) for one in (kelly, isoelastic)]
    np.testing.assert_allclose(runs[1].prices, runs[0].prices, rtol=1e-11)
    np.testing.assert_allclose(isoelastic.log2_wealth, kelly.log2_wealth, atol=1e-10)


@every_rule
def test_where_nobody_is_awake_nothing_moves(clearing):
    forecasts, _, _ = played()
    one = market(clearing)
    before = one.log2_wealth
    run = one.run(forecasts[:1], [0], stakes=np.zeros(N))
    assert run.prices.tolist() == [[1 / K] * K]
    assert (run.passes.tolist(), run.residual.tolist()) == ([0], [0.0])
    assert np.array_equal(one.log2_wealth, before)
    assert one.price(forecasts[0], stakes=np.zeros(N)).tolist() == [1 / K] * K
    sparse = gm.SparseRounds([0, 0], [], forecasts=np.empty((0, K)))
    assert one.run(sparse, [0]).prices.tolist() == [[1 / K] * K]


@every_rule
@pytest.mark.parametrize("outcomes", (2, 7, 300))
def test_a_lone_trader_is_the_market(clearing, outcomes):
    clearing = restricted(clearing, np.arange(N) == 1)
    if isinstance(clearing, gm.LMSR):
        clearing = gm.LMSR(0.1, maker=0)
    q = np.random.default_rng(2).dirichlet(np.full(outcomes, 5.0))[:, None] * 0.9 + 0.1 / outcomes
    alone = gm.Market([0], outcomes=outcomes, clearing=clearing)
    np.testing.assert_allclose(alone.price(q), q[:, 0], rtol=1e-9)
    alone.settle(q, outcomes - 1)
    assert alone.wealth[0] == 1


def test_an_outcome_that_nobody_believes_in_has_no_price():
    one = market(gm.Isoelastic(2))
    q = np.array([[0.5] * N, [0.5] * N, [0.0] * N])
    assert one.price(q)[2] == 0
    with pytest.raises(gm.ImpossibleOutcomeError, match="round 1: outcome 2 happened"):
        one.run([q, q], [0, 2])
    assert one.rounds == 0


@every_rule
def test_regret_is_the_loss_against_each_while_it_was_awake(clearing):
    forecasts, outcomes, stakes = played()
    run = market(clearing).run(forecasts, outcomes, stakes)
    rows = np.arange(T)
    against = np.log2(forecasts[rows, outcomes]) - np.log2(run.prices[rows, outcomes])[:, None]
    np.testing.assert_allclose(run.regret_bits, (against * (stakes > 0)).sum(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(run.loss_bits, -np.log2(run.prices[rows, outcomes]), rtol=1e-14)


# --- All the ways to play


def taxes():
    inverse = gm.schedules.inverse()
    ring = (np.arange(N + 1), (np.arange(N) + 1) % N, np.full(N, 0.25))
    return {
        "untaxed": {},
        "anything": {"grue": gm.GrueTax(inverse)},
        "within groups": {"grue": gm.GrueTax(inverse, "within groups"), "groups": list("aabbb")},
        "rows": {"grue": gm.GrueTax(gm.schedules.constant(0.1), ring), "groups": list("aabbb")},
        "definitions": {"grue": gm.GrueTax(inverse), "definitions": True},
    }


def under(*names):
    return pytest.mark.parametrize("options", [taxes()[name] for name in names], ids=names)


every_tax = under(*taxes())


def sparse_rounds(forecasts, stakes):
    rounds, traders = np.nonzero(stakes)
    indptr = np.searchsorted(rounds, np.arange(len(stakes) + 1))
    return gm.SparseRounds(
        indptr, traders, forecasts=forecasts.transpose(0, 2, 1)[rounds, traders], stakes=stakes[rounds, traders]
    )


@every_rule
@every_tax
def test_sparse_rounds_are_dense_rounds_with_sleepers(clearing, options):
    forecasts, outcomes, stakes = played()
    dense, sparse = market(clearing, **options), market(clearing, **options)
    runs = dense.run(forecasts, outcomes, stakes), sparse.run(sparse_rounds(forecasts, stakes), outcomes)
    np.testing.assert_allclose(runs[1].prices, runs[0].prices, rtol=1e-9)
    np.testing.assert_allclose(runs[1].regret_bits, runs[0].regret_bits, atol=1e-8)
    np.testing.assert_allclose(sparse.log2_wealth, dense.log2_wealth, atol=1e-8)
    assert sparse.wealth.sum() == pytest.approx(dense.wealth.sum(), rel=1e-12)
    after = [one.run(forecasts, outcomes).total_loss_bits for one in (dense, sparse)]
    assert after[1] == pytest.approx(after[0], rel=1e-8)


@every_rule
@every_tax
def test_the_cut_into_calls_does_not_change_a_bit(clearing, options):
    forecasts, outcomes, stakes = played()
    whole, parts = market(clearing, **options), market(clearing, **options)
    run = whole.run(forecasts, outcomes, stakes)
    cuts = [
        parts.run(forecasts[some], outcomes[some], stakes[some], new_episode=i == 0)
        for i, some in enumerate((slice(1), slice(1, 7), slice(7, T)))
    ]
    assert np.array_equal(gm.Run.joined(cuts).prices, run.prices)
    assert np.array_equal(gm.Run.joined(cuts).passes, run.passes)
    assert np.array_equal(parts.log2_wealth, whole.log2_wealth)
    single = market(clearing, **options)
    for t in range(T):
        price = single.price(forecasts[t], stakes=stakes[t])
        settled = single.settle(forecasts[t], outcomes[t], stakes[t], new_episode=t == 0)
        assert np.array_equal(settled.prices[0], price)
    assert np.array_equal(single.log2_wealth, whole.log2_wealth)


@pytest.fixture
def threads():
    before = gm.threads()
    yield gm.set_threads
    gm.set_threads(before)


@pytest.mark.parametrize(
    "clearing",
    (gm.Isoelastic(4), gm.Isoelastic(np.geomspace(0.1, 100, 20_001)), gm.LogPool(), gm.LMSR(0.3, maker=1)),
    ids=("isoelastic", "isoelastic each", "log pool", "LMSR"),
)
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_the_number_of_threads_does_not_change_a_bit(threads, clearing, dtype):
    n = 20_001
    forecasts, outcomes, stakes = played(rounds=3, traders=n, dtype=dtype)
    books = []
    for count in (1, 2, 5):
        threads(count)
        one = gm.Market(np.full(n, 15.0), outcomes=K, clearing=clearing, grue=gm.GrueTax(gm.schedules.inverse()))
        run = one.run(forecasts, outcomes, stakes)
        books.append((run.prices, run.residual, one.log2_wealth, run.regret_bits))
    for book in books[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(book, books[0], strict=True))


@every_rule
def test_memory_of_earlier_calls_is_not_seen(clearing):
    """Forecasts of other precision, another number of outcomes awake, in between."""
    forecasts, outcomes, _ = played(rounds=3)
    rough = np.asarray(forecasts, np.float32)
    used = market(clearing)
    used.run(forecasts, outcomes)
    used.run(rough, outcomes, np.where(np.arange(N) == 1, 1.0, 0.5))
    fresh = market(clearing).with_wealth(used.wealth)
    again = used.with_wealth(used.wealth)
    for one in (used, again, fresh):
        one.run(forecasts[:1], outcomes[:1])
    np.testing.assert_allclose(used.wealth, fresh.wealth, rtol=1e-12)
    np.testing.assert_array_equal(again.wealth, fresh.wealth)


@pytest.mark.parametrize("sparse", (False, True))
def test_a_maker_may_be_very_poor_or_rich(sparse):
    forecasts = np.array([[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]]).T
    for shift in (-2000, -300, 0, 300, 2000):
        bits = np.array([1 - min(shift, 0), 2.0 + max(shift, 0), 2 + max(shift, 0)])
        one = gm.Market(bits, clearing=gm.LMSR(0.5))
        if sparse:
            price = one.run(gm.SparseRounds([0, 3], [0, 1, 2], forecasts=forecasts.T), [1]).prices[0]
        else:
            price = one.settle(forecasts, 1).prices[0]
        made = one.log2_wealth + bits
        lost = 0.5 * np.log(price[1] / 0.5)
        np.testing.assert_allclose(made[0], np.log2(1 - lost), atol=1e-12)
        if shift >= 300:  # nobody moves such a maker
            np.testing.assert_allclose(price, 0.5)
        assert made[1] > 1e-4 or shift < 0
        assert made[2] != 0


@every_rule
@under("anything", "within groups", "rows", "definitions")
def test_a_tax_is_levied_before_the_round_clears(clearing, options):
    forecasts, outcomes, stakes = played()
    one, kelly = market(clearing, **options), market(None, **options)
    for other in (one, kelly):
        other.run(forecasts[:1], outcomes[:1], np.zeros(N))
    kelly.run(forecasts[:1], outcomes[:1], np.zeros(N), new_episode=False)  # levies, and nobody bets
    taxed = market(clearing).with_wealth(kelly.wealth)
    np.testing.assert_allclose(one.price(forecasts[1], stakes[1]), taxed.price(forecasts[1], stakes[1]), rtol=1e-9)
    one.settle(forecasts[1], outcomes[1], stakes[1])
    taxed.settle(forecasts[1], outcomes[1], stakes[1])
    np.testing.assert_allclose(one.wealth, taxed.wealth, rtol=1e-9)


@every_rule
def test_the_records_add_up(clearing):
    forecasts, outcomes, stakes = played()
    one = market(clearing, **taxes()["within groups"], definitions=True)
    one.run(forecasts, outcomes, stakes, stage="first")
    one.run(forecasts, outcomes, stage="second")
    frame = one.provenance()
    np.testing.assert_allclose(frame.select("never", "first", "second").sum_horizontal(), one.wealth, rtol=1e-12)
    ledger = one.ledger()
    for group in "ab":
        held = one.wealth[np.array(one.groups) == group].sum()
        start = np.exp2(-np.array(BITS))[np.array(list("aabbb")) == group].sum()
        moved = ledger.filter(to=group)["amount"].sum() - ledger.filter(pl.col("from") == group)["amount"].sum()
        assert moved == pytest.approx(held - start, abs=1e-12)
    shares = one.definitions()
    assert np.all(shares["log2_share"].to_numpy() <= shares["log2_wealth"].to_numpy() + 1e-9)


@every_rule
@under("untaxed", "rows")
def test_a_batch_is_the_mean_of_its_episodes(clearing, options):
    forecasts, outcomes, stakes = played()
    episodes = [(forecasts[some], outcomes[some], stakes[some]) for some in (slice(5), slice(5, 6), slice(6, T))]
    one = market(clearing, **options)
    one.run(forecasts, outcomes)
    ends = [copy.copy(one) for _ in episodes]
    for end, (q, x, b) in zip(ends, episodes, strict=True):
        end.run(q, x, b)  # the tax is the same in every round from the second on
    again, run = copy.copy(one), one.run_batch(episodes)
    np.testing.assert_allclose(one.wealth, np.mean([end.wealth for end in ends], axis=0), rtol=1e-12)
    assert len(run.passes) == len(run.residual) == len(run.prices) == T
    assert np.array_equal(again.run_batch(episodes).prices, run.prices)
    assert np.array_equal(again.log2_wealth, one.log2_wealth)


@every_rule
def test_late_entrants_and_groups_take_part(clearing):
    forecasts, outcomes, _ = played()
    one = market(clearing, enters_at=[0, 0, 1, 0, 2])
    first = one.run(forecasts[:4], outcomes[:4])
    same = market(clearing).price(forecasts[0], stakes=[1, 1, 0, 1, 0])
    np.testing.assert_allclose(first.prices[0], same, rtol=1e-11)
    assert one.wealth[[2, 4]].tolist() == [0, 0]
    one.run(forecasts[4:8], outcomes[4:8])
    one.run(forecasts[8:], outcomes[8:])
    assert np.all(one.wealth > 0)
    assert one.wealth.sum() + one.reserve == pytest.approx(1, rel=1e-13)


@every_rule
def test_two_outcomes_may_be_given_by_one(clearing):
    if isinstance(clearing, gm.LMSR):
        clearing = gm.LMSR(0.3, maker=1, floor=1e-6)
    draws = np.random.default_rng(1).uniform(0.05, 0.95, (T, N))
    outcomes = np.arange(T) % 2
    binary, full = (gm.Market(BITS, clearing=clearing) for _ in range(2))
    runs = binary.run(draws, outcomes), full.run(np.stack([1 - draws, draws], axis=1), outcomes)
    assert np.array_equal(runs[0].prices, runs[1].prices)
    assert np.array_equal(binary.log2_wealth, full.log2_wealth)
    single = gm.Market(BITS, clearing=clearing).run(draws.astype(np.float32), outcomes)
    np.testing.assert_allclose(single.prices, runs[0].prices, rtol=1e-5)


@every_rule
def test_a_book_in_f32_is_near_one_in_f64(clearing):
    forecasts, outcomes, stakes = played(rounds=60)
    books = [market(clearing, dtype=dtype, grue=gm.GrueTax(gm.schedules.inverse())) for dtype in ("f64", "f32")]
    runs = [book.run(forecasts, outcomes, stakes) for book in books]
    np.testing.assert_allclose(runs[1].prices, runs[0].prices, atol=1e-5)
    np.testing.assert_allclose(books[1].log2_wealth, books[0].log2_wealth, atol=1e-3)


@every_rule
def test_other_markets_of_the_same_traders_clear_alike(clearing):
    forecasts, outcomes, _ = played()
    one = market(clearing)
    one.run(forecasts, outcomes)
    assert one.clearing == clearing
    assert np.array_equal(one.virgin().price(forecasts[0]), market(clearing).price(forecasts[0]))
    twin = copy.copy(one)
    assert np.array_equal(twin.price(forecasts[0]), one.price(forecasts[0]))
    np.testing.assert_allclose(one.with_wealth(one.wealth).price(forecasts[0]), one.price(forecasts[0]), rtol=1e-11)
    rich = one.with_wealth([0.2] * N)
    paid = rich.reinforce(np.full((2, N), 1 / N), [0.0, 0.0]) if rich.episodes else None
    assert paid is not None
    assert not paid.amounts.any()


def test_who_is_redefined_hands_its_aversion_on():
    forecasts, outcomes, _ = played()
    one = market(RULES["isoelastic each"])
    one.run(forecasts, outcomes)
    after = one.redefined([3, 0], 2)
    assert after.clearing == gm.Isoelastic([0.25, 1, 2, 8, 1e5, 8, 0.25])
    # who forecasts as its source leaves the price alone, for source and new trader stake together what it did
    wider = np.concatenate([forecasts, forecasts[:, :, [3, 0]]], axis=2)
    np.testing.assert_allclose(after.price(wider[0]), one.price(forecasts[0]), rtol=1e-10)
    after.run(wider, outcomes)
    one.run(forecasts, outcomes)
    joined = after.wealth[:N] + np.bincount([3, 0], after.wealth[N:], minlength=N)
    np.testing.assert_allclose(joined, one.wealth, rtol=1e-9)


@every_rule
def test_a_redefined_market_clears_by_the_same_rule(clearing):
    forecasts, _, _ = played()
    after = market(clearing).redefined([0], 3)
    wider = np.concatenate([forecasts, forecasts[:, :, :1]], axis=2)
    np.testing.assert_allclose(after.price(wider[0]), market(clearing).price(forecasts[0]), rtol=1e-9)


# --- Far apart


@pytest.mark.parametrize("clearing", (gm.Isoelastic(0.5), gm.Isoelastic(2), gm.LogPool(0.5)), ids=repr)
@pytest.mark.parametrize("dtype", ("f64", "f32"))
def test_the_drained_do_not_underflow_and_come_back(clearing, dtype):
    rounds = 6_000
    q = np.array([[0.1, 0.9], [0.9, 0.1]])
    one = gm.Market([1, 1], clearing=clearing, dtype=dtype)
    one.run(np.broadcast_to(q, (rounds, 2, 2)).copy(), np.ones(rounds, int), regret=False)
    # in the end the first sets the price alone, and each round costs the second the same
    alone = growth(clearing, q[:, 0], q, np.array([1.0, 0.0]))[1, 1]
    fell = one.log2_wealth[1]
    assert fell < -1000
    one.run(np.broadcast_to(q, (1000, 2, 2)).copy(), np.ones(1000, int), regret=False)
    assert one.log2_wealth[1] - fell == pytest.approx(1000 * np.log2(alone), rel=1e-9 if dtype == "f64" else 1e-5)
    back = 0
    while one.wealth[1] < 0.5:
        one.run(np.broadcast_to(q, (1000, 2, 2)).copy(), np.zeros(1000, int), regret=False)
        back += 1000
    # to come back takes longer for the bold, whom the price then hardly pays, and less for the cautious
    assert 0.1 * rounds < back < 30 * rounds


def test_the_awake_clear_among_themselves_however_poor():
    poor = [1.0, 2.0 + 3000, 3.0 + 3000]
    q = np.array([[0.2, 0.7, 0.4], [0.8, 0.3, 0.6]])
    for clearing in (gm.Isoelastic(3), gm.LogPool(), gm.Kelly()):
        far = gm.Market(poor, clearing=clearing)
        near = gm.Market([1, 2, 3], clearing=clearing)
        for stakes in ([0, 1, 1], [0, 1e-200, 1e-200], [0, 1, 0.5]):
            np.testing.assert_allclose(far.price(q, stakes), near.price(q, stakes), rtol=1e-11)
        far.settle(q, 1, [0, 1, 1])
        near.settle(q, 1, [0, 1, 1])
        np.testing.assert_allclose(far.log2_wealth[1:] + 3000, near.log2_wealth[1:], atol=1e-9)
        assert far.log2_wealth[0] == -1


@pytest.mark.parametrize("sparse", (False, True))
@pytest.mark.parametrize("apart", (20, 300, 900, 5000))
def test_whoever_trades_with_a_far_richer_maker_is_paid_to_the_last_digit(apart, sparse):
    rule = gm.LMSR(0.3, maker=1)
    one = gm.Market([2.0 + apart, 0.5, 3.0 + apart], clearing=rule)
    q = np.array([[0.2, 0.5, 0.4], [0.8, 0.5, 0.6]])
    if sparse:
        one.run(gm.SparseRounds([0, 3], [0, 1, 2], forecasts=q.T), [1])
    else:
        one.run(q[None], [1])
    # in the limit the price is the quote, and the maker pays the others' mean gain from it
    share, ratio = np.array([2, 1]) / 3, np.log(q[:, [0, 2]] / 0.5)
    gain = rule.step * (ratio[1] - 0.5 * ratio.sum(axis=0))
    grown = np.exp(gain) * (1 + share @ gain) / (share @ np.exp(gain))
    tolerance = 1e-11 if apart >= 300 else 1e-5
    np.testing.assert_allclose(one.log2_wealth[[0, 2]] + [2 + apart, 3 + apart], np.log2(grown), atol=tolerance)
    assert one.log2_wealth[1] == pytest.approx(-0.5, abs=1e-5)


def test_a_maker_without_anybody_to_trade_with_keeps_its_money():
    for stakes in (None, [1, 1], [0, 1]):
        one = gm.Market(prior=[0, 1], clearing=gm.LMSR(0.3, maker=1))
        run = one.run([[[0.5, 0.3], [0.5, 0.7]]], [1], stakes)
        np.testing.assert_allclose(run.prices, [[0.3, 0.7]], rtol=1e-14)
        assert one.wealth.tolist() == [0, 1]
        assert one.run([[[0.5, 0.3], [0.5, 0.7]]], [0], stakes).total_loss_bits == pytest.approx(-np.log2(0.3))


def test_a_certain_forecast_costs_all_where_it_fails():
    one = gm.Market([1, 1], clearing=gm.Isoelastic(2))
    run = one.run([[1.0, 0.5]], [0])
    assert one.wealth.tolist() == [0, 1]
    assert run.regret_bits[0] == -np.inf
    assert one.price([0.3, 0.25]).tolist() == pytest.approx([0.75, 0.25])


# --- Files


@every_saved_rule
def test_a_saved_market_goes_on_with_the_same_bits(clearing, tmp_path):
    forecasts, outcomes, stakes = played()
    one = market(clearing, **taxes()["within groups"])
    one.run(forecasts, outcomes, stakes)
    one.save(tmp_path / "market")
    other = gm.Market.load(tmp_path / "market")
    assert other.clearing == clearing
    runs = one.run(forecasts, outcomes), other.run(forecasts, outcomes)
    assert np.array_equal(runs[0].prices, runs[1].prices)
    assert np.array_equal(one.log2_wealth, other.log2_wealth)


def header_of(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["gruemarket"])


def test_older_readers_take_no_other_rule_for_kelly(tmp_path):
    for name, clearing in {"kelly": gm.Kelly(0.5), "other": gm.LogPool()}.items():
        market(clearing).save(tmp_path / name)
    assert header_of(tmp_path / "kelly")["format"] == 1
    assert "rule" not in header_of(tmp_path / "kelly")
    assert header_of(tmp_path / "other")["format"] == 2
    assert gm.Market.load(tmp_path / "kelly").clearing == gm.Kelly(0.5)


def test_a_function_is_not_saved(tmp_path):
    path = tmp_path / "market"
    market(gm.Kelly()).save(path)
    before = path.read_bytes()
    with pytest.raises(gm.InputError, match=r"clears by a function of yours \(Demand\) cannot be saved"):
        market(RULES["demand"]).save(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["market"]


# --- What is refused, and moves nothing


def assert_unmoved(one, error, match, play):
    before, clock = one.log2_wealth, (one.rounds, one.episodes)
    with pytest.raises(error, match=match):
        play(one)
    assert np.array_equal(one.log2_wealth, before)
    assert (one.rounds, one.episodes) == clock


@every_rule
def test_likelihoods_are_not_enough(clearing):
    match = "every clearing rule but Kelly's needs the forecasts of every outcome"
    assert_unmoved(market(clearing), gm.InputError, match, lambda one: one.run(likelihoods=[[0.5] * N]))
    sparse = gm.SparseRounds([0, 1], [0], likelihoods=[0.5])
    assert_unmoved(market(clearing), gm.InputError, match, lambda one: one.run(likelihoods=sparse))
    assert_unmoved(market(clearing), gm.InputError, match, lambda one: one.run_batch([[[0.5] * N]] * 2))
    assert market(clearing).run(likelihoods=np.empty((0, N))).prices.size == 0


@every_rule
@pytest.mark.parametrize("asleep", (False, True))
def test_forecasts_are_checked_whoever_sleeps(clearing, asleep):
    forecasts, outcomes, stakes = played()
    stakes[4, 2] = 0 if asleep else 1
    for wrong in (np.nan, -0.1, 2.0, forecasts[4, 1, 2] + 0.01):
        bad = forecasts.copy()
        bad[4, 1, 2] = wrong
        where = "round 4, trader 2"
        assert_unmoved(market(clearing), gm.InputError, where, lambda m, q=bad: m.run(q, outcomes, stakes))


REFUSED = {
    "aversion 0.0 is not in": lambda: gm.Isoelastic(0),
    "aversion 2000000.0 is not in": lambda: gm.Isoelastic(2e6),
    "aversion nan is not in": lambda: gm.Isoelastic(np.nan),
    "aversion -1.0 of trader 1 is not in": lambda: gm.Isoelastic([1, -1]),
    r"aversion: shape \(1, 2\)": lambda: gm.Isoelastic([[1, 2]]),
    "aversion: dtype": lambda: gm.Isoelastic("much"),
    "LogPool step 0 ": lambda: gm.LogPool(0),
    "LMSR liquidity 0 ": lambda: gm.LMSR(0),
    "LMSR liquidity inf ": lambda: gm.LMSR(np.inf),
    "LMSR maker -1 ": lambda: gm.LMSR(0.1, maker=-1),
    "LMSR maker 'me' ": lambda: gm.LMSR(0.1, maker="me"),
    "LMSR step nan ": lambda: gm.LMSR(0.1, step=np.nan),
    "LMSR floor 0.5 ": lambda: gm.LMSR(0.1, floor=0.5),
    "traders could lose 4.16 of what they stake": lambda: gm.LMSR(0.1, step=0.3),
    "Demand 3 cannot be called": lambda: gm.Demand(3),
    r"Demand tolerance 0 is not in \(0, 1\)": lambda: gm.Demand(linear, tolerance=0),
    "3 risk aversions for 5 traders": lambda: market(gm.Isoelastic([1, 2, 3])),
    "maker 5 is not a trader": lambda: market(gm.LMSR(0.1, maker=5)),
    "liquidity 0.95 with 3 outcomes": lambda: market(gm.LMSR(0.95)),
    "clearing 'kelly' is not a clearing rule; give gm.Kelly": lambda: market("kelly"),
}


@pytest.mark.parametrize(("match", "make"), REFUSED.items(), ids=REFUSED)
def test_a_rule_that_cannot_be_is_refused(match, make):
    with pytest.raises(gm.InputError, match=match):
        make()


def test_a_maker_that_could_lose_all_is_refused():
    forecasts, outcomes, _ = played()
    forecasts[3, :, 1] = [0.98, 0.01, 0.01]
    one, match = market(RULES["LMSR"]), "round 3: the maker quotes"
    assert_unmoved(one, gm.InputError, match, lambda m: m.run(forecasts, outcomes))


def unclear(price, _, money):
    """Buys what is cheap, and sells it as soon as it is not: no price clears it."""
    return np.where(price[0] > 0.4, -1.0, 1.0) * np.array([[0.5], [-0.5], [0.0]]) * money


def test_a_price_that_is_not_found_is_an_error():
    forecasts, outcomes, _ = played()
    one = market(gm.Demand(unclear))
    assert_unmoved(one, gm.NotClearedError, "round 0: no price found", lambda m: m.run(forecasts, outcomes))
    assert_unmoved(one, gm.NotClearedError, "no price found", lambda m: m.price(forecasts[0]))
    batch = [(forecasts, outcomes)] * 2
    assert_unmoved(one, gm.NotClearedError, "episode 0 of the batch: round 0: no", lambda m: m.run_batch(batch))
    assert issubclass(gm.NotClearedError, gm.MarketError)


class OwnError(Exception):
    pass


def test_what_a_demand_raises_is_passed_on():
    forecasts, outcomes, stakes = played()
    raised = [OwnError("mine"), KeyboardInterrupt()]
    for error in raised:
        asked = []

        def fails(price, forecasts, money, asked=asked, error=error):
            asked.append(len(money))
            if len(asked) > 9:
                raise error
            return linear(price, forecasts, money)

        for play in (
            lambda m: m.run(forecasts, outcomes),
            lambda m: m.run(sparse_rounds(forecasts, stakes), outcomes),
            lambda m: m.run_batch([(forecasts, outcomes)] * 20),
        ):
            asked.clear()
            one = market(gm.Demand(fails))
            before = one.log2_wealth
            with pytest.raises(type(error)) as caught:
                play(one)
            assert caught.value is error
            assert np.array_equal(one.log2_wealth, before)


BAD_DEMANDS = {
    r"answered with shape \(5,\); give \(3, 5\)": lambda _, __, money: money,
    "answer: dtype": lambda _, forecasts, __: np.full(forecasts.shape, "much"),
    "it must give finite numbers": lambda _, forecasts, __: np.full(forecasts.shape, np.nan),
    "must leave every trader with money": lambda price, forecasts, money: 9 * linear(price, forecasts, money),
}


@pytest.mark.parametrize(("match", "fn"), BAD_DEMANDS.items(), ids=BAD_DEMANDS)
def test_a_demand_that_makes_no_sense_is_refused(match, fn):
    forecasts, outcomes, _ = played()
    assert_unmoved(market(gm.Demand(fn)), gm.InputError, match, lambda m: m.run(forecasts, outcomes))


def test_a_demand_may_use_the_market_of_another_thread():
    """The function holds Python's lock while the engine waits; it may call other markets, not its own."""
    forecasts, outcomes, _ = played()
    other = market(gm.Kelly())

    def asks(price, given, money):
        return linear(price, given, money) + 0 * other.price(forecasts[0]).sum()

    def asks_itself(*_):
        return own.price(forecasts[0])

    market(gm.Demand(asks)).run(forecasts, outcomes)
    own = market(gm.Demand(asks_itself))
    assert_unmoved(own, gm.MarketError, "another thread is using this market", lambda m: m.run(forecasts, outcomes))


# --- Rules as objects


@every_rule
def test_the_engine_gives_back_the_rule_it_was_given(clearing):
    assert RuleSpec.of(clearing).rule == clearing
    assert hash(RuleSpec.of(clearing).rule) == hash(clearing)
    assert json.loads(json.dumps(clearing.to_dict()))["kind"] in {"isoelastic", "logpool", "lmsr", "demand"}


def test_aversions_are_equal_by_value():
    assert gm.Isoelastic([1, 2]) == gm.Isoelastic(np.array([1.0, 2.0])) != gm.Isoelastic([1, 3])
    assert gm.Isoelastic(2) != gm.Isoelastic([2])
    given = np.array([1.0, 2.0])
    rule = gm.Isoelastic(given)
    given[0] = 7
    assert rule == gm.Isoelastic([1, 2])


# --- Inductors


def three(outcomes=2):
    return {"a": Counter(outcomes, start=0.5), "b": Counter(outcomes, 2), "c": Counter(outcomes, start=9.0)}


EPISODES = [[1, 0, 1, 1, 0, 1, 1], [0, 0, 1], [1, 1, 1, 1, 0]]
ACCOUNT_RULES = {
    "isoelastic": gm.Isoelastic(4),
    "each": gm.Isoelastic([0.5, 1, 3, 9]),
    "log pool": gm.LogPool(),
    "LMSR": gm.LMSR(0.2, maker=2, floor=1e-6),
}


@pytest.mark.parametrize("clearing", ACCOUNT_RULES.values(), ids=ACCOUNT_RULES)
@pytest.mark.parametrize("outcomes", (2, 3))
def test_an_inductor_reads_prices_and_writes_by_any_rule(clearing, outcomes, tmp_path):
    if outcomes == 3:
        episodes = [[x + (i % 3 == 2) for i, x in enumerate(episode)] for episode in EPISODES]
    else:
        episodes = EPISODES
    inductor = gm.Inductor(three(outcomes), clearing=clearing, seed=3)
    inductor.learn(episodes)
    for family in inductor.families.values():
        family.freeze()
    rehearsed = inductor.rehearse(episodes[:1], [2])[0]
    price, by_hand = inductor.price(episodes[0][:2]), copy.copy(inductor.market)
    run = inductor.read(episodes[:1])
    assert run.prices.shape == (len(episodes[0]), outcomes)
    np.testing.assert_allclose(rehearsed.loss_bits, run.loss_bits, rtol=1e-12)
    np.testing.assert_allclose(price, run.prices[2], rtol=1e-12)
    families = inductor.families
    for family in families.values():
        family.begin_episode()
    for t, x in enumerate(episodes[0]):
        forecast = np.concatenate([family.forecast() for family in families.values()], axis=1)
        settled = by_hand.settle(forecast, x, new_episode=t == 0)
        assert np.array_equal(settled.prices[0], run.prices[t])
        for family in families.values():
            family.observe(x)
    inductor.read(episodes[1:], batch=2)
    inductor.save(tmp_path / "saved")
    other = gm.Inductor.load(tmp_path / "saved")
    assert other.clearing == clearing
    assert np.array_equal(other.price([1, 0]), inductor.price([1, 0]))
    first, second = (one.generate([1, 0], max_bytes=2, seed=5)[0] for one in (inductor, other))
    assert np.array_equal(first.outcomes, second.outcomes)
    fork = inductor.fork()
    fork.begin_episode()
    paid = fork.observe_all(episodes[0])
    assert paid.shape == (len(episodes[0]), 1)
    assert paid[0, 0] == pytest.approx(inductor.price([])[episodes[0][0]], rel=1e-12)


def test_accounts_that_are_left_keep_their_aversion_and_the_maker():
    each = gm.Inductor(three(), clearing=ACCOUNT_RULES["each"])
    assert each.without("a").clearing == gm.Isoelastic([1, 3, 9])
    made = gm.Inductor(three(), clearing=ACCOUNT_RULES["LMSR"])
    assert made.without("a").clearing.maker == 1
    with pytest.raises(gm.InputError, match="without its maker"):
        made.without("b")
    assert restricted(gm.Kelly(0.5), np.array([True])) == gm.Kelly(0.5)
    each.read(EPISODES)
    each.redefine("b", bits=2, stage="later")
    assert each.clearing == each.market.clearing == gm.Isoelastic([0.5, 1, 3, 9, 1, 3])


def test_the_rule_of_an_inductor_may_stand_in_a_file(tmp_path):
    path = tmp_path / "run.toml"
    table = '[corpus]\nvoices = ["docs"]\nbytes_per_voice = 2000\n[inductor]\ntext = {{ memory_mib = 1 }}\n{}\n'
    stage = '[[stage]]\nkind = "pretrain"\n'
    rules = {
        '{ kind = "isoelastic", aversion = 4 }': gm.Isoelastic(4),
        '{ kind = "logpool", step = 0.1 }': gm.LogPool(0.1),
        '{ kind = "lmsr", liquidity = 0.2 }': gm.LMSR(0.2),
    }
    for text, rule in rules.items():
        path.write_text(table.format(f"clearing = {text}") + stage)
        assert Config.load(path).plan().inductor.clearing == rule
    for text, match in {
        '{ kind = "isoelastic" }': "aversion",
        '{ kind = "isoelastic", aversion = -1 }': r"\[inductor.clearing\]: aversion -1.0",
        '{ kind = "demand", fn = "f" }': "a demand is a function of yours, which a file cannot hold",
    }.items():
        path.write_text(table.format(f"clearing = {text}") + stage)
        with pytest.raises(ConfigError, match=match):
            Config.load(path).plan()


def test_what_rules_say_of_themselves():
    assert re.fullmatch(r"Isoelastic\(aversion=4.0\)", repr(gm.Isoelastic(4)))
    assert gm.LMSR(0.1).to_dict() == {"kind": "lmsr", "liquidity": 0.1, "maker": 0, "step": 0.05, "floor": 2.0**-20}
    assert gm.Demand(linear).to_dict()["fn"].endswith("linear")


def test_a_market_says_by_what_it_clears():
    assert repr(gm.Market([1, 1])) == "Market(2 traders, 2 outcomes, f64, 0 rounds)"
    shown = repr(gm.Market([1, 1], clearing=gm.Isoelastic([2, 3])))
    assert shown == "Market(2 traders, 2 outcomes, f64, cleared by Isoelastic, 0 rounds)"


@pytest.mark.parametrize("clearing", (gm.LogPool(floor=0.3), gm.LMSR(0.1, floor=0.3)))
def test_a_floor_that_is_too_high_for_the_outcomes(clearing):
    with pytest.raises(gm.InputError, match=r"^floor 0.3 is not above 0 and at most 1 / 4, as there are 4 outcomes"):
        gm.Market([1, 1], outcomes=4, clearing=clearing)


def test_an_outcome_that_is_too_cheap_to_count_says_so():
    forecasts = [[[0.5, 1.0], [0.5, 0.0]]]  # so cautious a pool hardly listens to whoever rules nothing out
    with pytest.raises(gm.ImpossibleOutcomeError, match=r"any probability that counts \(its price was 0\); floor the"):
        gm.Market([1, 1], clearing=gm.Isoelastic(1e5)).run(forecasts, [1])
