"""Reinforcement: rollouts from the market's own price, paid by their rewards."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np

from gruemarket import rewards
from gruemarket.errors import InputError
from gruemarket.inductor import Inductor
from gruemarket.market import Market
from gruemarket.run import Floats
from gruemarket.stages import Records, Redefinition, Row, at_least, plain_text, stream, whole

TINY = 1e-4  # beside the standard deviation of a group whose rewards are nearly equal
BYTES = 256


@dataclass(frozen=True)
class Group:
    """Continuations of one prompt, and what each account had to do with them.

    Attributes:
        data: (G,) the continuations.
        log2_price: (G,) log2 of their probability under the book they were drawn from.
        parts: (G, N) the accounts' fast wealth at their ends.
        weight: (G,) their probabilities, where all continuations are here; None for a sample.
    """

    data: list[bytes]
    log2_price: Floats
    parts: Floats
    weight: Floats | None


@dataclass(frozen=True)
class Reinforce:
    """Pays the traders behind good rollouts out of the money of those behind bad ones.

    At each step a group of continuations of one prompt is drawn from the price, inference in context included. Rewards
    `r_g` give advantages `A_g = r_g - mean r`, over their standard deviation if `scale_rewards` (GRPO: Shao et al.
    2024, arXiv 2402.03300); then `w_i += step / (G - 1) sum_g A_g f_gi`, with `f_gi` account i's fast wealth at the
    rollout's end (see `Market.reinforce`). In expectation this is the replicator: the policy gradient on wealth.

    A step that fails, in the reward or anywhere else, has not begun: no tax is levied and no money moves.

    Args:
        prompts: texts, taken in turn.
        reward: texts (the continuations) to numbers; see `gruemarket.rewards`.
        group: rollouts a step.
        steps: how many steps.
        step: the size of a step.
        beta: weight of a penalty on leaving the book the stage began with: the reward loses beta times the natural log
            of the rollout's probability now over that at the beginning.
        mode: "sampled"; or "replicator" for the expectation: estimated from `rollouts` rollouts, or, without these and
            where `max_bytes` is 1, the sum over all 256 continuations. The replicator does not scale its advantages.
            What it expects of the reward is recorded as one row a step, without a text, if it is exact.
        rollouts: of the replicator's estimate.
        permute_rewards: a control arm: rewards are dealt to the rollouts of their group at random.
        equal_rewards: a control arm: every rollout gets the reward 1, so no money moves.
        scale_rewards: whether advantages are over the group's standard deviation (n - 1) plus 1e-4.
        clip: where there are several updates, a rollout whose probability ratio (this book over the one it was drawn
            from) has left 1 -+ clip on the side of its advantage counts no more; advantages are then centred again.
        updates: how often a group is used; from the second time on advantages are times the probability ratio.
        max_bytes: length of a continuation at most.
        temperature: of the draws.
        stop: what ends a continuation.
        redefine: as in `FineTune`; forks learn from rollouts with a positive advantage, their prompt included.
        tax_bits: as in `FineTune`.
        name: of the stage.

    Raises:
        InputError: no prompts, a group of one, an unknown mode, negative numbers; while it runs, a reward that raises,
            is not finite, or is not one number for each text.

    >>> import gruemarket as gm
    >>> inductor = gm.Inductor({"a": gm.Text(memory_mib=1), "b": gm.Text(memory_mib=1)})
    >>> _ = inductor.read([b"aaa " * 9, b"bcb " * 9], labels=["a", "b"], batch=2)
    >>> stage = gm.Reinforce([""], gm.rewards.contains(["b", "c"]), steps=20, step=0.2, max_bytes=8)
    >>> history = gm.Curriculum([stage]).run(inductor, progress=False)
    >>> inductor.market.wealth.round(1).tolist()
    [0.0, 1.0]
    """

    prompts: Sequence[str | bytes]
    reward: Callable[[Sequence[str]], Any]
    _: KW_ONLY
    group: int = 8
    steps: int = 50
    step: float = 0.5
    beta: float = 0.0
    mode: Literal["sampled", "replicator"] = "sampled"
    rollouts: int | None = None
    permute_rewards: bool = False
    equal_rewards: bool = False
    scale_rewards: bool = True
    clip: float | None = None
    updates: int = 1
    max_bytes: int = 200
    temperature: float = 1.0
    stop: str | bytes | Sequence[str | bytes] | None = None
    redefine: bool | str | Sequence[str] = False
    tax_bits: float | None = None
    name: str = "reinforce"

    def __post_init__(self) -> None:
        prompts: Sequence[Any] = self.prompts
        if isinstance(prompts, str | bytes) or not (len(prompts) and all(isinstance(p, str | bytes) for p in prompts)):
            raise InputError(f"stage {self.name}: prompts {prompts!r}; give a list of one text or more")
        if not callable(self.reward):
            raise InputError(f"stage {self.name}: reward {self.reward!r} cannot be called; see gm.rewards.named")
        stops: Any = [] if self.stop is None else [self.stop] if isinstance(self.stop, str | bytes) else self.stop
        if not (isinstance(stops, Sequence) and all(isinstance(one, str | bytes) for one in stops)):
            raise InputError(f"stage {self.name}: stop {self.stop!r}; give a text or a list of texts")
        whole(2, group=self.group, **({} if self.rollouts is None else {"rollouts": self.rollouts}))
        whole(1, steps=self.steps, updates=self.updates, max_bytes=self.max_bytes)
        at_least(0, step=self.step, beta=self.beta, temperature=self.temperature, clip=self.clip or 0.0)
        if self.mode not in ("sampled", "replicator"):
            raise InputError(f"mode {self.mode!r}; 'sampled' or 'replicator'")
        if self._exact and self.max_bytes > 1:
            raise InputError(
                f"the exact replicator goes over all {BYTES} continuations of 1 byte; for {self.max_bytes} bytes say "
                "from how many rollouts= it is estimated"
            )
        if self._redefinition.who and self._exact:
            raise InputError("the exact replicator draws no rollouts that a fork could learn from; say rollouts=")

    @property
    def _exact(self) -> bool:
        return self.mode == "replicator" and self.rollouts is None

    @property
    def _redefinition(self) -> Redefinition:
        return Redefinition.of(self.redefine, self.tax_bits)

    def length(self, key: Sequence[int]) -> int:  # noqa: ARG002  # every stage is asked alike
        """How many steps there are."""
        return self.steps

    def begin(self, inductor: Inductor) -> None:
        """Everybody is frozen but the forks."""
        self._redefinition.begin(inductor, self.name)

    def play(self, inductor: Inductor, index: int, key: Sequence[int], records: Records) -> None:
        """One step: rollouts of one prompt, rewards, transfers."""
        prompt = self.prompts[index % len(self.prompts)]
        prompt = prompt.encode() if isinstance(prompt, str) else prompt
        size = self.rollouts if self.mode == "replicator" and self.rollouts is not None else self.group
        market = copy.copy(inductor.market)  # the step's, until all of it is done
        # the batch begins, with the tax that is due; its rollouts are drawn from the book as it then stands
        market.run_batch([np.empty((0, len(market)))] * size, stage=self.name, regret=False)
        reference = market.wealth if index == 0 else inductor.reference
        group = self._draw(inductor, market, prompt, size, stream(*key, index))
        texts = [data.decode(errors="replace") for data in group.data]
        reward = self._rewards(texts, index, np.random.default_rng(stream(*key, index, 1)))
        advantages = self._advantages(reward - self._penalty(inductor, market, reference, prompt, group), group.weight)
        scale = self._transfer(inductor, market, prompt, group, advantages)
        inductor.learn([prompt + data for data, a in zip(group.data, advantages, strict=True) if a > 0])
        inductor.market, inductor.reference = market, reference
        step: Row = {"stage": self.name, "batch": market.batches - 1, "prompt": prompt.decode(errors="replace")}
        rows: list[tuple[str | None, float, float]] = list(
            zip(texts, reward.tolist(), advantages.tolist(), strict=True)
        )
        if group.weight is not None:
            rows = [(None, float(group.weight @ reward), 0.0)]
        records.rewards.extend({**step, "text": t, "reward": r, "advantage": a, "scale": scale} for t, r, a in rows)

    def _penalty(
        self, inductor: Inductor, market: Market, reference: Floats, prompt: bytes, group: Group
    ) -> Floats | float:
        """(G,) beta times ln of the rollouts' probabilities now over those under the book of the stage's beginning."""
        if not self.beta:
            return 0.0
        before, _ = self._under(inductor, market.with_wealth(reference), prompt, group.data)
        return np.asarray(self.beta * np.log(2) * (group.log2_price - before))

    def _draw(self, inductor: Inductor, market: Market, prompt: bytes, size: int, seed: int) -> Group:
        if self._exact:
            data = [bytes([byte]) for byte in range(BYTES)]
            log2_price, parts = self._under(inductor, market, prompt, data)
            weight = np.exp2(log2_price)
            return Group(data, log2_price, parts, weight / weight.sum())
        samples = inductor.generate(
            prompt,
            self.max_bytes,
            temperature=self.temperature,
            stop=self.stop,
            n=size,
            seed=seed,
            market=market,
            new_episode=False,
        )
        parts = np.array([sample.responsibility[-1] for sample in samples])
        return Group([s.data for s in samples], np.array([-s.bits for s in samples]), parts, None)

    def _under(self, inductor: Inductor, market: Market, prompt: bytes, data: list[bytes]) -> tuple[Floats, Floats]:
        """(G,) log2 of the continuations' probabilities under a book, and (G, N) the final fast wealth."""
        seen = inductor.rehearse([prompt + one for one in data], market=market, new_episode=False)
        start = len(prompt) * inductor.symbol
        log2_price = np.array([-rehearsal.loss_bits[start:].sum() for rehearsal in seen])
        return log2_price, np.array([rehearsal.wealth[-1] for rehearsal in seen])

    def _rewards(self, texts: list[str], index: int, rng: np.random.Generator) -> Floats:
        if self.equal_rewards:
            return np.ones(len(texts))
        reward = rewards.score(self.reward, texts, where=f"step {index} of stage {self.name}")
        return rng.permutation(reward) if self.permute_rewards else reward

    def _advantages(self, reward: Floats, weight: Floats | None) -> Floats:
        """(G,) rewards less their mean; of all continuations, weighed so that the step is the expectation."""
        if not np.ptp(reward):
            return np.zeros(len(reward))  # and not what rounding makes of a mean
        if weight is not None:
            centred = weight * (reward - weight @ reward) * (len(reward) - 1)
            return np.asarray(centred - centred.mean())
        centred = reward - reward.mean()
        if self.scale_rewards and self.mode == "sampled":
            centred = centred / (reward.std(ddof=1) + TINY)
        return np.asarray(centred - centred.mean())

    def _transfer(self, inductor: Inductor, market: Market, prompt: bytes, group: Group, advantages: Floats) -> float:
        """Pays; returns the least factor by which a step was scaled."""
        parts, counted, scale = group.parts, advantages, 1.0
        for update in range(self.updates):
            if update:
                log2_price, parts = self._under(inductor, market, prompt, group.data)
                counted = self._clipped(advantages, np.exp2(log2_price - group.log2_price))
            money = market.wealth.sum()
            shares = parts * (money / parts.sum(axis=1))[:, None]
            scale = min(scale, market.reinforce(shares, counted, step=self.step).scale)
            if abs(market.wealth.sum() - money) > 1e-12:  # the books' promise
                raise AssertionError(f"reinforcement made {market.wealth.sum() - money} of money")
        return scale

    def _clipped(self, advantages: Floats, ratio: Floats) -> Floats:
        """The surrogate's weights: ratio x advantage, 0 for whoever has left the trust region, then centred again."""
        if self.clip is not None:
            left = np.where(advantages > 0, ratio > 1 + self.clip, ratio < 1 - self.clip)
            ratio = np.where(left, 0.0, ratio)
        weighed = advantages * ratio
        return np.asarray(weighed - weighed.mean())

    def config(self) -> dict[str, Any]:
        """Everything that determines what the stage does, in plain values."""
        stops = [self.stop] if isinstance(self.stop, str | bytes) else self.stop or []
        shown: dict[str, Any] = {
            "prompts": [plain_text(p) for p in self.prompts],
            "stop": [plain_text(s) for s in stops],
        }
        shown |= {"reward": rewards.name_of(self.reward)}
        return {"kind": type(self).__name__, **self.__dict__, **shown, **self._redefinition.config()}
