// SPDX-License-Identifier: Apache-2.0
//! The board's pins: its reset, the serial line bit by bit, requests out of its flash (docs/board.md). What a driver does over the line is in
//! verif/tests/board.rs.

use crate::common::bench;
use harness::verilated::Spec;
use harness::{Clock, Sim};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use systole_backends::board::{DIVISOR, Noise, build, simulate, wire};
use systole_compiler::compile;
use systole_host::{BoardTransport, Driver};
use systole_isa::Config;
use systole_isa::board::{Deframer, MAGIC, OPERATIONS, RESULTS, code, frame};
use systole_isa::regs::{ID_VALUE, offset};
use systole_workloads::random;

fn spec() -> Spec {
    systole_chip::board_spec(&Config::named("nano").unwrap(), DIVISOR).unwrap()
}

/// A frame of a request: number, operation, operands.
fn request(number: u8, operation: &str, operands: &[u8]) -> Vec<u8> {
    frame(&[&[number, code(&OPERATIONS, operation)], operands].concat())
}

fn answer(number: u8, result: &str, rest: &[u8]) -> Vec<u8> {
    [&[number, code(&RESULTS, result)], rest].concat()
}

/// The host's end of the line.
struct Host {
    sim: Sim,
    clk: Clock,
    answers: Rc<RefCell<Vec<Vec<u8>>>>,
}

impl Host {
    /// Listens from now on.
    fn new(sim: Sim, clk: Clock) -> Host {
        let answers = Rc::new(RefCell::new(vec![]));
        sim.signal("rx_i").set(1);
        let (tx, clock, all) = (sim.signal("tx_o"), sim.clock("clk_i"), answers.clone());
        sim.spawn("host", async move {
            let mut deframer = Deframer::default();
            loop {
                clock.rising_edge().await;
                if tx.is_high() {
                    continue;
                }
                clock.cycles(DIVISOR / 2).await;
                let mut byte = 0;
                for n in 0..8 {
                    clock.cycles(DIVISOR).await;
                    byte |= u8::from(tx.is_high()) << n;
                }
                clock.cycles(DIVISOR).await;
                assert!(tx.is_high(), "a stop bit");
                all.borrow_mut().extend(deframer.push(byte));
            }
        });
        Host { sim, clk, answers }
    }

    async fn byte(&self, byte: u8, stop: bool) {
        for n in 0..10 {
            self.sim.signal("rx_i").set(match n {
                0 => 0,
                9 => stop.into(),
                _ => u64::from(byte >> (n - 1) & 1),
            });
            self.clk.cycles(DIVISOR).await;
        }
        self.sim.signal("rx_i").set(1);
        self.clk.cycles(if stop { 0 } else { 2 * DIVISOR }).await;
    }

    /// What the board says within so many bytes' time, or all if it says something.
    async fn hear(&self, bytes: u64) -> Vec<Vec<u8>> {
        for _ in 0..bytes {
            self.clk.cycles(10 * DIVISOR).await;
        }
        std::mem::take(&mut self.answers.borrow_mut())
    }

    async fn ask(&self, frame: &[u8]) -> Vec<Vec<u8>> {
        for &byte in frame {
            self.byte(byte, true).await;
        }
        self.hear(24).await
    }
}

#[test]
fn reset_lasts_16_cycles_and_the_flash_is_clocked_behind_it() {
    bench(&spec(), 1, |sim, clk| async move {
        let (rst, sck) = (sim.signal("rst_i"), sim.signal("flash_sck_o"));
        sim.signal("rx_i").set(1);
        for cycles in [1, 5, 40] {
            clk.cycles(100 + cycles).await;
            rst.set(1);
            clk.cycles(cycles).await;
            rst.set(0);
            let mut n = 0;
            while !sck.is_high() || n < 2 {
                clk.rising_edge().await;
                n += 1;
                assert!(n < 100, "no clock");
            }
            // Half a bit is two cycles, and a register is read a cycle later.
            assert_eq!(n, 16 + 2 + 1, "a reset of {cycles} cycles");
        }
    });
}

#[test]
fn a_host_speaks_over_the_line_and_a_byte_without_a_stop_bit_costs_the_frame() {
    bench(&spec(), 2, |sim, clk| async move {
        sim.signal("flash_miso_i").set(1);
        let host = Host::new(sim, clk);
        assert_eq!(host.hear(10).await, [[0u8; 0]; 0], "an empty flash");
        let register = |name: &str| (offset(name) / 4) as u8;
        assert_eq!(host.ask(&request(1, "READ", &[register("ID")])).await, [answer(1, "NO_SESSION", &[])]);
        assert_eq!(host.ask(&request(2, "HELLO", &[])).await, [answer(2, "DONE", &MAGIC.to_le_bytes())]);
        assert_eq!(host.ask(&request(3, "READ", &[register("ID")])).await, [answer(3, "DONE", &ID_VALUE.to_le_bytes())]);
        for (number, value) in [(4, 5u8), (6, 2), (8, 7)] {
            let write = request(number, "WRITE", &[register("UPLOAD_TARGET"), value, 0, 0, 0]);
            assert_eq!(host.ask(&write).await, [answer(number, "DONE", &[])]);
            let read = request(number + 1, "READ", &[register("UPLOAD_TARGET")]);
            assert_eq!(host.ask(&read).await, [answer(number + 1, "DONE", &[value, 0, 0, 0])]);
        }
        // All bytes come, and one that is none between them.
        let read = request(20, "READ", &[register("ID")]);
        for (n, &byte) in read.iter().enumerate() {
            if n == 3 {
                host.byte(0, false).await;
            }
            host.byte(byte, true).await;
        }
        assert_eq!(host.hear(24).await, [[0u8; 0]; 0], "a damaged frame is dropped");
        assert_eq!(host.ask(&read).await, [answer(20, "DONE", &ID_VALUE.to_le_bytes())]);
    });
}

#[test]
fn requests_out_of_the_flash_are_answered_on_the_line_which_is_the_hosts_behind_them() {
    bench(&spec(), 3, |sim, clk| async move {
        let id = (offset("ID") / 4) as u8;
        let requests = [request(0, "HELLO", &[]), request(0, "READ", &[id])].concat();
        let file = [&b"SYF\x02"[..], &(requests.len() as u32).to_le_bytes(), &requests].concat();
        let host = Host::new(sim.clone(), clk.clone());
        sim.signal("rst_i").set(1);
        clk.rising_edge().await;
        sim.signal("rst_i").set(0);
        let ports = ["flash_cs_n_o", "flash_sck_o", "flash_mosi_o", "flash_miso_i"];
        sim.spawn("flash", systole_backends::board::flash(sim.clone(), ports, systole_chip::BOOT_AT, file));
        let said = host.hear(80).await;
        assert_eq!(said, [answer(0, "DONE", &MAGIC.to_le_bytes()), answer(0, "DONE", &ID_VALUE.to_le_bytes())]);
        assert_eq!(sim.signal("state_o").get() >> 3, 0, "no error");
        assert_eq!(host.ask(&request(9, "READ", &[id])).await, [answer(9, "NO_SESSION", &[])]);
    });
}

/// A frame of several words goes in and one comes out, each once.
#[test]
fn frames_of_several_words_pass_the_line_in_both_directions() {
    let config = Config::named("nano").unwrap();
    let (network, input) = random::gemm(3, 3, 30, 3 * config.cols as usize, false);
    let image = compile(&network.graph().unwrap(), &config, &Default::default()).unwrap().image;
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = image.input.pack(&values, image.in_bytes as usize);
    let mut machine = systole_golden::Machine::new(config.clone());
    machine.load_image(&image).unwrap();
    let expected = machine.run(&frame).unwrap().frame;
    assert!(expected.len() > config.cols as usize, "several words");
    let library = build(&config).unwrap(); // before the host's patience begins
    let (line, wire) = wire();
    let host = std::thread::spawn(move || {
        let job = async {
            let transport = BoardTransport::connect_with(line, Duration::from_secs(3)).unwrap();
            let mut driver = Driver::connect(transport).await.unwrap();
            driver.load(&image).await.unwrap();
            driver.run(&frame).await.unwrap().frame
        };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(job)
    });
    simulate(&library, 5, Noise::default(), vec![], wire, |_| ()).unwrap();
    assert_eq!(host.join().unwrap(), expected);
}
