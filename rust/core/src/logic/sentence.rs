//! Sentences: atoms joined by not, and, or, implies, iff and "exactly one of"; each is kept once, as it was written.

use crate::error::{MarketError, Result};
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// A sentence of one [`Sentences`]; equal sentences have equal ids, and parts have smaller ids than the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SentenceId(pub u32);

impl SentenceId {
    pub const FALSE: Self = Self(0);
    pub const TRUE: Self = Self(1);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a sentence is made from its parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sentence {
    Constant(bool),
    Atom(Arc<str>),
    Not([SentenceId; 1]),
    And([SentenceId; 2]),
    Or([SentenceId; 2]),
    Implies([SentenceId; 2]),
    Iff([SentenceId; 2]),
    /// Exactly one of these is true: exclusive and exhaustive.
    One(Arc<[SentenceId]>),
}

impl Sentence {
    /// Its outermost connective, as a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Constant(_) => "constant",
            Self::Atom(_) => "atom",
            Self::Not(_) => "not",
            Self::And(_) => "and",
            Self::Or(_) => "or",
            Self::Implies(_) => "implies",
            Self::Iff(_) => "iff",
            Self::One(_) => "one",
        }
    }

    pub fn parts(&self) -> &[SentenceId] {
        match self {
            Self::Constant(_) | Self::Atom(_) => &[],
            Self::Not(parts) => parts,
            Self::And(parts) | Self::Or(parts) | Self::Implies(parts) | Self::Iff(parts) => parts,
            Self::One(parts) => parts,
        }
    }

    /// The truth value that its parts' decide (Kleene's strong logic: None is "not known"); None for an atom.
    pub fn truth(&self, of: impl Fn(SentenceId) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Atom(_) => None,
            Self::Not([a]) => of(*a).map(|value| !value),
            Self::And([a, b]) => both(of(*a), of(*b)),
            Self::Or([a, b]) => either(of(*a), of(*b)),
            Self::Implies([a, b]) => either(of(*a).map(|value| !value), of(*b)),
            Self::Iff([a, b]) => of(*a).zip(of(*b)).map(|(a, b)| a == b),
            Self::One(parts) => {
                let count = |value| parts.iter().filter(|part| of(**part) == value).count();
                let (open, held) = (count(None), count(Some(true)));
                (open == 0 || held > 1).then_some(held == 1)
            }
        }
    }
}

fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    if a == Some(false) || b == Some(false) {
        return Some(false);
    }
    (a == Some(true) && b == Some(true)).then_some(true)
}

fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    both(a.map(|value| !value), b.map(|value| !value)).map(|value| !value)
}

/// All sentences that are spoken of.
#[derive(Clone, Debug)]
pub struct Sentences {
    all: Vec<Sentence>,
    ids: HashMap<Sentence, SentenceId>,
    atoms: HashMap<Arc<str>, SentenceId>,
}

impl Default for Sentences {
    fn default() -> Self {
        let mut sentences = Self {
            all: Vec::new(),
            ids: HashMap::new(),
            atoms: HashMap::new(),
        };
        sentences.intern(Sentence::Constant(false)); // SentenceId::FALSE
        sentences.intern(Sentence::Constant(true)); // SentenceId::TRUE
        sentences
    }
}

impl Sentences {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are, the two constants included.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Never: the constants are always there.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn get(&self, id: SentenceId) -> &Sentence {
        &self.all[id.index()]
    }

    fn intern(&mut self, sentence: Sentence) -> SentenceId {
        if let Some(&id) = self.ids.get(&sentence) {
            return id;
        }
        let id = SentenceId(self.all.len() as u32);
        self.all.push(sentence.clone());
        self.ids.insert(sentence, id);
        id
    }

    /// The atom of this name; any text but the empty one is a name.
    pub fn atom(&mut self, name: &str) -> Result<SentenceId> {
        if let Some(&id) = self.atoms.get(name) {
            return Ok(id);
        }
        if name.is_empty() {
            return Err(MarketError::input(
                "an atom without a name; give it one, such as \"rain\"",
            ));
        }
        let name: Arc<str> = name.into();
        let id = self.intern(Sentence::Atom(name.clone()));
        self.atoms.insert(name, id);
        Ok(id)
    }

    pub fn constant(&self, value: bool) -> SentenceId {
        if value { SentenceId::TRUE } else { SentenceId::FALSE }
    }

    pub fn not(&mut self, a: SentenceId) -> SentenceId {
        self.intern(Sentence::Not([a]))
    }

    pub fn and(&mut self, a: SentenceId, b: SentenceId) -> SentenceId {
        self.intern(Sentence::And([a, b]))
    }

    pub fn or(&mut self, a: SentenceId, b: SentenceId) -> SentenceId {
        self.intern(Sentence::Or([a, b]))
    }

    pub fn implies(&mut self, a: SentenceId, b: SentenceId) -> SentenceId {
        self.intern(Sentence::Implies([a, b]))
    }

    pub fn iff(&mut self, a: SentenceId, b: SentenceId) -> SentenceId {
        self.intern(Sentence::Iff([a, b]))
    }

    /// Exactly one of these holds.
    pub fn one(&mut self, of: &[SentenceId]) -> Result<SentenceId> {
        if of.is_empty() {
            return Err(MarketError::input("exactly one of no sentences; give at least one"));
        }
        Ok(self.intern(Sentence::One(of.into())))
    }

    /// The sentence of a kind, a word as [`Sentence::kind`] gives it: an atom by its name, others of parts that are known.
    pub fn make(&mut self, kind: &str, name: &str, parts: &[SentenceId]) -> Result<SentenceId> {
        if let Some(unknown) = parts.iter().find(|part| part.index() >= self.len()) {
            let unknown = unknown.index();
            return Err(MarketError::input(format!(
                "a sentence of sentence {unknown}, which is not known"
            )));
        }
        Ok(match (kind, parts) {
            ("atom", []) => return self.atom(name),
            ("not", &[a]) => self.not(a),
            ("and", &[a, b]) => self.and(a, b),
            ("or", &[a, b]) => self.or(a, b),
            ("implies", &[a, b]) => self.implies(a, b),
            ("iff", &[a, b]) => self.iff(a, b),
            ("one", parts) => return self.one(parts),
            _ => {
                return Err(MarketError::input(format!(
                    "no sentence is a {kind:?} of {} parts",
                    parts.len()
                )));
            }
        })
    }

    /// These sentences and all their parts, each once, parts before wholes.
    pub fn reachable(&self, ids: impl IntoIterator<Item = SentenceId>) -> Vec<SentenceId> {
        let mut heap: BinaryHeap<SentenceId> = ids.into_iter().collect();
        let mut found = Vec::new();
        while let Some(id) = heap.pop() {
            if found.last() != Some(&id) {
                heap.extend(self.get(id).parts());
                found.push(id);
            }
        }
        found.reverse();
        found
    }

    /// The atoms in a sentence, in the order in which they were first named.
    pub fn atoms(&self, id: SentenceId) -> Vec<SentenceId> {
        let mut found = self.reachable([id]);
        found.retain(|&part| self.is_atom(part));
        found
    }

    pub fn is_atom(&self, id: SentenceId) -> bool {
        matches!(self.get(id), Sentence::Atom(_))
    }

    /// The truth value that is settled by what is known of its parts; None where that leaves it open (although it may be
    /// a tautology).
    pub fn truth(&self, id: SentenceId, known: impl Fn(SentenceId) -> Option<bool>) -> Option<bool> {
        let order = self.reachable([id]);
        let mut values: Vec<Option<bool>> = Vec::with_capacity(order.len());
        for &part in &order {
            let inside = |id: SentenceId| order.binary_search(&id).ok().and_then(|at| values[at]);
            let value = known(part).or_else(|| self.get(part).truth(inside));
            values.push(value);
        }
        values.pop().flatten()
    }

    /// A sentence without its leading negations, and whether their number is even.
    pub fn literal(&self, mut id: SentenceId) -> (SentenceId, bool) {
        let mut positive = true;
        while let Sentence::Not([inner]) = self.get(id) {
            (id, positive) = (*inner, !positive);
        }
        (id, positive)
    }

    /// The same sentences of another collection in this one.
    pub fn import(&mut self, other: &Self, ids: &[SentenceId]) -> Vec<SentenceId> {
        let order = other.reachable(ids.iter().copied());
        let mut here: Vec<SentenceId> = Vec::with_capacity(order.len());
        for &id in &order {
            let new = |part: &SentenceId| here[order.partition_point(|one| one < part)];
            let sentence = match other.get(id) {
                Sentence::Constant(value) => Sentence::Constant(*value),
                Sentence::Atom(name) => Sentence::Atom(name.clone()),
                Sentence::Not(parts) => Sentence::Not(parts.each_ref().map(new)),
                Sentence::And(parts) => Sentence::And(parts.each_ref().map(new)),
                Sentence::Or(parts) => Sentence::Or(parts.each_ref().map(new)),
                Sentence::Implies(parts) => Sentence::Implies(parts.each_ref().map(new)),
                Sentence::Iff(parts) => Sentence::Iff(parts.each_ref().map(new)),
                Sentence::One(parts) => Sentence::One(parts.iter().map(new).collect()),
            };
            let id = match &sentence {
                Sentence::Atom(name) => {
                    let (name, id) = (name.clone(), self.intern(sentence));
                    self.atoms.insert(name, id);
                    id
                }
                _ => self.intern(sentence),
            };
            here.push(id);
        }
        ids.iter()
            .map(|id| here[order.partition_point(|one| one < id)])
            .collect()
    }
}
