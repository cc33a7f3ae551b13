//! The joint truth values of some sentences in all worlds of a day, ready to be asked many times.

use super::group::Group;
use super::weight::Weight;
use super::{SentenceId, Sentences, Worlds};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// What a search for a minimum writes on; keep one and hand it over again.
#[derive(Clone, Debug)]
pub struct Work<W> {
    /// By level of a group: what its variable weighs.
    pub(super) weights: Vec<W>,
    /// By level: the variable's value in the world found.
    pub(super) truths: Vec<bool>,
    /// By node of a diagram: the least cost of the way down, and whether that begins with true.
    pub(super) values: Vec<W>,
    pub(super) high: Vec<bool>,
}

impl<W> Default for Work<W> {
    fn default() -> Self {
        Self {
            weights: Vec::new(),
            truths: Vec::new(),
            values: Vec::new(),
            high: Vec::new(),
        }
    }
}

/// Some sentences in all worlds of a day. It does not change when more is revealed.
#[derive(Clone, Debug)]
pub struct Model {
    decided: Vec<Option<bool>>,
    /// Open sentences as indices into the slice that the model was made of, part by part.
    members: Vec<usize>,
    /// Of each member: whether it stands for its variable, or for the negation; and the variable's level in its group.
    signs: Vec<bool>,
    levels: Vec<usize>,
    parts: Vec<Part>,
}

/// Sentences that are independent of all others of the model.
#[derive(Clone, Debug)]
pub struct Part {
    range: Range<usize>,
    /// None for an atom of which nothing is known, and its negation.
    group: Option<Arc<Group>>,
}

impl Model {
    pub(super) fn new(worlds: &Worlds, sentences: &Sentences, of: &[SentenceId]) -> Self {
        let mut decided = Vec::with_capacity(of.len());
        let mut open = Vec::with_capacity(of.len());
        for (index, &id) in of.iter().enumerate() {
            let (base, positive) = sentences.literal(id);
            let known = worlds.known(base).map(|value| value == positive);
            decided.push(known);
            if known.is_none() {
                // by group, and free atoms one by one
                let key = worlds
                    .home_of(base)
                    .map_or((usize::MAX, base), |home| (home, SentenceId::FALSE));
                open.push((key, index, base, positive));
            }
        }
        open.sort_unstable();
        let mut model = Self {
            decided,
            members: open.iter().map(|&(_, index, _, _)| index).collect(),
            signs: open.iter().map(|&(.., positive)| positive).collect(),
            levels: Vec::with_capacity(open.len()),
            parts: Vec::new(),
        };
        for same in open.chunk_by(|a, b| a.0 == b.0) {
            let start = model.levels.len();
            let group = worlds.groups.get(same[0].0.0).cloned().flatten();
            let level = |base| group.as_ref().and_then(|group| group.level(base)).unwrap_or(0);
            model.levels.extend(same.iter().map(|&(_, _, base, _)| level(base)));
            model.parts.push(Part {
                range: start..start + same.len(),
                group,
            });
        }
        model
    }

    /// What is decided of each sentence.
    pub fn decided(&self) -> &[Option<bool>] {
        &self.decided
    }

    /// Independent parts of the open sentences; for [`Model::members`], [`Model::minimum_of`] and [`Model::patterns`].
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The sentences of a part, as indices into the slice that the model was made of.
    pub fn members(&self, part: &Part) -> &[usize] {
        &self.members[part.range.clone()]
    }

    /// The least of `sum weight * truth` over all worlds; writes the sentences' truth values there. One weight for each sentence,
    /// finite. Of several such worlds always the same is taken.
    pub fn minimum<W: Weight>(&self, weights: &[W], truths: &mut [bool], work: &mut Work<W>) -> W {
        let mut sum = W::zero();
        for ((known, weight), truth) in self.decided.iter().zip(weights).zip(truths.iter_mut()) {
            *truth = *known == Some(true);
            if *truth {
                sum = sum.plus(weight);
            }
        }
        for part in &self.parts {
            sum = sum.plus(&self.minimum_of(part, weights, truths, work));
        }
        sum
    }

    /// [`Model::minimum`] of the terms of one part; writes only their truth values.
    pub fn minimum_of<W: Weight>(&self, part: &Part, weights: &[W], truths: &mut [bool], work: &mut Work<W>) -> W {
        work.weights.clear();
        let levels = part.group.as_ref().map_or(1, |group| group.levels());
        work.weights.resize(levels, W::zero());
        for at in part.range.clone() {
            let (weight, level) = (&weights[self.members[at]], self.levels[at]);
            work.weights[level] = if self.signs[at] {
                work.weights[level].plus(weight)
            } else {
                work.weights[level].plus(&weight.negated())
            };
        }
        if let Some(group) = &part.group {
            group.shortest(work);
        } else {
            work.truths.clear();
            work.truths.push(work.weights[0].sign() == Ordering::Less);
        }
        let mut sum = W::zero();
        for at in part.range.clone() {
            let index = self.members[at];
            truths[index] = work.truths[self.levels[at]] == self.signs[at];
            if truths[index] {
                sum = sum.plus(&weights[index]);
            }
        }
        sum
    }

    /// The joint truth values that the members of a part have in some world, in the order of [`Model::members`], sorted; None if
    /// they are more than `limit`, or depend on more than 128 variables.
    pub fn patterns(&self, part: &Part, limit: usize) -> Option<Vec<Vec<bool>>> {
        let mut levels = self.levels[part.range.clone()].to_vec();
        levels.sort_unstable();
        levels.dedup();
        let found = match &part.group {
            _ if levels.len() > 128 => return None,
            None => (limit >= 2).then(|| vec![0, 1])?,
            Some(group) => group.patterns(&levels, limit)?,
        };
        let bits: Vec<(usize, bool)> = part
            .range
            .clone()
            .map(|at| (levels.partition_point(|&one| one < self.levels[at]), self.signs[at]))
            .collect();
        let truth = |pattern: u128| {
            bits.iter()
                .map(|&(bit, sign)| (pattern >> bit & 1 == 1) == sign)
                .collect()
        };
        let mut rows: Vec<Vec<bool>> = found.into_iter().map(truth).collect();
        rows.sort_unstable();
        Some(rows)
    }
}
