//! Logarithms, exponentials and powers of f64, to about one unit in the last place.
//!
//! The system's own differ from processor to processor. These have no branch and no table, so the compiler makes vectors of
//! them; every fused multiply-add is asked for by name, so they have the same bits everywhere (a processor without one takes
//! far longer). The series are fdlibm's (Sun Microsystems 1993).
//!
//! Tried, and no faster: one division for the logarithms of two.

use super::prefetch::prefetch;
use super::vector::Vector;
use super::{LANES, LINE, RUN, add_lanes, vectors};
use pulp::{Simd, WithSimd};
use std::f64::consts::{LN_2, LOG2_E};

const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
const ONE: u64 = 1023 << 52;
const MANTISSA: u64 = (1 << 52) - 1;
/// 1.5 * 2^52: what is added to it is rounded to a whole number, which stands in the last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Lines of the cache that are sent for at a time.
const LINES: usize = 8;
/// Below this e^x is given as 0; the true value is less than the least normal number times 1.4.
const LEAST: f64 = -708.0;

/// `a b + c`, rounded once.
#[inline(always)]
fn fma(a: f64, b: f64, c: f64) -> f64 {
    a.mul_add(b, c)
}

/// ln x for a normal x > 0.
#[inline(always)]
fn ln_normal(x: f64) -> f64 {
    // x = m 2^k with m from sqrt(1/2) to sqrt(2); ln m = 2 artanh s, s = (m - 1) / (m + 1)
    const HALF_ROOT: u64 = 0x3fe6_a09e_667f_3bcd;
    const WHOLE: u64 = (1023 + 52) << 52; // the bits of 2^52
    let bits = x.to_bits().wrapping_add(ONE - HALF_ROOT);
    let k = f64::from_bits((bits >> 52) | WHOLE) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((bits & MANTISSA) + HALF_ROOT);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let w = z * z;
    let even = w * fma(
        fma(w, 1.531_383_769_920_937_3e-1, 2.222_219_843_214_978_4e-1),
        w,
        3.999_999_999_940_942e-1,
    );
    let odd = fma(w, 1.479_819_860_511_658_6e-1, 1.818_357_216_161_805e-1);
    let odd = fma(fma(odd, w, 2.857_142_874_366_239e-1), w, 6.666_666_666_666_735e-1);
    fma(k, LN_2, s * (2.0 + fma(z, odd, even)))
}

/// ln of x held within [low, high]; low is a normal number.
#[inline(always)]
fn ln_within(x: f64, low: f64, high: f64) -> f64 {
    let x = if x > low { x } else { low };
    ln_normal(if x < high { x } else { high })
}

/// ln x for x >= 0; -inf of 0.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    const UP: f64 = 18_014_398_509_481_984.0; // 2^54
    let subnormal = x < f64::MIN_POSITIVE;
    let raised = if subnormal { x * UP } else { x };
    let shift = if subnormal { 54.0 * LN_2 } else { 0.0 };
    let out = ln_normal(raised) - shift;
    if x == 0.0 { f64::NEG_INFINITY } else { out }
}

/// e^x for x <= 709; 0 below -708.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let held = if x > LEAST { x } else { LEAST };
    let held = if held < 709.0 { held } else { 709.0 };
    let shifted = fma(held, LOG2_E, ROUND);
    let k = shifted - ROUND;
    let (high, low) = (fma(k, -LN2_HIGH, held), k * LN2_LOW);
    let r = high - low;
    let t = r * r;
    let c = fma(t, 4.138_136_797_057_238_5e-8, -1.653_390_220_546_525_2e-6);
    let c = fma(fma(c, t, 6.613_756_321_437_934e-5), t, -2.777_777_777_701_559_3e-3);
    let c = fma(-t, fma(c, t, 1.666_666_666_666_660_2e-1), r);
    let y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(ONE));
    if x < LEAST { 0.0 } else { y * power }
}

/// log2 x for x >= 0.
#[inline(always)]
pub fn log2(x: f64) -> f64 {
    ln(x) * LOG2_E
}

/// x^p for x >= 0, p > 0.
#[inline(always)]
pub fn pow(x: f64, p: f64) -> f64 {
    exp(ln(x) * p)
}

/// e^x - 1 to all its digits; from the rounding of e^x and back (Kahan).
pub fn exp_m1(x: f64) -> f64 {
    let y = exp(x);
    if y == 1.0 {
        x
    } else if !(0.5..=2.0).contains(&y) {
        y - 1.0
    } else {
        (y - 1.0) * (x / ln(y))
    }
}

/// ln(1 + x) to all its digits, for x >= -1.
pub fn ln_1p(x: f64) -> f64 {
    let y = 1.0 + x;
    if y == 1.0 {
        x
    } else if !(0.5..=2.0).contains(&y) {
        ln(y)
    } else {
        ln(y) * (x / (y - 1.0))
    }
}

kernel! {
    /// `out = row^p`
    wide fn raise(row: &'a [f64], p: f64, out: &'a mut [f64]), _s {
        // the aversions most asked for, 2, 4, 1/2 and 1/4, need no logarithm
        let pairs = out.iter_mut().zip(row);
        if p == 0.5 {
            pairs.for_each(|(y, &x)| *y = x.sqrt());
        } else if p == 0.25 {
            pairs.for_each(|(y, &x)| *y = x.sqrt().sqrt());
        } else if p == 2.0 {
            pairs.for_each(|(y, &x)| *y = x * x);
        } else if p == 4.0 {
            pairs.for_each(|(y, &x)| *y = (x * x) * (x * x));
        } else {
            // in a closure so much code is not inlined, and then knows nothing of this processor's instructions
            for (y, &x) in pairs {
                *y = pow(x, p);
            }
        }
    }
}

kernel! {
    /// `row = (row * scales)^powers`, entry by entry.
    wide fn raise_scaled(row: &'a mut [f64], scales: &'a [f64], powers: &'a [f64]), _s {
        for ((x, &scale), &p) in row.iter_mut().zip(scales).zip(powers) {
            *x = pow(*x * scale, p);
        }
    }
}

kernel! {
    /// `sums += factor * ln(row held within [low, high])`; low is a normal number.
    /// What stands so far `ahead` of the row is sent for.
    wide fn add_lns(sums: &'a mut [f64], row: &'a [f64], ahead: usize, low: f64, high: f64, factor: f64), _s {
        let whole = row;
        for (line, (sums, row)) in sums.chunks_mut(LINES * LINE).zip(row.chunks(LINES * LINE)).enumerate() {
            (0..LINES).for_each(|i| prefetch(whole, ahead + (line * LINES + i) * LINE));
            for (sum, &x) in sums.iter_mut().zip(row) {
                *sum = fma(factor, ln_within(x, low, high), *sum);
            }
        }
    }
}

/// Entries that are taken at a time.
const STEP: usize = LINES * LINE;

/// What [`dot_lns`] has found so far.
struct Dot<S: Simd> {
    sums: [S::f64s; LANES],
    least: S::f64s,
}

impl<S: Simd> Dot<S> {
    /// The sum is added up between logarithms, which wait for their divisions.
    #[inline(always)]
    fn add(&mut self, s: S, stakes: &[f64; STEP], row: &[f64; STEP], totals: &mut [f64; STEP], low: f64, high: f64) {
        let mut lns = [0.0; STEP];
        for (y, &x) in lns.iter_mut().zip(row) {
            *y = ln_within(x, low, high);
        }
        let (stakes, row, lns) = (
            f64::split::<S>(stakes).0,
            f64::split::<S>(row).0,
            f64::split::<S>(&lns).0,
        );
        let totals = f64::split_mut::<S>(totals).0;
        for i in 0..stakes.len() {
            let sum = &mut self.sums[i % vectors::<f64, S>()];
            *sum = s.add_f64s(*sum, s.mul_f64s(stakes[i], lns[i]));
            totals[i] = s.add_f64s(totals[i], row[i]);
            self.least = s.min_f64s(self.least, row[i]);
        }
    }
}

kernel! {
    /// `sum stakes * ln(row held within [low, high])` of at most a run, and whether no entry is below 0; low is a normal
    /// number. The row is added to `totals`. What stands so far `ahead` of the row is sent for.
    wide fn dot_lns(
        stakes: &'a [f64],
        row: &'a [f64],
        totals: &'a mut [f64],
        ahead: usize,
        low: f64,
        high: f64
    ) -> (f64, bool), s {
        debug_assert!(row.len() <= RUN, "the runs of a longer one are added apart");
        let zero = s.splat_f64s(0.0);
        let mut dot = Dot { sums: [zero; LANES], least: zero };
        let (whole_stakes, rest_stakes) = stakes.as_chunks::<STEP>();
        let (whole, rest) = row.as_chunks::<STEP>();
        let (whole_totals, rest_totals) = totals.as_chunks_mut::<STEP>();
        for (step, ((u, x), total)) in whole_stakes.iter().zip(whole).zip(whole_totals).enumerate() {
            (0..LINES).for_each(|i| prefetch(row, ahead + step * STEP + i * LINE));
            dot.add(s, u, x, total, low, high);
        }
        if !rest.is_empty() {
            let mut filled = [[0.0; STEP]; 3];
            for (filled, rest) in filled.iter_mut().zip([rest_stakes, rest, &*rest_totals]) {
                filled[..rest.len()].copy_from_slice(rest);
            }
            let [u, x, mut total] = filled;
            dot.add(s, &u, &x, &mut total, low, high);
            rest_totals.copy_from_slice(&total[..rest.len()]);
        }
        let least: &[f64] = bytemuck::cast_slice(std::slice::from_ref(&dot.least));
        let positive = least.iter().all(|&x| x >= 0.0);
        (add_lanes::<f64, S>(s, &mut dot.sums), positive)
    }
}

kernel! {
    /// `out = log2(row / over)`
    wide fn log2_ratios(row: &'a [f64], over: f64, out: &'a mut [f64]), _s {
        for (y, &x) in out.iter_mut().zip(row) {
            *y = log2(x / over);
        }
    }
}
