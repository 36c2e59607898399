//! A browser that keeps cookies and does not follow redirects by itself.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Cookies of one host.
#[derive(Debug, Default)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, value)| value.as_str())
    }

    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
            .collect();
        Self { status: status.expect("a status"), headers, body: body.to_owned() }
    }
}

impl Browser {
    pub fn get(&mut self, url: &str) -> Reply {
        self.send("GET", url, &[], "")
    }

    /// Sends the form of a page, as its button does.
    pub fn post(&mut self, url: &str) -> Reply {
        self.send("POST", url, &[("Sec-Fetch-Site", "same-origin")], "")
    }

    pub fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut text = String::new();
        let mut stream = self.open(method, url, headers, body);
        stream.read_to_string(&mut text).expect("an answer");
        let reply = Reply::read(&text);
        for (name, value) in &reply.headers {
            if !name.eq_ignore_ascii_case("set-cookie") {
                continue;
            }
            let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
            let (key, value) = pair.expect("a cookie");
            match value {
                "" => self.cookies.remove(key),
                value => self.cookies.insert(key.to_owned(), value.to_owned()),
            };
        }
        reply
    }

    /// Sends a request, and leaves the answer to the caller.
    pub fn open(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let rest = url.strip_prefix("http://").expect("plain http");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut stream =
            TcpStream::connect(host.replace("localhost", "127.0.0.1")).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let mut request =
            format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if !cookies.is_empty() {
            request += &format!("Cookie: {}\r\n", cookies.join("; "));
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        // A server that has heard enough may hang up before all is sent.
        let _ = stream.write_all(request.as_bytes());
        stream
    }
}
