//! Every rule against what is known of it: closed forms, other markets, and that no outcome makes or loses money.

use super::*;
use crate::scaled::Scaled;
use std::sync::Arc;

mod demands;
mod isoelastic;
mod pools;

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
        let growth = rule.growth(price, &[self.part()], outcome, true);
        growth.iter().map(|g| g.to_f64()).collect()
    }

    fn conserves(&self, rule: &Rule) {
        let price = self.price(rule);
        assert!((price.prices.iter().sum::<f64>() - 1.0).abs() < 1e-14, "{price:?}");
        let staked: f64 = self.stakes.iter().sum();
        for x in (0..self.rows.len()).filter(|&x| price.prices[x] > 0.0) {
            let growth = self.growth(rule, &price, x);
            let paid: f64 = growth.iter().zip(&self.stakes).map(|(g, u)| g * u).sum();
            assert!(
                (paid / staked - 1.0).abs() < 1e-13,
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
        floor: 0.0,
        max_passes: 100,
    })
}

fn each(etas: &[f64]) -> Rule {
    Rule::Isoelastic(Isoelastic {
        aversion: Aversion::Each(etas.into()),
        floor: 0.0,
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
fn an_outcome_that_nobody_gives_has_no_price() {
    let mut case = Case::random(3, 4, 30);
    for i in 0..30 {
        let rest = 1.0 - case.rows[2][i];
        case.rows.iter_mut().for_each(|row| row[i] /= rest);
    }
    case.rows[2].fill(0.0);
    for rule in [KELLY, isoelastic(0.5), isoelastic(4.0), each(&[3.0; 30])] {
        let price = case.price(&rule);
        assert!(price.prices[2] == 0.0 && price.prices.iter().filter(|c| **c > 0.0).count() == 3);
        case.conserves(&rule);
    }
    assert!(case.price(&log_pool(0.3)).prices[2] > 0.0); // floored
}

#[test]
fn who_stakes_nothing_does_not_count() {
    let (case, mut without) = (Case::random(4, 3, 50), Case::random(4, 3, 50));
    without
        .rows
        .iter_mut()
        .for_each(|row| (0..50).filter(|i| i % 7 == 3).for_each(|i| row[i] = 1.0 / 3.0));
    for rule in [
        KELLY,
        isoelastic(0.5),
        isoelastic(3.0),
        log_pool(0.3),
        lmsr(0.1),
        demand(KellyDemand),
    ] {
        assert_eq!(case.price(&rule).prices, without.price(&rule).prices);
    }
    let asleep = Case {
        stakes: vec![0.0; 50],
        rows: case.rows,
    };
    assert!(isoelastic(2.0).clear(3, &[asleep.part()], true).unwrap().is_none());
}

#[test]
fn parts_and_threads_leave_prices_alone() {
    let case = Case::random(5, 6, 20_000);
    let listed: Vec<_> = (7000..20_000).collect();
    let cut = |at: usize, to: usize, traders: Who<'static>| Part {
        stakes: &case.stakes[at..to],
        rows: case.rows.iter().map(|row| &row[at..to]).collect(),
        traders,
    };
    let parts = [
        cut(0, 7000, Who::From(0)),
        cut(7000, 20_000, Who::Listed(listed.leak())),
    ];
    let etas: Vec<_> = (0..20_000).map(|i| 0.5 + f64::from(i % 5)).collect();
    for rule in [KELLY, isoelastic(0.5), each(&etas), log_pool(0.3), lmsr(0.1)] {
        let whole = case.price(&rule);
        let alone = rule.clear(6, &parts, false).unwrap().unwrap();
        crate::threads::set_threads(3).unwrap();
        let threaded = rule.clear(6, &parts, true).unwrap().unwrap();
        assert_eq!(alone.prices, threaded.prices);
        close(&whole.prices, &alone.prices, 1e-12);
        let growth = |price: &Price, parts: &[Part<'_>], ok: bool| -> Vec<_> {
            let growth = rule.growth(price, parts, 1, ok).into_iter();
            growth.map(Scaled::log2).collect()
        };
        assert_eq!(growth(&alone, &parts, false), growth(&threaded, &parts, true));
        close(
            &growth(&alone, &parts, true),
            &growth(&whole, &[case.part()], true),
            1e-10,
        );
    }
}

#[test]
fn parameters_are_checked() {
    let says = |rule: Rule, why: &str| {
        let error = rule.check(4, 10).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    says(isoelastic(0.0), "risk aversion 0 is not");
    says(isoelastic(f64::NAN), "risk aversion NaN is not");
    says(each(&[1.0, 2.0]), "2 risk aversions for 10 traders");
    says(
        each(&[1.0, 2.0, 3.0, 4.0, 5.0, 1e7, 1.0, 1.0, 1.0, 1.0]),
        "of trader 5, 10000000",
    );
    says(log_pool(-1.0), "step -1");
    says(Rule::LogPool(LogPool { step: 0.3, floor: 0.3 }), "floor 0.3");
    says(lmsr(0.8), "lose liquidity * ln(outcomes) = 1.1");
    says(Rule::Kelly { fraction: 0.0 }, "fraction 0");
    let lmsr = |maker, step| {
        Rule::Lmsr(Lmsr {
            liquidity: 0.1,
            maker,
            step,
            floor: 2f64.powi(-20),
        })
    };
    says(lmsr(10, 0.05), "maker 10 is not a trader");
    says(lmsr(0, 0.1), "step * ln(1 / floor) = 1.38");
    [KELLY, isoelastic(3.0), log_pool(0.3), lmsr(0, 0.05)]
        .iter()
        .for_each(|rule| rule.check(4, 10).unwrap());
}
