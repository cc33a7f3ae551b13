//! Prices at which a continuous field of demand leaves no gain: for some domain of price vectors,
//! `max_{v in domain} D(c).(v - c) <= tolerance`.

use crate::error::Result;

/// The vectors that prices may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Nonnegative, summing to 1: one of the outcomes happens.
    Simplex,
    /// Each in [0, 1].
    Cube,
}

/// The best price found.
#[derive(Clone, Debug)]
pub struct Found {
    pub price: Vec<f64>,
    pub certificate: f64,
    /// How often the demand was worked out.
    pub evaluations: u32,
}

impl Domain {
    /// `max_v D.(v - c)`
    pub fn gap(self, price: &[f64], demand: &[f64]) -> f64 {
        let pairs = demand.iter().zip(price);
        match self {
            Self::Simplex => {
                let spent: f64 = pairs.map(|(d, c)| d * c).sum();
                demand.iter().copied().fold(f64::NEG_INFINITY, f64::max) - spent
            }
            Self::Cube => pairs.map(|(d, c)| (d * (1.0 - c)).max(-d * c)).sum(),
        }
    }

    /// The nearest point of the domain, in place (for the simplex: Duchi et al. 2008).
    pub fn project(self, point: &mut [f64]) {
        if self == Self::Cube {
            point.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
            return;
        }
        let mut sorted = point.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let (mut sum, mut shift) = (0.0, 0.0);
        for (j, x) in sorted.iter().enumerate() {
            sum += x;
            let candidate = (sum - 1.0) / (j + 1) as f64;
            if *x > candidate {
                shift = candidate;
            }
        }
        point.iter_mut().for_each(|x| *x = (*x - shift).max(0.0));
    }
}

/// Looks for an equilibrium from `start`.
pub fn solve(
    domain: Domain,
    start: &[f64],
    tolerance: f64,
    demand: &mut dyn FnMut(&[f64], &mut [f64]) -> Result<()>,
) -> Result<Found> {
    let n = start.len();
    let mut best = Found {
        price: start.to_vec(),
        certificate: f64::INFINITY,
        evaluations: 0,
    };
    if domain == Domain::Simplex && n == 2 {
        bisect(&mut best, tolerance, demand)?;
    } else {
        extragradient(domain, &mut best, tolerance, demand)?;
    }
    Ok(best)
}

impl Found {
    fn look(
        &mut self,
        domain: Domain,
        price: &[f64],
        field: &mut [f64],
        demand: &mut dyn FnMut(&[f64], &mut [f64]) -> Result<()>,
    ) -> Result<f64> {
        demand(price, field)?;
        self.evaluations += 1;
        let gap = domain.gap(price, field);
        if gap < self.certificate {
            self.certificate = gap;
            self.price.copy_from_slice(price);
        }
        Ok(gap)
    }
}

fn bisect(best: &mut Found, tolerance: f64, demand: &mut dyn FnMut(&[f64], &mut [f64]) -> Result<()>) -> Result<()> {
    let mut field = [0.0; 2];
    for corner in [[1.0, 0.0], [0.0, 1.0]] {
        if best.look(Domain::Simplex, &corner, &mut field, demand)? <= 0.0 {
            return Ok(());
        }
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        let gap = best.look(Domain::Simplex, &[1.0 - middle, middle], &mut field, demand)?;
        if gap <= tolerance {
            return Ok(());
        }
        if field[1] > field[0] {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(())
}

fn extragradient(
    domain: Domain,
    best: &mut Found,
    tolerance: f64,
    demand: &mut dyn FnMut(&[f64], &mut [f64]) -> Result<()>,
) -> Result<()> {
    let n = best.price.len();
    let (mut here, mut there) = (vec![0.0; n], vec![0.0; n]);
    let mut price = best.price.clone();
    let mut step = 1.0;
    for _ in 0..20_000 {
        if best.look(domain, &price, &mut here, demand)? <= tolerance {
            return Ok(());
        }
        loop {
            let mut ahead: Vec<_> = price.iter().zip(&here).map(|(c, d)| c + step * d).collect();
            domain.project(&mut ahead);
            if best.look(domain, &ahead, &mut there, demand)? <= tolerance {
                return Ok(());
            }
            let moved = distance(&price, &ahead);
            if step * distance(&here, &there) <= 0.7 * moved || moved == 0.0 || step < 1e-12 {
                break;
            }
            step *= 0.5;
        }
        price.iter_mut().zip(&there).for_each(|(c, d)| *c += step * d);
        domain.project(&mut price);
        step *= 1.2;
    }
    Ok(())
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}
