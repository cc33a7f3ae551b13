//! The demand of features: what a strategy buys.

use super::super::feature::{Program, Sweeps};
use super::super::number::{Enclosure, Exact};
use super::Demand;
use crate::error::Result;

/// Bits up to which values are worked out exactly; beyond them in intervals.
const EXACT_BITS: usize = 4096;
/// Bits after the point beyond those asked for, at first; doubled while the intervals are too wide.
const GUARD_BITS: usize = 16;

/// Features, one for each sentence, of the sentences' prices: feature j is what is bought of sentence j.
#[derive(Clone, Debug)]
pub struct Strategy {
    whole: Program,
    /// The sentences that were asked for last, their features, and memory for these.
    asked: Vec<usize>,
    part: Program,
    floats: Vec<f64>,
    slopes: Vec<f64>,
    sweeps: Option<Sweeps>,
}

impl Strategy {
    pub fn new(program: Program) -> Self {
        Self {
            asked: (0..program.len()).collect(),
            part: program.clone(),
            whole: program,
            floats: Vec::new(),
            slopes: Vec::new(),
            sweeps: None,
        }
    }

    /// What is bought at exact prices, exactly.
    pub fn exact(&self, prices: &[Exact]) -> Vec<Exact> {
        self.whole.exact(prices)
    }

    /// Of the slopes with every price, those with the prices of the sentences `asked`.
    fn among(&self, prices: usize, asked: &[usize], slopes: &mut [f64]) {
        let rows = self.slopes.chunks_exact(prices);
        for (row, to) in rows.zip(slopes.chunks_exact_mut(asked.len())) {
            to.iter_mut().zip(asked).for_each(|(to, j)| *to = row[*j]);
        }
    }

    /// Makes `part` the features of these sentences.
    fn ask(&mut self, asked: &[usize]) {
        if self.asked != asked {
            self.part = self.whole.restricted(asked);
            self.asked = asked.to_vec();
            self.sweeps = None;
        }
    }
}

impl Demand for Strategy {
    fn len(&self) -> usize {
        self.whole.len()
    }

    fn estimate(&mut self, prices: &[f64], asked: &[usize], out: &mut [f64]) -> Result<()> {
        self.ask(asked);
        self.part.values((), prices, &mut self.floats, out);
        Ok(())
    }

    fn slopes(&mut self, prices: &[f64], asked: &[usize], out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        self.smoothed(prices, asked, 0.0, out, slopes)
    }

    fn smoothed(
        &mut self,
        prices: &[f64],
        asked: &[usize],
        width: f64,
        out: &mut [f64],
        slopes: &mut [f64],
    ) -> Result<bool> {
        self.ask(asked);
        let sweeps = self.sweeps.get_or_insert_with(|| Sweeps::new(&self.part));
        self.slopes.resize(asked.len() * prices.len(), 0.0);
        self.part.smoothed(prices, width, sweeps, out, &mut self.slopes);
        self.among(prices.len(), asked, slopes);
        Ok(true)
    }

    fn deep(
        &mut self,
        prices: &[Exact],
        asked: &[usize],
        bits: usize,
        out: &mut [f64],
        slopes: Option<&mut [f64]>,
    ) -> Result<bool> {
        self.ask(asked);
        let Some(slopes) = slopes else {
            self.part.deep(prices, bits, out);
            return Ok(true);
        };
        let sweeps = self.sweeps.get_or_insert_with(|| Sweeps::new(&self.part));
        self.slopes.resize(asked.len() * prices.len(), 0.0);
        self.part.deep_slopes((prices, bits), sweeps, out, &mut self.slopes);
        self.among(prices.len(), asked, slopes);
        Ok(true)
    }

    fn widest(&self, prices: &[f64]) -> f64 {
        self.part.widest(prices)
    }

    fn enclose(&mut self, prices: &[Exact], asked: &[usize], bits: usize, out: &mut [Enclosure]) -> Result<()> {
        self.ask(asked);
        if self.part.exact_bits(prices) <= EXACT_BITS {
            let bought = self.part.exact(prices);
            out.iter_mut().zip(bought).for_each(|(o, d)| *o = Enclosure::from(d));
            return Ok(());
        }
        let mut guard = GUARD_BITS;
        loop {
            let found = self.part.enclosures(prices, bits + guard);
            let wide = found.iter().any(|d| (&d.high - &d.low) >> guard > 1.into());
            if !wide || guard >= EXACT_BITS {
                out.iter_mut().zip(found).for_each(|(o, d)| *o = Enclosure::from(d));
                return Ok(());
            }
            guard *= 2;
        }
    }

    fn reads(&self) -> Vec<Vec<usize>> {
        (0..self.whole.len()).map(|j| self.whole.reads(j)).collect()
    }
}
