//! Where panels stand: equal panels in rows from left to right, the same for every figure of small multiples.

use super::canvas::Rect;

/// Equal panels in rows.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Width of the page.
    pub page: f64,
    /// Panels in a row.
    pub columns: usize,
    /// Left of the first panel.
    pub left: f64,
    /// Right of the last panel.
    pub right: f64,
    /// Between panels of a row.
    pub gap: f64,
    /// Above the frames of the first row.
    pub top: f64,
    /// Height of a frame.
    pub height: f64,
    /// Between the frames of two rows.
    pub between: f64,
}

impl Grid {
    /// Width of a frame.
    pub fn width(&self) -> f64 {
        let columns = self.columns.max(1) as f64;
        (self.page - self.left - self.right - self.gap * (columns - 1.0)) / columns
    }

    /// The frame of panel `i`.
    pub fn frame(&self, i: usize) -> Rect {
        let (row, column) = (i / self.columns.max(1), i % self.columns.max(1));
        let width = self.width();
        Rect {
            x: self.left + column as f64 * (width + self.gap),
            y: self.top + row as f64 * (self.height + self.between),
            width,
            height: self.height,
        }
    }

    /// Whether panel `i` is the first of its row.
    pub fn leftmost(&self, i: usize) -> bool {
        i.is_multiple_of(self.columns.max(1))
    }

    /// Lower edge of the frames of the last row of `panels`.
    pub fn bottom(&self, panels: usize) -> f64 {
        let rows = panels.div_ceil(self.columns.max(1)).max(1) as f64;
        self.top + rows * self.height + (rows - 1.0) * self.between
    }
}

/// Whether a page is a single column.
pub fn is_narrow(page: f64) -> bool {
    page < 400.0
}
