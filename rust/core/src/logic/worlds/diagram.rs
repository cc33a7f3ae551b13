//! The truth tables of a group as a decision diagram (Bryant 1986): a node asks one variable and leads on by its value.

use super::formula::{Content, Formulas, limited, node, product, raw, terminals};
use super::order::arrange;
use crate::logic::sentence::SentenceId;
use biodivine_lib_bdd::{Bdd, BddPointer, op_function};

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
    pub bdd: Bdd,
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
            let after = link
                .iter()
                .filter_map(at)
                .max()
                .map_or(order.len(), |deepest| deepest + 1);
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
        let formulas = Formulas::new(content, &levels);
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
            nodes.push(node(
                level,
                self.bdd.low_link_of(pointer),
                self.bdd.high_link_of(pointer),
            ));
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
        found
            .filter_map(|(&id, value)| value.map(|value| (id, value)))
            .collect()
    }

    /// The number of levels for the terminals.
    pub fn level_of(&self, pointer: BddPointer) -> usize {
        self.bdd.var_of(pointer).to_index()
    }
}

fn levels(order: &[SentenceId]) -> Vec<(SentenceId, usize)> {
    let mut levels: Vec<(SentenceId, usize)> = order.iter().copied().zip(0..).collect();
    levels.sort_unstable();
    levels
}

pub(super) fn level(levels: &[(SentenceId, usize)], id: SentenceId) -> Option<usize> {
    let at = levels.binary_search_by_key(&id, |(one, _)| *one).ok()?;
    Some(levels[at].1)
}
