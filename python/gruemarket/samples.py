"""What an inductor drew, and what it would read."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gruemarket.run import Floats


@dataclass(frozen=True)
class Sample:
    """What an inductor drew from its own price.

    Attributes:
        outcomes: (T,) what was drawn, without the prompt.
        bits: its code length under the prices it was drawn from.
        responsibility: (L + 1, N) the accounts' fast wealth after the prompt and after each byte (outcome, where the
            outcomes are not bits).
        data: the outcomes as bytes; empty where they are neither bits nor bytes.
    """

    outcomes: npt.NDArray[np.uint32]
    bits: float
    responsibility: Floats
    data: bytes

    @property
    def text(self) -> str:
        """The bytes as text; what is not UTF-8 is replaced."""
        return self.data.decode(errors="replace")


@dataclass(frozen=True)
class Rehearsal:
    """An episode as an inductor would read it.

    Attributes:
        loss_bits: (T,) -log2 of the price of what happened.
        account_bits: (N,) the code length of the whole episode under each account alone.
        wealth: (M + 1, N) the accounts' fast wealth at each mark, and at the end.
    """

    loss_bits: Floats
    account_bits: Floats
    wealth: Floats

    @property
    def bits(self) -> float:
        """The code length of the episode."""
        return float(self.loss_bits.sum())
