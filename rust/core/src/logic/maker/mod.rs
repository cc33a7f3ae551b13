//! The market maker of logical induction (Garrabrant et al. 2016, definition 5.1.1): prices at which no world lets a demand gain
//! more than a tolerance.
//!
//! With demand d at prices V in [0, 1]^k the most that any table of 0s and 1s W lets it gain, `max_W d.(W - V)`, is
//! `sum_j max(d_j (1 - V_j), -d_j V_j)`, the certificate. Prices are found by any means, in floats; the certificate is then
//! worked out at exact prices from sound enclosures of the demand, so that it holds whatever the search did. Prices that do not
//! depend on each other are found apart.

mod certify;
mod components;
mod coupled;
mod deep;
mod hunt;
mod line;
mod newton;
mod strategy;
mod zoom;

pub use certify::certificate;
pub use strategy::Strategy;

use super::number::{Enclosure, Exact};
use crate::clearing::equilibrium::BUDGET;
use crate::error::{MarketError, Result};

/// What a market buys of each of k sentences, as a function of their prices. It must be continuous.
pub trait Demand {
    /// k
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `out` with the demand for the sentences `asked` at `prices` (all k), as floats. The search alone reads it, so no
    /// rounding here makes an answer wrong.
    fn estimate(&mut self, prices: &[f64], asked: &[usize], out: &mut [f64]) -> Result<()>;

    /// The same with `slopes`: how demand `asked[a]` changes with the price of `asked[b]`, row-major. At kinks the slope of any
    /// side. False where the demand does not know its slopes; differences are taken then.
    fn slopes(&mut self, prices: &[f64], asked: &[usize], out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        let _ = (prices, asked, out, slopes);
        Ok(false)
    }

    /// The same of a demand whose kinks are rounded off over about `width`: a search that stands where nothing has a slope sees by
    /// it where to go.
    fn smoothed(
        &mut self,
        prices: &[f64],
        asked: &[usize],
        width: f64,
        out: &mut [f64],
        slopes: &mut [f64],
    ) -> Result<bool> {
        let _ = (prices, asked, width, out, slopes);
        Ok(false)
    }

    /// The width at which about all kinks of the demand that was asked last are rounded off; 0 where there are none.
    fn widest(&self, prices: &[f64]) -> f64 {
        let _ = prices;
        0.0
    }

    /// The demand at exact prices, worked out with so many bits after the point, and its slopes if they are asked for: a search
    /// beyond the precision of floats reads it. False where the slopes are not known; differences are taken then.
    fn deep(
        &mut self,
        prices: &[Exact],
        asked: &[usize],
        bits: usize,
        out: &mut [f64],
        slopes: Option<&mut [f64]>,
    ) -> Result<bool> {
        let _ = slopes;
        let mut bought = vec![Enclosure::default(); asked.len()];
        self.enclose(prices, asked, bits, &mut bought)?;
        out.iter_mut().zip(bought).for_each(|(o, d)| *o = d.middle().to_f64());
        Ok(false)
    }

    /// Fills `out` with numbers between which the demand for the sentences `asked` certainly lies at these exact prices, not much
    /// more than `2^-bits` apart.
    fn enclose(&mut self, prices: &[Exact], asked: &[usize], bits: usize, out: &mut [Enclosure]) -> Result<()>;

    /// The demand as floats, and how each changes as all prices of the sentences `asked` rise alike: for demands that hardly
    /// depend on each other that is the slope with the own price. False where it is not known.
    fn together(&mut self, prices: &[f64], asked: &[usize], out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        let _ = (prices, asked, out, slopes);
        Ok(false)
    }

    /// A graph of what may depend on which prices: node `j` leads to the sentences whose prices the demand for sentence `j` reads,
    /// or to nodes from `len()` on that stand for something between and lead there.
    fn reads(&self) -> Vec<Vec<usize>> {
        vec![(0..self.len()).collect(); self.len()]
    }
}

/// How prices are looked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The certificate that is aimed at where the tolerance is greater; the tolerance decides what counts as solved.
    pub polish: Option<Exact>,
    /// Evaluations of one component's demand after which nothing new is begun.
    pub evaluations: u32,
    /// Whether simple fractions are tried: demand `1 - 3p` then gives 1/3 itself. Otherwise every price is a multiple of a power
    /// of 1/2, of as few bits as the aim allows.
    pub fractions: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            polish: None,
            evaluations: BUDGET,
            fractions: false,
        }
    }
}

/// Prices and what is known of the demand at them.
#[derive(Clone, Debug)]
pub struct Cleared {
    pub prices: Vec<Exact>,
    /// The demand for each sentence.
    pub demand: Vec<Enclosure>,
    /// No less than `sum_j max(d_j (1 - V_j), -d_j V_j)`; that itself where the enclosures are points.
    pub certificate: Exact,
    /// What found the prices of the hardest component.
    pub solver: Solver,
    /// How often a component's demand was worked out, in floats or exactly.
    pub evaluations: u32,
}

/// What found prices, from the easiest case to the hardest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Solver {
    /// The prices at which the search began are good.
    Start,
    /// Secants and halving on one price.
    Line,
    /// The same beyond the precision of floats.
    DeepLine,
    /// The portfolio for several prices together.
    Coupled,
    /// Newton steps beyond the precision of floats; where they end, the portfolio again on ever smaller scales.
    Deep,
}

impl Solver {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Line => "line",
            Self::DeepLine => "deep line",
            Self::Coupled => "coupled",
            Self::Deep => "deep",
        }
    }
}

/// Prices whose certificate is within the tolerance, looked for from `start`: where several do, one near it.
///
/// `MarketError::NotCleared` with the best certificate reached where none are found.
pub fn solve(demand: &mut dyn Demand, start: &[Exact], tolerance: &Exact, options: &Options) -> Result<Cleared> {
    let found = search(demand, start, tolerance, options)?;
    if found.certificate <= *tolerance {
        return Ok(found);
    }
    Err(MarketError::NotCleared(format!(
        "no prices of {} sentences found within the tolerance {:e}: the best certificate after {} evaluations is {:e}; is the \
         demand continuous in the prices? A greater tolerance or more evaluations may help",
        start.len(),
        tolerance.to_f64(),
        found.evaluations,
        found.certificate.to_f64()
    )))
}

/// The best prices found, within the tolerance or not.
pub fn search(demand: &mut dyn Demand, start: &[Exact], tolerance: &Exact, options: &Options) -> Result<Cleared> {
    check(demand, start, tolerance)?;
    hunt::Hunt::new(demand, start, tolerance, options).run()
}

fn check(demand: &dyn Demand, start: &[Exact], tolerance: &Exact) -> Result<()> {
    if start.len() != demand.len() {
        return Err(MarketError::shape(format!(
            "{} prices to start from for a demand of {} sentences; give one for each",
            start.len(),
            demand.len()
        )));
    }
    let one = Exact::from(1);
    if let Some((j, price)) = start.iter().enumerate().find(|(_, p)| p.is_negative() || **p > one) {
        return Err(MarketError::input(format!(
            "the price {price} to start from, of sentence {j}, is not in [0, 1]"
        )));
    }
    if tolerance.sign() <= 0 {
        return Err(MarketError::input(format!(
            "tolerance {tolerance} is not above 0; it is the most that the demand may gain in any world"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
