// SPDX-License-Identifier: Apache-2.0
//! Requests and answers between the links and the chip's AXI (docs/board.md).

use super::shared::board::{board_block, bytes};
use crate::common::bench;
use harness::verilated::Spec;
use harness::{Clock, Sim, Stream};
use rand::RngExt;
use std::collections::{BTreeMap, VecDeque};
use systole_isa::board::{MAGIC, OPERATIONS, PAYLOAD, RESULTS, code};

/// 2^LIMIT cycles are late.
const LIMIT: u32 = 8;

/// Channels on which the bridge offers something: valid, ready, what must stay.
const OFFERS: [(&str, &str, &[&str]); 5] = [
    ("awvalid_o", "awready_i", &["addr_o"]),
    ("wvalid_o", "wready_i", &["wdata_o"]),
    ("arvalid_o", "arready_i", &["addr_o"]),
    ("img_tvalid_o", "img_tready_i", &["tdata_o"]),
    ("in_tvalid_o", "in_tready_i", &["tdata_o", "in_tkeep_o", "in_tlast_o"]),
];

/// A word of a stream: data, TKEEP, TLAST.
type Word = (Vec<u8>, u64, bool);

/// An access to a register is an error, and of this kind.
fn refused(address: u8) -> Option<u64> {
    (address % 16 >= 12).then_some(2 + u64::from(address >> 6))
}

/// What the chip was told to do.
#[derive(Debug, Default, PartialEq)]
struct Effects {
    writes: Vec<(u8, u32)>,
    image: Vec<u8>,
    input: Vec<Word>,
    popped: usize, // words of the output
    resets: u64,
}

/// What stands in the models of the chip and of the links.
#[derive(Default)]
struct State {
    held: [Option<(u32, Vec<u64>)>; 5], // offers that were not taken, and for how long
    mute: bool,                         // registers do not answer
    aw: Option<u8>,
    w: Option<u32>,
    b: Option<(u64, u8)>, // cycles until the answer, address
    r: Option<(u64, u8)>,
    output: VecDeque<Word>,
    offered: bool, // a word of the output stands
    gaps: f64,
    irq: bool,
    sending: u64,
    done: Effects,
}

/// The bridge between the chip and the links.
struct Board {
    sim: Sim,
    clk: Clock,
    random: Stream,
    cols: usize,
    pace: [f64; 5], // of OFFERS being taken
    registers: Vec<u32>,
    buffer: Vec<u8>,
    answer: Vec<u8>,
    s: State,
}

impl Board {
    fn new(sim: Sim, clk: Clock, cols: usize) -> Board {
        let (mut random, buffer, answer) = (sim.random("board"), vec![0; 512], vec![0; 512]);
        let registers = (0..256).map(|_| random.random()).collect();
        Board { sim, clk, random, cols, pace: [0.3, 0.3, 0.3, 0.5, 0.5], registers, buffer, answer, s: State::default() }
    }

    fn get(&self, name: &str) -> u64 {
        self.sim.signal(name).get()
    }

    fn high(&self, name: &str) -> bool {
        self.get(name) != 0
    }

    fn set(&self, name: &str, value: impl Into<u64>) {
        self.sim.signal(name).set(value.into());
    }

    /// One cycle; the length of an answer that is sent in it.
    async fn cycle(&mut self) -> Option<usize> {
        let ready = self.pace.map(|p| self.random.chance(p));
        OFFERS.iter().zip(ready).for_each(|((_, port, _), r)| self.set(port, r));
        let (any, word) = (self.random.below(4), self.random.random());
        for (valid, resp, which) in [("bvalid_i", "bresp_i", &mut self.s.b), ("rvalid_i", "rresp_i", &mut self.s.r)] {
            let now = which.take_if(|w| w.0 == 0).map(|w| w.1);
            self.sim.signal(valid).set(now.is_some().into());
            self.sim.signal(resp).set(now.map_or(any, |a| refused(a).unwrap_or(0)));
            self.sim.signal("rdata_axi_i").set(now.map_or(word, |a| self.registers[usize::from(a)]).into());
            which.iter_mut().for_each(|w| w.0 -= 1);
        }
        self.s.offered |= !self.s.output.is_empty() && !self.random.chance(self.s.gaps);
        self.set("out_tvalid_i", self.s.offered);
        if let Some((data, keep, last)) = self.s.output.front().filter(|_| self.s.offered) {
            self.sim.signal("out_tdata_i").set_bytes(data);
            self.set("out_tkeep_i", *keep);
            self.set("out_tlast_i", *last);
        }
        self.set("irq_i", self.s.irq);
        self.set("sending_i", self.s.sending > 0);
        self.clk.rising_edge().await;

        self.set("rdata_i", self.buffer[self.get("raddr_o") as usize]);
        let mut data = vec![0; self.cols];
        self.sim.signal("tdata_o").get_bytes(&mut data);
        let mut taken = [false; 5];
        for (n, (valid, _, stays)) in OFFERS.iter().enumerate() {
            let now = self.high(valid).then(|| stays.iter().map(|p| self.get(p)).collect::<Vec<_>>());
            let (stood, before) = self.s.held[n].take().unzip();
            let given_up = now.is_none() && stood.is_some_and(|n| ((1 << LIMIT) - 20..=(1 << LIMIT) + 1).contains(&n));
            assert!(before.is_none() || now == before || given_up, "{valid} does not stay: {before:?}, {now:?}");
            taken[n] = now.is_some() && ready[n];
            self.s.held[n] = now.filter(|_| !taken[n]).map(|word| (stood.unwrap_or(0) + 1, word));
        }
        let (delay, address) = (self.random.below(6), (self.get("addr_o") / 4) as u8);
        assert!(!taken[0] || self.s.aw.replace(address).is_none(), "two addresses");
        assert!(!taken[1] || self.s.w.replace(self.get("wdata_o") as u32).is_none(), "two words");
        if let (Some(aw), Some(w)) = (self.s.aw, self.s.w) {
            (self.s.aw, self.s.w) = (None, None);
            self.s.done.writes.push((aw, w));
            self.s.b = (!self.s.mute).then_some((delay, aw));
        }
        if taken[2] {
            self.s.r = (!self.s.mute).then_some((delay, address));
        }
        if taken[3] {
            self.s.done.image.extend(&data);
        }
        if taken[4] {
            self.s.done.input.push((data, self.get("in_tkeep_o"), self.high("in_tlast_o")));
        }
        if self.s.offered && self.high("out_tready_o") {
            self.s.output.pop_front();
            self.s.offered = false;
            self.s.done.popped += 1;
        }
        self.s.done.resets += self.get("chip_rst_o");
        let (write, send) = (self.high("answer_we_o"), self.high("send_o"));
        assert!(self.s.sending == 0 || !write && !send, "an answer is on its way");
        assert_eq!(self.high("done_o"), send, "a request is done when its answer is sent");
        self.s.sending = self.s.sending.saturating_sub(1);
        if write {
            let at = self.get("answer_addr_o") as usize;
            self.answer[at] = self.get("answer_data_o") as u8;
        }
        send.then(|| self.get("length_o") as usize)
    }

    /// Until the answer has left.
    async fn rest(&mut self) {
        for _ in 0..self.s.sending + self.random.random_range(1..4) {
            assert_eq!(self.cycle().await, None, "nothing was asked for");
        }
    }

    /// The answer of a request, what was done for it, and the cycles; the interrupt comes in one of them.
    async fn ask(&mut self, body: &[u8], irq: u64) -> (Vec<u8>, Effects, u64) {
        self.random.fill(&mut self.buffer);
        self.buffer[..body.len()].copy_from_slice(body);
        self.set("request_i", true);
        self.set("length_i", body.len() as u64);
        for t in 0..50_000 {
            self.s.irq |= t == irq;
            if let Some(length) = self.cycle().await {
                self.set("request_i", false);
                self.s.sending = self.random.random_range(0..3) * self.random.below(20);
                return (self.answer[..length].to_vec(), std::mem::take(&mut self.s.done), t + 1);
            }
        }
        panic!("no answer to {body:?}");
    }

    /// Bytes as words of a stream.
    fn words(&self, bytes: &[u8], last: bool, fill: u8) -> Vec<Word> {
        let count = bytes.len().div_ceil(self.cols).max(1);
        let word = |n: usize| {
            let part = &bytes[n * self.cols..bytes.len().min((n + 1) * self.cols)];
            ([part, &vec![fill; self.cols - part.len()]].concat(), (1 << part.len()) - 1, last && n + 1 == count)
        };
        (0..count).map(word).collect()
    }
}

fn op(name: &str) -> u8 {
    code(&OPERATIONS, name)
}

/// A random request: operation and operands.
fn request(random: &mut Stream) -> Vec<u8> {
    let mut body = vec![random.random_range(0..8)];
    let operands = match OPERATIONS[usize::from(body[0])] {
        "READ" => 1,
        "WRITE" => 5,
        "IMAGE" | "INPUT" if random.chance(0.2) => PAYLOAD - random.random_range(0..2),
        "IMAGE" | "INPUT" => random.random_range(1..40),
        _ => 0,
    };
    body.extend(bytes(random, operands));
    match OPERATIONS[usize::from(body[0])] {
        "INPUT" => body.insert(1, random.random()),
        "WAIT" => body.extend([vec![random.random()], random.random_range(0..300u32).to_le_bytes().to_vec()].concat()),
        _ => (),
    }
    // Another code or length.
    let stream = ["IMAGE", "INPUT"].map(op).contains(&body[0]);
    match random.random_range(0..25) {
        0 => body[0] = random.random_range(8..=255),
        1 if stream => body.resize(300 + random.random_range(0..200), 7),
        2 if stream => body.resize(PAYLOAD + if body[0] == op("IMAGE") { 2 } else { 3 }, 7),
        3 if stream => body.truncate(if body[0] == op("IMAGE") { 1 } else { 2 }),
        1 => body.push(0),
        2 if body.len() > 1 => drop(body.pop()),
        _ => (),
    }
    body
}

/// The result by code and length alone.
fn fits(request: &[u8]) -> bool {
    let operands = request.len() - 1;
    match OPERATIONS.get(usize::from(request[0])).copied() {
        Some("HELLO" | "RESET" | "OUTPUT") => operands == 0,
        Some("READ") => operands == 1,
        Some("WRITE" | "WAIT") => operands == 5,
        Some("IMAGE") => (1..=PAYLOAD).contains(&operands),
        Some("INPUT") => (2..=PAYLOAD + 1).contains(&operands),
        _ => false,
    }
}

fn bridge(cols: usize) -> Spec {
    board_block("systole_bridge").parameter("COLS", cols).parameter("LIMIT", LIMIT)
}

#[test]
fn the_bridge_does_each_request_once_and_answers_as_the_document_says() {
    for cols in [4, 8] {
        let met = bench(&bridge(cols), 5, move |sim, clk| async move {
            let mut b = Board::new(sim, clk, cols);
            let (mut session, mut number, mut before) = (false, 9u8, None);
            let mut frames: VecDeque<Vec<u8>> = VecDeque::new(); // what is left of them
            let mut met = BTreeMap::<String, u32>::new();
            let mut shortest = 0; // cycles of a WAIT of none
            b.s.done = Effects::default();
            for n in 0..1600 {
                let body = match n {
                    60 | 750 => vec![op("HELLO")],
                    61 => vec![op("WAIT"), 0, 0, 0, 0, 0],
                    _ => request(&mut b.random),
                };
                // Requests of the board's flash: all with one number, and each is done.
                let boot = (702..748).contains(&n);
                b.set("boot_i", boot);
                if n < 60 && body[0] == op("HELLO") {
                    continue;
                }
                if n == 700 {
                    // Reset of the board forgets the session and the number before.
                    b.set("rst_i", true);
                    b.cycle().await;
                    b.set("rst_i", false);
                    assert_eq!(std::mem::take(&mut b.s.done), Effects { resets: 1, ..Effects::default() });
                    (session, before) = (false, None);
                }
                while frames.len() < 3 {
                    let length = [0, 1, 255, 256, 257, 600, b.random.random_range(1..70)][b.random.random_range(0..7)];
                    let bytes = bytes(&mut b.random, length);
                    b.s.output.extend(b.words(&bytes, true, 0xa5));
                    frames.push_back(bytes);
                }
                b.s.gaps = [0.0, 0.0, 0.3, 1.0][b.random.random_range(0..4)];
                b.s.irq = false;
                if n == 61 || b.random.random() {
                    b.rest().await;
                }
                let sending = b.s.sending;
                if let Some(answer) =
                    before.as_ref().filter(|_| n != 61 && !boot && body[0] != op("HELLO") && b.random.chance(0.2))
                {
                    let (got, done, _) = b.ask(&[&[number], &body[..]].concat(), u64::MAX).await;
                    assert_eq!((&got, done), (answer, Effects::default()), "the same number");
                    *met.entry("again".into()).or_default() += 1;
                    continue;
                }
                // HELLO may have the number of the request before.
                let least = u8::from(body[0] != op("HELLO"));
                let step = b.random.random_range(least..2 + least * 250);
                number = number.wrapping_add(if boot { 0 } else { step });
                let request = [&[number], &body[..]].concat();
                let cycles = if body.len() == 6 { u32::from_le_bytes(body[2..].try_into().unwrap()).into() } else { 0 };
                let later = if cycles > 40 { cycles / 2 + 20 } else { 3 };
                let irq = [0, later, u64::MAX][b.random.random_range(0..3)];
                let irq = if n == 61 { u64::MAX } else { irq };
                let (got, done, took) = b.ask(&request, irq.saturating_add(sending)).await;
                let took = took - sending;
                let result = match () {
                    () if body[0] != op("HELLO") && !session && !boot => "NO_SESSION",
                    () if !fits(&body) => "UNKNOWN",
                    () if ["READ", "WRITE"].map(op).contains(&body[0]) && refused(body[1] & 0x7f).is_some() => "REFUSED",
                    () => "DONE",
                };
                let name = OPERATIONS.get(usize::from(body[0])).copied().unwrap_or("none");
                *met.entry(format!("{name} {result}")).or_default() += 1;
                let mut expected = vec![number, code(&RESULTS, result)];
                let mut effects = Effects::default();
                match (name, result) {
                    ("WRITE", "DONE" | "REFUSED") => effects.writes.push((body[1] & 0x7f, cycles as u32)),
                    (_, "NO_SESSION" | "UNKNOWN" | "REFUSED") => (),
                    ("HELLO", _) => {
                        session = !boot;
                        expected.extend(MAGIC.to_le_bytes());
                    }
                    ("RESET", _) => effects.resets = 16,
                    ("READ", _) => expected.extend(b.registers[usize::from(body[1] & 0x7f)].to_le_bytes()),
                    ("IMAGE", _) => effects.image = b.words(&body[1..], false, 0).into_iter().flat_map(|w| w.0).collect(),
                    ("INPUT", _) => effects.input = b.words(&body[2..], body[1] & 1 == 1, 0),
                    ("WAIT", _) => {
                        shortest = if n == 61 { took } else { shortest };
                        let whole = shortest + cycles;
                        let ends = if body[1] & 1 == 1 { whole.min((irq.saturating_add(3)).max(shortest)) } else { whole };
                        assert!(took.abs_diff(ends) <= 3, "{took} for {body:?}, with the interrupt {irq}, shortest {shortest}");
                        assert!(ends < whole || took == whole, "{took} of {whole} cycles");
                        expected.push((irq < whole).into());
                    }
                    _ => {
                        let frame = frames.front_mut().unwrap();
                        let most = frame.len().min(PAYLOAD);
                        let count = got.len() - 3;
                        assert!(
                            count == most || b.s.gaps > 0.0 && count < most && count % cols == 0,
                            "{count} of {}",
                            frame.len()
                        );
                        let ended = got[2] == 1;
                        assert!(ended == (count == frame.len()) || b.s.gaps > 0.0 && frame.is_empty());
                        expected.push(ended.into());
                        expected.extend(frame.drain(..count));
                        effects.popped = count.div_ceil(cols).max(ended.into());
                        ended.then(|| frames.pop_front());
                        *met.entry(format!("OUTPUT of {count}")).or_default() += 1;
                    }
                }
                assert_eq!((&got, done), (&expected, effects), "{request:?}");
                *met.entry(format!("{} {name}", if boot { "boot" } else { "host" })).or_default() += 1;
                before = Some(got).filter(|_| !boot);
            }
            met
        });
        for name in OPERATIONS {
            let all = ["DONE", "UNKNOWN", "NO_SESSION"].map(|r| met.contains_key(&format!("{name} {r}")));
            let boot = met.contains_key(&format!("boot {name}"));
            assert!(all[0] && all[1] && boot && (all[2] || name == "HELLO"), "{name}: {met:?}");
        }
        let others = ["READ REFUSED", "WRITE REFUSED", "none UNKNOWN", "OUTPUT of 0", "OUTPUT of 256", "OUTPUT of 1", "again"];
        assert!(others.iter().all(|&m| met.contains_key(m)), "{met:?}");
    }
}

#[test]
fn what_is_not_taken_is_given_up_and_a_reset_goes_on() {
    for cols in [4, 8] {
        bench(&bridge(cols), 6, move |sim, clk| async move {
            let mut b = Board::new(sim, clk, cols);
            let (mut number, never) = (1, u64::MAX);
            b.ask(&[0, op("HELLO")], never).await;
            let (write, read) = ([op("WRITE"), 0x20, 1, 2, 3, 4], [op("READ"), 0x24]);
            let (image, input) = ([op("IMAGE"), 1, 2, 3], [op("INPUT"), 1, 4, 5, 6]);
            // The channels that stand still; none: registers do not answer.
            let writes = [&[0][..], &[1], &[0, 1], &[]].map(|still| (&write[..], still));
            let others = [(&read[..], &[2][..]), (&read, &[]), (&image, &[3]), (&input, &[4])];
            for (body, still) in [writes, others].concat().into_iter().cycle().take(40) {
                let pace = b.pace;
                still.iter().for_each(|&n| b.pace[n] = 0.0);
                b.s.mute = still.is_empty();
                b.rest().await;
                let late = vec![number, code(&RESULTS, "LATE")];
                let (got, _, took) = b.ask(&[&[number], body].concat(), never).await;
                assert!(got == late && (256..300).contains(&took), "{body:?}: {got:?} in {took} cycles");
                // Again, without another try.
                b.rest().await;
                let (got, done, soon) = b.ask(&[&[number], body].concat(), never).await;
                assert!(got == late && soon < 40 && done == Effects::default(), "{got:?}, {done:?}");
                (b.pace, b.s.mute) = (pace, false);
                let (got, done, _) = b.ask(&[number + 1, op("RESET")], never).await;
                assert_eq!((got, done), (vec![number + 1, 0], Effects { resets: 16, ..Effects::default() }));
                b.s = State { sending: b.s.sending, ..State::default() };
                let (got, ..) = b.ask(&[&[number + 2], body].concat(), never).await;
                assert_eq!(got[..2], [number + 2, 0], "behind the reset, {body:?}");
                number += 3;
            }
        });
    }
}
