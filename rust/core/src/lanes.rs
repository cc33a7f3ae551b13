//! The loops in which the time goes, one pass over a tile each, compiled for the widest vectors the processor has.
//!
//! Sums are added in a fixed shape: 32 interleaved lanes within a run of 512 traders, the lanes pairwise, the runs in
//! order in f64. No fused multiply-add is used. So a sum has the same bits on every processor.

use crate::real::Real;
use pulp::Arch;
use std::sync::LazyLock;

const LANES: usize = 32;
const RUN: usize = 512;

/// Runs `work` compiled for the processor at hand; everything in it must be `#[inline(always)]`.
#[inline]
fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);
    ARCH.dispatch(work)
}

/// What a row of forecasts holds: the least positive entry, whether there is a 0, and whether all are numbers in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    pub least: f64,
    pub zero: bool,
    pub valid: bool,
}

#[inline(always)]
fn add_lanes<F: Real>(lanes: [F; LANES]) -> f64 {
    let mut lanes = lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0].to_f64()
}

/// Adds `term(i, a[i], b[i])` over a tile in the fixed shape; `term` may change `a[i]`.
#[inline(always)]
fn accumulate<F: Real>(a: &mut [F], b: &[F], mut term: impl FnMut(&mut F, F) -> F) -> f64 {
    let mut total = 0.0;
    for (run_a, run_b) in a.chunks_mut(RUN).zip(b.chunks(RUN)) {
        let mut lanes = [F::ZERO; LANES];
        let (mut whole_a, mut whole_b) = (run_a.chunks_exact_mut(LANES), run_b.chunks_exact(LANES));
        for (x, y) in (&mut whole_a).zip(&mut whole_b) {
            for i in 0..LANES {
                lanes[i] += term(&mut x[i], y[i]);
            }
        }
        for ((lane, x), &y) in lanes.iter_mut().zip(whole_a.into_remainder()).zip(whole_b.remainder()) {
            *lane += term(x, y);
        }
        total += add_lanes(lanes);
    }
    total
}

/// The same over what is only read.
#[inline(always)]
fn accumulate_ref<F: Real>(a: &[F], b: &[F], term: impl Fn(F, F) -> F) -> f64 {
    let mut total = 0.0;
    for (run_a, run_b) in a.chunks(RUN).zip(b.chunks(RUN)) {
        let mut lanes = [F::ZERO; LANES];
        let (whole_a, whole_b) = (run_a.chunks_exact(LANES), run_b.chunks_exact(LANES));
        let (rest_a, rest_b) = (whole_a.remainder(), whole_b.remainder());
        for (x, y) in whole_a.zip(whole_b) {
            for i in 0..LANES {
                lanes[i] += term(x[i], y[i]);
            }
        }
        for ((lane, &x), &y) in lanes.iter_mut().zip(rest_a).zip(rest_b) {
            *lane += term(x, y);
        }
        total += add_lanes(lanes);
    }
    total
}

/// `sum m`
pub fn sum<F: Real>(m: &[F]) -> f64 {
    vectorised(
        #[inline(always)]
        || accumulate_ref(m, m, |x, _| x),
    )
}

/// `sum m * row`
pub fn dot<F: Real>(m: &[F], row: &[F]) -> f64 {
    vectorised(
        #[inline(always)]
        || accumulate_ref(m, row, |x, y| x * y),
    )
}

/// `m *= row`, returning the new `sum m`: settlement and price in one pass. Equals [`dot`] bit for bit.
pub fn multiply<F: Real>(m: &mut [F], row: &[F]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            accumulate(m, row, |x, y| {
                *x *= y;
                *x
            })
        },
    )
}

/// `m = keep * m + inflow * rho`, returning `2^-TOP * sum rho * m` of before: a rank-one tax on a tile.
pub fn affine<F: Real>(m: &mut [F], rho: &[F], keep: F, inflow: F) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            accumulate(m, rho, |x, r| {
                let given_back = F::UNIT * r * *x;
                *x = keep * *x + inflow * r;
                given_back
            })
        },
    )
}

/// `m += factor * other`
pub fn add_scaled<F: Real>(m: &mut [F], other: &[F], factor: F) {
    vectorised(
        #[inline(always)]
        || m.iter_mut().zip(other).for_each(|(x, &y)| *x += factor * y),
    );
}

/// `m *= factor`
pub fn scale<F: Real>(m: &mut [F], factor: F) {
    vectorised(
        #[inline(always)]
        || m.iter_mut().for_each(|x| *x *= factor),
    );
}

/// The greatest and the least positive entry (0 and infinity where there is none).
pub fn extremes<F: Real>(m: &[F]) -> (f64, f64) {
    vectorised(
        #[inline(always)]
        || {
            let (mut most, mut least) = ([F::ZERO; LANES], [F::MAX; LANES]);
            let whole = m.chunks_exact(LANES);
            let rest = whole.remainder();
            for x in whole {
                for i in 0..LANES {
                    most[i] = if x[i] > most[i] { x[i] } else { most[i] };
                    let positive = if x[i] > F::ZERO { x[i] } else { F::MAX };
                    least[i] = if positive < least[i] { positive } else { least[i] };
                }
            }
            for (i, &x) in rest.iter().enumerate() {
                most[i] = if x > most[i] { x } else { most[i] };
                least[i] = if x > F::ZERO && x < least[i] { x } else { least[i] };
            }
            let most = most.iter().fold(0.0, |a: f64, x| a.max(x.to_f64()));
            let least = least.iter().fold(f64::INFINITY, |a, x| a.min(x.to_f64()));
            (most, if most == 0.0 { f64::INFINITY } else { least })
        },
    )
}

/// Copies a row of probabilities into the book's type, or their complements to 1, and takes its extent.
pub fn load<P: Real, F: Real>(source: &[P], row: &mut [F], complement: bool) -> Extent {
    vectorised(
        #[inline(always)]
        || {
            if complement {
                load_with(source, row, |p| P::ONE - p)
            } else {
                load_with(source, row, |p| p)
            }
        },
    )
}

#[inline(always)]
fn load_with<P: Real, F: Real>(source: &[P], row: &mut [F], turn: impl Fn(P) -> P) -> Extent {
    let most = P::from_f64(1.0 + P::SUM_TOLERANCE);
    let mut least = [P::ONE; LANES];
    let (mut bad, mut zero) = ([false; LANES], [false; LANES]);
    let mut step = |i: usize, p: P| {
        let p = turn(p);
        let positive = if p > P::ZERO { p } else { P::ONE };
        least[i] = if positive < least[i] { positive } else { least[i] };
        // a NaN is bad too
        zero[i] |= p == P::ZERO;
        bad[i] |= !(p >= P::ZERO && p <= most);
        F::from_f64(p.to_f64())
    };
    let (from, mut to) = (source.chunks_exact(LANES), row.chunks_exact_mut(LANES));
    let rest = from.remainder();
    for (x, y) in from.zip(&mut to) {
        for i in 0..LANES {
            y[i] = step(i, x[i]);
        }
    }
    for (i, (&x, y)) in rest.iter().zip(to.into_remainder()).enumerate() {
        *y = step(i, x);
    }
    Extent {
        least: least.iter().fold(1.0, |a, x| a.min(x.to_f64())),
        zero: zero.iter().any(|&z| z),
        valid: !bad.iter().any(|&b| b),
    }
}

/// `row *= stakes * fraction`
pub fn weigh<F: Real>(row: &mut [F], stakes: &[f64], fraction: f64) {
    vectorised(
        #[inline(always)]
        || row.iter_mut().zip(stakes).for_each(|(x, &b)| *x = F::from_f64(x.to_f64() * (b * fraction))),
    );
}

/// `row = b * row + price * (1 - b)` with `b = stakes * fraction`: what a settlement multiplies wealth by, times the price.
pub fn settle<F: Real>(row: &mut [F], stakes: &[f64], fraction: f64, price: f64) {
    vectorised(
        #[inline(always)]
        || {
            row.iter_mut().zip(stakes).for_each(|(x, &b)| {
                let b = b * fraction;
                *x = F::from_f64(b * x.to_f64() + price * (1.0 - b));
            });
        },
    );
}

/// `row = keep + hazard * 2^-TOP * rho`: the share of its money that a rank-one tax leaves with its definition.
pub fn stay<F: Real>(row: &mut [F], rho: &[F], keep: F, hazard: F) {
    vectorised(
        #[inline(always)]
        || row.iter_mut().zip(rho).for_each(|(x, &r)| *x = keep + hazard * (F::UNIT * r)),
    );
}

/// `sums += row`
pub fn add_row<F: Real>(sums: &mut [F], row: &[F]) {
    vectorised(
        #[inline(always)]
        || sums.iter_mut().zip(row).for_each(|(s, &x)| *s += x),
    );
}

/// `m = keep[g] * m + scale * inflow[g] * rho` with g each trader's group: a tax within groups on a tile.
pub fn affine_grouped<F: Real>(m: &mut [F], rho: &[F], groups: &[u32], table: &[(f64, f64)], scale: f64) {
    for ((x, r), &g) in m.iter_mut().zip(rho).zip(groups) {
        let (keep, inflow) = table[g as usize];
        *x = F::from_f64(keep * x.to_f64() + (inflow * scale) * r.to_f64());
    }
}

/// `row = stay[g] + give_back[g] * scale * rho` with g each trader's group.
pub fn stay_grouped<F: Real>(row: &mut [F], rho: &[F], groups: &[u32], table: &[(f64, f64)], scale: f64) {
    for ((x, r), &g) in row.iter_mut().zip(rho).zip(groups) {
        let (keep, give_back) = table[g as usize];
        *x = F::from_f64(keep + (give_back * scale) * r.to_f64());
    }
}

/// Adds each trader's `(m, rho * m)`, in units of `scale`, to its group's sums.
pub fn add_groups<F: Real>(sums: &mut [[f64; 2]], m: &[F], rho: &[F], groups: &[u32], scale: [f64; 2]) {
    for ((x, r), &g) in m.iter().zip(rho).zip(groups) {
        let x = x.to_f64();
        let sum = &mut sums[g as usize];
        sum[0] += x * scale[0];
        sum[1] += (x * scale[1]) * r.to_f64();
    }
}

/// Whether every entry lies within `tolerance` of 1.
pub fn near_one<F: Real>(sums: &[F], tolerance: f64) -> bool {
    vectorised(
        #[inline(always)]
        || sums.iter().fold(true, |ok, s| ok & ((s.to_f64() - 1.0).abs() <= tolerance)),
    )
}
