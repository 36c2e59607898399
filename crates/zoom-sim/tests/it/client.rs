//! Just enough HTTP to talk to the simulator: one request a connection.

use std::collections::HashMap;
use std::io;

use base64::Engine;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zoom_sim::Sim;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A request in the making.
pub struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

pub fn ask(method: &'static str, path: &str) -> Ask {
    let headers = vec![("accept", "application/json".into())];
    Ask { method, path: path.into(), headers, body: String::new() }
}

impl Ask {
    /// Sets a header; empty leaves it out.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(n, _)| *n != name);
        if !value.is_empty() {
            self.headers.push((name, value.into()));
        }
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn basic(self, id: &str, secret: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        self.header("authorization", &format!("Basic {pair}"))
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self.header("content-type", "application/json")
    }

    pub fn raw(mut self, content_type: &str, body: &str) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends it, and gives back the connection, the reply unread.
    pub async fn send(self, address: &str) -> io::Result<TcpStream> {
        let mut text = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!(
            "content-length: {}\r\nconnection: close\r\n\r\n{}",
            self.body.len(),
            self.body
        ));
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(text.as_bytes()).await?;
        Ok(stream)
    }

    pub async fn to(self, address: &str) -> io::Result<Got> {
        read(self.send(address).await?).await
    }

    pub async fn of(self, sim: &Sim) -> Got {
        self.to(&sim.address().to_string()).await.expect("an answer")
    }

    /// An answer that must not come whole.
    pub async fn fails(self, sim: &Sim) -> io::Error {
        self.to(&sim.address().to_string()).await.expect_err("no answer")
    }
}

pub async fn read(mut stream: TcpStream) -> io::Result<Got> {
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let end = raw.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let body = raw.split_off(end + 4);
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let promised = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    if body.len() < promised {
        return Err(cut());
    }
    Ok(Got { status: status.ok_or_else(cut)?, headers, body })
}

/// A create of a plain meeting by the holder of `token`.
pub fn create(token: &str) -> Ask {
    let body = serde_json::json!({
        "topic": "Weekly", "type": 2, "start_time": "2030-01-07T10:00:00Z", "duration": 30,
        "timezone": "UTC",
    });
    ask("POST", "/v2/users/me/meetings").bearer(token).json(&body)
}

pub fn list(token: &str) -> Ask {
    ask("GET", "/v2/users/me/meetings?page_size=300").bearer(token)
}

/// A refresh by the default app.
pub fn refresh(token: &str) -> Ask {
    ask("POST", "/oauth/token")
        .basic("sim-client", "sim-secret")
        .form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
}
