//! The tables: each figure with its target, its floor of the same run, and the ratio to it.

use std::fs;

use crate::samples::Samples;

/// What a figure should be.
#[derive(Clone, Copy)]
enum Target {
    Below(f64),
    AtLeast(f64),
}

/// One line of a table.
pub struct Row {
    name: String,
    unit: &'static str,
    /// p50, p90, p99; of a single figure the first.
    figures: Vec<f64>,
    target: Option<Target>,
    /// Of the p99.
    tail: Option<Target>,
    floor: Option<f64>,
}

impl Row {
    /// Quantiles of times.
    pub fn times(name: impl Into<String>, samples: &Samples) -> Self {
        Self::new(name, "ms", [50, 90, 99].map(|percent| samples.quantile_ms(percent)).to_vec())
    }

    /// A median of so few measurements that a p99 would be its slowest one.
    pub fn median(name: impl Into<String>, samples: &Samples) -> Self {
        Self::new(name, "ms", vec![samples.median_ms(), samples.quantile_ms(90)])
    }

    /// One figure.
    pub fn figure(name: impl Into<String>, unit: &'static str, figure: f64) -> Self {
        Self::new(name, unit, vec![figure])
    }

    fn new(name: impl Into<String>, unit: &'static str, figures: Vec<f64>) -> Self {
        Self { name: name.into(), unit, figures, target: None, tail: None, floor: None }
    }

    /// The first figure should be below this.
    pub fn below(self, target: f64) -> Self {
        Self { target: Some(Target::Below(target)), ..self }
    }

    /// The p99 should be below this.
    pub fn tail_below(self, target: f64) -> Self {
        Self { tail: Some(Target::Below(target)), ..self }
    }

    /// The first figure should be this or more.
    pub fn at_least(self, target: f64) -> Self {
        Self { target: Some(Target::AtLeast(target)), ..self }
    }

    /// The same work without Larder, in the same unit.
    pub fn floor(self, floor: f64) -> Self {
        Self { floor: Some(floor), ..self }
    }

    /// Prints the line.
    pub fn print(&self) {
        let figure = |index: usize| self.figures.get(index).map_or_else(String::new, |figure| number(*figure));
        let ratio = self.floor.map_or_else(String::new, |floor| format!("{:.1}x", self.figures[0] / floor));
        println!(
            "{:<44}{:>10}{:>10}{:>10} {:<4}{:>16}{:>10}{:>8}  {}",
            self.name,
            figure(0),
            figure(1),
            figure(2),
            self.unit,
            self.targets(),
            self.floor.map_or_else(String::new, number),
            ratio,
            self.verdict()
        );
    }

    fn targets(&self) -> String {
        let both = [self.target, self.tail].into_iter().flatten().map(|target| match target {
            Target::Below(most) => format!("<{}", number(most)),
            Target::AtLeast(least) => format!(">={}", number(least)),
        });
        both.collect::<Vec<_>>().join(", ")
    }

    fn verdict(&self) -> &'static str {
        let first = self.target.map(|target| met(target, self.figures[0]));
        let tail = self.tail.zip(self.figures.get(2)).map(|(target, figure)| met(target, *figure));
        match (first, tail) {
            (None, None) => "",
            (first, tail) if first != Some(false) && tail != Some(false) => "ok",
            _ => "MISSED",
        }
    }
}

fn met(target: Target, figure: f64) -> bool {
    match target {
        Target::Below(most) => figure < most,
        Target::AtLeast(least) => figure >= least,
    }
}

/// Three digits or so: more would be noise.
fn number(figure: f64) -> String {
    match figure {
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure if figure >= 10.0 => format!("{figure:.1}"),
        figure if figure >= 1.0 => format!("{figure:.2}"),
        figure => format!("{figure:.3}"),
    }
}

/// Prints a section's head.
pub fn heading(name: &str, about: &str) {
    println!("\n{name}: {about} (load {})", load());
    println!(
        "{:<44}{:>10}{:>10}{:>10} {:<4}{:>16}{:>10}{:>8}",
        "", "p50", "p90", "p99", "", "target", "floor", "ratio"
    );
}

/// The machine in a line: figures without it mean nothing.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {}, Linux {}", model.trim_start_matches([' ', '\t', ':']), kernel.trim())
}

/// The load average of the last minute: what else the machine was doing.
fn load() -> String {
    let loads = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    loads.split(' ').next().unwrap_or_default().to_owned()
}
