//! Every rule against what is known of it: closed forms, other markets, and that no outcome makes or loses money.

use super::*;
use std::sync::Arc;

/// Forecasts as rows (outcomes x traders), stakes, one part.
struct Case {
    stakes: Vec<f64>,
    rows: Vec<Vec<f64>>,
}

impl Case {
    /// Random forecasts of so many traders; some stake nothing.
    fn random(seed: u64, outcomes: usize, traders: usize) -> Self {
        let mut random = Random(seed);
        let mut rows = vec![vec![0.0; traders]; outcomes];
        for i in 0..traders {
            let odds: Vec<_> = (0..outcomes).map(|_| (4.0 * random.next() - 2.0).exp()).collect();
            let total: f64 = odds.iter().sum();
            rows.iter_mut().zip(odds).for_each(|(row, odd)| row[i] = odd / total);
        }
        let stakes = (0..traders)
            .map(|i| if i % 7 == 3 { 0.0 } else { random.next() + 0.01 })
            .collect();
        Self { stakes, rows }
    }

    fn part(&self) -> Part<'_> {
        Part {
            stakes: &self.stakes,
            rows: self.rows.iter().map(Vec::as_slice).collect(),
            traders: Who::From(0),
        }
    }

    fn price(&self, rule: &Rule) -> Price {
        rule.clear(self.rows.len(), &[self.part()], true).unwrap().unwrap()
    }

    /// The growth of every trader, when `outcome` happens.
    fn growth(&self, rule: &Rule, price: &Price, outcome: usize) -> Vec<f64> {
        let mut growth = vec![0.0; self.stakes.len()];
        let part = self.part();
        let settlement = rule.settle(price, std::slice::from_ref(&part), outcome, true);
        rule.growth(price, &settlement, 0, &part, &mut growth);
        growth.iter().map(|g| g.exp2()).collect()
    }

    fn conserves(&self, rule: &Rule) {
        let price = self.price(rule);
        assert!((price.prices.iter().sum::<f64>() - 1.0).abs() < 1e-14, "{price:?}");
        let staked: f64 = self.stakes.iter().sum();
        for x in (0..self.rows.len()).filter(|&x| price.prices[x] > 0.0) {
            let growth = self.growth(rule, &price, x);
            let paid: f64 = growth.iter().zip(&self.stakes).map(|(g, u)| g * u).sum();
            assert!(
                (paid / staked - 1.0).abs() < 2e-14,
                "{rule:?} {x}: {}",
                paid / staked - 1.0
            );
        }
    }
}

/// A small generator of numbers in (0, 1): the middle bits of a Weyl sequence times itself.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

fn isoelastic(eta: f64) -> Rule {
    Rule::Isoelastic(Isoelastic {
        aversion: Aversion::Common(eta),
        max_passes: 100,
    })
}

fn log_pool(step: f64) -> Rule {
    Rule::LogPool(LogPool {
        step,
        floor: 2f64.powi(-20),
    })
}

fn lmsr(liquidity: f64) -> Rule {
    Rule::Lmsr(Lmsr {
        liquidity,
        maker: 2,
        step: 0.05,
        floor: 2f64.powi(-20),
    })
}

const KELLY: Rule = Rule::Kelly { fraction: 1.0 };

/// Traders of Kelly's demand, as a demand function: `d_ik = u_i q_ik / c_k`.
#[derive(Debug)]
struct KellyDemand;

impl DemandFunction for KellyDemand {
    fn demand(&self, price: &[f64], forecasts: &[f64], money: &[f64], bought: &mut [f64]) -> Result<()> {
        let n = money.len();
        for (j, (d, q)) in bought.iter_mut().zip(forecasts).enumerate() {
            *d = money[j % n] * q / price[j / n].max(1e-6);
        }
        Ok(())
    }
}

fn demand(function: impl DemandFunction + 'static) -> Rule {
    Rule::Demand(Demand {
        function: Arc::new(function),
        tolerance: 1e-9,
    })
}

fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .for_each(|(x, y)| assert!((x - y).abs() <= tolerance * (1.0 + y.abs()), "{a:?} {b:?}"));
}

#[test]
fn no_outcome_makes_or_loses_money() {
    for outcomes in [2, 3, 8, 30] {
        let case = Case::random(outcomes as u64, outcomes, 40);
        for eta in [1.0 / 16.0, 0.25, 0.5, 1.0, 2.0, 4.0, 16.0, 1e3, 1e6] {
            case.conserves(&isoelastic(eta));
        }
        [KELLY, log_pool(0.3), log_pool(5.0), lmsr(0.1), demand(KellyDemand)]
            .iter()
            .for_each(|rule| case.conserves(rule));
    }
}

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
