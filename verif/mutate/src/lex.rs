// SPDX-License-Identifier: Apache-2.0
//! Tokens of Verilog-2005 as it stands in `rtl/`, each with its place in the text. Macros stay what they are: a mutant is a change of the
//! text, so nothing is expanded. Comments and directives are no tokens; what stands behind an `ifdef is left out, for no bench
//! defines anything.

use anyhow::{Result, bail};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name, a keyword or `$name`.
    Word,
    /// A number, with its base where it has one.
    Number,
    /// A string.
    Text,
    /// `` `NAME ``.
    Macro,
    /// An operator or a bracket.
    Symbol,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As it stands.
    pub text: &'a str,
    /// First byte in the file.
    pub start: usize,
}

impl Token<'_> {
    /// First byte behind it.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The longest first.
const SYMBOLS: [&str; 24] = [
    "<<<", ">>>", "===", "!==", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "~&", "~|", "~^", "^~", "+:", "-:", "**", "(*",
    "*)", "->", "::", "++",
];

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

/// The tokens of a file.
///
/// # Errors
/// A character that Verilog does not have, or a comment that does not end.
pub fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    let (mut out, mut at) = (vec![], 0);
    // What each `ifdef around here says: is its text taken?
    let mut taken: Vec<bool> = vec![];
    let length = |s: &str, f: fn(char) -> bool| s.find(|c| !f(c)).unwrap_or(s.len());
    while at < text.len() {
        let rest = &text[at..];
        let first = rest.chars().next().unwrap_or(' ');
        let line = rest.find('\n').unwrap_or(rest.len());
        let (kind, len) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if rest.starts_with("//") {
            at += line;
            continue;
        } else if rest.starts_with("/*") {
            let Some(end) = rest.find("*/") else { bail!("a comment does not end") };
            at += end + 2;
            continue;
        } else if let Some(after) = rest.strip_prefix('`') {
            let name = &after[..length(after, word)];
            match name {
                "ifdef" | "ifndef" => taken.push(name == "ifndef"),
                "else" => {
                    if let Some(last) = taken.last_mut() {
                        *last = !*last;
                    }
                }
                "endif" => drop(taken.pop()),
                "default_nettype" | "include" | "define" | "undef" | "timescale" => {}
                _ => {
                    let len = 1 + name.len();
                    if !taken.contains(&false) {
                        out.push(Token { kind: Kind::Macro, text: &rest[..len], start: at });
                    }
                    at += len;
                    continue;
                }
            }
            at += if matches!(name, "else" | "endif") { 1 + name.len() } else { line };
            continue;
        } else if first == '"' {
            let Some(end) = rest[1..].find('"') else { bail!("a string does not end") };
            (Kind::Text, end + 2)
        } else if first.is_ascii_digit() || first == '\'' {
            let digits = length(rest, |c| c.is_ascii_digit() || c == '_');
            let len = match rest[digits..].strip_prefix('\'') {
                None => digits,
                Some(after) => {
                    let base = length(after, |c| matches!(c, 's' | 'S')) + 1;
                    let value = &after[base.min(after.len())..];
                    // 8'd`NAME is one number too.
                    let sign = usize::from(value.starts_with('`'));
                    digits + 1 + base + sign + length(&value[sign..], |c| word(c) || c == '?')
                }
            };
            (Kind::Number, len)
        } else if word(first) {
            (Kind::Word, length(rest, word))
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            // `@(*)` and `(*` of an attribute.
            let len = if *symbol == "(*" && rest.starts_with("(*)") { 1 } else { symbol.len() };
            (Kind::Symbol, len)
        } else if first.is_ascii_punctuation() {
            (Kind::Symbol, 1)
        } else {
            bail!("'{first}' is no Verilog");
        };
        if !taken.contains(&false) {
            out.push(Token { kind, text: &rest[..len], start: at });
        }
        at += len;
    }
    Ok(out)
}
