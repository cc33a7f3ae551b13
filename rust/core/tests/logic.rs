//! Sentences and worlds against truth tables by enumeration.

use gruemarket_core::Result;
use gruemarket_core::logic::number::Exact;
use gruemarket_core::logic::worlds::{Model, Work};
use gruemarket_core::logic::{Sentence, SentenceId, Sentences, Worlds};
use proptest::prelude::*;

const ATOMS: usize = 6;

/// A recipe for a sentence: each entry joins two earlier ones.
type Recipe = Vec<(u8, usize, usize)>;

fn recipe() -> impl Strategy<Value = Recipe> {
    prop::collection::vec((0_u8..8, 0_usize..64, 0_usize..64), 0..6)
}

/// The last sentence that a recipe makes.
fn cook(sentences: &mut Sentences, recipe: &Recipe) -> SentenceId {
    let mut made: Vec<SentenceId> = (0..ATOMS)
        .map(|i| sentences.atom(&format!("x[{i}]")).unwrap())
        .collect();
    for &(sort, a, b) in recipe {
        let (a, b) = (made[made.len() - 1 - a % made.len()], made[b % made.len()]);
        made.push(match sort {
            0 | 6 => sentences.and(a, b),
            1 | 7 => sentences.or(a, b),
            2 => sentences.implies(a, b),
            3 => sentences.iff(a, b),
            4 => sentences.not(a),
            _ => sentences.one(&[made[0], a, b]).unwrap(),
        });
    }
    made[made.len() - 1]
}

/// Its value in a world, by the meaning of the connectives.
fn holds(sentences: &Sentences, id: SentenceId, world: usize) -> bool {
    let value = |id: &SentenceId| holds(sentences, *id, world);
    match sentences.get(id) {
        Sentence::Constant(value) => *value,
        Sentence::Atom(name) => world >> name[2..3].parse::<usize>().unwrap() & 1 == 1,
        Sentence::Not([a]) => !value(a),
        Sentence::And([a, b]) => value(a) && value(b),
        Sentence::Or([a, b]) => value(a) || value(b),
        Sentence::Implies([a, b]) => !value(a) || value(b),
        Sentence::Iff([a, b]) => value(a) == value(b),
        Sentence::One(parts) => parts.iter().filter(|part| value(part)).count() == 1,
    }
}

fn rational(weight: i64) -> Exact {
    Exact::ratio(weight.into(), 3_u8.into()).unwrap()
}

/// All that can be asked, against the worlds one by one.
fn check(sentences: &Sentences, worlds: &mut Worlds, left: &[usize], asked: &[(SentenceId, i64)]) {
    let exact: Vec<(SentenceId, Exact)> = asked.iter().map(|&(id, weight)| (id, rational(weight))).collect();
    let float: Vec<(SentenceId, f64)> = asked.iter().map(|&(id, weight)| (id, weight as f64)).collect();
    let worth = |world: usize| -> i64 {
        let held = asked.iter().filter(|(id, _)| holds(sentences, *id, world));
        held.map(|(_, weight)| weight).sum()
    };
    for &(id, _) in asked {
        let first = holds(sentences, id, left[0]);
        let same = left.iter().all(|&world| holds(sentences, id, world) == first);
        assert_eq!(worlds.truth(sentences, id).unwrap(), same.then_some(first));
    }
    let least = left.iter().map(|&world| worth(world)).min().unwrap();
    let found = worlds.minimum(sentences, &exact).unwrap();
    assert_eq!(found.value, rational(least));
    assert_eq!(worlds.minimum(sentences, &float).unwrap().value, least as f64);
    let there = |world: &&usize| {
        asked
            .iter()
            .map(|(id, _)| holds(sentences, *id, **world))
            .eq(found.truths.iter().copied())
    };
    let world = left
        .iter()
        .find(there)
        .expect("the truth values are those of some world");
    assert_eq!(worth(*world), least);
    let most = left.iter().map(|&world| worth(world)).max().unwrap();
    assert_eq!(worlds.maximum(sentences, &exact).unwrap().value, rational(most));
    let ids: Vec<SentenceId> = asked.iter().map(|(id, _)| *id).collect();
    patterns(sentences, &worlds.model(sentences, &ids).unwrap(), &ids, left);
}

/// The parts' patterns, multiplied out, are the joint truth values in all worlds.
fn patterns(sentences: &Sentences, model: &Model, ids: &[SentenceId], left: &[usize]) {
    let start: Vec<bool> = model.decided().iter().map(|known| *known == Some(true)).collect();
    let mut rows = vec![start];
    for part in model.parts() {
        let found = model.patterns(part, 64).unwrap();
        assert!(model.patterns(part, found.len() - 1).is_none());
        let joined = rows.iter().flat_map(|row| {
            found.iter().map(|pattern| {
                let mut row = row.clone();
                let values = model.members(part).iter().zip(pattern);
                values.for_each(|(&index, value)| row[index] = *value);
                row
            })
        });
        rows = joined.collect();
    }
    rows.sort_unstable();
    let real = left
        .iter()
        .map(|&world| ids.iter().map(|&id| holds(sentences, id, world)).collect());
    let mut real: Vec<Vec<bool>> = real.collect();
    real.sort_unstable();
    real.dedup();
    assert_eq!(rows, real);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_reads_back_as_the_same_sentence(recipe in recipe()) {
        let mut sentences = Sentences::new();
        let id = cook(&mut sentences, &recipe);
        let text = sentences.text(id).unwrap();
        prop_assert_eq!(sentences.parse(&text).unwrap(), id);
        let mut other = Sentences::new();
        other.atom("before").unwrap();
        let moved = other.import(&sentences, &[id])[0];
        prop_assert_eq!(other.text(moved).unwrap(), text.clone());
        prop_assert_eq!(other.parse(&text).unwrap(), moved);
    }

    #[test]
    fn worlds_are_those_of_the_truth_table(
        revealed in prop::collection::vec(recipe(), 1..7),
        asked in prop::collection::vec((recipe(), -9_i64..10), 1..6),
        early in any::<bool>(),
    ) {
        let mut sentences = Sentences::new();
        let asked: Vec<_> = asked.iter().map(|(recipe, weight)| (cook(&mut sentences, recipe), *weight)).collect();
        let mut worlds = Worlds::new();
        let mut left: Vec<usize> = (0..1 << ATOMS).collect();
        if early {
            check(&sentences, &mut worlds, &left, &asked);
        }
        for recipe in &revealed {
            let id = cook(&mut sentences, recipe);
            let still: Vec<usize> = left.iter().copied().filter(|&world| holds(&sentences, id, world)).collect();
            prop_assert_eq!(worlds.reveal(&sentences, id).is_ok(), !still.is_empty());
            if !still.is_empty() {
                left = still;
            }
            check(&sentences, &mut worlds, &left, &asked);
        }
        let table = worlds.decided();
        prop_assert!(table.iter().all(|&(id, value)| left.iter().all(|&world| holds(&sentences, id, world) == value)));
    }

    #[test]
    fn all_or_none_are_revealed(revealed in prop::collection::vec(recipe(), 1..5), asked in recipe(), then in recipe()) {
        let mut sentences = Sentences::new();
        let asked = [(cook(&mut sentences, &asked), 1)];
        let mut worlds = Worlds::new();
        let first = cook(&mut sentences, &then);
        let mut left: Vec<usize> = (0..1 << ATOMS).filter(|&world| holds(&sentences, first, world)).collect();
        prop_assert_eq!(worlds.reveal(&sentences, first).is_ok(), !left.is_empty());
        if left.is_empty() {
            left = (0..1 << ATOMS).collect();
        }
        check(&sentences, &mut worlds, &left, &asked);
        let ids: Vec<SentenceId> = revealed.iter().map(|recipe| cook(&mut sentences, recipe)).collect();
        let before = worlds.decided().to_vec();
        let still: Vec<usize> = left.iter().copied().filter(|&world| ids.iter().all(|&id| holds(&sentences, id, world))).collect();
        prop_assert_eq!(worlds.reveal_all(&sentences, &ids).is_ok(), !still.is_empty());
        if still.is_empty() {
            prop_assert_eq!(worlds.decided(), &before[..]);
        } else {
            left = still;
        }
        check(&sentences, &mut worlds, &left, &asked);
    }
}

#[test]
fn a_contradiction_is_named() -> Result<()> {
    let mut sentences = Sentences::new();
    let (fact, other) = (sentences.parse("a & (a -> b)")?, sentences.parse("~b | c & ~c")?);
    let mut worlds = Worlds::new();
    worlds.reveal(&sentences, fact)?;
    let error = worlds.reveal(&sentences, other).unwrap_err().to_string();
    assert!(
        error.contains("the sentence ~b | c & ~c was revealed, but no world"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_watched_sentence_that_is_revealed_still_binds_its_atoms() -> Result<()> {
    let mut sentences = Sentences::new();
    let (fact, a, b) = (sentences.parse("a -> b")?, sentences.atom("a")?, sentences.atom("b")?);
    let mut worlds = Worlds::new();
    worlds.watch(&sentences, &[fact])?;
    worlds.reveal(&sentences, fact)?;
    assert_eq!(worlds.truth(&sentences, fact)?, Some(true));
    assert_eq!(worlds.minimum(&sentences, &[(a, -1.0), (b, 2.0)])?.value, 0.0);
    Ok(())
}

#[test]
fn a_sentence_of_another_collection_is_refused() {
    let strange = SentenceId(7);
    let (sentences, mut worlds) = (Sentences::new(), Worlds::new());
    assert!(worlds.reveal(&sentences, strange).is_err());
    assert!(worlds.truth(&sentences, strange).is_err());
    assert!(worlds.minimum(&sentences, &[(strange, 1.0)]).is_err());
}

/// `count` clauses of three of `atoms` atoms, by a small generator.
fn clauses(sentences: &mut Sentences, atoms: usize, count: usize, mut seed: u64) -> Vec<SentenceId> {
    let mut draw = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut literal = |sentences: &mut Sentences| {
        let atom = sentences.atom(&format!("x{}", draw(atoms))).unwrap();
        if draw(2) == 0 { sentences.not(atom) } else { atom }
    };
    let mut found = Vec::new();
    for _ in 0..count {
        let (a, b, c) = (literal(sentences), literal(sentences), literal(sentences));
        let pair = sentences.or(a, b);
        found.push(sentences.or(pair, c));
    }
    found
}

#[test]
fn two_hundred_atoms_with_any_constraints() {
    // a diagram holds the first two, the others are searched
    for (count, seed) in [(60, 1), (100, 1), (200, 2), (300, 5)] {
        let mut sentences = Sentences::new();
        let facts = clauses(&mut sentences, 200, count, seed);
        let mut worlds = Worlds::new();
        worlds.reveal_all(&sentences, &facts).unwrap();
        let atoms: Vec<SentenceId> = (0..200).map(|i| sentences.atom(&format!("x{i}")).unwrap()).collect();
        let terms: Vec<(SentenceId, f64)> = atoms
            .iter()
            .copied()
            .zip((0..200).map(|i| f64::from(i % 17 - 8)))
            .collect();
        let least = worlds.minimum(&sentences, &terms).unwrap();
        let truth = |id: SentenceId| atoms.iter().position(|&atom| atom == id).map(|at| least.truths[at]);
        assert!(facts.iter().all(|&fact| sentences.truth(fact, truth) == Some(true)));
        // nor is any world better in which an atom has its other value
        let held = terms.iter().zip(&least.truths).filter(|(_, truth)| **truth);
        assert_eq!(held.map(|((_, weight), _)| weight).sum::<f64>(), least.value);
        for (at, &atom) in atoms.iter().enumerate().step_by(40) {
            let flipped = if least.truths[at] { sentences.not(atom) } else { atom };
            let mut other = worlds.clone();
            if other.reveal(&sentences, flipped).is_ok() {
                assert!(other.minimum(&sentences, &terms).unwrap().value >= least.value);
            }
        }
    }
}

#[test]
fn a_day_of_a_long_run_touches_only_what_is_new() -> Result<()> {
    let mut sentences = Sentences::new();
    let mut worlds = Worlds::new();
    let mut work = Work::default();
    let mut yesterday = sentences.atom("pi[1]=7")?;
    for day in 2..=10_000_u32 {
        let today = sentences.atom(&format!("pi[{day}]=7"))?;
        let fact = if day % 3 == 0 {
            yesterday
        } else {
            sentences.not(yesterday)
        };
        worlds.reveal(&sentences, fact)?;
        let model = worlds.model(&sentences, &[yesterday, today])?;
        let mut truths = [false; 2];
        let least = model.minimum(&[-1.0, -0.5], &mut truths, &mut work);
        assert_eq!((truths, model.parts().len()), ([day % 3 == 0, true], 1));
        assert_eq!(least, if day % 3 == 0 { -1.5 } else { -0.5 });
        yesterday = today;
    }
    assert_eq!(worlds.decided().len(), 9_999);
    Ok(())
}

#[test]
fn a_chain_grows_and_falls() -> Result<()> {
    let mut sentences = Sentences::new();
    let mut worlds = Worlds::new();
    let atoms: Vec<SentenceId> = (0..500).map(|i| sentences.atom(&format!("y{i}")).unwrap()).collect();
    for pair in atoms.windows(2) {
        let fact = sentences.implies(pair[0], pair[1]);
        worlds.reveal(&sentences, fact)?;
    }
    assert!(worlds.decided().is_empty());
    worlds.reveal(&sentences, atoms[400])?;
    assert_eq!(worlds.decided().len(), 100);
    let below = sentences.not(atoms[200]);
    worlds.reveal(&sentences, below)?;
    assert_eq!(worlds.decided().len(), 301);
    let model = worlds.model(&sentences, &atoms)?;
    assert_eq!(model.parts().len(), 1);
    assert_eq!(model.patterns(&model.parts()[0], 1000), None); // more than 128 variables
    let model = worlds.model(&sentences, &atoms[300..400])?;
    assert_eq!(model.patterns(&model.parts()[0], 101).map(|rows| rows.len()), Some(101));
    assert_eq!(model.patterns(&model.parts()[0], 100), None);
    Ok(())
}
