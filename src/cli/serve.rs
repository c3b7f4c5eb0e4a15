//! `serve`: the report in a browser, made anew whenever a run is stored.
//!
//! A web server as small as its job: it knows two pages, `/` and `/version`, and no files at all, so nothing under or outside the
//! root can be asked for. It answers only requests whose `Host` is a name of this machine and whose `Origin`, if any, is its own:
//! pages of other sites cannot read results through a visitor's browser (DNS rebinding included). GET and HEAD only, one request per
//! connection, 16 KiB and five seconds for a request, a minute for the answer, 256 visitors at a time. Source: RFC 9112. Left out:
//! TLS, keep-alive, compression.

use super::args::{Common, ServeArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{remark, report};
use crate::report::page;
use crate::store::{Reader, Selection, StoreError};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};

/// A request longer than this is refused.
const LONGEST: usize = 16 * 1024;
/// A visitor who takes longer to send a request is sent away,
const PATIENCE: Duration = Duration::from_secs(5);
/// and one who takes longer to fetch the answer.
const FETCHING: Duration = Duration::from_secs(60);
/// Visitors at the same time; more wait until one has gone, so that they can't use up memory or file handles.
const MOST_VISITORS: usize = 256;
/// How long nobody is let in after a connection could not be taken (no file handles left, say).
const REST: Duration = Duration::from_millis(100);

/// What the server was started with, and the last page with the version of the store it shows.
struct Site {
    common: Common,
    args: ServeArgs,
    address: SocketAddr,
    last: Mutex<Option<(String, Arc<String>)>>,
}

/// Serves until a signal ends the program.
pub async fn run(common: &Common, args: &ServeArgs) -> Result<Exit, Failure> {
    if !args.listen.ip().is_loopback() && !args.any_address {
        let text = format!("{} can be reached from other machines; if that is meant, add --any-address", args.listen);
        return Err(Failure::new(Exit::Usage, text));
    }
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot listen on {}: {e}", args.listen)))?;
    let address = listener.local_addr()?;
    remark(common, &format!("serving http://{address}/ (Ctrl-C ends)"));
    let site = Arc::new(Site { common: common.clone(), args: args.clone(), address, last: Mutex::default() });
    tokio::select! {
        stop = tokio::signal::ctrl_c() => stop.map(|()| Exit::Ok).map_err(Failure::from),
        () = let_in(&listener, &site) => Ok(Exit::Ok),
    }
}

/// Takes visitors for ever.
async fn let_in(listener: &TcpListener, site: &Arc<Site>) {
    let places = Arc::new(Semaphore::new(MOST_VISITORS));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let site = Arc::clone(site);
        tokio::spawn(async move {
            visited(site, stream).await;
            drop(place);
        });
    }
}

async fn visited(site: Arc<Site>, mut stream: TcpStream) {
    let Ok(Some(head)) = tokio::time::timeout(PATIENCE, request_head(&mut stream)).await else { return };
    let answer = match checked(&head, site.address) {
        Ok(path) => site.answer(path).await,
        Err(refusal) => refusal,
    };
    let bytes = answer.bytes(head.starts_with("HEAD "));
    // A visitor who has gone away misses nothing.
    let _ = tokio::time::timeout(FETCHING, stream.write_all(&bytes)).await;
    let _ = stream.shutdown().await;
}

/// Everything up to the empty line; `None` if it does not come or is too long.
async fn request_head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut piece) = (Vec::new(), [0; 2048]);
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
        head.extend_from_slice(&piece[..n]);
        if head.len() > LONGEST {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

/// An answer.
pub(super) struct Answer {
    status: &'static str,
    kind: &'static str,
    body: Arc<String>,
}

impl Answer {
    fn text(status: &'static str, text: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: Arc::new(format!("{text}\n")) }
    }

    fn bytes(&self, head_only: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\nContent-Type: {}\r\n", self.status, self.kind);
        let _ = write!(head, "Content-Length: {}\r\nConnection: close\r\nCache-Control: no-store\r\n", self.body.len());
        head += "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                 img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
                 X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
                 Cross-Origin-Resource-Policy: same-origin\r\n\r\n";
        let mut bytes = head.into_bytes();
        if !head_only {
            bytes.extend_from_slice(self.body.as_bytes());
        }
        bytes
    }
}

/// The path of a request that may be answered.
pub(super) fn checked(head: &str, address: SocketAddr) -> Result<&str, Answer> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(path), Some("HTTP/1.1" | "HTTP/1.0")) = (method, path, version) else {
        return Err(Answer::text("400 Bad Request", "not a request"));
    };
    if !matches!(method, "GET" | "HEAD") {
        return Err(Answer::text("405 Method Not Allowed", "only GET and HEAD"));
    }
    let headers: Vec<(&str, &str)> = lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n, v.trim())).collect();
    let all =
        |name: &str| headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|h| h.1).collect::<Vec<_>>();
    let port = address.port();
    let names =
        [address.to_string(), format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
    let own = |host: &str| names.iter().any(|name| name.eq_ignore_ascii_case(host));
    let unspecified = address.ip().is_unspecified();
    if !matches!(all("host")[..], [host] if own(host) || unspecified) {
        return Err(Answer::text("403 Forbidden", "this server answers under its own address only"));
    }
    let foreign = |origin: &&str| !origin.strip_prefix("http://").is_some_and(own);
    if all("origin").iter().any(foreign) {
        return Err(Answer::text("403 Forbidden", "not for pages of other sites"));
    }
    Ok(path)
}

impl Site {
    async fn answer(&self, path: &str) -> Answer {
        let made = match path {
            "/" => self.page().await.map(|body| Answer { status: "200 OK", kind: "text/html; charset=utf-8", body }),
            "/version" => match Reader::open(&self.common.root).await {
                Ok(reader) => version(&reader).await.map(|v| Answer::text("200 OK", &v)),
                Err(e) => Err(e.into()),
            },
            _ => return Answer::text("404 Not Found", "there is / and /version"),
        };
        made.unwrap_or_else(|failure| Answer::text("503 Service Unavailable", failure.message()))
    }

    /// The page of what is stored now; made once per version, and for one visitor at a time.
    async fn page(&self) -> Result<Arc<String>, Failure> {
        let mut last = self.last.lock().await;
        let reader = match Reader::open(&self.common.root).await {
            Err(StoreError::NotFound { path }) => {
                return Err(Failure::new(Exit::MissingResults, format!("nothing is stored yet in {}", path.display())));
            }
            other => other?,
        };
        let version = version(&reader).await?;
        if let Some((_, page)) = last.as_ref().filter(|(known, _)| *known == version) {
            return Ok(Arc::clone(page));
        }
        let report = report::gathered(&self.common, &self.args.report, &reader, true).await?;
        let drawn = tokio::task::spawn_blocking(move || page(&report)).await;
        let made = Arc::new(drawn.map_err(|e| Failure::internal(e.to_string()))??);
        *last = Some((version, Arc::clone(&made)));
        Ok(made)
    }
}

/// Something that changes whenever a run is stored.
async fn version(reader: &Reader) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    for row in reader.status(&Selection::default()).await? {
        let state = (row.mix_id, row.digest, row.backend, row.status.map(|s| s.name()), row.fingerprint, row.wall_ns);
        hash.update(format!("{state:?}\n"));
    }
    Ok(mixlab_contract::scenario::hex(&hash.finalize())[..16].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(request: &str) -> String {
        let address: SocketAddr = "127.0.0.1:8377".parse().expect("an address");
        match checked(request, address) {
            Ok(path) => path.to_owned(),
            Err(refusal) => refusal.status.split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn only_requests_for_this_server_by_its_own_pages_are_answered() {
        let with = |first: &str, headers: &str| answered(&format!("{first}\r\n{headers}\r\n\r\n"));
        let get = "GET / HTTP/1.1";
        assert_eq!(with(get, "Host: 127.0.0.1:8377"), "/");
        assert_eq!(with(get, "host: LOCALHOST:8377\r\nOrigin: http://localhost:8377"), "/");
        assert_eq!(with(get, "Host: evil.example:8377"), "403");
        assert_eq!(with(get, "Host: 127.0.0.1:8377.evil.example"), "403");
        assert_eq!(with(get, "Accept: */*"), "403");
        assert_eq!(with(get, "Host: localhost:8377\r\nHost: evil.example"), "403");
        assert_eq!(with(get, "Host: localhost:8377\r\nOrigin: https://evil.example"), "403");
        assert_eq!(with(get, "Host: localhost:8377\r\nOrigin: null"), "403");
        assert_eq!(with("POST / HTTP/1.1", "Host: localhost:8377"), "405");
        assert_eq!(with("GET /", "Host: localhost:8377"), "400");
        assert_eq!(with("", ""), "400");
    }
}
