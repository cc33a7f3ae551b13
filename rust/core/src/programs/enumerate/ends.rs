//! Programs that end, or whose rest does not matter: what they add to their behaviours.

use super::{Enumerator, Node, Target};
use crate::programs::behaviours::{Ending, Example, Share};
use crate::programs::effects::{Effect, Fate, Mark};
use crate::programs::futures::Future;
use crate::programs::loose::{Before, Loose};
use crate::programs::tape::Tape;
use crate::programs::token::Code;

impl<T: Tape> Enumerator<T> {
    /// Adds the programs of a state to their behaviour; whatever follows does not matter unless they just end.
    pub(super) fn share(&mut self, length: usize, node: &Node<T>, ending: Ending) {
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
    pub(super) fn end(&mut self, length: usize, node: &Node<T>, effect: &Effect<T>) {
        let printed = self.printed[node.output as usize].len();
        let wanted = self.limits.max_output - printed;
        let steps = self.limits.steps;
        let left = self.longest - length - 2;
        let printed_all = effect.symbols.len() >= wanted;
        let examples = printed_all.then(|| effect.examples(wanted - 1, left));
        let mut examples = examples
            .into_iter()
            .flatten()
            .filter(|(_, mark)| node.steps + mark.time <= steps);
        if let Some(first) = examples.next() {
            let share = self.loop_share(length, node, effect, Ending::Full, (first.0, Some(first.1)), wanted);
            let place = self.full(length, node, effect, &share);
            for (code, mark) in examples {
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
            example: node.shortest,
            length,
            programs: node.programs,
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
            least_steps: node.least_steps
                + shown
                    .checked_sub(1)
                    .map_or(0, |i| effect.fastest(i, Code::LONGEST).1.time),
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
