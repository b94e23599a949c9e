// SPDX-License-Identifier: Apache-2.0
//! A machine on a board, behind a serial line (docs/board.md): each access is a request that is sent again until its answer
//! comes, and is done once.

use crate::{HostError, Transport};
use std::io;
use std::time::{Duration, Instant};
use systole_isa::board::{BAUD, BOOT_NUMBER, Deframer, MAGIC, OPERATIONS, PAYLOAD, RESULTS, code, frame};

/// A line of bytes to a board and back.
pub trait Line {
    /// Sends all bytes.
    ///
    /// # Errors
    /// The line's own.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// What came, at least a byte; 0 where nothing came in time.
    ///
    /// # Errors
    /// The line's own.
    fn receive(&mut self, buffer: &mut [u8], time: Duration) -> io::Result<usize>;

    /// How it is called in messages, as `/dev/ttyUSB0 at 1000000 baud`.
    fn name(&self) -> String;
}

impl<L: Line> Line for &mut L {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).send(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8], time: Duration) -> io::Result<usize> {
        (**self).receive(buffer, time)
    }

    fn name(&self) -> String {
        (**self).name()
    }
}

/// A serial port.
pub struct SerialLine {
    port: Box<dyn serialport::SerialPort>,
    name: String,
}

impl SerialLine {
    /// Opens a port with 8 data bits, no parity, one stop bit.
    ///
    /// # Errors
    /// [`HostError::Line`], with what to try: a port that is not there, is busy, or may not be opened.
    pub fn open(path: &str, baud: u32) -> Result<SerialLine, HostError> {
        let port = serialport::new(path, baud).timeout(Duration::from_millis(50)).open().map_err(|e| {
            let there: Vec<String> = serialport::available_ports().unwrap_or_default().into_iter().map(|p| p.port_name).collect();
            let others = if there.is_empty() {
                "there is no serial port here".into()
            } else {
                format!("ports here: {}", there.join(", "))
            };
            let advice = match e.kind() {
                serialport::ErrorKind::NoDevice => "is the board plugged in, and is another program using its port? ",
                serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
                    "your user may not open it; on Debian: sudo usermod -a -G dialout $USER, and log in again. "
                }
                _ => "",
            };
            HostError::Line(format!("cannot open {path}: {e}; {advice}{others}"))
        })?;
        Ok(SerialLine { port, name: format!("{path} at {baud} baud") })
    }
}

impl Line for SerialLine {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.port.write_all(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8], time: Duration) -> io::Result<usize> {
        self.port.set_timeout(time.max(Duration::from_millis(1))).map_err(io::Error::from)?;
        match self.port.read(buffer) {
            Err(e) if [io::ErrorKind::TimedOut, io::ErrorKind::Interrupted].contains(&e.kind()) => Ok(0),
            other => other,
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Where a board is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The serial port's name.
    pub path: String,
    /// Bits a second.
    pub baud: u32,
}

impl Default for Port {
    fn default() -> Port {
        Port { path: "/dev/ttyUSB0".into(), baud: BAUD }
    }
}

/// How often a request is sent before the board counts as silent.
const TRIES: u32 = 8;
/// Cycles of one WAIT, so that its answer does not let the line seem silent.
const WAIT_CYCLES: u64 = 1 << 16;

/// What a line saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Requests done.
    pub requests: u64,
    /// Requests that were sent again.
    pub repeated: u64,
    /// Bytes sent and received.
    pub bytes: (u64, u64),
}

/// The transport to a board.
pub struct BoardTransport<L> {
    line: L,
    number: u8,
    patience: Duration,
    /// What the line saw so far.
    pub counts: LineCounts,
}

impl<L: Line> BoardTransport<L> {
    /// Begins a session, and resets the chip: what is in RRAM stays.
    ///
    /// # Errors
    /// [`HostError::Line`]: nothing answers, or something that is no Systole board.
    pub fn connect(line: L) -> Result<BoardTransport<L>, HostError> {
        BoardTransport::connect_with(line, Duration::from_secs(1))
    }

    /// As [`BoardTransport::connect`]; `patience` is how long an answer may take.
    ///
    /// # Errors
    /// As there.
    pub fn connect_with(line: L, patience: Duration) -> Result<BoardTransport<L>, HostError> {
        // Not the number of a session before, whose last request may still be on its way.
        let number = std::process::id() as u8;
        let mut board = BoardTransport { line, number, patience, counts: LineCounts::default() };
        board.begin()?;
        Ok(board)
    }

    /// Begins a session, and resets the chip.
    ///
    /// # Errors
    /// As [`BoardTransport::connect`].
    pub fn begin(&mut self) -> Result<(), HostError> {
        let hello = self.request("HELLO", &[])?;
        if hello != MAGIC.to_le_bytes() {
            return Err(HostError::Line(format!(
                "{} answers {hello:02x?} to HELLO, this software speaks {:02x?}: write the bitstream again (make fpga, make prog)",
                self.line.name(),
                MAGIC.to_le_bytes()
            )));
        }
        self.reset()
    }

    /// Resets the chip, as if power had come back: what is in RRAM stays.
    ///
    /// # Errors
    /// [`HostError::Line`].
    pub fn reset(&mut self) -> Result<(), HostError> {
        self.request("RESET", &[]).map(|_| ())
    }

    fn broken(&self, e: &io::Error) -> HostError {
        HostError::Line(format!("{}: {e}; was the board unplugged?", self.line.name()))
    }

    /// Sends a request until it is answered; what the operation gives.
    fn request(&mut self, operation: &str, operands: &[u8]) -> Result<Vec<u8>, HostError> {
        self.number = self.number.wrapping_add(1);
        if self.number == BOOT_NUMBER {
            self.number += 1;
        }
        let mut body = vec![self.number, code(&OPERATIONS, operation)];
        body.extend(operands);
        let bytes = frame(&body);
        let mut seen = 0;
        for attempt in 0..TRIES {
            self.counts.repeated += u64::from(attempt > 0);
            self.line.send(&bytes).map_err(|e| self.broken(&e))?;
            self.counts.bytes.0 += bytes.len() as u64;
            let (begin, mut frames, mut buffer) = (Instant::now(), Deframer::default(), [0; 1024]);
            while let Some(left) = self.patience.checked_sub(begin.elapsed()) {
                let n = self.line.receive(&mut buffer, left).map_err(|e| self.broken(&e))?;
                seen += n;
                self.counts.bytes.1 += n as u64;
                // An answer to an earlier try is as good; one to an earlier request is none.
                let answer = buffer[..n].iter().filter_map(|&b| frames.push(b)).find(|a| a.len() >= 2 && a[0] == self.number);
                let Some(answer) = answer else { continue };
                self.counts.requests += 1;
                return match RESULTS.get(answer[1] as usize).copied() {
                    Some("DONE") => Ok(answer[2..].to_vec()),
                    Some("REFUSED") => {
                        let access = if operation == "READ" { "read" } else { "write" };
                        Err(HostError::Refused { offset: 4 * u32::from(operands.first().copied().unwrap_or(0)), access })
                    }
                    Some("NO_SESSION") => Err(HostError::Line(format!(
                        "the board at {} began anew in the middle: its power or its reset; start the command again",
                        self.line.name()
                    ))),
                    Some("LATE") => Err(HostError::Line(format!(
                        "the chip did not take what {operation} brought; only a reset goes on: start the command again"
                    ))),
                    other => Err(HostError::Line(format!(
                        "the board answers {} to {operation}: its bitstream is of another version (make fpga, make prog)",
                        other.unwrap_or("an unknown result")
                    ))),
                };
            }
        }
        let name = self.line.name();
        Err(HostError::Line(if seen == 0 {
            format!(
                "{name} is silent: is the bitstream in the board (make prog), and is this its port? systole board check looks further"
            )
        } else {
            format!("{name} sends {seen} bytes but no frame: another baud rate, or another program's port")
        }))
    }

    /// Lets cycles pass, or waits for the interrupt: cycles at most, and whether it stands.
    fn wait(&mut self, cycles: u64, for_irq: bool) -> Result<bool, HostError> {
        let mut left = cycles;
        loop {
            let now = left.min(WAIT_CYCLES);
            let mut operands = vec![u8::from(for_irq)];
            operands.extend((now as u32).to_le_bytes());
            let irq = self.request("WAIT", &operands)?.first().is_some_and(|b| b & 1 == 1);
            left -= now;
            if left == 0 || (irq && for_irq) {
                return Ok(irq);
            }
        }
    }
}

impl<L: Line> Transport for BoardTransport<L> {
    async fn read(&mut self, offset: u32) -> Result<u32, HostError> {
        let data = self.request("READ", &[(offset / 4) as u8])?;
        let word = data.try_into().map_err(|_| HostError::Line("an answer to READ without four bytes".into()))?;
        Ok(u32::from_le_bytes(word))
    }

    async fn write(&mut self, offset: u32, value: u32) -> Result<(), HostError> {
        let mut operands = vec![(offset / 4) as u8];
        operands.extend(value.to_le_bytes());
        self.request("WRITE", &operands).map(|_| ())
    }

    async fn send_image(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        for part in bytes.chunks(PAYLOAD) {
            self.request("IMAGE", part)?;
        }
        Ok(())
    }

    async fn queue_frame(&mut self, frame: Vec<u8>) -> Result<(), HostError> {
        let parts = frame.len().div_ceil(PAYLOAD);
        for (n, part) in frame.chunks(PAYLOAD).enumerate() {
            let mut operands = vec![u8::from(n + 1 == parts)];
            operands.extend(part);
            self.request("INPUT", &operands)?;
        }
        Ok(())
    }

    async fn receive_frame(&mut self, limit: u64) -> Result<Vec<u8>, HostError> {
        let (mut frame, mut waited) = (vec![], 0);
        loop {
            let answer = self.request("OUTPUT", &[])?;
            let (flags, bytes) =
                answer.split_first().ok_or_else(|| HostError::Line("an answer to OUTPUT without flags".into()))?;
            frame.extend(bytes);
            if flags & 1 == 1 {
                return Ok(frame);
            }
            if bytes.is_empty() {
                if waited >= limit {
                    return Err(HostError::Timeout {
                        what: "the output frame".into(),
                        limit,
                        state: format!("{} bytes came", frame.len()),
                    });
                }
                waited += 64;
                self.wait(64, false)?;
            }
        }
    }

    async fn pause(&mut self, cycles: u64) -> Result<u64, HostError> {
        self.wait(cycles, false)?;
        Ok(cycles)
    }

    async fn wait_irq(&mut self, limit: u64) -> Result<bool, HostError> {
        self.wait(limit, true)
    }
}
