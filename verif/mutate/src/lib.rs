// SPDX-License-Identifier: Apache-2.0
//! Mutants of the RTL: each a small fault in one place of one module, that the tests of the module must find (docs/mutation.md).

pub mod campaign;
pub mod draw;
pub mod lex;
pub mod parse;
pub mod planted;
pub mod program;
pub mod report;
pub mod schema;
pub mod site;
pub mod verdict;
