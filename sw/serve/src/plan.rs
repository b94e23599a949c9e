// SPDX-License-Identifier: Apache-2.0
//! What the machine does for a request, and how long it takes.

use crate::model::Network;
use crate::timeline::LAUNCH;
use axum::body::Bytes;
use systole_compiler::{Decoder, Step};
use systole_host::Run;
use systole_llm::Sampler;

/// How the answer to a request is written, from the output frames.
pub type Encode = Box<dyn Fn(&[Vec<u8>]) -> Result<Bytes, String> + Send>;

/// Runs, and what becomes of them.
pub enum Plan {
    /// Frames through a network, one behind the other.
    Network {
        /// Input frames.
        frames: Vec<Run>,
        /// Output frames of those that ran.
        done: Vec<Vec<u8>>,
        /// The answer.
        encode: Encode,
    },
    /// A text of a language model.
    Text(Box<Text>),
}

impl Plan {
    /// Frames, none of which has run.
    pub fn network(frames: Vec<Run>, encode: Encode) -> Plan {
        Plan::Network { frames, done: vec![], encode }
    }
}

/// Cycles to the end of the first step, and of all of them.
pub fn cycles(steps: impl IntoIterator<Item = u64>) -> [u64; 2] {
    let mut steps = steps.into_iter();
    let first = steps.next().unwrap_or(0);
    [first, steps.fold(first, |all, cycles| all + LAUNCH + cycles)]
}

/// Those of a request to a network.
pub fn of_network(network: &Network) -> [u64; 2] {
    cycles(std::iter::repeat_n(network.cycles, network.frames))
}

/// A text that is to be written, or is.
pub struct Text {
    /// The start symbol, the prompt, and what was written.
    pub tokens: Vec<usize>,
    /// How many of them are given.
    pub prompt: usize,
    /// Runs, as far as the text may go.
    pub steps: Vec<Step>,
    /// Runs that are over; where the machine failed they are done again, and nobody sees it.
    pub done: usize,
    /// Chooses tokens.
    pub sampler: Sampler,
    /// The answer comes token by token.
    pub stream: bool,
    /// The request's own name, where it has one.
    pub id: Option<String>,
    /// What was written so far.
    pub text: String,
}

/// The runs of a text of `prompt` tokens and up to `more`: the last one's token is not run.
pub fn steps(decoder: &Decoder, prompt: usize, more: usize) -> Vec<Step> {
    let mut steps = decoder.prompt(prompt);
    steps.extend((prompt..prompt + more.saturating_sub(1)).map(|pos| decoder.step(pos, 1)));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launches_lie_between_steps() {
        assert_eq!(cycles([84]), [84, 84]);
        assert_eq!(cycles([84, 84, 84]), [84, 254]);
        assert_eq!(cycles([]), [0, 0]);
    }
}
