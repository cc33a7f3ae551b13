//! From the logarithms of growth to what wealth is multiplied by.

use super::logs::exp;
use crate::real::Real;
use pulp::{Simd, WithSimd};
use std::f64::consts::LN_2;

/// Sums and extremes are taken in so many interleaved lanes, so that they have the same bits on every processor.
const LANES: usize = 8;

/// Folds entry by entry into the lanes, then the lanes in order.
#[inline(always)]
fn fold(xs: &[f64], start: f64, step: impl Fn(f64, f64) -> f64) -> f64 {
    let mut held = [start; LANES];
    let whole = xs.chunks_exact(LANES);
    let rest = whole.remainder();
    for x in whole {
        for (a, &x) in held.iter_mut().zip(x) {
            *a = step(*a, x);
        }
    }
    held.iter().chain(rest).fold(start, |a, &x| step(a, x))
}

kernel! {
    /// The least finite and the greatest entry; (infinity, -infinity) where all are -infinity.
    fn span(log2: &'a [f64]) -> (f64, f64), _s {
        let least = fold(
            log2,
            f64::INFINITY,
            #[inline(always)]
            |a, x| if x < a && x > f64::NEG_INFINITY { x } else { a },
        );
        let most = fold(
            log2,
            f64::NEG_INFINITY,
            #[inline(always)]
            |a, x| if x > a { x } else { a },
        );
        (least, most)
    }
}

kernel! {
    /// `out = 2^(log2 - top)`, and 0 below `2^-1021`
    wide fn powers<F>(log2: &'a [f64], top: f64, out: &'a mut [F]), _s {
        for (y, &x) in out.iter_mut().zip(log2) {
            *y = F::from_f64(exp((x - top) * LN_2));
        }
    }
}

kernel! {
    /// Turns logarithms, from -1000 to 1000, into `2^log2`.
    wide fn raise(log2: &'a mut [f64]), _s {
        for x in log2 {
            *x = exp(*x * LN_2);
        }
    }
}

kernel! {
    /// `out = growth * scale`
    fn shares<F>(growth: &'a [f64], scale: f64, out: &'a mut [F]), _s {
        for (y, &x) in out.iter_mut().zip(growth) {
            *y = F::from_f64(x * scale);
        }
    }
}

kernel! {
    /// `sum stakes * 2^(log2 - top)`
    wide fn paid(log2: &'a [f64], top: f64, stakes: &'a [f64]) -> f64, _s {
        let mut sums = [0.0; LANES];
        for (log2, stakes) in log2.chunks(LANES).zip(stakes.chunks(LANES)) {
            for ((sum, &x), &u) in sums.iter_mut().zip(log2).zip(stakes) {
                *sum += u * exp((x - top) * LN_2);
            }
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTHING: f64 = f64::NEG_INFINITY;

    proptest! {
        #[test]
        fn kernels_equal_their_plain_twins(
            pairs in prop::collection::vec((prop_oneof![-1500.0..1500.0, Just(NOTHING)], 0.0..1.0), 0..50),
        ) {
            let (log2, stakes): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let finite = log2.iter().copied().filter(|x| x.is_finite());
            let (least, most) = (finite.clone().fold(f64::INFINITY, f64::min), finite.fold(NOTHING, f64::max));
            prop_assert_eq!(span(&log2), (least, most));
            let top = if most > NOTHING { most } else { 0.0 };
            let plain: Vec<_> = log2.iter().map(|x| (x - top).exp2()).collect();
            let mut rows = vec![0.0; log2.len()];
            powers(&log2, top, &mut rows);
            for (a, b) in rows.iter().zip(&plain) {
                prop_assert!((a - b).abs() <= 1e-12 * b + 1e-307, "{} {}", a, b);
            }
            let mut short = vec![0.0f32; log2.len()];
            powers(&log2, top, &mut short);
            prop_assert!(short.iter().zip(&rows).all(|(a, b)| f64::from(*a) == f64::from(*b as f32)));
            let sum: f64 = plain.iter().zip(&stakes).map(|(x, u)| x * u).sum();
            prop_assert!((paid(&log2, top, &stakes) - sum).abs() <= 1e-12 * sum);
            let mut raised: Vec<_> = log2.iter().map(|x| x.max(-1500.0) / 4.0).collect();
            let plain: Vec<_> = raised.iter().map(|x| x.exp2()).collect();
            raise(&mut raised);
            prop_assert!(raised.iter().zip(&plain).all(|(a, b)| (a - b).abs() <= 1e-12 * b));
            shares(&raised, 0.5, &mut short);
            prop_assert!(short.iter().zip(&raised).all(|(a, b)| *a == (0.5 * b) as f32));
        }
    }
}
