//! Fields of many prices, five seeds each.

use super::*;
use crate::logic::feature::FeatureId;

/// A stream of numbers from -1 to 1, in 2^-20ths.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> i64 {
        // splitmix64 (Steele, Lea, Flood 2014)
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 43) as i64 - (1 << 20)
    }

    fn signed(&mut self) -> Exact {
        Exact::dyadic(self.next().into(), 20)
    }

    /// From 0.1 to 0.9, about.
    fn inner(&mut self) -> Exact {
        let centred = &self.signed() * &exact("2/5");
        &centred + &exact("1/2")
    }
}

/// `sum_i S_ji (p_i - q_i)` for all j
fn linear_field(f: &mut Features, p: &[FeatureId], s: &[Exact], q: &[Exact]) -> Vec<FeatureId> {
    let away: Vec<_> = p
        .iter()
        .zip(q)
        .map(|(p, q)| {
            let q = f.number(-q);
            f.sum(*p, q)
        })
        .collect();
    s.chunks_exact(p.len())
        .map(|row| {
            let zero = f.number(0);
            row.iter().zip(&away).fold(zero, |sum, (s, away)| {
                let s = f.number(s.clone());
                let term = f.product(s, *away);
                f.sum(sum, term)
            })
        })
        .collect()
}

fn skew(k: usize, draws: &mut Draws) -> Vec<Exact> {
    let mut s = vec![Exact::default(); k * k];
    for i in 0..k {
        for j in 0..i {
            let x = draws.signed();
            s[i * k + j] = x.clone();
            s[j * k + i] = -&x;
        }
    }
    s
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Rotation,
    Steep,
    Saturated,
    SaturatedRotation,
    SteepRotation,
    VerySaturatedRotation,
    Beliefs,
    Arbitrage,
}

fn field(kind: Kind, k: usize, seed: u64) -> Strategy {
    let mut draws = Draws(seed * 1000 + k as u64);
    strategy(k, |f, p| {
        let q: Vec<_> = (0..k).map(|_| draws.inner()).collect();
        let clip = |f: &mut Features, x| {
            let (one, minus) = (f.number(1), f.number(-1));
            let x = f.least(one, x);
            f.most(minus, x)
        };
        match kind {
            Kind::Rotation => linear_field(f, p, &skew(k, &mut draws), &q),
            Kind::SteepRotation => {
                let s: Vec<_> = skew(k, &mut draws).iter().map(|x| x * &Exact::from(10_000)).collect();
                linear_field(f, p, &s, &q)
            }
            Kind::Beliefs => (0..k)
                .map(|j| {
                    let (worth, slope) = (f.number(q[j].clone()), f.number(10_000));
                    let below = f.difference(worth, p[j]);
                    let wanted = f.product(slope, below);
                    clip(f, wanted)
                })
                .collect(),
            Kind::SaturatedRotation | Kind::VerySaturatedRotation => {
                let steep = if matches!(kind, Kind::SaturatedRotation) {
                    100
                } else {
                    10_000
                };
                let s: Vec<_> = skew(k, &mut draws).iter().map(|x| x * &Exact::from(steep)).collect();
                let field = linear_field(f, p, &s, &q);
                field.into_iter().map(|d| clip(f, d)).collect()
            }
            Kind::Steep | Kind::Saturated => {
                // each sells what is above its worth, 1e4 a unit, and turns a little with the others
                let mut s = skew(k, &mut draws);
                (0..k).for_each(|j| s[j * k + j] = Exact::from(-10_000));
                let field = linear_field(f, p, &s, &q);
                match kind {
                    Kind::Steep => field,
                    _ => field.into_iter().map(|d| clip(f, d)).collect(),
                }
            }
            Kind::Arbitrage => {
                // one buys all where they cost less than 1 and sells where more, steeply; others believe
                let (mut sum, steep) = (f.number(-1), f.number(-1000));
                for p in p {
                    sum = f.sum(sum, *p);
                }
                let gap = f.product(steep, sum);
                let gap = clip(f, gap);
                let beliefs = (0..k).map(|j| {
                    let worth = f.number(&q[j] * &exact(&format!("2/{k}")));
                    let ten = f.number(10);
                    let below = f.difference(worth, p[j]);
                    let belief = f.product(ten, below);
                    let belief = clip(f, belief);
                    f.sum(gap, belief)
                });
                beliefs.collect()
            }
        }
    })
}

/// Clears five fields of a kind for each of these numbers of prices; how many were not certified.
fn failures(kind: Kind, sizes: &[usize]) -> usize {
    let tolerance = Exact::two_to_minus(20);
    let cases = sizes.iter().flat_map(|k| (1..=5).map(move |seed| (*k, seed)));
    let failed = cases.filter(|(k, seed)| {
        let mut demand = field(kind, *k, *seed);
        let found = search(&mut demand, &halves(*k), &tolerance, &Options::default()).unwrap();
        let bought = demand.exact(&found.prices);
        // the certificate by its definition: each table takes the better of 0 and 1
        let gain = |(d, p): (&Exact, &Exact)| (d * &(&Exact::from(1) - p)).max(&-d * p);
        let all = bought.iter().zip(&found.prices).map(gain);
        assert_eq!(all.fold(Exact::default(), |sum, gain| &sum + &gain), found.certificate);
        found.certificate > tolerance
    });
    failed.count()
}

#[test]
fn every_kind_is_certified() {
    for kind in [
        Kind::Rotation,
        Kind::Steep,
        Kind::SteepRotation,
        Kind::Saturated,
        Kind::Beliefs,
        Kind::Arbitrage,
    ] {
        assert_eq!(failures(kind, &[5, 20, 100]), 0, "{kind:?}");
    }
}

#[test]
fn rotations_that_saturate() {
    for kind in [Kind::SaturatedRotation, Kind::VerySaturatedRotation] {
        assert_eq!(failures(kind, &[5, 20]), 0, "{kind:?}");
        assert!(failures(kind, &[100]) <= 3, "{kind:?}");
    }
}
