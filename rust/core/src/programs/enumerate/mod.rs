//! All Brainfuck programs by length, pruned: programs that are in the same state where no loop is open are counted
//! together, and a loop is run once for each tape that it meets, with one body for each class of bodies.
//!
//! The state where no loop is open is the tape, seen from the head, and the output so far: what follows depends on nothing
//! else. States are kept by the exact length of the programs that lead to them, so that every program is counted once, at
//! its own length.

mod ends;

use crate::error::{MarketError, Result};
use crate::programs::behaviours::{Behaviours, Ending, Example, Sum};
use crate::programs::bodies::Bodies;
use crate::programs::effects::{Bounds, Effect, Fate, Gathered, effects};
use crate::programs::futures::Future;
use crate::programs::hash::{Map, Names};
use crate::programs::loose::Rests;
use crate::programs::prior::{Prior, code};
use crate::programs::run::Limits;
use crate::programs::tape::{Bits, Cells, Reach, Tape};
use crate::programs::token::{Code, Token, straight};
use crate::programs::words::matched;
use crate::threads;

/// What was enumerated.
#[derive(Clone, Debug)]
pub struct Enumeration {
    pub behaviours: Behaviours,
    /// Programs, and the runs it took.
    pub programs: u64,
    pub runs: u64,
    /// The mass of all programs, whatever they do.
    pub mass: Sum,
}

impl Enumeration {
    #[must_use]
    pub fn new(prior: Prior, max_output: usize) -> Self {
        Self {
            behaviours: Behaviours::new(prior, max_output),
            programs: 0,
            runs: 0,
            mass: Sum::default(),
        }
    }
}

/// The state of all programs of one length that have printed the same and left the same tape.
#[derive(Clone, Debug)]
struct Node<T> {
    tape: T,
    output: u32,
    programs: u64,
    /// Of the fastest of them, or fewer.
    least_steps: u32,
    /// An example.
    program: Code,
    steps: u32,
    reach: Reach,
    /// An example of at most this length, however slow.
    shortest: Code,
}

impl<T> Node<T> {
    fn example(&self, memory: usize) -> Example {
        Example {
            program: self.program,
            steps: self.steps,
            cells: self.reach.cells(memory),
        }
    }
}

type Level<T> = (Vec<Node<T>>, Map<(T, u32), u32>);

/// Where a share of an effect goes, once it is known: a behaviour, and a member or loops that may part later.
#[derive(Clone, Copy, Debug)]
struct Target {
    place: u32,
    member: u32,
}

struct Enumerator<T> {
    limits: Limits,
    longest: usize,
    tokens: Vec<Token>,
    bodies: Bodies,
    /// By length: one program's mass; all completions of a program whose rest does not matter, and their mass.
    code: Vec<f64>,
    rests: Rests,
    loops: Vec<u64>,
    levels: Vec<Level<T>>,
    best: Map<(T, u32), (Code, u32, Reach)>,
    outputs: Names<Vec<u8>>,
    printed: Vec<Vec<u8>>,
    effects: Vec<Vec<Effect<T>>>,
    /// The place of a tape's effects.
    by_tape: Map<T, u32>,
    whats: Names<(Vec<u8>, Option<Future>)>,
    apart: bool,
    targets: Map<(u32, u32), Target>,
    behaviours: Behaviours,
    runs: u64,
}

/// All programs of at most `longest` tokens.
pub fn enumerate(longest: usize, limits: &Limits, prior: Prior, stop: &dyn Fn() -> bool) -> Result<Enumeration> {
    limits.check()?;
    if longest > Code::LONGEST {
        return Err(MarketError::input(format!(
            "max_length {longest}; give 0 to {}",
            Code::LONGEST
        )));
    }
    if limits.alphabet == 2 && limits.memory == 64 {
        Enumerator::new(Bits::default(), longest, limits, prior).run(stop)
    } else {
        Enumerator::new(Cells::new(limits.memory, limits.alphabet), longest, limits, prior).run(stop)
    }
}

impl<T: Tape> Enumerator<T> {
    fn new(tape: T, longest: usize, limits: &Limits, prior: Prior) -> Self {
        let tokens = straight(limits.alphabet, false);
        let bodies = Bodies::new(&tokens, (limits.alphabet, limits.memory), longest.saturating_sub(3));
        let loops = matched(tokens.len(), longest);
        let code = code(tokens.len() + 2, longest);
        let rest = |from: usize| loops[..=longest - from].iter().zip(&code[from..]);
        let mass = (0..=longest)
            .map(|n| rest(n).map(|(&d, z)| d as f64 * z).sum())
            .collect();
        let programs = (0..=longest).map(|n| loops[..=longest - n].iter().sum()).collect();
        let rests = Rests { programs, mass };
        let mut behaviours = Behaviours::new(prior, limits.max_output);
        behaviours.set_rests(rests.clone());
        let mut enumerator = Self {
            limits: *limits,
            longest,
            tokens,
            bodies,
            code,
            rests,
            loops,
            levels: (0..=longest).map(|_| (Vec::new(), Map::default())).collect(),
            best: Map::default(),
            outputs: Names::default(),
            printed: Vec::new(),
            effects: Vec::new(),
            by_tape: Map::default(),
            whats: Names::default(),
            apart: !prior.by_length(),
            targets: Map::default(),
            behaviours,
            runs: 0,
        };
        let start = Node {
            tape,
            output: 0,
            programs: 1,
            least_steps: 0,
            program: Code::default(),
            steps: 0,
            reach: Reach::default(),
            shortest: Code::default(),
        };
        enumerator.output(&[]);
        enumerator.enter(0, start);
        enumerator
    }

    fn run(mut self, stop: &dyn Fn() -> bool) -> Result<Enumeration> {
        for length in 0..=self.longest {
            if stop() {
                return Err(MarketError::Interrupted { rounds: length as u64 });
            }
            let (nodes, _) = std::mem::take(&mut self.levels[length]);
            let known = self.effects.len();
            self.run_loops(length, &nodes);
            for node in nodes {
                self.leave(length, node);
            }
            self.forget(length, known);
        }
        let mut mass = Sum::default();
        mass.add(self.rests.mass[0]);
        Ok(Enumeration {
            programs: self.loops.iter().sum(),
            mass,
            behaviours: self.behaviours,
            runs: self.runs,
        })
    }

    fn output(&mut self, symbols: &[u8]) -> u32 {
        let (name, new) = self.outputs.number(symbols);
        if new {
            self.printed.push(symbols.to_vec());
        }
        name
    }

    /// Runs all bodies that fit on the tapes that are new at this length.
    fn run_loops(&mut self, length: usize, nodes: &[Node<T>]) {
        let Some(left) = (self.longest - length).checked_sub(2) else {
            return;
        };
        let mut tapes = Vec::new();
        for Node { tape, .. } in nodes {
            if tape.here() != 0 && !self.by_tape.contains_key(tape) {
                let place = (self.effects.len() + tapes.len()) as u32;
                self.by_tape.insert(tape.clone(), place);
                tapes.push(tape.clone());
            }
        }
        if tapes.is_empty() {
            return;
        }
        let bounds = Bounds {
            steps: self.limits.steps,
            symbols: self.limits.max_output,
            apart: self.apart,
        };
        let parts = self.bodies.parts(left);
        let work: Vec<(&T, Code)> = tapes
            .iter()
            .flat_map(|tape| parts.iter().map(move |&part| (tape, part)))
            .collect();
        let (bodies, mut runs) = (&self.bodies, 0);
        let mut gathered: Vec<Gathered<T>> = Vec::with_capacity(tapes.len());
        let mut joined = 0;
        threads::map_in_order(
            work,
            || bodies.counts(),
            |counts, (tape, part)| effects(bodies, part, left, tape, bounds, counts),
            |(effects, ran)| {
                if joined % parts.len() == 0 {
                    gathered.push(Gathered::new(bounds));
                }
                if let Some(tape) = gathered.last_mut() {
                    tape.join_all(effects);
                }
                (joined, runs) = (joined + 1, runs + ran);
            },
        );
        self.runs += runs;
        for tape in gathered {
            let mut all = tape.into_effects();
            all.iter_mut().for_each(|effect| effect.what = self.what(effect));
            self.effects.push(all);
        }
    }

    /// A number for what an effect shows: even ones of what is known, odd ones of bodies that may part later.
    fn what(&mut self, effect: &mut Effect<T>) -> u32 {
        let future = match &effect.fate {
            Fate::Known(future) => Some(future.clone()),
            Fate::Quiet => Some(Future::new(&effect.symbols, &[])),
            Fate::Left(_) | Fate::Open => None,
            Fate::Full => {
                return 2 * self.behaviours.keep_bodies(std::mem::take(&mut effect.bodies)) + 1;
            }
        };
        2 * self.whats.number(&(effect.symbols.to_vec(), future)).0
    }

    /// Adds up the programs that end in a state, and goes to the states that follow it.
    fn leave(&mut self, length: usize, node: Node<T>) {
        self.share(length, &node, Ending::Ended);
        let left = self.longest - length;
        for i in 0..if left > 0 { self.tokens.len() } else { 0 } {
            self.go(length, &node, self.tokens[i]);
        }
        if left < 2 {
            return;
        }
        if node.tape.here() == 0 {
            self.skip(length, &node);
            return;
        }
        let found = self.by_tape[&node.tape] as usize;
        let effects = std::mem::take(&mut self.effects[found]);
        let room = self.limits.max_output - self.printed[node.output as usize].len();
        for effect in effects.iter().filter(|effect| effect.example.code.len() + 2 <= left) {
            match &effect.fate {
                Fate::Left(tape)
                    if effect.symbols.len() < room
                        && node.steps + effect.swiftest(left - 2).steps < self.limits.steps =>
                {
                    self.after(length, &node, effect, tape);
                }
                _ => self.end(length, &node, effect),
            }
        }
        self.effects[found] = effects;
    }

    /// Forgets the effects that only programs of this length have met: their bodies are too long for all others.
    fn forget(&mut self, length: usize, known: usize) {
        for effects in &mut self.effects[known..] {
            effects.retain(|effect| effect.example.code.len() + 2 < self.longest - length);
            effects.shrink_to_fit();
        }
    }

    /// One token further.
    fn go(&mut self, length: usize, node: &Node<T>, token: Token) {
        let mut next = node.clone();
        next.program = node.program.then(token);
        next.shortest = node.shortest.then(token);
        (next.steps, next.least_steps) = (node.steps + 1, node.least_steps + 1);
        match token {
            Token::Plus => next.tape.plus(),
            Token::Minus => next.tape.minus(),
            Token::Right => {
                next.tape.right();
                next.reach.go(1);
            }
            Token::Left => {
                next.tape.left();
                next.reach.go(-1);
            }
            _ => next.output = self.longer(node.output, &[node.tape.here()]),
        }
        self.enter(length + 1, next);
    }

    /// Loops on a cell that is 0.
    fn skip(&mut self, length: usize, node: &Node<T>) {
        for body in 0..=self.longest - length - 2 {
            let mut next = node.clone();
            let plus = (0..body).fold(Code::default(), |code, _| code.then(Token::Plus));
            next.program = node.program.then_loop(plus);
            next.shortest = node.shortest.then_loop(plus);
            (next.steps, next.least_steps) = (node.steps + 1, node.least_steps + 1);
            next.programs *= self.loops[body];
            self.enter(length + 2 + body, next);
        }
    }

    /// A loop that is left.
    fn after(&mut self, length: usize, node: &Node<T>, effect: &Effect<T>, tape: &T) {
        let output = self.longer(node.output, &effect.symbols);
        for (body, count) in effect.counts(self.longest - length - 2) {
            let example = effect.swiftest(body);
            let next = Node {
                tape: tape.clone(),
                output,
                programs: node.programs * count,
                least_steps: node.least_steps + effect.least_steps,
                program: node.program.then_loop(example.code),
                steps: node.steps + example.steps,
                reach: node.reach.then(example.reach),
                shortest: node.shortest.then_loop(effect.example.code),
            };
            self.enter(length + 2 + body, next);
        }
    }

    fn longer(&mut self, output: u32, symbols: &[u8]) -> u32 {
        if symbols.is_empty() {
            return output;
        }
        let longer = [&self.printed[output as usize], symbols].concat();
        self.output(&longer)
    }

    /// Adds programs to a state, or to their behaviour if nothing that follows matters.
    fn enter(&mut self, length: usize, mut node: Node<T>) {
        let left = self.longest - length;
        let full = self.printed[node.output as usize].len() >= self.limits.max_output;
        if full || node.steps >= self.limits.steps {
            let ending = if full { Ending::Full } else { Ending::Open };
            return self.share(length, &node, ending);
        }
        if left == 0 {
            node.tape.put(0);
        }
        if left < 3 {
            node.tape.only(left.saturating_sub(1)); // no token that is left can tell more
        }
        self.teach(&mut node);
        let (nodes, places) = &mut self.levels[length];
        let new = nodes.len() as u32;
        let place = *places.entry((node.tape.clone(), node.output)).or_insert(new);
        if place == new {
            nodes.push(node);
            return;
        }
        let known = &mut nodes[place as usize];
        let programs = known.programs + node.programs;
        let least_steps = known.least_steps.min(node.least_steps);
        let shortest = if node.shortest.len() < known.shortest.len() {
            node.shortest
        } else {
            known.shortest
        };
        // an example of just this length is one that no shorter state has shown
        let rank = |node: &Node<T>| (node.program.len() != length, node.steps);
        if rank(&node) < rank(known) {
            *known = node;
        }
        (known.programs, known.least_steps, known.shortest) = (programs, least_steps, shortest);
    }

    /// Longer programs that lead to a state do what the fastest before them does, if later: it stands for them too.
    fn teach(&mut self, node: &mut Node<T>) {
        let best = self
            .best
            .entry((node.tape.clone(), node.output))
            .or_insert((node.program, node.steps, node.reach));
        if best.1 < node.steps {
            (node.program, node.steps, node.reach) = *best;
        } else {
            *best = (node.program, node.steps, node.reach);
        }
    }
}
