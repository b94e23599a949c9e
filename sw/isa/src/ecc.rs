// SPDX-License-Identifier: Apache-2.0
//! The error-correcting code of RRAM words: SECDED in Hsiao's form, with the word's address folded into the check bits.
//!
//! Each column of the parity-check matrix has an odd number of ones and all are different, those of address bits too: a
//! single error has the syndrome of its column, two errors an even one that is not zero. A word that was read from an
//! address that is wrong in one or two bits is flagged
//! (docs/rram.md). Hsiao, A Class of Optimal Minimum Odd-weight-column SEC-DED Codes, IBM J. Res. Dev. 14 (1970).

/// A code over `data` bits and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Data bits: 32 or 64.
    pub data: u32,
    /// Check bits: 7 or 8.
    pub check: u32,
    columns: Vec<u8>,
}

/// Address bits that a code covers.
pub const ADDRESS_BITS: u32 = 16;

/// What a decoder says of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No error.
    Clean,
    /// One bit was wrong; the data is right now.
    Corrected,
    /// More than one bit, or the address, was wrong.
    Uncorrectable,
}

impl Code {
    /// The code over so many data bits.
    ///
    /// # Panics
    /// For other than 32 and 64.
    pub fn new(data: u32) -> Code {
        assert!([32, 64].contains(&data), "{data} data bits; there are codes over 32 and 64");
        let check = if data == 32 { 7 } else { 8 };
        let mut columns: Vec<u8> = Vec::new();
        let mut load = vec![0u32; check as usize];
        // Lightest columns first; of one weight always the one whose rows are used least so far, so that no check bit
        // has many more inputs than another.
        for weight in [3, 5, 7] {
            let mut left: Vec<u8> = (1..1u16 << check).map(|c| c as u8).filter(|c| c.count_ones() == weight).collect();
            while !left.is_empty() && columns.len() < (data + ADDRESS_BITS) as usize {
                let cost = |c: u8| {
                    let rows: Vec<u32> = (0..check as usize).filter(|r| c >> r & 1 == 1).map(|r| load[r]).collect();
                    (rows.iter().max().copied(), rows.iter().sum::<u32>(), c)
                };
                let at = (0..left.len()).min_by_key(|&i| cost(left[i])).unwrap_or(0);
                let column = left.swap_remove(at);
                (0..check as usize).filter(|r| column >> r & 1 == 1).for_each(|r| load[r] += 1);
                columns.push(column);
            }
        }
        Code { data, check, columns }
    }

    /// The column of data bit `i`.
    pub fn data_column(&self, i: u32) -> u8 {
        self.columns[i as usize]
    }

    /// The column of address bit `i`.
    pub fn address_column(&self, i: u32) -> u8 {
        self.columns[(self.data + i) as usize]
    }

    /// Check bits of a word at an address.
    pub fn encode(&self, word: u64, address: u32) -> u8 {
        let data = (0..self.data).filter(|i| word >> i & 1 == 1).fold(0, |c, i| c ^ self.data_column(i));
        (0..ADDRESS_BITS).filter(|i| address >> i & 1 == 1).fold(data, |c, i| c ^ self.address_column(i))
    }

    /// The word as it was, and what had happened to it.
    pub fn decode(&self, word: u64, check: u8, address: u32) -> (u64, Verdict) {
        let syndrome = self.encode(word, address) ^ check;
        if syndrome == 0 {
            return (word, Verdict::Clean);
        }
        if let Some(i) = (0..self.data).find(|&i| self.data_column(i) == syndrome) {
            return (word ^ 1 << i, Verdict::Corrected);
        }
        let verdict = if syndrome.count_ones() == 1 { Verdict::Corrected } else { Verdict::Uncorrectable };
        (word, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few words and addresses, extremes among them.
    fn words(code: &Code) -> Vec<(u64, u32)> {
        let mask = if code.data == 64 { u64::MAX } else { u64::from(u32::MAX) };
        let mut all = vec![(0, 0), (mask, 0), (0, 0xffff), (mask, 0xffff)];
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..12 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            all.push((x & mask, (x >> 40) as u32 & 0xffff));
        }
        all
    }

    #[test]
    fn columns_are_odd_and_all_different() {
        for data in [32, 64] {
            let code = Code::new(data);
            let mut all = code.columns.clone();
            all.extend((0..code.check).map(|r| 1 << r));
            assert_eq!(all.len(), (data + ADDRESS_BITS + code.check) as usize);
            assert!(all.iter().all(|c| c.count_ones() % 2 == 1));
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), (data + ADDRESS_BITS + code.check) as usize);
            let row = |r: u32| (0..data).filter(|&i| code.data_column(i) >> r & 1 == 1).count();
            let rows: Vec<usize> = (0..code.check).map(row).collect();
            assert!(rows.iter().max().unwrap() - rows.iter().min().unwrap() <= 1, "{rows:?}");
        }
    }

    #[test]
    fn every_single_error_is_corrected_and_every_double_flagged() {
        for data in [32, 64] {
            let code = Code::new(data);
            let bits = data + code.check;
            for (word, address) in words(&code) {
                let check = code.encode(word, address);
                let flip = |i: u32, w: u64, c: u8| if i < data { (w ^ 1 << i, c) } else { (w, c ^ 1 << (i - data)) };
                assert_eq!(code.decode(word, check, address), (word, Verdict::Clean));
                for i in 0..bits {
                    let (w, c) = flip(i, word, check);
                    assert_eq!(code.decode(w, c, address), (word, Verdict::Corrected), "bit {i}");
                    for j in i + 1..bits {
                        let (w, c) = flip(j, w, c);
                        assert_eq!(code.decode(w, c, address).1, Verdict::Uncorrectable, "bits {i} and {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_word_from_an_address_with_one_or_two_wrong_bits_is_flagged() {
        for data in [32, 64] {
            let code = Code::new(data);
            for (word, address) in words(&code) {
                let check = code.encode(word, address);
                for i in 0..ADDRESS_BITS {
                    assert_eq!(code.decode(word, check, address ^ 1 << i).1, Verdict::Uncorrectable);
                    for j in i + 1..ADDRESS_BITS {
                        assert_eq!(code.decode(word, check, address ^ 1 << i ^ 1 << j).1, Verdict::Uncorrectable);
                    }
                }
            }
        }
    }
}
