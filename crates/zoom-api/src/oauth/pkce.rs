//! PKCE (RFC 7636), always S256: Zoom takes `plain` where no method is named.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A verifier, kept until the exchange, and its challenge, shown at consent.
#[derive(Clone, Debug)]
pub struct Pkce {
    verifier: SecretString,
}

impl Pkce {
    /// A fresh verifier of 256 random bits.
    pub fn generate() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self::from_verifier(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// A verifier kept from before.
    pub fn from_verifier(verifier: SecretString) -> Self {
        Self { verifier }
    }

    /// The verifier, to be kept as a secret.
    pub fn verifier(&self) -> &SecretString {
        &self.verifier
    }

    /// The challenge for the consent page.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose_secret()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let pkce = Pkce::from_verifier(SecretString::from(verifier));
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn verifiers_differ_and_are_long_enough() {
        let (a, b) = (Pkce::generate(), Pkce::generate());
        assert_ne!(a.challenge(), b.challenge());
        assert_eq!(a.verifier().expose_secret().len(), 43);
    }
}
