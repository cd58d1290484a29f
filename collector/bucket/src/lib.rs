//! Objects in buckets: of S3 and of what speaks like it (Google Cloud Storage, MinIO, R2), and in containers of Azure.
//!
//! A bucket of S3 is addressed by path, with a key pair. A container of Azure is addressed with a shared access signature.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use rusty_s3::{Bucket as S3, Credentials, S3Action as _, UrlStyle};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::time::Duration;

/// The time for which the signature of a call is valid.
const VALID: Duration = Duration::from_secs(300);
/// The region where a bucket names none.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The place of objects.
#[derive(Clone)]
pub struct Bucket {
    kind: Kind,
    /// The beginning of the names of all objects: empty, or with a `/` at its end.
    prefix: String,
}

#[derive(Clone)]
enum Kind {
    S3 {
        bucket: Box<S3>,
        keys: Credentials,
    },
    /// The address of the container, and its signature.
    Azure {
        container: String,
        signature: String,
    },
}

/// It may hold secrets.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

/// An object to put.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// The name, below the prefix.
    pub name: &'a str,
    /// The media type.
    pub media_type: &'static str,
    /// The bytes.
    pub bytes: &'a [u8],
    /// The days for which nobody may delete or replace it, the owner of the bucket included. Only S3 has such locks for an object.
    pub locked_days: Option<u16>,
}

impl Bucket {
    /// Reads an address: `https://HOST/BUCKET[/PREFIX]`, or that of a container of Azure with its signature,
    /// `https://HOST/CONTAINER[/PREFIX]?sv=…&sig=…`.
    ///
    /// # Errors
    /// The problem and its remedy. It quotes nothing of the address.
    pub fn new(address: &str, region: &str, keys: Option<(&str, &str)>) -> Result<Self, String> {
        let (place, query) = address.split_once('?').unwrap_or((address, ""));
        let (scheme, rest) = place.split_once("://").ok_or("it must begin with https:// or http://")?;
        let (host, path) = rest.split_once('/').ok_or("it must name a bucket: https://HOST/BUCKET")?;
        let (name, prefix) = path.trim_matches('/').split_once('/').unwrap_or((path.trim_matches('/'), ""));
        if name.is_empty() {
            return Err("it must name a bucket: https://HOST/BUCKET".to_owned());
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        if query.contains("sig=") {
            let kind = Kind::Azure { container: format!("{scheme}://{host}/{name}"), signature: query.to_owned() };
            return Ok(Self { kind, prefix });
        }
        let (key, secret) =
            keys.ok_or("it needs `access_key` and `secret_key`, or a shared access signature of Azure")?;
        let endpoint = format!("{scheme}://{host}").parse().map_err(|_| "it is no address")?;
        let bucket = S3::new(endpoint, UrlStyle::Path, name.to_owned(), region.to_owned());
        let bucket = Box::new(bucket.map_err(|_| "the name of the bucket cannot be in an address")?);
        Ok(Self { kind: Kind::S3 { bucket, keys: Credentials::new(key, secret) }, prefix })
    }

    /// Puts an object, at a time in µs since the Unix epoch.
    ///
    /// # Errors
    /// No answer came.
    pub fn put(
        &self,
        agent: &ureq::Agent,
        object: &Object<'_>,
        now_us: i64,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let (address, headers) = self.call(object, Timestamp::from_microsecond(now_us).unwrap_or_default());
        let mut request = agent.put(&address).header("content-type", object.media_type);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        request.send(object.bytes)
    }

    /// Gets an object, or one version of it, at a time in µs since the Unix epoch.
    ///
    /// # Errors
    /// No answer came.
    pub fn get(
        &self,
        agent: &ureq::Agent,
        name: &str,
        version: Option<&str>,
        now_us: i64,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let now = Timestamp::from_microsecond(now_us).unwrap_or_default();
        agent.get(self.get_call(&format!("{}{name}", self.prefix), version, now)).call()
    }

    /// Returns the address of an object as a reader names it, without signatures and keys.
    #[must_use]
    pub fn address_of(&self, name: &str) -> String {
        let name = format!("{}{name}", self.prefix);
        match &self.kind {
            Kind::Azure { container, .. } => format!("{container}/{name}"),
            Kind::S3 { bucket, .. } => bucket.object_url(&name).to_string(),
        }
    }

    /// Returns when the lock ends of an object that is put now for so many days, µs; nothing where the bucket has no locks of objects.
    #[must_use]
    pub fn lock_end_us(&self, days: u16, now_us: i64) -> Option<i64> {
        let now = Timestamp::from_microsecond(now_us).unwrap_or_default();
        matches!(self.kind, Kind::S3 { .. }).then(|| lock_end(days, now).as_second().saturating_mul(1_000_000))
    }

    fn get_call(&self, name: &str, version: Option<&str>, now: Timestamp) -> String {
        match &self.kind {
            Kind::Azure { container, signature } => {
                let version = version.map(|version| format!("versionid={version}&")).unwrap_or_default();
                format!("{container}/{name}?{version}{signature}")
            }
            Kind::S3 { bucket, keys } => {
                let mut action = bucket.get_object(Some(keys), name);
                if let Some(version) = version {
                    action.query_mut().insert("versionId", version.to_owned());
                }
                action.sign_with_time(VALID, &now).to_string()
            }
        }
    }

    /// Returns the address and the headers of the call.
    fn call(&self, object: &Object<'_>, now: Timestamp) -> (String, Vec<(&'static str, String)>) {
        let name = format!("{}{}", self.prefix, object.name);
        match &self.kind {
            Kind::Azure { container, signature } => {
                let headers =
                    vec![("x-ms-blob-type", "BlockBlob".to_owned()), ("x-ms-version", "2023-11-03".to_owned())];
                (format!("{container}/{name}?{signature}"), headers)
            }
            Kind::S3 { bucket, keys } => {
                let headers = s3_headers(object, now);
                let mut action = bucket.put_object(Some(keys), &name);
                for (name, value) in &headers {
                    action.headers_mut().insert(*name, value.clone());
                }
                (action.sign_with_time(VALID, &now).to_string(), headers)
            }
        }
    }
}

fn s3_headers(object: &Object<'_>, now: Timestamp) -> Vec<(&'static str, String)> {
    let checksum = BASE64_STANDARD.encode(Sha256::digest(object.bytes));
    let mut headers = vec![("x-amz-checksum-sha256", checksum), ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned())];
    if let Some(days) = object.locked_days {
        let end = lock_end(days, now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        headers.push(("x-amz-object-lock-mode", "COMPLIANCE".to_owned()));
        headers.push(("x-amz-object-lock-retain-until-date", end));
    }
    headers
}

fn lock_end(days: u16, now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(i64::from(days).saturating_mul(24))).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Object};

    const OBJECT: Object<'_> =
        Object { name: "dt=2026-01-01/1-2.gz", media_type: "application/gzip", bytes: b"x", locked_days: Some(2) };

    #[test]
    fn an_address_names_host_bucket_and_prefix() {
        let bucket = Bucket::new("http://127.0.0.1:9000/logs/a/b", "eu-central-1", Some(("key", "canary"))).unwrap();
        let (address, headers) = bucket.call(&OBJECT, "2026-01-01T00:00:00Z".parse().unwrap());
        assert!(address.starts_with("http://127.0.0.1:9000/logs/a/b/dt%3D2026-01-01/1-2.gz?"), "{address}");
        assert!(address.contains("eu-central-1") && !address.contains("canary"), "{address}");
        assert!(address.contains("x-amz-object-lock-mode"), "the lock is signed: {address}");
        assert_eq!(headers[3], ("x-amz-object-lock-retain-until-date", "2026-01-03T00:00:00Z".to_owned()));
    }

    #[test]
    fn a_version_is_got_by_its_name() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let bucket = Bucket::new("http://127.0.0.1:9000/logs/a", "eu-central-1", Some(("key", "canary"))).unwrap();
        let address = bucket.get_call("a/1.checkpoint", Some("v 1"), now);
        assert!(address.starts_with("http://127.0.0.1:9000/logs/a/1.checkpoint?"), "{address}");
        assert!(address.contains("versionId=v%201&") && !address.contains("canary"), "{address}");
        assert!(!bucket.get_call("a/1.checkpoint", None, now).contains("versionId"));
        assert_eq!(bucket.address_of("1.checkpoint"), "http://127.0.0.1:9000/logs/a/1.checkpoint");
        assert_eq!(bucket.lock_end_us(2, now.as_microsecond()), Some(1_767_398_400_000_000));
        let container = Bucket::new("https://a.blob.core.windows.net/logs?sv=1&sig=s", "", None).unwrap();
        assert_eq!(container.address_of("1"), "https://a.blob.core.windows.net/logs/1");
        assert_eq!(container.lock_end_us(2, 0), None);
    }

    #[test]
    fn a_container_of_azure_is_addressed_with_its_signature() {
        let bucket = Bucket::new("https://a.blob.core.windows.net/logs/?sv=1&sig=s", "", None).unwrap();
        let (address, headers) = bucket.call(&OBJECT, "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(address, "https://a.blob.core.windows.net/logs/dt=2026-01-01/1-2.gz?sv=1&sig=s");
        assert_eq!(headers[0], ("x-ms-blob-type", "BlockBlob".to_owned()));
    }

    #[test]
    fn wrong_addresses_are_refused_without_being_quoted() {
        for bad in [
            "s3.example.com/logs",
            "https://s3.example.com",
            "https://s3.example.com/",
            "https://s3.example.com/logs?x=canary",
        ] {
            let why = Bucket::new(bad, "us-east-1", None).unwrap_err();
            assert!(!why.contains("canary") && !why.contains("s3.example.com"), "{why}");
        }
    }
}
