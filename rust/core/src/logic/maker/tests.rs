//! Demands whose prices are known.

use super::super::feature::{Features, Leaf, Program, Source, When};
use super::super::number::{Enclosure, Exact};
use super::super::sentence::SentenceId;
use super::certify::certificate;
use super::components::components;
use super::{Cleared, Demand, Options, Solver, Strategy, search, solve};
use crate::error::{MarketError, Result};

mod fields;

fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

fn halves(k: usize) -> Vec<Exact> {
    vec![exact("1/2"); k]
}

/// Features of k prices, made by `build` from the arena and the prices' features.
pub fn strategy(
    k: usize,
    build: impl FnOnce(&mut Features, &[crate::logic::feature::FeatureId]) -> Vec<crate::logic::feature::FeatureId>,
) -> Strategy {
    let mut features = Features::new();
    let leaf = |j: usize| Leaf {
        sentence: SentenceId(j as u32),
        day: When::Ago(0),
    };
    let prices: Vec<_> = (0..k).map(|j| features.price(leaf(j))).collect();
    let roots = build(&mut features, &prices);
    Strategy::new(Program::compile(&features, &roots, &mut |leaf| {
        Source::Today(leaf.sentence.0)
    }))
}

/// Clears, and checks the certificate by the formula at the exact values.
fn clear(mut demand: Strategy, tolerance: &str, fractions: bool) -> Cleared {
    let (k, tolerance) = (demand.len(), exact(tolerance));
    let options = Options {
        fractions,
        ..Options::default()
    };
    let found = solve(&mut demand, &halves(k), &tolerance, &options).unwrap();
    let all: Vec<_> = (0..k).collect();
    let mut bought = vec![Enclosure::default(); k];
    demand.enclose(&found.prices, &all, 2000, &mut bought).unwrap();
    assert!(certificate(&found.prices, &bought) <= found.certificate);
    assert!(found.certificate <= tolerance);
    found
}

/// `1 - 3p`
fn third() -> Strategy {
    strategy(1, |f, p| {
        let (one, three) = (f.number(1), f.number(3));
        let spent = f.product(three, p[0]);
        vec![f.difference(one, spent)]
    })
}

/// `1/2 - b max(0, p - 1/2)`
fn ramp(b: i64) -> Strategy {
    strategy(1, |f, p| {
        let (half, zero, slope) = (f.number(exact("1/2")), f.number(0), f.number(b));
        let above = f.difference(p[0], half);
        let above = f.most(zero, above);
        let sold = f.product(slope, above);
        vec![f.difference(half, sold)]
    })
}

#[test]
fn known_fractions() {
    assert_eq!(clear(third(), "1/1048576", true).prices, [exact("1/3")]);
    for (b, price) in [(10, "11/20"), (100, "101/200"), (1000, "1001/2000")] {
        let found = clear(ramp(b), "1/1048576", true);
        assert_eq!(found.prices, [exact(price)]);
        assert!(found.certificate.is_zero());
    }
}

#[test]
fn a_corner_of_two() {
    let corner = || {
        strategy(2, |f, p| {
            let one = f.number(1);
            let both = f.sum(p[0], p[1]);
            vec![f.most(p[0], p[1]), f.difference(one, both)]
        })
    };
    assert_eq!(clear(corner(), "1/1048576", true).prices, [exact("1"), exact("0")]);
    // without fractions near it: the square of the second price is what is gained
    assert!(clear(corner(), "1/1048576", false).prices[1] <= exact("1/1024"));
}

#[test]
fn an_irrational_root() {
    let root = || {
        strategy(1, |f, p| {
            let (one, two) = (f.number(1), f.number(2));
            let square = f.product(p[0], p[0]);
            let twice = f.product(two, square);
            vec![f.difference(one, twice)]
        })
    };
    for bits in [10, 20, 50, 100, 200, 1000] {
        let tolerance = Exact::two_to_minus(bits);
        let found = clear(root(), &tolerance.to_string(), true);
        assert!(found.evaluations < 40, "{bits}: {}", found.evaluations);
        assert_eq!(found.solver, if bits > 50 { Solver::DeepLine } else { Solver::Line });
        // few bits, as asked
        assert!(found.prices[0].bit_len() < 2 * bits + 100);
    }
}

#[test]
fn nobody_trades() {
    // no demand: yesterday's price
    let mut nothing = strategy(1, |f, _| vec![f.number(0)]);
    let found = solve(&mut nothing, &[exact("3/7")], &exact("1/1024"), &Options::default()).unwrap();
    assert_eq!(found.prices, [exact("3/7")]);
    assert_eq!(found.solver, Solver::Start);
    // always wanted, never wanted: the ends
    for (d, price) in [(2, 1), (-2, 0)] {
        let mut always = strategy(1, |f, _| vec![f.number(d)]);
        let found = solve(&mut always, &halves(1), &exact("1/1024"), &Options::default()).unwrap();
        assert_eq!(found.prices, [Exact::from(price)]);
    }
    let none = search(&mut strategy(0, |_, _| vec![]), &[], &exact("1"), &Options::default()).unwrap();
    assert!(none.prices.is_empty() && none.certificate.is_zero());
}

/// Demand that jumps, so that no price is right.
struct Jump;

impl Demand for Jump {
    fn len(&self) -> usize {
        1
    }

    fn estimate(&mut self, prices: &[f64], _: &[usize], out: &mut [f64]) -> Result<()> {
        out[0] = if prices[0] < 0.3 { 1.0 } else { -1.0 };
        Ok(())
    }

    fn enclose(&mut self, prices: &[Exact], _: &[usize], _: usize, out: &mut [Enclosure]) -> Result<()> {
        let bought = if prices[0] < exact("3/10") { 1 } else { -1 };
        out[0] = Exact::from(bought).into();
        Ok(())
    }
}

#[test]
fn what_is_not_continuous_is_not_cleared() {
    let failed = solve(&mut Jump, &halves(1), &exact("1/1024"), &Options::default());
    let Err(MarketError::NotCleared(message)) = failed else {
        panic!("{failed:?}")
    };
    assert!(message.contains("9.765625e-4") && message.contains("3e-1"), "{message}");
}

#[test]
fn bad_input() {
    let start = |text: &str| vec![exact(text)];
    for (start, tolerance, part) in [
        (start("3/2"), "1/2", "3/2"),
        (start("-1/2"), "1/2", "-1/2"),
        (start("1/2"), "0", "tolerance 0"),
        (halves(2), "1/2", "2 prices"),
    ] {
        let failed = solve(&mut third(), &start, &exact(tolerance), &Options::default());
        assert!(failed.unwrap_err().to_string().contains(part));
    }
}

#[test]
fn components_in_order() {
    // 0 <-> 2, 1 reads both, 3 alone, 4 -> 5 -> 6 -> 4
    let reads = [vec![2], vec![0, 1], vec![0], vec![], vec![5], vec![6], vec![4]];
    let found = components(&reads);
    assert_eq!(found, [vec![0, 2], vec![1], vec![3], vec![4, 5, 6]]);
    // a long chain takes no stack
    let chain: Vec<_> = (0..100_000).map(|j| vec![(j + 1).min(99_999)]).collect();
    assert_eq!(components(&chain).len(), 100_000);
}

/// Prices of one component, at tolerances that no float can tell from nothing.
fn deep(mut demand: Strategy, bits: usize) -> Cleared {
    let k = demand.len();
    let tolerance = Exact::two_to_minus(bits);
    let found = solve(&mut demand, &halves(k), &tolerance, &Options::default()).unwrap();
    let bought = demand.exact(&found.prices);
    let gain = |(d, p): (&Exact, &Exact)| (d * &(&Exact::from(1) - p)).max(&-d * p);
    let gained = bought.iter().zip(&found.prices).map(gain);
    assert!(gained.fold(Exact::default(), |sum, gain| &sum + &gain) <= tolerance);
    found
}

#[test]
fn coupled_prices_beyond_floats() {
    // d = S (p - q), S skew: the only price is q
    let q = [exact("1/3"), exact("2/7"), exact("5/11"), exact("7/13")];
    let rotation = || {
        strategy(4, |f, p| {
            let mut away = Vec::new();
            for (p, q) in p.iter().zip(&q) {
                let q = f.number(-q);
                away.push(f.sum(*p, q));
            }
            let minus = f.number(-1);
            let [a, b, c, d] = away[..] else { unreachable!() };
            let (two, five) = (f.number(2), f.number(5));
            let (twice, five) = (f.product(two, b), f.product(five, c));
            let (back, last) = (f.product(minus, a), f.product(minus, five));
            let back = f.product(two, back);
            let second = f.sum(back, c);
            let third = f.difference(d, b);
            vec![twice, second, third, last]
        })
    };
    for bits in [60, 100, 200, 500] {
        let found = deep(rotation(), bits);
        assert_eq!(found.solver, Solver::Deep);
        for (price, q) in found.prices.iter().zip(&q) {
            let off = (price - q).abs();
            assert!(off <= Exact::two_to_minus(bits - 4), "{bits}: {:e}", off.to_f64());
        }
        assert!(found.evaluations < 200, "{bits}: {}", found.evaluations);
    }
}

/// One buys both while they cost less than 1 together, steeply and up to a share; each has a belief of its own as well, and the
/// second's counts for a 2^-70th: its price is the one at which that belief clears.
#[test]
fn sentences_of_very_different_weight() {
    let light = || {
        strategy(2, |f, p| {
            let (one, minus, steep) = (f.number(1), f.number(-1), f.number(1000));
            let third = f.number(exact("1/3"));
            let gap = f.difference(third, p[0]);
            let wanted = f.product(steep, gap);
            let wanted = f.least(one, wanted);
            let wanted = f.most(minus, wanted);
            // (3/4 - q) + (p - 1/3), 2^-70 of it
            let belief = f.number(exact("3/4"));
            let tiny = f.number(Exact::two_to_minus(70));
            let away = f.difference(belief, p[1]);
            let both = f.difference(away, gap);
            let bought = f.product(tiny, both);
            let lent = f.product(tiny, p[1]);
            vec![f.sum(wanted, lent), bought]
        })
    };
    let found = deep(light(), 120);
    assert!((&found.prices[1] - &exact("3/4")).abs() <= Exact::two_to_minus(48));
    assert!((&found.prices[0] - &exact("1/3")).abs() <= Exact::two_to_minus(70));
}
