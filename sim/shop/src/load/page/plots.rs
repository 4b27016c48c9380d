//! Plots as SVG inside a page: lines over an axis, and bars beside their names. Pure.

use std::fmt::Write as _;

use crate::html::Escaped;

/// A line and its name.
pub struct Series {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// One name, and a bar for each value.
pub struct Bar {
    pub name: String,
    pub values: Vec<f64>,
}

/// Told apart by those who see few colours, too (Okabe and Ito).
const COLOURS: [&str; 4] = ["#999999", "#0072b2", "#d55e00", "#009e73"];

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 280.0;

/// Around the plot, for the axes' words.
const LEFT: f64 = 60.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;

/// Lines over one axis; both axes begin at 0. Nothing if there are no points.
pub fn lines(title: &str, axis: &str, all: &[Series]) -> String {
    let points = || all.iter().flat_map(|series| &series.points);
    if points().next().is_none() {
        return String::new();
    }
    let most_x = round_up(points().map(|point| point.0).fold(0.0, f64::max));
    let most_y = round_up(points().map(|point| point.1).fold(0.0, f64::max));
    let x = |value: f64| LEFT + value / most_x * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / most_y * (HEIGHT - TOP - BOTTOM);
    let mut svg = String::new();
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        let (across, up) = (most_x * share, most_y * share);
        add(
            &mut svg,
            format_args!(
                "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{up:.1}\" y2=\"{up:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y(up) + 4.0,
                figure(up),
                x(across),
                HEIGHT - BOTTOM + 16.0,
                figure(across),
                up = y(up),
            ),
        );
    }
    add(
        &mut svg,
        format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x(most_x / 2.0),
            HEIGHT - 8.0,
            Escaped(axis)
        ),
    );
    for (series, colour) in all.iter().zip(COLOURS.iter().cycle()) {
        let path: Vec<String> = series
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
            .collect();
        add(
            &mut svg,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            ),
        );
        for (at_x, at_y) in &series.points {
            add(
                &mut svg,
                format_args!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"><title>{}: {} at {}\
                 </title></circle>",
                    x(*at_x),
                    y(*at_y),
                    Escaped(series.name),
                    figure(*at_y),
                    figure(*at_x)
                ),
            );
        }
        if let Some((at_x, at_y)) = series.points.last() {
            add(
                &mut svg,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    x(*at_x) + 8.0,
                    y(*at_y) + 4.0,
                    Escaped(series.name)
                ),
            );
        }
    }
    framed(title, HEIGHT, &svg)
}

/// The height of one bar, and of what lies between two names.
const BAR: f64 = 14.0;
const GAP: f64 = 8.0;

/// Where bars begin, behind their names.
const NAMES: f64 = 300.0;

/// Bars beside their names; `legend` names the values of each, if they are several. Nothing if there are
/// none.
pub fn bars(title: &str, legend: &[&str], all: &[Bar]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let most = all.iter().flat_map(|bar| &bar.values).fold(0.0_f64, |most, value| most.max(*value));
    let width = |value: f64| if most > 0.0 { value / most * (WIDTH - NAMES - RIGHT) } else { 0.0 };
    let mut svg = String::new();
    let mut y = GAP;
    for bar in all {
        add(
            &mut svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                NAMES - 8.0,
                y + BAR - 3.0,
                Escaped(&bar.name)
            ),
        );
        for (place, value) in bar.values.iter().enumerate() {
            let colour = COLOURS[(place + 1) % COLOURS.len()];
            let name = legend.get(place).map_or(String::new(), |name| format!(" {name}"));
            add(
                &mut svg,
                format_args!(
                    "<rect x=\"{NAMES}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" \
                 fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}{}</text>",
                    NAMES + width(*value) + 6.0,
                    y + BAR - 3.0,
                    figure(*value),
                    Escaped(&name),
                    width = width(*value),
                ),
            );
            y += BAR + 1.0;
        }
        y += GAP;
    }
    framed(title, y, &svg)
}

fn framed(title: &str, height: f64, svg: &str) -> String {
    format!(
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-label=\"{title}\">{svg}</svg></figure>\n",
        title = Escaped(title)
    )
}

fn add(svg: &mut String, text: std::fmt::Arguments<'_>) {
    svg.write_fmt(text).expect("it is memory");
}

/// With as many digits as say something.
fn figure(value: f64) -> String {
    match value {
        _ if value >= 100.0 || value == 0.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Where an axis ends: 1, 2, 4, 6 or 8 times a power of ten, whose quarters are short numbers.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let fits = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().find(|times| times * power >= value);
    fits.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_short_number_above_all_values() {
        let table =
            [(0.0, 1.0), (0.03, 0.04), (1.0, 1.0), (97.0, 100.0), (120.0, 200.0), (350.0, 400.0)];
        for (value, expected) in table {
            assert!((round_up(value) - expected).abs() < 1e-9, "{value}: {}", round_up(value));
        }
    }

    #[test]
    fn the_longest_bar_has_all_the_room() {
        let bar = |name: &str, value| Bar { name: name.into(), values: vec![value] };
        let svg = bars("two", &[], &[bar("a", 5.0), bar("b", 10.0)]);
        assert!(svg.contains("width=\"165.0\"") && svg.contains("width=\"330.0\""), "{svg}");
        assert_eq!(bars("none", &[], &[]), "");
    }

    #[test]
    fn a_line_lies_within_its_axes() {
        let series = [Series { name: "a", points: vec![(0.0, 0.0), (100.0, 50.0)] }];
        let svg = lines("one", "x", &series);
        assert!(svg.contains("points=\"60.0,236.0 630.0,49.3\""), "{svg}");
        assert_eq!(lines("none", "x", &[]), "");
    }
}
