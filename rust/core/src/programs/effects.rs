//! What loops do on one tape: every kept body is run once, and bodies that do the same are put together.

use super::bodies::{Body, LONGEST};
use super::futures::Future;
use super::hash::Map;
use super::run::{Event, Machine, Watch};
use super::tape::{Reach, Tape};
use super::token::Token;
use super::words::Counts;

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
    pub symbols: Vec<u8>,
    /// The steps after which each symbol is printed by `body`, and those of whichever body is fastest.
    pub times: Vec<u32>,
    pub fastest: Vec<u32>,
    /// The steps after which `body` has left the loop.
    pub steps: u32,
    pub least_steps: u32,
    pub reach: Reach,
    /// The shortest of its bodies.
    pub body: Body,
    /// How many bodies there are, by length.
    pub counts: Vec<u64>,
}

/// A loop that runs: the machine for a body of at most [`LONGEST`] tokens.
#[derive(Clone, Debug)]
struct Looping<T> {
    program: [Token; LONGEST + 2],
    partner: [u8; LONGEST + 2],
    length: u8,
    at: u8,
    tape: T,
    reach: Reach,
    turned: bool,
}

impl<T: Tape> Looping<T> {
    fn new(body: Body, tape: &T) -> Self {
        let mut looping = Self {
            program: [Token::Close; LONGEST + 2],
            partner: [0; LONGEST + 2],
            length: body.length + 2,
            at: 0,
            tape: tape.clone(),
            reach: Reach::default(),
            turned: false,
        };
        let (mut open, mut depth) = ([0_u8; LONGEST + 2], 0);
        let tokens = std::iter::once(Token::Open).chain(body.tokens()).chain([Token::Close]);
        for (at, token) in tokens.enumerate() {
            looping.program[at] = token;
            if token == Token::Open {
                open[depth] = at as u8;
                depth += 1;
            } else if token == Token::Close {
                depth -= 1;
                let start = open[depth];
                (looping.partner[start as usize], looping.partner[at]) = (at as u8, start);
            }
        }
        looping
    }

    #[inline(always)]
    fn go(&mut self) -> Event {
        self.turned = false;
        let mut event = Event::Silent;
        match self.program[self.at as usize] {
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
            Token::Open if self.tape.here() == 0 => self.at = self.partner[self.at as usize],
            Token::Close if self.tape.here() != 0 => {
                self.at = self.partner[self.at as usize];
                self.turned = true;
            }
            Token::Open | Token::Close | Token::Read => (),
            Token::Print => event = Event::Printed(self.tape.here()),
        }
        self.at += 1;
        event
    }
}

impl<T: Tape> Machine for Looping<T> {
    #[inline(always)]
    fn step(&mut self, _heard: u8) -> Event {
        if self.at == self.length { Event::Halted } else { self.go() }
    }

    fn give(&mut self, _token: Token) {}

    #[inline(always)]
    fn same_future(&self, other: &Self) -> bool {
        self.at == other.at && self.tape == other.tape
    }

    fn cells(&self) -> usize {
        self.reach.cells(usize::MAX)
    }

    fn at_turn(&self) -> bool {
        self.turned
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
        match machine.step(0) {
            Event::Printed(symbol) => {
                symbols.push(symbol);
                times.push(steps + 1);
            }
            Event::Silent | Event::Wants => (),
            Event::Halted if symbols.len() < bounds.symbols => break Fate::Left(machine.tape.clone()),
            Event::Halted => break Fate::Full,
        }
        steps += 1;
        if machine.at_turn()
            && let Some((printed, since)) = watch.returned(&machine, symbols.len(), steps)
        {
            let future = Future::new(&symbols[..printed], &symbols[printed..]);
            prolong(symbols, times, printed, steps - since, bounds);
            break Fate::Known(future);
        }
        if steps >= bounds.steps {
            break if symbols.len() < bounds.symbols { Fate::Open } else { Fate::Full };
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

type Key<T> = (Fate<T>, Vec<u8>);

/// What the bodies do on the tape, the same deeds together, in the order of their first bodies.
pub fn effects<T: Tape>(bodies: &[Body], tape: &T, bounds: Bounds, counts: &Counts) -> Vec<Effect<T>> {
    let mut found: Map<Key<T>, u32> = Map::default();
    let mut effects: Vec<Effect<T>> = Vec::new();
    let (mut symbols, mut times) = (Vec::new(), Vec::new());
    for &body in bodies {
        let Trace { fate, reach, steps } = trace(body, tape, bounds, &mut symbols, &mut times);
        let key = (fate, symbols.clone());
        if let Some(&i) = found.get(&key) {
            effects[i as usize].join(&times, steps, counts.row(body.counts));
            continue;
        }
        let effect = Effect {
            fate: key.0.clone(),
            symbols: key.1.clone(),
            times: times.clone(),
            fastest: times.clone(),
            steps,
            least_steps: steps,
            reach,
            body,
            counts: counts.row(body.counts).to_vec(),
        };
        // bodies whose future is not known may part later: each is on its own
        if effect.fate != Fate::Full {
            found.insert(key, effects.len() as u32);
        }
        effects.push(effect);
    }
    effects
}

impl<T: Tape> Effect<T> {
    fn join(&mut self, times: &[u32], steps: u32, counts: &[u64]) {
        self.counts.iter_mut().zip(counts).for_each(|(sum, x)| *sum += x);
        self.least_steps = self.least_steps.min(steps);
        self.fastest.iter_mut().zip(times).for_each(|(least, &time)| *least = time.min(*least));
    }

    /// Puts together what was found with the shorter bodies and, after them, the longer ones.
    #[must_use]
    pub fn merged(parts: Vec<Vec<Self>>) -> Vec<Self> {
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        let known = |effect: &Self| (effect.fate != Fate::Full).then(|| (effect.fate.clone(), effect.symbols.clone()));
        let mut found: Map<Key<T>, usize> = Map::default();
        found.extend(all.iter().enumerate().filter_map(|(i, effect)| known(effect).map(|key| (key, i))));
        for effect in parts.flatten() {
            let Some(key) = known(&effect) else {
                all.push(effect);
                continue;
            };
            if let Some(&i) = found.get(&key) {
                all[i].join(&effect.fastest, effect.least_steps, &effect.counts);
            } else {
                found.insert(key, all.len());
                all.push(effect);
            }
        }
        all
    }
}
