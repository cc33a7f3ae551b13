//! Turing machines of two symbols in tree normal form: a transition is chosen when the run first needs it.
//!
//! A machine that comes to a transition that is not chosen halts there; its children choose it. New states are numbered as
//! they come, the first move is to the right, and the last transition is left open, so that every machine can halt. A leaf
//! weighs what even choices among its siblings (halting is one of them) give it: all leaves together weigh 1.

use super::behaviours::{Ending, Example, Share};
use super::enumerate::Enumeration;
use super::futures::Future;
use super::prior::Prior;
use super::run::Limits;
use super::token::Code;
use crate::error::{MarketError, Result};

/// The most states: more would take days.
pub const MOST_STATES: usize = 4;

/// What a machine does on reading a symbol in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    pub write: u8,
    pub right: bool,
    pub next: u8,
}

/// A table of transitions, by state and symbol; those that are not chosen halt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub transitions: Vec<[Option<Transition>; 2]>,
}

impl Table {
    /// Five bits a transition, the number of chosen ones as its length.
    #[must_use]
    pub fn code(&self) -> Code {
        let (mut bits, mut chosen) = (0, 0_usize);
        for (i, transition) in self.transitions.iter().flatten().enumerate() {
            if let Some(to) = transition {
                let packed = 1 | u64::from(to.write) << 1 | u64::from(to.right) << 2 | u64::from(to.next) << 3;
                bits |= packed << (5 * i);
                chosen += 1;
            }
        }
        Code::packed(bits, chosen)
    }

    /// The table of so many states with that code.
    #[must_use]
    pub fn of(code: Code, states: usize) -> Self {
        let transition = |i: usize| {
            let packed = (code.bits() >> (5 * i)) as u8;
            let (write, right, next) = (packed >> 1 & 1, packed & 4 != 0, packed >> 3 & 3);
            (packed & 1 == 1).then_some(Transition { write, right, next })
        };
        let transitions = (0..states)
            .map(|state| [transition(2 * state), transition(2 * state + 1)])
            .collect();
        Self { transitions }
    }
}

impl Table {
    /// The table of so many states that has this text form.
    pub fn parse(text: &str, states: usize) -> Result<Self> {
        let fault = || {
            MarketError::input(format!(
                "table {text:?}; give {states} states as in \"1RB---_1LA0RB\": for each symbol what is written, which way to \
                 go and the next state, or --- to halt"
            ))
        };
        let transition = |part: &[u8]| match part {
            b"---" => Some(None),
            &[write @ b'0'..=b'1', way @ (b'L' | b'R'), next] => {
                let next = next.checked_sub(b'A').filter(|&next| usize::from(next) < states)?;
                let (write, right) = (write - b'0', way == b'R');
                Some(Some(Transition { write, right, next }))
            }
            _ => None,
        };
        let row = |row: &str| match row.as_bytes().as_chunks::<3>() {
            ([zero, one], []) => Some([transition(zero)?, transition(one)?]),
            _ => None,
        };
        let transitions: Option<Vec<_>> = text.split('_').map(row).collect();
        let transitions = transitions.filter(|rows| rows.len() == states).ok_or_else(fault)?;
        Ok(Self { transitions })
    }
}

impl std::fmt::Display for Table {
    /// In the usual text form: `1RB---_1LA0RB`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (state, row) in self.transitions.iter().enumerate() {
            if state > 0 {
                f.write_str("_")?;
            }
            for transition in row {
                match transition {
                    None => f.write_str("---")?,
                    Some(Transition { write, right, next }) => {
                        let way = if *right { 'R' } else { 'L' };
                        write!(f, "{write}{way}{}", (b'A' + next) as char)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// How a machine's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At a transition that is not chosen, of this state and symbol.
    Missing(u8, u8),
    Steps,
}

/// Runs a table on an endless blank tape; it prints each symbol that it writes, and the halting step counts.
pub fn run(table: &Table, steps: u32, max_output: usize, output: &mut Vec<u8>) -> (End, u32, u32) {
    let reach = steps as usize + 1;
    let mut tape = vec![0_u8; 2 * reach + 1];
    let (mut head, mut state, mut low, mut high) = (reach, 0_u8, reach, reach);
    output.clear();
    for step in 1..=steps {
        let read = tape[head];
        let Some(to) = table.transitions[state as usize][read as usize] else {
            return (End::Missing(state, read), step, (high - low + 1) as u32);
        };
        tape[head] = to.write;
        if output.len() < max_output {
            output.push(to.write);
        }
        head = if to.right { head + 1 } else { head - 1 };
        (low, high) = (low.min(head), high.max(head));
        state = to.next;
    }
    (End::Steps, steps, (high - low + 1) as u32)
}

/// A leaf of the tree.
#[derive(Clone, Debug)]
pub struct Leaf<'a> {
    pub table: &'a Table,
    pub halts: bool,
    pub steps: u32,
    pub cells: u32,
    pub output: &'a [u8],
    pub mass: f64,
}

/// Visits every leaf of the tree for so many states; machines that run for `steps` steps count as never halting.
pub fn leaves(states: usize, limits: &Limits, visit: &mut dyn FnMut(&Leaf<'_>) -> Result<()>) -> Result<()> {
    limits.check()?;
    if !(1..=MOST_STATES).contains(&states) {
        return Err(MarketError::input(format!("{states} states; give 1 to {MOST_STATES}")));
    }
    let table = Table {
        transitions: vec![[None; 2]; states],
    };
    grow(
        &mut Tree {
            table,
            limits,
            output: Vec::new(),
        },
        1.0,
        visit,
    )
}

/// All machines of so many states, as programs that print what they write; one that halts is a program that ends.
pub fn enumerate(states: usize, limits: &Limits, prior: Prior, stop: &dyn Fn() -> bool) -> Result<Enumeration> {
    let mut found = Enumeration::new(prior, limits.max_output);
    leaves(states, limits, &mut |leaf| {
        found.programs += 1;
        found.runs += 1;
        if found.runs.is_multiple_of(4096) && stop() {
            return Err(MarketError::Interrupted { rounds: found.runs });
        }
        found.mass.add(leaf.mass);
        let full = leaf.output.len() == limits.max_output;
        let share = Share {
            ending: match (full, leaf.halts) {
                (true, _) => Ending::Full,
                (false, true) => Ending::Ended,
                (false, false) => Ending::Open,
            },
            own: leaf.mass,
            all: leaf.mass,
            programs: 1,
            example: Example {
                program: leaf.table.code(),
                steps: leaf.steps.min(limits.max_output as u32),
                cells: leaf.cells,
            },
            least_steps: leaf.steps.min(limits.max_output as u32),
        };
        let place = found.behaviours.add(leaf.output, &share);
        if full {
            let future = leaf.halts.then(|| Future::new(leaf.output, &[]));
            found.behaviours.join(place, future, &share);
        }
        Ok(())
    })?;
    Ok(found)
}

struct Tree<'a> {
    table: Table,
    limits: &'a Limits,
    output: Vec<u8>,
}

fn grow(tree: &mut Tree<'_>, mass: f64, visit: &mut dyn FnMut(&Leaf<'_>) -> Result<()>) -> Result<()> {
    let (end, steps, cells) = run(&tree.table, tree.limits.steps, tree.limits.max_output, &mut tree.output);
    let children = match end {
        End::Missing(..) => children(&tree.table),
        End::Steps => Vec::new(),
    };
    let mass = mass / (1 + children.len()) as f64;
    let (table, output) = (&tree.table, &tree.output[..]);
    let halts = end != End::Steps;
    visit(&Leaf {
        table,
        halts,
        steps,
        cells,
        output,
        mass,
    })?;
    if let End::Missing(state, symbol) = end {
        for child in children {
            tree.table.transitions[state as usize][symbol as usize] = Some(child);
            grow(tree, mass, visit)?;
        }
        tree.table.transitions[state as usize][symbol as usize] = None;
    }
    Ok(())
}

/// The transitions that may be chosen next.
fn children(table: &Table) -> Vec<Transition> {
    let chosen: Vec<Transition> = table.transitions.iter().flatten().flatten().copied().collect();
    let states = table.transitions.len();
    if chosen.len() + 1 == 2 * states {
        return Vec::new();
    }
    let known = 1 + chosen.iter().map(|transition| transition.next).max().unwrap_or(0);
    let states = 0..(known + 1).min(states as u8);
    let ways: &[bool] = if chosen.is_empty() { &[true] } else { &[true, false] };
    let one = |(write, right, next)| Transition { write, right, next };
    let all = [0, 1].into_iter().flat_map(|write| {
        let states = states.clone();
        ways.iter()
            .flat_map(move |&right| states.clone().map(move |next| one((write, right, next))))
    });
    all.collect()
}
