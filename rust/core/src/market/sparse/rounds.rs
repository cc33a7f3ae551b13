//! Rounds as lists of the awake, and what is wrong with them.

use crate::error::{MarketError, Result};
use crate::real::Real;
use crate::rounds::Layout;

/// Rounds as lists of the awake: round t has the entries `starts[t]..starts[t + 1]`.
#[derive(Clone, Copy, Debug)]
pub struct SparseRounds<'a, P> {
    pub starts: &'a [i64],
    pub traders: &'a [i64],
    /// One an entry, or with [`Layout::Full`] `outcomes` an entry, side by side.
    pub values: &'a [P],
    pub layout: Layout,
    pub outcomes: usize,
    pub happened: &'a [u32],
    /// One an entry; empty: everything.
    pub stakes: &'a [f64],
}

impl<P: Real> SparseRounds<'_, P> {
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    pub(super) fn width(&self) -> usize {
        if self.layout == Layout::Likelihood {
            1
        } else {
            self.outcomes
        }
    }

    pub(super) fn entries(&self, t: usize) -> std::ops::Range<usize> {
        self.starts[t] as usize..self.starts[t + 1] as usize
    }

    pub(super) fn at(&self, entry: usize, k: usize) -> f64 {
        match self.layout {
            Layout::Full => self.values[entry * self.outcomes + k].to_f64(),
            Layout::Binary if k == 0 => (P::ONE - self.values[entry]).to_f64(),
            _ => self.values[entry].to_f64(),
        }
    }

    pub(super) fn outcome(&self, t: usize) -> usize {
        if self.layout == Layout::Likelihood {
            0
        } else {
            self.happened[t] as usize
        }
    }

    /// Checks everything, so that nothing but an impossible outcome can stop the play.
    pub(super) fn check(&self, traders: usize) -> Result<()> {
        let rounds = self.rounds();
        let starts = self.starts;
        if starts.first() != Some(&0) || starts.windows(2).any(|w| w[1] < w[0]) {
            return Err(MarketError::input(
                "sparse rounds: indptr must rise from 0 and have one entry more than rounds",
            ));
        }
        let entries = self.traders.len();
        let per_entry = if self.layout == Layout::Full { self.outcomes } else { 1 };
        if starts[rounds] as usize != entries || self.values.len() != entries * per_entry {
            return Err(MarketError::shape(format!(
                "sparse rounds: indptr ends at {}, with {entries} traders and {} values",
                starts[rounds],
                self.values.len()
            )));
        }
        if !(self.stakes.is_empty() || self.stakes.len() == entries) {
            return Err(MarketError::shape(format!(
                "{} stakes for {entries} entries",
                self.stakes.len()
            )));
        }
        if self.layout != Layout::Likelihood && self.happened.len() != rounds {
            return Err(MarketError::shape(format!(
                "{} outcomes for {rounds} rounds",
                self.happened.len()
            )));
        }
        let mut seen = Vec::new();
        for t in 0..rounds {
            if self.outcome(t) >= self.width() {
                return Err(MarketError::input(format!(
                    "round {t}: outcome {} is not one of 0..{}",
                    self.outcome(t),
                    self.outcomes - 1
                )));
            }
            seen.clear();
            seen.extend_from_slice(&self.traders[self.entries(t)]);
            seen.sort_unstable();
            if let Some(&[twice, _]) = seen.windows(2).find(|w| w[0] == w[1]) {
                return Err(MarketError::input(format!(
                    "round {t}: trader {twice} stands there twice"
                )));
            }
            if let Some(j) = [seen.first(), seen.last()]
                .into_iter()
                .flatten()
                .find(|j| !(0..traders as i64).contains(j))
            {
                return Err(MarketError::input(format!(
                    "round {t}: trader {j} is not one of 0..{}",
                    traders - 1
                )));
            }
            for e in self.entries(t) {
                self.check_entry(t, e)?;
            }
        }
        Ok(())
    }

    fn check_entry(&self, t: usize, e: usize) -> Result<()> {
        let j = self.traders[e];
        let mut sum = 0.0;
        for k in 0..self.width() {
            let p = self.at(e, k);
            sum += p;
            if !(p >= 0.0 && p <= 1.0 + P::SUM_TOLERANCE) {
                let given = if self.layout == Layout::Binary {
                    self.at(e, 1)
                } else {
                    p
                };
                return Err(MarketError::input(format!(
                    "round {t}, trader {j}: {given} is not a probability; give finite numbers in [0, 1]"
                )));
            }
        }
        if self.layout == Layout::Full && (sum - 1.0).abs() > P::SUM_TOLERANCE {
            return Err(MarketError::input(format!(
                "round {t}, trader {j}: the forecast sums to {sum}, not to 1"
            )));
        }
        match self.stakes.get(e) {
            Some(b) if !(0.0..=1.0).contains(b) => Err(MarketError::input(format!(
                "round {t}, trader {j}: stake {b} is not in [0, 1]"
            ))),
            _ => Ok(()),
        }
    }
}
