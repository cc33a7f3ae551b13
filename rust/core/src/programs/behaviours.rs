//! Behaviours: what programs print, the prior mass behind it, and the programs that do it best.
//!
//! A behaviour is the output up to the limit. Its mass is bounded from both sides: the lower bound is the mass of programs
//! that are known to print it; the upper bound adds what pruning counted without running it, and the mass of programs that
//! are still open and have printed a beginning of it.

use super::futures::Future;
use super::hash::Map;
use super::loose::{Before, Bodies, Loose, Rests};
use super::prior::Prior;
use super::run::Limits;
use super::token::Code;
use crate::error::Result;

/// A sum of very many small numbers, with what rounding lost (Neumaier 1974).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    rounded: f64,
    lost: f64,
}

impl Sum {
    pub fn add(&mut self, x: f64) {
        let sum = self.rounded + x;
        let (large, small) = if self.rounded.abs() >= x.abs() {
            (self.rounded, x)
        } else {
            (x, self.rounded)
        };
        self.lost += (large - sum) + small;
        self.rounded = sum;
    }

    #[must_use]
    pub fn value(self) -> f64 {
        self.rounded + self.lost
    }
}

/// Bounds of a prior mass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mass {
    lower: Sum,
    upper: Sum,
}

impl Mass {
    pub fn add(&mut self, lower: f64, upper: f64) {
        self.lower.add(lower);
        self.upper.add(upper);
    }

    #[must_use]
    pub fn lower(&self) -> f64 {
        self.lower.value()
    }

    #[must_use]
    pub fn upper(&self) -> f64 {
        self.upper.value()
    }
}

/// How the programs of a share end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The output is as long as was asked for, be it with the very last step.
    Full,
    /// Nothing more will ever be printed.
    Ended,
    /// More may come: the steps, or the tokens, were used up.
    Open,
}

/// A program and what it takes to print the behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    pub program: Code,
    pub steps: u32,
    pub cells: u32,
}

/// Programs with the same future, whatever comes after the output limit.
#[derive(Clone, Debug)]
pub struct Member {
    pub example: Example,
    /// None if it is undecided: nothing is known beyond the output limit.
    pub future: Option<Box<Future>>,
    pub mass: Mass,
    pub programs: u64,
}

/// All programs that print the same.
#[derive(Clone, Debug)]
pub struct Behaviour {
    pub output: Vec<u8>,
    pub full: Mass,
    pub ended: Mass,
    pub open: Mass,
    /// How many programs there are, those that were only counted included.
    pub programs: u64,
    pub shortest: Example,
    pub fastest: Example,
    pub leanest: Example,
    /// Full behaviours: their members, and those that are kept short.
    members: Vec<u32>,
    loose: Vec<u32>,
}

/// What is added to a behaviour: an example that was run, and the class of programs it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub ending: Ending,
    /// The mass of the example by its length alone, and of the class.
    pub own: f64,
    pub all: f64,
    pub programs: u64,
    pub example: Example,
    /// The steps of the fastest of the class, or fewer.
    pub least_steps: u32,
}

/// All behaviours of an enumeration.
#[derive(Clone, Debug)]
pub struct Behaviours {
    prior: Prior,
    max_output: usize,
    places: Map<Vec<u8>, u32>,
    pub rows: Vec<Behaviour>,
    members: Vec<Member>,
    loose: Vec<Loose>,
    bodies: Vec<Bodies>,
    rests: Rests,
    futures: Map<(u32, Future), u32>,
}

impl Behaviours {
    #[must_use]
    pub fn new(prior: Prior, max_output: usize) -> Self {
        Self {
            prior,
            max_output,
            places: Map::default(),
            rows: Vec::new(),
            members: Vec::new(),
            loose: Vec::new(),
            bodies: Vec::new(),
            rests: Rests::default(),
            futures: Map::default(),
        }
    }

    #[must_use]
    pub fn place(&self, output: &[u8]) -> Option<usize> {
        self.places.get(output).map(|&i| i as usize)
    }

    /// For each full behaviour and its upper bound: what its own programs leave open, and what open programs may yet add
    /// that have printed a beginning of it; 0 for the others.
    #[must_use]
    pub fn upper(&self) -> Vec<f64> {
        let open = |symbols: &[u8]| self.place(symbols).map_or(0.0, |i| self.rows[i].open.upper());
        let bound = |row: &Behaviour| {
            let beginnings: f64 = (0..=row.output.len()).map(|n| open(&row.output[..n])).sum();
            if row.full.upper() > 0.0 {
                row.full.upper() + beginnings
            } else {
                0.0
            }
        };
        self.rows.iter().map(bound).collect()
    }

    /// Adds a share to the behaviour of an output, whose place it returns.
    pub fn add(&mut self, output: &[u8], share: &Share) -> u32 {
        if let Some(&place) = self.places.get(output) {
            self.add_at(place, share);
            return place;
        }
        let place = self.rows.len() as u32;
        let first = share.example;
        self.places.insert(output.to_vec(), place);
        self.rows.push(Behaviour {
            output: output.to_vec(),
            full: Mass::default(),
            ended: Mass::default(),
            open: Mass::default(),
            programs: 0,
            shortest: first,
            fastest: first,
            leanest: first,
            members: Vec::new(),
            loose: Vec::new(),
        });
        self.add_at(place, share);
        place
    }

    /// [`Self::add`], to a behaviour whose place is known.
    pub fn add_at(&mut self, place: u32, share: &Share) {
        let row = &mut self.rows[place as usize];
        let (lower, upper) = share.mass(self.prior, row.output.len());
        match share.ending {
            Ending::Full => row.full.add(lower, upper),
            Ending::Ended => row.ended.add(lower, upper),
            Ending::Open => row.open.add(lower, upper),
        }
        row.programs += share.programs;
        row.offer(share.example);
    }
}

impl Behaviour {
    /// Keeps an example if it is the best in some way.
    pub fn offer(&mut self, new: Example) {
        keep(&mut self.shortest, new, |e| {
            (e.program.len(), e.steps as usize, e.cells as usize)
        });
        keep(&mut self.fastest, new, |e| {
            (e.steps as usize, e.program.len(), e.cells as usize)
        });
        keep(&mut self.leanest, new, |e| {
            (e.cells as usize, e.program.len(), e.steps as usize)
        });
    }
}

impl Behaviours {
    /// Adds a share of a full behaviour to the member with its future, which it returns: one of its own if that is not
    /// known.
    pub fn join(&mut self, place: u32, future: Option<Future>, share: &Share) -> u32 {
        let key = future.map(|future| (place, future));
        let known = key.as_ref().and_then(|key| self.futures.get(key).copied());
        let member = known.unwrap_or_else(|| self.enter(place, key, share));
        self.join_at(member, share);
        member
    }

    fn enter(&mut self, place: u32, key: Option<(u32, Future)>, share: &Share) -> u32 {
        let member = self.members.len() as u32;
        self.rows[place as usize].members.push(member);
        self.members.push(Member {
            example: share.example,
            future: key.as_ref().map(|(_, future)| Box::new(future.clone())),
            mass: Mass::default(),
            programs: 0,
        });
        self.futures.extend(key.map(|key| (key, member)));
        member
    }

    /// Adds a share to a member; the behaviour has it already.
    pub fn join_at(&mut self, member: u32, share: &Share) {
        let (lower, upper) = share.mass(self.prior, self.max_output);
        let member = &mut self.members[member as usize];
        member.mass.add(lower, upper);
        member.programs += share.programs;
        if share.example.program.len() < member.example.program.len() {
            member.example = share.example;
        }
    }
}

impl Behaviours {
    /// Says what may follow a program whose rest does not matter.
    pub fn set_rests(&mut self, rests: Rests) {
        self.rests = rests;
    }

    /// Takes bodies that may part later; their number.
    pub fn keep_bodies(&mut self, bodies: Bodies) -> u32 {
        self.bodies.push(bodies);
        self.bodies.len() as u32 - 1
    }

    /// Takes loops with such bodies as members of a full behaviour; their number.
    pub fn keep_loose(&mut self, place: u32, loose: Loose) -> u32 {
        let number = self.loose.len() as u32;
        self.loose.push(loose);
        self.rows[place as usize].loose.push(number);
        number
    }

    /// Adds programs that lead to the same loops.
    pub fn add_before(&mut self, loose: u32, before: Before) {
        self.loose[loose as usize].before.push(before);
    }

    /// The members of a behaviour, and for those that are kept short what they take within the limits.
    pub fn members(&self, place: usize, limits: &Limits) -> Result<Vec<Member>> {
        let row = &self.rows[place];
        let mut members: Vec<Member> = row
            .members
            .iter()
            .map(|&member| self.members[member as usize].clone())
            .collect();
        for &number in &row.loose {
            let loose = &self.loose[number as usize];
            let bodies = &self.bodies[loose.bodies as usize];
            members.extend(loose.members(bodies, &self.rests, self.prior, limits)?);
        }
        Ok(members)
    }
}

impl Share {
    fn mass(&self, prior: Prior, symbols: usize) -> (f64, f64) {
        if prior.by_length() {
            return (self.all, self.all);
        }
        let lower = self.own * prior.factor(self.example.steps, symbols, self.example.cells);
        (lower, self.all * prior.factor(self.least_steps, symbols, 1))
    }
}

/// Keeps the better one.
fn keep(best: &mut Example, new: Example, rank: impl Fn(&Example) -> (usize, usize, usize)) {
    if rank(&new) < rank(best) {
        *best = new;
    }
}
