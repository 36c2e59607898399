//! Addresses to which a person goes back after a consent: only those below `public.return_to`.

use url::Url;

use crate::config::Config;
use crate::error::CliError;

/// Refuses an address that is below none of `public.return_to`.
pub(super) fn check(config: &Config, return_to: Option<&str>) -> Result<(), CliError> {
    let Some(text) = return_to else { return Ok(()) };
    let url = Url::parse(text).map_err(|error| CliError::usage(format!("return_to: {error}")))?;
    if is_allowed(&url, &config.public.return_to) {
        return Ok(());
    }
    let text = format!("return_to {url} is below no address of public.return_to");
    Err(CliError::usage(text)
        .hint("add its beginning to public.return_to (ZOOMD_PUBLIC_RETURN_TO)"))
}

/// True for an address below one of these. Scheme, host and port must be the same.
pub(super) fn is_allowed(url: &Url, below: &[String]) -> bool {
    let web = matches!(url.scheme(), "https" | "http");
    let plain = url.username().is_empty() && url.password().is_none();
    web && plain
        && below.iter().filter_map(|base| Url::parse(base).ok()).any(|base| {
            let path = base.path().trim_end_matches('/');
            let rest = url.path().strip_prefix(path);
            base.origin() == url.origin()
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_lies_below_an_allowed_address() {
        let below =
            ["https://app.example.com/zoom/".to_owned(), "http://localhost:3000".to_owned()];
        for (url, expected) in [
            ("https://app.example.com/zoom", true),
            ("https://app.example.com/zoom/done?x=1", true),
            ("http://localhost:3000/any", true),
            ("https://app.example.com/zoomed", false),
            ("https://app.example.com/zoom/../admin", false),
            ("https://app.example.com.evil.test/zoom/", false),
            ("https://app.example.com@evil.test/zoom/", false),
            ("https://user@app.example.com/zoom/", false),
            ("http://app.example.com/zoom/", false),
            ("javascript:alert(1)", false),
        ] {
            let url = Url::parse(url).expect("a URL");
            assert_eq!(is_allowed(&url, &below), expected, "{url}");
        }
        assert!(!is_allowed(&Url::parse("https://a.test/").expect("a URL"), &[]));
    }
}
