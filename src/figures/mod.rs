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
mod canvas;
mod cdf;
mod error;
mod error_cdf;
mod panel;
mod render;
mod runtime;
mod scenario_cdf;
mod scope;
mod slowdown_cdf;
mod style;
mod table;
mod training;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use canvas::{Canvas, DrawResult};
pub use error::{FigureError, Missing};
pub use scope::Scope;
pub use table::{Cell, Row, Table};
pub use training::Training;

use crate::atomic::Replacement;
use crate::dataset::Dataset;

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

/// What somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The backend taken for the truth; figures that need none mark it if it is given.
    pub baseline: Option<String>,
    /// The backends to show, besides the baseline; all that have a finished run if not given.
    pub backends: Option<Vec<String>>,
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

    /// The statistics, as a table.
    ///
    /// # Errors
    /// If the dataset lacks what the request compares.
    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError>;

    /// What is shown, over which scenarios, which statistic, how many, and what is missing.
    fn caption(&self, table: &Table) -> String;

    /// Size of the drawing of this table.
    fn size(&self, table: &Table) -> Size;

    /// Draws the table.
    ///
    /// # Errors
    /// If the drawing library refuses.
    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult;
}

/// Every figure there is, in the order of a report.
pub fn all() -> &'static [&'static dyn Figure] {
    &[&slowdown_cdf::SlowdownCdf, &error_cdf::ErrorCdf, &runtime::Runtime]
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
    /// Drawing for screens, 200 dots per inch.
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
    out_dir: &Path,
) -> Result<Written, FigureError> {
    let table = figure.data(dataset, request)?;
    let caption = figure.caption(&table);
    let drawing = render::render(figure, &table, &caption)?;
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
