//! The second market: its traders are prices. What was published below (the beliefs of the first market's traders, its
//! price, the match) is traded again, by log pool, in books that a small context selects.

use crate::lanes::eight::{Eight, LANES, sigmoid};

/// Two lots of eight traders: the beliefs of the first market, and `PRICE`, `MATCH`, six seats that stay empty.
pub type Seats = [Eight; 2];
pub const PRICE: usize = 0;
pub const MATCH: usize = 1;
/// How much of the exponent of a step of the log pool is believed; the money moves slowly here.
const STEP: f32 = 0.02;
/// The Grue tax on each settlement: the share of money that is spread evenly again.
const TAX: f32 = 1e-4;

/// What each book begins with: most of the money in the first market's price, some in the match.
const BIRTH: Seats = {
    let mut second = [0.0; 8];
    second[PRICE] = 0.6;
    second[MATCH] = 0.16;
    [Eight::splat(0.03), Eight(second)]
};

/// A book for each longest order that is awake (or none) and each class of a match's length.
pub const BOOKS: usize = (LANES + 1) * CLASSES;
const CLASSES: usize = 4;

/// The book in which a bit is traded; `highest` orders are awake up to the longest, `length` is 0 without a match.
#[inline(always)]
pub fn book(highest: usize, length: u32) -> usize {
    let class = usize::from(length > 0) + usize::from(length >= 12) + usize::from(length >= 20);
    highest * CLASSES + class
}

/// The books, one for each context.
#[derive(Clone, Debug)]
pub struct Layer {
    pub books: [Seats; BOOKS],
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

impl Layer {
    pub fn new() -> Self {
        Self { books: [BIRTH; BOOKS] }
    }

    #[inline(always)]
    pub fn clear(&self, book: usize, logits: &Seats, awake: &Seats) -> Cleared {
        let wealth = &self.books[book % BOOKS];
        let stakes = [wealth[0] * awake[0], wealth[1] * awake[1]];
        let worth = stakes[0] * logits[0] + stakes[1] * logits[1];
        let logit = worth.sum() / (stakes[0] + stakes[1]).sum();
        Cleared {
            book,
            logit,
            least: sigmoid(-logit.abs()),
        }
    }

    /// Moves the money after the bit `y`; who sleeps keeps what it has.
    #[inline(always)]
    pub fn settle(&mut self, cleared: &Cleared, logits: &Seats, awake: &Seats, y: f32) {
        let wealth = &mut self.books[cleared.book % BOOKS];
        let price = if cleared.logit > 0.0 {
            1.0 - cleared.least
        } else {
            cleared.least
        };
        let step = STEP * (y - price);
        // e^x to the second power of x, which stays positive
        let grown = |lot: usize| {
            let x = (logits[lot] - cleared.logit) * step;
            (x * (x * 0.5 + 1.0) + 1.0) * wealth[lot] * awake[lot]
        };
        let grown = [grown(0), grown(1)];
        let staked = (wealth[0] * awake[0] + wealth[1] * awake[1]).sum();
        let heads = (awake[0] + awake[1]).sum();
        let scale = staked * (1.0 - TAX) / (grown[0] + grown[1]).sum();
        let dole = staked * TAX / heads;
        for lot in 0..2 {
            wealth[lot] = grown[lot] * scale + awake[lot] * dole + (Eight::splat(1.0) - awake[lot]) * wealth[lot];
        }
    }
}
