//! Atoms that revealed sentences join, those sentences, and the sentences over them that have a variable. Never changes.

use super::Work;
use super::diagram::Diagram;
use super::formula::Content;
use super::search::Clauses;
use super::weight::Weight;
use crate::logic::sentence::SentenceId;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Those that were open when it was made, sorted.
    pub atoms: Vec<SentenceId>,
    pub facts: Vec<(SentenceId, bool)>,
    pub watched: Vec<SentenceId>,
    relation: Relation,
}

#[derive(Clone, Debug)]
enum Relation {
    Diagram(Diagram),
    /// With the number of atoms for which no diagram was small enough.
    Clauses(Clauses, usize),
}

impl Group {
    pub fn fresh(content: &Content<'_>, atoms: Vec<SentenceId>) -> Self {
        let relation = Diagram::fresh(content, &atoms).map_or_else(
            || Relation::Clauses(Clauses::new(content, &atoms), atoms.len()),
            Relation::Diagram,
        );
        Self {
            facts: content.facts.to_vec(),
            watched: content.watched.to_vec(),
            relation,
            atoms,
        }
    }

    /// These groups and free atoms joined by more facts and definitions.
    pub fn joined(parts: &[Arc<Self>], new: &Content<'_>) -> Self {
        let links = new.facts.iter().map(|(id, _)| id).chain(new.watched);
        let mut atoms: Vec<SentenceId> = links.flat_map(|&id| new.open_atoms(id)).collect();
        let is_open = |id: &&SentenceId| (new.known)(**id).is_none();
        atoms.extend(parts.iter().flat_map(|part| &part.atoms).filter(is_open));
        atoms.sort_unstable();
        atoms.dedup();
        let mut facts: Vec<(SentenceId, bool)> = parts.iter().flat_map(|part| &part.facts).copied().collect();
        facts.extend(new.facts);
        let mut watched: Vec<SentenceId> = parts.iter().flat_map(|part| &part.watched).copied().collect();
        watched.retain(|id| is_open(&id));
        watched.extend(new.watched);
        let whole = Content {
            facts: &facts,
            watched: &watched,
            ..*new
        };
        let relation = Relation::joined(parts, new, &whole, &atoms);
        Self {
            atoms,
            facts,
            watched,
            relation,
        }
    }

    pub fn is_empty(&self) -> bool {
        match &self.relation {
            Relation::Diagram(diagram) => diagram.is_empty(),
            Relation::Clauses(clauses, _) => clauses.is_empty(),
        }
    }

    pub fn decided(&self) -> Vec<(SentenceId, bool)> {
        match &self.relation {
            Relation::Diagram(diagram) => diagram.decided(),
            Relation::Clauses(clauses, _) => clauses.decided(),
        }
    }

    /// All variables, by level.
    pub fn variables(&self) -> Vec<SentenceId> {
        match &self.relation {
            Relation::Diagram(diagram) => diagram.variables().to_vec(),
            Relation::Clauses(clauses, _) => clauses.variables().collect(),
        }
    }

    pub fn level(&self, id: SentenceId) -> Option<usize> {
        match &self.relation {
            Relation::Diagram(diagram) => diagram.level(id),
            Relation::Clauses(clauses, _) => clauses.level(id),
        }
    }

    pub fn levels(&self) -> usize {
        match &self.relation {
            Relation::Diagram(diagram) => diagram.variables().len(),
            Relation::Clauses(clauses, _) => clauses.variables().count(),
        }
    }

    /// [`Diagram::shortest`]
    pub fn shortest<W: Weight>(&self, work: &mut Work<W>) {
        match &self.relation {
            Relation::Diagram(diagram) => diagram.shortest(work),
            Relation::Clauses(clauses, _) => clauses.shortest(work),
        }
    }

    /// [`Diagram::patterns`]
    pub fn patterns(&self, levels: &[usize], limit: usize) -> Option<Vec<u128>> {
        match &self.relation {
            Relation::Diagram(diagram) => diagram.patterns(levels, limit),
            Relation::Clauses(clauses, _) => clauses.patterns(levels, limit),
        }
    }
}

impl Relation {
    fn joined(parts: &[Arc<Group>], new: &Content<'_>, whole: &Content<'_>, atoms: &[SentenceId]) -> Self {
        let clauses = |tried| Self::Clauses(Clauses::new(whole, atoms), tried);
        let mut diagrams: Vec<&Diagram> = Vec::with_capacity(parts.len());
        for part in parts {
            match &part.relation {
                Self::Diagram(diagram) => diagrams.push(diagram),
                // a diagram is tried again once a quarter of the atoms is decided
                Self::Clauses(_, tried) => {
                    let open = atoms.iter().filter(|&&atom| (new.known)(atom).is_none()).count();
                    if 4 * open > 3 * tried {
                        return clauses(*tried);
                    }
                    return Diagram::fresh(whole, atoms).map_or_else(|| clauses(atoms.len()), Self::Diagram);
                }
            }
        }
        let extended = (!parts.is_empty()).then(|| Diagram::merged(&diagrams, new)).flatten();
        match extended {
            Some(diagram) if !diagram.is_bloated(&diagrams) => Self::Diagram(diagram),
            extended => {
                let fresh = Diagram::fresh(whole, atoms);
                let best = extended.into_iter().chain(fresh).min_by_key(Diagram::size);
                best.map_or_else(|| clauses(atoms.len()), Self::Diagram)
            }
        }
    }
}
