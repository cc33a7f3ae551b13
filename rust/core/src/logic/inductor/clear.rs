//! Prices, what is bought at them, and the certificate of just that.

use crate::error::{MarketError, Result};
use crate::logic::firm::{Bought, FirmDemand};
use crate::logic::maker::{self, Cleared, Options, Solver};
use crate::logic::number::{Enclosure, Exact};
use crate::logic::outlook::Outlook;

/// How a day is cleared.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What the certificate may be.
    pub tolerance: Exact,
    pub options: Options,
    /// Prices that were found before: they are checked, none are looked for.
    pub given: Option<Given>,
}

/// Prices that were found before, and how.
#[derive(Clone, Debug)]
pub struct Given {
    /// By ascending sentence.
    pub prices: Vec<Exact>,
    pub solver: Solver,
    pub evaluations: u32,
}

/// The part of the tolerance that the search leaves to rounding: `2^-ROUNDING`.
const ROUNDING: usize = 32;

/// Evaluations that may be spent on prices that are better than they must be.
const POLISHING: u32 = 1000;

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
pub fn search(demand: &mut FirmDemand<'_>, outlook: &Outlook, start: &[Exact], terms: &Terms) -> Result<Found> {
    let aim = &terms.tolerance * &(&Exact::from(1) - &Exact::two_to_minus(ROUNDING));
    let mut start = start.to_vec();
    let mut evaluations = 0;
    loop {
        let mut cleared = polished(demand, &start, &aim, &terms.options)?;
        evaluations += cleared.evaluations;
        cleared.evaluations = evaluations;
        let found = Found::at(demand, cleared);
        let learned = demand.learn(outlook, &found.bought, &found.cleared.prices);
        outlook.stop()?;
        if !learned {
            return Ok(found);
        }
        start = found.cleared.prices;
    }
}

/// Prices that are as good as asked for, where that takes no great effort; else such as are within the tolerance.
fn polished(demand: &mut FirmDemand<'_>, start: &[Exact], tolerance: &Exact, options: &Options) -> Result<Cleared> {
    let Some(polish) = options.polish.as_ref().filter(|polish| *polish < tolerance) else {
        return maker::solve(demand, start, tolerance, options);
    };
    let few = Options {
        evaluations: options.evaluations.min(POLISHING),
        ..options.clone()
    };
    let found = maker::search(demand, start, polish, &few)?;
    if found.certificate <= *tolerance {
        return Ok(found);
    }
    maker::solve(demand, &found.prices, tolerance, options)
}

/// Takes prices that were found before.
pub fn given(demand: &mut FirmDemand<'_>, outlook: &Outlook, given: &Given) -> Result<Found> {
    let prices = &given.prices;
    let (one, asked) = (Exact::from(1), demand.columns());
    if prices.len() != asked || prices.iter().any(|p| p.is_negative() || *p > one) {
        return Err(MarketError::shape(format!(
            "{} prices for the {asked} sentences that are traded today; give one in [0, 1] for each",
            prices.len()
        )));
    }
    loop {
        let cleared = Cleared {
            prices: prices.clone(),
            demand: vec![Enclosure::default(); asked],
            certificate: Exact::default(),
            solver: given.solver,
            evaluations: given.evaluations,
        };
        let found = Found::at(demand, cleared);
        let learned = demand.learn(outlook, &found.bought, prices);
        outlook.stop()?;
        if !learned {
            return Ok(found);
        }
    }
}
