//! What new facts and definitions change: which groups they join into one, what they decide, what falls apart.

use super::change::Change;
use super::formula::Content;
use super::group::Group;
use super::{FREE, Worlds};
use crate::logic::sentence::{SentenceId, Sentences};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Worlds {
    /// The change that these facts and definitions make; None if no world is left.
    pub(super) fn joined(
        &self,
        sentences: &Sentences,
        facts: &[(SentenceId, bool)],
        watched: &[SentenceId],
    ) -> Option<Change> {
        let mut change = Change::default();
        let mut decided: BTreeMap<SentenceId, bool> = BTreeMap::new();
        // a fact about a free atom decides it, and nothing else
        for &(id, holds) in facts {
            let free = sentences.is_atom(id) && self.known(id).is_none() && self.home_of(id).is_none();
            if free && *decided.entry(id).or_insert(holds) != holds {
                return None;
            }
        }
        let known = |id: SentenceId| self.known(id).or_else(|| decided.get(&id).copied());
        let mut open = Vec::new();
        for &(id, holds) in facts {
            match sentences.truth(id, known) {
                None => open.push(Item::Fact(id, holds)),
                Some(value) if value != holds => return None,
                Some(_) => {}
            }
        }
        for &id in watched {
            match sentences.truth(id, known) {
                None => open.push(Item::Watched(id)),
                Some(value) => change.decided.push((id, value)),
            }
        }
        let keys: Vec<Vec<Key>> = open
            .iter()
            .map(|item| self.keys(sentences, item.id(), &known))
            .collect();
        for cluster in clusters(&keys) {
            let slots = cluster.iter().flat_map(|&at| &keys[at]);
            let mut slots: Vec<usize> = slots.filter_map(|key| key.slot()).collect();
            slots.sort_unstable();
            slots.dedup();
            let items: Vec<Item> = cluster.iter().map(|&at| open[at]).collect();
            if !self.add(sentences, &known, &slots, &items, &mut change) {
                return None;
            }
        }
        change.decided.extend(decided);
        change.decided.sort_unstable();
        Some(change)
    }

    /// Joins some groups by some facts and definitions; false if no world is left.
    fn add(
        &self,
        sentences: &Sentences,
        known: &dyn Fn(SentenceId) -> Option<bool>,
        slots: &[usize],
        items: &[Item],
        change: &mut Change,
    ) -> bool {
        let facts: Vec<(SentenceId, bool)> = items.iter().copied().filter_map(Item::fact).collect();
        let watched: Vec<SentenceId> = items.iter().copied().filter_map(Item::watched).collect();
        let atoms = |id| known(id).filter(|_| sentences.is_atom(id));
        let content = Content {
            sentences,
            known: &atoms,
            facts: &facts,
            watched: &watched,
            stop: self.stop,
        };
        let parts: Vec<Arc<Group>> = slots.iter().filter_map(|&slot| self.groups[slot].clone()).collect();
        let group = Group::joined(&parts, &content);
        if group.is_empty() {
            return false;
        }
        let mut new = group.decided();
        let dead = new.len();
        new.retain(|&(id, _)| known(id).is_none());
        change.removed.extend(slots);
        change.decided.extend(&new);
        if 4 * dead < group.levels() {
            change.added.push(Arc::new(group));
            return true;
        }
        new.sort_unstable();
        let now = |id: SentenceId| {
            let newly = new.binary_search_by_key(&id, |(one, _)| *one);
            known(id).or_else(|| newly.ok().map(|at| new[at].1))
        };
        change.split(sentences, &now, &group, self.stop);
        true
    }

    /// What else stands or falls with a sentence: the groups and free atoms in it.
    fn keys(&self, sentences: &Sentences, id: SentenceId, known: &dyn Fn(SentenceId) -> Option<bool>) -> Vec<Key> {
        let atoms = sentences.atoms(id).into_iter().filter(|&atom| known(atom).is_none());
        atoms
            .map(|atom| Key {
                home: self.home.get(atom.index()).copied().unwrap_or(FREE),
                atom,
            })
            .map(Key::normal)
            .collect()
    }
}

#[derive(Clone, Copy)]
enum Item {
    Fact(SentenceId, bool),
    Watched(SentenceId),
}

impl Item {
    fn id(self) -> SentenceId {
        match self {
            Self::Fact(id, _) | Self::Watched(id) => id,
        }
    }

    fn fact(self) -> Option<(SentenceId, bool)> {
        match self {
            Self::Fact(id, holds) => Some((id, holds)),
            Self::Watched(_) => None,
        }
    }

    fn watched(self) -> Option<SentenceId> {
        match self {
            Self::Watched(id) => Some(id),
            Self::Fact(..) => None,
        }
    }
}

/// A group, or an atom that is in none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    home: u32,
    atom: SentenceId,
}

impl Key {
    pub fn free(atom: SentenceId) -> Self {
        Self { home: FREE, atom }
    }

    fn normal(self) -> Self {
        match self.home {
            FREE => self,
            home => Self {
                home,
                atom: SentenceId::FALSE,
            },
        }
    }

    fn slot(self) -> Option<usize> {
        (self.home != FREE).then_some(self.home as usize)
    }
}

/// Items that share keys, directly or through others, by the first of each cluster.
pub(super) fn clusters(keys: &[Vec<Key>]) -> Vec<Vec<usize>> {
    let mut of: Vec<usize> = (0..keys.len()).collect(); // a smaller item of the same cluster, or itself
    let mut first: BTreeMap<Key, usize> = BTreeMap::new();
    for (item, keys) in keys.iter().enumerate() {
        for key in keys {
            let other = *first.entry(*key).or_insert(item);
            let (a, b) = (root(&mut of, item), root(&mut of, other));
            of[a.max(b)] = a.min(b);
        }
    }
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for item in 0..keys.len() {
        let root = root(&mut of, item);
        found.entry(root).or_default().push(item);
    }
    found.into_values().collect()
}

fn root(of: &mut [usize], mut item: usize) -> usize {
    while of[item] != item {
        of[item] = of[of[item]];
        item = of[item];
    }
    item
}
