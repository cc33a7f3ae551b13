//! Families: dense clusters of traders behind one interface, cleared together exactly.

pub mod context_tree;
pub mod members;
pub mod programs;
pub mod text;

use crate::error::{MarketError, Result};
use std::path::Path;

/// What a family shows the market: accounts that forecast the next outcome of an episode, then see it.
///
/// Python's protocol of the same name has the same methods.
pub trait Family: Send {
    /// K, the number of outcomes of a round.
    fn outcomes(&self) -> usize;

    /// The number of accounts the family shows.
    fn accounts(&self) -> usize {
        1
    }

    /// Each account's description length in bits, given the family; Kraft's sum is at most 1.
    fn bits(&self) -> Vec<f64> {
        vec![0.0; self.accounts()]
    }

    /// Forgets the context of the last episode, not what was learned.
    fn begin_episode(&mut self) -> Result<()>;

    /// Writes (outcomes, accounts) probabilities of the next outcome; each account's sum to 1.
    fn forecast(&mut self, out: &mut [f64]) -> Result<()>;

    /// Sees the outcome, and learns from it unless frozen.
    fn observe(&mut self, outcome: u32) -> Result<()>;

    /// Forecasts and observes each outcome in turn; writes (rounds, accounts) probabilities of what happened.
    fn read(&mut self, outcomes: &[u32], out: &mut [f64]) -> Result<()> {
        let (k, n) = (self.outcomes(), self.accounts());
        let mut forecast = vec![0.0; k * n];
        for (&x, row) in outcomes.iter().zip(out.chunks_exact_mut(n)) {
            self.forecast(&mut forecast)?;
            let happened = (x as usize).checked_mul(n).and_then(|at| forecast.get(at..at + n));
            row.copy_from_slice(happened.ok_or_else(|| impossible(x, k))?);
            self.observe(x)?;
        }
        Ok(())
    }

    /// A frozen family follows the episode's context and learns nothing.
    fn freeze(&mut self, frozen: bool);

    fn frozen(&self) -> bool;

    /// An independent copy.
    fn fork(&self) -> Result<Box<dyn Family>>;

    /// Writes the family to a file, atomically.
    fn save(&self, path: &Path) -> Result<()>;
}

/// The error for an outcome that a family of `outcomes` outcomes does not know.
#[must_use]
pub fn impossible(outcome: u32, outcomes: usize) -> MarketError {
    MarketError::input(format!(
        "outcome {outcome}; a family of {outcomes} outcomes knows 0 to {}",
        outcomes - 1
    ))
}
