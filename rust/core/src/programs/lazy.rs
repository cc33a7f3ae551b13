//! The lazy tree of `BrainPhoque`: a run branches where its program wants a token, so a leaf of n tokens weighs 7^-n and all
//! leaves together weigh 1.
//!
//! With two symbols `-` does what `+` does, so that branch is taken once and counted twice.

use super::behaviours::{Ending, Example, Share};
use super::brainphoque::{BrainPhoque, State};
use super::enumerate::Enumeration;
use super::futures::Future;
use super::prior::Prior;
use super::run::{Event, Limits, Machine, Watch};
use super::token::{Code, Token, straight};
use crate::error::{MarketError, Result};

/// Tokens that `BrainPhoque` draws from.
pub const TOKENS: usize = 7;
/// The deepest tree that is worth waiting for.
const DEEPEST: usize = 12;

#[derive(Clone)]
struct Branch {
    machine: BrainPhoque,
    output: Vec<u8>,
    times: Vec<u32>,
    steps: u32,
    code: Code,
    programs: u64,
}

/// How a branch went on until its end, or until it wanted a token.
enum Stop {
    Wants,
    Timeout,
    Cycle { printed: usize },
}

/// All programs of at most `depth` evaluated tokens; those that want more are open.
pub fn enumerate(depth: usize, limits: &Limits, prior: Prior, stop: &dyn Fn() -> bool) -> Result<Enumeration> {
    limits.check()?;
    if depth > DEEPEST {
        return Err(MarketError::input(format!(
            "max_length {depth}; the lazy tree has 7^max_length leaves: give 0 to {DEEPEST}"
        )));
    }
    let mut tree = Tree {
        depth,
        limits: *limits,
        tokens: straight(limits.alphabet, false),
        stop,
        found: Enumeration::new(prior, limits.max_output),
    };
    tree.tokens.extend([Token::Open, Token::Close]);
    tree.grow(Branch {
        machine: BrainPhoque::new(limits.alphabet, limits.memory),
        output: Vec::new(),
        times: Vec::new(),
        steps: 0,
        code: Code::default(),
        programs: 1,
    })?;
    Ok(tree.found)
}

struct Tree<'a> {
    depth: usize,
    limits: Limits,
    tokens: Vec<Token>,
    stop: &'a dyn Fn() -> bool,
    found: Enumeration,
}

impl Tree<'_> {
    fn grow(&mut self, mut branch: Branch) -> Result<()> {
        self.found.runs += 1;
        if self.found.runs.is_multiple_of(4096) && (self.stop)() {
            return Err(MarketError::Interrupted {
                rounds: self.found.runs,
            });
        }
        let stop = self.go(&mut branch);
        let wants = matches!(stop, Stop::Wants);
        if !wants || branch.code.len() == self.depth || branch.output.len() >= self.limits.max_output {
            self.leaf(&branch, &stop);
            return Ok(());
        }
        for i in 0..self.tokens.len() {
            let token = self.tokens[i];
            let mut next = branch.clone();
            next.machine.give(token);
            next.code = branch.code.then(token);
            next.programs *= if token == Token::Plus && self.limits.alphabet == 2 {
                2
            } else {
                1
            };
            self.grow(next)?;
        }
        Ok(())
    }

    fn go(&self, branch: &mut Branch) -> Stop {
        let mut watch: Watch<State> = Watch::new();
        loop {
            let event = branch.machine.step(0);
            if event == Event::Wants {
                return Stop::Wants;
            }
            branch.steps += 1;
            if let Event::Printed(symbol) = event {
                branch.output.push(symbol);
                branch.times.push(branch.steps);
            }
            let machine = &branch.machine;
            if event == Event::Back
                && let Some((_, printed, _)) = watch.turn(
                    |state| machine.is_as(state),
                    || machine.state(),
                    branch.output.len(),
                    branch.steps,
                )
            {
                return self.prolong(branch, printed);
            }
            if branch.steps >= self.limits.steps {
                return Stop::Timeout;
            }
        }
    }

    /// Goes on with a cycle until the output is as long as was asked for, or the steps are used up.
    fn prolong(&self, branch: &mut Branch, printed: usize) -> Stop {
        let seen = branch.output.len();
        while seen > printed
            && branch.output.len() < self.limits.max_output.max(seen)
            && branch.steps < self.limits.steps
        {
            branch.steps += 1;
            if let Event::Printed(symbol) = branch.machine.step(0) {
                branch.output.push(symbol);
                branch.times.push(branch.steps);
            }
        }
        Stop::Cycle { printed }
    }

    fn leaf(&mut self, branch: &Branch, stop: &Stop) {
        let shown = branch.output.len().min(self.limits.max_output);
        let full = shown == self.limits.max_output;
        let silent = matches!(stop, Stop::Cycle { printed } if *printed == branch.output.len());
        let ending = match () {
            () if full => Ending::Full,
            () if silent => Ending::Ended,
            () => Ending::Open,
        };
        let mass = (TOKENS as f64).powi(-(branch.code.len() as i32));
        let steps = if shown == 0 {
            branch.steps
        } else {
            branch.times[shown - 1]
        };
        let share = Share {
            ending,
            own: mass * branch.programs as f64,
            all: mass * branch.programs as f64,
            programs: branch.programs,
            example: Example {
                program: branch.code,
                steps,
                cells: branch.machine.cells(),
            },
            least_steps: steps,
        };
        self.found.programs += branch.programs;
        self.found.mass.add(share.all);
        let place = self.found.behaviours.add(&branch.output[..shown], &share);
        if ending == Ending::Full {
            let future = match stop {
                Stop::Cycle { .. } => Some(cycle(branch)),
                Stop::Wants => Some(Future::new(&branch.output, &[])),
                Stop::Timeout => None,
            };
            self.found.behaviours.join(place, future, &share);
        }
    }
}

/// The future of a branch that is in a cycle: what it prints until its state is the same again.
fn cycle(branch: &Branch) -> Future {
    let mut machine = branch.machine.clone();
    let mut cycle = Vec::new();
    loop {
        if let Event::Printed(symbol) = machine.step(0) {
            cycle.push(symbol);
        }
        if machine.same_future(&branch.machine) {
            return Future::new(&branch.output, &cycle);
        }
    }
}
