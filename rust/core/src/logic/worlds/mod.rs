//! PC(D): the worlds that agree with everything revealed so far, and the extremes of what sentences are worth in them.
//!
//! Atoms that no revealed sentence joins are independent; those that one does form a [`group`], whose truth tables are a
//! decision [`diagram`] (or, where that would be too large, clauses for a [`search`]). A sentence that is asked for often gets a
//! variable of its own in its group, defined by its formula: then the least worth of a portfolio is a shortest path.
//! Groups never change: what is revealed replaces those that it touches, so a [`Model`] stays what it was.

mod change;
mod diagram;
mod formula;
mod group;
mod join;
mod model;
mod order;
mod paths;
mod pmres;
mod search;
mod weight;

pub use model::{Model, Part, Work};
pub use weight::Weight;

use super::sentence::{Sentence, SentenceId, Sentences};
use crate::error::{MarketError, Result};
use change::Undo;
use group::Group;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is decided already.
type Known<'a> = &'a dyn Fn(SentenceId) -> Option<bool>;

/// More sentences than this are revealed at once.
const AT_ONCE: usize = 64;

/// Whether to stop: it stays true once it is. What was asked for then means nothing.
pub type Stop = fn() -> bool;

/// Not in any group.
const FREE: u32 = u32::MAX;

/// PC(D).
#[derive(Clone, Debug, Default)]
pub struct Worlds {
    /// By sentence: what is decided of atoms and of sentences with a variable.
    truth: Vec<Option<bool>>,
    /// By sentence: the group of an atom or of a sentence with a variable, or [`FREE`].
    home: Vec<u32>,
    /// None where a group was replaced.
    groups: Vec<Option<Arc<Group>>>,
    log: Vec<(SentenceId, bool)>,
    stop: Option<Stop>,
}

/// The least or greatest worth of a portfolio, and one world where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extreme<W> {
    pub value: W,
    /// Of each sentence asked for.
    pub truths: Vec<bool>,
}

impl Worlds {
    /// Every world there is.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on a long search asks whether to stop. Whoever has put questions asks [`Worlds::stopped`] before it believes the
    /// answers.
    pub fn heed(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    /// What searches ask.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Whether searches were told to stop.
    pub fn stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop())
    }

    /// Keeps only the worlds where this sentence holds.
    ///
    /// # Errors
    /// There is none, or it was told to stop. Nothing has changed then.
    pub fn reveal(&mut self, sentences: &Sentences, sentence: SentenceId) -> Result<()> {
        self.reveal_all(sentences, &[sentence])
    }

    /// [`Worlds::reveal`] for all of these, or for none of them if one contradicts those before.
    pub fn reveal_all(&mut self, sentences: &Sentences, revealed: &[SentenceId]) -> Result<()> {
        self.grow(sentences, revealed)?;
        let mut undo = Vec::new();
        let done = self.reveal_some(sentences, revealed, &mut undo);
        if done.is_err() {
            undo.into_iter().rev().for_each(|change| self.roll_back(change));
        }
        done
    }

    /// Many at once, so that what joins them is searched once; by halves where they contradict, to say which one does.
    fn reveal_some(&mut self, sentences: &Sentences, revealed: &[SentenceId], undo: &mut Vec<Undo>) -> Result<()> {
        if revealed.len() == 1 || revealed.len() > AT_ONCE {
            let all: Vec<_> = revealed.iter().flat_map(|one| facts(sentences, *one)).collect();
            let change = self.joined(sentences, &all, &[]);
            if self.stopped() {
                return Err(MarketError::Interrupted { rounds: 0 });
            }
            match (change, revealed) {
                (Some(change), _) => {
                    undo.push(self.commit(change));
                    return Ok(());
                }
                (None, [one]) => return Err(contradiction(sentences, *one)),
                (None, _) => {}
            }
        }
        let size = if revealed.len() > AT_ONCE {
            revealed.len().div_ceil(2)
        } else {
            1
        };
        revealed
            .chunks(size)
            .try_for_each(|some| self.reveal_some(sentences, some, undo))
    }

    /// Its truth value if it is the same in every world, None otherwise; decided exactly. Quick for atoms and for sentences with
    /// a variable.
    pub fn truth(&self, sentences: &Sentences, sentence: SentenceId) -> Result<Option<bool>> {
        check(sentences, &[sentence])?;
        let (base, positive) = sentences.literal(sentence);
        let value = match self.known(base) {
            None if self.home_of(base).is_none() && !sentences.is_atom(base) => self.proved(sentences, base),
            known => known,
        };
        if self.stopped() {
            return Err(MarketError::Interrupted { rounds: 0 });
        }
        Ok(value.map(|value| value == positive))
    }

    /// Gives sentences variables of their own, so that questions about them are quick. [`Worlds::model`] does it by itself.
    pub fn watch(&mut self, sentences: &Sentences, watched: &[SentenceId]) -> Result<()> {
        self.grow(sentences, watched)?;
        for &sentence in watched {
            let (base, _) = sentences.literal(sentence);
            let open = self.known(base).is_none() && self.home_of(base).is_none();
            if open && !sentences.is_atom(base) {
                // a definition excludes no world
                let change = self.joined(sentences, &[], &[base]);
                if self.stopped() {
                    return Err(MarketError::Interrupted { rounds: 0 });
                }
                if let Some(change) = change {
                    self.commit(change);
                }
            }
        }
        Ok(())
    }

    /// What is decided of atoms and watched sentences, in the order in which it came about: it only ever grows.
    pub fn decided(&self) -> &[(SentenceId, bool)] {
        &self.log
    }

    /// A model of these sentences' joint truth values in all worlds of today.
    pub fn model(&mut self, sentences: &Sentences, of: &[SentenceId]) -> Result<Model> {
        self.watch(sentences, of)?;
        Ok(Model::new(self, sentences, of))
    }

    /// The least of `sum weight * truth` over all worlds, and where it is reached.
    pub fn minimum<W: Weight>(&mut self, sentences: &Sentences, terms: &[(SentenceId, W)]) -> Result<Extreme<W>> {
        let of: Vec<SentenceId> = terms.iter().map(|(sentence, _)| *sentence).collect();
        let weights: Vec<W> = terms.iter().map(|(_, weight)| weight.clone()).collect();
        let mut truths = vec![false; terms.len()];
        let model = self.model(sentences, &of)?;
        let value = model.minimum(&weights, &mut truths, &mut Work::default());
        if self.stopped() {
            return Err(MarketError::Interrupted { rounds: 0 });
        }
        Ok(Extreme { value, truths })
    }

    /// The greatest of `sum weight * truth` over all worlds, and where it is reached.
    pub fn maximum<W: Weight>(&mut self, sentences: &Sentences, terms: &[(SentenceId, W)]) -> Result<Extreme<W>> {
        let negated: Vec<(SentenceId, W)> = terms.iter().map(|(id, weight)| (*id, weight.negated())).collect();
        let least = self.minimum(sentences, &negated)?;
        Ok(Extreme {
            value: least.value.negated(),
            truths: least.truths,
        })
    }

    /// Makes room for all sentences, if these are among them.
    fn grow(&mut self, sentences: &Sentences, spoken: &[SentenceId]) -> Result<()> {
        check(sentences, spoken)?;
        self.truth.resize(sentences.len().max(self.truth.len()), None);
        self.home.resize(self.truth.len(), FREE);
        self.truth[SentenceId::FALSE.index()] = Some(false);
        self.truth[SentenceId::TRUE.index()] = Some(true);
        Ok(())
    }

    fn known(&self, id: SentenceId) -> Option<bool> {
        match id {
            SentenceId::FALSE => Some(false),
            SentenceId::TRUE => Some(true),
            _ => self.truth.get(id.index()).copied().flatten(),
        }
    }

    fn home_of(&self, id: SentenceId) -> Option<usize> {
        let home = self.home.get(id.index()).copied().unwrap_or(FREE);
        (home != FREE).then_some(home as usize)
    }
}

/// A number that stands for no sentence here would be taken for another.
fn check(sentences: &Sentences, spoken: &[SentenceId]) -> Result<()> {
    let (strange, count) = (spoken.iter().find(|id| id.index() >= sentences.len()), sentences.len());
    strange.map_or(Ok(()), |id| {
        Err(MarketError::input(format!(
            "sentence number {} of a collection of {count}; ask about sentences of the collection that is given",
            id.0
        )))
    })
}

fn contradiction(sentences: &Sentences, sentence: SentenceId) -> MarketError {
    MarketError::input(format!(
        "the sentence {} was revealed, but no world agrees with it and with what was revealed before; \
         a deductive process must be consistent",
        sentences.shown(sentence)
    ))
}

/// A sentence as a list of sentences that hold (true) or fail (false), as many as its connectives allow.
fn facts(sentences: &Sentences, sentence: SentenceId) -> Vec<(SentenceId, bool)> {
    let mut found = Vec::new();
    let mut stack = vec![(sentence, true)];
    let mut seen = BTreeSet::new(); // a shared part may be reached in very many ways
    while let Some((id, holds)) = stack.pop() {
        if !seen.insert((id, holds)) {
            continue;
        }
        match (sentences.get(id), holds) {
            (Sentence::Not([a]), _) => stack.push((*a, !holds)),
            (Sentence::And(parts), true) | (Sentence::Or(parts), false) => {
                stack.extend(parts.iter().rev().map(|&part| (part, holds)));
            }
            (Sentence::Implies([a, b]), false) => stack.extend([(*b, false), (*a, true)]),
            _ => found.push((id, holds)),
        }
    }
    found
}
