"""What switching buys over weighting: bits/byte of the two on the same texts, and what the tax costs in time.

Two sets of settings: the textbook's, counts plus 1/2 and one bit a node, and those for text, counts plus 1/16 and four
bits a leaf. Every text is read once from scratch, predicting before learning.
"""

import gruemarket as gm
import pytest
from gruemarket import _core
from gruemarket.corpora.installed import VOICES
from gruemarket.market import TaxSpec
from race import Contestant, within

DEPTH, LENGTH = 48, 400_000
TEXTBOOK, FOR_TEXT = (0.5, 1.0), (1 / 16, 4.0)
SWITCHING = TaxSpec.of(gm.GrueTax(gm.schedules.inverse()))
INSTALLED = [name for name, voice in VOICES.items() if not voice.missing]


def _text(names):
    """As much of each voice, one voice after the other."""
    corpus = gm.corpora.voices(names).limit(LENGTH // len(names))
    return b"\n".join(corpus.documents["text"])


def _trees(settings, tax):
    return _core.ContextTree(DEPTH, True, *settings, tax, 4096.0)  # noqa: FBT003 # as the extension has it


@pytest.mark.parametrize("name", INSTALLED)
def bench_switching(race, name):
    _race(race, [name], must_gain=0.005)


def bench_switching_after_a_change_of_voice(race):
    _race(race, INSTALLED, must_gain=0.02)


def _race(race, names, must_gain):
    text = _text(names)

    def reading(settings, tax):
        return Contestant(lambda: _trees(settings, tax).bits(text) / len(text))

    switching, weighting = reading(FOR_TEXT, SWITCHING), reading(FOR_TEXT, None)
    case = f"context trees of {DEPTH} bits, {' + '.join(names)}, {len(text):,} bytes"
    race(case, switching, {"weighting": weighting}, [within("weighting")], turns=1)
    bits = {
        "textbook weighting": _trees(TEXTBOOK, None).bits(text) / len(text),
        "textbook switching": _trees(TEXTBOOK, SWITCHING).bits(text) / len(text),
        "weighting": weighting.result,
        "switching": switching.result,
        "gm.Text()": gm.Text().bits(text) / len(text),
    }
    race.note(bits_per_byte=bits)
    print(f"\n{case}, bits/byte: " + ", ".join(f"{name} {value:.4f}" for name, value in bits.items()))
    assert bits["switching"] < (1 - must_gain) * bits["weighting"]
