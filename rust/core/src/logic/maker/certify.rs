//! The certificate, and the precision that it needs.

use super::super::number::{Enclosure, Exact};

/// `max(d (1 - V), -d V)` in floats.
#[inline]
pub fn gain(price: f64, demand: f64) -> f64 {
    (demand * (1.0 - price)).max(-demand * price)
}

/// The sum of it over some prices.
pub fn gains(prices: &[f64], demand: &[f64]) -> f64 {
    prices.iter().zip(demand).map(|(p, d)| gain(*p, *d)).sum()
}

/// An exact number that `sum_j max(d_j (1 - V_j), -d_j V_j)` does not exceed.
pub fn certificate<'a>(prices: impl IntoIterator<Item = &'a Exact>, demand: &[Enclosure]) -> Exact {
    let one = Exact::from(1);
    let term = |(price, d): (&Exact, &Enclosure)| {
        let (up, down) = (&d.high * &(&one - price), &-&d.low * price);
        up.max(down)
    };
    let terms = prices.into_iter().zip(demand).map(term);
    terms.fold(Exact::default(), |sum, term| &sum + &term)
}

/// Bits after the point that numbers need whose errors count against `aim` among so many.
pub fn precision(aim: &Exact, many: usize) -> usize {
    let below = -aim.log2_up().unwrap_or(0) + 1;
    let among = usize::BITS - many.leading_zeros();
    below.max(0) as usize + among as usize + 4
}
