//! Eight lanes at a time: the same bits whatever the processor's vectors, and near what the exact functions give.

use gruemarket_core::lanes::dispatch;
use gruemarket_core::lanes::eight::{Eight, Floats, Words, ln};
use proptest::array::uniform8;
use proptest::prelude::*;
use pulp::{Scalar, Simd, WithSimd};

/// Everything that the kernels can do to two vectors, as bits.
struct All(Eight, Eight);

impl WithSimd for All {
    type Output = Vec<u32>;

    fn with_simd<S: Simd>(self, s: S) -> Vec<u32> {
        let (a, b) = (Floats::new(s, self.0), Floats::new(s, self.1));
        let words = Words::new(s, self.0.map(|x| x.abs() as u32));
        let floats = [
            a + b,
            a - b,
            a * b,
            a / b,
            a.exp(),
            b.ln(),
            a.sigmoid(),
            a.clamp(-1.0, 1.0),
            a.choose(a, b),
            words.whole(),
        ];
        let words = [
            a.bits(),
            (words << 3) ^ (words >> 1),
            (words & 5) | (words * 7),
            b.nearest(),
        ];
        let sums = [a.sum().to_bits(), b.sum().to_bits()];
        let lanes = floats.into_iter().flat_map(|f| f.lanes().map(f32::to_bits));
        lanes
            .chain(words.into_iter().flat_map(Words::lanes))
            .chain(sums)
            .collect()
    }
}

fn near(found: f32, exact: f64, tolerance: f64) {
    assert!((f64::from(found) - exact).abs() <= tolerance, "{found} for {exact}");
}

proptest! {
    #[test]
    fn every_processor_gives_the_same_bits(a in uniform8(-20f32..20.0), b in uniform8(1e-6f32..1e6)) {
        prop_assert_eq!(dispatch(All(a, b)), Scalar.vectorize(All(a, b)));
    }

    #[test]
    fn functions_are_near_the_exact_ones(x in -60f32..60.0, y in 1e-30f32..1e30) {
        let exact = f64::from(x).exp();
        near(Floats::splat(Scalar, x).exp().lanes()[0], exact, 1e-5 * exact);
        near(ln(y), f64::from(y).ln(), 1e-5 * (1.0 + f64::from(y).ln().abs()));
        near(Floats::splat(Scalar, x).sigmoid().lanes()[0], 1.0 / (1.0 + (-f64::from(x)).exp()), 1e-5);
    }
}
