//! A process that proves: axioms in the background, and on given days what follows from them about given sentences.

use super::Process;
use crate::error::{MarketError, Result};
use crate::logic::sentence::{SentenceId, Sentences};
use crate::logic::worlds::Worlds;
use std::collections::BTreeMap;

/// Reveals each listed sentence on its day if the axioms prove it, its negation if they refute it, and nothing otherwise.
/// The axioms stay in the background: revealed at once, they would settle all of this at once.
#[derive(Clone, Debug)]
pub struct Theory {
    sentences: Sentences,
    worlds: Worlds,
    /// Which sentences are settled on which day.
    days: BTreeMap<u64, Vec<SentenceId>>,
    axioms: Option<(u64, Vec<SentenceId>)>,
    today: u64,
}

impl Theory {
    /// `questions`: sentences with the days, from 1, on which they are settled. `axioms_day`: when the axioms themselves are
    /// revealed; None for never.
    pub fn new(
        sentences: &Sentences,
        axioms: &[SentenceId],
        questions: &[(SentenceId, u64)],
        axioms_day: Option<u64>,
    ) -> Result<Self> {
        let mut own = Sentences::new();
        let axioms = own.import(sentences, axioms);
        let ids: Vec<SentenceId> = questions.iter().map(|(id, _)| *id).collect();
        let mut days: BTreeMap<u64, Vec<SentenceId>> = BTreeMap::new();
        for (id, &(_, day)) in own.import(sentences, &ids).into_iter().zip(questions) {
            days.entry(day).or_default().push(id);
        }
        if days.contains_key(&0) || axioms_day == Some(0) {
            return Err(MarketError::input("a sentence settled on day 0; days count from 1"));
        }
        let mut worlds = Worlds::new();
        worlds.reveal_all(&own, &axioms)?;
        Ok(Self {
            sentences: own,
            worlds,
            days,
            axioms: axioms_day.map(|day| (day, axioms)),
            today: 0,
        })
    }
}

impl Process for Theory {
    fn next(&mut self, sentences: &mut Sentences) -> Result<Vec<SentenceId>> {
        self.today += 1;
        let mut found = Vec::new();
        if let Some((_, axioms)) = self.axioms.take_if(|(day, _)| *day == self.today) {
            found.extend(axioms);
        }
        for id in self.days.remove(&self.today).unwrap_or_default() {
            match self.worlds.truth(&self.sentences, id)? {
                Some(true) => found.push(id),
                Some(false) => found.push(self.sentences.not(id)),
                None => {}
            }
        }
        Ok(sentences.import(&self.sentences, &found))
    }
}
