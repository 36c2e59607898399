//! A Redis with a certificate of a private authority, which requires a client certificate.

#![expect(clippy::print_stderr, reason = "a test that shows nothing says so")]

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use redis_local::{Options, RedisServer};
use zoomd_store::{ErrorKind, Store, StoreConfig, StoreError, TlsFiles};

fn pem(what: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}

/// Writes `name.pem` and `name.key` of a certificate that `authority` signed.
fn issue(folder: &std::path::Path, name: &str, authority: &Issuer<'_, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&key, authority).expect("signed");
    let write = |end: &str, text: String| {
        std::fs::write(folder.join(format!("{name}.{end}")), text).expect("written");
    };
    write("pem", pem("CERTIFICATE", certificate.der()));
    write("key", pem("PRIVATE KEY", &key.serialize_der()));
}

async fn connect(url: &str, tls: TlsFiles) -> Result<Store, StoreError> {
    let store = Store::connect(&StoreConfig { tls, ..StoreConfig::new(url, "t") }).await?;
    store.now_ms().await?;
    Ok(store)
}

#[tokio::test]
async fn a_private_authority_and_a_client_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("signed");
    std::fs::write(at("ca.pem"), pem("CERTIFICATE", certificate.der())).expect("written");
    let authority = Issuer::new(params, key);
    issue(folder.path(), "server", &authority);
    issue(folder.path(), "client", &authority);
    let file = |name: &str| at(name).display().to_string();
    let args = [
        ["--port", "0"],
        ["--tls-port", "{port}"],
        ["--tls-cert-file", &file("server.pem")],
        ["--tls-key-file", &file("server.key")],
        ["--tls-ca-cert-file", &file("ca.pem")],
    ];
    let args = args.concat().iter().map(|arg| (*arg).to_owned()).collect();
    let Ok(server) = RedisServer::start_with(Options { args, ..Options::default() }) else {
        eprintln!("SKIPPED: this redis-server was built without TLS");
        return;
    };
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let ca = Some(at("ca.pem"));
    let refused = connect(&url, TlsFiles::default()).await.expect_err("nobody knows the authority");
    assert!(refused.to_string().contains("redis.ca_file"), "{refused}");
    let error = connect(&url, TlsFiles { ca: ca.clone(), client: None }).await;
    error.expect_err("redis asks for a certificate");
    let client = Some((at("client.pem"), at("client.key")));
    connect(&url, TlsFiles { ca: ca.clone(), client }).await.expect("both know each other");
    let nowhere = TlsFiles { ca: Some(at("none.pem")), client: None };
    let error = connect(&url, nowhere).await.expect_err("no such file");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("redis.ca_file: "), "{error}");
    let swapped = Some((at("client.key"), at("client.pem")));
    let error = connect(&url, TlsFiles { ca, client: swapped }).await.expect_err("swapped");
    assert!(error.to_string().contains("holds no certificate"), "{error}");
}
