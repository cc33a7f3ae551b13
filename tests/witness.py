"""Everything that can be seen of a market, to the last bit, and every way to play it, on seeded rounds of any size."""

from random import Random

import gruemarket as gm
import numpy as np

KERNELS = ("untaxed", "anything", "within groups", "csr")


def seen(market):
    """All that the market shows, for ==; two markets that show the same are the same."""
    shown = {
        "clock": (market.rounds, market.episodes, market.batches, market.stage),
        "wealth": market.wealth.tobytes(),
        "log2_wealth": market.log2_wealth.tobytes(),
        "bits": market.bits.tobytes(),
        "reserve": market.reserve.hex(),
        "ledger": market.ledger().rows(),
        "len": len(market),
        "names": market.names,
        "groups": market.groups,
    }
    for frame in (market.provenance, lambda: market.definitions(top=5)):
        try:
            table = frame()
        except gm.InputError:  # not kept
            continue
        shown |= {name: table[name].to_list() for name in table.columns}
    return shown


def ring(traders):
    """A kernel in CSR form: a trader may become one of the next two."""
    to = np.add.outer(np.arange(traders), [1, 2]) % traders
    return np.arange(0, 2 * traders + 1, 2), to.ravel(), np.tile([0.5, 0.25], traders)


def tax(kernel, traders, unit="round", schedule=None):
    """A tax with this kernel, at hazards that are the same bits everywhere."""
    if kernel == "untaxed":
        return None
    schedule = gm.schedules.constant(0.03125) if schedule is None else schedule
    return gm.GrueTax(schedule, ring(traders) if kernel == "csr" else kernel, landmarks={2: 2.0}, unit=unit)


def market(kernel="untaxed", traders=6, seed=0, unit="round", **given):
    """A market of two outcomes with groups, names and a reserve."""
    draw = Random(seed)  # noqa: S311 # the same numbers in every version of Python
    prior = np.array([1 + draw.random() for _ in range(traders)])
    settings = {
        "prior": prior / prior.sum() * 0.9375,
        "grue": tax(kernel, traders, unit),
        "groups": [f"group {draw.randrange(1 + traders // 3)}" for _ in range(traders)],
        "names": [f"name {i}" for i in range(traders)],
    }
    return gm.Market(**settings | given)


def opinions(traders, rounds, seed):
    """(T, N) probabilities of outcome 1 within (0, 1), and (T,) outcomes."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return 0.0625 + 0.875 * rng.random((rounds, traders)), rng.integers(2, size=rounds)


def full(one):
    """Probabilities of outcome 1 as forecasts of both outcomes."""
    return np.stack([1 - one, one], axis=1)


def paid(one, outcomes):
    """The likelihoods of what happened."""
    return np.where(outcomes[:, None] == 1, one, 1 - one)


def sparse(one, outcomes, seed, *, likelihoods=False):
    """A fifth of the traders of each round, some with a part of their wealth."""
    rng = np.random.Generator(np.random.PCG64(seed + 1))
    awake = rng.random(one.shape) < 0.2
    indptr = np.concatenate([[0], awake.sum(axis=1).cumsum()])
    values = (paid(one, outcomes) if likelihoods else one)[awake]
    given = {"likelihoods": values} if likelihoods else {"forecasts": values}
    stakes = np.where(rng.random(len(values)) < 0.5, 0.5, 1.0)
    return gm.SparseRounds(indptr, np.nonzero(awake)[1], **given, stakes=stakes)


def stakes(shape, seed):
    """Sleepers, the timid and the bold."""
    return np.random.Generator(np.random.PCG64(seed + 2)).choice([0.0, 0.25, 1.0], size=shape)


def play(market, mode, *, seed, rounds=4, **place):
    """Plays seeded rounds in this mode, see MODES."""
    one, outcomes = opinions(len(market), rounds, seed)
    return MODES[mode](market, one, outcomes, seed, **place)


def settled(market, one, outcomes, _seed, *, new_episode=True, **place):
    """Round by round; the last round's Run."""
    for t, (forecast, outcome) in enumerate(zip(one, outcomes, strict=True)):
        run = market.settle(forecast, outcome, new_episode=new_episode and t == 0, **place)
    return run


def in_batch(market, one, outcomes, _seed, *, new_episode=True, **place):
    """Three episodes of different lengths at once."""
    assert new_episode
    cuts = [slice(0, 1), slice(1, 2), slice(2, None)]
    return market.run_batch([(one[cut], outcomes[cut]) for cut in cuts], **place)


MODES = {
    "full": lambda m, one, x, _, **place: m.run(full(one), x, **place),
    "binary": lambda m, one, x, _, **place: m.run(one, x, **place),
    "single precision": lambda m, one, x, _, **place: m.run(one.astype(np.float32), x, **place),
    "likelihoods": lambda m, one, x, _, **place: m.run(likelihoods=paid(one, x), **place),
    "stakes": lambda m, one, x, seed, **place: m.run(one, x, stakes(one.shape, seed), **place),
    "stakes a trader": lambda m, one, x, seed, **place: m.run(one, x, stakes(len(m), seed), **place),
    "sparse": lambda m, one, x, seed, **place: m.run(sparse(one, x, seed), x, **place),
    "sparse likelihoods": lambda m, one, x, seed, **place: m.run(
        likelihoods=sparse(one, x, seed, likelihoods=True), **place
    ),
    "blocks": lambda m, one, x, _, **place: m.run_blocks([(one[:1], x[:1]), (one[1:], x[1:])], **place),
    "settle": settled,
    "batch": in_batch,
}
