//! One machine, one program: step by step, or to its end within limits.

use super::token::Token;
use crate::error::{MarketError, Result};

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Silent,
    /// It jumped back: a cycle of states must pass here, so they are compared only here.
    Back,
    Printed(u8),
    /// Nothing was left to do; no step was taken.
    Halted,
    /// The program ends here, and goes on with whatever token it is given; no step was taken.
    Wants,
}

/// A machine with a program in it, that goes one instruction at a time.
pub trait Machine: Clone {
    /// Goes one instruction on; `heard` is the last revealed symbol, 0 before the first.
    fn step(&mut self, heard: u8) -> Event;

    /// Hands over the token that it wanted.
    fn give(&mut self, token: Token);

    /// Whether two states of one program have the same future, where nothing new is heard.
    fn same_future(&self, other: &Self) -> bool;

    /// The number of cells that were visited.
    fn cells(&self) -> u32;
}

/// Why a run ended; the step limit is tested before the output limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Halted,
    Timeout,
    OutputLimit,
}

impl Status {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Halted => "HALTED",
            Self::Timeout => "TIMEOUT",
            Self::OutputLimit => "OUTPUT_LIMIT",
        }
    }
}

/// What a program may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Symbols: 2 to 256.
    pub alphabet: usize,
    /// Cells of the circular tape: 1 to 32,768.
    pub memory: usize,
    pub steps: u32,
    pub max_output: usize,
}

impl Limits {
    pub fn check(&self) -> Result<()> {
        let bounds = [
            ("alphabet", self.alphabet, 2, 256),
            ("memory", self.memory, 1, 32_768),
            ("steps", self.steps as usize, 1, 1 << 30),
            ("max_output", self.max_output, 1, 65_536),
        ];
        bounds.into_iter().try_for_each(|(name, value, low, high)| {
            let good = (low..=high).contains(&value);
            let error = || MarketError::input(format!("{name} {value}; give {low} to {high}"));
            good.then_some(()).ok_or_else(error)
        })
    }
}

/// What a program did within its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub output: Vec<u8>,
    pub steps: u32,
    pub status: Status,
    /// Cells visited.
    pub cells: u32,
}

/// Runs a machine to its end; `tokens` are what it is given when it wants one, then it halts. It hears nothing.
pub fn run<M: Machine>(machine: &mut M, limits: &Limits, mut tokens: impl Iterator<Item = Token>) -> Run {
    let (mut output, mut steps) = (Vec::new(), 0);
    let status = loop {
        match machine.step(0) {
            Event::Silent | Event::Back => steps += 1,
            Event::Printed(symbol) => {
                output.push(symbol);
                steps += 1;
            }
            Event::Halted => break Status::Halted,
            Event::Wants => match tokens.next() {
                Some(token) => {
                    machine.give(token);
                    continue;
                }
                None => break Status::Halted,
            },
        }
        if steps >= limits.steps {
            break Status::Timeout;
        }
        if output.len() >= limits.max_output {
            break Status::OutputLimit;
        }
    };
    let cells = machine.cells();
    Run {
        output,
        steps,
        status,
        cells,
    }
}

/// Whether states come back, after Brent: the state at turns 1, 2, 4, ... is kept and compared with those that follow.
#[derive(Clone, Debug)]
pub struct Watch<S> {
    kept: Option<(S, usize, u32)>,
    seen: u32,
    power: u32,
}

impl<S> Watch<S> {
    #[must_use]
    pub fn new() -> Self {
        Self {
            kept: None,
            seen: 0,
            power: 1,
        }
    }

    /// Begins again: states before and after this have nothing to do with each other.
    #[inline(always)]
    pub fn forget(&mut self) {
        if self.power > 1 {
            *self = Self::new();
        }
    }

    /// Is told of a turn after `printed` symbols and `steps` steps; if the state has stood here before, says which one it was,
    /// and what these two were then.
    #[inline(always)]
    pub fn turn(
        &mut self,
        same: impl Fn(&S) -> bool,
        keep: impl Fn() -> S,
        printed: usize,
        steps: u32,
    ) -> Option<(&S, usize, u32)> {
        if self.kept.as_ref().is_some_and(|(state, ..)| same(state)) {
            return self
                .kept
                .as_ref()
                .map(|(state, printed, steps)| (state, *printed, *steps));
        }
        self.seen += 1;
        if self.seen == self.power {
            self.kept = Some((keep(), printed, steps));
            self.seen = 0;
            self.power = self.power.saturating_mul(2);
        }
        None
    }
}

impl<S> Default for Watch<S> {
    fn default() -> Self {
        Self::new()
    }
}
