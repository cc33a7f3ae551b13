"""The Grue tax: hazards, kernels as dense matrices, and what one levy does.

Sources: Herbster and Warmuth 1998 (Fixed Share); van Erven, Grünwald, de Rooij 2007 (switch distribution, arXiv
0807.1005); Elias 1975 (universal codes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket.errors import InputError
from gruemarket.reference.logs import NOTHING, SUM_TOLERANCE, log2, total
from gruemarket.run import Floats


def elias_length(kind: str, number: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bits of the Elias code words of whole numbers from 1 on (Elias 1975)."""
    power: npt.NDArray[np.int64] = np.frexp(number)[1].astype(np.int64) - 1  # floor(log2)
    if kind == "elias-gamma":
        return 2 * power + 1
    if kind == "elias-delta":
        return power + elias_length("elias-gamma", power + 1)
    if np.all(number == 1):
        return np.ones_like(power)
    # Omega: before each number stands how many bits it has, less one.
    return np.where(number == 1, 1, power + 1 + elias_length(kind, np.maximum(power, 1)))


def hazards(schedule: Any, n: int) -> Floats:
    """The hazards h_0 .. h_(n-1) of a schedule: the share of money whose definition changes, if the kernel lets it.

    A code word of length(K) bits for the time K of the change is a prior pi(K) = 2^-length(K), and
    h_t = pi(t) / sum_{s >= t} pi(s) (van Erven et al. 2007). Elias codes sum to 1, and their partial sums
    are dyadic numbers: 1 - sum_{s < t} pi(s) is exact below t = 2^26. No tax is ever levied at 0.
    """
    times = np.arange(1, n + 1)
    values: Floats = np.asarray(schedule.values, dtype=float)
    if schedule.kind == "constant":  # Fixed Share (Herbster and Warmuth 1998)
        return np.full(n, values[0])
    if schedule.kind == "inverse":  # the prior 1 / (K (K + 1))
        return np.asarray(1 / times)
    if schedule.kind == "hazard":
        if n > len(values):
            msg = f"the schedule has {len(values)} hazards, but index {n - 1} is due; allowed: indices below its length"
            raise InputError(msg)
        return np.exp2(-values[:n])
    if schedule.kind == "code":  # what Kraft's sum leaves is the mass of "never"
        code = np.exp2(-values)
        rest = np.cumsum(code[::-1])[::-1] + max(0.0, 1 - code.sum())
    else:
        code = np.exp2(-elias_length(schedule.kind, times).astype(float))
        rest = 1 - np.cumsum(code) + code
    hazard = np.divide(code, rest, out=np.zeros_like(code), where=rest > 0)
    return np.concatenate([[0.0], hazard, np.zeros(n)])[:n]


def kernel_matrix(kernel: Any, log2_prior: Floats, group: npt.NDArray[np.intp]) -> Floats:
    """Log2 rho(k|i), row i = what trader i may become. To become oneself is no change, so it is left out."""
    n = len(log2_prior)
    if isinstance(kernel, str):
        if kernel not in ("anything", "within groups"):
            raise InputError(f"kernel {kernel!r}; allowed: 'anything', 'within groups' or a CSR matrix")
        log2_rho = np.tile(log2_prior, (n, 1))
        if kernel == "within groups":
            log2_rho[group[:, None] != group] = NOTHING
            log2_rho -= np.maximum(total(log2_rho), np.finfo(float).min)[:, None]  # a group may be worth nothing
    else:
        indptr, targets, shares = kernel
        rho = np.zeros((n, n))
        np.add.at(rho, (np.repeat(np.arange(n), np.diff(indptr)), targets), shares)
        sums = rho.sum(axis=1)
        if sums.max() > 1 + SUM_TOLERANCE:
            raise InputError(f"kernel row {sums.argmax()} sums to {sums.max()}; allowed: at most 1")
        log2_rho = log2(rho)
    log2_rho[np.diag_indices(n)] = NOTHING
    return log2_rho


def redefinition(hazard: float, log2_rho: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each trader's money: the share that leaves, log2 of the share that stays, log2 of h rho(k|i)."""
    leaves = hazard * np.exp2(total(log2_rho))
    return leaves, log2(np.maximum(1 - leaves, 0)), np.log2(hazard) + log2_rho
