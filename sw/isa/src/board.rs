// SPDX-License-Identifier: Apache-2.0
//! What a board and its host say to each other over a serial line: frames, requests, answers (docs/board.md).

/// Stands before and behind each frame; does not occur in one.
pub const END: u8 = 0xc0;
/// Stands for END or itself in a frame, with the byte behind it.
pub const ESC: u8 = 0xdb;
/// Behind ESC: END.
pub const ESC_END: u8 = 0xdc;
/// Behind ESC: ESC.
pub const ESC_ESC: u8 = 0xdd;
/// Answer to HELLO: "SYB" and the version of the protocol, which is 2.
pub const MAGIC: u32 = u32::from_le_bytes(*b"SYB\x02");
/// Stands in a flash before the requests that a board does when power comes: "SYF" and the version, which is 2.
pub const BOOT_MAGIC: u32 = u32::from_le_bytes(*b"SYF\x02");
/// Number of the requests that a board does out of its flash, and of their answers; a host takes others.
pub const BOOT_NUMBER: u8 = 0;
/// Bytes of a stream that a request or an answer carries at most.
pub const PAYLOAD: usize = 256;
/// The serial line's bits a second, unless the board's file says otherwise.
pub const BAUD: u32 = 1_000_000;

/// Operations, by code.
pub const OPERATIONS: [&str; 8] = ["HELLO", "RESET", "READ", "WRITE", "IMAGE", "INPUT", "OUTPUT", "WAIT"];
/// Results, by code.
pub const RESULTS: [&str; 5] = ["DONE", "REFUSED", "UNKNOWN", "LATE", "NO_SESSION"];

/// The code of a name in one of the tables.
///
/// # Panics
/// For a name that is not in the table.
pub const fn code(table: &[&str], name: &str) -> u8 {
    let mut n = 0;
    while n < table.len() {
        if equal(table[n].as_bytes(), name.as_bytes()) {
            return n as u8;
        }
        n += 1;
    }
    panic!("no such name")
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut n = 0;
    while n < a.len() && n < b.len() && a[n] == b[n] {
        n += 1;
    }
    n == a.len() && n == b.len()
}

/// The bytes on the line: END, the body and its CRC-32 with their escapes, END.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![END];
    for &b in body.iter().chain(&crc32fast::hash(body).to_le_bytes()) {
        match b {
            END => bytes.extend([ESC, ESC_END]),
            ESC => bytes.extend([ESC, ESC_ESC]),
            _ => bytes.push(b),
        }
    }
    bytes.push(END);
    bytes
}

/// Takes frames out of a stream of bytes; what is damaged is dropped.
#[derive(Debug, Default)]
pub struct Deframer {
    body: Vec<u8>,
    escaped: bool,
    damaged: bool,
}

impl Deframer {
    /// The next byte; the body of a frame that it ends.
    pub fn push(&mut self, byte: u8) -> Option<Vec<u8>> {
        if byte == END {
            let (escaped, damaged) = (std::mem::take(&mut self.escaped), std::mem::take(&mut self.damaged));
            let mut body = std::mem::take(&mut self.body);
            let at = body.len().checked_sub(4).filter(|_| !escaped && !damaged)?;
            let crc = body.split_off(at);
            return (crc32fast::hash(&body).to_le_bytes()[..] == crc[..]).then_some(body);
        }
        let value = match (std::mem::take(&mut self.escaped), byte) {
            (false, ESC) => {
                self.escaped = true;
                return None;
            }
            (true, ESC_END) => END,
            (true, ESC_ESC) => ESC,
            (true, _) => {
                self.damaged = true;
                return None;
            }
            (false, byte) => byte,
        };
        self.damaged |= self.body.len() > PAYLOAD + 16;
        if !self.damaged {
            self.body.push(value);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_and_a_damaged_frame_does_not() {
        let body: Vec<u8> = (0..=255).collect();
        let bytes = frame(&body);
        assert!(!bytes[1..bytes.len() - 1].contains(&END));
        let all = |bytes: &[u8]| {
            let mut d = Deframer::default();
            bytes.iter().filter_map(|&b| d.push(b)).collect::<Vec<_>>()
        };
        assert_eq!(all(&bytes), std::slice::from_ref(&body));
        for at in 0..bytes.len() {
            for flip in [1, 0x80] {
                let mut wrong = bytes.clone();
                wrong[at] ^= flip;
                assert!(all(&wrong).iter().all(|b| *b == body), "byte {at}");
            }
            let (mut dropped, mut doubled) = (bytes.clone(), bytes.clone());
            dropped.remove(at);
            doubled.insert(at, bytes[at]);
            assert!(all(&dropped).iter().chain(&all(&doubled)).all(|b| *b == body), "byte {at}");
        }
        // What comes behind a damaged frame is whole.
        assert_eq!(all(&[&bytes[3..], &frame(&[1, 2, 3])].concat()), [vec![1, 2, 3]]);
    }
}
