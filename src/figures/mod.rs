//! Figures: from results to pictures fit for a paper, one file per figure.
//!
//! ```text
//! Dataset ── data ──► Table ── draw ──► SVG ──► PDF, PNG
//!    │ (statistics)     └──► CSV        (plotters; resvg and svg2pdf with the embedded font)
//!    └── Scope: which backends over which scenarios, what is missing
//! ```
//!
//! A new figure is one file with a type that implements [`Figure`], and one line in [`all`]. Rules: statistics live in
//! `data`, drawing in `draw`; `draw` sees the table only; equal datasets give equal bytes in every form; all backends
//! are compared over the same scenarios (`scope`); what is missing is said in the caption, never drawn half.

mod axis;
mod bootstrap;
mod canvas;
mod cdf;
mod completion;
mod density;
mod error;
mod error_boxes;
mod error_cdf;
mod filter;
mod flow_error_cdf;
mod flow_sizes;
mod grid;
mod heat;
mod legend;
mod link_load;
mod matrix;
mod p99_bars;
mod panel;
mod plane;
mod queues;
mod render;
mod runtime;
mod scaling;
mod scenario_cdf;
mod scope;
mod slowdown_cdf;
mod style;
mod table;
mod trace;
mod training;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use canvas::{Canvas, DrawResult};
pub use error::{FigureError, Missing};
pub use filter::{Filter, FilterError, KEYS as FILTER_KEYS};
pub use scope::Scope;
pub use style::Theme;
pub use table::{Cell, Row, Table};
pub use training::Training;

use crate::atomic::Replacement;
use crate::dataset::{Dataset, RunResults, ScenarioResults};

/// What a figure needs before it can say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Whether it compares with a baseline.
    pub baseline: bool,
    /// Backends it needs, the baseline included.
    pub backends: usize,
    /// Backends that say nothing here and are shown only if the request names them (or nothing else ran).
    pub only_if_named: &'static [&'static str],
}

/// What a figure wants to know beyond the columns of the store: parts of [`crate::dataset::Details`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Demand on racks and channels, of every scenario.
    Traffic,
    /// Queues of the packet simulation, of the [`busiest`] scenario.
    Queues,
}

/// What somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The backend taken for the truth; figures that need none mark it if it is given.
    pub baseline: Option<String>,
    /// The backends to show, besides the baseline; all that have a finished run if not given.
    pub backends: Option<Vec<String>>,
    /// Which scenarios; all if not given.
    pub filter: Option<Filter>,
    /// First flow (by start, from 0) and number of flows of figures that show single flows; they choose if not given.
    pub flows: Option<(usize, usize)>,
}

impl Request {
    /// Whether a scenario is asked for.
    pub fn keeps(&self, scenario: &ScenarioResults) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.keeps(scenario))
    }
}

/// How a figure is made up; the same table fits every page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page {
    /// Whether it stands in one column of a paper, or over two.
    pub narrow: bool,
    /// Light or dark.
    pub theme: Theme,
    /// Dots per inch of the PNG.
    pub dpi: f64,
}

impl Default for Page {
    /// Two columns, light, 200 dots per inch.
    fn default() -> Self {
        Self { narrow: false, theme: Theme::Light, dpi: 200.0 }
    }
}

impl Page {
    /// Width in points.
    pub fn width(&self) -> f64 {
        if self.narrow { style::SINGLE_COLUMN } else { style::DOUBLE_COLUMN }
    }
}

/// Size of a figure in points (1/72 in).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// One kind of figure.
pub trait Figure: Sync {
    /// Name on the command line and of the files.
    fn name(&self) -> &'static str;

    /// What it shows, in one line.
    fn about(&self) -> &'static str;

    /// What it needs.
    fn needs(&self) -> Needs;

    /// What else it looks at.
    fn details(&self) -> &'static [Detail] {
        &[]
    }

    /// The statistics, as a table.
    ///
    /// # Errors
    /// If the dataset lacks what the request compares.
    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError>;

    /// What is shown, over which scenarios, which statistic, how many, and what is missing.
    fn caption(&self, table: &Table) -> String;

    /// Size of the drawing of this table on a page of `width` points.
    fn size(&self, table: &Table, width: f64) -> Size;

    /// Draws the table.
    ///
    /// # Errors
    /// If the drawing library refuses.
    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult;
}

/// Backends whose queues can be watched.
pub const WATCHABLE: [&str; 2] = ["packet", "packet-clean"];

/// Where to look for queues, and in whose run: of the scenarios asked for that have a finished run of at most `cpu_s` CPU seconds,
/// the one with the highest delivered load (the first of equals). Of [`WATCHABLE`] the first of these that has such a run: one of the
/// backends asked for, the baseline, any.
pub fn busiest(dataset: &Dataset, request: &Request, cpu_s: f64) -> Option<(usize, &'static str)> {
    let named = request.backends.iter().flatten().chain(&request.baseline);
    let named = named.filter_map(|id| WATCHABLE.into_iter().find(|w| w == id));
    named.chain(WATCHABLE).find_map(|id| {
        let cheap = |s: &ScenarioResults| s.runs.get(id).is_some_and(|run| run.cpu_s <= cpu_s);
        let asked = dataset.scenarios.iter().enumerate().filter(|(_, s)| request.keeps(s) && cheap(s));
        let load = |s: &ScenarioResults| s.attributes.delivered_load;
        asked.rev().max_by(|(_, a), (_, b)| load(a).total_cmp(&load(b))).map(|(i, _)| (i, id))
    })
}

/// When a run delivered its last flow, ns of simulated time; 0 if it delivered none.
pub fn last_delivery_ns(run: &RunResults) -> u64 {
    let ends = run.start_ns.iter().zip(run.fct_ns.iter()).filter(|(_, fct)| **fct != u64::MAX);
    ends.map(|(start, fct)| start.saturating_add(*fct)).max().unwrap_or(0)
}

/// Every figure there is, in the order of a report.
pub fn all() -> &'static [&'static dyn Figure] {
    &[
        &slowdown_cdf::SlowdownCdf,
        &p99_bars::P99Bars,
        &error_cdf::ErrorCdf,
        &flow_error_cdf::FlowErrorCdf,
        &density::Density,
        &error_boxes::ErrorBoxes,
        &trace::Trace,
        &runtime::Runtime,
        &scaling::Scaling,
        &plane::Plane,
        &flow_sizes::FlowSizes,
        &matrix::Matrix,
        &link_load::LinkLoad,
        &queues::Queues,
        &completion::Completion,
    ]
}

/// The figure of a name.
pub fn named(name: &str) -> Option<&'static dyn Figure> {
    all().iter().copied().find(|figure| figure.name() == name)
}

/// The files of a figure, and its caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Drawing with text as text.
    pub svg: PathBuf,
    /// Drawing for papers.
    pub pdf: PathBuf,
    /// Drawing for screens.
    pub png: PathBuf,
    /// What is drawn, as a table.
    pub csv: PathBuf,
    /// The caption.
    pub txt: PathBuf,
    /// The same caption.
    pub caption: String,
}

/// Makes a figure: `NAME.svg`, `.pdf`, `.png`, `.csv` and `.txt` in `out_dir`, which is created if needed. Every form is
/// ready before the first file is touched, and files appear under their names only when complete.
///
/// # Errors
/// Missing data ([`FigureError::is_missing_data`]), or a failure to draw or write; files from before stay then.
pub fn write(
    figure: &dyn Figure,
    dataset: &Dataset,
    request: &Request,
    page: &Page,
    out_dir: &Path,
) -> Result<Written, FigureError> {
    let table = figure.data(dataset, request)?;
    let caption = figure.caption(&table);
    let drawing = render::render(figure, &table, &caption, page)?;
    let path = |extension: &str| out_dir.join(format!("{}.{extension}", figure.name()));
    let written = Written {
        svg: path("svg"),
        pdf: path("pdf"),
        png: path("png"),
        csv: path("csv"),
        txt: path("txt"),
        caption: caption.clone(),
    };
    std::fs::create_dir_all(out_dir).map_err(|source| FigureError::Write { path: out_dir.to_path_buf(), source })?;
    replace_all(&[
        (&written.svg, drawing.svg.as_bytes()),
        (&written.pdf, &drawing.pdf),
        (&written.png, &drawing.png),
        (&written.csv, table.to_csv().as_bytes()),
        (&written.txt, format!("{caption}\n").as_bytes()),
    ])?;
    Ok(written)
}

/// The drawing alone, as SVG.
///
/// # Errors
/// If the drawing library refuses.
pub fn svg(figure: &dyn Figure, table: &Table, page: &Page) -> Result<String, FigureError> {
    render::svg(figure, table, page, &figure.caption(table))
}

/// Writes all files beside their places, then moves them there; leaves no temporary file behind.
fn replace_all(files: &[(&PathBuf, &[u8])]) -> Result<(), FigureError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| FigureError::Write { path, source }
    };
    let mut written = Vec::new();
    for (path, bytes) in files {
        let mut replacement = Replacement::of(path).map_err(at(path))?;
        replacement.file.write_all(bytes).map_err(at(path))?;
        written.push((replacement, path));
    }
    written.into_iter().try_for_each(|(replacement, path)| replacement.finish().map_err(at(path)))
}
