// SPDX-License-Identifier: Apache-2.0
//! From a piece of text to its mutants: the same piece, wrong.
//!
//! Every wrong expression has the width and sign of the right one, so that `(systole_mutant == N ? wrong : right)` is what
//! `right` is while N is another number: comparisons for comparisons, sums for differences, and constants of one signed bit, which keep
//! the type of what they are joined with (to an unsigned operand 1'sb1 is 1, to a signed one -1).

use crate::lex::Kind;
use std::fmt;

/// What a piece of text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// All that is assigned, or connected to an input.
    RightSide,
    /// What an `if` or `?:` asks.
    Condition,
    /// The same, about reset.
    Reset,
    /// The statement behind `else`.
    Else,
    /// A whole assignment.
    Assignment,
    /// The first label of a case arm, and that of the arm before it.
    Label {
        /// Its place.
        other: (usize, usize),
    },
    /// Operands around an operator.
    Binary {
        /// The operator's place.
        at: usize,
        /// The operator.
        symbol: String,
    },
    /// An operator and its operand.
    Unary {
        /// The operator.
        symbol: String,
    },
    /// A number.
    Number,
}

/// A piece of a file's text.
#[derive(Debug, Clone)]
pub struct Site {
    /// First byte.
    pub start: usize,
    /// First byte behind it.
    pub end: usize,
    /// What it is.
    pub piece: Piece,
}

/// What is done to a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Another operator.
    Operator,
    /// The condition is negated, or always or never true.
    Condition,
    /// A number one off.
    Constant,
    /// Bits stuck at 0 or 1, or a bit turned.
    Stuck,
    /// Reset does nothing.
    Reset,
    /// The `else` does nothing.
    Else,
    /// Two arms of a case change places.
    Case,
    /// An assignment that is not made.
    Removed,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Operator => "operator",
            Rule::Condition => "condition",
            Rule::Constant => "constant",
            Rule::Stuck => "stuck",
            Rule::Reset => "reset",
            Rule::Else => "else",
            Rule::Case => "case",
            Rule::Removed => "removed",
        })
    }
}

/// How the text is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An expression: another one stands in its place.
    Replace(String),
    /// A statement: nothing stands in its place.
    Remove,
    /// A label and another one change places.
    Swap {
        /// Place of the other.
        other: (usize, usize),
    },
}

/// One wrong text.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// First byte.
    pub start: usize,
    /// First byte behind what changes.
    pub end: usize,
    /// What is done.
    pub rule: Rule,
    /// How.
    pub change: Change,
}

impl Mutant {
    /// What stands there instead, for people.
    pub fn after(&self, text: &str) -> String {
        match &self.change {
            Change::Replace(by) => by.clone(),
            Change::Remove => "nothing".into(),
            Change::Swap { other } => format!("the arm of {}", &text[other.0..other.1]),
        }
    }
}

/// The operator that stands in a wrong operator's place.
fn others(symbol: &str) -> &'static [&'static str] {
    match symbol {
        "||" => &["&&"],
        "&&" => &["||"],
        "|" => &["&", "^"],
        "^" => &["|"],
        "&" => &["|"],
        "==" => &["!="],
        "!=" => &["=="],
        "<" => &["<=", ">"],
        "<=" => &["<", ">="],
        ">" => &[">=", "<"],
        ">=" => &[">", "<="],
        "<<" => &[">>"],
        ">>" => &["<<"],
        ">>>" => &[">>"],
        "+" => &["-"],
        "-" => &["+"],
        "*" => &["+"],
        _ => &[],
    }
}

/// A number one off: its lowest bit turned, so that it stays within its width.
fn beside(number: &str) -> Option<String> {
    let Some((size, rest)) = number.split_once('\'') else {
        return Some((number.parse::<u32>().ok()? ^ 1).to_string());
    };
    let (sign, rest) = rest.split_at(usize::from(rest.starts_with(['s', 'S'])));
    let (base, digits) = rest.split_at_checked(1)?;
    let digits = digits.replace('_', "");
    let radix = match base {
        "d" => 10,
        "h" => 16,
        "b" => 2,
        "o" => 8,
        _ => return None,
    };
    let value = u128::from_str_radix(&digits, radix).ok()? ^ 1;
    let value = match radix {
        10 => value.to_string(),
        16 => format!("{value:x}"),
        2 => format!("{value:b}"),
        _ => format!("{value:o}"),
    };
    Some(format!("{size}'{sign}{base}{value}"))
}

/// A number, or one that is repeated.
fn is_constant(own: &str) -> bool {
    let tokens = crate::lex::tokens(own).unwrap_or_default();
    tokens.iter().all(|t| match t.kind {
        Kind::Word => own.starts_with('{') && !t.text.contains(|c: char| c.is_ascii_lowercase()),
        Kind::Macro => false,
        _ => true,
    })
}

impl Site {
    /// All that can be wrong here.
    pub fn mutants(&self, text: &str) -> Vec<Mutant> {
        let own = &text[self.start..self.end];
        let replace = |rule: Rule, by: String| Mutant { start: self.start, end: self.end, rule, change: Change::Replace(by) };
        let remove = |rule: Rule| vec![Mutant { start: self.start, end: self.end, rule, change: Change::Remove }];
        match &self.piece {
            Piece::RightSide if own == "rst_i" => vec![replace(Rule::Reset, "1'b0".into())],
            // A constant is changed as a number.
            Piece::RightSide if is_constant(own) => vec![],
            Piece::RightSide => {
                // All bits at 0; bit 0 at 1 or turned.
                [format!("({own}) & 1'sb0"), format!("({own}) | 1'sb1"), format!("({own}) ^ 1'sb1")]
                    .map(|by| replace(Rule::Stuck, by))
                    .into()
            }
            Piece::Condition => [format!("!({own})"), "1'b1".into(), "1'b0".into()].map(|by| replace(Rule::Condition, by)).into(),
            Piece::Reset => vec![replace(Rule::Reset, "1'b0".into())],
            Piece::Else => remove(Rule::Else),
            Piece::Assignment => remove(Rule::Removed),
            Piece::Label { other } => {
                vec![Mutant { start: self.start, end: self.end, rule: Rule::Case, change: Change::Swap { other: *other } }]
            }
            Piece::Binary { at, symbol } => {
                let (left, right) = (&text[self.start..*at], &text[at + symbol.len()..self.end]);
                others(symbol).iter().map(|by| replace(Rule::Operator, format!("{left}{by}{right}"))).collect()
            }
            Piece::Unary { symbol } => {
                let operand = &own[symbol.len()..];
                let by = match symbol.as_str() {
                    "!" => format!("!!{operand}"),
                    "~" => format!("~~{operand}"),
                    "&" => format!("|{operand}"),
                    "|" => format!("&{operand}"),
                    "^" => format!("|{operand}"),
                    "-" => format!("+{operand}"),
                    _ => return vec![],
                };
                vec![replace(Rule::Operator, by)]
            }
            Piece::Number => beside(own).map(|by| replace(Rule::Constant, by)).into_iter().collect(),
        }
    }
}
