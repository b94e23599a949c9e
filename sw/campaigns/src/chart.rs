// SPDX-License-Identifier: Apache-2.0
//! Plots of campaigns, as SVG.

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use std::path::Path;
use systole_report::numbers::label;

/// A named line.
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

const COLOURS: [RGBColor; 5] =
    [RGBColor(31, 119, 180), RGBColor(214, 39, 40), RGBColor(44, 160, 44), RGBColor(148, 103, 189), RGBColor(140, 86, 75)];

fn fail<E: std::fmt::Display>(e: E) -> anyhow::Error {
    anyhow!("plot: {e}")
}

/// A mark of an axis.
fn number(v: &f64) -> String {
    label(*v)
}

/// A drawing's builder, on white, with the title above it.
type Builder<'a, 'b> = ChartBuilder<'a, 'b, SVGBackend<'b>>;

/// A drawing over two axes.
type Chart<'a, X, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>;

/// An axis of numbers.
trait Axis: Ranged<ValueType = f64> + ValueFormatter<f64> {}
impl<R: Ranged<ValueType = f64> + ValueFormatter<f64>> Axis for R {}

/// Draws into a file, whole or not at all.
fn drawing(path: &Path, title: &str, draw: impl FnOnce(&mut Builder) -> Result<()>) -> Result<()> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (760, 440)).into_drawing_area();
        area.fill(&WHITE).map_err(fail)?;
        let mut builder = ChartBuilder::on(&area);
        builder.caption(title, ("sans-serif", 18)).margin(12).x_label_area_size(44).y_label_area_size(72);
        draw(&mut builder)?;
        area.present().map_err(fail)?;
    }
    Ok(systole_files::write(path, text.as_bytes())?)
}

/// Both axes with their names and numbers.
fn mesh<X: Axis, Y: Axis>(chart: &mut Chart<X, Y>, axes: (&str, &str)) -> Result<()> {
    let mesh = &mut chart.configure_mesh();
    mesh.x_label_formatter(&number).y_label_formatter(&number).x_desc(axes.0).y_desc(axes.1);
    mesh.light_line_style(WHITE).draw().map_err(fail)
}

/// The lines themselves, their points, the legend.
fn draw_series<X: Axis, Y: Axis>(chart: &mut Chart<X, Y>, series: &[Series], keep: impl Fn(&(f64, f64)) -> bool) -> Result<()> {
    for (s, &colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let points: Vec<_> = s.points.iter().copied().filter(&keep).collect();
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))
            .map_err(fail)?
            .label(&s.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points.iter().map(|&p| Circle::new(p, 3, colour.filled()))).map_err(fail)?;
    }
    let labels = &mut chart.configure_series_labels();
    labels.background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3)).draw().map_err(fail)
}

/// Lines over a common axis; `log` draws the second axis in decades and leaves out what is zero.
///
/// # Errors
/// A file that cannot be written.
pub fn lines(path: &Path, title: &str, axes: (&str, &str), log: bool, series: &[Series]) -> Result<()> {
    let keep = |p: &(f64, f64)| !log || p.1 > 0.0;
    let all = || series.iter().flat_map(|s| &s.points).filter(|p| keep(p));
    let (x0, x1) = all().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.0), b.max(p.0)));
    let wide = x1 + 0.28 * (x1 - x0); // room for the legend
    let (y0, y1) = all().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.1), b.max(p.1)));
    if x0 >= x1 {
        return Err(anyhow!("{}: nothing to draw", path.display()));
    }
    drawing(path, title, |builder| {
        if log {
            let mut chart = builder.build_cartesian_2d(x0..wide, (y0 * 0.5..y1 * 2.0).log_scale()).map_err(fail)?;
            mesh(&mut chart, axes)?;
            draw_series(&mut chart, series, keep)
        } else {
            let mut chart = builder.build_cartesian_2d(x0..wide, y0.min(0.0)..y1 * 1.08).map_err(fail)?;
            mesh(&mut chart, axes)?;
            draw_series(&mut chart, series, keep)
        }
    })
}

/// A named point.
pub struct Mark {
    /// Its name, beside it.
    pub name: String,
    /// Where it is.
    pub at: (f64, f64),
    /// Whether it lies on the front: drawn full, and joined by steps.
    pub best: bool,
}

/// Points with their names, the second axis in decades; those of the front are joined.
///
/// # Errors
/// Nothing to draw; a file that cannot be written.
pub fn marks(path: &Path, title: &str, axes: (&str, &str), all: &[Mark]) -> Result<()> {
    let x = all.iter().fold(0.0, |a: f64, m| a.max(m.at.0)) * 1.35;
    let (y0, y1) = all.iter().fold((f64::MAX, 0.0), |(a, b): (f64, f64), m| (a.min(m.at.1), b.max(m.at.1)));
    if all.is_empty() || y0 <= 0.0 {
        return Err(anyhow!("{}: nothing to draw", path.display()));
    }
    drawing(path, title, |builder| {
        let mut chart = builder.build_cartesian_2d(0.0..x, (y0 * 0.5..y1 * 2.0).log_scale()).map_err(fail)?;
        mesh(&mut chart, axes)?;
        let mut steps: Vec<(f64, f64)> = Vec::new();
        for mark in all.iter().filter(|m| m.best) {
            if let Some(&(_, y)) = steps.last() {
                steps.push((mark.at.0, y));
            }
            steps.push(mark.at);
        }
        chart.draw_series(LineSeries::new(steps, COLOURS[0].stroke_width(2))).map_err(fail)?;
        for (n, mark) in all.iter().enumerate() {
            let colour = if mark.best { COLOURS[0] } else { RGBColor(150, 150, 150) };
            chart.draw_series([Circle::new(mark.at, 4, colour.filled())]).map_err(fail)?;
            let label = EmptyElement::at(mark.at)
                + Text::new(mark.name.clone(), (4, if n % 2 == 0 { -18 } else { 6 }), ("sans-serif", 12));
            chart.draw_series([label]).map_err(fail)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of an SVG.
    fn texts(svg: &str) -> Vec<String> {
        let inside = svg.split("<text").skip(1).filter_map(|t| t.split_once('>')?.1.split_once("</text>"));
        inside.map(|t| t.0.trim().to_string()).collect()
    }

    #[test]
    fn axes_have_numbers_as_people_write_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.svg");
        let read = || texts(&std::fs::read_to_string(&file).unwrap());
        let numbers = |all: &[String]| {
            let of = all.iter().filter(|t| t.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
            of.cloned().collect::<Vec<_>>()
        };
        for (x, y) in [(1.0, 0.7), (0.3, 1.23), (32.0, 3e-5), (60_000.0, 17.0), (0.07, 123_456.0)] {
            let points: Vec<(f64, f64)> = (0..8).map(|n| (x * f64::from(n) / 7.0, y * f64::from(n + 1) / 8.0)).collect();
            for log in [false, true] {
                let series = Series { name: "a".into(), points: points.clone() };
                lines(&file, "title", ("across", "up"), log, &[series]).unwrap();
                let all = numbers(&read());
                assert!(all.len() >= 4, "{all:?}");
                assert!(all.iter().all(|t| t.len() <= 8), "{all:?}");
            }
            let all: Vec<Mark> = points.iter().map(|&at| Mark { name: "m".into(), at, best: true }).collect();
            marks(&file, "title", ("across", "up"), &all).unwrap();
            let all = numbers(&read());
            assert!(all.len() >= 3 && all.iter().all(|t| t.len() <= 8), "{all:?}");
        }
    }
}
