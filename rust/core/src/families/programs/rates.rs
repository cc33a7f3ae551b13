//! What a program's forecast is, from what it says and its record.

use super::{Manner, SILENT};
use crate::lanes::dispatch_wide;
use pulp::{Simd, WithSimd};

impl Manner {
    pub(super) fn rates(&self) -> Rates {
        let (half, count) = if self.noise { (0.5, 1.0) } else { (0.0, 0.0) };
        Rates {
            half,
            whole: 1.0 - half,
            count,
            even: 1.0 / self.outcomes as f64,
            other: 1.0 / (self.outcomes - 1) as f64,
        }
    }
}

/// `(hits + 1/2) / (n + 1)` for what a program says, the rest evenly for the others; without doubt `(hits + 1) / (n + 1)`
/// and nothing is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// What is added to misses and to hits, and what a round counts.
    half: f64,
    whole: f64,
    count: f64,
    /// The probability of each outcome for who says nothing, and the others' shares of what is left to them.
    even: f64,
    other: f64,
}

impl Rates {
    #[inline(always)]
    pub fn of(&self, said: u16, outcome: u16, hits: f64, misses: f64) -> f64 {
        let (hit, miss) = (hits + self.whole, (misses + self.half) * self.other);
        let told = either(said == outcome, hit, miss) / (hits + misses + 1.0);
        either(said == SILENT, self.even, told)
    }

    #[inline(always)]
    fn see(&self, said: u16, outcome: u16, hits: &mut f64, misses: &mut f64) {
        *hits += either(said == outcome, self.count, 0.0);
        let miss = either(said == outcome, 0.0, self.count);
        *misses += either(said == SILENT, 0.0, miss);
    }

    pub fn count(&self, said: &[u16], outcome: u16, hits: &mut [f64], misses: &mut [f64]) {
        let counts = hits.iter_mut().zip(misses);
        counts
            .zip(said)
            .for_each(|((hits, misses), &said)| self.see(said, outcome, hits, misses));
    }

    /// What each gives to the outcome, and what it counts.
    pub fn go(self, said: &[u16], outcome: u16, (hits, misses): (&mut [f64], &mut [f64]), out: &mut [f64]) {
        let n = out.len();
        dispatch_wide(Go {
            rates: self,
            said: &said[..n],
            outcome,
            hits: &mut hits[..n],
            misses: &mut misses[..n],
            out,
        });
    }
}

/// [`Rates::go`] in the processor's own vectors.
struct Go<'a> {
    rates: Rates,
    said: &'a [u16],
    outcome: u16,
    hits: &'a mut [f64],
    misses: &'a mut [f64],
    out: &'a mut [f64],
}

impl WithSimd for Go<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let counts = self.hits.iter_mut().zip(self.misses);
        for ((p, &said), (hits, misses)) in self.out.iter_mut().zip(self.said).zip(counts) {
            *p = self.rates.of(said, self.outcome, *hits, *misses);
            self.rates.see(said, self.outcome, hits, misses);
        }
    }
}

/// `if which { yes } else { no }` without a jump: nobody foresees who is right.
#[inline(always)]
fn either(which: bool, yes: f64, no: f64) -> f64 {
    let mask = 0_u64.wrapping_sub(which.into());
    f64::from_bits(yes.to_bits() & mask | no.to_bits() & !mask)
}
