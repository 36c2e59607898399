//! The cookie of a browser that signed in with a token.
//!
//! It carries the token's name, an end, and a proof over both that needs the token's hash
//! and the encryption key: neither a stolen file of tokens nor an old cookie of a token
//! that was taken out makes one. Every daemon with the same key and file accepts it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use hyper::header::COOKIE;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use super::tokens::TokenHash;

const COOKIE_NAME: &str = "zoomd-session";
/// Time for which a browser is signed in, s.
const LIFE_S: i64 = 12 * 3_600;

/// Makes proofs and checks them.
#[derive(Clone)]
pub(super) struct Session {
    mac: Hmac<Sha256>,
}

/// A cookie as the browser brought it; nothing of it is proven yet.
pub(super) struct Claim {
    pub(super) name: String,
    until_s: i64,
    proof: Vec<u8>,
}

impl Session {
    /// Sessions that hold as long as the encryption key is the same.
    pub(super) fn new(key: Option<&SecretString>) -> Option<Self> {
        let key = key?.expose_secret().trim();
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
        mac.update(b"zoomd session v1\0");
        Some(Self { mac })
    }

    fn proof(&self, name: &str, until_s: i64, hash: &TokenHash) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(hash);
        mac.update(&until_s.to_be_bytes());
        mac.update(name.as_bytes());
        mac
    }

    /// `Set-Cookie` for a browser that showed the token of this hash.
    pub(super) fn begin(&self, name: &str, hash: &TokenHash, now_s: i64, https: bool) -> String {
        let until_s = now_s + LIFE_S;
        let proof = self.proof(name, until_s, hash).finalize().into_bytes();
        put(&format!("{name}~{until_s}~{}", URL_SAFE_NO_PAD.encode(proof)), LIFE_S, https)
    }

    /// True if the claim was made for this hash and is not over.
    pub(super) fn proves(&self, claim: &Claim, hash: &TokenHash, now_s: i64) -> bool {
        let proof = self.proof(&claim.name, claim.until_s, hash);
        proof.verify_slice(&claim.proof).is_ok() && now_s < claim.until_s
    }
}

/// `Set-Cookie` for a browser that signs out.
pub(super) fn end() -> String {
    put("", 0, false)
}

fn put(value: &str, seconds: i64, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The cookie a browser brings.
pub(super) fn claim(headers: &HeaderMap) -> Option<Claim> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|p| p.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    let mut parts = value.splitn(3, '~');
    let (name, until, proof) = (parts.next()?, parts.next()?, parts.next()?);
    let proof = URL_SAFE_NO_PAD.decode(proof).ok()?;
    Some(Claim { name: name.to_owned(), until_s: until.parse().ok()?, proof })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bring(set: &str) -> Option<Claim> {
        let pair = set.split(';').next().expect("a pair");
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, format!("other=1; {pair}").parse().expect("a value"));
        claim(&headers)
    }

    #[test]
    fn a_cookie_proves_its_own_token_under_its_own_key_until_it_ends() {
        let session = Session::new(Some(&"key".to_owned().into())).expect("a key");
        let other = Session::new(Some(&"other".to_owned().into())).expect("a key");
        let (hash, wrong) = ([7; 32], [8; 32]);
        let set = session.begin("ada@x.de", &hash, 1_000, true);
        assert!(set.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{set}");
        let claim = bring(&set).expect("a claim");
        assert_eq!(claim.name, "ada@x.de");
        for (session, hash, now_s, expected) in [
            (&session, &hash, 1_000, true),
            (&session, &hash, 1_000 + LIFE_S, false),
            (&session, &wrong, 1_000, false),
            (&other, &hash, 1_000, false),
        ] {
            assert_eq!(session.proves(&claim, hash, now_s), expected);
        }
        let later = set.replace(&(1_000 + LIFE_S).to_string(), "99999999999");
        assert!(!session.proves(&bring(&later).expect("a claim"), &hash, 1_000));
        assert!(bring(&end()).is_none() && Session::new(None).is_none());
    }
}
