//! From a drawing to its three forms: SVG as drawn, PDF and PNG made from that SVG.
//!
//! The SVG keeps text as text and names DejaVu Sans; the PDF embeds that font (vector text that can be selected), and
//! the PNG is rasterised with it, so nothing depends on the fonts of the machine. Equal drawings give equal bytes: no
//! dates, no random ids. The PDF writer keeps resources of one kind in a hash map, whose order is random; drawings
//! therefore use one font face, one colour space and no transparency, so that there is never more than one of a kind.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};

use super::canvas::{Canvas, UNITS};
use super::error::FigureError;
use super::table::Table;
use super::{Figure, Page, Size};

/// A drawing in its three forms.
pub struct Drawing {
    /// SVG text.
    pub svg: String,
    /// PDF bytes.
    pub pdf: Vec<u8>,
    /// PNG bytes.
    pub png: Vec<u8>,
}

/// Draws a figure from its table and renders it.
pub fn render(figure: &dyn Figure, table: &Table, caption: &str, page: &Page) -> Result<Drawing, FigureError> {
    let name = figure.name();
    let size = figure.size(table, page.width());
    let svg = svg(figure, table, page, caption)?;
    let failed = |form, reason: String| FigureError::Render { figure: name, form, reason };
    let options = usvg::Options { dpi: 72.0, fontdb: fonts(), font_family: "DejaVu Sans".into(), ..Default::default() };
    let tree = usvg::Tree::from_str(&svg, &options).map_err(|e| failed("PNG and PDF", e.to_string()))?;
    let pdf = svg2pdf::to_pdf(&tree, svg2pdf::ConversionOptions::default(), svg2pdf::PageOptions { dpi: 72.0 })
        .map_err(|e| failed("PDF", e.to_string()))?;
    let png = png(&tree, size, page.dpi).map_err(|reason| failed("PNG", reason))?;
    Ok(Drawing { svg, pdf, png })
}

/// The drawing as SVG.
pub fn svg(figure: &dyn Figure, table: &Table, page: &Page, caption: &str) -> Result<String, FigureError> {
    let mut svg = String::new();
    let size = figure.size(table, page.width());
    let mut drawn = || {
        let canvas = Canvas::new(&mut svg, size.width, size.height, page.theme)?;
        figure.draw(table, &canvas)?;
        canvas.finish()
    };
    drawn().map_err(|error| FigureError::Draw { figure: figure.name(), reason: error.to_string() })?;
    // plotters' root element counts in canvas units; the figure has a size in points, a title and a description.
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    Ok(format!(
        "<svg width=\"{}pt\" height=\"{}pt\" viewBox=\"0 0 {} {}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <title>{}</title>\n<desc>{}</desc>{body}",
        size.width,
        size.height,
        (size.width * UNITS).round(),
        (size.height * UNITS).round(),
        escaped(figure.name()),
        escaped(caption),
    ))
}

fn png(tree: &usvg::Tree, size: Size, dpi: f64) -> Result<Vec<u8>, String> {
    let scale = dpi / 72.0;
    let (width, height) = ((size.width * scale).round() as u32, (size.height * scale).round() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| format!("no picture of {width} × {height} pixels"))?;
    resvg::render(tree, Transform::from_scale(scale as f32, scale as f32), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| e.to_string())
}

/// DejaVu Sans, and nothing of the system's.
fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(load))
}

fn escaped(text: &str) -> String {
    // XML has no place for most control characters, however they are written.
    let known = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..);
    let text: String = text.chars().map(|c| if known(c) { c } else { '\u{fffd}' }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::canvas::text_width;

    #[test]
    fn text_is_as_wide_as_it_was_measured() {
        for text in ["flowsim-window (baseline)", "≤ 1 KB", "AVA 0.0123 10⁻⁵", "slowdown (FCT ÷ ideal FCT)"] {
            let svg = format!(
                "<svg width=\"500pt\" height=\"20pt\" viewBox=\"0 0 5000 200\" xmlns=\"http://www.w3.org/2000/svg\">\
                 <text x=\"0\" y=\"100\" font-family=\"DejaVu Sans, sans-serif\" font-size=\"90\">{text}</text></svg>"
            );
            let options = usvg::Options { dpi: 72.0, fontdb: fonts(), ..Default::default() };
            let tree = usvg::Tree::from_str(&svg, &options).expect("the test's SVG is valid");
            let rendered = f64::from(tree.root().abs_bounding_box().width());
            let measured = text_width(text, 9.0);
            assert!((rendered - measured).abs() < 0.03 * measured + 0.5, "{text}: {rendered} against {measured}");
        }
    }
}
