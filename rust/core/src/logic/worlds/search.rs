//! The truth tables of a group as clauses (Tseitin 1968), for groups whose diagram would be too large: questions are put to a
//! solver, a new one each time, so that no answer depends on those before.

use super::formula::Content;
use super::pmres;
use super::weight::Weight;
use super::{Stop, Work};
use crate::logic::sentence::{Sentence, SentenceId};
use batsat::{Callbacks, Lit, SolverInterface, lbool};

#[derive(Clone, Debug)]
pub(super) struct Clauses {
    /// Atoms and sentences with a variable: as in a diagram, but in the order of their ids.
    variables: Vec<(SentenceId, Lit)>,
    /// Of the solver's variables.
    count: u32,
    all: Vec<Vec<Lit>>,
    stop: Option<Stop>,
}

/// Asks now and then whether to stop.
#[derive(Default)]
struct Heed(Option<Stop>);

impl Callbacks for Heed {
    fn stop(&self) -> bool {
        self.0.is_some_and(|stop| stop())
    }
}

/// A solver that has heard the clauses.
pub(super) struct Solver(batsat::Solver<Heed>);

impl Solver {
    pub fn new_literal(&mut self) -> Lit {
        Lit::new(self.0.new_var_default(), true)
    }

    pub fn add(&mut self, clause: &[Lit]) {
        self.0.add_clause_reuse(&mut clause.to_vec());
    }

    fn new(stop: Option<Stop>) -> Self {
        Self(batsat::Solver::new(batsat::SolverOpts::default(), Heed(stop)))
    }

    /// Whether it was told to stop: what it answered since means nothing.
    pub fn stopped(&self) -> bool {
        self.0.cb().stop()
    }

    /// Whether some world fits these assumptions.
    pub fn solve(&mut self, assumed: &[Lit]) -> bool {
        self.0.solve_limited(assumed) == lbool::TRUE
    }

    /// In the world that was found; what it leaves open is false.
    pub fn value(&self, literal: Lit) -> bool {
        self.0.value_lit(literal) == lbool::TRUE
    }

    /// Of assumptions that fit no world, those that already do not.
    pub fn core(&self, assumed: &[Lit]) -> Vec<Lit> {
        let used = |literal: &&Lit| self.0.unsat_core_contains_var(literal.var());
        assumed.iter().filter(used).copied().collect()
    }
}

/// Clauses in the making.
struct Writer {
    /// Only counts the variables.
    names: Solver,
    always: Lit,
    clauses: Vec<Vec<Lit>>,
}

impl Writer {
    fn new() -> Self {
        let mut names = Solver::new(None);
        let always = names.new_literal();
        Self {
            names,
            always,
            clauses: vec![vec![always]],
        }
    }

    fn of(&mut self, content: &Content<'_>, id: SentenceId, inside: impl Fn(&SentenceId) -> Lit) -> Lit {
        match ((content.known)(id), content.sentences.get(id)) {
            (Some(value), _) | (None, &Sentence::Constant(value)) => self.always.apply_sign(value),
            (None, Sentence::Atom(_)) => self.names.new_literal(),
            (None, Sentence::Not([a])) => !inside(a),
            (None, Sentence::And([a, b])) => self.both(inside(a), inside(b)),
            (None, Sentence::Or([a, b])) => !self.both(!inside(a), !inside(b)),
            (None, Sentence::Implies([a, b])) => !self.both(inside(a), !inside(b)),
            (None, Sentence::Iff([a, b])) => self.same(inside(a), inside(b)),
            (None, Sentence::One(parts)) => self.one(parts.iter().map(inside)),
        }
    }

    /// A literal for `a & b`.
    fn both(&mut self, a: Lit, b: Lit) -> Lit {
        let whole = self.names.new_literal();
        self.clauses
            .extend([vec![!whole, a], vec![!whole, b], vec![whole, !a, !b]]);
        whole
    }

    /// A literal for `a <-> b`.
    fn same(&mut self, a: Lit, b: Lit) -> Lit {
        let whole = self.names.new_literal();
        self.clauses.extend([vec![!whole, !a, b], vec![!whole, a, !b]]);
        self.clauses.extend([vec![whole, a, b], vec![whole, !a, !b]]);
        whole
    }

    /// A literal for exactly one of these: how many of those so far hold, none or one.
    fn one(&mut self, parts: impl Iterator<Item = Lit>) -> Lit {
        let (mut none, mut one) = (self.always, !self.always);
        for part in parts {
            let (first, still) = (self.both(none, part), self.both(one, !part));
            one = !self.both(!first, !still);
            none = self.both(none, !part);
        }
        one
    }
}

impl Clauses {
    pub fn new(content: &Content<'_>, atoms: &[SentenceId]) -> Self {
        let mut writer = Writer::new();
        let wholes = content
            .facts
            .iter()
            .map(|(id, _)| id)
            .chain(content.watched)
            .chain(atoms);
        let order = content.sentences.reachable(wholes.copied());
        let mut literals: Vec<Lit> = Vec::with_capacity(order.len());
        for &id in &order {
            let inside = |id: &SentenceId| literals[order.partition_point(|one| one < id)];
            let literal = writer.of(content, id, inside);
            literals.push(literal);
        }
        let of = |id: SentenceId| literals[order.partition_point(|&one| one < id)];
        let facts = content.facts.iter().map(|&(id, holds)| vec![of(id).apply_sign(holds)]);
        writer.clauses.extend(facts);
        let mut named: Vec<SentenceId> = atoms.iter().chain(content.watched).copied().collect();
        named.sort_unstable();
        named.dedup();
        Self {
            variables: named.into_iter().map(|id| (id, of(id))).collect(),
            count: writer.names.0.num_vars(),
            all: writer.clauses,
            stop: content.stop,
        }
    }

    pub fn variables(&self) -> impl Iterator<Item = SentenceId> + '_ {
        self.variables.iter().map(|(id, _)| *id)
    }

    pub fn level(&self, id: SentenceId) -> Option<usize> {
        self.variables.binary_search_by_key(&id, |(one, _)| *one).ok()
    }

    fn solver(&self) -> Solver {
        let mut solver = Solver::new(self.stop);
        (0..self.count).for_each(|_| {
            solver.new_literal();
        });
        self.all.iter().for_each(|clause| solver.add(clause));
        solver
    }

    /// Whether no world is left.
    pub fn is_empty(&self) -> bool {
        !self.solver().solve(&[])
    }

    /// The variables that have the same value in every world: of one world's values those whose opposite no other takes.
    pub fn decided(&self) -> Vec<(SentenceId, bool)> {
        let mut solver = self.solver();
        if !solver.solve(&[]) {
            return Vec::new();
        }
        let values = |solver: &Solver| -> Vec<bool> {
            let all = self.variables.iter();
            all.map(|(_, literal)| solver.value(*literal)).collect()
        };
        let first = values(&solver);
        let mut open = vec![false; first.len()];
        for (at, (_, literal)) in self.variables.iter().enumerate() {
            if !open[at] && solver.solve(&[literal.apply_sign(!first[at])]) {
                let other = values(&solver).into_iter().zip(&first);
                open.iter_mut()
                    .zip(other)
                    .for_each(|(open, (now, then))| *open |= now != *then);
            }
        }
        let all = self.variables.iter().zip(first).zip(open);
        all.filter(|(_, open)| !open)
            .map(|(((id, _), value), _)| (*id, value))
            .collect()
    }

    /// As [`super::diagram::Diagram::shortest`].
    pub fn shortest<W: Weight>(&self, work: &mut Work<W>) {
        let mut solver = self.solver();
        let weighted = self.variables.iter().zip(&work.weights);
        let soft = weighted
            .map(|((_, literal), weight)| (*literal, weight.clone()))
            .collect();
        pmres::minimise(&mut solver, soft);
        let all = self.variables.iter();
        work.truths.clear();
        work.truths.extend(all.map(|(_, literal)| solver.value(*literal)));
    }

    /// As [`super::diagram::Diagram::patterns`].
    pub fn patterns(&self, levels: &[usize], limit: usize) -> Option<Vec<u128>> {
        let mut solver = self.solver();
        let mut found = Vec::new();
        let literals: Vec<Lit> = levels.iter().map(|&level| self.variables[level].1).collect();
        while solver.solve(&[]) {
            if found.len() == limit {
                return None;
            }
            let here: Vec<Lit> = literals.iter().map(|&one| one.apply_sign(solver.value(one))).collect();
            let bits = here.iter().zip(&literals).enumerate();
            found.push(bits.map(|(bit, (here, one))| u128::from(here == one) << bit).sum());
            let other: Vec<Lit> = here.iter().map(|&one| !one).collect();
            solver.add(&other);
        }
        found.sort_unstable();
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagram::Diagram;
    use super::*;
    use crate::logic::number::Exact;
    use crate::logic::sentence::Sentences;
    use proptest::prelude::*;

    const ATOMS: usize = 7;
    const FORMS: [&str; 6] = [
        "A | B | C",
        "A -> (B <-> ~C)",
        "one(A, ~B, C)",
        "~(A & B & C)",
        "A <-> B",
        "one(A, B & C)",
    ];

    fn sentence(sentences: &mut Sentences, (form, a, b, c): (usize, usize, usize, usize)) -> SentenceId {
        let name = |atom: usize| format!("x{}", atom % ATOMS);
        let text = FORMS[form % FORMS.len()];
        let text = text
            .replace('A', &name(a))
            .replace('B', &name(b))
            .replace('C', &name(c));
        sentences.parse(&text).unwrap()
    }

    fn worth(weights: &[Exact], truths: &[bool]) -> Exact {
        let held = weights.iter().zip(truths).filter(|(_, truth)| **truth);
        held.fold(Exact::default(), |sum, (weight, _)| &sum + weight)
    }

    proptest! {
        #[test]
        fn clauses_say_what_a_diagram_says(
            facts in prop::collection::vec((0_usize..6, 0_usize..7, 0_usize..7, 0_usize..7), 0..7),
            watched in prop::collection::btree_set((0_usize..6, 0_usize..7, 0_usize..7, 0_usize..7), 0..4),
            weights in prop::collection::vec(-20_i64..20, 40),
            known in prop::option::of(any::<bool>()),
        ) {
            let mut sentences = Sentences::new();
            let mut atoms: Vec<_> = (0..ATOMS).map(|i| sentences.atom(&format!("x{i}")).unwrap()).collect();
            let facts: Vec<_> = facts.into_iter().map(|fact| (sentence(&mut sentences, fact), fact.0 % 5 != 4)).collect();
            let mut watched: Vec<_> = watched.into_iter().map(|one| sentence(&mut sentences, one)).collect();
            watched.sort_unstable();
            watched.dedup();
            let first = atoms[0];
            let known = move |id: SentenceId| known.filter(|_| id == first);
            atoms.retain(|&atom| known(atom).is_none());
            let content = Content { sentences: &sentences, known: &known, facts: &facts, watched: &watched, stop: None };
            let (diagram, clauses) = (Diagram::fresh(&content, &atoms).unwrap(), Clauses::new(&content, &atoms));
            prop_assert_eq!(diagram.is_empty(), clauses.is_empty());
            if diagram.is_empty() {
                return Ok(());
            }
            let mut decided = diagram.decided();
            decided.sort_unstable();
            prop_assert_eq!(decided, clauses.decided());
            let variables: Vec<_> = clauses.variables().collect();
            let by_id: Vec<Exact> = weights.iter().take(variables.len()).map(|&weight| Exact::from(weight)).collect();
            let weight = |id: &SentenceId| by_id[variables.binary_search(id).unwrap()].clone();
            let mut work = Work { weights: by_id.clone(), ..Work::default() };
            clauses.shortest(&mut work);
            let found = worth(&by_id, &work.truths);
            let in_order: Vec<Exact> = diagram.variables().iter().map(weight).collect();
            let mut work = Work { weights: in_order.clone(), ..Work::default() };
            diagram.shortest(&mut work);
            prop_assert_eq!(worth(&in_order, &work.truths), found);
            let levels: Vec<usize> = (0..variables.len()).collect();
            let count = clauses.patterns(&levels, 1 << 12).unwrap().len();
            prop_assert_eq!(diagram.patterns(&levels, 1 << 12).unwrap().len(), count);
            prop_assert!(clauses.patterns(&levels, count - 1).is_none() && diagram.patterns(&levels, count - 1).is_none());
        }
    }
}
