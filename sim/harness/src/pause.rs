// SPDX-License-Identifier: Apache-2.0
//! When a bus model holds back.

use crate::Stream;

/// A generator of pauses: asked once a cycle whether to hold back in it.
pub enum Pause {
    /// Never.
    Never,
    /// With this probability, from a stream.
    Random(f64, Box<Stream>),
    /// By this pattern, again and again; true is a pause.
    Pattern(Vec<bool>, usize),
    /// As the function says.
    With(Box<dyn FnMut() -> bool>),
}

impl Pause {
    /// Pauses in a part of the cycles.
    pub fn random(probability: f64, stream: Stream) -> Pause {
        Pause::Random(probability, Box::new(stream))
    }

    /// Pauses by a pattern.
    pub fn pattern(pattern: impl Into<Vec<bool>>) -> Pause {
        Pause::Pattern(pattern.into(), 0)
    }

    /// Pause in this cycle?
    pub fn stalls(&mut self) -> bool {
        match self {
            Pause::Never => false,
            Pause::Random(p, stream) => stream.chance(*p),
            Pause::Pattern(pattern, at) => {
                if pattern.is_empty() {
                    return false;
                }
                *at = (*at + 1) % pattern.len();
                pattern[*at]
            }
            Pause::With(f) => f(),
        }
    }
}
