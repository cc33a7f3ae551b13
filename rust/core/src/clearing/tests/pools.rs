//! Log pools and makers: closed forms, bounds, and makers that are rich, poor, asleep or alone.

use super::*;

#[test]
fn the_log_pool_is_logistic_mixing() {
    // two outcomes: the log odds of the price are the stake-weighted mean of the forecasts'
    let case = Case::random(6, 2, 60);
    let price = case.price(&log_pool(0.3));
    let staked: f64 = case.stakes.iter().sum();
    let odds = |i: usize| (case.rows[0][i] / case.rows[1][i]).ln();
    let mixed: f64 = case.stakes.iter().enumerate().map(|(i, u)| u / staked * odds(i)).sum();
    close(
        &price.prices,
        &[1.0 / (1.0 + (-mixed).exp()), 1.0 / (1.0 + mixed.exp())],
        1e-14,
    );
    // a settlement is an exponentiated gradient step: growth in proportion to exp(step (1 - c) ln odds)
    let growth = case.growth(&log_pool(0.3), &price, 0);
    let raw: Vec<_> = (0..60).map(|i| (0.3 * price.prices[1] * odds(i)).exp()).collect();
    let total: f64 = raw.iter().zip(&case.stakes).map(|(g, u)| g * u / staked).sum();
    close(&growth, &raw.iter().map(|g| g / total).collect::<Vec<_>>(), 1e-13);
}

#[test]
fn one_trader_and_a_maker() {
    // a CARA trader with risk aversion a = 1 / (step u) and a maker with b: the pool with weights 1/a : b
    let case = Case {
        stakes: vec![2.0, 0.0, 3.0],
        rows: vec![vec![0.7, 0.5, 0.5], vec![0.3, 0.5, 0.5]],
    };
    let price = case.price(&lmsr(0.2));
    let (tolerance, b) = (0.05 * 2.0, 0.2 * 3.0);
    let odds = (tolerance * (0.7f64 / 0.3).ln() / (tolerance + b)).exp();
    close(&price.prices, &[odds / (1.0 + odds), 1.0 / (1.0 + odds)], 1e-15);
    for x in 0..2 {
        let growth = case.growth(&lmsr(0.2), &price, x);
        let cost = b * (price.prices[x] / 0.5).ln();
        close(&growth, &[1.0 + cost / 2.0, growth[1], 1.0 - cost / 3.0], 1e-15);
    }
}

#[test]
fn a_maker_asleep_or_alone() {
    let mut case = Case::random(7, 3, 9);
    case.stakes[2] = 0.0;
    close(
        &case.price(&lmsr(0.1)).prices,
        &case.price(&log_pool(0.05)).prices,
        1e-14,
    );
    case.stakes.fill(0.0);
    case.stakes[2] = 0.3;
    let price = case.price(&lmsr(0.1));
    close(
        &price.prices,
        &case.rows.iter().map(|row| row[2]).collect::<Vec<_>>(),
        1e-15,
    );
    for x in 0..3 {
        assert!((case.growth(&lmsr(0.1), &price, x)[2] - 1.0).abs() < 1e-15);
    }
}

#[test]
fn makers_lose_at_most_their_bound() {
    let mut case = Case::random(8, 4, 40);
    case.rows.iter_mut().for_each(|row| row[2] = 0.25);
    for (k, row) in case.rows.iter_mut().enumerate() {
        (0..40)
            .filter(|&i| i != 2)
            .for_each(|i| row[i] = if k == 1 { 1.0 } else { 0.0 });
    }
    case.stakes = vec![1e3; 40];
    case.stakes[2] = 1.0;
    let growth = case.growth(&lmsr(0.5), &case.price(&lmsr(0.5)), 1);
    let bound = 1.0 - 0.5 * 4f64.ln();
    assert!(growth[2] >= bound && growth[2] < bound + 1e-3, "{}", growth[2]);
    case.conserves(&lmsr(0.5));
}

/// The growths that the formulas give in plain words, for others so poor that each trades alone at the maker's quotes.
#[test]
fn others_may_be_very_poor_beside_the_maker() {
    let rows = vec![vec![0.2, 0.4, 0.5], vec![0.8, 0.6, 0.5]];
    for maker in [2f64.powi(50), 2f64.powi(1000), f64::INFINITY] {
        let case = Case {
            stakes: vec![2.0, 1.0, maker],
            rows: rows.clone(),
        };
        let price = case.price(&lmsr(0.5));
        close(&price.prices, &[0.5, 0.5], 1e-13);
        let gain = |i: usize, x: usize| {
            let edge = |k: usize| (rows[k][i] / 0.5).ln();
            0.05 * (edge(x) - 0.5 * (edge(0) + edge(1)))
        };
        for x in 0..2 {
            let mean = |f: &dyn Fn(f64) -> f64| (2.0 * f(gain(0, x)) + f(gain(1, x))) / 3.0;
            let paid = 1.0 + mean(&|gain| gain);
            let wanted = [0, 1].map(|i| gain(i, x).exp() * paid / mean(&f64::exp));
            close(&case.growth(&lmsr(0.5), &price, x), &[wanted[0], wanted[1], 1.0], 1e-12);
        }
    }
}

#[test]
fn a_maker_may_be_very_poor_beside_the_others() {
    let mut case = Case::random(11, 3, 9);
    case.stakes[2] = 0.0;
    let pool = case.price(&log_pool(0.05));
    case.stakes[2] = f64::MIN_POSITIVE;
    let price = case.price(&lmsr(0.1));
    close(&price.prices, &pool.prices, 1e-14);
    for x in 0..3 {
        let growth = case.growth(&lmsr(0.1), &price, x);
        let lost = 0.1 * (price.prices[x] / case.rows[x][2]).ln();
        assert!((growth[2] - (1.0 - lost)).abs() < 1e-14);
    }
}

#[test]
fn a_makers_quotes_are_brought_to_sum_to_one() {
    let mut case = Case::random(12, 3, 9);
    case.rows.iter_mut().for_each(|row| row[2] *= 1.0 + 9e-7);
    case.conserves(&lmsr(0.1));
    case.stakes
        .iter_mut()
        .enumerate()
        .for_each(|(i, u)| *u = if i == 2 { 0.7 } else { 0.0 });
    let price = case.price(&lmsr(0.1));
    assert!((price.prices.iter().sum::<f64>() - 1.0).abs() < 1e-15);
    for x in 0..3 {
        // there is nobody whom it could pay
        assert_eq!(case.growth(&lmsr(0.1), &price, x), [1.0; 9]);
    }
}
