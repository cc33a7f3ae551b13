//! A step from one PC(D) to the next, and back again.

use super::formula::Content;
use super::group::Group;
use super::join::{Key, clusters};
use super::{FREE, Stop, Worlds};
use crate::logic::sentence::{SentenceId, Sentences};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Change {
    /// Groups that end.
    pub removed: Vec<usize>,
    pub added: Vec<Arc<Group>>,
    pub decided: Vec<(SentenceId, bool)>,
    /// Atoms that no group holds any more.
    pub freed: Vec<SentenceId>,
}

/// What a change replaced.
pub(super) struct Undo {
    groups: usize,
    log: usize,
    removed: Vec<(usize, Arc<Group>)>,
    homes: Vec<(SentenceId, u32)>,
}

impl Change {
    /// Puts what is still open of a group into groups of their own, and frees atoms that nothing joins any more.
    pub fn split(
        &mut self,
        sentences: &Sentences,
        known: &dyn Fn(SentenceId) -> Option<bool>,
        group: &Group,
        stop: Option<Stop>,
    ) {
        let atoms = |id| known(id).filter(|_| sentences.is_atom(id));
        let facts = group.facts.iter();
        let facts = facts.filter(|(id, _)| sentences.truth(*id, atoms).is_none());
        let facts: Vec<(SentenceId, bool)> = facts.copied().collect();
        let watched = group.watched.iter().filter(|&&id| known(id).is_none());
        let watched: Vec<SentenceId> = watched.copied().collect();
        let all = Content {
            sentences,
            known: &atoms,
            facts: &facts,
            watched: &watched,
            stop,
        };
        let ids = facts.iter().map(|(id, _)| *id).chain(watched.iter().copied());
        let spoken: Vec<Vec<SentenceId>> = ids.map(|id| all.open_atoms(id)).collect();
        let keys: Vec<Vec<Key>> = spoken
            .iter()
            .map(|atoms| atoms.iter().map(|&atom| Key::free(atom)).collect())
            .collect();
        let mut freed: Vec<SentenceId> = group.atoms.iter().copied().filter(|&id| known(id).is_none()).collect();
        for cluster in clusters(&keys) {
            let (of_facts, of_watched): (Vec<usize>, Vec<usize>) = cluster.iter().partition(|&&at| at < facts.len());
            let mut atoms: Vec<SentenceId> = cluster.iter().flat_map(|&at| &spoken[at]).copied().collect();
            atoms.sort_unstable();
            atoms.dedup();
            freed.retain(|atom| atoms.binary_search(atom).is_err());
            let content = Content {
                facts: &of_facts.into_iter().map(|at| facts[at]).collect::<Vec<_>>(),
                watched: &of_watched
                    .into_iter()
                    .map(|at| watched[at - facts.len()])
                    .collect::<Vec<_>>(),
                ..all
            };
            self.added.push(Arc::new(Group::fresh(&content, atoms)));
        }
        self.freed.extend(freed);
    }
}

impl Worlds {
    pub(super) fn commit(&mut self, change: Change) -> Undo {
        let mut undo = Undo {
            groups: self.groups.len(),
            log: self.log.len(),
            removed: Vec::new(),
            homes: Vec::new(),
        };
        for slot in change.removed {
            if let Some(group) = self.groups[slot].take() {
                undo.removed.push((slot, group));
            }
        }
        for &(id, value) in &change.decided {
            self.truth[id.index()] = Some(value);
        }
        self.log.extend(change.decided);
        for group in change.added {
            let slot = self.groups.len() as u32;
            for id in group.variables() {
                self.settle(id, slot, &mut undo);
            }
            self.groups.push(Some(group));
        }
        for atom in change.freed {
            self.settle(atom, FREE, &mut undo);
        }
        undo
    }

    fn settle(&mut self, id: SentenceId, slot: u32, undo: &mut Undo) {
        let home = std::mem::replace(&mut self.home[id.index()], slot);
        undo.homes.push((id, home));
    }

    pub(super) fn roll_back(&mut self, undo: Undo) {
        self.groups.truncate(undo.groups);
        for (slot, group) in undo.removed {
            self.groups[slot] = Some(group);
        }
        for (id, _) in self.log.drain(undo.log..) {
            self.truth[id.index()] = None;
        }
        for (id, home) in undo.homes.into_iter().rev() {
            self.home[id.index()] = home;
        }
    }

    /// The truth value of a sentence without a variable, by giving it one for a moment.
    pub(super) fn proved(&self, sentences: &Sentences, id: SentenceId) -> Option<bool> {
        let change = self.joined(sentences, &[], &[id]);
        let decided = change.into_iter().flat_map(|change| change.decided);
        decided.into_iter().find(|(one, _)| *one == id).map(|(_, value)| value)
    }
}
