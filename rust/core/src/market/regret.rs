//! Regret: the market's loss less each trader's, over the rounds in which the trader was awake.

use crate::accounts::book::{Book, TILE};
use crate::grue::stays::Stays;
use crate::market::state::{Accounts, Roster};
use crate::real::Real;
use crate::scaled::Scaled;
use crate::threads;

/// Each trader's regret in bits, or what it takes to work it out.
pub enum Regret<F> {
    Known(Vec<f64>),
    /// Log wealth ratio: exact where everybody staked everything and no tax was levied.
    Growth {
        start: Box<Accounts<F>>,
        end: Box<Accounts<F>>,
    },
    /// The same of the money that no levy redefined, less what the levies took.
    Unredefined(Box<Unredefined<F>>),
    /// (trader, bits) of those that were ever awake.
    Awake(Vec<(u32, f64)>),
}

/// What regret is worked out from where a rank-one tax is levied every round.
pub struct Unredefined<F> {
    pub(super) start: Accounts<F>,
    pub(super) end: Accounts<F>,
    pub(super) roster: Roster<F>,
    pub(super) stays: Stays,
}

impl<F: Real> Regret<F> {
    #[must_use]
    pub fn bits(&self, traders: usize) -> Vec<f64> {
        match self {
            Self::Known(bits) => bits.clone(),
            Self::Awake(some) => {
                let mut bits = vec![0.0; traders];
                for &(i, b) in some {
                    bits[i as usize] = b;
                }
                bits
            }
            Self::Growth { start, end } => {
                let mut bits = vec![0.0; traders];
                growth(start, end, &start.wealth, &end.wealth, &mut bits);
                bits
            }
            Self::Unredefined(held) => {
                let Unredefined {
                    start,
                    end,
                    roster,
                    stays,
                } = &**held;
                let (before, after) = (start.standing(), end.standing());
                let mut bits = vec![0.0; traders];
                growth(start, end, before, after, &mut bits);
                for (j, sum) in bits.iter_mut().enumerate().filter(|(j, _)| !before.value(*j).is_zero()) {
                    *sum -= stays.stayed(0, roster.rho.value(j).to_f64()).log2();
                }
                bits
            }
        }
    }
}

/// Adds log2 of each trader's growth from `before` to `after`, in shares; who had nothing then has not played.
pub(super) fn growth<F: Real>(
    start: &Accounts<F>,
    end: &Accounts<F>,
    before: &Book<F>,
    after: &Book<F>,
    bits: &mut [f64],
) {
    let unit = (start.total / end.total).log2();
    let tiles = bits.chunks_mut(TILE).enumerate().collect();
    threads::map(
        tiles,
        || (),
        |(), (t, bits): (usize, &mut [f64])| {
            let (a, b) = (before.tile(t), after.tile(t));
            for (i, sum) in bits.iter_mut().enumerate() {
                let before = a.value(i);
                if !before.is_zero() {
                    *sum += (b.value(i) / before).log2() + unit;
                }
            }
        },
    );
}

/// What regret is worked out from: likelihoods and prices, multiplied up over each trader's awake rounds.
pub struct Track<F> {
    pub(super) likelihoods: Book<F>,
    /// One a trader where some may sleep; else the sum of log2 prices serves all.
    pub(super) prices: Option<Book<F>>,
    pub(super) log2_prices: f64,
}

impl<F: Real> Track<F> {
    #[must_use]
    pub fn new(traders: usize, sleepers: bool) -> Self {
        let ones = || Book::from_values(traders, |_| Scaled::ONE);
        Self {
            likelihoods: ones(),
            prices: sleepers.then(ones),
            log2_prices: 0.0,
        }
    }

    /// Adds each trader's regret in bits to `regret`.
    pub fn add_to(&self, regret: &mut [f64]) {
        for (i, sum) in regret.iter_mut().enumerate() {
            let prices = self
                .prices
                .as_ref()
                .map_or(self.log2_prices, |book| book.value(i).log2());
            *sum += self.likelihoods.value(i).log2() - prices;
        }
    }
}
