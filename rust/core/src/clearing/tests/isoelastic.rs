//! Isoelastic prices against the plain formulas, closed forms, and forecasts at the ends of what floats hold.

use super::*;

#[test]
fn isoelastic_is_kelly_at_one() {
    let case = Case::random(1, 5, 100);
    let (kelly, same) = (case.price(&KELLY), case.price(&isoelastic(1.0)));
    assert_eq!(kelly.prices, same.prices);
    for x in 0..5 {
        close(
            &case.growth(&KELLY, &kelly, x),
            &case.growth(&isoelastic(1.0), &same, x),
            1e-14,
        );
    }
    close(&case.price(&demand(KellyDemand)).prices, &kelly.prices, 1e-8);
}

#[test]
fn isoelastic_tends_to_the_log_pool() {
    let case = Case::random(2, 3, 20);
    let error = |eta: f64| {
        let (mild, pool) = (case.price(&isoelastic(eta)), case.price(&log_pool(1.0 / eta)));
        mild.prices
            .iter()
            .zip(&pool.prices)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max)
    };
    assert!(error(100.0) < 0.2 * error(10.0) && error(1e4) < 0.02 * error(100.0));
}

/// The same in plain words: shares of budget by a softmax, demand, and nothing kept from pass to pass.
fn excess(case: &Case, etas: &[f64], prices: &[f64]) -> Vec<f64> {
    let staked: f64 = case.stakes.iter().sum();
    let mut demand = vec![0.0; prices.len()];
    for (i, &u) in case.stakes.iter().enumerate().filter(|(_, u)| **u > 0.0) {
        let score = |k: usize| {
            let (q, c) = (case.rows[k][i], prices[k]);
            if q > 0.0 && c > 0.0 {
                c.ln() + (q.ln() - c.ln()) / etas[i]
            } else {
                f64::NEG_INFINITY
            }
        };
        let top = (0..prices.len()).map(score).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = (0..prices.len()).map(|k| (score(k) - top).exp()).sum();
        for (k, d) in demand.iter_mut().enumerate().filter(|(k, _)| prices[*k] > 0.0) {
            *d += u * (score(k) - top).exp() / total / prices[k] / staked;
        }
    }
    demand
        .iter()
        .zip(prices)
        .map(|(d, &c)| if c > 0.0 { d - 1.0 } else { 0.0 })
        .collect()
}

/// A rule of this aversion for every trader, whose prices the plain formulas find cleared.
fn clears(case: &Case, etas: &[f64], rule: &Rule, tolerance: f64) -> Price {
    let price = case.price(rule);
    assert!(price.residual <= 1e-12, "{price:?}");
    let excess = excess(case, etas, &price.prices);
    assert!(excess.iter().all(|z| z.abs() <= tolerance), "{rule:?} {excess:?}");
    price
}

#[test]
fn isoelastic_prices_clear() {
    for (outcomes, traders) in [(2, 1), (2, 3), (3, 700), (5, 8), (8, 1500), (31, 40)] {
        let case = Case::random(traders as u64, outcomes, traders);
        for eta in [1.0 / 16.0, 0.25, 0.5, 0.7, 2.0, 3.0, 4.0, 16.0, 1e3, 1e6] {
            let common = clears(&case, &vec![eta; traders], &isoelastic(eta), 1e-11);
            // the two ways of taking powers
            let apart = clears(&case, &vec![eta; traders], &each(&vec![eta; traders]), 1e-11);
            close(&common.prices, &apart.prices, 1e-11 * eta.max(1.0)); // demand hardly moves with the price where eta is great
        }
        let etas: Vec<_> = (0..traders).map(|i| [0.0625, 0.5, 1.0, 3.0, 1e4][i % 5]).collect();
        clears(&case, &etas, &each(&etas), 1e-11);
        case.conserves(&each(&etas));
    }
}

#[test]
fn few_passes() {
    for seed in 0..20 {
        let case = Case::random(seed, 8, 1000);
        for eta in [0.25, 0.5, 2.0, 4.0, 16.0] {
            assert!(case.price(&isoelastic(eta)).passes <= 6);
        }
    }
}

#[test]
fn two_traders_of_opposite_views() {
    // forecasts (q, 1-q) and (1-q, q) with equal stakes clear at 1/2 for every eta: s = q^(1/eta) / (q^(1/eta) + (1-q)^(1/eta))
    let case = Case {
        stakes: vec![1.0, 1.0],
        rows: vec![vec![0.9, 0.1], vec![0.1, 0.9]],
    };
    for eta in [1.0 / 16.0, 0.25, 0.5, 2.0, 10.0, 1e6] {
        let price = case.price(&isoelastic(eta));
        close(&price.prices, &[0.5, 0.5], 1e-12);
        let share = 1.0 / (1.0 + (1.0f64 / 9.0).powf(1.0 / eta));
        close(
            &case.growth(&isoelastic(eta), &price, 0),
            &[2.0 * share, 2.0 * (1.0 - share)],
            1e-11,
        );
    }
    // q_2 = 1 against (1/2, 1/2) at eta 1/2: the first spends half of its stake by c_1^-1 : c_2^-1, and c_1 solves
    // (1/c_1) / (1/c_1 + 1/c_2) = 2 c_1, that is c_1 = 1/3
    let case = Case {
        stakes: vec![1.0, 1.0],
        rows: vec![vec![0.5, 0.0], vec![0.5, 1.0]],
    };
    close(&case.price(&isoelastic(0.5)).prices, &[1.0 / 3.0, 2.0 / 3.0], 1e-12);
}

#[test]
fn extremes_clear_or_say_so() {
    let tiny = 1e-300;
    let rows = |last: [f64; 3]| vec![vec![0.5, 0.3, 1.0 - tiny], vec![0.5 - tiny, 0.7, tiny], last.to_vec()];
    for last in [[tiny, tiny, tiny], [tiny, 1e-100, 0.0], [0.0, 0.0, tiny], [0.0; 3]] {
        for stakes in [[1.0, 1.0, 1.0], [1e-30, 1.0, 1e-200], [0.0, 1.0, 1.0], [1e-9, 3.0, 1e9]] {
            let case = Case {
                stakes: stakes.to_vec(),
                rows: rows(last),
            };
            for eta in [1.0 / 16.0, 0.25, 0.9, 1.0, 2.0, 30.0, 1e6] {
                match isoelastic(eta).clear(3, &[case.part()], true) {
                    Ok(price) => {
                        let price = price.unwrap();
                        assert!(price.residual <= 1e-12 && price.prices.iter().all(|c| (0.0..=1.0).contains(c)));
                    }
                    Err(MarketError::NotCleared(why)) => panic!("{why} {stakes:?} {last:?} {eta}"),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

#[test]
fn certain_and_sparse_forecasts() {
    let mut random = Random(9);
    for outcomes in [2, 3, 6, 40] {
        let mut failures = 0;
        for _ in 0..30 {
            let mut case = Case::random((random.next() * 1e9) as u64, outcomes, 25);
            for i in 0..25 {
                let sharp = (30.0 * random.next()).exp();
                case.rows
                    .iter_mut()
                    .for_each(|row| row[i] = if random.next() < 0.4 { 0.0 } else { row[i].powf(sharp) });
                let total: f64 = case.rows.iter().map(|row| row[i]).sum();
                case.rows.iter_mut().enumerate().for_each(|(k, row)| {
                    row[i] = if total > 0.0 {
                        row[i] / total
                    } else {
                        f64::from(k == i % outcomes)
                    };
                });
            }
            let etas: Vec<_> = (0..25)
                .map(|_| (14.0 * random.next() - 2.7).exp().clamp(0.0625, 1e6))
                .collect();
            let rules = [0.0625, 0.3, 3.0, 100.0, 1e6].map(isoelastic);
            for rule in rules.iter().chain([&each(&etas)]) {
                match rule.clear(outcomes, &[case.part()], true) {
                    Ok(_) => case.conserves(rule),
                    Err(MarketError::NotCleared(_)) => failures += 1,
                    Err(other) => panic!("{other}"),
                }
            }
        }
        // where forecasts of 0 meet an aversion of a million, prices lie hundreds of magnitudes apart
        assert!(failures <= if outcomes < 40 { 0 } else { 18 }, "{outcomes}: {failures}");
    }
}
