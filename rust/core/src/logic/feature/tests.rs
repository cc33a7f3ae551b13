//! Features against formulas written out by hand, and in all numbers alike.

use super::super::number::{Constant, Enclosure, Exact, Number};
use super::super::sentence::SentenceId;
use super::{FeatureId, Features, Leaf, Node, Program, Source, Sweeps, When};
use proptest::prelude::*;

const PRICES: usize = 3;

fn today(sentence: u32) -> Leaf {
    Leaf {
        sentence: SentenceId(sentence),
        day: When::Ago(0),
    }
}

/// How to make a feature: each step reads earlier ones.
#[derive(Clone, Debug)]
enum Make {
    Number(i64, u32),
    Price(u32),
    Sum(usize, usize),
    Product(usize, usize),
    Most(usize, usize),
    Least(usize, usize),
    SafeReciprocal(usize),
}

fn makes() -> impl Strategy<Value = Vec<Make>> {
    let at = 0usize..1000;
    let two = (at.clone(), at.clone());
    let step = prop_oneof![
        (-64i64..64, 0u32..6).prop_map(|(n, shift)| Make::Number(n, shift)),
        (0u32..PRICES as u32).prop_map(Make::Price),
        two.clone().prop_map(|(a, b)| Make::Sum(a, b)),
        two.clone().prop_map(|(a, b)| Make::Product(a, b)),
        two.clone().prop_map(|(a, b)| Make::Most(a, b)),
        two.prop_map(|(a, b)| Make::Least(a, b)),
        at.prop_map(Make::SafeReciprocal),
    ];
    // few products one after the other, so that exact values stay short
    proptest::collection::vec(step, 1..14)
}

/// The features in an arena, and each one's value by the definition, directly.
fn made(makes: &[Make], prices: &[Exact]) -> (Features, Vec<FeatureId>, Vec<Exact>) {
    let (mut f, mut ids, mut values): (_, Vec<FeatureId>, Vec<Exact>) = (Features::new(), Vec::new(), Vec::new());
    for make in makes {
        let n = ids.len();
        let at = |i: usize| if n == 0 { None } else { Some(i % n) };
        let one = Exact::from(1);
        let (id, value) = match *make {
            Make::Number(x, shift) => {
                let x = Exact::dyadic(x.into(), shift as usize);
                (f.number(x.clone()), x)
            }
            Make::Price(j) => (f.price(today(j)), prices[j as usize].clone()),
            Make::Sum(a, b) => match (at(a), at(b)) {
                (Some(a), Some(b)) => (f.sum(ids[a], ids[b]), &values[a] + &values[b]),
                _ => continue,
            },
            Make::Product(a, b) => match (at(a), at(b)) {
                (Some(a), Some(b)) => (f.product(ids[a], ids[b]), &values[a] * &values[b]),
                _ => continue,
            },
            Make::Most(a, b) => match (at(a), at(b)) {
                (Some(a), Some(b)) => (f.most(ids[a], ids[b]), values[a].clone().max(values[b].clone())),
                _ => continue,
            },
            Make::Least(a, b) => match (at(a), at(b)) {
                (Some(a), Some(b)) => (f.least(ids[a], ids[b]), values[a].clone().min(values[b].clone())),
                _ => continue,
            },
            Make::SafeReciprocal(a) => match at(a) {
                Some(a) => (
                    f.safe_reciprocal(ids[a]),
                    one.divided(&values[a].clone().max(one.clone())).unwrap(),
                ),
                None => continue,
            },
        };
        ids.push(id);
        values.push(value);
    }
    (f, ids, values)
}

fn prices() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec((0u32..=1 << 10).prop_map(|p| f64::from(p) / 1024.0), PRICES)
}

proptest! {
    #[test]
    fn all_numbers_agree(makes in makes(), floats in prices()) {
        let exact: Vec<_> = floats.iter().map(|p| Exact::of_float(*p).unwrap()).collect();
        let (f, ids, truth) = made(&makes, &exact);
        let program = Program::compile(&f, &ids, &mut |leaf| Source::Today(leaf.sentence.0));
        prop_assert_eq!(&program.exact(&exact), &truth);
        for (d, truth) in program.enclosures(&exact, 40).into_iter().map(Enclosure::from).zip(&truth) {
            prop_assert!(d.low <= *truth && *truth <= d.high);
        }
        let mut estimate = vec![0.0; ids.len()];
        program.values((), &floats, &mut Vec::new(), &mut estimate);
        for ((x, span), truth) in estimate.iter().zip(program.bounds(PRICES)).zip(&truth) {
            let size = truth.to_f64().abs();
            prop_assert!((x - truth.to_f64()).abs() <= 1e-9 * (1.0 + size) || !x.is_finite() || size > 1e9);
            prop_assert!(span.low <= *x && *x <= span.high);
        }
        // each feature alone is the same feature, and reads no price that does not move it
        for (root, value) in truth.iter().enumerate() {
            prop_assert_eq!(&program.restricted(&[root]).exact(&exact)[0], value);
            let reads = program.reads(root);
            let mut moved = exact.clone();
            (0..PRICES).filter(|j| !reads.contains(j)).for_each(|j| moved[j] = Exact::from(1) .minus(&moved[j]));
            prop_assert_eq!(&program.exact(&moved)[root], value);
        }
        // known prices give the same
        let known = Program::compile(&f, &ids, &mut |leaf| {
            Source::Known(Constant::from(exact[leaf.sentence.0 as usize].clone()))
        });
        prop_assert_eq!(known.exact(&[]), truth);
    }

    #[test]
    fn slopes_are_differences(makes in makes(), floats in prices(), width in prop_oneof![Just(0.0), 0.01..1.0f64]) {
        let exact: Vec<_> = floats.iter().map(|p| Exact::of_float(*p).unwrap()).collect();
        let (f, ids, _) = made(&makes, &exact);
        let program = Program::compile(&f, &ids, &mut |leaf| Source::Today(leaf.sentence.0));
        let (n, mut sweeps) = (ids.len(), Sweeps::new(&program));
        let mut at = |prices: &[f64]| {
            let (mut out, mut slopes) = (vec![0.0; n], vec![0.0; n * PRICES]);
            program.smoothed(prices, width, &mut sweeps, &mut out, &mut slopes);
            (out, slopes)
        };
        let (here, slopes) = at(&floats);
        for k in 0..PRICES {
            let step = 1e-6;
            let mut nudged = floats.clone();
            nudged[k] += step;
            let (above, slopes_above) = at(&nudged);
            nudged[k] -= 2.0 * step;
            let (below, slopes_below) = at(&nudged);
            for i in 0..n {
                // between the slopes on either side, where there is a kink
                let all = [slopes[i * PRICES + k], slopes_above[i * PRICES + k], slopes_below[i * PRICES + k]];
                let (least, most) = (all.iter().copied().fold(f64::INFINITY, f64::min), all.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                let difference = (above[i] - below[i]) / (2.0 * step);
                let slack = 1e-3 * (1.0 + here[i].abs() + difference.abs() + least.abs() + most.abs());
                prop_assert!(difference >= least - slack && difference <= most + slack, "{i} {k}: {difference} {all:?}");
            }
        }
    }
}

#[test]
fn equal_features_are_one() {
    let mut f = Features::new();
    let (p, q) = (f.price(today(0)), f.price(today(1)));
    assert_eq!(f.sum(p, q), f.sum(q, p));
    let half = "1/2".parse::<Exact>().unwrap();
    assert_eq!(f.number(half.clone()), f.number("2/4".parse::<Exact>().unwrap()));
    // numbers are worked out at once, what changes nothing leaves no trace
    let (one, two, zero) = (f.number(1), f.number(2), f.number(0));
    assert_eq!(f.product(one, p), p);
    assert_eq!(f.sum(p, zero), p);
    assert_eq!(f.product(p, zero), zero);
    assert_eq!(f.most(p, p), p);
    let reciprocal = f.safe_reciprocal(two);
    assert_eq!(f.value(reciprocal), Some(&half));
    let before = f.len();
    let twice = f.product(two, p);
    assert_eq!(f.len(), before + 1);
    let Node::Product(a, b) = f.node(twice) else {
        panic!("{:?}", f.node(twice))
    };
    assert_eq!([a.min(b), a.max(b)], [p.min(two), p.max(two)]);
}

#[test]
fn another_day() {
    let mut f = Features::new();
    let yesterday = f.price(Leaf {
        sentence: SentenceId(0),
        day: When::Ago(1),
    });
    let p = f.price(today(0));
    let rise = f.difference(p, yesterday);
    let day = |past: i64| {
        move |leaf: Leaf| match leaf.day {
            When::Ago(0) => Source::Today(0),
            _ => Source::Known(Constant::from(Exact::dyadic(past.into(), 3))),
        }
    };
    let mut program = Program::compile(&f, &[rise], &mut day(1));
    assert_eq!(program.exact(&[Exact::from(1)]), ["7/8".parse().unwrap()]);
    program.rebind(&mut day(3));
    assert_eq!(program.exact(&[Exact::from(1)]), ["5/8".parse().unwrap()]);
    assert_eq!(program.leaves().len(), 2);
    assert_eq!((program.steps(), program.len()), (5, 1));
}
