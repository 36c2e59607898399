//! Traces, as OpenTelemetry's variables ask for them. Other programs read the same ones,
//! so they have no place in the file.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::error::ConfigError;

/// Variables that are read, each with its purpose.
pub const VARIABLES: [(&str, &str); 15] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "Collector for traces; without it there are none."),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "Collector for traces, with the whole path."),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Headers for the collector, k=v,k=v; a secret."),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "Headers for traces alone; a secret."),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "Longest time of an export, ms; 10000."),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "Longest time of an export of traces, ms."),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "Protocol: http/protobuf is the only one."),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "Protocol for traces alone."),
    ("OTEL_SERVICE_NAME", "Name of the service; zoomd."),
    ("OTEL_RESOURCE_ATTRIBUTES", "Attributes of the process, k=v,k=v."),
    ("OTEL_TRACES_SAMPLER", "Which traces are recorded; always_on."),
    ("OTEL_TRACES_SAMPLER_ARG", "Fraction of traces for a sampler by ratio; 1."),
    ("OTEL_TRACES_EXPORTER", "none switches traces off."),
    ("OTEL_SDK_DISABLED", "true switches traces off."),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "Compression: none is the only one."),
];

/// Longest time of an export, unless a variable says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Export of traces.
#[derive(Debug, Clone)]
pub struct Traces {
    /// Address that spans are posted to.
    pub endpoint: Url,
    /// Longest time of an export.
    pub timeout: Duration,
    /// Part of traces that is recorded.
    pub sampling: Sampling,
    /// Name of the service, unless a variable gives one.
    pub name: Option<&'static str>,
}

/// Part of traces that is recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// All.
    On,
    /// None.
    Off,
    /// This fraction.
    Ratio(f64),
}

/// True if the value of this variable is never shown.
pub fn is_secret(variable: &str) -> bool {
    variable.ends_with("_HEADERS")
}

/// Reads the variables; `None`: there are no traces.
pub fn read(env: &BTreeMap<String, String>) -> Result<Option<Traces>, ConfigError> {
    let given = |name: &'static str| {
        env.get(name).map(|v| v.trim()).filter(|v| !v.is_empty()).map(|v| (name, v))
    };
    let off = given("OTEL_SDK_DISABLED").is_some_and(|(_, v)| v.eq_ignore_ascii_case("true"))
        || given("OTEL_TRACES_EXPORTER").is_some_and(|(_, v)| v.eq_ignore_ascii_case("none"));
    let whole = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let Some((name, place)) = whole.or_else(|| given("OTEL_EXPORTER_OTLP_ENDPOINT")) else {
        return Ok(None);
    };
    if off {
        return Ok(None);
    }
    let endpoint = match whole {
        Some(_) => place.to_owned(),
        None => format!("{}/v1/traces", place.trim_end_matches('/')),
    };
    let protocol = given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        .or_else(|| given("OTEL_EXPORTER_OTLP_PROTOCOL"));
    if let Some((name, protocol)) = protocol.filter(|(_, v)| *v != "http/protobuf") {
        let error =
            ConfigError::new(format!("{name} is \"{protocol}\", which zoomd does not speak"));
        return Err(
            error.hint(format!("set {name}=http/protobuf; collectors listen for it on port 4318"))
        );
    }
    let attributes = given("OTEL_RESOURCE_ATTRIBUTES").map_or("", |(_, v)| v);
    let named = given("OTEL_SERVICE_NAME").is_some()
        || attributes.split(',').any(|pair| pair.trim().starts_with("service.name="));
    Ok(Some(Traces {
        endpoint: address(name, &endpoint)?,
        timeout: timeout(
            given("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
                .or_else(|| given("OTEL_EXPORTER_OTLP_TIMEOUT")),
        )?,
        sampling: sampling(given("OTEL_TRACES_SAMPLER"), given("OTEL_TRACES_SAMPLER_ARG"))?,
        name: (!named).then_some("zoomd"),
    }))
}

fn address(name: &str, text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).ok().filter(|url| {
        let bare = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && bare
    });
    url.ok_or_else(|| {
        ConfigError::new(format!("{name} is no address of a collector")).hint(format!(
            "{name}=http://collector:4318; a login goes into OTEL_EXPORTER_OTLP_HEADERS"
        ))
    })
}

fn timeout(given: Option<(&'static str, &str)>) -> Result<Duration, ConfigError> {
    let Some((name, text)) = given else { return Ok(TIMEOUT) };
    let ms = text.parse().ok().filter(|ms| (1..=600_000).contains(ms));
    ms.map(Duration::from_millis).ok_or_else(|| {
        ConfigError::new(format!("{name} must be a number of milliseconds, 1 to 600000"))
    })
}

fn sampling(
    sampler: Option<(&'static str, &str)>,
    arg: Option<(&'static str, &str)>,
) -> Result<Sampling, ConfigError> {
    // A job's trace has no parent: it is linked to its producer's.
    let name = sampler.map_or("always_on", |(_, name)| name);
    match name.strip_prefix("parentbased_").unwrap_or(name) {
        "always_on" => Ok(Sampling::On),
        "always_off" => Ok(Sampling::Off),
        "traceidratio" => {
            let ratio = arg.map_or(Some(1.0), |(_, text)| text.parse().ok());
            let ratio = ratio.filter(|ratio| (0.0..=1.0).contains(ratio));
            ratio.map(Sampling::Ratio).ok_or_else(|| {
                ConfigError::new("OTEL_TRACES_SAMPLER_ARG must be a fraction from 0 to 1")
            })
        }
        _ => Err(ConfigError::new(format!(
            "OTEL_TRACES_SAMPLER is \"{name}\", which zoomd does not know"
        ))
        .hint("always_on, always_off, traceidratio, or one of them after parentbased_")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(env: &[(&str, &str)]) -> Result<Option<Traces>, String> {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        read(&env).map_err(|error| error.message)
    }

    const TO: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");

    #[test]
    fn traces_are_off_without_a_collector_and_where_they_are_disabled() {
        for env in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[("OTEL_TRACES_SAMPLER", "always_on")],
            &[TO, ("OTEL_SDK_DISABLED", "TRUE")],
            &[TO, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert!(of(env).expect("sound").is_none(), "{env:?}");
        }
    }

    #[test]
    fn the_address_is_the_one_for_traces_or_below_the_one_for_all() {
        let at = |env: &[(&str, &str)]| of(env).expect("sound").expect("on").endpoint.to_string();
        assert_eq!(at(&[TO]), "http://c:4318/v1/traces");
        let whole = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/x");
        assert_eq!(at(&[TO, whole]), "https://t/x");
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_value() {
        let cases = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hush@c:4318"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ];
        for (name, value) in cases {
            let message = of(&[TO, (name, value)]).expect_err(name);
            assert!(message.contains(name) && !message.contains("hush"), "{message}");
        }
        let ratio = [TO, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        assert!(of(&ratio).is_err());
    }

    #[test]
    fn a_sampler_and_a_name_are_read() {
        let read = |env: &[(&str, &str)]| of(env).expect("sound").expect("on");
        let plain = read(&[TO]);
        assert_eq!((plain.sampling, plain.name), (Sampling::On, Some("zoomd")));
        let ratio = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
        let tenth =
            read(&[TO, ratio, ("OTEL_TRACES_SAMPLER_ARG", "0.1"), ("OTEL_SERVICE_NAME", "z")]);
        assert_eq!((tenth.sampling, tenth.name), (Sampling::Ratio(0.1), None));
        let named = read(&[TO, ("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=z")]);
        assert_eq!(named.name, None);
    }
}
