//! What loops do on one tape: every kept body is run once, and bodies that do the same are put together.

use super::bodies::{Bodies, Body, ROOM};
use super::futures::Future;
use super::hash::Index;
use super::loose;
use super::run::Watch;
use super::tape::{Reach, Span, Tape};
use super::token::{Code, Token};
use super::words::Counts;

/// How a loop ends on a tape, within the limits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fate<T> {
    /// It is left, with this tape.
    Left(T),
    /// Its states come back: it prints so for ever, or never again after more than was asked for.
    Known(Future),
    /// Its states come back, and it never prints again: less than was asked for.
    Quiet,
    /// It printed as much as was asked for, and was not seen to cycle in as many steps again; or it was left by then.
    Full,
    /// Its steps were used up before.
    Open,
}

/// For each symbol, a body, and what it takes to print it.
type Firsts = Box<[(Code, Mark)]>;

/// Bodies that do the same on a tape.
#[derive(Clone, Debug)]
pub struct Effect<T> {
    pub fate: Fate<T>,
    /// For whoever gathers them: a number for what it shows.
    pub what: u32,
    /// What it prints, as far as that was asked for.
    pub symbols: Box<[u8]>,
    /// The shortest of its bodies, and the one that prints it in the fewest cells, if that is another one.
    pub example: Example,
    leanest: Option<Example>,
    /// Longer ones that leave the loop sooner than all that are no longer than they are.
    swifter: Vec<Example>,
    /// If they may part later, all of them.
    pub bodies: loose::Bodies,
    /// By rising length, where a body of that length prints some symbol earlier than all shorter ones: for each symbol the
    /// first one to print it, of at most that length.
    faster: Vec<(usize, Firsts)>,
    pub least_steps: u32,
    /// How many bodies there are of the example's length, and of each length after it.
    count: u64,
    longer: Vec<u64>,
}

/// A body, and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Example<M = Box<[Mark]>> {
    pub code: Code,
    pub marks: M,
    /// The steps after which it has left the loop, or was stopped.
    pub steps: u32,
    pub reach: Reach,
}

impl Example {
    fn seen(&self) -> Example<&[Mark]> {
        Example {
            code: self.code,
            marks: &self.marks,
            steps: self.steps,
            reach: self.reach,
        }
    }

    fn rank(&self) -> (usize, Code) {
        (self.code.len(), self.code)
    }
}

impl Example<&[Mark]> {
    fn kept(self) -> Example {
        Example {
            code: self.code,
            marks: self.marks.into(),
            steps: self.steps,
            reach: self.reach,
        }
    }
}

/// The steps after which a symbol is printed, and how far the run has been by then.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub time: u32,
    pub span: Span,
}

/// What a run prints, as far as that was asked for; the symbols go on while it runs.
#[derive(Default)]
struct Printed {
    symbols: Vec<u8>,
    marks: Vec<Mark>,
}

/// A loop that runs: the machine for a short body.
struct Looping<'a, T> {
    body: Body<'a>,
    end: u8,
    at: u8,
    tape: T,
    reach: Reach,
}

impl<'a, T: Tape> Looping<'a, T> {
    fn new(body: Body<'a>, tape: &T) -> Self {
        Self {
            body,
            end: body.code.len() as u8 + 2,
            at: 0,
            tape: tape.clone(),
            reach: Reach::default(),
        }
    }

    /// One step; whether it jumped back, and what it printed.
    #[inline(always)]
    fn step(&mut self) -> (bool, Option<u8>) {
        let at = usize::from(self.at) % ROOM;
        self.at += 1;
        match self.body.program[at] {
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
            Token::Open if self.tape.here() == 0 => self.at = self.body.partner[at] + 1,
            Token::Close if self.tape.here() != 0 => {
                self.at = self.body.partner[at] + 1;
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
    /// Whether bodies that may part later are kept apart from the start.
    pub apart: bool,
}

/// The run of one body.
struct Trace<T> {
    fate: Fate<T>,
    reach: Reach,
    steps: u32,
}

/// Runs a body; what it prints is left in `printed`, as far as that was asked for.
fn trace<T: Tape>(body: Body<'_>, tape: &T, bounds: Bounds, printed: &mut Printed) -> Trace<T> {
    let mut machine = Looping::new(body, tape);
    let mut watch = Watch::new();
    let mut steps = 0;
    printed.symbols.clear();
    printed.marks.clear();
    let fate = loop {
        let count = printed.symbols.len();
        if machine.at == machine.end {
            break if count < bounds.symbols {
                Fate::Left(machine.tape.clone())
            } else {
                Fate::Full
            };
        }
        let (turned, symbol) = machine.step();
        steps += 1;
        if let Some(symbol) = symbol {
            printed.symbols.push(symbol);
            if count < bounds.symbols {
                let span = machine.reach.span();
                printed.marks.push(Mark { time: steps, span });
            }
        }
        if turned {
            let (at, place) = (machine.at, machine.reach.at());
            let same = |kept: &(u8, T, i32)| kept.0 == at && kept.1 == machine.tape;
            let keep = || (at, machine.tape.clone(), place);
            if let Some(((_, _, from), since, then)) = watch.turn(same, keep, count, steps) {
                if since == count && count < bounds.symbols {
                    break Fate::Quiet;
                }
                let future = Future::new(&printed.symbols[..since], &printed.symbols[since..]);
                printed.prolong(since, steps - then, place - from, bounds);
                break Fate::Known(future);
            }
        }
        // a cycle is looked for as long again as the output took
        let looked = printed
            .marks
            .get(bounds.symbols - 1)
            .is_some_and(|last| steps >= 2 * last.time);
        if steps >= bounds.steps || looked {
            break if printed.symbols.len() < bounds.symbols {
                Fate::Open
            } else {
                Fate::Full
            };
        }
    };
    let reach = machine.reach;
    printed.symbols.truncate(bounds.symbols);
    Trace { fate, reach, steps }
}

impl Printed {
    /// Goes on with a cycle that began at symbol `from` and takes `period` steps, `by` cells further each time.
    fn prolong(&mut self, from: usize, period: u32, by: i32, bounds: Bounds) {
        let cycle = self.symbols.len() - from;
        while cycle > 0 && self.symbols.len() < bounds.symbols {
            let last = self.symbols.len() - 1;
            let before = last + 1 - cycle;
            let time = self.marks[before].time + period;
            if time > bounds.steps {
                break;
            }
            self.symbols.push(self.symbols[before]);
            let span = self.marks[last].span.and(self.marks[before].span, by);
            self.marks.push(Mark { time, span });
        }
    }
}

/// Effects, the same ones together.
pub struct Gathered<T> {
    places: Index,
    effects: Vec<Effect<T>>,
    bounds: Bounds,
}

impl<T: Tape> Gathered<T> {
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            places: Index::default(),
            effects: Vec::new(),
            bounds,
        }
    }

    /// The place of those that show the same.
    fn find(&mut self, fate: &Fate<T>, symbols: &[u8]) -> Option<usize> {
        let (effects, new) = (&self.effects, self.effects.len());
        if *fate == Fate::Full && self.bounds.apart {
            return None;
        }
        let same = |place: usize| effects[place].fate == *fate && *effects[place].symbols == *symbols;
        let place = self.places.place(&(fate, symbols), new, same);
        (place < new).then_some(place)
    }

    fn run(&mut self, body: Body<'_>, tape: &T, counts: &[u64], printed: &mut Printed) {
        let Trace { fate, reach, steps } = trace(body, tape, self.bounds, printed);
        let Printed { symbols, marks } = printed;
        let length = body.code.len();
        let example = Example {
            code: body.code,
            marks: &marks[..],
            steps,
            reach,
        };
        let place = self.find(&fate, symbols);
        let effect = if let Some(i) = place {
            let known = &mut self.effects[i];
            known.least_steps = known.least_steps.min(steps);
            known.offer(example);
            known.add(length, counts[length], &counts[length + 1..]);
            known
        } else {
            self.effects.push(Effect {
                fate,
                what: 0,
                symbols: symbols.as_slice().into(),
                example: example.kept(),
                leanest: None,
                swifter: Vec::new(),
                bodies: loose::Bodies::default(),
                faster: Vec::new(),
                least_steps: steps,
                count: counts[length],
                longer: counts[length + 1..].to_vec(),
            });
            self.effects
                .last_mut()
                .unwrap_or_else(|| unreachable!("it was just put there"))
        };
        if effect.fate == Fate::Full {
            effect.bodies.push(body.code, counts[length..].iter().copied());
        }
    }

    /// Takes what the bodies of the next part do.
    pub fn join_all(&mut self, part: Vec<Effect<T>>) {
        part.into_iter().for_each(|effect| self.join(effect));
    }

    #[must_use]
    pub fn into_effects(self) -> Vec<Effect<T>> {
        self.effects
    }

    fn join(&mut self, effect: Effect<T>) {
        let Some(i) = self.find(&effect.fate, &effect.symbols) else {
            self.effects.push(effect);
            return;
        };
        let known = &mut self.effects[i];
        known.least_steps = known.least_steps.min(effect.least_steps);
        for example in std::iter::once(&effect.example)
            .chain(&effect.leanest)
            .chain(&effect.swifter)
        {
            known.offer(example.seen());
        }
        for (length, first) in &effect.faster {
            known.hasten(*length, first.iter().copied());
        }
        known.add(effect.example.code.len(), effect.count, &effect.longer);
        known.bodies.append(&effect.bodies);
    }
}

/// What the bodies of a part do on the tape, in at most `longest` tokens.
pub fn effects<T: Tape>(
    bodies: &Bodies,
    part: Code,
    longest: usize,
    tape: &T,
    bounds: Bounds,
    counts: &mut Counts,
) -> (Vec<Effect<T>>, u64) {
    let mut gathered = Gathered::new(bounds);
    let (mut printed, mut runs) = (Printed::default(), 0);
    bodies.visit(counts, longest, part, &mut |body, counts| {
        runs += 1;
        gathered.run(body, tape, &counts.row(body.counts)[..=longest], &mut printed);
    });
    (gathered.effects, runs)
}

impl<T: Tape> Effect<T> {
    /// The lengths of its bodies, up to `longest`, and how many there are of each.
    pub fn counts(&self, longest: usize) -> impl Iterator<Item = (usize, u64)> {
        let counts = std::iter::once(self.count).chain(self.longer.iter().copied());
        let some = (self.example.code.len()..=longest).zip(counts);
        some.filter(|&(_, count)| count > 0)
    }

    /// The body of at most so many tokens that leaves the loop first.
    #[must_use]
    pub fn swiftest(&self, longest: usize) -> &Example {
        let fitting = self.swifter.iter().filter(|example| example.code.len() <= longest);
        fitting.fold(
            &self.example,
            |best, new| if new.steps < best.steps { new } else { best },
        )
    }

    /// Bodies of at most so many tokens that print one symbol, and how: the shortest, the first one to print it, and one in
    /// few cells.
    pub fn examples(&self, symbol: usize, longest: usize) -> impl Iterator<Item = (Code, Mark)> {
        let of = |example: &Example| (example.code, example.marks[symbol]);
        let leanest = self.leanest.as_ref().unwrap_or(&self.example);
        let all = [of(&self.example), self.fastest(symbol, longest), of(leanest)];
        all.into_iter().filter(move |(code, _)| code.len() <= longest)
    }

    /// The body of at most so many tokens that prints a symbol first; the shortest body, if none is that short.
    #[must_use]
    pub fn fastest(&self, symbol: usize, longest: usize) -> (Code, Mark) {
        match self.no_longer(longest).checked_sub(1) {
            Some(last) => self.faster[last].1[symbol],
            None => (self.example.code, self.example.marks[symbol]),
        }
    }

    /// How many of `faster` are of at most that length.
    fn no_longer(&self, length: usize) -> usize {
        self.faster.iter().take_while(|(of, _)| *of <= length).count()
    }

    /// Keeps an example if it is the best in some way; what it stands for is counted elsewhere.
    fn offer(&mut self, new: Example<&[Mark]>) {
        let leanest = self.leanest.as_ref().unwrap_or(&self.example);
        if let (Some(mark), Some(best)) = (new.marks.last(), leanest.marks.last())
            && mark.span.cells() < best.span.cells()
        {
            self.leanest = Some(new.kept());
        }
        if (new.code.len(), new.code) < self.example.rank() {
            self.lengthen(new.code.len());
            let old = std::mem::replace(&mut self.example, new.kept());
            let marks = new.marks.iter().map(|&mark| (new.code, mark));
            self.faster
                .iter_mut()
                .for_each(|(_, first)| sooner(first, marks.clone()));
            self.quicken(old.seen());
            self.leanest.get_or_insert(old);
        } else {
            self.quicken(new);
        }
    }

    /// Takes note of an example that is not shorter than the shortest, if it is quicker.
    fn quicken(&mut self, new: Example<&[Mark]>) {
        let length = new.code.len();
        if new.steps < self.swiftest(length).steps {
            self.swifter
                .retain(|known| known.code.len() < length || known.steps < new.steps);
            self.swifter.push(new.kept());
        }
        self.hasten(length, new.marks.iter().map(|&mark| (new.code, mark)));
    }

    /// Takes note of bodies of at most that length, one for each symbol, that print it earlier.
    fn hasten(&mut self, length: usize, bodies: impl Iterator<Item = (Code, Mark)> + Clone) {
        let next = self.no_longer(length);
        let known = next.checked_sub(1).map(|last| &self.faster[last]);
        let earlier = if let Some((_, first)) = known {
            bodies.clone().zip(first).any(|(new, old)| new.1.time < old.1.time)
        } else {
            let marks = &self.example.marks;
            bodies.clone().zip(marks).any(|(new, old)| new.1.time < old.time)
        };
        if !earlier {
            return;
        }
        let same = known.is_some_and(|(of, _)| *of == length);
        if !same {
            let marks = self.example.marks.iter().map(|&mark| (self.example.code, mark));
            let first = known.map_or_else(|| marks.collect(), |(_, first)| first.clone());
            self.faster.insert(next, (length, first));
        }
        let longer = &mut self.faster[next - usize::from(same)..];
        longer.iter_mut().for_each(|(_, first)| sooner(first, bodies.clone()));
    }

    /// Makes room for counts from a smaller length on.
    fn lengthen(&mut self, length: usize) {
        for _ in length..self.example.code.len() {
            self.longer.insert(0, self.count);
            self.count = 0;
        }
    }

    fn add(&mut self, length: usize, count: u64, longer: &[u64]) {
        let mut counts = std::iter::once(&mut self.count)
            .chain(&mut self.longer)
            .skip(length - self.example.code.len());
        let given = std::iter::once(count).chain(longer.iter().copied());
        counts.by_ref().zip(given).for_each(|(sum, x)| *sum += x);
    }
}

/// For each symbol, the one that prints it first.
fn sooner(first: &mut [(Code, Mark)], bodies: impl Iterator<Item = (Code, Mark)>) {
    for (old, new) in first.iter_mut().zip(bodies) {
        if new.1.time < old.1.time {
            *old = new;
        }
    }
}
