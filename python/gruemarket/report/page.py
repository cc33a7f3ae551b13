"""The page: HTML in which everything that comes from outside is escaped, and which asks no network for anything."""

import base64
import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from typing import Any

import altair as alt
import polars as pl
import vl_convert

ROWS = 400  # of a table on the page; its CSV has them all


@dataclass(frozen=True)
class Section:
    """A heading, and the HTML below it."""

    title: str
    body: str

    @property
    def anchor(self) -> str:
        """The heading as an address within the page."""
        return slug(self.title)


def document(title: str, lead: str, sections: Sequence[Section]) -> str:
    """A whole document. `title` is text, `lead` and the sections' bodies are HTML."""
    style, script, library = _asset("page.css"), _asset("page.js"), vega()
    # only these very scripts may run: a text that slipped through the escaping still could not
    hashes = " ".join(f"'sha256-{_digest(code)}'" for code in (library, script))
    policy = f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.title)}</a></li>' for part in sections)
    bodies = "".join(f'<section id="{s.anchor}"><h2>{escape(s.title)}</h2>{s.body}</section>' for s in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="gruemarket">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<div class="page">
<nav aria-label="Contents"><ol>{links}
<li><button id="scheme" type="button">Colours: as the system</button></li></ol></nav>
<header><h1>{escape(title)}</h1>{lead}
<noscript><p class="failed">The plots need JavaScript; the numbers behind them need none.</p></noscript>
</header>
<main>{bodies}</main>
</div>
<script>{library}</script>
<script>{script}</script>
</body>
</html>
"""


def slug(title: str) -> str:
    """A title as part of an address or a file's name.

    >>> slug("Provenance: selection or redefinition")
    'provenance-selection-or-redefinition'
    """
    letters = (letter if letter.isalnum() else "-" for letter in title.lower())
    return "-".join(part for part in "".join(letters).split("-") if part) or "section"


def paragraph(text: str, kind: str = "caption") -> str:
    """A paragraph of text."""
    return f'<p class="{kind}">{escape(text)}</p>'


def plot(name: str, spec: dict[str, Any], what: str) -> str:
    """A place that the chart is drawn into. `what` says it to who cannot see."""
    # "<" is written so that no text among the data can end the block
    data = json.dumps(spec, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return (
        f'<script type="application/json" id="spec-{name}">{data}</script>'
        f'<figure><div class="chart" role="img" aria-label="{escape(what)}" data-spec="spec-{name}"></div></figure>'
    )


def numbers(frame: pl.DataFrame, name: str, *, opened: bool = False) -> str:
    """A frame as a collapsible table, with a link to all of it as CSV."""
    count = f"{len(frame):,} row{'s' * (len(frame) != 1)}"
    return (
        f'<details class="numbers"{" open" * opened}><summary>The numbers: {count}</summary>'
        f"{table(frame)}{download(frame, name)}</details>"
    )


def download(frame: pl.DataFrame, name: str) -> str:
    """A link to a frame as CSV, which the page itself holds."""
    data = base64.b64encode(frame.write_csv().encode()).decode()
    link = f'<a download="{escape(name)}.csv" href="data:text/csv;charset=utf-8;base64,{data}">{escape(name)}.csv</a>'
    return f'<p class="note">{link}</p>'


def table(frame: pl.DataFrame) -> str:
    """A frame's first rows."""
    right = [dtype.is_numeric() for dtype in frame.dtypes]
    head = "".join(cell(name, "th", number=is_right) for name, is_right in zip(frame.columns, right, strict=True))
    rows = (
        "".join(cell(shown(value), number=is_right) for value, is_right in zip(row, right, strict=True))
        for row in frame.head(ROWS).iter_rows()
    )
    rest = f'<p class="note">The first {ROWS:,} of {len(frame):,} rows.</p>' if len(frame) > ROWS else ""
    return f'<div class="scroll">{grid(head, rows)}</div>{rest}'


def grid(head: str, rows: Iterable[str]) -> str:
    """A table of cells."""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def cell(text: str, tag: str = "td", *, number: bool = False) -> str:
    """A cell with text in it."""
    return f'<{tag} class="{"number" if number else "text"}">{escape(text)}</{tag}>'


def shown(value: Any) -> str:
    """A value as a reader wants it: four digits, and no word for what is not there.

    >>> [shown(value) for value in (0.123456, 1234567, None, float("-inf"), 1e-9, 20000.0)]
    ['0.1235', '1,234,567', '', '−∞', '1e-09', '20,000']
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        text = f"{value:.4g}" if abs(value) < 1e3 or math.isinf(value) else f"{value:,.0f}"
        return text.replace("inf", "∞").replace("-", "−") if not text[1:].count("e") else text
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return str(value)


def chip(name: str, colour: str, *, ring: bool = False) -> str:
    """A name with its colour, as a dot or as a ring."""
    return f'<span class="chip{" ring" * ring}" style="--hue:{escape(colour)}">{escape(name)}</span>'


def untrusted(text: str) -> str:
    r"""Text that nobody has read, such as a sample: escaped, and with what has no shape of its own made visible.

    >>> untrusted("<b>\x00")
    '&lt;b&gt;<span class="control">\\x00</span>'
    """
    return "".join(map(_letter, text))


def _letter(letter: str) -> str:
    # controls, direction overrides, lone surrogates: as numbers, for they change how others are shown
    hidden = unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and letter not in "\n\t"
    if not hidden:
        return escape(letter)
    code = ord(letter)
    return f'<span class="control">\\{f"x{code:02x}" if code < 256 else f"u{code:04x}"}</span>'


@cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    code = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
    return str(code).replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _asset(name: str) -> str:
    return resources.files("gruemarket.report").joinpath(name).read_text(encoding="utf-8")


def _digest(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
