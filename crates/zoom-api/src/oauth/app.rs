//! The OAuth app whose name we act in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// Client id and secret of an app.
#[derive(Clone, Debug)]
pub struct App {
    /// The client id; not a secret.
    pub client_id: String,
    /// The client secret.
    pub client_secret: SecretString,
}

impl App {
    /// An app by its id and secret.
    pub fn new(client_id: impl Into<String>, client_secret: SecretString) -> Self {
        Self { client_id: client_id.into(), client_secret }
    }

    pub(super) fn basic(&self) -> HeaderValue {
        let secret = self.client_secret.expose_secret();
        let pair = Zeroizing::new(format!("{}:{secret}", self.client_id));
        let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let mut header = HeaderValue::from_str(&text).expect("base64 fits into a header");
        header.set_sensitive(true);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_of_the_rfc_and_no_secret_shown() {
        let app = App::new("Aladdin", SecretString::from("open sesame"));
        assert_eq!(app.basic(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{app:?} {:?}", app.basic()).contains("sesame"));
    }
}
