// SPDX-License-Identifier: Apache-2.0
//! Ports far wider than a word.

use harness::Sim;

#[harness::test(top = "vast", sources = ["../verilated/tests/vast.v"])]
async fn signals_of_thousands_of_bits_carry_every_byte(sim: Sim) {
    let clk = sim.clock("clk");
    for (input, output, bits) in [("a", "x", 5000usize), ("b", "y", 8192)] {
        let (input, output) = (sim.signal(input), sim.signal(output));
        let sent: Vec<u8> = (0..bits / 8).map(|i| (i * 37 + i / 256) as u8 ^ 0x5a).collect();
        input.set_bytes(&sent);
        clk.cycles(2).await;
        let mut got = vec![0; sent.len()];
        output.get_bytes(&mut got);
        assert_eq!(got, sent.iter().map(|b| !b).collect::<Vec<u8>>());
    }
}
