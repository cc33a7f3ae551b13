//! The words and signs of a sentence's text.

use crate::error::{MarketError, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Constant(bool),
    Not,
    And,
    Or,
    Implies,
    Iff,
    One,
    Open,
    Close,
    Comma,
}

/// Signs, longer ones first.
const SIGNS: [(&str, Token); 23] = [
    ("<->", Token::Iff),
    ("<=>", Token::Iff),
    ("==", Token::Iff),
    ("->", Token::Implies),
    ("=>", Token::Implies),
    ("&&", Token::And),
    ("||", Token::Or),
    ("&", Token::And),
    ("|", Token::Or),
    ("~", Token::Not),
    ("!", Token::Not),
    ("(", Token::Open),
    (")", Token::Close),
    (",", Token::Comma),
    ("↔", Token::Iff),
    ("→", Token::Implies),
    ("∧", Token::And),
    ("∨", Token::Or),
    ("¬", Token::Not),
    ("⊤", Token::Constant(true)),
    ("⊥", Token::Constant(false)),
    ("⇒", Token::Implies),
    ("⇔", Token::Iff),
];

/// Words that are no names unless quoted.
fn word(name: &str) -> Option<Token> {
    Some(match name {
        "true" | "True" => Token::Constant(true),
        "false" | "False" => Token::Constant(false),
        "not" => Token::Not,
        "and" => Token::And,
        "or" => Token::Or,
        "one" => Token::One,
        _ => return None,
    })
}

/// Whether a name needs no quotes.
pub(super) fn is_bare(name: &str) -> bool {
    bare(name) == name.len() && word(name).is_none()
}

/// The length in bytes of the name at the start: letters, digits, `_`, `.`; then indices in square brackets; then `=value`.
/// As in `rain`, `pi[13]=7`, `coin[2][5]=heads`.
fn bare(text: &str) -> usize {
    let plain = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
    let run = |from: usize| {
        text[from..]
            .find(|letter| !plain(letter))
            .map_or(text.len(), |at| from + at)
    };
    if !text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
        return 0;
    }
    let mut end = run(0);
    while text[end..].starts_with('[') {
        let Some(inside) = text[end..].find([']', '"', '\n']) else {
            break;
        };
        if !text[end + inside..].starts_with(']') {
            break;
        }
        end += inside + 1;
    }
    match text[end..].strip_prefix('=') {
        Some(value) if value.starts_with(plain) => run(end + 1),
        _ => end,
    }
}

/// A name in double quotes, and its length in bytes with them; None if they do not end.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((name, at + 1)),
            '\\' => name.push(letters.next()?.1),
            other => name.push(other),
        }
    }
    None
}

/// Each word or sign with the byte at which it begins.
pub(super) fn lex(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        if letter.is_whitespace() {
            at += letter.len_utf8();
            continue;
        }
        let (token, length) = next(rest).ok_or_else(|| unknown(text, at))?;
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

fn next(rest: &str) -> Option<(Token, usize)> {
    if rest.starts_with('"') {
        return quoted(rest).map(|(name, length)| (Token::Name(name), length));
    }
    let length = bare(rest);
    if length > 0 {
        let name = &rest[..length];
        return Some((word(name).unwrap_or_else(|| Token::Name(name.into())), length));
    }
    let sign = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign));
    sign.map(|(sign, token)| (token.clone(), sign.len()))
}

fn unknown(text: &str, at: usize) -> MarketError {
    let hint = match &text[at..] {
        rest if rest.starts_with(">>") => "write -> for implies in text",
        rest if rest.starts_with('"') => "the quotes are never closed",
        _ => {
            "a sentence is made of names, ~ & | -> <-> one(..., ...), true, false and brackets; \
              quote any other name, as in \"2 + 2 = 4\""
        }
    };
    wrong(text, at, hint)
}

/// An error at a place of the text.
pub(super) fn wrong(text: &str, at: usize, why: &str) -> MarketError {
    let column = text[..at].chars().count() + 1;
    let near: String = text[at..].chars().take(20).collect();
    let place = if near.is_empty() {
        "the end".to_owned()
    } else {
        format!("{near:?}")
    };
    MarketError::input(format!(
        "a sentence that cannot be read at {place} (character {column}): {why}"
    ))
}
