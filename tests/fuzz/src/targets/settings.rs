//! `mixlab.toml`, `backend.toml`, filters of scenarios, and requests to `serve`.

use super::{chosen, text};
use mixlab::cli::{answers, settings_reader};
use mixlab::external::Manifest;
use mixlab::figures::Filter;
use mixlab::spec::SpecError;
use mixlab::spec::json::Document;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;

type Reader = Box<dyn Fn(&Document) -> Result<(), SpecError> + Send + Sync>;

static SETTINGS: LazyLock<Reader> = LazyLock::new(|| Box::new(settings_reader()));

fn document(text: String) -> Document {
    Document::new(Path::new("file.toml"), text)
}

pub fn backend_toml(bytes: &[u8]) {
    let reserved = ["packet".to_owned(), "all".to_owned()];
    let Ok(manifest) = Manifest::parse(&document(text(bytes)), "/nonexistent".into(), &reserved) else { return };
    assert!(!manifest.command.is_empty() && !reserved.contains(&manifest.name));
    assert!(!manifest.output.file.contains('/') && manifest.output.file != "..");
    assert!(manifest.name.len() <= 40 && !manifest.name.contains(['/', '.', '\n']));
}

pub fn mixlab_toml(bytes: &[u8]) {
    if let Err(fault) = SETTINGS(&document(text(bytes))) {
        assert!(!fault.to_string().is_empty());
    }
}

/// The first byte chooses: a request, a filter.
pub fn request(bytes: &[u8]) {
    let Some((choice, rest)) = chosen(bytes) else { return };
    let text = text(rest);
    match choice {
        b'r' => {
            let address: SocketAddr = "127.0.0.1:8377".parse().expect("an address");
            if answers(&text, address) {
                let lower = text.to_lowercase();
                assert!(text.starts_with("GET ") || text.starts_with("HEAD "));
                assert!(["127.0.0.1:8377", "localhost:8377", "[::1]:8377"].iter().any(|host| lower.contains(host)));
            }
        }
        b'f' => {
            let Ok(filter) = Filter::parse(&text) else { return };
            assert_eq!(Filter::parse(filter.text()).as_ref(), Ok(&filter));
        }
        _ => {}
    }
}
