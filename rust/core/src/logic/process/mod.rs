//! Deductive processes: what is revealed day by day (Garrabrant et al. 2016, definition 3.2.1).

pub mod constants;
mod digits;
mod revealed;
mod theory;

pub use digits::Digits;
pub use revealed::Revealed;
pub use theory::Theory;

use super::number::Exact;
use super::sentence::{SentenceId, Sentences};
use crate::error::Result;

/// What is revealed day by day, from day 1 on. It stands in a state, so a new run begins with a new process; an interrupted
/// one is brought back by asking it for the days again.
pub trait Process: Send {
    /// What is revealed on the next day, as sentences of this collection.
    fn next(&mut self, sentences: &mut Sentences) -> Result<Vec<SentenceId>>;

    /// Whether it wants to know the prices of each day.
    fn hears_prices(&self) -> bool {
        false
    }

    /// The exact prices of the day whose sentences it gave last, once they are known.
    fn cleared(&mut self, _sentences: &Sentences, _prices: &[(SentenceId, Exact)]) -> Result<()> {
        Ok(())
    }
}

/// On which day something is announced: f(n) for the n-th, both counted from 1.
pub type Delay = Box<dyn FnMut(u64) -> Result<u64> + Send>;
