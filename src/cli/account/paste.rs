//! Address that a person pastes after the consent: what it brings back from Zoom,
//! or a sentence that says what is wrong with it. Decides nothing else.

use url::Url;

use super::redirect::Back;
use crate::input;
use crate::text::one_line;

/// Reads a pasted line. `is_ours` recognises the state of this login.
pub(super) fn read(
    line: &str,
    redirect: &Url,
    is_ours: impl Fn(&str) -> bool,
) -> Result<Back, String> {
    let url = address(line)
        .ok_or("this is not an address: copy the whole line from the browser's address bar")?;
    let back = Back::of(&url);
    if let Some(error) = &back.error {
        return Err(refused(error, back.error_description.as_deref()));
    }
    if back.code.is_none() && url.query_pairs().any(|(name, _)| name == "response_type") {
        return Err("this is the page to open; open it, agree, and paste the address that the browser shows afterwards"
            .to_owned());
    }
    let comes_back = (url.host_str(), url.path()) == (redirect.host_str(), redirect.path());
    match &back.code {
        Some(code) if !code.is_empty() && is_ours(&back.state) => Ok(back),
        Some(_) if comes_back || back.state.is_empty() => {
            Err("this address belongs to another login (wrong state); open the page above again"
                .to_owned())
        }
        None if comes_back => Err("this address has no code from Zoom; copy all of it".to_owned()),
        _ => Err(format!(
            "this address belongs to another app or login: that of this login begins with \
             {redirect}"
        )),
    }
}

/// Sentence about an error that Zoom sent back in place of a code.
pub(super) fn refused(error: &str, description: Option<&str>) -> String {
    let text = match error {
        "access_denied" => "access was declined at Zoom (access_denied)".to_owned(),
        error => format!("Zoom reported {error}"),
    };
    one_line(&match description.filter(|more| !more.is_empty()) {
        Some(more) => format!("{text}: {more}"),
        None => text,
    })
}

/// The address in a line; browsers leave out `http://` when they show one.
fn address(line: &str) -> Option<Url> {
    // Terminals and chats put addresses in quotes or angle brackets.
    let text = input::trim(line).trim_matches(['"', '\'', '<', '>', '`']);
    let text = input::trim(text);
    let url = match text.contains("://") {
        true => Url::parse(text),
        false if text.contains("/") => Url::parse(&format!("http://{text}")),
        false => return None,
    };
    url.ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pasted(line: &str) -> Result<String, String> {
        let redirect = Url::parse("http://localhost:3000/zoom").expect("a URL");
        read(line, &redirect, |state| state == "s").map(|back| back.code.unwrap_or_default())
    }

    #[test]
    fn an_address_is_read_however_it_was_copied() {
        for (line, code) in [
            (" http://localhost:3000/zoom?code=a%2Bb&state=s&x=1\n", "a+b"),
            ("\u{feff}<http://localhost:3000/zoom?code=c&state=s>\u{200b}\r", "c"),
            ("\"https://proxy.example.com/zoom?state=s&code=c\"", "c"),
            ("localhost:3000/zoom?code=c&state=s", "c"),
        ] {
            assert_eq!(pasted(line).as_deref(), Ok(code), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (line, wanted) in [
            ("a+b", "not an address"),
            ("ftp://localhost/zoom?code=c&state=s", "not an address"),
            ("http://localhost:3000/zoom", "no code from Zoom"),
            ("http://localhost:3000/zoom?state=s", "no code from Zoom"),
            ("http://localhost:3000/zoom?code=c&state=other", "another login"),
            ("http://localhost:3000/zoom?code=&state=s", "another login"),
            ("https://zoom.us/oauth/authorize?response_type=code&state=s", "the page to open"),
            ("https://other.example.com/back?code=c&state=x", "begins with http://localhost:3000"),
            ("https://zoom.us/signin", "another app or login"),
            ("http://localhost:3000/zoom?error=access_denied&state=s", "declined at Zoom"),
            (
                "http://localhost:3000/zoom?error=x&error_description=why%0Anot",
                "reported x: why not",
            ),
        ] {
            let said = pasted(line).expect_err(line);
            assert!(said.contains(wanted), "{line}: {said}");
        }
    }
}
