"""The engine's market under every clearing rule: what each trader is paid, and all the ways to play."""

import copy

import gruemarket as gm
import numpy as np
import polars as pl
import pytest
from cleared import (
    BITS,
    RULES,
    K,
    N,
    T,
    every_rule,
    every_tax,
    growth,
    market,
    played,
    pooled,
    sparse_rounds,
    taxes,
    under,
)
from gruemarket.clearing import restricted


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
    if isinstance(clearing, gm.Isoelastic):
        clearing = gm.Isoelastic(clearing.aversion, floor=0.1 / outcomes)  # below all that is said
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
