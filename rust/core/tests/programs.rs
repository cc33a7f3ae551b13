//! Machines and enumerations against what is known of them, and against plainer ways to the same.

use gruemarket_core::programs::bodies::Bodies;
use gruemarket_core::programs::brainfuck::Brainfuck;
use gruemarket_core::programs::brainphoque::BrainPhoque;
use gruemarket_core::programs::enumerate::{Enumeration, enumerate};
use gruemarket_core::programs::futures::Future;
use gruemarket_core::programs::plain::enumerate as plain;
use gruemarket_core::programs::prior::Prior;
use gruemarket_core::programs::tape::{Bits, Cells, Tape};
use gruemarket_core::programs::token::{Code, TOKENS, Token, parse, straight, text};
use gruemarket_core::programs::turing::{Table, leaves};
use gruemarket_core::programs::words::matched;
use gruemarket_core::programs::{Event, Limits, Machine, Status, lazy, run, sample};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const LIMITS: Limits = Limits {
    alphabet: 2,
    memory: 64,
    steps: 1000,
    max_output: 32,
};

fn go() -> impl Fn() -> bool {
    || false
}

fn turn(tape: &mut impl Tape, by: u8) {
    match by {
        0 => tape.plus(),
        1 => tape.minus(),
        2 => tape.right(),
        3 => tape.left(),
        _ => tape.put(1),
    }
}

fn tokens(reader: bool) -> impl Strategy<Value = Vec<Token>> {
    let known: Vec<Token> = TOKENS
        .into_iter()
        .filter(|&token| reader || token != Token::Read)
        .collect();
    prop::collection::vec(prop::sample::select(known), 0..19)
}

proptest! {
    #[test]
    fn a_word_holds_a_program(program in tokens(true)) {
        let code = program.iter().fold(Code::default(), |code, &token| code.then(token));
        prop_assert_eq!(code.tokens().collect::<Vec<_>>(), program.clone());
        prop_assert_eq!(code.to_string(), text(&program));
        prop_assert_eq!(parse(&text(&program), true).unwrap(), program);
    }

    #[test]
    fn bits_are_cells(moves in prop::collection::vec(0..5_u8, 0..300), reach in 0..20_usize) {
        let (mut bits, mut cells) = (Bits::default(), Cells::new(64, 2));
        for &by in &moves {
            turn(&mut bits, by);
            turn(&mut cells, by);
            prop_assert_eq!(bits.here(), cells.here());
        }
        bits.only(reach);
        cells.only(reach);
        for _ in 0..64 {
            bits.right();
            cells.right();
            prop_assert_eq!(bits.here(), cells.here());
        }
    }

    #[test]
    fn tapes_are_seen_from_the_head(moves in prop::collection::vec(0..2_u8, 0..40), around in 0..50_usize) {
        let mut tape = Cells::new(7, 3);
        for &by in &moves {
            if by == 0 { tape.plus() } else { tape.right() }
        }
        let mut moved = tape.clone();
        for _ in 0..7 * around {
            moved.left();
        }
        prop_assert_eq!(&tape, &moved);
        moved.plus();
        prop_assert_ne!(&tape, &moved);
    }

    #[test]
    fn futures_have_one_form(
        first in prop::collection::vec(0..2_u8, 0..6),
        cycle in prop::collection::vec(0..2_u8, 1..5),
        turns in 1..4_usize,
        late in 0..9_usize,
    ) {
        let future = Future::new(&first, &cycle);
        let symbols: Vec<u8> = first.iter().chain(cycle.iter().cycle()).copied().take(64).collect();
        prop_assert_eq!(future.symbols().take(64).collect::<Vec<_>>(), symbols.clone());
        let mut turned = cycle.repeat(turns);
        turned.rotate_left(late % cycle.len());
        prop_assert_eq!(Future::new(&symbols[..first.len() + late], &turned), future.clone());
        prop_assert_eq!(future.after(&[1, 0]), Future::new(&[&[1, 0], &first[..]].concat(), &cycle));
    }

    /// Where `[` is met on a cell that is not 0 for the first time, both machines read a program alike, but for the steps:
    /// here `]` jumps back to its `[`.
    #[test]
    fn brainphoque_prints_what_brainfuck_prints(body in "[+>.]{0,6}", rest in "[+<.]{0,6}") {
        let program = parse(&format!("+[{body}<]{rest}."), false).unwrap();
        let mut static_loops = Brainfuck::new(&program, 2, 64).unwrap();
        let plain = run(&mut static_loops, &LIMITS, std::iter::empty());
        let drawn = run(&mut BrainPhoque::new(2, 64), &LIMITS, program.into_iter());
        if plain.status != Status::Timeout && drawn.status != Status::Timeout {
            prop_assert_eq!(plain.output, drawn.output);
            prop_assert!(plain.steps <= drawn.steps);
        }
    }
}

#[test]
fn classes_of_bodies_add_up_to_all_bodies() {
    for alphabet in [2, 3, 5] {
        let (tokens, longest) = (straight(alphabet, false), 8);
        let bodies = Bodies::new(&tokens, (alphabet, 64), longest);
        let mut counts = bodies.counts();
        let mut sum = vec![0_u64; longest + 1];
        let mut kept = 0;
        for part in bodies.parts(longest) {
            bodies.visit(&mut counts, longest, part, &mut |body, counts| {
                kept += 1;
                sum.iter_mut()
                    .zip(counts.row(body.counts))
                    .for_each(|(sum, x)| *sum += x);
            });
        }
        let all = matched(tokens.len(), longest);
        assert_eq!(sum, all, "alphabet {alphabet}");
        assert!(kept < all.iter().sum::<u64>());
    }
}

#[test]
fn of_words_that_do_the_same_the_first_to_print_is_kept() {
    let bodies = Bodies::new(&straight(2, false), (2, 64), 6);
    let mut counts = bodies.counts();
    let mut kept = BTreeSet::new();
    for part in bodies.parts(6) {
        bodies.visit(&mut counts, 6, part, &mut |body, _| {
            kept.insert(body.code.to_string());
        });
    }
    for (first, later) in [(">.<+", "+>.<"), (">.<+<", "+>.<<"), ("+.<+>", "<+>+.")] {
        assert!(kept.contains(first) && !kept.contains(later), "{first} {later}");
    }
}

/// What is known of a behaviour: masses, and the tokens of the shortest program.
fn facts(found: &Enumeration) -> BTreeMap<Vec<u8>, ([f64; 3], usize)> {
    let rows = found.behaviours.rows.iter();
    rows.map(|row| {
        let masses = [row.full, row.ended, row.open].map(|mass| mass.lower());
        (row.output.clone(), (masses, row.shortest.program.len()))
    })
    .collect()
}

#[test]
fn pruned_is_unpruned() {
    for (alphabet, memory, longest) in [(2, 64, 9), (2, 3, 8), (3, 64, 8), (2, 1, 9), (2, 2, 9), (3, 2, 7)] {
        let limits = Limits {
            alphabet,
            memory,
            steps: 20_000,
            ..LIMITS
        };
        let pruned = enumerate(longest, &limits, Prior::default(), &go()).unwrap();
        let unpruned = plain(longest, &Limits { steps: 2_000, ..limits }, Prior::default(), &go()).unwrap();
        assert_eq!(pruned.programs, unpruned.programs);
        assert!((pruned.mass.value() - unpruned.mass.value()).abs() < 1e-12);
        let (pruned, unpruned) = (facts(&pruned), facts(&unpruned));
        assert!(pruned.keys().eq(unpruned.keys()), "{alphabet} symbols, {memory} cells");
        for (output, (masses, shortest)) in &pruned {
            let (others, other_shortest) = unpruned[output];
            // programs that print nothing more run out of steps where they are not understood
            assert!(
                (masses[0] - others[0]).abs() < 1e-12,
                "{alphabet} {memory} {output:?} {masses:?} {others:?}"
            );
            assert!(
                (masses[1] + masses[2] - others[1] - others[2]).abs() < 1e-12,
                "{alphabet} {memory} {output:?} {masses:?} {others:?}"
            );
            assert!(masses[1] > others[1] - 1e-12);
            assert_eq!(*shortest, other_shortest, "{output:?}");
        }
    }
}

/// Of programs that do the same, some print sooner: the one that is run must be full whenever another one is.
#[test]
fn pruned_is_as_full_as_unpruned_within_any_steps() {
    for (alphabet, longest) in [(2, 7), (3, 6)] {
        for steps in 1..40 {
            let limits = Limits {
                alphabet,
                steps,
                max_output: 5,
                ..LIMITS
            };
            let full = |found: Enumeration| -> BTreeSet<Vec<u8>> {
                let rows = found.behaviours.rows.into_iter();
                let full = rows.filter(|row| row.full.upper() > 0.0);
                full.map(|row| row.output).collect()
            };
            let pruned = full(enumerate(longest, &limits, Prior::default(), &go()).unwrap());
            let unpruned = full(plain(longest, &limits, Prior::default(), &go()).unwrap());
            assert!(pruned.iter().all(|output| output.len() == 5));
            assert_eq!(pruned, unpruned, "{alphabet} symbols, {steps} steps");
        }
    }
}

#[test]
fn the_bounds_hold_the_mass_by_time_and_memory() {
    let prior = Prior::new(1.0, 0.5).unwrap();
    let limits = Limits {
        steps: 20_000,
        ..LIMITS
    };
    let pruned = enumerate(8, &limits, prior, &go()).unwrap();
    let unpruned = plain(8, &limits, prior, &go()).unwrap();
    let mut wide = 0;
    for row in pruned.behaviours.rows.iter().filter(|row| row.full.upper() > 0.0) {
        let true_mass = unpruned.behaviours.rows[unpruned.behaviours.place(&row.output).unwrap()]
            .full
            .lower();
        assert!(row.full.lower() <= true_mass + 1e-15 && true_mass <= row.full.upper() + 1e-15);
        wide += usize::from(row.full.lower() < row.full.upper());
    }
    assert!(wide > 10);
}

#[test]
fn every_program_is_counted_once() {
    for longest in [0, 1, 2, 3, 4, 7, 11] {
        let found = enumerate(longest, &LIMITS, Prior::default(), &go()).unwrap();
        assert_eq!(
            found.behaviours.rows.iter().map(|row| row.programs).sum::<u64>(),
            found.programs
        );
        assert_eq!(found.programs, matched(4, longest).iter().sum::<u64>());
        let masses = found
            .behaviours
            .rows
            .iter()
            .map(|row| row.full.lower() + row.ended.lower() + row.open.lower());
        assert!((masses.sum::<f64>() - found.mass.value()).abs() < 1e-12);
    }
}

#[test]
fn members_make_up_their_behaviour_and_print_it() {
    let found = enumerate(10, &LIMITS, Prior::default(), &go()).unwrap();
    let behaviours = &found.behaviours;
    for (place, row) in behaviours
        .rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.full.upper() > 0.0)
    {
        let members = behaviours.members(place, &LIMITS).unwrap();
        let mass: f64 = members.iter().map(|member| member.mass.lower()).sum();
        assert!((mass - row.full.lower()).abs() < 1e-15);
        assert_eq!(members.iter().map(|member| member.programs).sum::<u64>(), row.programs);
        for member in members {
            let program: Vec<Token> = member.example.program.tokens().collect();
            let limits = Limits {
                steps: 100_000,
                max_output: 200,
                ..LIMITS
            };
            let mut machine = Brainfuck::new(&program, 2, 64).unwrap();
            let done = run(&mut machine, &limits, std::iter::empty());
            assert!(done.output.starts_with(&row.output));
            let mut machine = Brainfuck::new(&program, 2, 64).unwrap();
            let short = run(&mut machine, &LIMITS, std::iter::empty());
            assert_eq!((short.steps, short.cells), (member.example.steps, member.example.cells));
            if let Some(future) = member.future.as_ref().filter(|future| !future.cycle.is_empty()) {
                assert_eq!(
                    done.output,
                    future.symbols().take(200).collect::<Vec<_>>(),
                    "{}",
                    text(&program)
                );
            }
        }
    }
}

#[test]
fn the_same_for_any_number_of_threads() {
    let once = |threads| {
        gruemarket_core::threads::set_threads(threads).unwrap();
        format!(
            "{:?}",
            enumerate(10, &LIMITS, Prior::new(0.5, 0.5).unwrap(), &go())
                .unwrap()
                .behaviours
                .rows
        )
    };
    assert_eq!(once(1), once(3));
}

#[test]
fn turing_machines_in_tree_normal_form() {
    for (states, steps, leaf_count, halting, longest) in [(2, 50, 61, 19, 6), (3, 100, 5_417, 1_772, 21)] {
        let (mut all, mut halts, mut most, mut mass) = (0, 0, 0, 0.0);
        leaves(states, &Limits { steps, ..LIMITS }, &mut |leaf| {
            all += 1;
            mass += leaf.mass;
            if leaf.halts {
                halts += 1;
                most = most.max(leaf.steps);
            }
            assert_eq!(Table::of(leaf.table.code(), states), *leaf.table);
            Ok(())
        })
        .unwrap();
        assert_eq!((all, halts, most), (leaf_count, halting, longest));
        assert!((mass - 1.0).abs() < 1e-9);
    }
}

#[test]
fn a_sampled_program_runs_again_to_the_same() {
    let limits = Limits {
        alphabet: 9,
        memory: 200,
        steps: 1000,
        max_output: 256,
    };
    for one in sample::sample(0..2000, 7, &limits).unwrap() {
        let program = parse(&one.program, false).unwrap();
        assert_eq!(program.len(), one.tokens);
        let mut machine = BrainPhoque::new(limits.alphabet, limits.memory);
        let again = run(&mut machine, &limits, program.into_iter());
        assert_eq!(one.run, again, "{}", one.program);
        assert_eq!(machine.text(), one.program);
    }
}

#[test]
fn the_lazy_tree_weighs_one_and_agrees_with_samples() {
    let found = lazy::enumerate(5, &LIMITS, Prior::default(), &go()).unwrap();
    assert!((found.mass.value() - 1.0).abs() < 1e-12);
    let drawn = sample::sample(0..200_000, 3, &LIMITS).unwrap();
    for row in found.behaviours.rows.iter().filter(|row| row.full.upper() > 0.0) {
        // every program of the tree that prints this wants no more tokens
        let hits = drawn
            .iter()
            .filter(|one| one.tokens <= 5 && one.run.output == row.output)
            .count() as f64;
        let expected = row.full.lower() * 200_000.0;
        assert!((hits - expected).abs() < 5.0 * expected.sqrt(), "{hits} of {expected}");
    }
}

#[test]
fn a_machine_that_wants_a_token_takes_no_step() {
    let mut machine = BrainPhoque::new(2, 4);
    assert_eq!(machine.step(0), Event::Wants);
    machine.give(Token::Plus);
    assert_eq!((machine.step(0), machine.step(0)), (Event::Silent, Event::Wants));
}
