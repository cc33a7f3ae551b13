"""Experiments after a pretraining: what fine-tuning and reinforcement do to it, each with its null beside it."""

import copy
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from gruemarket import files, rewards
from gruemarket.analysis import bits_to_win_back, mode_collapse, voice_accuracy
from gruemarket.corpora import Corpus
from gruemarket.curriculum import Curriculum
from gruemarket.diversity import entropy_bits
from gruemarket.errors import CheckpointError, InputError
from gruemarket.history import History
from gruemarket.inductor import Inductor
from gruemarket.reinforce import Reinforce
from gruemarket.stages import FineTune, Pretrain

HALF = 0.5
NOTHING = 1e-9  # bits an example; rounding is less
INDEX = "findings.json"


class Finding(NamedTuple):
    """A table, what it is, and its results in short.

    Attributes:
        title: of the table.
        caption: how it was measured.
        table: the numbers.
        headlines: what was asked, the result, and what stands beside it: chance, a null or a prediction.
    """

    title: str
    caption: str
    table: pl.DataFrame
    headlines: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Experiments:
    """What is asked of a pretrained inductor.

    Args:
        pretrain: the stage that made it.
        tuning: documents of one voice that pretraining did not show; fine-tuning shows examples of them.
        held_out: documents that nothing shows.
        build: makes a fresh inductor for some voices, by their names: one that is pretrained without the voice tuned.
        after_bytes: how much of a held-out document is read before it is given to a voice, or continued.
        examples: how many episodes fine-tuning shows, one at a time.
        example_bytes: their length.
        tax_bits: what a redefinition costs; None takes it from the market's tax, as `FineTune` does.
        prompts: of reinforcement.
        reward: of reinforcement; see `gruemarket.rewards`.
        steps: of reinforcement.
        group: rollouts a step.
        max_bytes: of a rollout, and of a continuation of a held-out document.
        rollouts: a step, from which the replicator is estimated.

    Raises:
        InputError: tuning documents of several voices, or of none.
    """

    pretrain: Pretrain
    tuning: Corpus
    held_out: Corpus
    build: Callable[[Sequence[str]], Inductor]
    _: KW_ONLY
    after_bytes: int = 100
    examples: int = 100
    example_bytes: int = 64
    tax_bits: float | None = None
    prompts: Sequence[str] = ("",)
    reward: Callable[[Sequence[str]], Any] = rewards.parses_as_python
    steps: int = 20
    group: int = 8
    max_bytes: int = 60
    rollouts: int = 64

    def __post_init__(self) -> None:
        if len(self.tuning.voices) != 1:
            raise InputError(f"experiments tune with one voice; the documents are of {self.tuning.voices}")

    @property
    def voice(self) -> str:
        """The voice of the fine-tuning."""
        return self.tuning.voices[0]

    def run(
        self, pretrained: Inductor, out: str | os.PathLike[str], *, seed: int = 0, progress: bool = True
    ) -> list[Finding]:
        """Asks everything; keeps the findings in `out`, where a later call of the same experiments finds them.

        Args:
            pretrained: the inductor as `pretrain` left it. No money in it moves; its families are frozen, and stay so.
            out: a folder; findings in it of other experiments after the same pretraining are replaced.
            seed: of everything that is drawn.
            progress: of the second pretraining, which a later call continues.

        Raises:
            InputError: the folder holds experiments after another pretraining, or of another seed.
            OSError: the folder cannot be written.
        """
        place = Path(out)
        place.mkdir(parents=True, exist_ok=True)
        pretrained = pretrained.beside(pretrained.market)  # frozen before its config is taken: it says so
        config = self.config(pretrained, seed)
        if (kept := load(place, config)) is not None:
            return kept
        findings = [
            self.who_wrote_it(pretrained),
            self.half_the_money(pretrained, seed),
            self.selection_or_redefinition(pretrained, place / "never-saw", seed, progress=progress),
            *self.arms(pretrained, seed),
        ]
        told = []
        (place / INDEX).unlink(missing_ok=True)  # no caption shall outlive its table
        for i, finding in enumerate(findings):
            files.write_table(place / f"{i}.parquet", finding.table)
            told.append({"title": finding.title, "caption": finding.caption, "headlines": finding.headlines})
        files.write(place / INDEX, json.dumps({"config": config, "findings": told}, indent=1).encode())
        return findings

    def config(self, pretrained: Inductor, seed: int) -> dict[str, Any]:
        """Everything that determines the findings, in plain values."""
        shown = {name: value for name, value in self.__dict__.items() if isinstance(value, int | float | None)}
        parts = {"pretrain": self.pretrain.config(), "tuning": self.tuning.digest, "held_out": self.held_out.digest}
        wealth = pretrained.market.log2_wealth.tolist()
        asked = {"prompts": list(self.prompts), "reward": rewards.name_of(self.reward), "seed": seed}
        return {**shown, **parts, **asked, "inductor": pretrained.config(), "log2_wealth": wealth}

    # --- Reading

    def who_wrote_it(self, pretrained: Inductor) -> Finding:
        """Which voice each held-out document is given to."""
        table = voice_accuracy(pretrained, self.held_out, after_bytes=self.after_bytes)
        caption = (
            f"The voice with the most fast wealth after {self.after_bytes} bytes of each held-out document, beside the "
            "accuracy of a guess (chance) and of always naming the commonest voice. Intervals are Wilson's, 95 %."
        )
        rows = {row["voice"]: row for row in table.iter_rows(named=True)}
        found, mean = rows["all"], float(table.filter(pl.col("voice") != "all")["accuracy"].mean() or 0)  # type: ignore[arg-type]
        headlines = [
            (
                f"held-out documents given to their voice after {self.after_bytes} bytes",
                f"{found['accuracy']:.0%} ({found['low']:.0%} to {found['high']:.0%}); mean of the voices {mean:.0%}",
                f"chance {found['chance']:.0%}, the commonest voice {found['most_common']:.0%}",
            )
        ]
        return Finding("Who wrote it", caption, table, headlines)

    # --- Fine-tuning

    def _tune(self, inductor: Inductor, seed: int, *, redefine: bool = False, learn: bool = True) -> History:
        stage = FineTune(
            self.tuning,
            examples=self.examples,
            episode_bytes=self.example_bytes,
            redefine=redefine,
            tax_bits=self.tax_bits,
        )
        stage = stage if learn else _Unlearning(**stage.__dict__)
        return Curriculum([stage], seed=seed, sample_bytes=0).run(inductor, progress=False)

    def half_the_money(self, pretrained: Inductor, seed: int) -> Finding:
        """How many examples move half the money to the voice that they are in."""
        books = {
            "pretrained": pretrained.market,
            "virgin": pretrained.market.with_wealth(np.exp2(-pretrained.market.bits)),
        }
        rows = []
        for book, market in books.items():
            inductor = pretrained.beside(copy.copy(market))
            start = bits_to_win_back(inductor).filter(account=self.voice)["bits"].item()
            money = _money_of(self._tune(inductor, seed).wealth, pl.col("account") == self.voice)
            first = _first(money >= HALF)
            share = {"wealth_before": float(money[0]), "bits_to_half": start}
            rows.append({"book": book, **share, "examples_to_half": first, "wealth_after": float(money[-1])})
        caption = (
            f"Examples of {self.example_bytes} bytes in the voice of {self.voice}, unseen before, one at a time, until "
            f"its account holds half of the money ({self.examples} were shown); the families are the same, their cash "
            "is the pretrained book's or the prior's."
        )
        schema = {"book": pl.String, "wealth_before": pl.Float64, "bits_to_half": pl.Float64}
        schema |= {"examples_to_half": pl.Int64, "wealth_after": pl.Float64}
        headlines = [
            (
                f"examples of {self.example_bytes} bytes that move half the money to {self.voice}",
                f"pretrained book {_count(rows[0]['examples_to_half'], self.examples)}",
                f"virgin book {_count(rows[1]['examples_to_half'], self.examples)}",
            )
        ]
        return Finding("Half the money", caption, pl.DataFrame(rows, schema), headlines)

    def selection_or_redefinition(self, pretrained: Inductor, out: Path, seed: int, *, progress: bool) -> Finding:
        """The same fine-tuning after two pretrainings: does money go to an old voice, or to a redefined one?"""
        others = [name for name in self.pretrain.corpus.voices if name != self.voice]
        never = self.build(others)
        stage = replace(self.pretrain, corpus=self.pretrain.corpus.filter(others))
        Curriculum([stage], seed=seed, sample_bytes=0).run(never, out=out, progress=progress, report=False)
        cases = {"knew the voice": pretrained, "never saw it": never}
        rows = []
        for case, trained in cases.items():
            for learn in (True, False):
                inductor = trained.beside(copy.copy(trained.market))
                history = self._tune(inductor, seed, redefine=True, learn=learn)
                rows.append(
                    {"pretraining": case, "forks": "learn" if learn else "frozen (null)", **_who_won(history, inductor)}
                )
        caption = (
            f"Fine-tuning on {self.examples} examples of {self.example_bytes} bytes of {self.voice}, with a redefined "
            "fork of every voice beside the frozen original. Selection is money at the end with the originals, "
            "redefinition with the forks. The best fork begins behind the best original by the tax and by what its "
            "source had less; the predicted crossover is these bits over the log-wealth that it gains on the original "
            "in an example, the mean until its lead is greatest."
        )
        headlines = []
        for learned, null in (rows[:2], rows[2:]):
            case = learned["pretraining"]
            shares = f"originals {learned['selection']:.1%}, forks {learned['redefinition']:.1%}"
            beside = f"forks that learn nothing hold {null['redefinition']:.1%}"
            headlines.append((f"fine-tuning, pretraining {case}: who won", f"{learned['won']}: {shares}", beside))
            predicted = learned["crossover_predicted"]
            shown = "never" if predicted is None else f"{predicted:.1f}"
            measured = _count(learned["crossover_measured"], self.examples)
            headlines.append(
                (f"pretraining {case}: examples until a fork overtakes", measured, f"the tax predicts {shown}")
            )
        return Finding("Selection or redefinition", caption, pl.DataFrame(rows, infer_schema_length=None), headlines)

    # --- Reinforcement

    def arms(self, pretrained: Inductor, seed: int) -> list[Finding]:
        """Reinforcement with sampled groups, the replicator, permuted and equal rewards, from the same book."""
        base = Reinforce(
            self.prompts, self.reward, group=self.group, steps=self.steps, max_bytes=self.max_bytes, scale_rewards=False
        )
        arms = {
            "sampled groups": base,
            "replicator": replace(base, mode="replicator", rollouts=self.rollouts),
            "permuted rewards (null)": replace(base, permute_rewards=True),
            "equal rewards (null)": replace(base, equal_rewards=True),
        }
        before = entropy_bits(pretrained.market.wealth)
        rows, trained = [], {}
        for arm, stage in arms.items():
            trained[arm] = pretrained.beside(copy.copy(pretrained.market))
            history = Curriculum([stage], seed=seed, sample_bytes=0).run(trained[arm], progress=False)
            wealth = trained[arm].market.wealth
            richest = int(wealth.argmax())
            found = history.rewards["reward"].to_numpy()
            rows.append(
                {
                    "arm": arm,
                    "entropy_before_bits": before,
                    "entropy_after_bits": entropy_bits(wealth),
                    "richest": trained[arm].names[richest],
                    "wealth": float(wealth[richest]),
                    "reward_first": _mean(found[: len(found) // 2]),
                    "reward_last": _mean(found[len(found) // 2 :]),
                }
            )
        caption = (
            f"The entropy of the book before and after {self.steps} steps of reinforcement from the pretrained book, "
            f"with the mean reward of the first and the last half. The replicator is estimated from {self.rollouts} "
            "rollouts a step. With equal rewards only the tax moves money."
        )
        after = {row["arm"]: f"{row['entropy_after_bits']:.2f}" for row in rows}
        permuted, equal = after["permuted rewards (null)"], after["equal rewards (null)"]
        headlines = [
            (
                "entropy of the book after reinforcement, bits",
                f"sampled groups {after['sampled groups']}, replicator {after['replicator']}",
                f"permuted {permuted}, equal {equal}, before {before:.2f}",
            )
        ]
        table = pl.DataFrame(rows, infer_schema_length=None)
        return [
            Finding("The book after reinforcement", caption, table, headlines),
            self._recovered(pretrained, trained["sampled groups"], trained["permuted rewards (null)"], seed),
        ]

    def _recovered(self, before: Inductor, after: Inductor, null: Inductor, seed: int) -> Finding:
        prompts: Mapping[str, list[bytes]] = {
            voice: [text[: self.after_bytes] for text in self.held_out.filter(voice).documents["text"][:4]]
            for voice in self.held_out.voices
        }
        keys = ["voice", "wealth", "recovered", "kept"]
        tables = []
        for name, inductor in (("before", before), ("after", after), ("null", null)):
            found = mode_collapse(inductor, prompts, n=2, max_bytes=self.max_bytes, seed=seed)
            found = found.filter(pl.col("voice").is_not_null()).select(keys)
            tables.append(found.rename({key: f"{key}_{name}" for key in keys[1:]}))
        table = tables[0]
        for other in tables[1:]:
            table = table.join(other, on="voice", maintain_order="left")
        caption = (
            f"What a prompt in each voice (the first {self.after_bytes} bytes of held-out documents) still recovers: "
            "the voice's slow wealth, its fast wealth after the prompt, and at the end of the continuation; before "
            "and after reinforcement with sampled groups, and after the same with permuted rewards (null)."
        )
        lost = min(table.iter_rows(named=True), key=lambda row: row["wealth_after"] / max(row["wealth_before"], 1e-300))
        drained = f"{lost['wealth_before']:.1%} to {lost['wealth_after']:.1%}"
        headlines = [
            (
                f"{lost['voice']}, drained most ({drained}): share after a prompt in it",
                f"{lost['recovered_after']:.0%}",
                f"before {lost['recovered_before']:.0%}, permuted rewards {lost['recovered_null']:.0%}",
            )
        ]
        return Finding("What a prompt recovers", caption, table, headlines)


@dataclass(frozen=True)
class _Unlearning(FineTune):
    """Forks that pay the tax and learn nothing: the null of redefinition."""

    def begin(self, inductor: Inductor) -> None:
        super().begin(inductor)
        for family in inductor.families.values():
            family.freeze(True)  # noqa: FBT003


def load(place: Path, config: dict[str, Any] | None = None) -> list[Finding] | None:
    """The findings that were kept in a folder; None if there are none, or those of another config.

    Raises:
        CheckpointError: they are damaged.
    """
    try:
        index = (place / INDEX).read_bytes()
    except FileNotFoundError:
        return None
    try:
        kept = json.loads(index)
        if config is not None and kept["config"] != json.loads(json.dumps(config)):
            return None
        return [
            Finding(
                told["title"],
                told["caption"],
                pl.read_parquet((place / f"{i}.parquet").read_bytes()),
                [(asked, result, beside) for asked, result, beside in told["headlines"]],
            )
            for i, told in enumerate(kept["findings"])
        ]
    except (ValueError, KeyError, TypeError, FileNotFoundError, pl.exceptions.PolarsError) as error:
        raise CheckpointError(f"{place}: not whole findings ({error!r}); remove the folder to ask anew") from error


def _count(examples: int | None, most: int) -> str:
    return f"more than {most}" if examples is None else str(examples)


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _first(true: Any) -> int | None:
    """The first example after which it holds; the book before any example comes first."""
    found = np.flatnonzero(true)
    return int(found[0]) if found.size else None


def _money_of(wealth: pl.DataFrame, accounts: pl.Expr) -> Any:
    """(examples + 1,) what the accounts hold together, before the first example and after each."""
    return (
        wealth.group_by("batch", maintain_order=True).agg(pl.col("wealth").filter(accounts).sum())["wealth"].to_numpy()
    )


def _who_won(history: History, inductor: Inductor) -> dict[str, Any]:
    """Selection or redefinition, and when."""
    fork = pl.col("account").str.contains("@", literal=True)
    last = history.wealth.filter(pl.col("batch") == pl.col("batch").max())
    best_fork, best = (last.filter(which).sort("wealth")["account"][-1] for which in (fork, ~fork))
    source = best_fork.split("@")[0]
    log2 = {name: history.wealth.filter(account=name)["log2_wealth"].to_numpy() for name in (best_fork, best, source)}
    share = dict(zip(inductor.names, np.exp2(-inductor.market.bits), strict=True))
    # the prior is divided as money is: the source keeps (1 - 2^-tax) of what both have, the fork gets 2^-tax
    tax = float(np.log2((share[source] + share[best_fork]) / share[best_fork]))
    behind = float(log2[best][0] - log2[source][0] + np.log2(share[source] / share[best_fork]))
    ahead = log2[best_fork] - log2[best][1:]
    # once it holds nearly all, tax and fraction hold its lead where it is: that is no longer what an example gives
    most = int(ahead.argmax())
    gain = float((ahead[most] + behind) / (most + 1))
    selected, redefined = (float(last.filter(which)["wealth"].sum()) for which in (~fork, fork))
    crossed = _first(ahead > 0)
    return {
        "selection": selected,
        "redefinition": redefined,
        "won": "redefinition" if redefined > selected else "selection",
        "best_original": best,
        "best_fork": best_fork,
        "tax_bits": tax,
        "behind_bits": behind,
        "gain_bits_per_example": gain,
        "crossover_predicted": behind / gain if gain > NOTHING else None,
        "crossover_measured": None if crossed is None else crossed + 1,
    }
