//! What happened on one day, as it is kept.

use crate::logic::firm::{Bid, Bought};
use crate::logic::maker::{Cleared, Solver};
use crate::logic::number::Exact;
use crate::logic::sentence::SentenceId;

/// What one trader asked for and got.
#[derive(Clone, Debug)]
pub struct Trade {
    pub trader: usize,
    /// The first budget that was not shut off.
    pub first: u64,
    /// Which of the day's sentences.
    pub columns: Vec<usize>,
    /// Of each: how many, before any budget.
    pub shares: Vec<Exact>,
    /// The factors of the budgets from the first on, the last for all above it too. Empty: all are 1.
    pub factors: Vec<Exact>,
}

impl Trade {
    pub fn new(bid: &Bid, bought: Bought) -> Self {
        Self {
            trader: bid.trader,
            first: bid.first(),
            columns: bid.columns.clone(),
            shares: bought.shares,
            factors: bought.factors,
        }
    }

    /// The factor of a budget.
    pub fn factor(&self, budget: u64) -> Exact {
        let Some(above) = budget.checked_sub(self.first) else {
            return Exact::default();
        };
        let last = self.factors.len().saturating_sub(1);
        let factor = self.factors.get(last.min(above as usize));
        factor.cloned().unwrap_or_else(|| Exact::from(1))
    }
}

/// A cleared day.
#[derive(Clone, Debug)]
pub struct Day {
    pub revealed: Vec<SentenceId>,
    /// What was traded, ascending, and at which prices.
    pub sentences: Vec<SentenceId>,
    pub prices: Vec<Exact>,
    pub tolerance: Exact,
    /// The most that any table of truth values lets the firm gain today.
    pub certificate: Exact,
    pub solver: Solver,
    pub evaluations: u32,
    pub trades: Vec<Trade>,
    /// By trader: the least and the most that all its trades are worth, without any budget, in the worlds plausible today.
    pub worth: Vec<(f64, f64)>,
}

impl Day {
    pub fn new(sentences: Vec<SentenceId>, cleared: Cleared, tolerance: Exact, trades: Vec<Trade>) -> Self {
        Self {
            revealed: Vec::new(),
            sentences,
            prices: cleared.prices,
            tolerance,
            certificate: cleared.certificate,
            solver: cleared.solver,
            evaluations: cleared.evaluations,
            trades,
            worth: Vec::new(),
        }
    }

    /// The price of a sentence, if it was traded.
    pub fn price(&self, sentence: SentenceId) -> Option<&Exact> {
        self.sentences.binary_search(&sentence).ok().map(|at| &self.prices[at])
    }
}
