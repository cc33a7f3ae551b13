"""The report: one file that asks no network, shows what the frames say, and lets no text out of its cage."""

import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import gruemarket as gm
import polars as pl
import pytest
import vl_convert
from gruemarket.history import SCHEMAS
from gruemarket.report import data, page
from gruemarket.report.charts import PALETTE, Colours
from story import ACCOUNTS, STAGES, VOICES, story

HEADINGS = [
    "Wealth by account",
    "Money flows",
    "Predictions",
    "Inductive bias",
    "Provenance: selection or redefinition",
    "Definitions and their tax",
    "Rewards",
    "Samples",
    "What made this",
]


class Reader(HTMLParser):
    """What a browser would make of a page: its tags, with their attributes, and the text of each."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        if tag not in ("meta", "br"):
            self.open.append((tag, len(self.tags) - 1))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, place in self.open:
            self.texts[place] += data

    def all(self, tag, **attributes):
        found = zip(self.tags, self.texts, strict=True)
        return [text for (name, given), text in found if name == tag and attributes.items() <= given.items()]


def made(history, folder, **more):
    path = gm.report.report(history, folder / "report.html", **more)
    assert path == folder / "report.html"
    return Reader(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def one():
    return story(1)


@pytest.fixture(scope="module")
def three():
    return gm.History.joined([story(seed) for seed in (1, 2, 3)])


@pytest.fixture(scope="module", params=["one", "three"])
def both(request, one, three):
    return {"one": one, "three": three}[request.param]


@pytest.fixture(scope="module")
def seen(both, tmp_path_factory):
    """The report of one seed or of three, as a browser reads it."""
    return made(both, tmp_path_factory.mktemp("report"), title="A title")


def specs(reader):
    blocks = zip(reader.tags, reader.texts, strict=True)
    return {a["id"]: json.loads(text) for (tag, a), text in blocks if tag == "script" and "id" in a}


# --- The page


def test_all_sections_are_there_and_in_the_contents(seen):
    assert seen.all("h2") == HEADINGS
    assert seen.all("h1") == seen.all("title") == ["A title"]
    assert not seen.open
    targets = {given.get("id") for tag, given in seen.tags if tag == "section"}
    links = [given["href"] for tag, given in seen.tags if tag == "a" and given["href"].startswith("#")]
    assert {link[1:] for link in links} == targets
    assert len(links) == len(HEADINGS)


def test_the_file_needs_no_network(seen):
    for tag, given in seen.tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert "src" not in given
        assert given.get("href", "#").startswith(("#", "data:"))
    policy = next(given["content"] for tag, given in seen.tags if "http-equiv" in given)
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    style = seen.all("style")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_pages_own_scripts_may_run(seen):
    policy = next(given["content"] for tag, given in seen.tags if "http-equiv" in given)
    runs = [text for (tag, given), text in zip(seen.tags, seen.texts, strict=True) if tag == "script" and not given]
    assert len(runs) == 2
    assert all(f"'sha256-{page._digest(code)}'" in policy for code in runs)
    assert "'unsafe-inline'" not in re.search(r"script-src [^;]*", policy).group()


def assert_drawn(reader, charts):
    assert len(specs(reader)) == charts
    for spec in specs(reader).values():
        svg = vl_convert.vegalite_to_svg(spec)
        assert svg.startswith("<svg")
        assert "NaN" not in svg


def test_vega_accepts_every_chart(seen):
    assert_drawn(seen, 10)


def test_vega_accepts_charts_of_very_little(one, tmp_path):
    few = gm.History(wealth=one.wealth.head(6), bits=one.bits.head(1), stages=one.stages)
    assert_drawn(made(few, tmp_path), 3)
    assert_drawn(made(gm.History(wealth=one.wealth.head(1), rewards=one.rewards.head(1)), tmp_path), 3)


def test_sections_without_rows_are_left_out(one, tmp_path):
    tables = {table: getattr(one, table) for table in SCHEMAS}
    reader = made(gm.History(**(tables | {"rewards": gm.History().rewards})), tmp_path)
    assert reader.all("h2") == [heading for heading in HEADINGS if heading != "Rewards"]
    assert made(gm.History(), tmp_path).all("h2") == ["What made this"]


@pytest.mark.parametrize("table", tuple(SCHEMAS))
def test_any_one_table_makes_a_report(one, table, tmp_path):
    made(gm.History(**{table: getattr(one, table)}), tmp_path)


@pytest.mark.parametrize("table", ("stages", "wealth", "evaluation"))
def test_any_one_table_may_be_missing(one, table, tmp_path):
    rest = {name: getattr(one, name) for name in SCHEMAS if name != table}
    made(gm.History(**rest), tmp_path)


def test_the_same_history_gives_the_same_bytes(one, tmp_path):
    first = gm.report.report(one, tmp_path / "a.html").read_bytes()
    assert gm.report.report(one, tmp_path / "b.html").read_bytes() == first


def test_results_stand_first_and_manifests_last(one, tmp_path):
    frame = pl.DataFrame({"voice": ["early", None], "accuracy": [0.91234567, float("nan")], "n": [12_345, 0]})
    reader = made(
        one, tmp_path, tables={"How <well>": frame}, captions={"How <well>": "a & b"}, manifest={"a": {"b": 1}}
    )
    assert reader.all("h2") == ["Results", *HEADINGS]
    assert "How <well>" in reader.all("h3")
    assert "a & b" in reader.all("p")
    assert {"0.9123", "12,345", "early"} <= set(reader.all("td"))
    assert "a.b" in reader.all("td")


@pytest.mark.parametrize(
    ("given", "words"),
    (
        ({"captions": {"x": "y"}}, "caption of 'x', which is no table"),
        ({"tables": {"x": [1, 2]}}, "table 'x' is not a Polars frame"),
    ),
)
def test_what_is_no_result_is_refused(one, given, words, tmp_path):
    with pytest.raises(gm.InputError, match=words):
        gm.report.report(one, tmp_path / "report.html", **given)
    assert not (tmp_path / "report.html").exists()


def test_a_report_that_cannot_be_written_leaves_the_old_one(one, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        gm.report.report(one, tmp_path / "nowhere" / "report.html")


# --- The numbers


def test_the_csv_holds_what_is_drawn(both, seen):
    links = {given["download"]: given["href"] for tag, given in seen.tags if tag == "a" and "download" in given}
    frame = data.wealth(both)
    csv = base64.b64decode(links["wealth.csv"].partition("base64,")[2])
    assert pl.read_csv(csv, schema=frame.schema).equals(frame)
    drawn = max(specs(seen)["spec-share"]["datasets"].values(), key=len)
    shares = frame.filter(panel="share")
    rows = pl.read_csv(drawn.encode())
    assert rows["account"].to_list() == shares["account"].to_list()
    assert rows["mean"].to_list() == pytest.approx(shares["mean"].to_list(), rel=1e-5)


def test_wealth_is_the_historys(one):
    frame = data.wealth(one).filter(panel="share")
    assert frame["mean"].to_list() == one.wealth["wealth"].to_list()
    assert frame["low"].null_count() == len(frame)


def test_long_stages_are_thinned_but_keep_their_ends():
    batches = pl.DataFrame({"batch": range(-1, 1000)}).with_columns(
        seed=1, stage=pl.lit("read"), episodes=pl.col("batch") + 1, account=pl.lit("a"), wealth=0.5, log2_wealth=-1.0
    )
    kept = data.wealth(gm.History(wealth=batches)).filter(panel="share")["batch"]
    assert data.POINTS / 2 <= len(kept) <= data.POINTS + 1
    assert (kept.min(), kept.max()) == (-1, 999)


def test_net_flows_are_what_the_wealth_did(both):
    frame = data.net_flows(both)
    moved = frame.group_by("stage", "account").agg(pl.col("mean").sum())
    ends = both.wealth.join(both.stages.select("seed", "stage", "first_batch", "last_batch"), on=["seed", "stage"])
    after = both.wealth.group_by("seed", "stage", "account").agg(pl.col("wealth").sort_by("batch").last())
    order = [name for name, *_ in STAGES]
    for account in ACCOUNTS:
        last = both.wealth.filter(pl.col("batch") == -1, account=account)["wealth"].mean()
        for stage in order:
            now = after.filter(stage=stage, account=account)["wealth"].mean()
            assert moved.filter(stage=stage, account=account)["mean"].item() == pytest.approx(now - last, abs=1e-12)
            last = now
    assert len(frame) == 3 * 3 * 6  # every stage, cause and account, also where nothing moved: charts want a full grid
    assert ends.height


def test_payments_add_up_to_net_flows(both):
    net = data.net_flows(both).group_by("stage", "account").agg(pl.col("mean").sum().alias("net"))
    pairs = data.paid_to(both)
    assert (pairs["amount"] > 0).all()
    for stage, account, won in net.rows():
        got = pairs.filter(stage=stage, to=account)["amount"].sum()
        paid = pairs.filter(pl.col("from") == account, stage=stage)["amount"].sum()
        assert got - paid == pytest.approx(won, abs=1e-12)
    twice = pairs.join(pairs, left_on=["stage", "from", "to"], right_on=["stage", "to", "from"])
    assert twice.is_empty()


def test_the_reserve_pays_for_entries():
    rows = [(1, "read", 0, "entry", "reserve", "entry", 0.25), (1, "read", 0, "entry", "entry", "a", 0.25)]
    history = gm.History(ledger=pl.DataFrame(rows, list(SCHEMAS["ledger"]), orient="row"))
    assert data.paid_to(history).rows() == [("read", "reserve", "a", 0.25)]
    assert data.net_flows(history).select("account", "mean").rows() == [("a", 0.25)]


def test_changes_are_differences_of_bits_per_byte(both):
    market = both.evaluation.filter(account="market")
    for stage, voice, mean, *_ in data.changes(both).rows():
        last = ["before", *(name for name, *_ in STAGES)]
        last = last[last.index(stage) - 1]
        here, before = (market.filter(stage=name, voice=voice)["bits_per_byte"].mean() for name in (stage, last))
        assert mean == pytest.approx(here - before)
    assert data.changes(both).height == 3 * len(VOICES)


def test_provenance_parts_sum_to_one(both):
    frame = data.provenance(both)
    assert frame.group_by("account").agg(pl.col("part").sum())["part"].to_list() == pytest.approx([1] * 6)
    assert frame["share"].sum() == pytest.approx(1)
    drained = both.provenance.with_columns(pl.col(pl.Float64) * 0)
    assert data.provenance(gm.History(provenance=drained))["part"].null_count() == 24


def test_rewards_are_means_within_their_bounds(both):
    frame = data.rewards(both)
    assert frame["step"].to_list() == list(range(1, 18))
    assert frame["reward"].mean() == pytest.approx(both.rewards["reward"].mean())
    assert frame["low"].min() >= 0
    assert frame["high"].max() <= 1


def test_bands_lie_end_to_end(both):
    bands = data.bands(both)
    assert bands["start"].to_list() == [0, 640, 848]
    assert bands["end"].to_list() == [640, 848, 984]
    places = data.wealth(both).group_by("stage", maintain_order=True).agg(pl.col("place").max())
    assert places["place"].to_list() == [1, 2, 3]
    assert data.wealth(both).filter(batch=-1)["place"].unique().to_list() == [0]
    assert data.wealth(both).filter(episodes=320)["place"].unique().to_list() == [0.5]


# --- Text that nobody has read

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b]0;\ud800 &amp; 'q' \"r\""


def test_no_text_becomes_markup(one, tmp_path):
    frames = {}
    for table in SCHEMAS:
        frame = getattr(one, table)
        texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
        safe = EVIL.replace("\ud800", "")  # Polars keeps no lone surrogates
        frames[table] = frame.with_columns(pl.col(name) + safe for name in texts)
    clean = made(one, tmp_path)
    evil = made(
        gm.History(**frames),
        tmp_path,
        title=EVIL,
        tables={EVIL: one.stages},
        captions={EVIL: EVIL},
        manifest={EVIL: EVIL},
    )
    kinds = {tag for tag, _ in clean.tags} | {"h3"}
    assert {tag for tag, _ in evil.tags} <= kinds
    assert not [given for _, given in evil.tags if any(name.startswith("on") for name in given)]
    assert sum(tag == "script" and not given for tag, given in evil.tags) == 2
    assert not evil.open
    assert [text for text in evil.all("pre") if "<img src=x onerror=alert(2)>" in text]
    assert not [text for text in evil.all("pre") if "\u202e" in text or "\x1b" in text]


def test_hidden_letters_are_shown():
    assert page.untrusted("a\n\tb") == "a\n\tb"
    shown = re.sub("<[^>]*>", "", page.untrusted("\0\x1b\x85\u202e\u2028\ud800é\ufffd"))
    assert shown == "\\x00\\x1b\\x85\\u202e\\u2028\\ud800é\ufffd"


# --- Colours


def test_an_account_has_one_colour_everywhere(seen):
    found = {}

    def look(part):
        if isinstance(part, list):
            for item in part:
                look(item)
        if not isinstance(part, dict):
            return
        if part.get("field") in ("account", "voice") and "range" in (scale := part.get("scale") or {}):
            for name, colour in zip(scale["domain"], scale["range"], strict=True):
                if isinstance(colour, str):
                    found.setdefault(name, set()).add(colour)
        for item in part.values():
            look(item)

    look(list(specs(seen).values()))
    assert found.keys() == set(ACCOUNTS)
    assert all(len(colours) == 1 for colours in found.values())
    assert len({*map(str, found.values())}) == 5
    assert found["assistant"] == found["assistant'"]


def test_more_accounts_than_colours_differ_by_their_dashes():
    colours = Colours([f"voice {i}" for i in range(20)])
    names = [f"voice {i}" for i in range(20)]
    looks = {
        (colours[name], str(dash)) for name, dash in zip(names, colours.dash("x", names)["scale"]["range"], strict=True)
    }
    assert len(looks) == 20
    assert colours["nobody"] == colours["market"] not in PALETTE


def test_importing_the_package_does_not_import_altair():
    code = "import sys, gruemarket as gm; assert 'altair' not in sys.modules; gm.report; assert 'altair' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'rapport'"):
        gm.rapport  # noqa: B018
