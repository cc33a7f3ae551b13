"""The report: one HTML file that works offline and shows where the money went and what it did to the predictions."""

import os
from collections.abc import Callable, Iterator, Mapping
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from gruemarket import files
from gruemarket._core import build_info
from gruemarket.errors import InputError
from gruemarket.history import History
from gruemarket.report import charts, data
from gruemarket.report.charts import Colours
from gruemarket.report.page import (
    Section,
    cell,
    chip,
    document,
    download,
    grid,
    numbers,
    paragraph,
    plot,
    shown,
    slug,
    table,
)
from gruemarket.report.page import untrusted as text_of

SAMPLES = 2  # of a prompt and stage that are shown at once; the rest unfold


def report(
    history: History,
    path: str | os.PathLike[str],
    *,
    title: str = "Where the money went",
    tables: Mapping[str, pl.DataFrame] | None = None,
    captions: Mapping[str, str] | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a history as one HTML file, atomically.

    The file needs no network: Vega is in it, and so are the numbers behind each plot, as tables and as CSV. Sections of
    which the history has nothing are left out. Several seeds are drawn as means with 95 % intervals.

    Args:
        history: of one seed or several.
        path: the file.
        title: its heading.
        tables: results to stand at the beginning, by heading.
        captions: what they say, by the same headings.
        manifest: of the run directory, to say what made the result.

    Returns:
        The path.

    Raises:
        InputError: a caption of no table, or a table that is no frame.
        OSError: the file cannot be written; what was there before still is.

    >>> import gruemarket as gm, tempfile
    >>> file = gm.report.report(gm.History(), Path(tempfile.mkdtemp()) / "report.html", title="Nothing yet")
    >>> "Nothing yet" in file.read_text(encoding="utf-8")
    True
    """
    place = Path(path)
    colours = _colours(history)
    results = _results(tables or {}, captions or {})
    parts = [part(history, colours) for part in SECTIONS]
    sections = [*results, *(part for part in parts if part is not None), *_origin(manifest)]
    text = document(title, _lead(history, colours), sections)
    files.write(place, text.encode("utf-8", "backslashreplace"))
    return place


def _colours(history: History) -> Colours:
    parties = [name for ends in ("from", "to") for name in history.ledger[ends].unique(maintain_order=True)]
    hidden = {"market", "reserve", *data.HUBS}
    voices = [
        *history.evaluation["voice"].unique(maintain_order=True),
        *history.bits["voice"].unique(maintain_order=True),
    ]
    accounts = history.evaluation["account"].unique(maintain_order=True)
    return Colours(name for name in [*history.accounts, *accounts, *voices, *parties] if name not in hidden)


def _lead(history: History, colours: Colours) -> str:
    seeds, stages = history.seeds, history.stage_names
    facts = [
        ("Stages", escape(" → ".join(stages) or "none")),
        ("Seeds", escape(", ".join(map(str, seeds)) or "none")),
        ("Episodes", shown(int(history.wealth["episodes"].max() or 0))),  # type: ignore[arg-type] # of an integer column
    ]
    items = "".join(f"<li><b>{name}</b> {what}</li>" for name, what in facts)
    who = " ".join(f"<li>{_chip(name, colours)}</li>" for name in history.accounts[:40])
    several = f" Lines and bars are means over {len(seeds)} seeds, with 95 % intervals." if len(seeds) > 1 else ""
    about = (
        "Accounts forecast what comes next and own shares of all money, which is 1. Their wealth is the inductive bias "
        "of the market: it decides whose forecast counts. Stages of training move it." + several
    )
    return f'{paragraph(about, "lead")}<ul class="facts">{items}</ul><ul class="facts">{who}</ul>'


def _chip(name: str, colours: Colours) -> str:
    return chip(name, colours[name], ring=colours.is_redefined(name))


def _results(tables: Mapping[str, Any], captions: Mapping[str, str]) -> Iterator[Section]:
    if unknown := [name for name in captions if name not in tables]:
        raise InputError(f"caption of {unknown[0]!r}, which is no table; the tables are {', '.join(tables) or 'none'}")
    if wrong := [name for name, frame in tables.items() if not isinstance(frame, pl.DataFrame)]:
        raise InputError(f"table {wrong[0]!r} is not a Polars frame")
    parts = []
    for name, frame in tables.items():
        caption = paragraph(captions[name]) if name in captions else ""
        parts.append(f"<h3>{escape(name)}</h3>{caption}{table(frame)}{download(frame, slug(name))}")
    return iter([Section("Results", "".join(parts))] if parts else [])


# --- One function a section: None where the history has nothing of the kind


def _wealth(history: History, colours: Colours) -> Section | None:
    if history.wealth.is_empty():
        return None
    frame, bands = data.wealth(history), data.bands(history)
    share = plot(
        "share", charts.spec(charts.wealth(frame, bands, colours, "share")), "Wealth of each account as a share"
    )
    log2 = plot("log2", charts.spec(charts.wealth(frame, bands, colours, "log2")), "Wealth of each account, log2")
    return Section(
        "Wealth by account",
        paragraph(
            "Each account's slow wealth after every batch. The shaded bands are the stages, all drawn with the same "
            "width whatever their number of episodes. Above, shares of all money; below, the same in bits (log2), "
            "where a drained account can still be seen, and where its distance from 0 is what it must win back. A "
            "click in the legend picks one account."
        )
        + share
        + log2
        + numbers(frame, "wealth"),
    )


def _flows(history: History, colours: Colours) -> Section | None:
    if history.ledger.is_empty():
        return None
    net, pairs = data.net_flows(history), data.paid_to(history)
    order = [*history.accounts, "reserve"]
    body = paragraph(
        "What each account won (right) or lost (left) in each stage, in net, by cause: settlement pays who predicted "
        "well, the Grue tax pays whom money was redefined into, reinforcement pays who wrote what was rewarded. "
        "The bars of a cause and stage sum to 0, but for entries, which the reserve pays."
    )
    body += plot("net", charts.spec(charts.net_flows(net, colours)), "Net money by account, cause and stage")
    body += numbers(net, "net-flows")
    if len(pairs):
        body += "<h3>Who paid whom</h3>" + paragraph(
            "The same transfers as payments from the account on the left to the one below, of all causes, in net over "
            "the stage. Money passes through the market (or the tax, or the reinforcement) batch by batch; each "
            "payer's is taken to reach the receivers in proportion to what they receive."
        )
        body += plot("pairs", charts.spec(charts.paid_to(pairs, order)), "Payments between accounts, by stage")
        body += numbers(pairs, "payments")
    return Section("Money flows", body)


def _predictions(history: History, colours: Colours) -> Section | None:
    market = history.evaluation.filter(pl.col("account") == "market")
    body = ""
    if len(market):
        frame, phases = data.evaluation(history), data.phases(history)
        rows = frame.filter(pl.col("account") == "market")
        body += paragraph(
            "The market's code length of held-out documents of each voice, before and after each stage; nothing is "
            "learned from them. Less is better; 8 bits per byte is no prediction at all."
        )
        body += plot("phases", charts.spec(charts.before_and_after(frame, phases, colours)), "Bits per byte by stage")
        body += numbers(rows, "predictions")
        if len(phases) > 1:
            changed = data.changes(history)
            body += paragraph("What each stage changed: to the left is better. Every stage has a scale of its own.")
            body += plot("changes", charts.spec(charts.changes(changed, colours)), "Change of bits per byte by stage")
            body += numbers(changed, "changes")
    if len(history.bits) and len(frame := data.learning(history)):
        body += "<h3>While reading</h3>" + paragraph(
            "The code length of the episodes themselves, each predicted before anything was learned from it."
        )
        bands = data.bands(history)
        body += plot("learning", charts.spec(charts.learning(frame, bands, colours)), "Bits per byte while reading")
        body += numbers(frame, "learning")
    return Section("Predictions", body) if body else None


def _bias(history: History, _: Colours) -> Section | None:
    if history.evaluation.is_empty():
        return None
    frame, phases = data.evaluation(history), data.phases(history)
    chart = charts.heat(frame, phases, history.accounts)
    return Section(
        "Inductive bias",
        paragraph(
            "Who predicts what: bits per byte of each account (across) on held-out documents of each voice (down), and "
            "of the market, in which the accounts count by their wealth. Bright is good. The market predicts a voice "
            "well where money lies on an account that does."
        )
        + plot("heat", charts.spec(chart), "Bits per byte of each account on each voice")
        + numbers(frame, "inductive-bias"),
    )


def _provenance(history: History, _: Colours) -> Section | None:
    if history.provenance.is_empty():
        return None
    frame = data.provenance(history)
    stages = [name for name in history.provenance.columns if name not in ("seed", "account", "wealth", "never")]
    return Section(
        "Provenance: selection or redefinition",
        paragraph(
            "Whether an account's final money was selected or redefined. What no redefinition has reached (never) was "
            "moved by selection alone; the rest last changed its definition in the stage named. Left, shares of all "
            "money; right, the parts of each account's own."
        )
        + plot("provenance", charts.spec(charts.provenance(frame, stages)), "Provenance of each account's money")
        + numbers(frame, "provenance"),
    )


def _definitions(history: History, colours: Colours) -> Section | None:
    rows = history.definitions.sort("seed", "wealth", descending=[False, True], maintain_order=True)
    if rows.is_empty():
        return None
    several = len(history.seeds) > 1
    finite = rows.filter(pl.col("tax_bits").is_finite())["tax_bits"].max()
    most = max(float(finite or 0), 1e-9)  # type: ignore[arg-type] # of a float column
    head = cell("seed", "th", number=True) * several + cell("account", "th") + cell("wealth", "th", number=True)
    head += cell("tax, bits", "th", number=True) + cell("", "th") + cell("definition", "th")

    def line(row: dict[str, Any]) -> str:
        width = 90 * min(1.0, max(0.0, row["tax_bits"] / most)) if row["tax_bits"] is not None else 0
        bar = f'<td><span class="bar" style="width:{width:.0f}px;--hue:{colours[row["account"]]}"></span></td>'
        known = cell(shown(row["seed"]), number=True) * several + f"<td>{_chip(row['account'], colours)}</td>"
        known += cell(shown(row["wealth"]), number=True) + cell(shown(row["tax_bits"]), number=True) + bar
        return f"{known}<td><code>{text_of(row['definition'])}</code></td>"

    lines = (line(row) for row in islice(rows.iter_rows(named=True), 200))
    return Section(
        "Definitions and their tax",
        paragraph(
            "The most probable history of redefinitions behind each account's money, and the Grue tax that it paid for "
            "that history, in bits: its share of the prior was halved once for every bit."
        )
        + f'<div class="scroll">{grid(head, lines)}</div>'
        + download(rows, "definitions"),
    )


def _rewards(history: History, _: Colours) -> Section | None:
    if history.rewards.is_empty():
        return None
    frame = data.rewards(history)
    several = len(history.seeds) > 1
    over = "over seeds" if several else "over the rollouts of a step, as if they were independent"
    return Section(
        "Rewards",
        paragraph(
            f"The mean reward of each step's rollouts, with a 95 % interval {over}. Below, the scale: the part of the "
            "step that was taken, less than 1 where an account would have been overdrawn."
        )
        + plot("rewards", charts.spec(charts.rewards(frame)), "Mean reward by step")
        + numbers(frame, "rewards"),
    )


def _samples(history: History, colours: Colours) -> Section | None:
    if history.samples.is_empty():
        return None
    present = history.samples["stage"].unique(maintain_order=True).to_list()
    stages = [name for name in ["before", *history.stage_names] if name in present]
    stages += [name for name in present if name not in stages]
    body = paragraph(
        "What the market wrote from the same prompts, before and after each stage. Below each text: the account with "
        "the most fast wealth at its end and how much that is, and the text's code length."
    )
    seeds = history.samples["seed"].unique(maintain_order=True).to_list()
    for number, seed in enumerate(seeds):
        blocks = "".join(_from_prompt(prompt, found, stages, colours) for prompt, found in data.samples(history, seed))
        if len(seeds) > 1:
            blocks = f'<details class="more"{" open" * (number == 0)}><summary>Seed {seed}</summary>{blocks}</details>'
        body += blocks
    return Section("Samples", f'<div class="samples">{body}</div>')


def _from_prompt(prompt: str, found: dict[str, list[dict[str, Any]]], stages: list[str], colours: Colours) -> str:
    head = "".join(cell(stage, "th") for stage in stages)

    def cells(rows: list[dict[str, Any]]) -> str:
        texts = [_sample(row, colours) for row in rows]
        rest = "".join(texts[SAMPLES:])
        more = f'<details class="more"><summary>{len(texts) - SAMPLES} more</summary>{rest}</details>' if rest else ""
        return f"<td>{''.join(texts[:SAMPLES])}{more}</td>"

    row = "".join(cells(found.get(stage, [])) for stage in stages)
    asked = f"<code>{text_of(prompt)}</code>" if prompt else "<em>no prompt</em>"
    return f'<p class="prompt">{asked}</p><div class="scroll open">{grid(head, [row])}</div>'


def _sample(row: dict[str, Any], colours: Colours) -> str:
    rate = f"{row['bits'] / row['bytes']:.2f} bits/byte" if row["bytes"] else "empty"
    account = "" if row["account"] is None else _chip(row["account"], colours)
    share = "" if row["responsibility"] is None else f"<span>{row['responsibility']:.0%}</span>"
    return f'<pre>{text_of(row["text"] or "")}</pre><p class="said">{account}{share}<span>{rate}</span></p>'


SECTIONS: tuple[Callable[[History, Colours], Section | None], ...] = (
    _wealth,
    _flows,
    _predictions,
    _bias,
    _provenance,
    _definitions,
    _rewards,
    _samples,
)


def _origin(manifest: Mapping[str, Any] | None) -> Iterator[Section]:
    if manifest is None:
        yield Section("What made this", paragraph(f"gruemarket {build_info()['version']}.", "note"))
        return
    rows = pl.DataFrame([(_told(key), _told(value)) for key, value in _flat(manifest)], ["what", "value"], orient="row")
    yield Section("What made this", paragraph("The manifest of the run directory.") + table(rows))


def _flat(value: Mapping[str, Any], key: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{key}{name}.")
        else:
            yield f"{key}{name}", item


def _told(value: Any) -> str:
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()
