//! The truth tables of a group as a decision diagram (Bryant 1986): a node asks one variable and leads on by its value.

use super::order::arrange;
use super::weight::Weight;
use super::{Known, Work};
use crate::logic::sentence::{Sentence, SentenceId, Sentences};
use biodivine_lib_bdd::{Bdd, BddNode, BddPointer, BddVariable, op_function};
use std::cmp::Ordering;

/// Nodes of the largest diagram; a group that needs more is searched instead.
const LARGEST: usize = 1 << 16;
/// Variables of the largest diagram.
const MOST: usize = 1 << 15;
/// Nodes below which no other order of the variables is tried.
const SMALL: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Diagram {
    /// The variables from the root down.
    order: Vec<SentenceId>,
    /// The same, sorted, with their levels.
    levels: Vec<(SentenceId, usize)>,
    bdd: Bdd,
}

/// What holds (or fails), and which sentences have a variable.
pub(super) struct Content<'a> {
    pub sentences: &'a Sentences,
    pub known: Known<'a>,
    pub facts: &'a [(SentenceId, bool)],
    pub watched: &'a [SentenceId],
}

impl Content<'_> {
    pub fn open_atoms(&self, id: SentenceId) -> Vec<SentenceId> {
        let mut atoms = self.sentences.atoms(id);
        atoms.retain(|&atom| (self.known)(atom).is_none());
        atoms
    }

    /// The variables that each fact and each definition joins.
    fn links(&self) -> impl Iterator<Item = Vec<SentenceId>> + '_ {
        let facts = self.facts.iter().map(|&(id, _)| self.open_atoms(id));
        let watched = self.watched.iter().map(|&id| {
            let mut link = self.open_atoms(id);
            link.push(id);
            link
        });
        facts.chain(watched)
    }
}

impl Diagram {
    /// A new diagram in an order of its own; None if it would be too large.
    pub fn fresh(content: &Content<'_>, atoms: &[SentenceId]) -> Option<Self> {
        let mut variables: Vec<SentenceId> = atoms.iter().chain(content.watched).copied().collect();
        variables.sort_unstable();
        variables.dedup();
        let place = |id: SentenceId| variables.binary_search(&id).ok();
        let links: Vec<Vec<usize>> = content
            .links()
            .map(|link| link.into_iter().filter_map(place).collect())
            .collect();
        let order = arrange(variables.len(), &links);
        Self::built(order.into_iter().map(|at| variables[at]).collect(), Vec::new(), content)
    }

    /// One diagram for several, with more known; None if it would be too large.
    pub fn merged(parts: &[&Self], content: &Content<'_>) -> Option<Self> {
        let mut order: Vec<SentenceId> = parts.iter().flat_map(|part| &part.order).copied().collect();
        for link in content.links() {
            let at = |id: &SentenceId| order.iter().position(|one| one == id);
            let after = link.iter().filter_map(at).max().map_or(order.len(), |deepest| deepest + 1);
            let new: Vec<SentenceId> = link.into_iter().filter(|id| !order.contains(id)).collect();
            order.splice(after..after, new);
        }
        let levels = levels(&order);
        let bdds = parts.iter().map(|part| part.relabelled(&levels)).collect();
        Self::built(order, bdds, content)
    }

    /// Whether it has grown so much that another order may be better.
    pub fn is_bloated(&self, from: &[&Self]) -> bool {
        let before: usize = from.iter().map(|part| part.bdd.size()).sum();
        self.bdd.size() > SMALL.max(2 * before)
    }

    pub fn size(&self) -> usize {
        self.bdd.size()
    }

    fn built(order: Vec<SentenceId>, mut parts: Vec<Bdd>, content: &Content<'_>) -> Option<Self> {
        if order.len() > MOST {
            return None;
        }
        let levels = levels(&order);
        let formulas = Formulas {
            content,
            levels: &levels,
        };
        for &(id, holds) in content.facts {
            let formula = formulas.of(id)?;
            parts.push(if holds { formula } else { formula.not() });
        }
        for &id in content.watched {
            let (name, formula) = (formulas.variable(id), formulas.of(id)?);
            parts.push(limited(&name, &formula, op_function::iff)?);
        }
        let bdd = product(parts, order.len())?;
        Some(Self { order, levels, bdd })
    }

    /// The same diagram in an order that keeps its own.
    fn relabelled(&self, levels: &[(SentenceId, usize)]) -> Bdd {
        let mut nodes = terminals(levels.len());
        for pointer in self.bdd.pointers().skip(2) {
            let old = self.bdd.var_of(pointer).to_index();
            let level = level(levels, self.order[old]).unwrap_or(old);
            nodes.push(node(level, self.bdd.low_link_of(pointer), self.bdd.high_link_of(pointer)));
        }
        if self.bdd.is_false() {
            nodes.pop();
        }
        raw(&nodes)
    }

    /// Whether no world is left.
    pub fn is_empty(&self) -> bool {
        self.bdd.is_false()
    }

    pub fn variables(&self) -> &[SentenceId] {
        &self.order
    }

    pub fn level(&self, id: SentenceId) -> Option<usize> {
        level(&self.levels, id)
    }

    /// The variables that have the same value in every world.
    pub fn decided(&self) -> Vec<(SentenceId, bool)> {
        let count = self.order.len();
        let (mut low, mut high) = (vec![false; count], vec![false; count]);
        // edges that skip a level leave both values open: how many begin and end there
        let mut skips = vec![0_i64; count + 2];
        let mut edge = |from: usize, to: BddPointer| {
            if !to.is_zero() {
                skips[from] += 1;
                skips[self.level_of(to)] -= 1;
            }
        };
        edge(0, self.bdd.root_pointer());
        for pointer in self.bdd.pointers().skip(2) {
            let at = self.level_of(pointer);
            let (no, yes) = (self.bdd.low_link_of(pointer), self.bdd.high_link_of(pointer));
            low[at] |= !no.is_zero();
            high[at] |= !yes.is_zero();
            edge(at + 1, no);
            edge(at + 1, yes);
        }
        let mut over = 0;
        let open = skips.iter().map(|change| {
            over += change;
            over > 0
        });
        let values = low.iter().zip(&high).zip(open);
        let sure = values.map(|((low, high), open)| (!open && low != high).then_some(*high));
        let found = self.order.iter().zip(sure);
        found.filter_map(|(&id, value)| value.map(|value| (id, value))).collect()
    }

    /// The number of levels for the terminals.
    fn level_of(&self, pointer: BddPointer) -> usize {
        self.bdd.var_of(pointer).to_index()
    }

    /// The values of all variables, in `work.truths`, at which the sum of `work.weights` over the true ones is least. A variable
    /// whose weight is 0 or whose values tie is false where it can be.
    ///
    /// Against each variable's better value the other costs |weight|: the least sum of such costs is a shortest path.
    pub fn shortest<W: Weight>(&self, work: &mut Work<W>) {
        work.values.clear();
        work.values.resize(self.bdd.size(), W::zero());
        work.high.clear();
        work.high.resize(self.bdd.size(), false);
        let costs = |weight: &W, sign| (weight.sign() == sign).then(|| weight.clone());
        for pointer in self.bdd.pointers().skip(2) {
            let weight = &work.weights[self.level_of(pointer)];
            let (no, yes) = (self.bdd.low_link_of(pointer), self.bdd.high_link_of(pointer));
            let low = (!no.is_zero()).then(|| match costs(weight, Ordering::Less) {
                Some(cost) => work.values[no.to_index()].plus(&cost.negated()),
                None => work.values[no.to_index()].clone(),
            });
            let high = (!yes.is_zero()).then(|| match costs(weight, Ordering::Greater) {
                Some(cost) => work.values[yes.to_index()].plus(&cost),
                None => work.values[yes.to_index()].clone(),
            });
            let (value, is_high) = match (low, high) {
                (Some(low), Some(high)) if high.compare(&low) == Ordering::Less => (high, true),
                (Some(low), _) => (low, false),
                (None, Some(high)) => (high, true),
                (None, None) => (W::zero(), false), // in no reduced diagram
            };
            work.values[pointer.to_index()] = value;
            work.high[pointer.to_index()] = is_high;
        }
        self.trace(work);
    }

    fn trace<W: Weight>(&self, work: &mut Work<W>) {
        work.truths.clear();
        let better = work.weights.iter().map(|weight| weight.sign() == Ordering::Less);
        work.truths.extend(better);
        let mut pointer = self.bdd.root_pointer();
        while !pointer.is_terminal() {
            let high = work.high[pointer.to_index()];
            work.truths[self.level_of(pointer)] = high;
            pointer = if high {
                self.bdd.high_link_of(pointer)
            } else {
                self.bdd.low_link_of(pointer)
            };
        }
    }

    /// The joint values that the variables of these levels (from the root down) have in some world, bit i for the i-th; None if
    /// they are more than `limit`.
    pub fn patterns(&self, levels: &[usize], limit: usize) -> Option<Vec<u128>> {
        // how many of them lie above a level
        let above: Vec<usize> = (0..=self.order.len())
            .map(|level| levels.partition_point(|&one| one < level))
            .collect();
        // those from `rank` to below the level of a node are free; every set belongs to a path that some world takes
        let widened = |set: &[u128], rank: usize, to: BddPointer| -> Option<Vec<u128>> {
            let mut set = set.to_vec();
            for bit in rank..above[self.level_of(to)] {
                let raised: Vec<u128> = set.iter().map(|pattern| pattern | 1 << bit).collect();
                set.extend(raised);
                if set.len() > limit {
                    return None;
                }
            }
            Some(set)
        };
        let mut sets: Vec<Vec<u128>> = vec![Vec::new(), vec![0]];
        for pointer in self.bdd.pointers().skip(2) {
            let level = self.level_of(pointer);
            let (rank, below) = (above[level], above[level + 1]);
            let (no, yes) = (self.bdd.low_link_of(pointer), self.bdd.high_link_of(pointer));
            let bit = if below > rank { 1 << rank } else { 0 };
            let mut set = if no.is_zero() { Vec::new() } else { widened(&sets[no.to_index()], below, no)? };
            if !yes.is_zero() {
                let high = widened(&sets[yes.to_index()], below, yes)?;
                set.extend(high.iter().map(|pattern| pattern | bit));
            }
            set.sort_unstable();
            set.dedup();
            if set.len() > limit {
                return None;
            }
            sets.push(set);
        }
        let root = self.bdd.root_pointer();
        widened(&sets[root.to_index()], 0, root)
    }
}

fn levels(order: &[SentenceId]) -> Vec<(SentenceId, usize)> {
    let mut levels: Vec<(SentenceId, usize)> = order.iter().copied().zip(0..).collect();
    levels.sort_unstable();
    levels
}

fn level(levels: &[(SentenceId, usize)], id: SentenceId) -> Option<usize> {
    let at = levels.binary_search_by_key(&id, |(one, _)| *one).ok()?;
    Some(levels[at].1)
}

fn terminals(count: usize) -> Vec<BddNode> {
    vec![BddNode::mk_zero(count as u16), BddNode::mk_one(count as u16)]
}

fn node(level: usize, low: BddPointer, high: BddPointer) -> BddNode {
    BddNode::mk_node(BddVariable::from_index(level), low, high)
}

fn raw(nodes: &[BddNode]) -> Bdd {
    Bdd::from_nodes(nodes).expect("children lie below their parents")
}

fn limited(a: &Bdd, b: &Bdd, operation: impl Fn(Option<bool>, Option<bool>) -> Option<bool>) -> Option<Bdd> {
    Bdd::binary_op_with_limit(LARGEST, a, b, operation)
}

/// The conjunction of all: those that begin lowest first, then neighbours two by two, so that few large ones are ever joined.
fn product(mut parts: Vec<Bdd>, count: usize) -> Option<Bdd> {
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
struct Formulas<'a> {
    content: &'a Content<'a>,
    levels: &'a [(SentenceId, usize)],
}

impl Formulas<'_> {
    fn constant(&self, value: bool) -> Bdd {
        raw(&terminals(self.levels.len())[..1 + usize::from(value)])
    }

    /// True where this variable is.
    fn variable(&self, id: SentenceId) -> Bdd {
        let mut nodes = terminals(self.levels.len());
        if let Some(level) = level(self.levels, id) {
            nodes.push(node(level, BddPointer::zero(), BddPointer::one()));
        }
        raw(&nodes)
    }

    fn of(&self, id: SentenceId) -> Option<Bdd> {
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
        let atoms = parts.iter().filter(|id| self.content.sentences.is_atom(**id) && open(id));
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
