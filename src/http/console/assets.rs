//! Files of the console, embedded: style, script, icon and htmx.
//!
//! Each is served under a name that holds a hash of its bytes, so that a browser may
//! keep it for ever and never shows a page with an older style.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

/// A browser may keep a file with a hashed name for a year.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// One file.
#[derive(Debug)]
struct Asset {
    name: String,
    kind: &'static str,
    bytes: &'static [u8],
}

/// The addresses of all files.
#[derive(Debug)]
pub(super) struct Assets {
    files: Vec<Asset>,
    pub(super) style: String,
    pub(super) script: String,
    pub(super) htmx: String,
    pub(super) icon: String,
}

/// All files of this build.
pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let files = vec![
        asset("console", "css", "text/css; charset=utf-8", include_bytes!("assets/console.css")),
        asset(
            "console",
            "js",
            "text/javascript; charset=utf-8",
            include_bytes!("assets/console.js"),
        ),
        asset("htmx", "js", "text/javascript; charset=utf-8", include_bytes!("assets/htmx.min.js")),
        asset("zoomd", "svg", "image/svg+xml", include_bytes!("assets/favicon.svg")),
    ];
    let address = |at: usize| format!("/assets/{}", files[at].name);
    let (style, script, htmx, icon) = (address(0), address(1), address(2), address(3));
    Assets { files, style, script, htmx, icon }
});

fn asset(stem: &str, extension: &str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    let name = format!("{stem}.{}.{extension}", &hash(bytes)[..12]);
    Asset { name, kind, bytes }
}

/// The SHA-256 of some bytes, in hex.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// One file, by its hashed name.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    match ASSETS.files.iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, FOR_EVER)];
            (headers, asset.bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_script_is_short() {
        let lines = include_str!("assets/console.js").lines().count();
        assert!(lines <= 400, "{lines} lines");
    }

    #[test]
    fn each_file_has_the_hash_of_its_bytes_in_its_name() {
        for asset in &ASSETS.files {
            assert!(asset.name.contains(&hash(asset.bytes)[..12]), "{}", asset.name);
        }
        assert!(ASSETS.style.starts_with("/assets/console.") && ASSETS.style.ends_with(".css"));
    }
}
