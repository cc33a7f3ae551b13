//! The search for all prices, component by component.

use super::super::number::{Enclosure, Exact};
use super::certify::{certificate, gains, precision};
use super::components::components;
use super::{Cleared, Demand, Options, Solver, coupled, deep, line, newton, zoom};
use crate::error::{MarketError, Result};
use dashu_ratio::RBig;

/// What a search knows.
pub struct Hunt<'a> {
    pub demand: &'a mut dyn Demand,
    pub options: &'a Options,
    /// The best so far, exactly and as floats.
    pub prices: Vec<Exact>,
    pub floats: Vec<f64>,
    /// What counts as solved, and the certificate that is aimed at, of all prices together.
    tolerance: &'a Exact,
    goal: Exact,
    pub evaluations: u32,
    /// The demand at the prices, of the components that are found.
    pub bought: Vec<Enclosure>,
    solver: Solver,
}

/// Bits of a price beyond which a float does not go.
const FLOAT_BITS: usize = 52;
/// How near simple fractions must be to be tried, in bits: where demand is flat a price is not found well.
const NEAR_BITS: [usize; 3] = [40, 28, 16];
/// The gain at which the floats of several prices are near enough to go on from beyond their precision.
const COUPLED_AIM: f64 = 1.0 / (1u64 << 30) as f64;
/// Prices of a component beyond which they are first looked for as if each were alone.
const MANY: usize = 32;
/// The certificate at which a float is near enough.
const FRACTION_AIM: f64 = 1e-14;
/// What may seem to be gained at the right fractions.
const FRACTION_NOISE: f64 = 1e-12;
/// Bits of all their denominators beyond which fractions are not simple.
const ODD_BITS: usize = 1024;

impl<'a> Hunt<'a> {
    pub fn new(demand: &'a mut dyn Demand, start: &[Exact], tolerance: &'a Exact, options: &'a Options) -> Self {
        let polish = options.polish.as_ref().unwrap_or(tolerance);
        Self {
            demand,
            options,
            prices: start.to_vec(),
            floats: start.iter().map(Exact::to_f64).collect(),
            tolerance,
            goal: polish.clone().min(tolerance.clone()),
            evaluations: 0,
            bought: vec![Enclosure::default(); start.len()],
            solver: Solver::Start,
        }
    }

    pub fn run(mut self) -> Result<Cleared> {
        let k = self.prices.len();
        let parts = match k {
            0 => Vec::new(),
            1 => vec![vec![0]],
            _ => components(&self.demand.reads()),
        };
        for mut part in parts {
            part.retain(|j| *j < k); // what stands between has no price
            if !part.is_empty() {
                self.component(&part)?;
            }
        }
        Ok(Cleared {
            certificate: certificate(&self.prices, &self.bought),
            prices: self.prices,
            demand: self.bought,
            solver: self.solver,
            evaluations: self.evaluations,
        })
    }

    /// The prices of a component, those that it reads being found.
    fn component(&mut self, part: &[usize]) -> Result<()> {
        let aim = self.share(&self.goal, part.len());
        let begun_at: Vec<_> = part.iter().map(|j| self.floats[*j]).collect();
        // a fraction is only seen in a price that is nearly it
        let sharp = if self.options.fractions {
            FRACTION_AIM
        } else {
            f64::INFINITY
        };
        let float_aim = (0.5 * aim.to_f64()).min(sharp);
        if let [j] = part {
            line::search(self, *j, float_aim)?;
        } else {
            let enough = 0.5 * self.share(self.tolerance, part.len()).to_f64();
            if part.len() > MANY {
                line::together(self, part, float_aim)?;
            }
            coupled::search(self, part, enough.max(COUPLED_AIM), float_aim)?;
        }
        let reached = self.settle(part, &begun_at, &aim)?;
        let tolerated = self.share(self.tolerance, part.len());
        if part.len() > 1 && reached > tolerated && tolerated < Exact::of_float(COUPLED_AIM).unwrap_or_default() {
            // the floats led to where nothing clears; whatever they can do is done then
            coupled::search(self, part, 0.5 * tolerated.to_f64(), 0.5 * aim.to_f64())?;
            self.settle(part, &begun_at, &aim)?;
        }
        Ok(())
    }

    /// Makes prices of the floats of a part, as good ones as are asked for; the certificate reached.
    fn settle(&mut self, part: &[usize], begun_at: &[f64], aim: &Exact) -> Result<Exact> {
        let moved = part.iter().zip(begun_at).any(|(j, begun)| self.floats[*j] != *begun);
        let solver = match (moved, part.len()) {
            (false, _) => Solver::Start,
            (true, 1) => Solver::Line,
            (true, _) => Solver::Coupled,
        };
        self.solver = self.solver.max(solver);
        // where nobody trades, yesterday's price stays, simple or not
        if !moved && self.certify(part, aim)?.is_zero() || self.options.fractions && self.simplify(part)? {
            return Ok(Exact::default());
        }
        if moved {
            self.shorten(part, 0.75 * aim.to_f64())?;
        }
        self.sharpen(part, aim)
    }

    /// The share that so many prices have in a certificate of all.
    fn share(&self, whole: &Exact, many: usize) -> Exact {
        if many == self.prices.len() {
            return whole.clone();
        }
        let (mine, all) = (Exact::from(many as i64), Exact::from(self.prices.len() as i64));
        (whole * &mine).divided(&all).unwrap_or_default()
    }

    /// Goes beyond the precision of floats where that is needed.
    fn sharpen(&mut self, part: &[usize], aim: &Exact) -> Result<Exact> {
        let reached = self.certify(part, aim)?;
        if reached <= *aim {
            return Ok(reached);
        }
        let (reached, solver) = if let [j] = part {
            (deep::line(self, *j, aim, reached)?, Solver::DeepLine)
        } else {
            let mut reached = newton::search(self, part, aim, reached)?;
            if reached > *aim {
                reached = zoom::search(self, part, aim, reached)?;
            }
            if reached > *aim {
                reached = newton::search(self, part, aim, reached)?;
            }
            (reached, Solver::Deep)
        };
        self.solver = self.solver.max(solver);
        Ok(reached)
    }

    /// The demand of a part at some of its prices, the others being found.
    pub fn estimate(&mut self, part: &[usize], at: &[f64], out: &mut [f64]) -> Result<()> {
        self.place(part, at);
        self.evaluations += 1;
        self.demand.estimate(&self.floats, part, out)?;
        self.check(part, out)
    }

    /// The same with slopes, if the demand knows them.
    pub fn slopes(&mut self, part: &[usize], at: &[f64], out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        self.place(part, at);
        self.evaluations += 1;
        let known = self.demand.slopes(&self.floats, part, out, slopes)?;
        if known {
            self.check(part, out)?;
        }
        Ok(known)
    }

    /// The demand of a part at some of its prices, and how each changes as all of them rise alike.
    pub fn together(&mut self, part: &[usize], at: &[f64], out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        self.place(part, at);
        self.evaluations += 1;
        self.demand.together(&self.floats, part, out, slopes)
    }

    /// The same with kinks rounded off over a width.
    pub fn smoothed(
        &mut self,
        part: &[usize],
        at: &[f64],
        width: f64,
        out: &mut [f64],
        slopes: &mut [f64],
    ) -> Result<bool> {
        if width <= 0.0 {
            return self.slopes(part, at, out, slopes);
        }
        self.place(part, at);
        self.evaluations += 1;
        self.demand.smoothed(&self.floats, part, width, out, slopes)
    }

    /// The demand of a part at its exact prices, with so many bits after the point, and slopes if they are asked for and known.
    pub fn deep(&mut self, part: &[usize], bits: usize, out: &mut [f64], slopes: Option<&mut [f64]>) -> Result<bool> {
        self.evaluations += 1;
        self.demand.deep(&self.prices, part, bits, out, slopes)
    }

    /// The width at which about all kinks of the part that was asked last are rounded off.
    pub fn widest(&self, part: &[usize], at: &[f64]) -> f64 {
        let mut prices = self.floats.clone();
        part.iter().zip(at).for_each(|(j, p)| prices[*j] = *p);
        self.demand.widest(&prices)
    }

    /// The exact prices of a part.
    pub fn of(&self, part: &[usize]) -> Vec<Exact> {
        part.iter().map(|j| self.prices[*j].clone()).collect()
    }

    /// Takes exact prices for those of a part.
    pub fn take(&mut self, part: &[usize], prices: Vec<Exact>) {
        for (j, price) in part.iter().zip(prices) {
            self.floats[*j] = price.to_f64();
            self.prices[*j] = price;
        }
    }

    /// Whether nothing new is begun.
    pub fn spent(&self) -> bool {
        self.evaluations >= self.options.evaluations
    }

    pub fn place(&mut self, part: &[usize], at: &[f64]) {
        part.iter().zip(at).for_each(|(j, p)| self.floats[*j] = *p);
    }

    fn check(&self, part: &[usize], out: &[f64]) -> Result<()> {
        let Some((j, d)) = part.iter().zip(out).find(|(_, d)| !d.is_finite()) else {
            return Ok(());
        };
        Err(MarketError::input(format!(
            "the demand for sentence {j} is {d} at prices {:?}; it must be a finite number",
            self.floats
        )))
    }

    /// Takes the floats of a part as its prices, with as few bits as leave the certificate within the aim.
    fn shorten(&mut self, part: &[usize], aim: f64) -> Result<()> {
        let full: Vec<_> = part.iter().map(|j| self.floats[*j]).collect();
        let mut bits = (1.0 - aim.log2()).ceil().max(2.0) as usize;
        let mut bought = vec![0.0; part.len()];
        while bits < FLOAT_BITS {
            let unit = (bits as f64).exp2();
            let short: Vec<_> = full.iter().map(|p| (p * unit).round() / unit).collect();
            self.estimate(part, &short, &mut bought)?;
            if gains(&short, &bought) <= aim {
                break;
            }
            bits += 5;
        }
        if bits >= FLOAT_BITS {
            self.place(part, &full);
        }
        for j in part {
            self.prices[*j] = Exact::of_float(self.floats[*j]).unwrap_or_default();
        }
        Ok(())
    }

    /// The certificate of a part at its prices, with as much precision as it takes to know whether it is within the aim.
    pub fn certify(&mut self, part: &[usize], aim: &Exact) -> Result<Exact> {
        let mut bits = precision(aim, part.len());
        for _ in 0..4 {
            let bought = self.enclose(part, bits)?;
            let mine = |middles: &[Enclosure]| certificate(part.iter().map(|j| &self.prices[*j]), middles);
            let reached = mine(&bought);
            let middles: Vec<_> = bought.iter().map(|d| Enclosure::from(d.middle())).collect();
            let hopeless = reached > *aim && mine(&middles) > *aim;
            part.iter().zip(bought).for_each(|(j, d)| self.bought[*j] = d);
            if reached <= *aim || hopeless {
                return Ok(reached);
            }
            bits += 32;
        }
        let bought: Vec<_> = part.iter().map(|j| self.bought[*j].clone()).collect();
        Ok(certificate(part.iter().map(|j| &self.prices[*j]), &bought))
    }

    pub fn enclose(&mut self, part: &[usize], bits: usize) -> Result<Vec<Enclosure>> {
        let mut out = vec![Enclosure::default(); part.len()];
        self.evaluations += 1;
        self.demand.enclose(&self.prices, part, bits, &mut out)?;
        Ok(out)
    }

    /// Tries the simplest fractions beside the prices: whether nobody gains anything at them. Otherwise nothing changes.
    fn simplify(&mut self, part: &[usize]) -> Result<bool> {
        let floats: Vec<_> = part.iter().map(|j| self.floats[*j]).collect();
        let before: Vec<_> = part.iter().map(|j| self.prices[*j].clone()).collect();
        let mut bought = vec![0.0; part.len()];
        self.estimate(part, &floats, &mut bought)?;
        // floats see nothing less than this
        let noise = FRACTION_NOISE.max(100.0 * gains(&floats, &bought));
        for near in NEAR_BITS {
            let simple: Vec<_> = floats.iter().map(|p| simple(*p, near)).collect();
            let rounded: Vec<_> = simple.iter().map(Exact::to_f64).collect();
            self.estimate(part, &rounded, &mut bought)?;
            if gains(&rounded, &bought) > noise || simple.iter().map(|p| p.sizes().2).sum::<usize>() > ODD_BITS {
                continue;
            }
            part.iter().zip(simple).for_each(|(j, price)| self.prices[*j] = price);
            if self.certify(part, &Exact::two_to_minus(2 * FLOAT_BITS))?.sign() <= 0 {
                return Ok(true);
            }
        }
        self.place(part, &floats);
        part.iter().zip(before).for_each(|(j, price)| self.prices[*j] = price);
        Ok(false)
    }
}

/// The simplest fraction beside a price (Stern 1858, Brocot 1861), within [0, 1].
fn simple(price: f64, near: usize) -> Exact {
    let price = Exact::of_float(price).unwrap_or_default();
    let near = Exact::two_to_minus(near);
    let low = (&price - &near).max(Exact::default());
    let high = (&price + &near).min(Exact::from(1));
    if low.is_zero() || high == Exact::from(1) {
        return if low.is_zero() { low } else { high };
    }
    Exact::from(RBig::simplest_in(low.to_ratio(), high.to_ratio()))
}
