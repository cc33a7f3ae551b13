//! Books by hand and by what must hold; Python's tests compare every rule with a twin in numpy.

use super::*;
use crate::clearing::{Aversion, Isoelastic, LogPool};
use crate::grue::schedule::Schedule;

const NEVER: Interrupt<'static> = &|| false;

fn book(rule: Rule, bits: &[f64], lock: f64, tax: Option<Tax>) -> ForecastBook {
    ForecastBook::new(Config {
        prior: Given::Bits(bits),
        normalize: false,
        rule,
        lock: Lock::Share(lock),
        tax,
        entering: false,
    })
    .unwrap()
}

fn tax(schedule: Schedule) -> Tax {
    Tax {
        schedule,
        kernel: Kernel::Anything,
        unit: Unit::Round,
        landmarks: BTreeMap::new(),
        stage_landmarks: BTreeMap::new(),
    }
}

/// Binary questions that everybody answers.
struct Story {
    starts: Vec<i64>,
    forecasters: Vec<u32>,
    outcomes: Vec<u32>,
    values: Vec<f64>,
    happened: Vec<i64>,
    resolved: Vec<i64>,
    after: Vec<i64>,
}

impl Story {
    fn new(forecasters: u32, questions: usize) -> Self {
        let n = forecasters as usize;
        let odd = |q: usize, j: usize| 0.05 + 0.9 * ((q * 7 + j * 13 + q * j) % 17) as f64 / 16.0;
        Self {
            starts: (0..=questions).map(|q| (q * n) as i64).collect(),
            forecasters: (0..questions).flat_map(|_| 0..forecasters).collect(),
            outcomes: vec![2; questions],
            values: (0..questions)
                .flat_map(|q| (0..n).flat_map(move |j| [1.0 - odd(q, j), odd(q, j)]))
                .collect(),
            happened: (0..questions).map(|q| i64::from(q % 3 == 0)).collect(),
            resolved: (0..questions as i64).collect(),
            after: (0..questions).map(|q| (q + 3).min(questions) as i64).collect(),
        }
    }

    /// The questions from..to, and the resolutions that come before question `to` is priced.
    fn chunk(&self, from: usize, to: usize, due: std::ops::Range<usize>) -> Chunk<'_> {
        let n = self.forecasters.len() / self.outcomes.len();
        Chunk {
            starts: &self.starts[..=to - from],
            forecasters: &self.forecasters[from * n..to * n],
            outcomes: &self.outcomes[from..to],
            values: &self.values[from * n * 2..to * n * 2],
            resolved: &self.resolved[due.clone()],
            happened: &self.happened[due.clone()],
            after: &self.after[due],
            watch: &[0],
        }
    }

    fn play(&self, book: &mut ForecastBook, cuts: &[usize]) -> Vec<f64> {
        let (mut from, mut due, mut prices) = (0, 0, Vec::new());
        for &to in cuts {
            let until = self.after.partition_point(|&after| after <= to as i64);
            prices.extend(book.play(&self.chunk(from, to, due..until), NEVER).unwrap().prices);
            (from, due) = (to, until);
        }
        prices
    }
}

fn rules() -> [Rule; 3] {
    [
        Rule::Kelly { fraction: 0.5 },
        Rule::Isoelastic(Isoelastic {
            aversion: Aversion::Common(4.0),
            floor: 0.0,
            max_passes: 100,
        }),
        Rule::LogPool(LogPool { step: 0.3, floor: 1e-6 }),
    ]
}

#[test]
fn cuts_change_no_bit_and_money_is_conserved() {
    let story = Story::new(5, 40);
    let bits = [1.0, 2.0, 3.0, 4.0, 4.0];
    for rule in rules() {
        for tax in [None, Some(tax(Schedule::Inverse))] {
            let mut whole = book(rule.clone(), &bits, 0.4, tax.clone());
            let prices = story.play(&mut whole, &[40]);
            for cuts in [&[1, 2, 3, 40][..], &[17, 40], &[0, 39, 40]] {
                let mut cut = book(rule.clone(), &bits, 0.4, tax.clone());
                assert_eq!(story.play(&mut cut, cuts), prices);
                (0..5).for_each(|j| assert_eq!(cut.wealth(j), whole.wealth(j)));
            }
            let money: f64 = (0..5).map(|j| whole.wealth(j).to_f64()).sum();
            assert!((money - 1.0).abs() < 1e-13, "{rule:?} {money}");
            assert_eq!(whole.open().count(), 0);
            assert!((0..5).all(|j| whole.locked(j).is_zero() && whole.records()[j].answered == 40));
        }
    }
}

#[test]
fn a_kelly_books_regret_is_no_more_than_the_bits() {
    let bits = [1.0, 2.0, 3.0, 4.0, 4.0];
    for lock in [0.05, 0.4, 1.0] {
        let mut book = book(Rule::Kelly { fraction: 1.0 }, &bits, lock, None);
        Story::new(5, 40).play(&mut book, &[40]);
        for (j, record) in book.records().iter().enumerate() {
            let grown = book.wealth(j).log2() + bits[j];
            assert!(
                record.regret_bits <= grown + 1e-12 && grown <= bits[j],
                "{j} {record:?}"
            );
        }
    }
}

#[test]
fn what_stops_a_call_takes_it_back() {
    let story = Story::new(5, 40);
    let bits = [1.0, 2.0, 3.0, 4.0, 4.0];
    let mut interrupted = book(
        Rule::Kelly { fraction: 1.0 },
        &bits,
        0.4,
        Some(tax(Schedule::Constant(0.1))),
    );
    let mut whole = interrupted.clone();
    story.play(&mut interrupted, &[7]);
    let looks = std::sync::atomic::AtomicU32::new(0);
    let soon = || looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 30;
    let from = story.after.partition_point(|&after| after <= 7);
    let rest = story.chunk(7, 40, from..40);
    assert!(matches!(
        interrupted.play(&rest, &soon),
        Err(MarketError::Interrupted { rounds: 16 })
    ));
    assert_eq!(interrupted.questions(), 7);
    interrupted.play(&rest, NEVER).unwrap();
    story.play(&mut whole, &[40]);
    (0..5).for_each(|j| assert_eq!(interrupted.wealth(j), whole.wealth(j)));
    assert_eq!(interrupted.tax_bits(), whole.tax_bits());
}

#[test]
fn accounts_are_small() {
    assert_eq!(size_of::<Account>() + size_of::<Record>(), 80);
}
