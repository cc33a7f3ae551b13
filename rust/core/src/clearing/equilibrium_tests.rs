//! Fields of demand whose equilibrium is known.

use super::{Domain, Effort, Found, Search, solve};

fn find(domain: Domain, start: &[f64], tolerance: f64, mut field: impl FnMut(&[f64]) -> Vec<f64>) -> Found {
    let found = solve(
        domain,
        start,
        Effort::within(tolerance),
        &mut |c: &[f64], out: &mut [f64]| {
            assert!(c.iter().all(|c| (0.0..=1.0).contains(c)), "{c:?}");
            out.copy_from_slice(&field(c));
            Ok(())
        },
    )
    .unwrap();
    let gap = domain.gap(&found.price, &field(&found.price));
    assert!(gap == found.certificate && gap <= tolerance, "{found:?}");
    found
}

fn near(found: &Found, price: &[f64], tolerance: f64) {
    found
        .price
        .iter()
        .zip(price)
        .for_each(|(a, b)| assert!((a - b).abs() < tolerance, "{found:?}"));
}

#[test]
fn one_price() {
    near(
        &find(Domain::Cube, &[0.9], 1e-9, |c| vec![1.0 - 3.0 * c[0]]),
        &[1.0 / 3.0],
        2e-9,
    );
    near(
        &find(Domain::Simplex, &[0.5, 0.5], 1e-9, |c| vec![1.0 - 3.0 * c[0], 0.0]),
        &[1.0 / 3.0, 2.0 / 3.0],
        2e-9,
    );
    // always wanted, never wanted: the corners
    near(&find(Domain::Cube, &[0.5], 1e-12, |c| vec![3.0 - c[0]]), &[1.0], 1e-15);
    near(&find(Domain::Cube, &[0.5], 1e-12, |c| vec![-1.0 - c[0]]), &[0.0], 1e-15);
    near(
        &find(Domain::Simplex, &[0.5, 0.5], 1e-12, |_| vec![0.0, 1.0]),
        &[0.0, 1.0],
        1e-15,
    );
    // saturated: flat but for a stretch of 1e-6
    near(
        &find(Domain::Cube, &[0.9], 1e-9, |c| {
            vec![(1e6 * (0.25 - c[0])).clamp(-1.0, 1.0)]
        }),
        &[0.25],
        1e-12,
    );
}

#[test]
fn rotations() {
    let around = |c: &[f64]| {
        (0..c.len())
            .map(|k| c[(k + 1) % c.len()] - c[(k + 2) % c.len()])
            .collect::<Vec<_>>()
    };
    near(
        &find(Domain::Simplex, &[0.8, 0.1, 0.1], 1e-10, around),
        &[1.0 / 3.0; 3],
        1e-9,
    );
    let about = |c: &[f64]| vec![c[1] - 0.3, 0.7 - c[0]];
    near(&find(Domain::Cube, &[0.1, 0.9], 1e-10, about), &[0.7, 0.3], 1e-9);
    // the same with demand that saturates: no slope but near the equilibrium
    let steep = |c: &[f64]| about(c).iter().map(|d| (1e4 * d).clamp(-1.0, 1.0)).collect::<Vec<_>>();
    near(&find(Domain::Cube, &[0.1, 0.9], 1e-10, steep), &[0.7, 0.3], 1e-9);
}

#[test]
fn kinks_and_corners() {
    // wanted until it costs more than its worth, in lots: a kink on either side
    let worth = [0.5, 0.3, 0.15, 0.05];
    let kinked = |c: &[f64]| {
        c.iter()
            .zip(worth)
            .map(|(c, w)| (100.0 * (w - c)).clamp(-0.2, 5.0))
            .collect::<Vec<_>>()
    };
    near(&find(Domain::Simplex, &[0.25; 4], 1e-9, kinked), &worth, 1e-6);
    // the last two outcomes are wanted by nobody
    let corner = |c: &[f64]| vec![0.6 - c[0], 0.5 - c[1], -1.0 - c[2], -2.0 - c[3]];
    near(
        &find(Domain::Simplex, &[0.25; 4], 1e-10, corner),
        &[0.55, 0.45, 0.0, 0.0],
        1e-9,
    );
}

#[test]
fn a_field_that_fools_newton() {
    // demand that rises with its own price, and falls: three equilibria inside, of which Newton's steps overshoot every one
    let bumpy = |c: &[f64]| {
        let wave = |x: f64| (9.0 * x).sin() + 0.2 * (40.0 * x).cos();
        vec![
            wave(c[0]) - wave(c[1]),
            wave(c[1] * c[2]),
            wave(c[2] + c[0] * c[1]),
            0.1,
        ]
    };
    for seed in 1..8 {
        let start: Vec<_> = (0..4).map(|k| f64::from((seed * (k + 3) * 7) % 11 + 1)).collect();
        let total: f64 = start.iter().sum();
        find(
            Domain::Simplex,
            &start.iter().map(|x| x / total).collect::<Vec<_>>(),
            1e-9,
            bumpy,
        );
    }
}

#[test]
fn many_outcomes() {
    let worth: Vec<_> = (1..=50).map(|k| f64::from(k) / 1275.0).collect();
    let kelly = |c: &[f64]| c.iter().zip(&worth).map(|(c, w)| w / c.max(1e-9)).collect::<Vec<_>>();
    near(&find(Domain::Simplex, &[0.02; 50], 1e-9, kelly), &worth, 1e-7);
}

#[test]
fn a_jump_is_not_certified() {
    let found = solve(
        Domain::Cube,
        &[0.5],
        Effort::within(1e-9),
        &mut |c: &[f64], out: &mut [f64]| {
            out[0] = if c[0] < 0.3 { 1.0 } else { -1.0 };
            Ok(())
        },
    );
    let found = found.unwrap();
    assert!(
        found.certificate > 0.2 && (found.price[0] - 0.3).abs() < 1e-9,
        "{found:?}"
    );
}

/// The simplicial search alone, without the methods that come first.
fn by_simplices(domain: Domain, start: &[f64], field: impl Fn(&[f64]) -> Vec<f64>) -> Found {
    let mut demand = |c: &[f64], out: &mut [f64]| {
        out.copy_from_slice(&field(c));
        Ok(())
    };
    let best = Found {
        price: start.to_vec(),
        certificate: f64::INFINITY,
        evaluations: 0,
    };
    let mut search = Search {
        domain,
        effort: Effort::within(1e-9),
        demand: &mut demand,
        best,
    };
    let mut from = start.to_vec();
    for level in 0..20 {
        let mesh = 0.5f64.powi(level);
        let Some(found) = crate::clearing::simplicial::search(&mut search, &from, mesh).unwrap() else {
            assert!(search.spent(), "a path that leads nowhere");
            break;
        };
        from = found;
        search.look(&from).unwrap();
    }
    search.best
}

#[test]
fn simplices_alone() {
    // a kinked and a saturated field, a rotation, a field that rises in its own price
    let worth = [0.5, 0.3, 0.15, 0.05];
    let kinked = |c: &[f64]| {
        c.iter()
            .zip(worth)
            .map(|(c, w)| (100.0 * (w - c)).clamp(-0.2, 5.0))
            .collect::<Vec<_>>()
    };
    near(&by_simplices(Domain::Simplex, &[0.25; 4], kinked), &worth, 1e-3);
    let about = |c: &[f64]| {
        vec![
            (1e4 * (c[1] - 0.3)).clamp(-1.0, 1.0),
            (1e4 * (0.7 - c[0])).clamp(-1.0, 1.0),
        ]
    };
    near(&by_simplices(Domain::Cube, &[0.1, 0.9], about), &[0.7, 0.3], 1e-4);
    let rising = |c: &[f64]| vec![2.0 * c[0] - c[1], 3.0 * c[1] * c[1] - c[0], 0.4, c[0] * c[2]];
    let found = by_simplices(Domain::Simplex, &[0.3, 0.3, 0.2, 0.2], rising);
    assert!(found.certificate < 1e-3, "{found:?}");
}
