//! The report: one HTML page with everything about a sweep, readable without network, scripts, a mouse or good eyes.
//!
//! ```text
//! Dataset ── figures, compare ──┐
//! status rows, origins ─────────┴──► page (inline style, script and drawings; text escaped)
//! ```
//!
//! Equal contents give equal bytes: no date, no random ids. Tables work without the script, which only sorts and filters them.
//! Every figure is there twice, light and dark; style shows the one that fits (light on paper). Left out: the data of figures
//! (`mixlab figures` writes them as CSV).

mod html;
mod sections;

use crate::dataset::Dataset;
use crate::figures::{self, FigureError, Page, Request, Theme};
use crate::store::{Origin, StatusRow};
use html::escaped;

/// What a report is made of.
pub struct Report {
    /// Folder of the results.
    pub root: String,
    /// Results, with details for the figures.
    pub dataset: Dataset,
    /// State of every mix under every backend.
    pub status: Vec<StatusRow>,
    /// Versions and machines.
    pub origins: Vec<Origin>,
    /// What the figures compare.
    pub request: Request,
    /// Whether the page asks its server for changes (`serve`).
    pub live: bool,
}

/// A figure as the report shows it, or why it does not.
pub enum Shown {
    /// Name, caption, drawings for light and dark.
    Drawn(&'static str, String, [String; 2]),
    /// Name and reason.
    LeftOut(&'static str, String),
}

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const LIVE_SCRIPT: &str = include_str!("live.js");

/// Draws every figure that the data allow.
///
/// # Errors
/// If the drawing library refuses; missing data are no error.
pub fn draw(report: &Report) -> Result<Vec<Shown>, FigureError> {
    let mut shown = Vec::new();
    for figure in figures::all() {
        let table = match figure.data(&report.dataset, &report.request) {
            Ok(table) => table,
            Err(e) if e.is_missing_data() || matches!(e, FigureError::NoBaseline { .. }) => {
                shown.push(Shown::LeftOut(figure.name(), e.to_string()));
                continue;
            }
            Err(e) => return Err(e),
        };
        let drawing = |theme| figures::svg(*figure, &table, &Page { theme, ..Page::default() });
        let drawings = [drawing(Theme::Light)?, drawing(Theme::Dark)?];
        shown.push(Shown::Drawn(figure.name(), figure.caption(&table), drawings));
    }
    Ok(shown)
}

/// The page.
///
/// # Errors
/// As [`draw`].
pub fn page(report: &Report) -> Result<String, FigureError> {
    let title = format!("mixlab report: {}", report.root);
    let parts = [
        ("what", "What was run", sections::what(report)),
        ("summary", "Summary", sections::summary(report)),
        ("warnings", "Warnings", sections::warnings(report)),
        ("failures", "Failed and unsupported runs", sections::failures(report)),
        ("figures", "Figures", sections::figures(&draw(report)?)),
        ("scenarios", "Scenarios", sections::scenarios(report)),
    ];
    let links: String = parts.iter().map(|(id, name, _)| format!("<li><a href=\"#{id}\">{name}</a></li>")).collect();
    let body: String = parts
        .iter()
        .map(|(id, name, text)| {
            format!("<section id=\"{id}\" aria-labelledby=\"h-{id}\"><h2 id=\"h-{id}\">{name}</h2>\n{text}</section>\n")
        })
        .collect();
    let live = if report.live { format!("<script>{LIVE_SCRIPT}</script>") } else { String::new() };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
         <header><h1>{title}</h1><nav aria-label=\"Sections\"><ul>{links}</ul></nav></header>\n\
         <main id=\"main\">\n{body}</main>\n<script>{SCRIPT}</script>{live}\n</body></html>\n",
        title = escaped(&title)
    ))
}
