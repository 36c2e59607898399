//! Replies over the wire, and Zoom's error formats.

use bytes::Bytes;
use serde_json::{Value, json};

const JSON: &str = "application/json;charset=UTF-8";

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: JSON.into(), headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn value(status: u16, body: &Value) -> Self {
        Self::json(status, body.to_string())
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { content_type: String::new(), ..Self::json(status, Bytes::new()) }
    }

    pub(crate) fn other(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { content_type: content_type.into(), ..Self::json(status, body) }
    }

    pub(crate) fn redirect(status: u16, location: String) -> Self {
        Self { headers: vec![("location", location)], ..Self::empty(status) }
    }

    /// An error of the REST API.
    pub(crate) fn error(status: u16, code: u32, message: &str) -> Self {
        Self::value(status, &json!({ "code": code, "message": message }))
    }

    /// 400, code 300, with the fields at fault.
    pub(crate) fn invalid(errors: &[(String, String)]) -> Self {
        let errors: Vec<Value> = errors
            .iter()
            .map(|(field, message)| json!({ "field": field, "message": message }))
            .collect();
        let body = json!({ "code": 300, "message": "Validation Failed.", "errors": errors });
        Self::value(400, &body)
    }

    /// An error of the token endpoint.
    pub(crate) fn oauth(status: u16, error: &str, reason: Option<&str>) -> Self {
        match reason {
            Some(reason) => Self::value(status, &json!({ "reason": reason, "error": error })),
            None => Self::value(status, &json!({ "error": error })),
        }
    }

    pub(crate) fn xml(status: u16, code: u32, message: &str) -> Self {
        let message = escape(message);
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
             <result><code>{code}</code><message>{message}</message></result>"
        );
        Self::other(status, "application/xml;charset=UTF-8", body)
    }

    pub(crate) fn html(status: u16) -> Self {
        let body = format!(
            "<!DOCTYPE html><html><head><title>{status}</title></head>\
             <body><h1>{status}</h1><p>The service is busy.</p></body></html>"
        );
        Self::other(status, "text/html", body)
    }

    /// Copy of the error as a client gets it that did not ask for JSON.
    pub(crate) fn into_xml(self) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(&self.body) else { return self };
        let code = value["code"].as_u64().unwrap_or(0) as u32;
        let message = value["message"].as_str().unwrap_or_default();
        let mut reply = Self { headers: self.headers, ..Self::xml(self.status, code, message) };
        let fields = value["errors"].as_array().into_iter().flatten();
        let text = |error: &Value, name: &str| escape(error[name].as_str().unwrap_or_default());
        let fields = fields.map(|e| {
            let (field, message) = (text(e, "field"), text(e, "message"));
            format!("<errors><field>{field}</field><message>{message}</message></errors>")
        });
        let end = format!("{}</result>", fields.collect::<String>());
        reply.body = String::from_utf8_lossy(&reply.body).replace("</result>", &end).into();
        reply
    }

    /// Copy of the reply without these fields of its JSON.
    pub(crate) fn without(mut self, fields: &[String]) -> Self {
        if let Ok(Value::Object(mut map)) = serde_json::from_slice(&self.body) {
            map.retain(|key, _| !fields.contains(key));
            self.body = Value::Object(map).to_string().into();
        }
        self
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
