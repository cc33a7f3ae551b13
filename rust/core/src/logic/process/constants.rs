//! Decimals of numbers, by integer arithmetic alone: more are computed as they are asked for, twice as many each time.

use crate::error::{MarketError, Result};
use dashu_base::SquareRoot;
use dashu_int::{IBig, UBig};

/// Decimals of the first computation.
const FIRST: usize = 1000;
/// Decimals beyond those that are used: an error of the last place reaches those only if all of these are 0 or all 9.
const GUARD: usize = 20;

#[derive(Clone, Debug)]
enum Number {
    Pi(Series),
    E(Series),
    Root(u64),
}

/// The decimals of a number after its point.
#[derive(Clone, Debug)]
pub struct Decimals {
    name: String,
    number: Number,
    /// As ASCII.
    known: Vec<u8>,
}

impl Decimals {
    /// `pi`, `e`, or `sqrt2` and the like.
    pub fn new(name: &str) -> Result<Self> {
        let number = match (name, name.strip_prefix("sqrt").map(str::parse)) {
            ("pi", _) => Number::Pi(Series::default()),
            ("e", _) => Number::E(Series::default()),
            (_, Some(Ok(square))) => Number::Root(square),
            _ => {
                return Err(MarketError::input(format!(
                    "the decimals of {name:?} are not known; give \"pi\", \"e\", or a root such as \"sqrt2\""
                )));
            }
        };
        Ok(Self {
            name: name.into(),
            number,
            known: Vec::new(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The n-th decimal, counted from 1.
    pub fn digit(&mut self, n: u64) -> Result<u8> {
        let at = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
        let at = at.ok_or_else(|| MarketError::input(format!("decimal {n}; decimals count from 1")))?;
        if at >= self.known.len() {
            self.extend((at + 1).max(2 * self.known.len()).max(FIRST));
        }
        Ok(self.known[at] - b'0')
    }

    fn extend(&mut self, count: usize) {
        let mut guard = GUARD;
        self.known = loop {
            if let Some(known) = self.decimals(count, guard) {
                break known;
            }
            guard *= 2;
        };
    }

    /// So many decimals, from that many more; None if these are not enough to be sure.
    fn decimals(&mut self, count: usize, guard: usize) -> Option<Vec<u8>> {
        let places = count + guard;
        let scaled = match &mut self.number {
            Number::Pi(series) => pi(series, places),
            Number::E(series) => e(series, places),
            Number::Root(square) => (UBig::from(*square) * ten_to(2 * places)).sqrt(),
        };
        let digits = (scaled % ten_to(places)).to_string();
        let text = "0".repeat(places - digits.len()) + &digits;
        let unsure = text.as_bytes()[count..places - guard / 2].iter();
        let exact = matches!(self.number, Number::Root(_)); // the floor of a root is exact
        let sure = exact || unsure.clone().any(|&digit| digit != b'0') && unsure.clone().any(|&digit| digit != b'9');
        sure.then(|| text.as_bytes()[..count].to_vec())
    }
}

fn ten_to(places: usize) -> UBig {
    UBig::from(10_u8).pow(places)
}

/// A sum of fractions whose terms share factors, kept as integers (binary splitting: Haible and Papanikolaou 1998).
#[derive(Clone, Debug)]
struct Series {
    terms: u64,
    p: IBig,
    q: IBig,
    t: IBig,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            terms: 0,
            p: IBig::ONE,
            q: IBig::ONE,
            t: IBig::ZERO,
        }
    }
}

impl Series {
    /// The terms of both, those of `other` after these.
    fn with(&self, other: &Self) -> Self {
        Self {
            terms: self.terms + other.terms,
            t: &other.q * &self.t + &self.p * &other.t,
            p: &self.p * &other.p,
            q: &self.q * &other.q,
        }
    }

    fn between(from: u64, to: u64, term: &impl Fn(u64) -> Self) -> Self {
        if to - from == 1 {
            return term(from);
        }
        let middle = u64::midpoint(from, to);
        Self::between(from, middle, term).with(&Self::between(middle, to, term))
    }

    /// As many terms in all, of which those that were there are kept.
    fn reach(&mut self, terms: u64, term: &impl Fn(u64) -> Self) {
        if terms > self.terms {
            *self = self.with(&Self::between(self.terms, terms, term));
        }
    }
}

/// pi 10^places, up to a few units of the last place (Chudnovsky and Chudnovsky 1988); each term gives more than 14 decimals.
fn pi(series: &mut Series, places: usize) -> UBig {
    series.reach(places as u64 / 14 + 2, &|k| {
        let k3 = IBig::from(k) * k * k;
        let p = match k {
            0 => IBig::ONE,
            _ => IBig::from(6 * k - 5) * (2 * k - 1) * (6 * k - 1),
        };
        let sign = if k % 2 == 0 { IBig::ONE } else { IBig::NEG_ONE };
        Series {
            terms: 1,
            q: if k == 0 {
                IBig::ONE
            } else {
                k3 * 10_939_058_860_032_000_u64
            },
            t: sign * &p * (IBig::from(545_140_134_u64) * k + 13_591_409),
            p,
        }
    });
    let root = (UBig::from(10_005_u16) * ten_to(2 * places)).sqrt();
    let quotient = &series.q * IBig::from(426_880) * IBig::from(root) / &series.t;
    UBig::try_from(quotient).unwrap_or_default()
}

/// e 10^places, up to a few units of the last place: 1 + 1/1! + 1/2! + ...
fn e(series: &mut Series, places: usize) -> UBig {
    let (mut terms, mut decimals) = (1_u64, 0.0);
    while decimals < places as f64 + 2.0 {
        decimals += (terms as f64).log10();
        terms += 1;
    }
    series.reach(terms, &|k| Series {
        terms: 1,
        p: IBig::ONE,
        q: IBig::from(k.max(1)),
        t: IBig::ONE,
    });
    let quotient = &series.t * IBig::from(ten_to(places)) / &series.q;
    UBig::try_from(quotient).unwrap_or_default()
}
