//! What loops do on one tape: every kept body is run once, and bodies that do the same are put together.

use super::bodies::Body;
use super::futures::Future;
use super::hash::{Fold, Map};
use super::run::Watch;
use super::tape::{Reach, Tape};
use super::token::{Code, Token};
use super::words::Counts;
use std::hash::{BuildHasher, BuildHasherDefault};

/// How a loop ends on a tape, within the limits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fate<T> {
    /// It is left, with this tape.
    Left(T),
    /// Its states come back: it prints so for ever, or never again if there is no cycle.
    Known(Future),
    /// It printed as much as was asked for, and was not seen to cycle; then it was left, or its steps were used up.
    Full,
    /// Its steps were used up before.
    Open,
}

/// Bodies that do the same on a tape.
#[derive(Clone, Debug)]
pub struct Effect<T> {
    pub fate: Fate<T>,
    /// What it prints, as far as that was asked for.
    pub symbols: Box<[u8]>,
    /// The steps after which each symbol is printed by `body`.
    pub times: Box<[u32]>,
    fastest: Option<Box<[u32]>>,
    /// The steps after which `body` has left the loop.
    pub steps: u32,
    pub least_steps: u32,
    pub reach: Reach,
    /// The shortest of its bodies.
    pub body: Body,
    /// How many bodies there are, by length; empty if it is `body`'s class alone.
    sum: Vec<u64>,
}

/// Room for a body and its brackets.
const ROOM: usize = 32;

/// A loop that runs: the machine for a short body.
struct Looping<T> {
    program: [Token; ROOM],
    partner: [u8; ROOM],
    end: u8,
    at: u8,
    tape: T,
    reach: Reach,
}

impl<T: Tape> Looping<T> {
    fn new(body: Body, tape: &T) -> Self {
        let mut looping = Self {
            program: [Token::Close; ROOM],
            partner: [0; ROOM],
            end: body.code.len() as u8 + 2,
            at: 0,
            tape: tape.clone(),
            reach: Reach::default(),
        };
        let (mut open, mut depth) = ([0_u8; ROOM], 0);
        for (at, token) in Code::default().then_loop(body.code).tokens().enumerate() {
            looping.program[at] = token;
            if token == Token::Open {
                open[depth] = at as u8;
                depth += 1;
            } else if token == Token::Close {
                depth -= 1;
                let start = open[depth];
                (looping.partner[usize::from(start)], looping.partner[at]) = (at as u8, start);
            }
        }
        looping
    }

    /// One step; whether it jumped back, and what it printed.
    #[inline(always)]
    fn step(&mut self) -> (bool, Option<u8>) {
        let at = usize::from(self.at) % ROOM;
        self.at += 1;
        match self.program[at] {
            Token::Plus => self.tape.plus(),
            Token::Minus => self.tape.minus(),
            Token::Right => {
                self.tape.right();
                self.reach.go(1);
            }
            Token::Left => {
                self.tape.left();
                self.reach.go(-1);
            }
            Token::Open if self.tape.here() == 0 => self.at = self.partner[at] + 1,
            Token::Close if self.tape.here() != 0 => {
                self.at = self.partner[at] + 1;
                return (true, None);
            }
            Token::Open | Token::Close | Token::Read => (),
            Token::Print => return (false, Some(self.tape.here())),
        }
        (false, None)
    }
}

/// What a run may use: steps, and symbols that are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub steps: u32,
    pub symbols: usize,
}

/// The run of one body.
struct Trace<T> {
    fate: Fate<T>,
    reach: Reach,
    steps: u32,
}

/// Runs a body; what it prints, and after how many steps, is left in `symbols` and `times`.
fn trace<T: Tape>(body: Body, tape: &T, bounds: Bounds, symbols: &mut Vec<u8>, times: &mut Vec<u32>) -> Trace<T> {
    let mut machine = Looping::new(body, tape);
    let mut watch = Watch::new();
    let mut steps = 0;
    symbols.clear();
    times.clear();
    let fate = loop {
        if machine.at == machine.end {
            break if symbols.len() < bounds.symbols {
                Fate::Left(machine.tape.clone())
            } else {
                Fate::Full
            };
        }
        let (turned, printed) = machine.step();
        steps += 1;
        if let Some(symbol) = printed {
            symbols.push(symbol);
            times.push(steps);
        }
        if turned {
            let same = |kept: &(u8, T)| kept.0 == machine.at && kept.1 == machine.tape;
            let keep = || (machine.at, machine.tape.clone());
            if let Some((printed, since)) = watch.turn(same, keep, symbols.len(), steps) {
                let future = Future::new(&symbols[..printed], &symbols[printed..]);
                prolong(symbols, times, printed, steps - since, bounds);
                break Fate::Known(future);
            }
        }
        if steps >= bounds.steps {
            break if symbols.len() < bounds.symbols {
                Fate::Open
            } else {
                Fate::Full
            };
        }
    };
    let reach = machine.reach;
    symbols.truncate(bounds.symbols);
    times.truncate(bounds.symbols);
    Trace { fate, reach, steps }
}

/// Goes on with a cycle that began at symbol `from` and takes `period` steps.
fn prolong(symbols: &mut Vec<u8>, times: &mut Vec<u32>, from: usize, period: u32, bounds: Bounds) {
    let cycle = symbols.len() - from;
    while cycle > 0 && symbols.len() < bounds.symbols {
        let before = symbols.len() - cycle;
        let time = times[before] + period;
        if time > bounds.steps {
            break;
        }
        symbols.push(symbols[before]);
        times.push(time);
    }
}

/// Where effects stand, by a hash of what they show.
#[derive(Default)]
struct Places(Map<u64, u32>);

impl Places {
    /// The place of an effect that shows this, or where it is to stand.
    fn find<T: Tape>(&mut self, effects: &[Effect<T>], fate: &Fate<T>, symbols: &[u8]) -> Option<usize> {
        let mut key = BuildHasherDefault::<Fold>::default().hash_one((fate, symbols));
        loop {
            let place = *self.0.entry(key).or_insert(effects.len() as u32) as usize;
            match effects.get(place) {
                None => return None,
                Some(effect) if effect.fate == *fate && *effect.symbols == *symbols => return Some(place),
                Some(_) => key = key.wrapping_add(1),
            }
        }
    }
}

/// What the bodies do on the tape, the same deeds together, in the order of their first bodies.
pub fn effects<T: Tape>(bodies: &[Body], tape: &T, bounds: Bounds, counts: &Counts) -> Vec<Effect<T>> {
    let mut places = Places::default();
    let mut effects: Vec<Effect<T>> = Vec::new();
    let (mut symbols, mut times) = (Vec::new(), Vec::new());
    for &body in bodies {
        let Trace { fate, reach, steps } = trace(body, tape, bounds, &mut symbols, &mut times);
        // bodies whose future is not known may part later: each is on its own
        if fate != Fate::Full
            && let Some(i) = places.find(&effects, &fate, &symbols)
        {
            effects[i].join(&times, steps, counts.row(body.counts), counts);
            continue;
        }
        effects.push(Effect {
            fate,
            symbols: symbols.as_slice().into(),
            times: times.as_slice().into(),
            fastest: None,
            steps,
            least_steps: steps,
            reach,
            body,
            sum: Vec::new(),
        });
    }
    effects
}

impl<T: Tape> Effect<T> {
    /// How many bodies there are, by length.
    #[must_use]
    pub fn counts<'a>(&'a self, counts: &'a Counts) -> &'a [u64] {
        if self.sum.is_empty() {
            counts.row(self.body.counts)
        } else {
            &self.sum
        }
    }

    /// The steps after which the fastest of the bodies prints each symbol.
    #[must_use]
    pub fn fastest(&self) -> &[u32] {
        self.fastest.as_deref().unwrap_or(&self.times)
    }

    fn join(&mut self, times: &[u32], steps: u32, ways: &[u64], counts: &Counts) {
        if self.sum.is_empty() {
            self.sum = counts.row(self.body.counts).to_vec();
        }
        self.sum.iter_mut().zip(ways).for_each(|(sum, x)| *sum += x);
        self.least_steps = self.least_steps.min(steps);
        if self.fastest().iter().zip(times).any(|(least, time)| time < least) {
            let fastest = self.fastest.get_or_insert_with(|| self.times.clone());
            fastest
                .iter_mut()
                .zip(times)
                .for_each(|(least, &time)| *least = time.min(*least));
        }
    }

    /// Puts together what was found with the shorter bodies and, after them, the longer ones.
    #[must_use]
    pub fn merged(parts: Vec<Vec<Self>>, counts: &Counts) -> Vec<Self> {
        if parts.len() == 1 {
            return parts.into_iter().flatten().collect();
        }
        let mut all: Vec<Self> = Vec::new();
        let mut places = Places::default();
        for effect in parts.into_iter().flatten() {
            if effect.fate != Fate::Full
                && let Some(i) = places.find(&all, &effect.fate, &effect.symbols)
            {
                all[i].join(effect.fastest(), effect.least_steps, effect.counts(counts), counts);
            } else {
                all.push(effect);
            }
        }
        all
    }
}
