//! Members whose future is not known, kept as short as they come: bodies of loops, and what they stand behind.

use super::behaviours::{Example, Mass, Member};
use super::brainfuck::Brainfuck;
use super::prior::Prior;
use super::run::{Limits, run};
use super::token::{Code, Token};
use crate::error::Result;

/// Bodies that print the same on a tape as far as was asked for, and may part later; the numbers of programs that each
/// stands for, by length from its own up to the longest.
#[derive(Clone, Debug, Default)]
pub struct Bodies {
    codes: Vec<(Code, u32)>,
    counts: Vec<u64>,
}

impl Bodies {
    pub fn push(&mut self, code: Code, counts: impl IntoIterator<Item = u64>) {
        self.codes.push((code, self.counts.len() as u32));
        self.counts.extend(counts);
    }

    pub fn append(&mut self, other: &Self) {
        let start = self.counts.len() as u32;
        self.codes
            .extend(other.codes.iter().map(|&(code, from)| (code, start + from)));
        self.counts.extend(&other.counts);
    }

    fn iter(&self) -> impl Iterator<Item = (Code, &[u64])> {
        let ends = self.codes.iter().skip(1).map(|&(_, from)| from as usize);
        let ends = ends.chain([self.counts.len()]);
        self.codes
            .iter()
            .zip(ends)
            .map(|(&(code, from), end)| (code, &self.counts[from as usize..end]))
    }
}

/// Programs of one length that lead to a loop.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// One of them, or a shorter one that does the same.
    pub example: Code,
    pub length: usize,
    pub programs: u64,
    /// Of the fastest.
    pub least_steps: u32,
}

/// Loops with these bodies after those programs.
#[derive(Clone, Debug)]
pub struct Loose {
    /// The number of their [`Bodies`].
    pub bodies: u32,
    pub before: Vec<Before>,
}

/// What may follow a program whose rest does not matter, by its length: how many rests, and their mass with it.
#[derive(Clone, Debug, Default)]
pub struct Rests {
    pub programs: Vec<u64>,
    pub mass: Vec<f64>,
}

impl Loose {
    /// The members, one for each body that is short enough.
    pub fn members(&self, bodies: &Bodies, rests: &Rests, prior: Prior, limits: &Limits) -> Result<Vec<Member>> {
        let shortest = self.before.iter().map(|before| before.length).min();
        let room = shortest.map_or(0, |length| rests.mass.len().saturating_sub(length + 2));
        bodies
            .iter()
            .filter(|(code, _)| code.len() < room)
            .map(|(code, counts)| self.member(code, counts, rests, prior, limits))
            .collect()
    }

    fn member(&self, code: Code, counts: &[u64], rests: &Rests, prior: Prior, limits: &Limits) -> Result<Member> {
        let shortest = self.before.iter().min_by_key(|before| before.length);
        let first = *shortest.unwrap_or(&self.before[0]);
        let example = example(first.example.then_loop(code), limits)?;
        let loop_steps = example
            .steps
            .saturating_sub(self::example(first.example, limits)?.steps);
        let mut mass = Mass::default();
        let mut programs = 0;
        for before in &self.before {
            let start = before.length + 2 + code.len();
            let longest = rests.mass.len().saturating_sub(start);
            let lengths = (start..).zip(&counts[..counts.len().min(longest)]);
            let (some, all) = lengths.fold((0, 0.0), |(some, all), (length, &count)| {
                (
                    some + count * rests.programs[length],
                    all + count as f64 * rests.mass[length],
                )
            });
            programs += some * before.programs;
            let all = all * before.programs as f64;
            if prior.by_length() {
                mass.add(all, all);
                continue;
            }
            let exact = first.example.len() == first.length && example.steps < limits.steps;
            let own = if before.example == first.example && exact {
                rests.mass[start]
            } else {
                0.0
            };
            let lower = if before.length == first.length { own } else { 0.0 };
            let symbols = limits.max_output;
            mass.add(
                lower * prior.factor(example.steps, symbols, example.cells),
                all * prior.factor(before.least_steps + loop_steps, symbols, 1),
            );
        }
        Ok(Member {
            example,
            future: None,
            mass,
            programs,
        })
    }
}

/// Runs a program for what it takes: others that do the same may be faster.
fn example(program: Code, limits: &Limits) -> Result<Example> {
    let tokens: Vec<Token> = program.tokens().collect();
    let mut machine = Brainfuck::new(&tokens, limits.alphabet, limits.memory)?;
    let steps = limits.steps.saturating_mul(64);
    let done = run(&mut machine, &Limits { steps, ..*limits }, std::iter::empty());
    Ok(Example {
        program,
        steps: done.steps,
        cells: done.cells,
    })
}
