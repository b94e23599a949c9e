// SPDX-License-Identifier: Apache-2.0
//! Many mutants in one text: each module reads its number, `systole_mutant`, from the environment at time 0, and is the original while that
//! is the number of no mutant in it. One build of a model serves all mutants of a group.

use crate::site::{Change, Mutant};

/// The environment variable with a mutant's number.
pub const MUTANT: &str = "SYSTOLE_MUTANT";
/// The environment variable with a file in which each module that is simulated writes its name.
pub const SEEN: &str = "SYSTOLE_MUTANT_SEEN";

/// The declaration in a module that has mutants. Yosys takes the number from a macro.
fn declaration(module: &str) -> String {
    let seen = format!(
        "const char*l=getenv(\\\"{SEEN}\\\");if(l)if(FILE*f=fopen(l,\\\"a\\\")){{fputs(\\\"{module}\\\\n\\\",f);fclose(f);}}"
    );
    let number = format!("const char*s=getenv(\\\"{MUTANT}\\\");return s?(unsigned)atoi(s):0u;");
    format!(
        "\n`ifdef YOSYS\nlocalparam [31:0] systole_mutant = `SYSTOLE_MUTANT;\n`else\nreg [31:0] systole_mutant; \
         initial systole_mutant = $c32(\"([]{{{seen}{number}}}())\");\n`endif\n"
    )
}

/// Text on one line, without comments.
pub fn flat(text: &str) -> String {
    let bare = text.lines().map(|l| l.split_once("//").map_or(l, |(code, _)| code));
    bare.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text with all these mutants, each under its number.
pub fn schemata(text: &str, heads: &[(String, usize)], mutants: &[(u32, &Mutant)]) -> String {
    // What is put in, and where: (place, what closes before what opens, outer before inner, text).
    let mut added: Vec<(usize, i64, i64, String)> = vec![];
    let mut around = |start: usize, end: usize, n: usize, open: String, close: &str| {
        added.push((start, 1, -(end as i64), open));
        added.push((end, 0, -(start as i64), close.into()));
        let (a, b) = (added.len() - 2, added.len() - 1);
        // Of two around the same piece the later one is inside.
        added[a].2 = added[a].2 * 4096 + n as i64;
        added[b].2 = added[b].2 * 4096 - n as i64;
    };
    for (n, (number, mutant)) in mutants.iter().enumerate() {
        let other = |by: &str| format!("(systole_mutant == {number} ? ({}) : ", flat(by));
        match &mutant.change {
            Change::Replace(by) => around(mutant.start, mutant.end, n, other(by), ")"),
            Change::Remove => {
                around(mutant.start, mutant.end, n, format!("begin if (systole_mutant != {number}) "), " end");
            }
            Change::Swap { other: (from, to) } => {
                around(mutant.start, mutant.end, n, other(&text[*from..*to]), ")");
                around(*from, *to, n, other(&text[mutant.start..mutant.end]), ")");
            }
        }
    }
    for (module, head) in heads {
        added.push((*head, 2, 0, declaration(module)));
    }
    added.sort();
    let (mut out, mut at) = (String::new(), 0);
    for (place, _, _, insert) in added {
        out.push_str(&text[at..place]);
        out.push_str(&insert);
        at = place;
    }
    out + &text[at..]
}

/// The text with one mutant, as a person would write it.
pub fn alone(text: &str, mutant: &Mutant) -> String {
    let put = |pieces: &mut Vec<(usize, usize, String)>| {
        pieces.sort();
        pieces.iter().rev().fold(text.to_string(), |t, (from, to, by)| format!("{}{by}{}", &t[..*from], &t[*to..]))
    };
    let own = text[mutant.start..mutant.end].to_string();
    put(&mut match &mutant.change {
        Change::Replace(by) => vec![(mutant.start, mutant.end, format!("({by})"))],
        Change::Remove => vec![(mutant.start, mutant.end, ";".into())],
        Change::Swap { other } => {
            vec![(mutant.start, mutant.end, text[other.0..other.1].into()), (other.0, other.1, own)]
        }
    })
}
