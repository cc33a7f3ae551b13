//! Prices, what is bought at them, and the certificate of just that.

use crate::error::{MarketError, Result};
use crate::logic::firm::{Bought, FirmDemand};
use crate::logic::maker::{self, Cleared, Options, Solver};
use crate::logic::number::{Enclosure, Exact};
use crate::logic::outlook::Outlook;

/// How a day is cleared.
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    /// What the certificate may be.
    pub tolerance: Exact,
    pub options: Options,
    /// Prices that were found before, by ascending sentence: they are checked, none are looked for.
    pub given: Option<&'a [Exact]>,
}

/// The part of the tolerance that the search leaves to rounding: `2^-ROUNDING`.
const ROUNDING: usize = 32;

/// Prices, and what every bid buys at them.
pub struct Found {
    pub cleared: Cleared,
    pub bought: Vec<Bought>,
}

impl Found {
    fn at(demand: &FirmDemand<'_>, mut cleared: Cleared) -> Self {
        let bought = demand.bought(&cleared.prices);
        cleared.demand = demand.total(&bought);
        cleared.certificate = maker::certificate(&cleared.prices, &cleared.demand);
        Self { cleared, bought }
    }
}

/// Looks for prices. Where not all worlds are looked at from the start, those that prove to matter are added, and prices are
/// looked for again from there.
pub fn search(demand: &mut FirmDemand<'_>, outlook: &Outlook, start: &[Exact], terms: &Terms<'_>) -> Result<Found> {
    let aim = &terms.tolerance * &(&Exact::from(1) - &Exact::two_to_minus(ROUNDING));
    let mut start = start.to_vec();
    let mut evaluations = 0;
    loop {
        let mut cleared = maker::solve(demand, &start, &aim, &terms.options)?;
        evaluations += cleared.evaluations;
        cleared.evaluations = evaluations;
        let found = Found::at(demand, cleared);
        if !demand.learn(outlook, &found.bought, &found.cleared.prices) {
            return Ok(found);
        }
        start = found.cleared.prices;
    }
}

/// Takes prices that were found before.
pub fn given(demand: &mut FirmDemand<'_>, outlook: &Outlook, prices: &[Exact]) -> Result<Found> {
    let (one, asked) = (Exact::from(1), demand.columns());
    if prices.len() != asked || prices.iter().any(|p| p.is_negative() || *p > one) {
        return Err(MarketError::shape(format!(
            "{} prices for the {asked} sentences that are traded today; give one in [0, 1] for each",
            prices.len()
        )));
    }
    loop {
        let cleared = Cleared {
            prices: prices.to_vec(),
            demand: vec![Enclosure::default(); asked],
            certificate: Exact::default(),
            solver: Solver::Start,
            evaluations: 0,
        };
        let found = Found::at(demand, cleared);
        if !demand.learn(outlook, &found.bought, prices) {
            return Ok(found);
        }
    }
}
