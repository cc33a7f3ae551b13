//! `TradingFirm` (Garrabrant et al. 2016, definition 5.3.2): all budgets of all traders together, as one demand.

mod bid;
mod demand;

pub use bid::{Bid, Bought};
pub use demand::FirmDemand;

use super::account::Account;
use super::feature::{FeatureId, Features, Leaf, Program, Source, When};
use super::number::Exact;
use super::sentence::SentenceId;

/// Who has lost this many shares trades no more: the budgets that are left weigh `2^-DEEPEST` together, and numbers so small
/// take longer to work with than they are worth. What these budgets hold they keep.
pub const DEEPEST: u64 = 1 << 16;

/// A trader of the firm.
#[derive(Clone, Debug)]
pub struct Trader {
    /// `w_k`
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
    /// By sentence: which of the program's leaves its feature depends on.
    leaves: Vec<Vec<usize>>,
    most: f64,
    /// Whether prices of other days are read, so that `most` changes with them.
    remembers: bool,
}

impl Strategy {
    /// Shares of each sentence.
    pub fn new(features: &Features, shares: &[(SentenceId, FeatureId)]) -> Self {
        let roots: Vec<_> = shares.iter().map(|(_, feature)| *feature).collect();
        let nothing = |_: Leaf| Source::Known(Exact::default().into());
        let mut program = Program::compile(features, &roots, &mut { nothing });
        // each leaf as a price of its own, to see who depends on it
        let mut leaf = 0..;
        program.rebind(&mut |_| Source::Today(leaf.next().unwrap_or(0)));
        let leaves = (0..roots.len()).map(|root| program.reads(root)).collect();
        let remembers = program.leaves().iter().any(|leaf| leaf.day != When::Ago(0));
        let bounds = program.bounds(program.leaves().len());
        Self {
            traded: shares.iter().map(|(sentence, _)| *sentence).collect(),
            leaves,
            most: bounds.iter().map(|span| span.size()).sum(),
            remembers,
            program,
        }
    }

    /// Prepares it for a day on which so many prices are looked for.
    pub fn bind(&mut self, prices: usize, source: &mut dyn FnMut(Leaf) -> Source) {
        self.program.rebind(source);
        if self.remembers {
            self.most = self.program.bounds(prices).iter().map(|span| span.size()).sum();
        }
    }

    /// More than today's trade can lose, whatever the prices.
    pub fn most(&self) -> f64 {
        self.most
    }

    /// Today's prices that the shares of sentence number `root` depend on, ascending.
    pub fn reads(&self, root: usize) -> Vec<usize> {
        let places = self.leaves[root].iter().filter_map(|leaf| self.program.today(*leaf));
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    pub fn program(&self) -> &Program {
        &self.program
    }
}

/// `w_k sum_b 2^-b` times the factor of b, for the factors of the budgets from `first` on; the last is that of all above.
pub fn weight_of(weight: &Exact, first: u64, factors: &[Exact]) -> Exact {
    if first > DEEPEST {
        return Exact::default();
    }
    let scale = weight * &Exact::two_to_minus(first as usize - 1);
    let Some((last, below)) = factors.split_last() else {
        return scale;
    };
    let half = Exact::two_to_minus(1);
    let sum = below
        .iter()
        .rev()
        .fold(last.clone(), |sum, factor| &(factor + &sum) * &half);
    &scale * &sum
}
