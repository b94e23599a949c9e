// SPDX-License-Identifier: Apache-2.0
//! One run as it looks at the chip's ports: a trace of the RTL, drawn as SVG for docs/integrating.md.

use anyhow::{Context, Result, anyhow, ensure};
use std::fmt::Write;
use std::path::Path;
use systole_chip::{Options, run_chip};
use systole_compiler::compile;
use systole_host::{Driver, Transport};
use systole_isa::Config;
use systole_isa::regs::REGS;
use systole_workloads::random;
use wellen::simple::{self, Waveform};

/// A line of the picture: its label, its port, and the ports that have to be 1 where a value of several bits means something.
struct Row {
    label: &'static str,
    port: &'static str,
    valid: &'static [&'static str],
    /// Writes a value.
    show: fn(u64) -> String,
}

const fn bit(label: &'static str, port: &'static str) -> Row {
    Row { label, port, valid: &[], show: hex }
}

fn hex(value: u64) -> String {
    format!("{value:x}")
}

/// The first byte of a word.
fn byte(value: u64) -> String {
    format!("{:02x}", value & 0xff)
}

/// The register at an address.
fn register(address: u64) -> String {
    REGS.iter().find(|r| u64::from(r.offset) == address).map_or_else(|| hex(address), |r| r.name.to_string())
}

/// Groups of lines, from top to bottom.
const GROUPS: [(&str, &[Row]); 4] = [
    (
        "registers, AXI4-Lite",
        &[
            bit("awvalid", "s_axil_awvalid_i"),
            bit("awready", "s_axil_awready_o"),
            Row { label: "awaddr", port: "s_axil_awaddr_i", valid: &["s_axil_awvalid_i"], show: register },
            bit("wvalid", "s_axil_wvalid_i"),
            bit("wready", "s_axil_wready_o"),
            Row { label: "wdata", port: "s_axil_wdata_i", valid: &["s_axil_wvalid_i"], show: hex },
            bit("bvalid", "s_axil_bvalid_o"),
            bit("arvalid", "s_axil_arvalid_i"),
            bit("arready", "s_axil_arready_o"),
            Row { label: "araddr", port: "s_axil_araddr_i", valid: &["s_axil_arvalid_i"], show: register },
            bit("rvalid", "s_axil_rvalid_o"),
            Row { label: "rdata", port: "s_axil_rdata_o", valid: &["s_axil_rvalid_o"], show: hex },
        ],
    ),
    (
        "input frame, AXI4-Stream",
        &[
            bit("tvalid", "s_axis_in_tvalid_i"),
            bit("tready", "s_axis_in_tready_o"),
            Row { label: "tdata", port: "s_axis_in_tdata_i", valid: &["s_axis_in_tvalid_i"], show: byte },
            Row { label: "tkeep", port: "s_axis_in_tkeep_i", valid: &["s_axis_in_tvalid_i"], show: hex },
            bit("tlast", "s_axis_in_tlast_i"),
        ],
    ),
    ("run", &[bit("state_o[1]", "state_o"), bit("irq_o", "irq_o")]),
    (
        "output frame, AXI4-Stream",
        &[
            bit("tvalid", "m_axis_out_tvalid_o"),
            bit("tready", "m_axis_out_tready_i"),
            Row { label: "tdata", port: "m_axis_out_tdata_o", valid: &["m_axis_out_tvalid_o"], show: byte },
            Row { label: "tkeep", port: "m_axis_out_tkeep_o", valid: &["m_axis_out_tvalid_o"], show: hex },
            bit("tlast", "m_axis_out_tlast_o"),
        ],
    ),
];

/// Pixels of a cycle, of a line, and of the labels.
const CYCLE: u64 = 14;
const LINE: u64 = 22;
const LABELS: u64 = 110;

/// The values of ports in each cycle.
struct Trace {
    wave: Waveform,
    first: u64,
    cycles: u64,
}

impl Trace {
    /// The values of a port, as a flip-flop behind it samples them at the end of each cycle.
    fn values(&mut self, port: &str) -> Result<Vec<u64>> {
        let hierarchy = self.wave.hierarchy();
        let wanted = format!("systole_top.{port}");
        let is = |name: &str| name == wanted || name.ends_with(&format!(".{wanted}"));
        let var = hierarchy.all_vars().find(|&v| is(&hierarchy[v].full_name(hierarchy)));
        let signal = hierarchy[var.with_context(|| format!("no port {port} in the wave"))?].signal_ref();
        self.wave.load_signals(&[signal]);
        let times = self.wave.time_table().to_vec();
        let signal = self.wave.get_signal(signal).context("a signal that was loaded")?;
        let mut changes = vec![];
        for (at, value) in signal.iter_changes() {
            let text = value.to_bit_string().context("a port of bits")?;
            changes.push((times[at as usize], u64::from_str_radix(&text, 2).unwrap_or(0)));
        }
        // Two steps of time a cycle; inputs change with the first of them.
        let value = |cycle: u64| changes.iter().rev().find(|c| c.0 <= 2 * cycle + 1).map_or(0, |c| c.1);
        Ok((0..self.cycles).map(|n| value(self.first + n)).collect())
    }
}

fn draw(trace: &mut Trace, cycles: u64) -> Result<String> {
    let lines: usize = GROUPS.iter().map(|g| g.1.len() + 1).sum();
    let (width, height) = (LABELS + trace.cycles * CYCLE + 10, (lines as u64 + 1) * LINE + 10);
    let mut t = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" font-family=\"monospace\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n<g stroke=\"#e4e4e4\">\n"
    );
    for n in 0..=trace.cycles {
        let x = LABELS + n * CYCLE;
        let _ = writeln!(t, "<path d=\"M{x} {LINE}V{}\"/>", height - 10);
    }
    t += "</g>\n";
    for n in (0..trace.cycles).step_by(10) {
        let _ = writeln!(t, "<text x=\"{}\" y=\"15\" fill=\"#888\">{n}</text>", LABELS + n * CYCLE);
    }
    let mut y = LINE;
    for (title, rows) in GROUPS {
        y += LINE;
        let _ = writeln!(t, "<text x=\"4\" y=\"{}\" font-weight=\"bold\">{title}</text>", y - 6);
        for row in rows {
            y += LINE;
            let _ = writeln!(t, "<text x=\"14\" y=\"{}\">{}</text>", y - 6, row.label);
            let mut values = trace.values(row.port)?;
            if row.port == "state_o" {
                values.iter_mut().for_each(|v| *v = *v >> 1 & 1);
            }
            if row.valid.is_empty() {
                let level = |v: u64| y - 5 - if v != 0 { LINE - 9 } else { 0 };
                let mut path = format!("M{LABELS} {}", level(values[0]));
                for (n, &v) in values.iter().enumerate() {
                    let _ = write!(path, "V{}H{}", level(v), LABELS + (n as u64 + 1) * CYCLE);
                }
                let colour = if row.port.ends_with("_i") { "#1f5fbf" } else { "#b3541e" };
                let _ = writeln!(t, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
            } else {
                let mut valid = vec![true; values.len()];
                for port in row.valid {
                    trace.values(port)?.iter().zip(&mut valid).for_each(|(&v, valid)| *valid &= v != 0);
                }
                values_of(&mut t, row, &values, &valid, y);
            }
        }
    }
    let _ = writeln!(t, "<text x=\"4\" y=\"{}\" fill=\"#888\">{cycles} cycles, launch to end</text>\n</svg>", height - 4);
    Ok(t)
}

/// Boxes of values where they mean something; their text begins in the box and may go on behind it.
fn values_of(t: &mut String, row: &Row, values: &[u64], valid: &[bool], y: u64) {
    let mut n = 0;
    while n < values.len() {
        let same = (n..values.len()).take_while(|&k| valid[k] == valid[n] && (!valid[n] || values[k] == values[n])).count();
        if valid[n] {
            let (x, wide) = (LABELS + n as u64 * CYCLE, same as u64 * CYCLE);
            let colour = if row.port.ends_with("_i") { "#dbe7f8" } else { "#f6e3d6" };
            let _ = writeln!(
                t,
                "<rect x=\"{x}\" y=\"{}\" width=\"{wide}\" height=\"{}\" fill=\"{colour}\" stroke=\"#777\"/>",
                y - 18,
                LINE - 9
            );
            let _ = writeln!(t, "<text x=\"{}\" y=\"{}\" font-size=\"9\">{}</text>", x + 2, y - 8, (row.show)(values[n]));
        }
        n += same;
    }
}

/// The picture: `nano` runs a small product, from the first word of its frame to the last of its result. `folder` keeps the wave.
///
/// # Errors
/// The simulation's, and a wave without one of the ports.
pub fn picture(folder: &Path) -> Result<String> {
    let config = Config::named("nano")?;
    let (network, input) = random::gemm(3, 1, 14, 6, false);
    let image = compile(&network.graph()?, &config, &Default::default())?.image;
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = image.input.pack(&values, image.in_bytes as usize);
    let path = folder.join("run.fst");
    let window = harness::TraceWindow { path: path.clone(), from: 0, to: u64::MAX, origin: harness::Origin::Start, depth: 0 };
    let options = Options { trace: Some(window), ..Options::default() };
    let (first, last, cycles) = run_chip(&config, &options, move |t| async move {
        let mut driver = Driver::connect(t).await?;
        driver.load(&image).await?;
        driver.transport().pause(4).await?;
        let first = driver.transport().sim().cycle();
        let output = driver.run(&frame).await?;
        driver.transport().pause(4).await?;
        Ok::<_, anyhow::Error>((first, driver.transport().sim().cycle(), output.cycles))
    })
    .map_err(|e| anyhow!("{e}"))??;
    ensure!(last > first, "no cycles");
    let wave = simple::read(&path).map_err(|e| anyhow!("{}: {e}", path.display()))?;
    draw(&mut Trace { wave, first, cycles: last - first }, cycles)
}
