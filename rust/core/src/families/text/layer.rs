//! The second market: its traders are prices. What was published below (the beliefs of the first market's traders, its
//! price, the match) is traded again, by log pool, in books that a small context selects.
//!
//! Two more traders look at the first price alone. Weights that sum to 1 never say more than who speaks loudest, so the
//! bold one says twice the price's logit; and the sceptic gives even odds whatever is said, which is right of noise.

use super::logistic::Logistic;
use crate::lanes::eight::{Eight, Floats, LANES};
use pulp::Simd;

/// Two lots of eight traders: the beliefs of the first market, and four who see more or less of it; the rest stays empty.
pub type Seats<S> = [Floats<S>; 2];
type Book = [Eight; 2];
pub const PRICE: usize = 0;
pub const MATCH: usize = 1;
pub const BOLD: usize = 2;
pub const SCEPTIC: usize = 3;
/// The step of the log pool; the money moves slowly here.
const STEP: f32 = 0.02;
/// The Grue tax on each settlement: the share of the stakes that is spread evenly again.
const TAX: f32 = 1e-6;

/// What each book begins with: most of the money in the first market's price, some in the match.
const BIRTH: Book = {
    let mut second = [0.0; LANES];
    second[PRICE] = 0.56;
    second[MATCH] = 0.16;
    second[BOLD] = 0.02;
    second[SCEPTIC] = 0.02;
    [[0.03; LANES], second]
};

/// A book for each number of traders awake below and each class of a match's length.
pub const BOOKS: usize = (LANES + 1) * CLASSES;
const CLASSES: usize = 4;

/// The book in which a bit is traded; `bettors` are awake below, `length` is 0 without a match.
#[inline(always)]
pub fn book(bettors: usize, length: u32) -> usize {
    let class = usize::from(length > 0) + usize::from(length >= 12) + usize::from(length >= 20);
    bettors * CLASSES + class
}

/// The books, one for each context.
#[derive(Clone, Debug)]
pub struct Layer {
    pub books: [Book; BOOKS],
}

/// A price, and in which book it was made.
#[derive(Clone, Copy, Debug)]
pub struct Cleared {
    book: usize,
    logit: f32,
    /// The price of the less probable outcome.
    least: f32,
}

impl Cleared {
    #[inline(always)]
    fn price(&self) -> f32 {
        if self.logit > 0.0 { 1.0 - self.least } else { self.least }
    }

    /// The published probability of `y`; that of 0 and of 1 sum to 1.
    #[inline(always)]
    pub fn probability(&self, y: u32) -> f64 {
        let least = f64::from(self.least);
        if (y == 1) == (self.logit > 0.0) {
            1.0 - least
        } else {
            least
        }
    }
}

impl Default for Layer {
    fn default() -> Self {
        Self { books: [BIRTH; BOOKS] }
    }
}

impl Layer {
    #[inline(always)]
    pub fn clear<S: Simd>(&self, logistic: &Logistic, book: usize, logits: &Seats<S>, awake: &Seats<S>) -> Cleared {
        let [first, second] = self.stakes(book, awake);
        let worth = first * logits[0] + second * logits[1];
        let logit = worth.sum() / (first + second).sum();
        Cleared {
            book,
            logit,
            least: logistic.least(logit),
        }
    }

    /// The money of who is awake.
    #[inline(always)]
    fn stakes<S: Simd>(&self, book: usize, awake: &Seats<S>) -> Seats<S> {
        let wealth = &self.books[book % BOOKS];
        [awake[0].times(wealth[0]), awake[1].times(wealth[1])]
    }

    /// Moves the money after the bit `y`; who sleeps keeps what it has.
    #[inline(always)]
    pub fn settle<S: Simd>(&mut self, cleared: &Cleared, logits: &Seats<S>, awake: &Seats<S>, y: f32) {
        let stakes = self.stakes(cleared.book, awake);
        let step = STEP * (y - cleared.price());
        let staked = (stakes[0] + stakes[1]).sum();
        let dole = staked * TAX / (awake[0] + awake[1]).sum();
        for (lot, wealth) in self.books[cleared.book % BOOKS].iter_mut().enumerate() {
            // The stakes' mean logit is the price's, so their gains and losses sum to 0. As logits are bounded (by 21 at
            // most), nobody loses all: the one who errs most loses 0.02 * 18.
            let gain = (logits[lot] - cleared.logit) * step;
            let settled = (gain + 1.0) * (1.0 - TAX) * stakes[lot] + dole;
            let asleep = Floats::new(stakes[lot].simd(), *wealth);
            *wealth = awake[lot].choose(settled, asleep).lanes();
        }
    }
}
