//! `BrainPhoque` programs drawn from their prior: each token is drawn evenly as the run first comes to it.
//!
//! Programs have random streams of their own, by seed and number: the same for any number of threads, and any program can be
//! drawn alone. A state that comes back ends a run early, with the same result.

use super::brainphoque::{BrainPhoque, State};
use super::run::{Event, Limits, Machine, Run, Status, Watch};
use super::token::Token;
use crate::error::Result;
use crate::threads;

/// Programs that one worker draws at a time.
const CHUNK: u64 = 1024;

/// `SplitMix64` (Steele, Lea, Flood 2014), a token from three bits.
struct Tokens {
    state: u64,
    word: u64,
    left: u32,
}

fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Tokens {
    fn new(seed: u64, number: u64) -> Self {
        Self {
            state: mixed(mixed(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ number),
            word: 0,
            left: 0,
        }
    }

    fn draw(&mut self) -> Token {
        loop {
            if self.left == 0 {
                self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                self.word = mixed(self.state);
                self.left = 21;
            }
            let three = (self.word & 7) as usize;
            self.word >>= 3;
            self.left -= 1;
            if three < super::lazy::TOKENS {
                return super::token::TOKENS[three];
            }
        }
    }
}

/// A program that was drawn, and its run.
#[derive(Clone, Debug)]
pub struct Sample {
    pub program: String,
    /// The number of its tokens: it weighs `7^-tokens`.
    pub tokens: usize,
    pub run: Run,
}

/// Draws the programs of these numbers.
pub fn sample(numbers: std::ops::Range<u64>, seed: u64, limits: &Limits) -> Result<Vec<Sample>> {
    limits.check()?;
    let starts: Vec<u64> = numbers.clone().step_by(CHUNK as usize).collect();
    let machine = || (BrainPhoque::new(limits.alphabet, limits.memory), Vec::new());
    let parts = threads::map(starts, machine, |(machine, times), start| -> Vec<Sample> {
        let part = start..numbers.end.min(start + CHUNK);
        part.map(|number| one(Tokens::new(seed, number), machine, times, limits))
            .collect()
    });
    Ok(parts.into_iter().flatten().collect())
}

fn one(mut tokens: Tokens, machine: &mut BrainPhoque, times: &mut Vec<u32>, limits: &Limits) -> Sample {
    machine.reset();
    times.clear();
    let (mut output, mut steps) = (Vec::new(), 0);
    let mut watch: Watch<State> = Watch::new();
    let status = loop {
        let event = machine.step(0);
        if event == Event::Wants {
            machine.give(tokens.draw());
            watch.forget();
            continue;
        }
        steps += 1;
        if let Event::Printed(symbol) = event {
            output.push(symbol);
            times.push(steps);
        }
        if steps >= limits.steps {
            break Status::Timeout;
        }
        if output.len() >= limits.max_output {
            break Status::OutputLimit;
        }
        if event == Event::Back
            && let Some((_, printed, then)) = watch.turn(
                |state| machine.stays(state) && machine.is_as(state),
                || machine.state(),
                output.len(),
                steps,
            )
        {
            break repeat(&mut output, times, &mut steps, (printed, then), limits);
        }
    };
    let cells = machine.cells();
    Sample {
        program: machine.text(),
        tokens: machine.tokens(),
        run: Run {
            output,
            steps,
            status,
            cells,
        },
    }
}

/// Goes on as since the state was the same, after `printed` symbols and `then` steps, to the end of the run.
fn repeat(
    output: &mut Vec<u8>,
    times: &mut Vec<u32>,
    steps: &mut u32,
    (printed, then): (usize, u32),
    limits: &Limits,
) -> Status {
    let (cycle, period) = (output.len() - printed, *steps - then);
    while cycle > 0 && output.len() < limits.max_output {
        let before = output.len() - cycle;
        let time = times[before] + period;
        if time > limits.steps {
            break;
        }
        output.push(output[before]);
        times.push(time);
        if time == limits.steps {
            break;
        }
        if output.len() == limits.max_output {
            *steps = time;
            return Status::OutputLimit;
        }
    }
    *steps = limits.steps;
    Status::Timeout
}
