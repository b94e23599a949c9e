// SPDX-License-Identifier: Apache-2.0
//! llama2.c's `tokenizer.bin`, with the arithmetic of `encode` and `decode` in its run.c.

use crate::LlmError;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// Bytes come behind `<unk>`, start and end symbol.
const BYTES: usize = 3;
/// Only merges of a score above it are made.
const WORST: f32 = -1e10;
/// Marks an end of the list of symbols.
const NONE: usize = usize::MAX;

/// Pieces with scores.
#[derive(Debug)]
pub struct Llama2c {
    pieces: Vec<Vec<u8>>,
    scores: Vec<f32>,
    /// Token of a piece; of several the first.
    tokens: HashMap<Vec<u8>, usize>,
}

/// Two neighbours that a piece could replace.
struct Merge {
    score: f32,
    left: usize,
    right: usize,
    token: usize,
    /// Tokens of the two when they were found: symbols change.
    of: [usize; 2],
}

impl Ord for Merge {
    /// The best score, and of equal ones the first place, is the greatest.
    fn cmp(&self, other: &Merge) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Merge {
    fn partial_cmp(&self, other: &Merge) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Merge {
    fn eq(&self, other: &Merge) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Merge {}

impl Llama2c {
    /// Reads a file: int32 with the length of the longest piece, then for each token float32 score, int32 length, bytes. All
    /// little-endian. The number of tokens is the model's.
    ///
    /// # Errors
    /// [`LlmError::Truncated`] in the middle of a piece, [`LlmError::Size`] of a length below 0, [`LlmError::Vocabulary`] where there
    /// are more or fewer pieces than `vocab`.
    pub fn new(bytes: &[u8], vocab: usize) -> Result<Llama2c, LlmError> {
        let mut at = 0;
        let mut take = |n: usize| {
            let found = bytes.len() as u64;
            let end = at + n;
            let part = bytes.get(at..end).ok_or(LlmError::Truncated { expected: end as u64, found });
            at = end;
            part.map(|p| (p, end == bytes.len()))
        };
        let (_, mut ended) = take(4)?;
        let (mut pieces, mut scores) = (vec![], vec![]);
        while !ended {
            let (head, _) = take(8)?;
            let score = f32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let length = i32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            let why = || format!("the length of piece {} is at least 0", pieces.len());
            let length =
                usize::try_from(length).map_err(|_| LlmError::Size { what: "length", value: length.into(), why: why() })?;
            let (piece, last) = take(length)?;
            pieces.push(piece.to_vec());
            scores.push(score + 0.0); // -0 is 0
            ended = last;
        }
        if pieces.len() != vocab {
            return Err(LlmError::Vocabulary { tokenizer: pieces.len(), model: vocab });
        }
        let mut tokens = HashMap::new();
        for (token, piece) in pieces.iter().enumerate() {
            tokens.entry(piece.clone()).or_insert(token);
        }
        Ok(Llama2c { pieces, scores, tokens })
    }

    /// Number of tokens.
    pub fn vocab(&self) -> usize {
        self.pieces.len()
    }

    /// The tokens of a text, without start and end symbol. A space comes in front of a text that is not empty; each character becomes
    /// its token, or where it has none the tokens of its UTF-8 bytes; then the pair of neighbours whose joint piece has the best
    /// score, of equal ones the first, becomes that piece, until no pair has one.
    ///
    /// # Errors
    /// [`LlmError::Character`], where a byte has no token (run.c would take another's).
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, LlmError> {
        let mut tokens = vec![];
        let prefix = if text.is_empty() { "" } else { " " };
        for c in prefix.chars().chain(text.chars()) {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            match self.tokens.get(bytes) {
                Some(&token) => tokens.push(token),
                None => {
                    for &byte in bytes {
                        let token = usize::from(byte) + BYTES;
                        if self.pieces.get(token).and_then(|p| byte_of(p)) != Some(byte) {
                            return Err(LlmError::Character(c));
                        }
                        tokens.push(token);
                    }
                }
            }
        }
        Ok(self.merge(tokens))
    }

    fn merge(&self, mut tokens: Vec<usize>) -> Vec<usize> {
        let n = tokens.len();
        let mut next: Vec<usize> = (1..=n).map(|i| if i < n { i } else { NONE }).collect();
        let mut previous: Vec<usize> = (0..n).map(|i| i.checked_sub(1).unwrap_or(NONE)).collect();
        let candidate = |left: usize, right: usize, of: [usize; 2]| {
            let piece = [self.pieces[of[0]].as_slice(), &self.pieces[of[1]]].concat();
            let &token = self.tokens.get(&piece)?;
            let score = self.scores[token];
            (score > WORST).then_some(Merge { score, left, right, token, of })
        };
        let mut heap: BinaryHeap<Merge> = (1..n).filter_map(|i| candidate(i - 1, i, [tokens[i - 1], tokens[i]])).collect();
        let mut gone = vec![false; n];
        while let Some(m) = heap.pop() {
            let (l, r) = (m.left, m.right);
            if gone[l] || gone[r] || [tokens[l], tokens[r]] != m.of {
                continue;
            }
            tokens[l] = m.token;
            gone[r] = true;
            next[l] = next[r];
            if next[r] != NONE {
                previous[next[r]] = l;
                heap.extend(candidate(l, next[r], [tokens[l], tokens[next[r]]]));
            }
            if previous[l] != NONE {
                heap.extend(candidate(previous[l], l, [tokens[previous[l]], tokens[l]]));
            }
        }
        (0..n).filter(|&i| !gone[i]).map(|i| tokens[i]).collect()
    }

    /// The bytes of a token; behind the start symbol a leading space is left out, and `<0xAB>` is the byte.
    ///
    /// # Panics
    /// For a token that the vocabulary has not.
    pub fn piece(&self, behind_start: bool, token: usize) -> Vec<u8> {
        let piece = &self.pieces[token];
        match byte_of(piece) {
            Some(byte) => vec![byte],
            None if behind_start => piece.strip_prefix(b" ").unwrap_or(piece).to_vec(),
            None => piece.clone(),
        }
    }
}

/// The byte that a piece `<0xAB>` stands for.
fn byte_of(piece: &[u8]) -> Option<u8> {
    let digits = piece.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let digits = std::str::from_utf8(digits).ok().filter(|d| d.len() == 2 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}
