// SPDX-License-Identifier: Apache-2.0
//! SECDED in RTL, check bits (systole_ecc_check) and correction: singles corrected, doubles and wrong addresses flagged.

use crate::common::block;
use harness::verilated::{Model, Port};
use rand::RngExt;
use systole_isa::ecc::{ADDRESS_BITS, Code, Verdict};
use systole_workloads::random::generator;

/// SECDED: the check bits' block and the correction, as models.
struct Rtl {
    check: Model,
    correct: Model,
}

impl Rtl {
    fn new(data: u32) -> Rtl {
        let model = |top: &str| Model::new(&block(top).parameter("DATA", data as usize).build().unwrap()).unwrap();
        Rtl { check: model("systole_ecc_check"), correct: model("systole_ecc_correct") }
    }

    fn check(&mut self, word: u64, address: u32) -> u8 {
        let [data, addr, check]: [Port; 3] = ["data_i", "addr_i", "check_o"].map(|p| self.check.port(p).unwrap());
        self.check.set(data, word);
        self.check.set(addr, address.into());
        self.check.eval();
        self.check.get(check) as u8
    }

    /// As the row bank does it: the syndrome is what is read XOR what belongs there.
    fn decode(&mut self, word: u64, check: u8, address: u32) -> (u64, Verdict) {
        let syndrome = self.check(word, address) ^ check;
        let m = &mut self.correct;
        let [data, syn, out, corrected, bad] =
            ["data_i", "syndrome_i", "data_o", "corrected_o", "uncorrectable_o"].map(|p| m.port(p).unwrap());
        m.set(data, word);
        m.set(syn, syndrome.into());
        m.eval();
        let verdict = match (m.get(corrected), m.get(bad)) {
            (0, 0) => Verdict::Clean,
            (1, 0) => Verdict::Corrected,
            (0, 1) => Verdict::Uncorrectable,
            both => panic!("corrected and uncorrectable at once: {both:?}"),
        };
        (m.get(out), verdict)
    }
}

#[test]
fn singles_are_corrected_and_doubles_and_wrong_addresses_flagged() {
    let mut rng = generator(3);
    for data in [32u32, 64] {
        let (code, mut rtl) = (Code::new(data), Rtl::new(data));
        let mask = u64::MAX >> (64 - data);
        for n in 0..24 {
            let (word, address) = match n {
                0 => (0, 0),
                1 => (mask, 0xffff),
                _ => (rng.random::<u64>() & mask, rng.random_range(0..1 << ADDRESS_BITS)),
            };
            let check = rtl.check(word, address);
            assert_eq!(u32::from(check), code.encode(word.into(), address));
            assert_eq!(rtl.decode(word, check, address), (word, Verdict::Clean));
            let flip = |i: u32, (w, c): (u64, u8)| if i < data { (w ^ 1 << i, c) } else { (w, c ^ 1 << (i - data)) };
            for i in 0..data + code.check {
                let one = flip(i, (word, check));
                assert_eq!(rtl.decode(one.0, one.1, address), (word, Verdict::Corrected), "{word:#x}, bit {i}");
                for j in i + 1..data + code.check {
                    let two = flip(j, one);
                    assert_eq!(rtl.decode(two.0, two.1, address).1, Verdict::Uncorrectable, "{word:#x}, bits {i} and {j}");
                }
            }
            for i in 0..ADDRESS_BITS {
                assert_eq!(rtl.decode(word, check, address ^ 1 << i).1, Verdict::Uncorrectable, "address bit {i}");
            }
            // Whatever else is wrong, RTL and table agree.
            for _ in 0..500 {
                let (w, c): (u64, u8) = (rng.random::<u64>() & mask, rng.random_range(0..=u8::MAX >> (8 - code.check)));
                let (value, verdict) = code.decode(w.into(), c.into(), address);
                assert_eq!(rtl.decode(w, c, address), (value as u64, verdict));
            }
        }
    }
}
