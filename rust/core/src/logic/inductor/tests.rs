//! The inductor on small stories whose numbers are known.

use super::{Day, LogicalInductor, Terms};
use crate::logic::audit::Auditor;
use crate::logic::feature::{FeatureId, Features, Leaf, When};
use crate::logic::maker::Options;
use crate::logic::number::Exact;
use crate::logic::sentence::{SentenceId, Sentences};

/// `max(-1, min(1, 10 (belief - p)))` for today's price p.
fn clipped(features: &mut Features, sentence: SentenceId, belief: &Exact) -> FeatureId {
    let price = features.price(Leaf {
        sentence,
        day: When::Ago(0),
    });
    let belief = features.number(belief.clone());
    let gap = features.difference(belief, price);
    let (ten, one, minus) = (features.number(10), features.number(1), features.number(-1));
    let steep = features.product(ten, gap);
    let below = features.least(one, steep);
    features.most(minus, below)
}

fn terms(tolerance: Exact) -> Terms {
    Terms {
        tolerance,
        options: Options::default(),
        given: None,
    }
}

fn tenths(n: i64) -> Exact {
    Exact::from(n).divided(&Exact::from(10)).unwrap_or_default()
}

/// A new trader a day on one undecided sentence, weights `2^-k`.
fn story(days: usize, tolerance: impl Fn(usize) -> Exact) -> (LogicalInductor, Sentences) {
    let (mut sentences, mut features) = (Sentences::new(), Features::new());
    let a = sentences.atom("a").unwrap();
    let mut inductor = LogicalInductor::new();
    for n in 1..=days {
        inductor.reveal(&sentences, Vec::new()).unwrap();
        let trader = inductor.enter(Exact::two_to_minus(n)).unwrap();
        let belief = tenths([1, 5, 9, 3, 7, 2, 8][(n - 1) % 7]);
        let shares = clipped(&mut features, a, &belief);
        inductor.follow(trader, &features, Some(&[(a, shares)])).unwrap();
        inductor.clear(&sentences, &terms(tolerance(n))).unwrap();
    }
    (inductor, sentences)
}

#[test]
fn every_day_is_certified() {
    let (inductor, _) = story(40, Exact::two_to_minus);
    for (n, day) in inductor.days().iter().enumerate() {
        assert!(day.certificate <= Exact::two_to_minus(n + 1), "day {}", n + 1);
    }
}

#[test]
fn the_audit_finds_the_certificates_again() {
    let (inductor, sentences) = story(30, Exact::two_to_minus);
    let auditor = inductor.audit(&sentences).unwrap();
    assert!(auditor.holds());
    let least = inductor
        .days()
        .iter()
        .map(|day| &day.tolerance - &day.certificate)
        .min()
        .unwrap();
    let found = auditor.findings()[0].as_ref().unwrap();
    // the inductor's own certificates are rounded up
    assert!(found.slack >= least);
    assert!((found.slack.to_f64() - least.to_f64()).abs() < 1e-12);
}

/// The findings of the story's days after a change of some of them.
fn audited(inductor: &LogicalInductor, sentences: &Sentences, change: impl Fn(usize, &mut Day)) -> Auditor {
    let weights: Vec<_> = inductor.traders().iter().map(|trader| trader.weight.clone()).collect();
    let mut auditor = Auditor::default();
    for (at, day) in inductor.days().iter().enumerate() {
        let mut day = day.clone();
        change(at, &mut day);
        auditor.day(sentences, &day, &weights[..=at]).unwrap();
    }
    auditor
}

fn fails(auditor: &Auditor, invariant: usize) -> bool {
    auditor.findings()[invariant]
        .as_ref()
        .is_some_and(|finding| finding.slack.is_negative())
}

#[test]
fn the_audit_sees_what_does_not_hold() {
    let (inductor, sentences) = story(40, |_| Exact::two_to_minus(20));
    assert!(audited(&inductor, &sentences, |_, _| ()).holds());
    let more = audited(&inductor, &sentences, |at, day| {
        if at == 3 {
            day.trades[0].shares[0] = &day.trades[0].shares[0] + &Exact::from(1);
        }
    });
    assert!(fails(&more, 0) && !more.holds());
    // neither one trader nor all may gain that much
    let rich = audited(&inductor, &sentences, |at, day| {
        if at == 3 {
            day.trades[0].shares[0] = Exact::from(100);
            day.prices[0] = Exact::default();
        }
    });
    assert!(fails(&rich, 2) && fails(&rich, 3));
    // a budget that was held back is not
    let bound = |day: &Day| day.trades.iter().position(|trade| !trade.factors.is_empty());
    let at = inductor.days().iter().position(|day| bound(day).is_some()).unwrap();
    let unbound = audited(&inductor, &sentences, |number, day| {
        if let Some(trade) = bound(day).filter(|_| number == at) {
            day.trades[trade].factors.clear();
        }
    });
    assert!(fails(&unbound, 1));
    let late = audited(&inductor, &sentences, |number, day| {
        day.trades[0].first += u64::from(number == 5);
    });
    assert_eq!(late.wrong_budget().unwrap().day, 6);
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    for (days, name) in [(16, "halving"), (40, "halving"), (100, "halving"), (100, "squares")] {
        let start = std::time::Instant::now();
        let (inductor, _) = story(days, |n| match name {
            "halving" => Exact::two_to_minus(n),
            _ => Exact::from(1).divided(&Exact::from((n * (n + 1)) as i64)).unwrap(),
        });
        let spent = start.elapsed();
        let evaluations: u32 = inductor.days().iter().map(|day| day.evaluations).sum();
        println!("{name} {days}: {spent:?}, {evaluations} evaluations");
    }
}
