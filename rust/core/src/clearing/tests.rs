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

fn each(etas: &[f64]) -> Rule {
    Rule::Isoelastic(Isoelastic {
        aversion: Aversion::Each(etas.into()),
        max_passes: 100,
    })
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
        let growth = |price: &Price, parts: &[Part<'_>], ok: bool| {
            let settlement = rule.settle(price, parts, 1, ok);
            let mut all = Vec::new();
            for (p, part) in parts.iter().enumerate() {
                let mut growth = vec![0.0; part.stakes.len()];
                rule.growth(price, &settlement, p, part, &mut growth);
                all.extend(growth);
            }
            all
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

/// Each buys the same, whatever the prices.
#[derive(Debug)]
struct Fixed(Vec<f64>);

impl DemandFunction for Fixed {
    fn demand(&self, _: &[f64], _: &[f64], _: &[f64], bought: &mut [f64]) -> Result<()> {
        bought.copy_from_slice(&self.0);
        Ok(())
    }
}

#[test]
fn demand_that_cannot_be_paid() {
    let case = Case {
        stakes: vec![1.0, 1.0],
        rows: vec![vec![0.5, 0.5], vec![0.5, 0.5]],
    };
    let clear = |bought: Vec<f64>| {
        demand(Fixed(bought))
            .clear(2, &[case.part()], true)
            .map(|price| price.unwrap().prices)
    };
    // opposite bets of the same size clear at any price; of more than the stake they are refused
    assert!(clear(vec![0.1, -0.1, 0.0, 0.0]).is_ok());
    let error = clear(vec![5.0, -5.0, 0.0, 0.0]).unwrap_err().to_string();
    assert!(
        error.starts_with("trader ") && error.contains("has staked only 5e-1"),
        "{error}"
    );
    let error = clear(vec![f64::NAN, 0.0, 0.0, 0.0]).unwrap_err().to_string();
    assert!(
        error.contains("the demand function gave NaN for outcome 0, trader 0"),
        "{error}"
    );
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
