//! All Brainfuck programs by length, pruned: programs that are in the same state where no loop is open are counted
//! together, and a loop is run once for each tape that it meets, with one body for each class of bodies.
//!
//! The state where no loop is open is the tape, seen from the head, and the output so far: what follows depends on nothing
//! else. States are kept by the exact length of the programs that lead to them, so that every program is counted once, at
//! its own length.

use super::behaviours::{Behaviours, Ending, Example, Share, Sum};
use super::bodies::Bodies;
use super::brainfuck::Brainfuck;
use super::effects::{Bounds, Effect, Fate, Mark, effects, merged};
use super::futures::Future;
use super::hash::{Map, Names};
use super::loose::{Before, Loose, Rests};
use super::prior::{Prior, code};
use super::run::{Limits, Status, run};
use super::tape::{Bits, Cells, Reach, Tape};
use super::token::{Code, Token, straight};
use super::words::matched;
use crate::error::{MarketError, Result};
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
        let bodies = &self.bodies;
        let found = threads::map(
            work,
            || bodies.counts(),
            |counts, (tape, part)| effects(bodies, part, left, tape, bounds, counts),
        );
        self.runs += found.iter().map(|(_, runs)| runs).sum::<u64>();
        let mut found = found.into_iter().map(|(effects, _)| effects);
        for _ in 0..tapes.len() {
            let mut all = merged(found.by_ref().take(parts.len()), bounds);
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
            let ending = if node.steps >= self.limits.steps {
                Ending::Open
            } else {
                Ending::Full
            };
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
        // an example of just this length is one that no shorter state has shown
        let rank = |node: &Node<T>| (node.program.len() != length, node.steps);
        if rank(&node) < rank(known) {
            *known = node;
        }
        (known.programs, known.least_steps) = (programs, least_steps);
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

    /// Adds the programs of a state to their behaviour; whatever follows does not matter unless they just end.
    fn share(&mut self, length: usize, node: &Node<T>, ending: Ending) {
        let ends = ending == Ending::Ended;
        let rest = if ends {
            self.code[length]
        } else {
            self.rests.mass[length]
        };
        let share = Share {
            ending,
            own: if node.program.len() == length { rest } else { 0.0 },
            all: node.programs as f64 * rest,
            programs: node.programs * if ends { 1 } else { self.rests.programs[length] },
            example: node.example(self.limits.memory),
            least_steps: node.least_steps,
        };
        let output = &self.printed[node.output as usize];
        let place = self.behaviours.add(output, &share);
        if ending == Ending::Full {
            // the symbols are all that is known: what follows may differ from program to program
            self.behaviours.join(place, Some(Future::new(output, &[])), &share);
        }
    }

    /// A loop that is not left within the limits.
    fn end(&mut self, length: usize, node: &Node<T>, effect: &Effect<T>) {
        let printed = self.printed[node.output as usize].len();
        let wanted = self.limits.max_output - printed;
        let steps = self.limits.steps;
        let left = self.longest - length - 2;
        // the step limit is tested before the output limit
        let full = |&&(code, mark): &&(Code, Mark)| code.len() <= left && node.steps + mark.time < steps;
        let examples = if effect.symbols.len() < wanted {
            None
        } else {
            Some(effect.examples(wanted - 1))
        };
        let mut examples = examples.iter().flatten().filter(full);
        if let Some(&first) = examples.next() {
            let share = self.loop_share(length, node, effect, Ending::Full, (first.0, Some(first.1)), wanted);
            let place = self.full(length, node, effect, &share);
            for &(code, mark) in examples {
                let other = self.example(node, code, Some(mark));
                self.behaviours.rows[place as usize].offer(other);
            }
            return;
        }
        let marks = &effect.example.marks;
        let shown = wanted.min(marks.partition_point(|mark| node.steps + mark.time <= steps));
        let quiet = effect.fate == Fate::Quiet && shown == effect.symbols.len();
        let ending = if quiet { Ending::Ended } else { Ending::Open };
        let last = shown.checked_sub(1).map(|i| marks[i]);
        let share = self.loop_share(length, node, effect, ending, (effect.example.code, last), shown);
        let output = [&self.printed[node.output as usize], &effect.symbols[..shown]].concat();
        self.behaviours.add(&output, &share);
    }

    /// Adds a loop that prints as much as was asked for; the place of its behaviour.
    fn full(&mut self, length: usize, node: &Node<T>, effect: &Effect<T>, share: &Share) -> u32 {
        let before = Before {
            example: node.program,
            length,
            programs: node.programs,
            steps: node.steps,
            least_steps: node.least_steps,
        };
        let parting = effect.fate == Fate::Full;
        if let Some(&Target { place, member }) = self.targets.get(&(node.output, effect.what)) {
            self.behaviours.add_at(place, share);
            if parting {
                self.behaviours.add_before(member, before);
            } else {
                self.behaviours.join_at(member, share);
            }
            return place;
        }
        let printed = &self.printed[node.output as usize];
        let output = [printed, &effect.symbols[..self.limits.max_output - printed.len()]].concat();
        let place = self.behaviours.add(&output, share);
        let member = if parting {
            let (bodies, before) = (effect.what / 2, vec![before]);
            self.behaviours.keep_loose(place, Loose { bodies, before })
        } else {
            let future = match &effect.fate {
                Fate::Known(future) => future.after(printed),
                // all the same so far, but what follows the loop differs from program to program
                _ => Future::new(&[printed, &effect.symbols[..]].concat(), &[]),
            };
            self.behaviours.join(place, Some(future), share)
        };
        let target = Target { place, member };
        self.targets.insert((node.output, effect.what), target);
        place
    }

    /// What programs that end in a loop add to their behaviour: so many symbols of the loop, the last one at a mark.
    fn loop_share(
        &self,
        length: usize,
        node: &Node<T>,
        effect: &Effect<T>,
        ending: Ending,
        (code, mark): (Code, Option<Mark>),
        shown: usize,
    ) -> Share {
        let (mut programs, mut all) = (0, 0.0);
        for (body, count) in effect.counts(self.longest - length - 2) {
            programs += count * self.rests.programs[length + 2 + body];
            all += count as f64 * self.rests.mass[length + 2 + body];
        }
        let example = self.example(node, code, mark);
        let exact = node.program.len() == length;
        Share {
            ending,
            own: if exact {
                self.rests.mass[example.program.len()]
            } else {
                0.0
            },
            all: all * node.programs as f64,
            programs: programs * node.programs,
            example,
            least_steps: node.least_steps + shown.checked_sub(1).map_or(0, |i| effect.fastest(i).1.time),
        }
    }

    /// The example of a state, then a loop, as far as a mark.
    fn example(&self, node: &Node<T>, body: Code, mark: Option<Mark>) -> Example {
        let span = mark.map(|mark| mark.span).unwrap_or_default();
        Example {
            program: node.program.then_loop(body),
            steps: node.steps + mark.map_or(0, |mark| mark.time),
            cells: node.reach.cells_with(span, self.limits.memory),
        }
    }
}

/// The same without any pruning, program by program: what [`enumerate`] is held against.
pub fn plain(longest: usize, limits: &Limits, prior: Prior, stop: &dyn Fn() -> bool) -> Result<Enumeration> {
    limits.check()?;
    let mut tokens = straight(limits.alphabet, false);
    tokens.extend([Token::Open, Token::Close]);
    let code = code(tokens.len(), longest);
    let mut found = Enumeration::new(prior, limits.max_output);
    for length in 0..=longest {
        every(&tokens, &mut Vec::new(), 0, length, &mut |program| {
            if found.runs.is_multiple_of(4096) && stop() {
                return Err(MarketError::Interrupted { rounds: found.runs });
            }
            let mut machine = Brainfuck::new(program, limits.alphabet, limits.memory)?;
            let done = run(&mut machine, limits, std::iter::empty());
            let share = Share {
                ending: match done.status {
                    Status::Halted => Ending::Ended,
                    Status::OutputLimit => Ending::Full,
                    Status::Timeout => Ending::Open,
                },
                own: code[length],
                all: code[length],
                programs: 1,
                example: Example {
                    program: program.iter().fold(Code::default(), |code, &token| code.then(token)),
                    steps: done.steps,
                    cells: done.cells,
                },
                least_steps: done.steps,
            };
            found.behaviours.add(&done.output, &share);
            found.programs += 1;
            found.runs += 1;
            found.mass.add(code[length]);
            Ok(())
        })?;
    }
    Ok(found)
}

/// Every program of just this length with matched brackets.
pub(super) fn every(
    tokens: &[Token],
    program: &mut Vec<Token>,
    open: usize,
    length: usize,
    visit: &mut dyn FnMut(&[Token]) -> Result<()>,
) -> Result<()> {
    if program.len() == length {
        return visit(program);
    }
    for &token in tokens {
        let open = match token {
            Token::Open => open + 1,
            Token::Close if open == 0 => continue,
            Token::Close => open - 1,
            _ => open,
        };
        if open < length - program.len() {
            program.push(token);
            every(tokens, program, open, length, visit)?;
            program.pop();
        }
    }
    Ok(())
}
