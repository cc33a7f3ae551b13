//! Logarithms, exponentials and powers against the system's, and the sums over blocks against plain loops.

use gruemarket_core::lanes::{self, budgets, logs};
use proptest::prelude::*;

fn units(found: f64, wanted: f64) -> f64 {
    (found - wanted).abs() / (wanted.abs() * f64::EPSILON).max(f64::MIN_POSITIVE)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn logarithms(x in prop::num::f64::POSITIVE | prop::num::f64::SUBNORMAL, near in 0.7..1.5f64) {
        let x = x.abs();
        prop_assert!(units(logs::ln(x), x.ln()) < 3.0, "{x:e}: {:e} {:e}", logs::ln(x), x.ln());
        prop_assert!(units(logs::ln(near), near.ln()) < 3.0, "{near}");
        prop_assert!(units(logs::log2(near), near.log2()) < 4.0);
    }

    #[test]
    fn beside_one(x in -0.9..2.0f64, magnitude in -300.0..0.0f64) {
        let small = x * 10f64.powf(magnitude);
        for x in [x, small] {
            prop_assert!(units(logs::exp_m1(x), x.exp_m1()) < 8.0, "{x:e}");
            prop_assert!(units(logs::ln_1p(x), x.ln_1p()) < 8.0, "{x:e}");
        }
    }

    #[test]
    fn exponentials(x in -708.0..709.0f64, p in 1e-6..16.0f64, q in 1e-15..1.0f64) {
        prop_assert!(units(logs::exp(x), x.exp()) < 2.0, "{x}: {:e} {:e}", logs::exp(x), x.exp());
        // an exponent's last place counts for more than one of the power
        let slack = 4.0 + 2.0 * (q.ln() * p).abs();
        prop_assert!(units(logs::pow(q, p), q.powf(p)) < slack, "{q:e}^{p}");
    }

    #[test]
    fn sums_of_logarithms_have_the_bits_of_a_dot_product(
        pairs in prop::collection::vec((0.0..1.0f64, prop_oneof![0.0..=1.0f64, Just(0.0)]), 0..=512),
        at in 0..512usize,
    ) {
        let (stakes, row): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let lns: Vec<_> = row.iter().map(|x| logs::ln(x.clamp(1e-6, 0.9))).collect();
        let mut totals: Vec<_> = stakes.clone();
        let (dot, positive) = logs::dot_lns(&stakes, &row, &mut totals, 0, 1e-6, 0.9);
        prop_assert_eq!(dot, lanes::dot(&stakes, &lns));
        prop_assert!(positive && totals.iter().zip(stakes.iter().zip(&row)).all(|(t, (u, x))| *t == u + x));
        if let Some(at) = at.checked_rem(row.len()) {
            let mut row = row;
            row[at] = -1e-300;
            prop_assert!(!logs::dot_lns(&stakes, &row, &mut totals, 0, 1e-6, 0.9).1);
        }
    }

    #[test]
    fn rows(row in prop::collection::vec(0.0..1.0f64, 0..70), p in 0.0625..16.0f64) {
        let mut raised = vec![0.0; row.len()];
        logs::raise(&row, p, &mut raised);
        prop_assert!(raised.iter().zip(&row).all(|(y, &x)| *y == logs::pow(x, p)));
        for (p, plain) in [(2.0, 2), (4.0, 4)] {
            logs::raise(&row, p, &mut raised);
            prop_assert!(raised.iter().zip(&row).all(|(y, x)| units(*y, x.powi(plain)) < 3.0));
        }
        logs::raise(&row, 0.25, &mut raised);
        prop_assert!(raised.iter().zip(&row).all(|(y, x)| units(*y, x.powf(0.25)) < 3.0));
        logs::raise(&row, 0.5, &mut raised);
        prop_assert!(raised.iter().zip(&row).all(|(y, x)| *y == x.sqrt()));
        let mut sums = vec![1.0; row.len()];
        logs::add_lns(&mut sums, &row, 0, 0.25, 0.75, 2.0);
        prop_assert!(sums.iter().zip(&row).all(|(y, x)| (y - 1.0 - 2.0 * x.clamp(0.25, 0.75).ln()).abs() < 3e-15));
    }

    #[test]
    fn blocks(n in 1..7usize, groups in 1..5usize, values in prop::collection::vec(0.0..1.0f64, 7 * 40 + 40)) {
        let stride = groups * budgets::LANES;
        let (block, stakes) = (&values[..n * stride], &values[280..280 + stride]);
        let weights = &values[100..100 + n];
        let (mut found, mut spent) = (vec![0.0; stride], vec![0.0; stride]);
        budgets::budgets(block, weights, stakes, &mut found, &mut spent);
        for i in 0..stride {
            let budget: f64 = (0..n).map(|k| weights[k] * block[k * stride + i]).sum();
            prop_assert!(units(found[i], budget) < 8.0 && (budget == 0.0 || units(spent[i], stakes[i] / budget) < 16.0));
        }
        let mut sums = vec![1.0; n * n];
        budgets::add_products(block, &spent, weights, &mut sums);
        for k in 0..n {
            for l in 0..n {
                let dot: f64 = (0..stride).map(|i| spent[i] * block[k * stride + i] * block[l * stride + i]).sum();
                let wanted = if l <= k { 1.0 + weights[k] * weights[l] * dot } else { 1.0 };
                prop_assert!(units(sums[k * n + l], wanted) < 40.0);
            }
        }
    }
}

#[test]
fn ends() {
    assert_eq!(
        [logs::ln(0.0), logs::ln(1.0), logs::exp(0.0)],
        [f64::NEG_INFINITY, 0.0, 1.0]
    );
    assert_eq!(
        [logs::exp(f64::NEG_INFINITY), logs::exp(-800.0), logs::pow(0.0, 0.5)],
        [0.0; 3]
    );
    assert_eq!([logs::exp_m1(-800.0), logs::ln_1p(-1.0)], [-1.0, f64::NEG_INFINITY]);
    assert!(logs::exp(1000.0) == logs::exp(709.0) && logs::exp(709.0).is_finite());
}
