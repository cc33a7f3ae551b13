//! Sentences as diagrams.

use super::diagram::level;
use super::{Known, Stop};
use crate::logic::sentence::{Sentence, SentenceId, Sentences};
use biodivine_lib_bdd::{Bdd, BddNode, BddPointer, BddVariable, op_function};

/// Nodes of the largest diagram; a group that needs more is searched instead.
const LARGEST: usize = 1 << 14;

/// What holds (or fails), and which sentences have a variable.
pub(super) struct Content<'a> {
    pub sentences: &'a Sentences,
    /// Of atoms alone: what is decided of a whole follows from the very facts that must still be stated.
    pub known: Known<'a>,
    pub facts: &'a [(SentenceId, bool)],
    pub watched: &'a [SentenceId],
    /// Whether a search is to stop.
    pub stop: Option<Stop>,
}

impl Content<'_> {
    pub fn open_atoms(&self, id: SentenceId) -> Vec<SentenceId> {
        let mut atoms = self.sentences.atoms(id);
        atoms.retain(|&atom| (self.known)(atom).is_none());
        atoms
    }

    /// The variables that each fact and each definition joins.
    pub fn links(&self) -> impl Iterator<Item = Vec<SentenceId>> + '_ {
        let facts = self.facts.iter().map(|&(id, _)| self.open_atoms(id));
        let watched = self.watched.iter().map(|&id| {
            let mut link = self.open_atoms(id);
            link.push(id);
            link
        });
        facts.chain(watched)
    }
}

pub(super) fn terminals(count: usize) -> Vec<BddNode> {
    vec![BddNode::mk_zero(count as u16), BddNode::mk_one(count as u16)]
}

pub(super) fn node(level: usize, low: BddPointer, high: BddPointer) -> BddNode {
    BddNode::mk_node(BddVariable::from_index(level), low, high)
}

pub(super) fn raw(nodes: &[BddNode]) -> Bdd {
    Bdd::from_nodes(nodes).expect("children lie below their parents")
}

pub(super) fn limited(a: &Bdd, b: &Bdd, operation: impl Fn(Option<bool>, Option<bool>) -> Option<bool>) -> Option<Bdd> {
    Bdd::binary_op_with_limit(LARGEST, a, b, operation)
}

/// The conjunction of all: those that begin lowest first, then neighbours two by two, so that few large ones are ever joined.
pub(super) fn product(mut parts: Vec<Bdd>, count: usize) -> Option<Bdd> {
    let top = |bdd: &Bdd| bdd.var_of(bdd.root_pointer()).to_index();
    parts.sort_by_key(top);
    while parts.len() > 1 {
        let pairs = parts.chunks(2).map(|pair| match pair {
            [a, b] => limited(a, b, op_function::and),
            rest => rest.first().cloned(),
        });
        parts = pairs.collect::<Option<_>>()?;
    }
    Some(parts.pop().unwrap_or_else(|| raw(&terminals(count))))
}

/// Sentences as diagrams over the atoms.
pub(super) struct Formulas<'a> {
    content: &'a Content<'a>,
    levels: &'a [(SentenceId, usize)],
}

impl<'a> Formulas<'a> {
    pub fn new(content: &'a Content<'a>, levels: &'a [(SentenceId, usize)]) -> Self {
        Self { content, levels }
    }

    fn constant(&self, value: bool) -> Bdd {
        raw(&terminals(self.levels.len())[..=usize::from(value)])
    }

    /// True where this variable is.
    pub fn variable(&self, id: SentenceId) -> Bdd {
        let mut nodes = terminals(self.levels.len());
        if let Some(level) = level(self.levels, id) {
            nodes.push(node(level, BddPointer::zero(), BddPointer::one()));
        }
        raw(&nodes)
    }

    /// None if it would be too large.
    pub fn of(&self, id: SentenceId) -> Option<Bdd> {
        let sentences = self.content.sentences;
        let order = sentences.reachable([id]);
        let mut done: Vec<Bdd> = Vec::with_capacity(order.len());
        for &part in &order {
            let inside = |id: &SentenceId| &done[order.partition_point(|one| one < id)];
            let bdd = match ((self.content.known)(part), sentences.get(part)) {
                (Some(value), _) | (None, &Sentence::Constant(value)) => self.constant(value),
                (None, Sentence::Atom(_)) => self.variable(part),
                (None, Sentence::Not([a])) => inside(a).not(),
                (None, Sentence::And([a, b])) => limited(inside(a), inside(b), op_function::and)?,
                (None, Sentence::Or([a, b])) => limited(inside(a), inside(b), op_function::or)?,
                (None, Sentence::Implies([a, b])) => limited(inside(a), inside(b), op_function::imp)?,
                (None, Sentence::Iff([a, b])) => limited(inside(a), inside(b), op_function::iff)?,
                (None, Sentence::One(parts)) => match self.choice(parts) {
                    Some(bdd) => bdd,
                    None => self.one(parts.iter().map(inside))?,
                },
            };
            done.push(bdd);
        }
        done.pop()
    }

    /// Exactly one of any sentences: how many of those so far hold, none or one.
    fn one<'b>(&self, parts: impl Iterator<Item = &'b Bdd>) -> Option<Bdd> {
        let (mut none, mut one) = (self.constant(true), self.constant(false));
        for part in parts {
            let first = limited(&none, part, op_function::and)?;
            let still = limited(&one, part, op_function::and_not)?;
            one = limited(&first, &still, op_function::or)?;
            none = limited(&none, part, op_function::and_not)?;
        }
        Some(one)
    }

    /// Exactly one of distinct atoms of which nothing is known: two nodes a level; None for any other sentences.
    fn choice(&self, parts: &[SentenceId]) -> Option<Bdd> {
        let open = |id: &SentenceId| (self.content.known)(*id).is_none();
        let atoms = parts
            .iter()
            .filter(|id| self.content.sentences.is_atom(**id) && open(id));
        let mut found: Vec<usize> = atoms.filter_map(|&id| level(self.levels, id)).collect();
        found.sort_unstable();
        found.dedup();
        if found.len() < parts.len() {
            return None;
        }
        let mut nodes = terminals(self.levels.len());
        let (mut none, mut one) = (BddPointer::zero(), BddPointer::one());
        for (left, &level) in found.iter().enumerate().rev() {
            nodes.push(node(level, none, one));
            none = BddPointer::from_index(nodes.len() - 1);
            if left > 0 {
                nodes.push(node(level, one, BddPointer::zero()));
                one = BddPointer::from_index(nodes.len() - 1);
            }
        }
        Some(raw(&nodes))
    }
}
