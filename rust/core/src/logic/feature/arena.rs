//! Features that share what they have in common: equal ones are the same node.

use super::super::number::{Exact, Number};
use super::super::sentence::SentenceId;
use dashu_ratio::RBig;
use std::collections::HashMap;

/// A feature of an arena. What a feature is made of has lower numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureId(pub u32);

/// The day of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// This one.
    Day(u32),
    /// So many days before the one on which the feature is asked.
    Ago(u32),
}

/// A price that a feature reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    pub sentence: SentenceId,
    pub day: When,
}

/// What a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// The number at this place among [`Features::constant`].
    Constant(u32),
    Price(Leaf),
    Sum(FeatureId, FeatureId),
    Product(FeatureId, FeatureId),
    /// The greater.
    Most(FeatureId, FeatureId),
    /// The lesser.
    Least(FeatureId, FeatureId),
    /// `1 / max(1, x)`
    SafeReciprocal(FeatureId),
}

/// An arena of features. Operations on constants are done at once, exactly; those that change nothing (+ 0, x 1) leave no trace.
#[derive(Clone, Debug, Default)]
pub struct Features {
    nodes: Vec<Node>,
    constants: Vec<Exact>,
    by_value: HashMap<RBig, u32>,
    by_node: HashMap<Node, FeatureId>,
}

impl Features {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn node(&self, feature: FeatureId) -> Node {
        self.nodes[feature.0 as usize]
    }

    /// The number of a [`Node::Constant`].
    pub fn constant(&self, place: u32) -> &Exact {
        &self.constants[place as usize]
    }

    /// The feature that is always this number.
    pub fn number(&mut self, value: impl Into<Exact>) -> FeatureId {
        let value = value.into();
        let place = self.constants.len() as u32;
        let known = *self.by_value.entry(value.to_ratio()).or_insert(place);
        if known == place {
            self.constants.push(value);
        }
        self.keep(Node::Constant(known))
    }

    pub fn price(&mut self, leaf: Leaf) -> FeatureId {
        self.keep(Node::Price(leaf))
    }

    pub fn sum(&mut self, a: FeatureId, b: FeatureId) -> FeatureId {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => self.number(x + y),
            (Some(x), _) if x.is_zero() => b,
            (_, Some(y)) if y.is_zero() => a,
            _ => self.keep(Node::Sum(a.min(b), a.max(b))),
        }
    }

    pub fn product(&mut self, a: FeatureId, b: FeatureId) -> FeatureId {
        let one = Exact::from(1);
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => self.number(x * y),
            (Some(x), _) if x.is_zero() => a,
            (_, Some(y)) if y.is_zero() => b,
            (Some(x), _) if *x == one => b,
            (_, Some(y)) if *y == one => a,
            _ => self.keep(Node::Product(a.min(b), a.max(b))),
        }
    }

    /// The greater of two.
    pub fn most(&mut self, a: FeatureId, b: FeatureId) -> FeatureId {
        match (self.value(a), self.value(b)) {
            _ if a == b => a,
            (Some(x), Some(y)) => self.number(x.most(y)),
            _ => self.keep(Node::Most(a.min(b), a.max(b))),
        }
    }

    /// The lesser of two.
    pub fn least(&mut self, a: FeatureId, b: FeatureId) -> FeatureId {
        match (self.value(a), self.value(b)) {
            _ if a == b => a,
            (Some(x), Some(y)) => self.number(x.least(y)),
            _ => self.keep(Node::Least(a.min(b), a.max(b))),
        }
    }

    /// `1 / max(1, x)`
    pub fn safe_reciprocal(&mut self, a: FeatureId) -> FeatureId {
        match self.value(a) {
            Some(x) => self.number(x.safe_reciprocal()),
            None => self.keep(Node::SafeReciprocal(a)),
        }
    }

    /// `a - b`
    pub fn difference(&mut self, a: FeatureId, b: FeatureId) -> FeatureId {
        let minus = self.number(-1);
        let negative = self.product(minus, b);
        self.sum(a, negative)
    }

    /// The feature's number if it is one.
    pub fn value(&self, feature: FeatureId) -> Option<&Exact> {
        match self.node(feature) {
            Node::Constant(place) => Some(self.constant(place)),
            _ => None,
        }
    }

    fn keep(&mut self, node: Node) -> FeatureId {
        let next = FeatureId(self.nodes.len() as u32);
        let known = *self.by_node.entry(node).or_insert(next);
        if known == next {
            self.nodes.push(node);
        }
        known
    }
}
