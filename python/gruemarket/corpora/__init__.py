"""Text in voices: corpora out of installed packages, and of your own files.

>>> import gruemarket as gm
>>> corpus = gm.corpora.voices(["docs", "code"]).limit(20_000)
>>> corpus.voices, corpus.bytes
(['docs', 'code'], 40000)
>>> train, held_out = corpus.split(0.1, seed=1)
>>> train.episodes(512, seed=1).columns
['voice', 'document', 'start', 'text']
"""

from gruemarket.corpora.corpus import Corpus
from gruemarket.corpora.files import read
from gruemarket.corpora.installed import catalogue, voices

__all__ = ["Corpus", "catalogue", "read", "voices"]
