//! What a trader has bought so far, as if it had no budget, each trade at its own day's price; and which budgets that has cost it.

use super::number::Exact;
use super::outlook::{Ends, Outlook};
use super::sentence::SentenceId;

/// Bits above which a number is rounded down. Positions are exact up to there, and never too great beyond.
const LONG: usize = 4096;

#[derive(Clone, Debug)]
pub struct Account {
    /// What decided sentences brought, less all that was paid.
    cash: Exact,
    /// Shares of sentences that are undecided, ascending.
    shares: Vec<(SentenceId, Exact)>,
    /// The least budget that is not shut off.
    first: u64,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            cash: Exact::default(),
            shares: Vec::new(),
            first: 1,
        }
    }
}

impl Account {
    pub fn cash(&self) -> &Exact {
        &self.cash
    }

    pub fn shares(&self) -> &[(SentenceId, Exact)] {
        &self.shares
    }

    /// Budgets below this one were lost on some day in some world that was plausible then: they are shut off for ever.
    pub fn first_budget(&self) -> u64 {
        self.first
    }

    /// Buys shares at a price; `bits` is the precision that is kept of long numbers.
    pub fn buy(&mut self, sentence: SentenceId, shares: &Exact, price: &Exact, bits: usize) {
        self.cash = kept(&self.cash - &(shares * price), bits);
        match self.shares.binary_search_by_key(&sentence, |(s, _)| *s) {
            Ok(at) => self.shares[at].1 = kept(&self.shares[at].1 + shares, bits),
            Err(at) => self.shares.insert(at, (sentence, kept(shares.clone(), bits))),
        }
    }

    /// Turns the shares of sentences that are decided by now into cash.
    pub fn settle(&mut self, truth: impl Fn(SentenceId) -> Option<bool>) {
        let cash = &mut self.cash;
        self.shares.retain(|(sentence, shares)| {
            let decided = truth(*sentence);
            if decided == Some(true) {
                *cash = &*cash + shares;
            }
            decided.is_none()
        });
    }

    /// The least and the most that all of it is worth in the worlds of `outlook`.
    pub fn worth(&self, outlook: &Outlook) -> Ends {
        outlook.ends(&self.cash, &self.shares)
    }

    /// Shuts off the budgets that a world of today would have cost: the raw net worth there is -b or less.
    pub fn shut_off(&mut self, least: &Exact) {
        let lost = (-least).floor_at(0) + 1;
        self.first = self.first.max(u64::try_from(lost).unwrap_or(1));
    }
}

fn kept(value: Exact, bits: usize) -> Exact {
    if value.bit_len() > LONG { value.round_down(bits) } else { value }
}
