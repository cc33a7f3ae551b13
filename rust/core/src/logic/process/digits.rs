//! A process that computes: whether the n-th decimal of a number is a certain digit.

use super::constants::Decimals;
use super::{Delay, Process};
use crate::error::{MarketError, Result};
use crate::logic::sentence::{SentenceId, Sentences};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Reveals on day f(n) >= n whether the n-th decimal is this digit: the atom `pi[n]=7`, or its negation.
pub struct Digits {
    decimals: Decimals,
    digit: u8,
    delay: Delay,
    /// What has been found out, by the day on which it is announced.
    pending: BinaryHeap<Reverse<(u64, u64)>>,
    today: u64,
}

impl Digits {
    pub fn new(number: &str, digit: u8, delay: Delay) -> Result<Self> {
        if digit > 9 {
            return Err(MarketError::input(format!("digit {digit}; a decimal is one of 0 to 9")));
        }
        Ok(Self {
            decimals: Decimals::new(number)?,
            digit,
            delay,
            pending: BinaryHeap::new(),
            today: 0,
        })
    }

    /// The atom for the n-th decimal.
    pub fn name(&self, n: u64) -> String {
        format!("{}[{n}]={}", self.decimals.name(), self.digit)
    }
}

impl Process for Digits {
    fn next(&mut self, sentences: &mut Sentences) -> Result<Vec<SentenceId>> {
        let today = self.today + 1;
        let announced = (self.delay)(today)?;
        if announced < today {
            return Err(MarketError::input(format!(
                "the delay puts number {today} on day {announced}; give an f(n) >= n, for it is found out on day n"
            )));
        }
        self.today = today;
        self.pending.push(Reverse((announced, today)));
        let mut found = Vec::new();
        while let Some(&Reverse((day, n))) = self.pending.peek() {
            if day > today {
                break;
            }
            self.pending.pop();
            let atom = sentences.atom(&self.name(n))?;
            let is = self.decimals.digit(n)? == self.digit;
            found.push(if is { atom } else { sentences.not(atom) });
        }
        Ok(found)
    }
}
