"""What tests of clearing rules share: the rules, rounds to play, what each rule pays by its formula, and taxes."""

import gruemarket as gm
import numpy as np
import pytest

BITS = [2.0, 2.5, 3.0, 2.0, 4.0]
N, K, T = len(BITS), 3, 12


def linear(price, forecasts, money):
    return money * (forecasts - price[:, None])


RULES = {
    "isoelastic 1/2": gm.Isoelastic(0.5),
    "isoelastic 4": gm.Isoelastic(4),
    "isoelastic each": gm.Isoelastic([0.25, 1, 2, 8, 1e5]),
    "isoelastic floored": gm.Isoelastic([3, 1, 0.5, 3, 16], floor=0.2),
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
        q = np.clip(q, rule.floor, 1 - rule.floor)
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
