//! TradingFirm (Garrabrant et al. 2016, definition 5.3.2): all budgets of all traders together, as one demand.

mod bid;
mod demand;

pub use bid::{Bid, Bought};
pub use demand::FirmDemand;

use super::account::Account;
use super::feature::{FeatureId, Features, Leaf, Program, Source};
use super::number::Exact;
use super::sentence::SentenceId;

/// A trader of the firm.
#[derive(Clone, Debug)]
pub struct Trader {
    /// w_k
    pub weight: Exact,
    pub account: Account,
    pub strategy: Option<Strategy>,
}

/// What a trader buys as long as it does not change its mind: shares of some sentences, each a feature of prices.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// Sentences, or what stands for a sentence that is another one each day.
    pub traded: Vec<SentenceId>,
    program: Program,
}

impl Strategy {
    /// Shares of each sentence.
    pub fn new(features: &Features, shares: &[(SentenceId, FeatureId)]) -> Self {
        let roots: Vec<_> = shares.iter().map(|(_, feature)| *feature).collect();
        let nothing = |_: Leaf| Source::Known(Exact::default().into());
        Self {
            traded: shares.iter().map(|(sentence, _)| *sentence).collect(),
            program: Program::compile(features, &roots, &mut { nothing }),
        }
    }

    /// Prepares it for a day.
    pub fn bind(&mut self, source: &mut dyn FnMut(Leaf) -> Source) {
        self.program.rebind(source);
    }

    pub fn program(&self) -> &Program {
        &self.program
    }
}

/// `w_k sum_b 2^-b` times the factor of b, for the factors of the budgets from `first` on; the last is that of all above.
pub fn weight_of(weight: &Exact, first: u64, factors: &[Exact]) -> Exact {
    let scale = weight * &Exact::two_to_minus(first as usize - 1);
    let Some((last, below)) = factors.split_last() else { return scale };
    let half = Exact::two_to_minus(1);
    let sum = below.iter().rev().fold(last.clone(), |sum, factor| &(factor + &sum) * &half);
    &scale * &sum
}
