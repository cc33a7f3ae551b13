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
    ("untaxed", "f64", "full"): ("0x1.2f064f11f176dp-1", "0x1.21e0b2363f5f4p-1", "4f4a0568699f3c40"),
    ("untaxed", "f64", "single precision"): ("0x1.2f064f021ff04p-1", "0x1.21e0b1d7e3383p-1", "2fc4715375a4c71f"),
    ("untaxed", "f64", "likelihoods"): ("0x1.2f064f11f176dp-1", "0x1.21e0b2363f5f4p-1", "574d32e327a9ac18"),
    ("untaxed", "f64", "stakes"): ("0x1.ed9c000761d6dp-2", "0x1.841da796529fbp-2", "67b220f131c2c3cc"),
    ("untaxed", "f64", "sparse"): ("0x1.0000000000000p-1", "0x1.fcde4f0aa85d3p-3", "f6f81ddf0db70e57"),
    ("untaxed", "f64", "batch"): ("0x1.145970b1fde0bp-1", "0x1.a129b69065b65p-2", "273c512ddf292f64"),
    ("untaxed", "f32", "full"): ("0x1.2f064d470820cp-1", "0x1.21e0b1618837fp-1", "c01c93d838b83abc"),
    ("untaxed", "f32", "single precision"): ("0x1.2f064d470820cp-1", "0x1.21e0b1618837fp-1", "2dc2b9aaaab98af2"),
    ("untaxed", "f32", "likelihoods"): ("0x1.2f064d470820cp-1", "0x1.21e0b1618837fp-1", "7bd4d99046a2cc74"),
    ("untaxed", "f32", "stakes"): ("0x1.ed9c003de31bbp-2", "0x1.841da9453a504p-2", "8ed1554231181e34"),
    ("untaxed", "f32", "sparse"): ("0x1.0000000000000p-1", "0x1.fcde4e0000000p-3", "7f7ec7bc7a76d777"),
    ("untaxed", "f32", "batch"): ("0x1.145971b4fd7f7p-1", "0x1.a129b64306b51p-2", "22b3ee290f73f97d"),
    ("anything", "f64", "full"): ("0x1.22cf1cbf92aa2p-1", "0x1.132076c504f27p-1", "d2384c53c747b603"),
    ("anything", "f64", "single precision"): ("0x1.22cf1cb80b880p-1", "0x1.13207670bb953p-1", "857cd4eff68c6573"),
    ("anything", "f64", "likelihoods"): ("0x1.22cf1cbf92aa2p-1", "0x1.132076c504f27p-1", "a5f82a8117efe790"),
    ("anything", "f64", "stakes"): ("0x1.e2968164eccacp-2", "0x1.711b4d7692838p-2", "6fc956bc79acd7a1"),
    ("anything", "f64", "sparse"): ("0x1.0000000000000p-1", "0x1.f2d8dc7af3121p-3", "ecdc1562d5779a11"),
    ("anything", "f64", "batch"): ("0x1.0f869ae6dfd42p-1", "0x1.9ff044a1d6c85p-2", "fa03a4120385dc51"),
    ("anything", "f32", "full"): ("0x1.22cf1f4244a76p-1", "0x1.132074ff3a65bp-1", "34b6548bc1433a36"),
    ("anything", "f32", "single precision"): ("0x1.22cf1d066f711p-1", "0x1.132074ff3a65bp-1", "b07ab5fad25dd551"),
    ("anything", "f32", "likelihoods"): ("0x1.22cf1f4244a76p-1", "0x1.132074ff3a65bp-1", "383bf3e6a6a85637"),
    ("anything", "f32", "stakes"): ("0x1.e296830c601abp-2", "0x1.711b503300d22p-2", "bcfa19914d3c81ea"),
    ("anything", "f32", "sparse"): ("0x1.0000000000000p-1", "0x1.f2d8dbc4ed800p-3", "f43d8b4054dfc16c"),
    ("anything", "f32", "batch"): ("0x1.0f869a792ea16p-1", "0x1.9ff04288aa1cbp-2", "d92fad2767819485"),
    ("within groups", "f64", "full"): ("0x1.243e3ae0f5386p-1", "0x1.2b713bb8f9575p-1", "ffc1d885a584eb52"),
    ("within groups", "f64", "single precision"): ("0x1.243e3acd8ca32p-1", "0x1.2b713b540b3d4p-1", "2c04d2beddee23b5"),
    ("within groups", "f64", "likelihoods"): ("0x1.243e3ae0f5386p-1", "0x1.2b713bb8f9575p-1", "ef7c2dc18882848d"),
    ("within groups", "f64", "stakes"): ("0x1.e27d346839de5p-2", "0x1.81b54844936ffp-2", "3d85f9795c7ea22f"),
    ("within groups", "f64", "sparse"): ("0x1.0000000000000p-1", "0x1.fe2e2903306c9p-3", "c3cb305c41c01e92"),
    ("within groups", "f64", "batch"): ("0x1.0fba587546ad2p-1", "0x1.a4c892e7d9ed0p-2", "a51bc9e825d480de"),
    ("within groups", "f32", "full"): ("0x1.243e39b982d25p-1", "0x1.2b713c0f136dep-1", "e8f73d67c4874c92"),
    ("within groups", "f32", "single precision"): ("0x1.243e39b982d25p-1", "0x1.2b713c0f136dep-1", "78a75aa3f34c477b"),
    ("within groups", "f32", "likelihoods"): ("0x1.243e39b982d25p-1", "0x1.2b713c0f136dep-1", "4a0a6df1cb3f320c"),
    ("within groups", "f32", "stakes"): ("0x1.e27d30f6550a9p-2", "0x1.81b5473082accp-2", "fa04a35582002146"),
    ("within groups", "f32", "sparse"): ("0x1.0000000000000p-1", "0x1.fe2e280000000p-3", "7bbbf5294e91c455"),
    ("within groups", "f32", "batch"): ("0x1.0fba57a76f0b6p-1", "0x1.a4c8927e541cdp-2", "1db2dbf042b0a21f"),
    ("csr", "f64", "full"): ("0x1.1bf26e8e35187p-1", "0x1.22084241a6ba6p-1", "82b4284ea4efba9f"),
    ("csr", "f64", "single precision"): ("0x1.1bf26e844e2ecp-1", "0x1.220841ee4d419p-1", "55a6139b198fa43e"),
    ("csr", "f64", "likelihoods"): ("0x1.1bf26e8e35187p-1", "0x1.22084241a6ba6p-1", "40e244b797109980"),
    ("csr", "f64", "stakes"): ("0x1.de1fa4fdd603ap-2", "0x1.7fa5b1fe43da5p-2", "800ed7d50e3a362e"),
    ("csr", "f64", "sparse"): ("0x1.0000000000000p-1", "0x1.fef03fc4830b2p-3", "f58408a13dcf2176"),
    ("csr", "f64", "batch"): ("0x1.0e5022097c130p-1", "0x1.b10491b1c8895p-2", "d965c909960802c0"),
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
