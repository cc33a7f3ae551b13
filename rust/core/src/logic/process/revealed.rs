//! A process that is a list.

use super::Process;
use crate::error::{MarketError, Result};
use crate::logic::sentence::{SentenceId, Sentences};
use std::collections::BTreeMap;

/// Given sentences on given days; nothing on others.
#[derive(Clone, Debug)]
pub struct Revealed {
    sentences: Sentences,
    days: BTreeMap<u64, Vec<SentenceId>>,
    today: u64,
}

impl Revealed {
    /// Sentences of this collection by day, counted from 1.
    pub fn new(sentences: &Sentences, days: &BTreeMap<u64, Vec<SentenceId>>) -> Result<Self> {
        if days.contains_key(&0) {
            return Err(MarketError::input("a sentence revealed on day 0; days count from 1"));
        }
        let mut own = Sentences::new();
        let days = days
            .iter()
            .map(|(&day, ids)| (day, own.import(sentences, ids)))
            .collect();
        Ok(Self {
            sentences: own,
            days,
            today: 0,
        })
    }
}

impl Process for Revealed {
    fn next(&mut self, sentences: &mut Sentences) -> Result<Vec<SentenceId>> {
        self.today += 1;
        let ids = self.days.get(&self.today).map_or(&[][..], Vec::as_slice);
        Ok(sentences.import(&self.sentences, ids))
    }
}
