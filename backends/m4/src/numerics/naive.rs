//! The slow twin: the same formulas in double precision with plain loops and the library's functions, one row at a time.
//!
//! Shapes: `w` is `[M, K]` row-major as trained; vectors are slices.

/// y = W x + b; `b` may be empty.
pub fn linear(w: &[f32], b: &[f32], x: &[f64]) -> Vec<f64> {
    assert!(!x.is_empty() && w.len().is_multiple_of(x.len()), "W is [M, K]");
    let rows = w.chunks_exact(x.len()).enumerate();
    rows.map(|(m, row)| {
        let bias = b.get(m).map_or(0.0, |b| f64::from(*b));
        row.iter().zip(x).fold(bias, |sum, (w, x)| sum + f64::from(*w) * x)
    })
    .collect()
}

/// max(x, 0) of each component.
pub fn relu(x: Vec<f64>) -> Vec<f64> {
    x.into_iter().map(|v| v.max(0.0)).collect()
}

/// Weights of a GRU cell as trained: gates in the order r, z, n.
#[derive(Clone, Copy, Debug)]
pub struct GruWeights<'a> {
    /// `[3H, K]`
    pub input: &'a [f32],
    /// `[3H, H]`
    pub hidden: &'a [f32],
    /// `[3H]`
    pub input_bias: &'a [f32],
    /// `[3H]`
    pub hidden_bias: &'a [f32],
}

/// The new state of a GRU cell with input `x` and state `h`.
pub fn gru(w: GruWeights<'_>, x: &[f64], h: &[f64]) -> Vec<f64> {
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    let (i, s, n) = (linear(w.input, w.input_bias, x), linear(w.hidden, w.hidden_bias, h), h.len());
    (0..n)
        .map(|j| {
            let r = sigmoid(i[j] + s[j]);
            let z = sigmoid(i[n + j] + s[n + j]);
            let candidate = (i[2 * n + j] + r * s[2 * n + j]).tanh();
            (1.0 - z) * candidate + z * h[j]
        })
        .collect()
}

/// Layer norm with ε = 1e-5.
pub fn layer_norm(gain: &[f32], offset: &[f32], x: &[f64]) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let scale = 1.0 / (variance + 1e-5).sqrt();
    x.iter()
        .zip(gain.iter().zip(offset))
        .map(|(v, (g, o))| f64::from(*g) * (v - mean) * scale + f64::from(*o))
        .collect()
}
