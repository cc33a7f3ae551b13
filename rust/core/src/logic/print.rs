//! Sentences as text: the fewest brackets from which [`super::parse`] reads the same sentence again.

use super::lex::is_bare;
use super::sentence::{Sentence, SentenceId, Sentences};
use crate::error::{MarketError, Result};

/// Characters that a text may have: shared parts are written out each time, so a small sentence can be a long text.
const LONGEST: usize = 10_000_000;
/// Characters in messages.
const SHOWN: usize = 200;

/// How tightly the outermost connective binds.
fn binding(sentence: &Sentence) -> u8 {
    match sentence {
        Sentence::Iff(_) => 1,
        Sentence::Implies(_) => 2,
        Sentence::Or(_) => 3,
        Sentence::And(_) => 4,
        Sentence::Not(_) => 5,
        Sentence::Constant(_) | Sentence::Atom(_) | Sentence::One(_) => 6,
    }
}

/// What is still to be written, last first.
enum Next {
    Sign(&'static str),
    /// A part, in brackets if it binds more loosely than this.
    Part(SentenceId, u8),
}

impl Sentences {
    /// The text of a sentence, which parses back to it.
    pub fn text(&self, id: SentenceId) -> Result<String> {
        let (text, whole) = self.written(id, LONGEST);
        whole.then_some(text).ok_or_else(|| {
            MarketError::input(format!(
                "a sentence whose text is longer than {LONGEST} characters, since shared parts are written each time"
            ))
        })
    }

    /// The beginning of the text, for messages.
    pub fn shown(&self, id: SentenceId) -> String {
        match self.written(id, SHOWN) {
            (text, true) => text,
            (text, false) => text + " ...",
        }
    }

    /// The text, and whether it is whole: it ends soon after so many characters.
    fn written(&self, id: SentenceId, longest: usize) -> (String, bool) {
        let mut text = String::new();
        let mut stack = vec![Next::Part(id, 0)];
        while let Some(next) = stack.pop() {
            if text.len() > longest {
                return (text, false);
            }
            match next {
                Next::Sign(sign) => text.push_str(sign),
                Next::Part(id, loosest) if binding(self.get(id)) < loosest => {
                    text.push('(');
                    stack.push(Next::Sign(")"));
                    self.write(id, &mut text, &mut stack);
                }
                Next::Part(id, _) => self.write(id, &mut text, &mut stack),
            }
        }
        (text, true)
    }

    fn write(&self, id: SentenceId, text: &mut String, stack: &mut Vec<Next>) {
        let mut infix = |[a, b]: [SentenceId; 2], sign, left, right| {
            stack.extend([Next::Part(b, right), Next::Sign(sign), Next::Part(a, left)]);
        };
        match self.get(id) {
            Sentence::Constant(value) => text.push_str(if *value { "true" } else { "false" }),
            Sentence::Atom(name) => push_name(name, text),
            Sentence::And(parts) => infix(*parts, " & ", 4, 5),
            Sentence::Or(parts) => infix(*parts, " | ", 3, 4),
            Sentence::Implies(parts) => infix(*parts, " -> ", 3, 2),
            Sentence::Iff(parts) => infix(*parts, " <-> ", 2, 2),
            Sentence::Not([part]) => {
                text.push('~');
                stack.push(Next::Part(*part, 5));
            }
            Sentence::One(parts) => {
                text.push_str("one(");
                stack.push(Next::Sign(")"));
                for (i, part) in parts.iter().enumerate().rev() {
                    stack.push(Next::Part(*part, 0));
                    if i > 0 {
                        stack.push(Next::Sign(", "));
                    }
                }
            }
        }
    }
}

fn push_name(name: &str, text: &mut String) {
    if is_bare(name) {
        return text.push_str(name);
    }
    text.push('"');
    for letter in name.chars() {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}
