// SPDX-License-Identifier: Apache-2.0
//! Frames out of bytes: whole ones while none stands, and no others (docs/board.md).

use super::shared::board::{board_block, bytes};
use crate::common::bench;
use harness::{Clock, Sim, Stream};
use rand::RngExt;
use systole_isa::board::{Deframer, END, ESC, frame};

/// Frames that come byte by byte, and what stands.
struct Receiver {
    clk: Clock,
    sim: Sim,
    random: Stream,
    deframer: Deframer,
    /// The frame that comes has lost a byte, or has begun while another one stood.
    lost: bool,
    standing: Option<Vec<u8>>,
    asked: Option<(usize, u8)>, // byte that is read, and its value
    done: f64,
    taken: Vec<Vec<u8>>,
}

impl Receiver {
    /// A cycle with a byte, with a lost one (Err), or with nothing.
    async fn cycle(&mut self, what: Option<Result<u8, ()>>) {
        let s = |n: &str| self.sim.signal(n);
        let done = self.standing.is_some() && self.random.chance(self.done);
        let at = self.random.random_range(0..self.standing.as_ref().map_or(512, Vec::len));
        s("valid_i").set(matches!(what, Some(Ok(_))).into());
        s("bad_i").set(matches!(what, Some(Err(()))).into());
        s("data_i").set(if let Some(Ok(b)) = what { b } else { self.random.random() }.into());
        s("done_i").set(done.into());
        s("raddr_i").set(at as u64);
        self.clk.rising_edge().await;
        assert_eq!(s("request_o").is_high(), self.standing.is_some(), "frame {}", self.taken.len());
        if let Some(body) = &self.standing {
            assert_eq!(s("length_o").get(), body.len() as u64);
        }
        if let Some((at, byte)) = self.asked.take() {
            assert_eq!(s("rdata_o").get(), u64::from(byte), "byte {at} of {:?}", self.standing);
        }
        let stood = self.standing.is_some();
        self.asked = self.standing.as_ref().map(|body| (at, body[at])).filter(|_| !done);
        self.standing.take_if(|_| done);
        match what {
            None => (),
            Some(Err(())) => self.lost = true,
            Some(Ok(byte)) => {
                // A frame that begins while another one stands is lost.
                let lost = if byte == END { std::mem::replace(&mut self.lost, stood && !done) } else { self.lost };
                if let Some(body) = self.deframer.push(byte).filter(|b| b.len() >= 2 && !lost && !stood) {
                    self.taken.push(body.clone());
                    self.standing = Some(body);
                    self.lost = true;
                }
            }
        }
    }

    async fn put(&mut self, what: &[Result<u8, ()>]) {
        let pace = [0.0, 0.5, 0.8][self.random.random_range(0..3)];
        for &w in what {
            while self.random.chance(pace) {
                self.cycle(None).await;
            }
            self.cycle(Some(w)).await;
        }
    }
}

#[test]
fn link_rx_takes_whole_frames_while_none_stands_and_drops_all_others() {
    bench(&board_block("systole_link_rx"), 3, |sim, clk| async move {
        let random = sim.random("frames");
        let (deframer, taken, asked) = Default::default();
        let mut whole = true; // the frame before ended
        let mut r = Receiver { clk, sim, random, deframer, lost: true, standing: None, asked, done: 0.0, taken };
        for n in 0..1600 {
            let length = match r.random.random_range(0..8) {
                0 => [0, 1, 2, 3, 258, 259, 508, 509, 520, 1020, 1024, 1030][r.random.random_range(0..12)],
                1 => r.random.random_range(2..260),
                _ => r.random.random_range(2..20),
            };
            let body = bytes(&mut r.random, length);
            let mut line: Vec<_> = frame(&body).into_iter().map(Ok).collect();
            let at = r.random.random_range(0..line.len());
            let damage = r.random.random_range(0..12);
            match damage {
                0 => drop(line.remove(at)),
                1 => line.insert(at, line[at]),
                2 => line[at] = line[at].map(|b| b ^ 1 << r.random.random_range(0..8)),
                3 => line[at] = Err(()),
                4 => line[at] = Ok(ESC),
                5 => drop(line.drain(..at)),
                6 => line.truncate(at),
                _ => (),
            }
            // Some frames stand until another one has come.
            r.done = if r.random.chance(0.2) { 0.0 } else { 0.02 };
            let (before, free) = (r.taken.len(), r.standing.is_none() && n % 2 == 0 && whole);
            r.put(&line).await;
            whole = damage > 6;
            if whole && (2..=259).contains(&length) && free {
                assert_eq!(r.taken[before..], [body], "a good frame");
            }
            r.done = 0.1;
            while n % 2 == 1 && r.standing.is_some() {
                r.cycle(None).await;
            }
        }
        assert!(r.taken.len() > 400, "{}", r.taken.len());
        // Reset forgets what stands and what comes.
        r.done = 0.0;
        for good in [true, false] {
            let line: Vec<_> = frame(&[1, 2, 3]).into_iter().map(Ok).collect();
            r.put(&line[..line.len() - usize::from(!good)]).await;
            ["valid_i", "bad_i", "done_i"].iter().for_each(|n| r.sim.signal(n).set(0));
            r.sim.signal("rst_i").set(1);
            r.clk.rising_edge().await;
            r.sim.signal("rst_i").set(0);
            (r.standing, r.asked, r.deframer, r.lost) = (None, None, Deframer::default(), true);
            r.put(&line[line.len() - 1..]).await;
            r.cycle(None).await;
        }
    });
}
