//! How features change with today's prices: one backward sweep for each feature, whatever the number of prices
//! (Linnainmaa 1970). Also of features whose kinks are rounded off, for searches that would see no slope beyond a kink.

use super::super::number::{Exact, Jet, Number};
use super::program::{Program, Source, Step};

/// Steps that all features' sweeps together may list; beyond, a sweep goes through all.
const LISTED: usize = 1 << 22;

/// What the slopes of a program's features need: memory, and which steps each feature reads.
#[derive(Clone, Debug)]
pub struct Sweeps {
    /// For each feature its steps, descending; None where these would be too many.
    lists: Option<Vec<Vec<u32>>>,
    values: Vec<f64>,
    back: Vec<f64>,
}

impl Sweeps {
    pub fn new(program: &Program) -> Self {
        let mut seen = vec![false; program.steps.len()];
        let mut total = 0;
        let lists = program.roots.iter().map(|root| {
            let mut list = program.parts(*root, &mut seen);
            list.sort_unstable_by(|a, b| b.cmp(a));
            total += list.len();
            (total <= LISTED).then_some(list)
        });
        Self {
            lists: lists.collect(),
            values: Vec::new(),
            back: vec![0.0; program.steps.len()],
        }
    }
}

impl Program {
    /// Fills `out` with the features' values and `slopes` (features x prices, row-major) with how each changes with every price
    /// of today. At a kink the slope is that of one side.
    pub fn slopes(&self, prices: &[f64], sweeps: &mut Sweeps, out: &mut [f64], slopes: &mut [f64]) {
        self.smoothed(prices, 0.0, sweeps, out, slopes);
    }

    /// The same of features whose kinks are rounded off over about `width`: `max(a, b)` as `(a + b + |a - b|) / 2` with
    /// `hypot(x, width) - width` for |x|, which leaves what is equal where it is.
    pub fn smoothed(&self, prices: &[f64], width: f64, sweeps: &mut Sweeps, out: &mut [f64], slopes: &mut [f64]) {
        let mut values = std::mem::take(&mut sweeps.values);
        if width > 0.0 {
            self.play_smoothed(prices, width, &mut values);
        } else {
            self.play((), prices, &mut values);
        }
        out.iter_mut()
            .zip(&self.roots)
            .for_each(|(o, root)| *o = values[*root as usize]);
        slopes.fill(0.0);
        let sweep = Sweep {
            program: self,
            values: &values,
            ahead: None,
            width,
        };
        sweep.all(prices.len(), sweeps, slopes);
        sweeps.values = values;
    }

    /// Fills `out` with the features' values at exact prices, worked out with so many bits after the point; the value of
    /// every step.
    pub fn deep(&self, prices: &[Exact], bits: usize, out: &mut [f64]) -> Vec<Jet> {
        let prices: Vec<_> = prices.iter().map(|price| Jet::still(price, bits)).collect();
        let mut jets = Vec::new();
        self.play(bits, &prices, &mut jets);
        out.iter_mut()
            .zip(&self.roots)
            .for_each(|(o, root)| *o = jets[*root as usize].float());
        jets
    }

    /// The same with slopes: kinks are told apart that no float can.
    pub fn deep_slopes(
        &self,
        (prices, bits): (&[Exact], usize),
        sweeps: &mut Sweeps,
        out: &mut [f64],
        slopes: &mut [f64],
    ) {
        let jets = self.deep(prices, bits, out);
        let one = Jet::still(&Exact::from(1), bits);
        let apart = |step: &Step| match *step {
            Step::Most(a, b) | Step::Least(a, b) => jets[a as usize].minus(&jets[b as usize]).float(),
            Step::SafeReciprocal(a) => jets[a as usize].minus(&one).float(),
            _ => 0.0,
        };
        let ahead: Vec<_> = self.steps.iter().map(apart).collect();
        let values: Vec<_> = jets.iter().map(Jet::float).collect();
        slopes.fill(0.0);
        let sweep = Sweep {
            program: self,
            values: &values,
            ahead: Some(&ahead),
            width: 0.0,
        };
        sweep.all(prices.len(), sweeps, slopes);
    }

    /// How far apart what is compared may lie: about the width at which all kinks are rounded off.
    pub fn widest(&self, prices: &[f64]) -> f64 {
        let mut values = Vec::new();
        self.play((), prices, &mut values);
        let apart = |step: &Step| match *step {
            Step::Most(a, b) | Step::Least(a, b) => (values[a as usize] - values[b as usize]).abs(),
            Step::SafeReciprocal(a) => (values[a as usize] - 1.0).abs(),
            _ => 0.0,
        };
        self.steps.iter().map(apart).fold(0.0, f64::max)
    }

    fn play_smoothed(&self, prices: &[f64], width: f64, values: &mut Vec<f64>) {
        values.clear();
        for step in &self.steps {
            let of = |i: u32| values[i as usize];
            let value = match *step {
                Step::Constant(at) => self.constants[at as usize].float(),
                Step::Leaf(at) => match &self.sources[at as usize] {
                    Source::Today(at) => prices[*at as usize],
                    Source::Known(known) => known.float(),
                },
                Step::Sum(a, b) => of(a) + of(b),
                Step::Product(a, b) => of(a) * of(b),
                Step::Most(a, b) => 0.5 * (of(a) + of(b) + rounded(of(a) - of(b), width)),
                Step::Least(a, b) => 0.5 * (of(a) + of(b) - rounded(of(a) - of(b), width)),
                // never below 1, so that nothing is divided by 0
                Step::SafeReciprocal(a) => 2.0 / (of(a) + 1.0 + (of(a) - 1.0).hypot(width)),
            };
            values.push(value);
        }
    }
}

/// |x| without its kink.
fn rounded(x: f64, width: f64) -> f64 {
    x.hypot(width) - width
}

/// One backward sweep: what a small change of every step does to the one where it began.
struct Sweep<'a> {
    program: &'a Program,
    values: &'a [f64],
    /// Of each step with a kink by how much what it compares is apart, where the values as floats do not tell.
    ahead: Option<&'a [f64]>,
    width: f64,
}

impl Sweep<'_> {
    /// Sweeps once for each feature.
    fn all(&self, prices: usize, sweeps: &mut Sweeps, slopes: &mut [f64]) {
        for (at, row) in slopes.chunks_exact_mut(prices).enumerate() {
            let root = self.program.roots[at];
            sweeps.back[root as usize] = 1.0;
            match &sweeps.lists {
                Some(lists) => lists[at]
                    .iter()
                    .for_each(|step| self.step(*step, &mut sweeps.back, row)),
                None => (0..=root).rev().for_each(|step| self.step(step, &mut sweeps.back, row)),
            }
        }
    }

    /// By how much the first of what a step compares is ahead.
    #[inline]
    fn ahead(&self, at: u32, first: f64, second: f64) -> f64 {
        self.ahead.map_or(first - second, |ahead| ahead[at as usize])
    }

    /// Hands what `back` has gathered for a step on to what the step reads, and leaves 0 there.
    #[inline]
    fn step(&self, at: u32, back: &mut [f64], row: &mut [f64]) {
        let by = std::mem::take(&mut back[at as usize]);
        if by == 0.0 {
            return;
        }
        let value = |i: u32| self.values[i as usize];
        match self.program.steps[at as usize] {
            Step::Constant(_) => {}
            Step::Leaf(leaf) => {
                if let Source::Today(price) = self.program.sources[leaf as usize] {
                    row[price as usize] += by;
                }
            }
            Step::Sum(a, b) => {
                back[a as usize] += by;
                back[b as usize] += by;
            }
            Step::Product(a, b) => {
                back[a as usize] += by * value(b);
                back[b as usize] += by * value(a);
            }
            Step::Most(a, b) => {
                let share = self.share(self.ahead(at, value(a), value(b)));
                back[a as usize] += by * share;
                back[b as usize] += by * (1.0 - share);
            }
            Step::Least(a, b) => {
                let share = self.share(-self.ahead(at, value(a), value(b)));
                back[a as usize] += by * share;
                back[b as usize] += by * (1.0 - share);
            }
            Step::SafeReciprocal(a) => {
                let r = value(at);
                back[a as usize] -= by * r * r * self.share_above(self.ahead(at, value(a), 1.0));
            }
        }
    }

    /// How much of the greater of two follows the first, which is ahead by so much. With no width the first alone, or not at
    /// all: the same side as `Number for f64` takes.
    #[inline]
    fn share(&self, ahead: f64) -> f64 {
        if self.width > 0.0 {
            return 0.5 * (1.0 + ahead / ahead.hypot(self.width));
        }
        f64::from(ahead >= 0.0)
    }

    /// The same where both being equal counts as not ahead.
    #[inline]
    fn share_above(&self, ahead: f64) -> f64 {
        if self.width > 0.0 {
            self.share(ahead)
        } else {
            f64::from(ahead > 0.0)
        }
    }
}
