// SPDX-License-Identifier: Apache-2.0
//! Which pieces of a module's text can be changed: right sides, conditions, case labels, assignments, and what inputs of instances are
//! connected to. Parameters, ranges, selects, generate conditions, loop heads, initial blocks, assertions and functions that constants
//! are made with are read and left alone.
//!
//! An own parser of the Verilog-2005 in `rtl/`, and no crate: what is wanted is the place of each operand in the text as it is written, macros not
//! expanded. sv-parser sees the text behind the preprocessor, chains binary operators without precedence, so that an operand's ends
//! would have to be found again, and hides which text a macro stood in. What this parser does not know is an error with its place,
//! never something left out.

use crate::lex::{Kind, Token, tokens};
use crate::site::{Piece, Site};
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeSet;

/// A file's pieces that can be changed, in the order of the text, and where a declaration can be added behind each module's head.
#[derive(Debug, Default)]
pub struct Parsed {
    /// What can be changed.
    pub sites: Vec<Site>,
    /// Name of each module, and the first byte behind its head.
    pub heads: Vec<(String, usize)>,
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    out: Parsed,
    /// Sites are kept: not in initial blocks and constants.
    keep: bool,
    /// Functions that are called in constants.
    constant: BTreeSet<String>,
    /// The function around here, for sites that are dropped where it makes constants.
    function: Option<String>,
    sites_of: Vec<(String, usize, usize)>,
}

/// Binding strength of binary operators.
fn strength(symbol: &str) -> Option<u8> {
    Some(match symbol {
        "||" => 1,
        "&&" => 2,
        "|" | "~|" => 3,
        "^" | "~^" | "^~" => 4,
        "&" | "~&" => 5,
        "==" | "!=" | "===" | "!==" => 6,
        "<" | "<=" | ">" | ">=" => 7,
        "<<" | ">>" | "<<<" | ">>>" => 8,
        "+" | "-" => 9,
        "*" | "/" | "%" => 10,
        "**" => 11,
        _ => return None,
    })
}

/// Parses a file.
///
/// # Errors
/// The place of what this parser does not know.
pub fn parse(text: &str) -> Result<Parsed> {
    let tokens = tokens(text)?;
    let mut p = Parser {
        text,
        tokens,
        at: 0,
        out: Parsed::default(),
        keep: true,
        constant: BTreeSet::new(),
        function: None,
        sites_of: vec![],
    };
    while p.at < p.tokens.len() {
        p.module()?;
    }
    let (constant, sites_of) = (p.constant, p.sites_of);
    let mut n = 0;
    p.out.sites.retain(|_| {
        n += 1;
        !sites_of.iter().any(|(name, from, to)| constant.contains(name) && (*from..*to).contains(&(n - 1)))
    });
    p.out.sites.sort_by_key(|s| (s.start, std::cmp::Reverse(s.end)));
    Ok(p.out)
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a str {
        self.peek_at(0)
    }

    fn peek_at(&self, n: usize) -> &'a str {
        self.tokens.get(self.at + n).map_or("", |t| t.text)
    }

    fn start(&self) -> usize {
        self.tokens.get(self.at).map_or(self.text.len(), |t| t.start)
    }

    /// Behind the last token that was taken.
    fn end(&self) -> usize {
        self.tokens[self.at - 1].end()
    }

    fn next(&mut self) -> Result<Token<'a>> {
        let token = *self.tokens.get(self.at).ok_or_else(|| anyhow!("the file ends in the middle"))?;
        self.at += 1;
        Ok(token)
    }

    fn is(&mut self, text: &str) -> bool {
        let yes = self.peek() == text;
        self.at += usize::from(yes);
        yes
    }

    fn wrong<T>(&self, expected: &str) -> Result<T> {
        let line = self.text[..self.start()].matches('\n').count() + 1;
        bail!("line {line}: {expected} expected, '{}' found", self.peek())
    }

    fn expect(&mut self, text: &str) -> Result<()> {
        if self.is(text) { Ok(()) } else { self.wrong(&format!("'{text}'")) }
    }

    fn word(&mut self) -> Result<Token<'a>> {
        match self.tokens.get(self.at) {
            Some(t) if t.kind == Kind::Word => self.next(),
            _ => self.wrong("a name"),
        }
    }

    /// Behind a bracket that opens: up to the one that closes it. What is called in there makes constants.
    fn skip_balanced(&mut self, close: &str) -> Result<()> {
        loop {
            let token = self.next()?;
            if token.kind == Kind::Word && self.peek() == "(" {
                self.constant.insert(token.text.into());
            }
            match token.text {
                t if t == close => return Ok(()),
                "(" => self.skip_balanced(")")?,
                "[" => self.skip_balanced("]")?,
                "{" => self.skip_balanced("}")?,
                _ => {}
            }
        }
    }

    fn skip_to(&mut self, end: &str) -> Result<()> {
        while !self.is(end) {
            let token = self.next()?;
            if token.kind == Kind::Word && self.peek() == "(" {
                self.constant.insert(token.text.into());
            }
        }
        Ok(())
    }

    fn skip_ranges(&mut self) -> Result<()> {
        while self.is("[") {
            self.skip_balanced("]")?;
        }
        Ok(())
    }

    fn site(&mut self, start: usize, end: usize, piece: Piece) {
        if self.keep {
            self.out.sites.push(Site { start, end, piece });
        }
    }

    fn module(&mut self) -> Result<()> {
        self.expect("module")?;
        let name = self.word()?.text.to_string();
        if self.is("#") {
            self.expect("(")?;
            self.skip_balanced(")")?;
        }
        if self.is("(") {
            self.skip_balanced(")")?;
        }
        self.expect(";")?;
        self.out.heads.push((name, self.end()));
        while !self.is("endmodule") {
            self.item()?;
        }
        Ok(())
    }

    fn attributes(&mut self) -> Result<()> {
        while self.is("(*") {
            self.skip_to("*)")?;
        }
        Ok(())
    }

    fn item(&mut self) -> Result<()> {
        self.attributes()?;
        if self.tokens.get(self.at).is_some_and(|t| t.kind == Kind::Macro) {
            self.at += 1;
            if self.is("(") {
                self.skip_balanced(")")?;
            }
            self.is(";");
            return Ok(());
        }
        match self.peek() {
            "parameter" | "localparam" | "genvar" | "integer" | "reg" | "input" | "output" | "time" => self.skip_to(";"),
            "wire" => self.wires(),
            "assign" => {
                self.at += 1;
                loop {
                    self.lvalue()?;
                    self.expect("=")?;
                    self.right_side()?;
                    if !self.is(",") {
                        break;
                    }
                }
                self.expect(";")
            }
            "always" => {
                self.at += 1;
                self.expect("@")?;
                if self.is("(") {
                    self.skip_balanced(")")?;
                } else {
                    self.expect("*")?;
                }
                self.statement()
            }
            "initial" => {
                self.at += 1;
                self.keep = false;
                self.statement()?;
                self.keep = true;
                Ok(())
            }
            "function" => self.function(),
            "generate" => {
                self.at += 1;
                while !self.is("endgenerate") {
                    self.item()?;
                }
                Ok(())
            }
            "if" => {
                self.at += 1;
                self.expect("(")?;
                self.skip_balanced(")")?;
                self.generated()?;
                if self.is("else") {
                    self.generated()?;
                }
                Ok(())
            }
            "for" => {
                self.at += 1;
                self.expect("(")?;
                self.skip_balanced(")")?;
                self.generated()
            }
            ";" => self.expect(";"),
            _ => self.instance(),
        }
    }

    fn generated(&mut self) -> Result<()> {
        if !self.is("begin") {
            return self.item();
        }
        if self.is(":") {
            self.word()?;
        }
        while !self.is("end") {
            self.item()?;
        }
        Ok(())
    }

    /// `wire [..] name = E, ..;`
    fn wires(&mut self) -> Result<()> {
        self.at += 1;
        self.is("signed");
        self.skip_ranges()?;
        loop {
            let name = self.word()?.text;
            self.skip_ranges()?;
            if self.is("=") {
                // Wires that say that something is not used have no reader.
                let keep = self.keep;
                self.keep &= !name.starts_with("unused");
                self.right_side()?;
                self.keep = keep;
            }
            if !self.is(",") {
                return self.expect(";");
            }
        }
    }

    fn function(&mut self) -> Result<()> {
        self.at += 1;
        self.skip_ranges()?;
        let name = self.word()?.text.to_string();
        if self.is("(") {
            self.skip_balanced(")")?;
        }
        self.expect(";")?;
        while matches!(self.peek(), "input" | "integer" | "reg") {
            self.skip_to(";")?;
        }
        let from = self.out.sites.len();
        self.function = Some(name.clone());
        self.statement()?;
        self.function = None;
        self.sites_of.push((name, from, self.out.sites.len()));
        self.expect("endfunction")
    }

    fn instance(&mut self) -> Result<()> {
        self.word()?;
        if self.is("#") {
            self.expect("(")?;
            self.skip_balanced(")")?;
        }
        self.word()?;
        self.expect("(")?;
        while self.is(".") {
            let port = self.word()?.text;
            self.expect("(")?;
            if self.is(")") {
            } else if port.ends_with("_i") && port != "clk_i" {
                // Inputs are known by their names.
                self.right_side()?;
                self.expect(")")?;
            } else {
                self.skip_balanced(")")?;
            }
            if !self.is(",") {
                break;
            }
        }
        self.expect(")")?;
        self.expect(";")
    }

    /// What is assigned to: a name with selects, or several in braces.
    fn lvalue(&mut self) -> Result<()> {
        if self.is("{") {
            return self.skip_balanced("}");
        }
        self.word()?;
        while self.is(".") {
            self.word()?;
        }
        self.skip_ranges()
    }

    fn right_side(&mut self) -> Result<()> {
        let start = self.start();
        self.expression(0)?;
        self.site(start, self.end(), Piece::RightSide);
        Ok(())
    }

    fn condition(&mut self) -> Result<()> {
        let start = self.start();
        self.expression(0)?;
        let text = &self.text[start..self.end()];
        let piece = if text.contains("rst_i") { Piece::Reset } else { Piece::Condition };
        self.site(start, self.end(), piece);
        Ok(())
    }

    fn statement(&mut self) -> Result<()> {
        self.attributes()?;
        match self.peek() {
            ";" => self.expect(";"),
            "begin" => {
                self.at += 1;
                if self.is(":") {
                    self.word()?;
                }
                while matches!(self.peek(), "reg" | "integer") {
                    self.skip_to(";")?;
                }
                while !self.is("end") {
                    self.statement()?;
                }
                Ok(())
            }
            "if" => {
                self.at += 1;
                self.expect("(")?;
                self.condition()?;
                self.expect(")")?;
                self.statement()?;
                if self.is("else") {
                    let start = self.start();
                    self.statement()?;
                    self.site(start, self.end(), Piece::Else);
                }
                Ok(())
            }
            "case" => self.case(),
            "for" => {
                self.at += 1;
                self.expect("(")?;
                self.skip_balanced(")")?;
                self.statement()
            }
            word if word.starts_with('$') => self.skip_to(";"),
            _ => {
                let start = self.start();
                self.lvalue()?;
                if !self.is("<=") {
                    self.expect("=")?;
                }
                self.right_side()?;
                self.expect(";")?;
                self.site(start, self.end(), Piece::Assignment);
                Ok(())
            }
        }
    }

    fn case(&mut self) -> Result<()> {
        self.at += 1;
        self.expect("(")?;
        self.expression(0)?;
        self.expect(")")?;
        let mut before: Option<(usize, usize)> = None;
        while !self.is("endcase") {
            if self.is("default") {
                self.is(":");
                self.statement()?;
                continue;
            }
            let start = self.start();
            let keep = std::mem::replace(&mut self.keep, false);
            self.expression(0)?;
            let label = (start, self.end());
            while self.is(",") {
                self.expression(0)?;
            }
            self.keep = keep;
            self.expect(":")?;
            if let Some(other) = before.replace(label) {
                self.site(label.0, label.1, Piece::Label { other });
            }
            self.statement()?;
        }
        Ok(())
    }

    /// An expression whose operators bind stronger than `least`.
    fn expression(&mut self, least: u8) -> Result<()> {
        let start = self.start();
        self.unary()?;
        while let Some(strength) = strength(self.peek()).filter(|s| *s > least) {
            let operator = self.next()?;
            self.expression(strength)?;
            self.site(start, self.end(), Piece::Binary { at: operator.start, symbol: operator.text.to_string() });
        }
        if least == 0 && self.is("?") {
            let end = self.tokens[self.at - 2].end();
            self.site(start, end, Piece::Condition);
            self.expression(0)?;
            self.expect(":")?;
            self.expression(0)?;
        }
        Ok(())
    }

    fn unary(&mut self) -> Result<()> {
        if !matches!(self.peek(), "!" | "~" | "-" | "+" | "&" | "|" | "^" | "~&" | "~|" | "~^") {
            return self.primary();
        }
        let operator = self.next()?;
        self.unary()?;
        self.site(operator.start, self.end(), Piece::Unary { symbol: operator.text.to_string() });
        Ok(())
    }

    fn primary(&mut self) -> Result<()> {
        let token = self.next()?;
        match token.kind {
            Kind::Number => self.site(token.start, token.end(), Piece::Number),
            Kind::Text => {}
            Kind::Macro => {
                if self.is("(") {
                    self.skip_balanced(")")?;
                }
            }
            Kind::Word if self.is("(") => {
                loop {
                    self.expression(0)?;
                    if !self.is(",") {
                        break;
                    }
                }
                self.expect(")")?;
            }
            Kind::Word => {
                while self.peek() == "." || self.peek() == "[" {
                    if self.is(".") {
                        self.word()?;
                    } else {
                        self.skip_ranges()?;
                    }
                }
            }
            Kind::Symbol if token.text == "(" => {
                self.expression(0)?;
                self.expect(")")?;
            }
            Kind::Symbol if token.text == "{" => self.braces()?,
            Kind::Symbol => {
                self.at -= 1;
                return self.wrong("an operand");
            }
        }
        Ok(())
    }

    /// Behind `{`: a concatenation, or a count and what is repeated.
    fn braces(&mut self) -> Result<()> {
        let (at, sites) = (self.at, self.out.sites.len());
        self.expression(0)?;
        if self.peek() == "{" {
            // The count is a constant.
            self.out.sites.truncate(sites);
            let end = self.at;
            for n in at..end {
                if self.tokens[n].kind == Kind::Word && self.tokens[n + 1].text == "(" {
                    self.constant.insert(self.tokens[n].text.into());
                }
            }
            self.at += 1;
            self.braces()?;
            return self.expect("}");
        }
        while self.is(",") {
            self.expression(0)?;
        }
        self.expect("}")
    }
}
