"""What a market makes of recorded models: log-probabilities of what happened, kept in a Parquet file.

One number a token is all that many evaluations of language models keep, and all that a market needs to read: with a
vocabulary of thousands, nobody writes down whole forecasts. Three models of words stand for them here, counted in pages
of the running Python's own reference; the pages that they never saw are the episodes. With a file of the same columns,
your models can take their place.
"""

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import gruemarket as gm
import numpy as np
import polars as pl

MODELS = {"unigram": 1, "bigram": 2, "trigram": 3}  # how many words each looks at, the next one among them
DISCOUNT = 0.75


class Words:
    """Counts of words by the words before them, discounted as by Ney, Essen and Kneser (1994)."""

    def __init__(self, pages: Sequence[Sequence[int]], vocabulary: int, order: int) -> None:
        self.vocabulary, self.order = vocabulary, order
        self.counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for page in pages:
            for t, word in enumerate(page):
                for n in range(min(order, t + 1)):
                    self.counts[tuple(page[t - n : t])][word] += 1
        self.totals = {context: counter.total() for context, counter in self.counts.items()}

    def probability(self, before: Sequence[int], word: int) -> float:
        """Of the next word; what counts after a context lose goes to those after a shorter one, at last to any word."""
        p = 1 / self.vocabulary
        for n in range(min(self.order, len(before) + 1)):
            context = tuple(before[len(before) - n :])
            if total := self.totals.get(context):
                counts = self.counts[context]
                p = (max(counts.get(word, 0) - DISCOUNT, 0) + DISCOUNT * len(counts) * p) / total
        return p


def record(pages: Sequence[Sequence[int]], models: dict[str, Words]) -> pl.DataFrame:
    """A row for each word and model, with the natural logarithm of the probability that the model gave to the word."""
    rows = [
        (episode, t, name, word, np.log(model.probability(page[:t], word)))
        for episode, page in enumerate(pages)
        for t, word in enumerate(page)
        for name, model in models.items()
    ]
    return pl.DataFrame(rows, ["episode", "round", "forecaster", "outcome", "logprob"], orient="row")


def main() -> None:
    """Counts, records, reads the records, and lets a market bet on them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, default=Path("out/recorded_models"), help="folder (default: %(default)s)")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    texts = (part.documents["text"] for part in gm.corpora.voices(["docs"]).split(0.1, seed=1))
    known, unseen = ([re.findall(rb"\w+|\s+|.", text) for text in part] for part in texts)
    numbers = {word: number for number, word in enumerate(sorted({word for page in known + unseen for word in page}))}
    known, unseen = ([[numbers[word] for word in page] for page in pages] for pages in (known, unseen))
    models = {name: Words(known, len(numbers), order) for name, order in MODELS.items()}
    recorded = record(unseen, models)
    recorded.write_parquet(out / "recorded_models.parquet")

    table = gm.Table.load(out / "recorded_models.parquet", outcomes=len(numbers))
    print(table)
    words = sum(map(len, unseen))
    for name in table.names:
        bits = -recorded.filter(forecaster=name)["logprob"].sum() / np.log(2)
        print(f"{name:28} {bits / words:.3f} bits a word")
    for fraction in (1.0, 0.02):  # one model is right for ever, or a mixture of them is
        inductor = gm.Inductor({"models": table.fork()}, clearing=gm.Kelly(fraction))
        bits = inductor.read(unseen).total_loss_bits
        money = ", ".join(f"{n} {w:.1%}" for n, w in zip(table.names, inductor.market.wealth, strict=True))
        print(f"market, Kelly(fraction={fraction:4.2f}) {bits / words:.3f} bits a word; at the end {money}")


if __name__ == "__main__":
    main()
