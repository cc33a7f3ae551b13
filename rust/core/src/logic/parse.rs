//! Reading sentences. From the tightest: `~`, `&`, `|` (both from the left), `->` (from the right), `<->` (from the left).
//! Operators wait on a stack of their own (Dijkstra's shunting yard), so no depth of brackets overflows anything.

use super::lex::{Token, lex, wrong};
use super::sentence::{SentenceId, Sentences};
use crate::error::Result;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Not,
    And,
    Or,
    Implies,
    Iff,
}

impl Operator {
    fn infix(token: &Token) -> Option<Self> {
        Some(match token {
            Token::And => Self::And,
            Token::Or => Self::Or,
            Token::Implies => Self::Implies,
            Token::Iff => Self::Iff,
            _ => return None,
        })
    }

    fn binding(self) -> u8 {
        match self {
            Self::Iff => 1,
            Self::Implies => 2,
            Self::Or => 3,
            Self::And => 4,
            Self::Not => 5,
        }
    }

    /// Whether this one, which stands to the left, takes what lies between them.
    fn before(self, next: Self) -> bool {
        let ties = next != Self::Implies;
        self.binding() > next.binding() || (ties && self.binding() == next.binding())
    }
}

/// What waits for its right end.
enum Waiting {
    Operator(Operator),
    /// A bracket that was opened here.
    Open(usize),
    /// `one(` that was opened here, and how many sentences stood before it.
    One(usize, usize),
}

struct Reader<'a> {
    sentences: &'a mut Sentences,
    text: &'a str,
    done: Vec<SentenceId>,
    waiting: Vec<Waiting>,
}

impl Sentences {
    /// Reads a sentence such as `a & ~b -> c`.
    pub fn parse(&mut self, text: &str) -> Result<SentenceId> {
        let tokens = lex(text)?;
        let mut reader = Reader {
            sentences: self,
            text,
            done: Vec::new(),
            waiting: Vec::new(),
        };
        let mut complete = false;
        let mut tokens = tokens.into_iter().peekable();
        while let Some((at, token)) = tokens.next() {
            if complete {
                complete = reader.after(at, &token)?;
            } else {
                let called = token == Token::One && tokens.next_if(|(_, next)| *next == Token::Open).is_some();
                complete = reader.before(at, token, called)?;
            }
        }
        if !complete {
            return Err(wrong(text, text.len(), "a sentence is missing here"));
        }
        reader.end()
    }
}

impl Reader<'_> {
    /// Where a sentence must begin; whether one is now complete.
    fn before(&mut self, at: usize, token: Token, called: bool) -> Result<bool> {
        match &token {
            Token::Name(name) => {
                let atom = self.sentences.atom(name).map_err(|_| self.missing(at))?;
                self.done.push(atom);
            }
            Token::Constant(value) => self.done.push(self.sentences.constant(*value)),
            Token::Not => self.waiting.push(Waiting::Operator(Operator::Not)),
            Token::Open => self.waiting.push(Waiting::Open(at)),
            Token::One if called => self.waiting.push(Waiting::One(at, self.done.len())),
            Token::One => return Err(wrong(self.text, at, "write one(a, b, c): exactly one of them holds")),
            _ => return Err(self.missing(at)),
        }
        Ok(matches!(token, Token::Constant(_) | Token::Name(_)))
    }

    fn missing(&self, at: usize) -> crate::error::MarketError {
        wrong(
            self.text,
            at,
            "a sentence is missing here: a name that is not empty, ~, or a bracket",
        )
    }

    /// After a complete sentence; whether it still is.
    fn after(&mut self, at: usize, token: &Token) -> Result<bool> {
        if let Some(operator) = Operator::infix(token) {
            self.apply_while(|last| last.before(operator));
            self.waiting.push(Waiting::Operator(operator));
            return Ok(false);
        }
        match token {
            Token::Comma => self.comma(at).map(|()| false),
            Token::Close => self.close(at).map(|()| true),
            _ => Err(wrong(self.text, at, "a sign is missing before this: & | -> <->")),
        }
    }

    fn comma(&mut self, at: usize) -> Result<()> {
        self.apply_while(|_| true);
        match self.waiting.last() {
            Some(Waiting::One(..)) => Ok(()),
            _ => Err(wrong(self.text, at, "a comma stands only in one(..., ...)")),
        }
    }

    fn close(&mut self, at: usize) -> Result<()> {
        self.apply_while(|_| true);
        match self.waiting.pop() {
            Some(Waiting::One(_, from)) => {
                let parts = self.done.split_off(from);
                self.done.push(self.sentences.one(&parts)?);
                Ok(())
            }
            Some(_) => Ok(()),
            None => Err(wrong(self.text, at, "this bracket was never opened")),
        }
    }

    fn end(mut self) -> Result<SentenceId> {
        self.apply_while(|_| true);
        match (self.waiting.pop(), self.done.pop()) {
            (None, Some(whole)) => Ok(whole),
            (Some(Waiting::Open(at) | Waiting::One(at, _)), _) => {
                Err(wrong(self.text, at, "this bracket is never closed"))
            }
            _ => Err(wrong(self.text, self.text.len(), "a sentence is missing here")),
        }
    }

    /// Applies the operators on top of the stack as long as they come first.
    fn apply_while(&mut self, first: impl Fn(Operator) -> bool) {
        while let Some(Waiting::Operator(operator)) = self.waiting.last() {
            if !first(*operator) {
                return;
            }
            let operator = *operator;
            self.waiting.pop();
            self.apply(operator);
        }
    }

    fn apply(&mut self, operator: Operator) {
        let Some(b) = self.done.pop() else { return };
        if operator == Operator::Not {
            return self.done.push(self.sentences.not(b));
        }
        let Some(a) = self.done.pop() else { return };
        self.done.push(match operator {
            Operator::Not | Operator::And => self.sentences.and(a, b),
            Operator::Or => self.sentences.or(a, b),
            Operator::Implies => self.sentences.implies(a, b),
            Operator::Iff => self.sentences.iff(a, b),
        });
    }
}
