// SPDX-License-Identifier: Apache-2.0
//! The error-correcting codes of RRAM words, with the word's address folded into the check bits (docs/rram.md).
//!
//! SECDED in Hsiao's form: each column of the parity-check matrix has an odd number of ones and all are different, those of
//! address bits too: a single error has the syndrome of its column, two errors an even one that is not zero. Hsiao, A Class
//! of Optimal Minimum Odd-weight-column SEC-DED Codes, IBM J. Res. Dev. 14 (1970).
//!
//! DEC-TED: a shortened binary BCH code that corrects two errors, with a parity bit over everything. No five columns of its
//! matrix or fewer add up to zero, so one or two errors have a syndrome of their own and three one that no two have.

use crate::Config;
use serde::Serialize;

/// Which code the words of a machine have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecc {
    /// One error corrected, two flagged.
    #[default]
    Secded = 0,
    /// Two errors corrected, three flagged.
    DecTed = 1,
}

impl Ecc {
    /// Both, by their number in the Verilog parameter `ECC`.
    pub const ALL: [Ecc; 2] = [Ecc::Secded, Ecc::DecTed];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        ["secded", "dected"][self as usize]
    }

    /// Codes of a C-byte word.
    pub fn codes(self, cols: u32) -> u32 {
        match self {
            Ecc::Secded => (cols / 8).max(1),
            Ecc::DecTed => (cols / 16).max(1),
        }
    }

    /// Check bits of a C-byte word, all its codes together. SECDED keeps a byte for each code, 7 or 8 bits of it in use.
    pub fn check_bits(self, cols: u32) -> u32 {
        match self {
            Ecc::Secded => cols.max(8),
            Ecc::DecTed => self.codes(cols) * (2 * Field::over(8 * cols.min(16)).bits + 1),
        }
    }
}

impl std::str::FromStr for Ecc {
    type Err = String;

    fn from_str(name: &str) -> Result<Ecc, String> {
        Ecc::ALL.into_iter().find(|e| e.name() == name).ok_or_else(|| format!("there are secded and dected, not {name}"))
    }
}

/// The field that a BCH code over so many data bits counts in: polynomials over GF(2) modulo a primitive one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Bits of an element.
    pub bits: u32,
    /// The primitive polynomial, bit i for x^i; its root is x.
    pub polynomial: u32,
    /// The polynomial whose root is x^3.
    pub third: u32,
}

impl Field {
    /// For 32, 64 or 128 data bits.
    ///
    /// # Panics
    /// For other numbers.
    pub fn over(data: u32) -> Field {
        match data {
            32 => Field { bits: 6, polynomial: 0x43, third: 0x57 },
            64 => Field { bits: 7, polynomial: 0x89, third: 0x8f },
            128 => Field { bits: 8, polynomial: 0x11d, third: 0x177 },
            _ => panic!("{data} data bits; there are DEC-TED codes over 32, 64 and 128"),
        }
    }

    /// Product of two elements.
    pub fn times(&self, a: u32, b: u32) -> u32 {
        remainder(product(a, b), self.polynomial)
    }

    /// x^n.
    pub fn power(&self, n: u32) -> u32 {
        (0..n).fold(1, |p, _| self.times(p, 2))
    }
}

/// Product of polynomials over GF(2).
fn product(a: u32, b: u32) -> u32 {
    (0..32).filter(|i| b >> i & 1 == 1).fold(0, |p, i| p ^ a << i)
}

/// Remainder of a polynomial over GF(2).
fn remainder(mut a: u32, by: u32) -> u32 {
    while a != 0 && a.ilog2() >= by.ilog2() {
        a ^= by << (a.ilog2() - by.ilog2());
    }
    a
}

/// A code over `data` bits and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Data bits: 32 or 64; DEC-TED 128 too.
    pub data: u32,
    /// Check bits: 7 or 8; DEC-TED 13, 15 or 17.
    pub check: u32,
    /// Errors that it corrects.
    pub corrects: u32,
    columns: Vec<u32>,
    place: Vec<u16>, // stored bit by its column; NOWHERE: there is none
}

const NOWHERE: u16 = u16::MAX;

/// Address bits that a code covers.
pub const ADDRESS_BITS: u32 = 16;

/// What a decoder says of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No error.
    Clean,
    /// As many bits as the code corrects were wrong, or fewer; the data is right now.
    Corrected,
    /// More bits, or the address, were wrong.
    Uncorrectable,
}

impl Code {
    /// The SECDED code over so many data bits.
    ///
    /// # Panics
    /// For other than 32 and 64.
    pub fn new(data: u32) -> Code {
        assert!([32, 64].contains(&data), "{data} data bits; there are codes over 32 and 64");
        let check = if data == 32 { 7 } else { 8 };
        let mut columns: Vec<u32> = Vec::new();
        let mut load = vec![0u32; check as usize];
        // Lightest columns first; of one weight always the one whose rows are used least so far, so that no check bit
        // has many more inputs than another.
        for weight in [3, 5, 7] {
            let mut left: Vec<u32> = (1..1u32 << check).filter(|c| c.count_ones() == weight).collect();
            while !left.is_empty() && columns.len() < (data + ADDRESS_BITS) as usize {
                let cost = |c: u32| {
                    let rows: Vec<u32> = (0..check as usize).filter(|r| c >> r & 1 == 1).map(|r| load[r]).collect();
                    (rows.iter().max().copied(), rows.iter().sum::<u32>(), c)
                };
                let at = (0..left.len()).min_by_key(|&i| cost(left[i])).unwrap_or(0);
                let column = left.swap_remove(at);
                (0..check as usize).filter(|r| column >> r & 1 == 1).for_each(|r| load[r] += 1);
                columns.push(column);
            }
        }
        Code::of_columns(data, check, 1, columns)
    }

    /// The DEC-TED code over so many data bits.
    ///
    /// A word is a polynomial that the generator divides: coefficients 0 to 2 m - 1 are its check bits, then come data and
    /// address. The last check bit makes the number of ones even.
    ///
    /// # Panics
    /// For other than 32, 64 and 128.
    pub fn dec_ted(data: u32) -> Code {
        let field = Field::over(data);
        let generator = product(field.polynomial, field.third);
        let mut power = 1u32;
        let mut columns = vec![];
        for i in 0..2 * field.bits + data + ADDRESS_BITS {
            if i >= 2 * field.bits {
                columns.push(power | (1 ^ power.count_ones() & 1) << (2 * field.bits));
            }
            power = remainder(power << 1, generator);
        }
        Code::of_columns(data, 2 * field.bits + 1, 2, columns)
    }

    fn of_columns(data: u32, check: u32, corrects: u32, columns: Vec<u32>) -> Code {
        // SECDED over 32 bits has its 7 check bits in a byte; the eighth is a bit like them that is always 0.
        let bits = check.max(8);
        let mut place = vec![NOWHERE; 1 << bits];
        let stored = columns[..data as usize].iter().copied().chain((0..bits).map(|r| 1 << r));
        stored.enumerate().for_each(|(i, c)| place[c as usize] = i as u16);
        Code { data, check, corrects, columns, place }
    }

    /// The column of data bit `i`.
    pub fn data_column(&self, i: u32) -> u32 {
        self.columns[i as usize]
    }

    /// The column of address bit `i`.
    pub fn address_column(&self, i: u32) -> u32 {
        self.columns[(self.data + i) as usize]
    }

    /// Check bits of a word at an address.
    pub fn encode(&self, word: u128, address: u32) -> u32 {
        let (mut check, mut left) = (0, word);
        while left != 0 {
            check ^= self.columns[left.trailing_zeros() as usize];
            left &= left - 1;
        }
        (0..ADDRESS_BITS).filter(|i| address >> i & 1 == 1).fold(check, |c, i| c ^ self.address_column(i))
    }

    /// The word as it was, and what had happened to it: as few stored bits turned as explain the syndrome, where the code
    /// corrects so many. A word beyond correction stays as it was read.
    pub fn decode(&self, word: u128, check: u32, address: u32) -> (u128, Verdict) {
        let syndrome = self.encode(word, address) ^ check;
        if syndrome == 0 {
            return (word, Verdict::Clean);
        }
        let place = |column: u32| self.place.get(column as usize).copied().filter(|&p| p != NOWHERE).map(u32::from);
        let turn = |word: u128, bit: u32| if bit < self.data { word ^ 1 << bit } else { word };
        // Each column has an odd number of ones: so have single errors.
        if syndrome.count_ones() % 2 == 1 {
            return place(syndrome).map_or((word, Verdict::Uncorrectable), |i| (turn(word, i), Verdict::Corrected));
        }
        if self.corrects == 2 {
            let stored = self.columns[..self.data as usize].iter().copied().chain((0..self.check).map(|r| 1 << r));
            for (i, column) in stored.enumerate() {
                if let Some(j) = place(syndrome ^ column) {
                    return (turn(turn(word, i as u32), j), Verdict::Corrected);
                }
            }
        }
        (word, Verdict::Uncorrectable)
    }
}

/// The code of a machine's C-byte words: one or more codes beside each other.
///
/// Stored are the C bytes, then the check bits of each code (SECDED 8 bits a code), then zeros where the word would not split
/// into its beats; those are no part of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordCode {
    code: Code,
    codes: u32,
    check: u32,
}

impl WordCode {
    /// The code of a configuration.
    pub fn of(config: &Config) -> WordCode {
        let code = match config.ecc {
            Ecc::Secded => Code::new(if config.cols < 8 { 32 } else { 64 }),
            Ecc::DecTed => Code::dec_ted(8 * config.cols.min(16)),
        };
        WordCode { code, codes: config.ecc.codes(config.cols), check: config.ecc.check_bits(config.cols) }
    }

    /// One of its codes.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// How many there are.
    pub fn codes(&self) -> u32 {
        self.codes
    }

    /// Stored bits of a word, without what only fills up its beats.
    pub fn bits(&self) -> u32 {
        self.codes * self.code.data + self.check
    }

    /// A word of a line as it is stored, bit 0 lowest in the first byte.
    pub fn encode(&self, data: &[u8], line: u32) -> Vec<u8> {
        let mut stored = data.to_vec();
        stored.resize(self.bits().div_ceil(8) as usize, 0);
        for (n, part) in data.chunks(self.code.data as usize / 8).enumerate() {
            let (check, first) = (self.code.encode(number(part), line), self.check_at(n as u32));
            (0..self.code.check)
                .for_each(|b| stored[((first + b) / 8) as usize] |= ((check >> b & 1) << ((first + b) % 8)) as u8);
        }
        stored
    }

    /// The C bytes of a stored word, and the worst verdict on its codes.
    pub fn decode(&self, stored: &[u8], line: u32) -> (Vec<u8>, Verdict) {
        let (mut out, mut worst) = (vec![], Verdict::Clean);
        let each = self.check / self.codes;
        for n in 0..self.codes {
            let bytes = self.code.data as usize / 8;
            let part = &stored[n as usize * bytes..][..bytes];
            let first = self.check_at(n);
            let check = (0..each).fold(0, |c, b| c | u32::from(stored[((first + b) / 8) as usize] >> ((first + b) % 8) & 1) << b);
            let (value, verdict) = self.code.decode(number(part), check, line);
            out.extend(&value.to_le_bytes()[..bytes]);
            worst = worst.max(verdict);
        }
        (out, worst)
    }

    fn check_at(&self, code: u32) -> u32 {
        self.codes * self.code.data + code * (self.check / self.codes)
    }
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | u128::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CONFIGS;

    fn codes() -> Vec<Code> {
        vec![Code::new(32), Code::new(64), Code::dec_ted(32), Code::dec_ted(64), Code::dec_ted(128)]
    }

    /// A few words and addresses, extremes among them.
    fn words(code: &Code) -> Vec<(u128, u32)> {
        let mask = u128::MAX >> (128 - code.data);
        let mut all = vec![(0, 0), (mask, 0), (0, 0xffff), (mask, 0xffff)];
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u128::from(x >> 16)
        };
        for _ in 0..8 {
            all.push(((next() ^ next() << 40 ^ next() << 80) & mask, next() as u32 & 0xffff));
        }
        all
    }

    fn flip(code: &Code, i: u32, (w, c): (u128, u32)) -> (u128, u32) {
        if i < code.data { (w ^ 1 << i, c) } else { (w, c ^ 1 << (i - code.data)) }
    }

    #[test]
    fn columns_are_odd_and_all_different() {
        for code in codes() {
            let mut all = code.columns.clone();
            all.extend((0..code.check).map(|r| 1 << r));
            let count = (code.data + ADDRESS_BITS + code.check) as usize;
            assert_eq!(all.len(), count);
            assert!(all.iter().all(|c| c.count_ones() % 2 == 1));
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count);
            if code.corrects == 1 {
                let row = |r: u32| (0..code.data).filter(|&i| code.data_column(i) >> r & 1 == 1).count();
                let rows: Vec<usize> = (0..code.check).map(row).collect();
                assert!(rows.iter().max().unwrap() - rows.iter().min().unwrap() <= 1, "{rows:?}");
            } else {
                // No four columns add up to zero: no two pairs have the same sum.
                let mut sums: Vec<u32> =
                    (0..count).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| all[i] ^ all[j]).collect();
                sums.sort_unstable();
                assert!(sums.windows(2).all(|s| s[0] != s[1]));
            }
        }
    }

    #[test]
    fn the_generator_has_the_first_and_third_power_as_roots() {
        for data in [32, 64, 128] {
            let f = Field::over(data);
            let order = (1..).find(|&n| f.power(n) == 1).unwrap();
            assert_eq!(order, (1 << f.bits) - 1, "primitive");
            let value = |polynomial: u32, at: u32| (0..=f.bits).rev().fold(0, |v, i| f.times(v, at) ^ polynomial >> i & 1);
            assert_eq!((value(f.polynomial, 2), value(f.third, f.power(3))), (0, 0));
            assert!(2 * f.bits + data + ADDRESS_BITS <= order, "as long as the code at most");
            // Every encoded word has both as roots, by Horner's rule over its coefficients.
            let code = Code::dec_ted(data);
            for (word, address) in words(&code) {
                let check = code.encode(word, address);
                for root in [2, f.power(3)] {
                    let mut bits: Vec<u32> = (0..2 * f.bits).map(|i| check >> i & 1).collect();
                    bits.extend((0..data).map(|i| (word >> i & 1) as u32));
                    bits.extend((0..ADDRESS_BITS).map(|i| address >> i & 1));
                    assert_eq!(bits.iter().rev().fold(0, |v, b| f.times(v, root) ^ b), 0);
                }
                assert_eq!((check.count_ones() + word.count_ones() + address.count_ones()) % 2, 0);
            }
        }
    }

    #[test]
    fn errors_are_corrected_as_promised_and_one_more_is_flagged() {
        for code in codes() {
            let bits = code.data + code.check;
            let two = if code.corrects == 2 { Verdict::Corrected } else { Verdict::Uncorrectable };
            for (n, (word, address)) in words(&code).into_iter().enumerate() {
                let stored = (word, code.encode(word, address));
                assert_eq!(code.decode(stored.0, stored.1, address), (word, Verdict::Clean));
                for i in 0..bits {
                    let one = flip(&code, i, stored);
                    assert_eq!(code.decode(one.0, one.1, address), (word, Verdict::Corrected), "bit {i}");
                    for j in i + 1..bits {
                        let (w, c) = flip(&code, j, one);
                        let (value, verdict) = code.decode(w, c, address);
                        assert_eq!(verdict, two, "bits {i} and {j}");
                        assert!(two != Verdict::Corrected || value == word, "bits {i} and {j}");
                        // Every triple of the fifth word, one that is random.
                        for k in (j + 1..bits).filter(|_| code.corrects == 2 && n == 4) {
                            let (w, c) = flip(&code, k, (w, c));
                            assert_eq!(code.decode(w, c, address), (w, Verdict::Uncorrectable), "bits {i}, {j} and {k}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_word_from_an_address_with_one_or_two_wrong_bits_is_flagged() {
        for code in codes() {
            for (word, address) in words(&code) {
                let stored = (word, code.encode(word, address));
                for i in 0..ADDRESS_BITS {
                    let wrong = address ^ 1 << i;
                    assert_eq!(code.decode(stored.0, stored.1, wrong).1, Verdict::Uncorrectable);
                    for j in i + 1..ADDRESS_BITS {
                        assert_eq!(code.decode(stored.0, stored.1, wrong ^ 1 << j).1, Verdict::Uncorrectable);
                    }
                    if code.corrects == 1 {
                        continue;
                    }
                    // With a wrong bit, or two, besides.
                    for a in 0..code.data + code.check {
                        let one = flip(&code, a, stored);
                        assert_eq!(code.decode(one.0, one.1, wrong).1, Verdict::Uncorrectable);
                        let two = flip(&code, (a + 7 + i) % (code.data + code.check), one);
                        assert_eq!(code.decode(two.0, two.1, wrong).1, Verdict::Uncorrectable);
                    }
                }
            }
        }
    }

    #[test]
    fn words_of_every_machine_come_back_from_what_is_stored() {
        for config in CONFIGS {
            for (ecc, beats) in Ecc::ALL.into_iter().flat_map(|e| [1, 2, 4].map(|b| (e, b))) {
                let config = config.clone().with_weight_beats(beats).unwrap().with_ecc(ecc);
                let code = WordCode::of(&config);
                assert_eq!((config.word_bits() % beats, config.word_bits() - code.bits() < beats), (0, true));
                let data: Vec<u8> = (0..config.cols).map(|i| (i * 37 + 11 * beats) as u8).collect();
                let stored = code.encode(&data, 77);
                assert_eq!(stored.len() as u32, code.bits().div_ceil(8));
                assert_eq!(code.decode(&stored, 77), (data.clone(), Verdict::Clean));
                assert_eq!(code.decode(&stored, 76).1, Verdict::Uncorrectable);
                for bit in 0..code.bits() {
                    let mut wrong = stored.clone();
                    wrong[bit as usize / 8] ^= 1 << (bit % 8);
                    assert_eq!(code.decode(&wrong, 77), (data.clone(), Verdict::Corrected), "bit {bit}");
                }
            }
        }
        let bits = |cols| Ecc::DecTed.check_bits(cols);
        assert_eq!([4, 8, 16, 32].map(bits), [13, 15, 17, 34]);
        assert_eq!("dected".parse(), Ok(Ecc::DecTed));
        assert!("bch".parse::<Ecc>().unwrap_err().contains("secded and dected"));
    }
}
