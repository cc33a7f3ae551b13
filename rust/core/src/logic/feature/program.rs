//! Features as straight lines of operations, in which days are played.

use super::super::number::{Constant, Exact, Interval, Number, Span};
use super::arena::{FeatureId, Features, Leaf, Node};
use std::collections::HashSet;

/// Where a program finds a price.
#[derive(Clone, Debug)]
pub enum Source {
    /// Among the prices that are looked for, at this place.
    Today(u32),
    /// It is known.
    Known(Constant),
}

/// One step; what it reads are steps before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Constant(u32),
    /// A leaf, by its place among [`Program::leaves`].
    Leaf(u32),
    Sum(u32, u32),
    Product(u32, u32),
    Most(u32, u32),
    Least(u32, u32),
    SafeReciprocal(u32),
}

impl Step {
    /// The steps that this one reads.
    pub(super) fn read(self) -> impl Iterator<Item = u32> {
        let (a, b) = match self {
            Self::Constant(_) | Self::Leaf(_) => (None, None),
            Self::SafeReciprocal(a) => (Some(a), None),
            Self::Sum(a, b) | Self::Product(a, b) | Self::Most(a, b) | Self::Least(a, b) => (Some(a), Some(b)),
        };
        a.into_iter().chain(b)
    }
}

/// Some features, compiled: each part of them is worked out once.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) constants: Vec<Constant>,
    leaves: Vec<Leaf>,
    pub(super) sources: Vec<Source>,
    pub(super) roots: Vec<u32>,
}

impl Program {
    /// Compiles the features `roots`; `source` says where each price that they read is found.
    pub fn compile(features: &Features, roots: &[FeatureId], source: &mut dyn FnMut(Leaf) -> Source) -> Self {
        let needed = reachable(features, roots);
        // what a feature is made of has a lower number, so the order is that of the steps
        let place = |feature: &FeatureId| needed.binary_search(feature).expect("a feature's parts are needed") as u32;
        let mut program = Self {
            steps: Vec::with_capacity(needed.len()),
            constants: Vec::new(),
            leaves: Vec::new(),
            sources: Vec::new(),
            roots: roots.iter().map(place).collect(),
        };
        for feature in &needed {
            let step = match features.node(*feature) {
                Node::Constant(at) => {
                    program.constants.push(Constant::from(features.constant(at).clone()));
                    Step::Constant(program.constants.len() as u32 - 1)
                }
                Node::Price(leaf) => {
                    program.leaves.push(leaf);
                    program.sources.push(source(leaf));
                    Step::Leaf(program.leaves.len() as u32 - 1)
                }
                Node::Sum(a, b) => Step::Sum(place(&a), place(&b)),
                Node::Product(a, b) => Step::Product(place(&a), place(&b)),
                Node::Most(a, b) => Step::Most(place(&a), place(&b)),
                Node::Least(a, b) => Step::Least(place(&a), place(&b)),
                Node::SafeReciprocal(a) => Step::SafeReciprocal(place(&a)),
            };
            program.steps.push(step);
        }
        program
    }

    /// The same features on another day: every price is found anew.
    pub fn rebind(&mut self, source: &mut dyn FnMut(Leaf) -> Source) {
        self.sources
            .iter_mut()
            .zip(&self.leaves)
            .for_each(|(s, leaf)| *s = source(*leaf));
    }

    /// Some of the features alone, by their numbers.
    #[must_use]
    pub fn restricted(&self, roots: &[usize]) -> Self {
        let roots: Vec<_> = roots.iter().map(|root| self.roots[*root]).collect();
        let needed = self.needed(&roots);
        // where each step that is kept stands among these
        let places: Vec<_> = needed
            .iter()
            .scan(0, |next, kept| {
                let place = *next;
                *next += u32::from(*kept);
                Some(place)
            })
            .collect();
        let place = |i: u32| places[i as usize];
        let kept = self.steps.iter().zip(&needed).filter(|(_, kept)| **kept);
        let steps = kept.map(|(step, _)| match *step {
            Step::Sum(a, b) => Step::Sum(place(a), place(b)),
            Step::Product(a, b) => Step::Product(place(a), place(b)),
            Step::Most(a, b) => Step::Most(place(a), place(b)),
            Step::Least(a, b) => Step::Least(place(a), place(b)),
            Step::SafeReciprocal(a) => Step::SafeReciprocal(place(a)),
            leaf => leaf,
        });
        Self {
            steps: steps.collect(),
            roots: roots.iter().map(|root| place(*root)).collect(),
            ..self.clone()
        }
    }

    /// The steps that one is made of, and itself, in no order that means anything; `seen` is all false, and is left so.
    pub(super) fn parts(&self, step: u32, seen: &mut [bool]) -> Vec<u32> {
        let (mut waiting, mut found) = (vec![step], Vec::new());
        while let Some(at) = waiting.pop() {
            if !std::mem::replace(&mut seen[at as usize], true) {
                found.push(at);
                waiting.extend(self.steps[at as usize].read());
            }
        }
        found.iter().for_each(|at| seen[*at as usize] = false);
        found
    }

    /// Which steps these read.
    fn needed(&self, roots: &[u32]) -> Vec<bool> {
        let mut needed = vec![false; self.steps.len()];
        roots.iter().for_each(|root| needed[*root as usize] = true);
        for (at, step) in self.steps.iter().enumerate().rev() {
            if needed[at] {
                step.read().for_each(|part| needed[part as usize] = true);
            }
        }
        needed
    }

    /// The place of a leaf among today's prices; None where it is known.
    pub fn today(&self, leaf: usize) -> Option<usize> {
        match self.sources[leaf] {
            Source::Today(price) => Some(price as usize),
            Source::Known(_) => None,
        }
    }

    /// The prices that are read.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// How many features.
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// How many steps.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Fills `out` with the features' values at today's prices. `work` is memory that calls share.
    pub fn values<N: Number>(&self, context: N::Context, prices: &[N], work: &mut Vec<N>, out: &mut [N]) {
        self.play(context, prices, work);
        out.iter_mut()
            .zip(&self.roots)
            .for_each(|(o, root)| *o = work[*root as usize].clone());
    }

    /// Fills `work` with the value of every step.
    #[inline]
    pub(super) fn play<N: Number>(&self, context: N::Context, prices: &[N], work: &mut Vec<N>) {
        work.clear();
        work.reserve(self.steps.len());
        for step in &self.steps {
            let of = |i: u32| &work[i as usize];
            let value = match *step {
                Step::Constant(at) => N::of(&self.constants[at as usize], context),
                Step::Leaf(at) => match &self.sources[at as usize] {
                    Source::Today(at) => prices[*at as usize].clone(),
                    Source::Known(known) => N::of(known, context),
                },
                Step::Sum(a, b) => of(a).plus(of(b)),
                Step::Product(a, b) => of(a).times(of(b)),
                Step::Most(a, b) => of(a).most(of(b)),
                Step::Least(a, b) => of(a).least(of(b)),
                Step::SafeReciprocal(a) => of(a).safe_reciprocal(),
            };
            work.push(value);
        }
    }

    /// Between which floats each feature lies, whatever the `prices` of today are within [0, 1].
    pub fn bounds(&self, prices: usize) -> Vec<Span> {
        let anything = vec![Span { low: 0.0, high: 1.0 }; prices];
        let mut out = vec![Span::ALL; self.roots.len()];
        self.values((), &anything, &mut Vec::new(), &mut out);
        out
    }

    /// Which of today's prices feature number `root` reads, ascending.
    pub fn reads(&self, root: usize) -> Vec<usize> {
        let mut seen = vec![false; self.steps.len()];
        let price = |step: u32| match self.steps[step as usize] {
            Step::Leaf(leaf) => match self.sources[leaf as usize] {
                Source::Today(price) => Some(price as usize),
                Source::Known(_) => None,
            },
            _ => None,
        };
        let mut found: Vec<_> = self
            .parts(self.roots[root], &mut seen)
            .into_iter()
            .filter_map(price)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// About how many bits the exact values take at these prices: what products double grows fast.
    pub fn exact_bits(&self, prices: &[Exact]) -> usize {
        let mut sizes: Vec<Size> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let of = |i: u32| sizes[i as usize];
            sizes.push(match *step {
                Step::Constant(at) => Size::of(self.constants[at as usize].exact()),
                Step::Leaf(at) => match &self.sources[at as usize] {
                    Source::Today(at) => Size::of(&prices[*at as usize]),
                    Source::Known(value) => Size::of(value.exact()),
                },
                Step::Sum(a, b) => of(a).sum(of(b)),
                Step::Product(a, b) => of(a).product(of(b)),
                Step::Most(a, b) | Step::Least(a, b) => of(a).either(of(b)),
                Step::SafeReciprocal(a) => of(a).reciprocal(),
            });
        }
        self.roots
            .iter()
            .map(|root| sizes[*root as usize].bits())
            .max()
            .unwrap_or(0)
    }

    /// Intervals that hold the features' values at exact prices, worked out with so many bits after the point.
    pub fn enclosures(&self, prices: &[Exact], bits: usize) -> Vec<Interval> {
        let prices: Vec<_> = prices.iter().map(|p| Interval::around(p, bits)).collect();
        let mut out = vec![Interval::around(&Exact::default(), bits); self.roots.len()];
        self.values(bits, &prices, &mut Vec::new(), &mut out);
        out
    }

    /// The features' exact values at exact prices.
    pub fn exact(&self, prices: &[Exact]) -> Vec<Exact> {
        let mut out = vec![Exact::default(); self.roots.len()];
        self.values((), prices, &mut Vec::new(), &mut out);
        out
    }
}

/// Bits of an exact number: of the numerator, of the power of 2 in the denominator, of its odd part.
#[derive(Clone, Copy)]
struct Size {
    numerator: usize,
    shift: usize,
    odd: usize,
}

impl Size {
    fn of(value: &Exact) -> Self {
        let (numerator, shift, odd) = value.sizes();
        Self { numerator, shift, odd }
    }

    fn bits(self) -> usize {
        self.numerator.saturating_add(self.shift).saturating_add(self.odd)
    }

    /// Denominators of the same odd size are taken for the same.
    fn sum(self, other: Self) -> Self {
        let shift = self.shift.max(other.shift);
        let odd = if self.odd == other.odd {
            self.odd
        } else {
            self.odd.saturating_add(other.odd)
        };
        let raised = |x: Self| {
            x.numerator
                .saturating_add(shift - x.shift)
                .saturating_add(odd - x.odd.min(odd))
        };
        Self {
            numerator: raised(self).max(raised(other)).saturating_add(1),
            shift,
            odd,
        }
    }

    fn product(self, other: Self) -> Self {
        Self {
            numerator: self.numerator.saturating_add(other.numerator),
            shift: self.shift.saturating_add(other.shift),
            odd: self.odd.saturating_add(other.odd),
        }
    }

    fn either(self, other: Self) -> Self {
        if self.bits() < other.bits() { other } else { self }
    }

    fn reciprocal(self) -> Self {
        Self {
            numerator: self.shift.saturating_add(self.odd),
            shift: 0,
            odd: self.numerator,
        }
    }
}

/// What these features are made of, ascending.
fn reachable(features: &Features, roots: &[FeatureId]) -> Vec<FeatureId> {
    let (mut seen, mut open) = (HashSet::new(), roots.to_vec());
    while let Some(feature) = open.pop() {
        if !seen.insert(feature) {
            continue;
        }
        match features.node(feature) {
            Node::Constant(_) | Node::Price(_) => {}
            Node::SafeReciprocal(a) => open.push(a),
            Node::Sum(a, b) | Node::Product(a, b) | Node::Most(a, b) | Node::Least(a, b) => open.extend([a, b]),
        }
    }
    let mut needed: Vec<_> = seen.into_iter().collect();
    needed.sort_unstable();
    needed
}
