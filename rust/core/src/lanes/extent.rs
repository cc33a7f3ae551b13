//! Least and greatest entries, and what a row of forecasts holds.

use super::prefetch::prefetch;
use crate::real::Real;
use pulp::{Simd, WithSimd};

/// What a row of forecasts holds: the least positive entry, whether there is a 0, and whether all are numbers in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    pub least: f64,
    pub zero: bool,
    pub valid: bool,
}

impl Extent {
    pub(super) const ONES: Self = Self {
        least: 1.0,
        zero: false,
        valid: true,
    };

    pub(super) fn and(self, other: Self) -> Self {
        let Self { least, zero, valid } = other;
        Self {
            least: self.least.min(least),
            zero: self.zero | zero,
            valid: self.valid & valid,
        }
    }
}

/// Folds whole vectors two at a time with `step` and what is left with `last`; then both with `last`.
#[inline(always)]
fn fold<F: Real, S: Simd>(
    s: S,
    m: &[F],
    start: F,
    step: impl Fn(F::V<S>, F::V<S>) -> F::V<S>,
    last: impl Fn(f64, f64) -> f64,
) -> f64 {
    let (whole, rest) = F::split::<S>(m);
    let mut held = [F::splat(s, start); 2];
    let pairs = whole.chunks_exact(2);
    let odd = pairs.remainder();
    for x in pairs {
        held = [step(held[0], x[0]), step(held[1], x[1])];
    }
    for &x in odd {
        held[0] = step(held[0], x);
    }
    let held = [step(held[0], held[1])];
    let lanes: &[F] = bytemuck::cast_slice(&held);
    lanes
        .iter()
        .chain(rest)
        .fold(start.to_f64(), |a, x| last(a, x.to_f64()))
}

#[inline(always)]
pub(super) fn least_positive<F: Real, S: Simd>(s: S, m: &[F]) -> f64 {
    let (zero, most) = (F::splat(s, F::ZERO), F::splat(s, F::MAX));
    fold(
        s,
        m,
        F::MAX,
        #[inline(always)]
        |a, x| F::vmin(s, a, F::select(s, F::at_most(s, x, zero), most, x)),
        |a, x| if x > 0.0 { a.min(x) } else { a },
    )
}

kernel! {
    /// The least positive entry; infinity where there is none.
    fn least<F>(m: &'a [F]) -> f64, s {
        let least = least_positive(s, m);
        if least == F::MAX.to_f64() { f64::INFINITY } else { least }
    }
}

kernel! {
    /// The greatest and the least positive entry (0 and infinity where there is none).
    fn extremes<F>(m: &'a [F]) -> (f64, f64), s {
        let most = fold(
            s,
            m,
            F::ZERO,
            #[inline(always)]
            |a, x| F::vmax(s, a, x),
            f64::max,
        );
        (most, if most == 0.0 { f64::INFINITY } else { least_positive(s, m) })
    }
}

#[inline(always)]
pub(super) fn extent_run<F: Real, S: Simd>(s: S, row: &[F], send_for: impl Fn(usize)) -> Extent {
    let most = F::from_f64(1.0 + F::SUM_TOLERANCE);
    let (mosts, ones, zeros) = (F::splat(s, most), F::splat(s, F::ONE), F::splat(s, F::ZERO));
    let (whole, rest) = F::split::<S>(row);
    let mut least = [F::splat(s, F::MAX); 2];
    let mut valid = [F::at_most(s, zeros, ones); 2];
    let pairs = whole.chunks_exact(2);
    let odd = pairs.remainder();
    let entries = 2 * size_of::<F::V<S>>() / size_of::<F>();
    for (n, x) in pairs.enumerate() {
        send_for(n * entries);
        for i in 0..2 {
            // false for what is not a number, for good
            valid[i] = F::and(s, valid[i], F::at_most(s, x[i], mosts));
            least[i] = F::vmin(s, least[i], x[i]);
        }
    }
    for &x in odd {
        valid[0] = F::and(s, valid[0], F::at_most(s, x, mosts));
        least[0] = F::vmin(s, least[0], x);
    }
    let valid = [F::select(s, F::and(s, valid[0], valid[1]), ones, zeros)];
    let least = [F::vmin(s, least[0], least[1])];
    let lanes: &[F] = bytemuck::cast_slice(&least);
    let smallest = lanes.iter().chain(rest).fold(1.0, |a: f64, x| a.min(x.to_f64()));
    let lanes: &[F] = bytemuck::cast_slice(&valid);
    let valid = lanes.iter().all(|x| *x == F::ONE) && rest.iter().all(|x| *x <= most) && smallest >= 0.0;
    let least = if smallest > 0.0 {
        smallest
    } else {
        least_positive(s, row).min(1.0)
    };
    Extent {
        least,
        zero: smallest == 0.0,
        valid,
    }
}

kernel! {
    /// The extent of a row of probabilities; `next` is what will be read after it, and is sent for meanwhile.
    fn extent<F>(row: &'a [F], next: &'a [F]) -> Extent, s { extent_run(s, row, #[inline(always)] |i| prefetch(next, i)) }
}
