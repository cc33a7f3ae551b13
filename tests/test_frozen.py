"""Frozen outputs of seeded runs: the same bits on every machine, with any number of threads, after any refactor.

To renew them after a change that is meant to move bits, run `python tests/test_frozen.py`, put its output in the place
of FROZEN below, and say in the commit why they moved. Prices and wealth are sums, products and quotients: what takes
a logarithm (losses, log2 wealth) may differ in its last bit from one C library to the next, so it is not frozen.
"""

import hashlib
import sys
from random import Random

import gruemarket as gm
import numpy as np
import pytest
import witness

TRADERS, ROUNDS = 5, 3


def rounds(seed):
    """As `witness.opinions`, from a generator that is the same in every version of Python."""
    draw = Random(seed)  # noqa: S311 # nothing secret
    one = [[0.0625 + 0.875 * draw.random() for _ in range(TRADERS)] for _ in range(ROUNDS)]
    return np.array(one), np.array([draw.randrange(2) for _ in range(ROUNDS)])


def dyadic(values):
    """Stakes and awakeness by position: no generator."""
    return np.array(values, dtype=float)[np.arange(ROUNDS * TRADERS) % len(values)].reshape(ROUNDS, TRADERS)


def listed(one):
    """Sparse rounds of the traders 0 and 3, then 1, then nobody."""
    return gm.SparseRounds([0, 2, 3, 3], [0, 3, 1], [one[0, 0], one[0, 3], one[1, 1]], stakes=[1, 0.5, 0.25])


PLAYS = {
    "full": lambda m, one, x: m.run(witness.full(one), x),
    "single precision": lambda m, one, x: m.run(one.astype(np.float32), x),
    "likelihoods": lambda m, one, x: m.run(likelihoods=witness.paid(one, x)),
    "stakes": lambda m, one, x: m.run(one, x, dyadic([1, 0, 0.25])),
    "sparse": lambda m, one, x: m.run(listed(one), x),
    "batch": lambda m, one, x: m.run_batch([(one[:1], x[:1]), (one[1:], x[1:])]),
}
CASES = [(kernel, dtype, mode) for kernel in witness.KERNELS for dtype in ("f64", "f32") for mode in PLAYS]


def outcome(kernel, dtype, mode):
    """The last price and the richest's wealth in hex, to look at; a hash of all prices and wealth, to hold."""
    market = witness.market(kernel, TRADERS, seed=7, dtype=dtype)
    runs = [PLAYS[mode](market, *rounds(seed)) for seed in (1, 2)]
    prices, wealth = np.concatenate([run.prices for run in runs]), market.wealth
    all_bits = hashlib.sha256(prices.astype("<f8").tobytes() + wealth.astype("<f8").tobytes()).hexdigest()
    return float(prices.ravel()[-1]).hex(), float(wealth.max()).hex(), all_bits[:16]


FROZEN = {
    ("untaxed", "f64", "full"): ("0x1.2f064f11f176dp-1", "0x1.21e0b2363f5f4p-1", "7abd16df65d6bd92"),
    ("untaxed", "f64", "single precision"): ("0x1.2f064f021ff04p-1", "0x1.21e0b1d7e3382p-1", "3788437748399300"),
    ("untaxed", "f64", "likelihoods"): ("0x1.2f064f11f176dp-1", "0x1.21e0b2363f5f4p-1", "b280c74cf00c8513"),
    ("untaxed", "f64", "stakes"): ("0x1.ed9c000761d6dp-2", "0x1.841da796529fap-2", "72b5292703fa7f75"),
    ("untaxed", "f64", "sparse"): ("0x1.0000000000000p-1", "0x1.fcde4f0aa85d2p-3", "572b21e59af55536"),
    ("untaxed", "f64", "batch"): ("0x1.145970b1fde0bp-1", "0x1.a129b69065b64p-2", "083ba0769d3b1493"),
    ("untaxed", "f32", "full"): ("0x1.2f064d470820cp-1", "0x1.21e0b1618837fp-1", "c01c93d838b83abc"),
    ("untaxed", "f32", "single precision"): ("0x1.2f064d470820cp-1", "0x1.21e0b1618837fp-1", "2dc2b9aaaab98af2"),
    ("untaxed", "f32", "likelihoods"): ("0x1.2f064d470820cp-1", "0x1.21e0b1618837fp-1", "7bd4d99046a2cc74"),
    ("untaxed", "f32", "stakes"): ("0x1.ed9c003de31bbp-2", "0x1.841da9453a504p-2", "8ed1554231181e34"),
    ("untaxed", "f32", "sparse"): ("0x1.0000000000000p-1", "0x1.fcde4e0000000p-3", "7f7ec7bc7a76d777"),
    ("untaxed", "f32", "batch"): ("0x1.145971b4fd7f7p-1", "0x1.a129b64306b51p-2", "22b3ee290f73f97d"),
    ("anything", "f64", "full"): ("0x1.22cf1cbf92aa2p-1", "0x1.132076c504f27p-1", "d2384c53c747b603"),
    ("anything", "f64", "single precision"): ("0x1.22cf1cb80b880p-1", "0x1.13207670bb952p-1", "2d449f5f59f01dbd"),
    ("anything", "f64", "likelihoods"): ("0x1.22cf1cbf92aa2p-1", "0x1.132076c504f27p-1", "a5f82a8117efe790"),
    ("anything", "f64", "stakes"): ("0x1.e2968164eccacp-2", "0x1.711b4d7692837p-2", "54ae601e7edc040a"),
    ("anything", "f64", "sparse"): ("0x1.0000000000000p-1", "0x1.f2d8dc7af3120p-3", "3cea08a9395fee8e"),
    ("anything", "f64", "batch"): ("0x1.0f869ae6dfd42p-1", "0x1.9ff044a1d6c83p-2", "555c28bed4025d1a"),
    ("anything", "f32", "full"): ("0x1.22cf1f4244a76p-1", "0x1.132074ff3a65bp-1", "34b6548bc1433a36"),
    ("anything", "f32", "single precision"): ("0x1.22cf1d066f711p-1", "0x1.132074ff3a65bp-1", "b07ab5fad25dd551"),
    ("anything", "f32", "likelihoods"): ("0x1.22cf1f4244a76p-1", "0x1.132074ff3a65bp-1", "383bf3e6a6a85637"),
    ("anything", "f32", "stakes"): ("0x1.e296830c601abp-2", "0x1.711b503300d22p-2", "bcfa19914d3c81ea"),
    ("anything", "f32", "sparse"): ("0x1.0000000000000p-1", "0x1.f2d8dbc4ed800p-3", "f43d8b4054dfc16c"),
    ("anything", "f32", "batch"): ("0x1.0f869a792ea16p-1", "0x1.9ff04288aa1cbp-2", "d92fad2767819485"),
    ("within groups", "f64", "full"): ("0x1.243e3ae0f5386p-1", "0x1.2b713bb8f9574p-1", "dc722f18f656c763"),
    ("within groups", "f64", "single precision"): ("0x1.243e3acd8ca31p-1", "0x1.2b713b540b3d4p-1", "ac2c87c8e66037a9"),
    ("within groups", "f64", "likelihoods"): ("0x1.243e3ae0f5386p-1", "0x1.2b713bb8f9574p-1", "69503fec7c79cd07"),
    ("within groups", "f64", "stakes"): ("0x1.e27d346839de3p-2", "0x1.81b54844936fbp-2", "172701090e60a09f"),
    ("within groups", "f64", "sparse"): ("0x1.0000000000000p-1", "0x1.fe2e2903306c8p-3", "4585babd9cb0c185"),
    ("within groups", "f64", "batch"): ("0x1.0fba587546ad2p-1", "0x1.a4c892e7d9ecep-2", "7fc4e2bef88182a8"),
    ("within groups", "f32", "full"): ("0x1.243e39b982d25p-1", "0x1.2b713c0f136dep-1", "3f5170b60bf2a76b"),
    ("within groups", "f32", "single precision"): ("0x1.243e39b982d25p-1", "0x1.2b713c0f136dep-1", "1dbd47a6de75bc76"),
    ("within groups", "f32", "likelihoods"): ("0x1.243e39b982d25p-1", "0x1.2b713c0f136dep-1", "857f008437ddd8bf"),
    ("within groups", "f32", "stakes"): ("0x1.e27d35876491ap-2", "0x1.81b54a797450bp-2", "7c321cd5c5cf4b6f"),
    ("within groups", "f32", "sparse"): ("0x1.0000000000000p-1", "0x1.fe2e280000000p-3", "13aa57c1e952b95c"),
    ("within groups", "f32", "batch"): ("0x1.0fba599403af9p-1", "0x1.a4c8920000000p-2", "8fda99cab81b8f2f"),
    ("csr", "f64", "full"): ("0x1.1bf26e8e35187p-1", "0x1.22084241a6ba6p-1", "82b4284ea4efba9f"),
    ("csr", "f64", "single precision"): ("0x1.1bf26e844e2ecp-1", "0x1.220841ee4d418p-1", "1d91ef23081e28b4"),
    ("csr", "f64", "likelihoods"): ("0x1.1bf26e8e35187p-1", "0x1.22084241a6ba6p-1", "40e244b797109980"),
    ("csr", "f64", "stakes"): ("0x1.de1fa4fdd603ap-2", "0x1.7fa5b1fe43da4p-2", "878d2b4d2e4a89f0"),
    ("csr", "f64", "sparse"): ("0x1.0000000000000p-1", "0x1.fef03fc4830b1p-3", "077f79e4786cdc9a"),
    ("csr", "f64", "batch"): ("0x1.0e5022097c130p-1", "0x1.b10491b1c8895p-2", "d46a921de53ee88b"),
    ("csr", "f32", "full"): ("0x1.1bf26c59705dcp-1", "0x1.220842459b22ep-1", "1576c8feb0e51450"),
    ("csr", "f32", "single precision"): ("0x1.1bf26c59705dcp-1", "0x1.220842459b22ep-1", "dadd186ab6acb5cd"),
    ("csr", "f32", "likelihoods"): ("0x1.1bf26c59705dcp-1", "0x1.220842459b22ep-1", "c4b9a63996052fa5"),
    ("csr", "f32", "stakes"): ("0x1.de1fa56b7e549p-2", "0x1.7fa5b3f3356cbp-2", "505fc6c38ddf53d5"),
    ("csr", "f32", "sparse"): ("0x1.0000000000000p-1", "0x1.fef03e0000000p-3", "3e581f7f1a90b163"),
    ("csr", "f32", "batch"): ("0x1.0e5024869d311p-1", "0x1.b1048f9bc576ap-2", "bfc0abeb29a05fde"),
}


@pytest.mark.parametrize(("kernel", "dtype", "mode"), CASES)
def test_the_bits_are_as_they_were(kernel, dtype, mode):
    assert outcome(kernel, dtype, mode) == FROZEN[kernel, dtype, mode]


if __name__ == "__main__":
    lines = (f"    {case!r}: {outcome(*case)!r},\n".replace("'", '"') for case in CASES)
    sys.stdout.write("".join(["FROZEN = {\n", *lines, "}\n"]))
