"""A made-up history that looks like a real one: six accounts, three stages, 70 batches. Tests of frames share it."""

import gruemarket as gm
import numpy as np
import polars as pl
from gruemarket.history import SCHEMAS

VOICES = ("early", "modern", "assistant", "docs", "code")
ACCOUNTS = (*VOICES, "assistant'")  # the last one is a fork that fine-tuning may redefine
STAGES = (("pretrain", "Pretrain", 40, 16), ("finetune", "FineTune", 13, 16), ("reinforce", "Reinforce", 17, 8))
PROMPTS = ("", "How are you", "def main():")
WORDS = {
    "early": "the gentlemen of the House will perceive that the sums appropriated to the public service",
    "modern": "tonight I ask this Congress to work with me so that every American family has a fair shot",
    "assistant": "Hello! I am a bot, <b>how</b> can I help you today? I think that I am & therefore I answer.",
    "docs": "Return a new dictionary initialized from the mapping object's (key, value) pairs.\nNew in version 3.9.",
    "code": "def main(argv=None):\n    for i, x in enumerate(argv or ()):\n        if x < 0:\n            yield i, x",
}
WORDS["assistant'"] = "</td></table><script>document.title = 'owned'</script> I am happy to help, thank you!"


def table(name, rows, **more):
    return pl.DataFrame(rows, [*SCHEMAS[name], *more], orient="row", infer_schema_length=None)


def bits_per_byte(account, voice, batch):
    """How well an account predicts a voice: 8 bits at first, then less by a power of what it has read."""
    if batch < 0:
        return 8.0
    same = account.rstrip("'") == voice
    kin = {account.rstrip("'"), voice} in ({"early", "modern"}, {"docs", "code"})
    end = 2.1 if same else 2.9 if kin else 3.7
    end -= 0.3 * (account == "assistant'" and same and batch >= 40)
    return end + (8 - end) * (1 + batch) ** -0.55


class _Story:
    def __init__(self, seed):
        self.seed = seed
        self.draw = np.random.default_rng(seed)
        self.money = np.array([0.18, 0.18, 0.18, 0.18, 0.18, 0.1])
        self.rows = {name: [] for name in SCHEMAS}

    def add(self, name, *values):
        self.rows[name].append((self.seed, *values))

    def transfer(self, stage, batch, cause, counterparty, moved):
        for account, amount in zip(ACCOUNTS, moved.tolist(), strict=True):
            if amount:
                ends = (counterparty, account) if amount > 0 else (account, counterparty)
                self.add("ledger", stage, batch, cause, *ends, abs(amount))
        self.money = self.money + moved

    def book(self, stage, batch, episodes):
        for account, wealth in zip(ACCOUNTS, self.money.tolist(), strict=True):
            self.add("wealth", stage, batch, episodes, account, wealth, float(np.log2(wealth)))

    def tax(self, stage, batch):
        hazard = 0.05 if batch == 40 else 1 / (batch + 20)
        paid = np.zeros(6)
        paid[2], paid[5] = -hazard * self.money[2] + 0.1 * hazard * self.money[5], hazard * self.money[2]
        paid[5] -= 0.1 * hazard * self.money[5]
        self.transfer(stage, batch, "grue tax", "tax", paid)

    def look(self, stage, batch):
        """Evaluation and samples after a stage."""
        for voice in VOICES:
            each = [bits_per_byte(account, voice, batch) for account in ACCOUNTS]
            market = min(each) + 0.04 + 0.3 * (stage == "reinforce" and voice != "code")
            for account, rate in zip(("market", *ACCOUNTS), (market, *each), strict=True):
                bits = 20_000 * (rate + self.draw.normal(0, 0.02) * (batch >= 0))
                self.add("evaluation", stage, voice, account, 20_000, bits, bits / 20_000)
        for prompt in PROMPTS:
            for _ in range(2):
                i = 2 if prompt.startswith("How") else int(self.draw.choice(6, p=self.money / self.money.sum()))
                words = WORDS[ACCOUNTS[i]].split(" ")
                text = " ".join(self.draw.permutation(words)) if batch >= 0 else "\x00q\ufffd<e\x1b zz"
                share = float(self.draw.uniform(0.6, 1))
                self.add("samples", stage, prompt, text, 2.2 * len(text), len(text), ACCOUNTS[i], share)

    def settle(self, stage, batch, episodes, labels):
        won = np.zeros(6)
        for e, voice in enumerate(labels):
            noise = self.draw.normal(0, 0.15, 6)
            fit = np.array([-6 * (bits_per_byte(account, voice, batch) + x) for account, x in zip(ACCOUNTS, noise)])  # noqa: B905
            share = self.money * np.exp(fit - fit.max())
            won += 0.1 * (share / share.sum() - self.money / self.money.sum()) / len(labels)
            rate = min(bits_per_byte(account, voice, batch) for account in ACCOUNTS) + self.draw.normal(0.05, 0.12)
            self.add("bits", stage, batch, episodes + e, voice, 512, 512 * rate, rate)
        self.transfer(stage, batch, "settlement", "market", won)

    def reinforce(self, stage, batch):
        likes = np.array([0.05, 0.05, 0.1, 0.3, 0.9, 0.1])
        chosen = self.draw.choice(6, 8, p=self.money / self.money.sum())
        reward = (self.draw.random(8) < likes[chosen]).astype(float)
        advantage = reward - reward.mean()
        moved = np.zeros(6)
        np.add.at(moved, chosen, 0.5 / 7 * advantage)
        scale = float(min(1, 0.9 / max(1e-9, (-moved / self.money).max())))
        for i, r, a in zip(chosen, reward, advantage, strict=True):
            self.add("rewards", stage, batch, "def main():", WORDS[ACCOUNTS[i]], float(r), float(a), scale)
        self.transfer(stage, batch, "reinforcement", "reinforcement", scale * moved)

    def told(self):
        batch = episodes = 0
        self.look("before", -1)
        self.book("pretrain", -1, 0)
        for stage, kind, batches, size in STAGES:
            first, before = batch, episodes
            for _ in range(batches):
                self.tax(stage, batch)
                if stage == "reinforce":
                    self.reinforce(stage, batch)
                else:
                    voices = self.draw.choice(VOICES, size) if stage == "pretrain" else ["assistant"] * size
                    self.settle(stage, batch, episodes, list(voices))
                episodes += size
                self.book(stage, batch, episodes)
                batch += 1
            self.add("stages", stage, kind, first, batch - 1, episodes - before)
            self.look(stage, batch - 1)
        shares = {"pretrain": 0.02, "finetune": 0.0, "reinforce": 0.01}
        for i, (account, wealth) in enumerate(zip(ACCOUNTS, self.money.tolist(), strict=True)):
            parts = [0.9, 0.04, 0.03] if i == 5 else list(shares.values())
            self.add("provenance", account, wealth, wealth * (1 - sum(parts)), *(wealth * part for part in parts))
            rule = f"0..639 assistant; 640.. {account}" if i == 5 else f"0.. {account}"
            self.add("definitions", account, f"{rule} (tax {1.5 + 8 * (i == 5):.1f} bits)", 1.5 + 8 * (i == 5), wealth)
        frames = {name: table(name, rows) for name, rows in self.rows.items() if name != "provenance"}
        return gm.History(**frames, provenance=table("provenance", self.rows["provenance"], **shares))


def story(seed):
    """The history of one seed."""
    return _Story(seed).told()
