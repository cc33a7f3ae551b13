//! Every kernel against a scalar twin, on any length and any values.

use gruemarket_core::lanes::groups::{ByGroup, add_groups, affine_by_group};
use gruemarket_core::lanes::several;
use gruemarket_core::lanes::{self, RUN};
use gruemarket_core::real::Real;
use proptest::prelude::*;

/// The fixed shape of sums in plain words: 32 lanes a run of 1024, halved until one is left, runs added in order.
fn shaped_sum<F: Real>(terms: &[F]) -> f64 {
    let run = |terms: &[F]| {
        let mut lanes = [F::ZERO; 32];
        for (i, &x) in terms.iter().enumerate() {
            lanes[i % 32] += x;
        }
        for width in [16, 8, 4, 2, 1] {
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
        }
        lanes[0].to_f64()
    };
    terms.chunks(1024).map(run).fold(0.0, |sum, x| sum + x)
}

fn check_sums<F: Real>(m: &[F], row: &[F]) {
    let products: Vec<_> = m.iter().zip(row).map(|(&x, &y)| x * y).collect();
    assert_eq!(lanes::sum(m), shaped_sum(m));
    assert_eq!(lanes::dot(m, row), shaped_sum(&products));
    let mut multiplied = m.to_vec();
    assert_eq!(lanes::multiply(&mut multiplied, row), shaped_sum(&products));
    assert!(multiplied == products);
    let mut checked = m.to_vec();
    let done = lanes::check_and_multiply(&mut checked, row, &[], 0.0, true);
    assert_eq!((done.done, done.sum), (row.len(), shaped_sum(&products)));
    assert!(checked == products);
    assert_eq!(done.extent, lanes::extent(row, &[]));
    check_several(m, row);
    // the same sum, run by run
    let (mut totals, mut dot) = (vec![F::ONE; m.len()], 0.0);
    for ((m, row), totals) in m.chunks(RUN).zip(row.chunks(RUN)).zip(totals.chunks_mut(RUN)) {
        let (sum, positive) = lanes::weigh_in(m, row, totals, &[]);
        assert!(positive);
        dot += sum;
    }
    assert_eq!(dot, lanes::dot(m, row));
    assert!(totals.iter().zip(row).all(|(total, &x)| *total == F::ONE + x));
    for bad in (0..row.len()).step_by(97) {
        let mut row = row[bad / RUN * RUN..].to_vec();
        row[bad % RUN] = F::from_f64(-1e-30);
        let n = row.len().min(RUN);
        assert!(!lanes::weigh_in(&m[..n], &row[..n], &mut totals[..n], &[]).1);
    }
}

/// Four rows in one pass against one after the other.
fn check_several<F: Real>(m: &[F], row: &[F]) {
    let turned: Vec<_> = row.iter().rev().copied().collect();
    let rows = [row, &turned, row, &turned];
    let mut one_by_one = m.to_vec();
    let mut grown = vec![F::ZERO; m.len()];
    let found = several::multiply_several(m, rows, [&[]; 4], &mut grown);
    for (row, found) in rows.into_iter().zip(found) {
        let done = lanes::check_and_multiply(&mut one_by_one, row, &[], 0.0, false);
        assert_eq!((found.sum, found.extent), (done.sum, done.extent));
    }
    assert!(grown == one_by_one);
}

fn check_affine<F: Real>(m: &[F], rho: &[F], keep: F, inflow: F) {
    let given_back: Vec<_> = m.iter().zip(rho).map(|(&x, &r)| F::UNIT * r * x).collect();
    let taxed: Vec<_> = m.iter().zip(rho).map(|(&x, &r)| keep * x + inflow * r).collect();
    let mut after = m.to_vec();
    assert_eq!(lanes::affine(&mut after, rho, keep, inflow), shaped_sum(&given_back));
    assert!(after == taxed);
}

/// The tax within groups and the sums by group, trader by trader.
fn check_groups<F: Real>(m: &[F], rho: &[F], count: usize) {
    let groups: Vec<_> = (0..m.len()).map(|i| (i * 7919 % count) as u32).collect();
    let inflow: Vec<_> = (0..count).map(|g| g as f64 / count as f64).collect();
    let keep = F::from_f64(0.75);
    let mut taxed = m.to_vec();
    affine_by_group(&mut taxed, rho, &groups, keep, &ByGroup::new(inflow.clone()), 0.5, &[]);
    let mut sums = vec![[0.0; 2]; count];
    add_groups(&mut sums, m, rho, &groups, [2.0, 4.0]);
    let mut plain = vec![[0.0; 2]; count];
    for (i, &g) in groups.iter().enumerate() {
        let (x, r, g) = (m[i], rho[i], g as usize);
        assert!(taxed[i] == keep * x + F::from_f64(inflow[g] * 0.5) * r);
        plain[g][0] += x.to_f64() * 2.0;
        plain[g][1] += x.to_f64() * r.to_f64() * 4.0;
    }
    assert_eq!(sums, plain);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums(values in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 0..3000)) {
        let (m, row): (Vec<f64>, Vec<f64>) = values.iter().copied().unzip();
        check_sums(&m, &row);
        let narrow = |x: &[f64]| x.iter().map(|&x| f32::from_f64(x)).collect::<Vec<_>>();
        check_sums(&narrow(&m), &narrow(&row));
        check_affine(&m, &row, 0.75, 0.125);
        check_affine(&narrow(&m), &narrow(&row), 0.75, 0.125);
        for count in [2, 16, 512] {
            check_groups(&m, &row, count);
            check_groups(&narrow(&m), &narrow(&row), count);
        }
    }

    #[test]
    fn extents(mut row in prop::collection::vec(prop::num::f64::ANY, 0..200), probabilities: bool) {
        if probabilities {
            row.iter_mut().for_each(|x| *x = if x.is_finite() { x.abs().fract() } else { 0.0 });
        }
        let extent = lanes::extent(&row, &[]);
        let valid = row.iter().all(|x| *x >= 0.0 && *x <= 1.0 + f64::SUM_TOLERANCE);
        prop_assert_eq!(extent.valid, valid);
        if valid {
            let least = row.iter().copied().filter(|x| *x > 0.0).fold(1.0, f64::min);
            prop_assert_eq!(extent.least, least);
            prop_assert_eq!(extent.zero, row.contains(&0.0));
        }
    }

    #[test]
    fn extremes(row in prop::collection::vec(0.0..1e300f64, 0..200), zeros: bool) {
        let row: Vec<_> = row.iter().map(|&x| if zeros && x < 5e299 { 0.0 } else { x }).collect();
        let most = row.iter().copied().fold(0.0, f64::max);
        let least = row.iter().copied().filter(|x| *x > 0.0).fold(f64::INFINITY, f64::min);
        prop_assert_eq!(lanes::extremes(&row), (most, least));
        prop_assert_eq!(lanes::least(&row), least);
    }
}

#[test]
fn a_bad_entry_stops_before_its_run() {
    for (i, bad) in [
        (0, f64::NAN),
        (1500, -0.5),
        (2047, 1.5),
        (2048, 1e-300),
        (2999, f64::INFINITY),
    ] {
        let mut row = vec![0.5; 3000];
        row[i] = bad;
        let mut m = vec![1.0; 3000];
        let done = lanes::check_and_multiply(&mut m, &row, &[], 1e-200, false);
        assert_eq!(done.done, i / 1024 * 1024);
        assert!(m[..done.done].iter().all(|&x| x == 0.5) && m[done.done..].iter().all(|&x| x == 1.0));
        let (good, mut grown) = (vec![0.5; 3000], vec![0.0; 3000]);
        let found = several::multiply_several(&vec![1.0; 3000], [&good, &good, &row, &good], [&[]; 4], &mut grown);
        assert_eq!(
            found.map(|f| f.extent.valid && f.extent.least >= 1e-200)[..3],
            [true, true, false]
        );
    }
}
