//! Parses the address of a server: postgres://USER@HOST:5432,HOST/DATABASE?sslmode=verify-full&sslrootcert=FILE.
//!
//! The address may hold a password, so it is never shown, and errors have their own texts, because the driver's parser quotes
//! the address. That parser knows neither `verify-full` nor `sslrootcert`, so both are removed first. The driver tries several
//! hosts one after the other, and a silent host uses up the time of the next. So each host is a target of its own.

use super::bad_url::BadUrl;
use super::tls::{self, Tls};
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// A valid address.
pub(super) struct Address {
    /// One for each host; all have the same database and user.
    pub(super) targets: Vec<Config>,
    /// `None` if connections are not encrypted.
    pub(super) tls: Option<Tls>,
}

impl Address {
    /// Parses an address and reads the certificates to trust.
    pub(super) fn read(url: &str) -> Result<Self, BadUrl> {
        let Parts { urls, ssl_mode, root_cert } = Parts::of(url)?;
        let mut targets = urls.iter().map(|url| target(url)).collect::<Result<Vec<_>, _>>()?;
        let encrypted = ssl_mode.unwrap_or_else(|| !targets.iter().all(is_local));
        let several = targets.len() > 1;
        for target in &mut targets {
            target.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
            // Of several servers only one writes; the others are its replicas.
            if several && target.get_target_session_attrs() == TargetSessionAttrs::Any {
                target.target_session_attrs(TargetSessionAttrs::ReadWrite);
            }
        }
        let tls = if encrypted { Some(tls::trusting(root_cert.as_deref())?) } else { None };
        Ok(Self { targets, tls })
    }
}

/// Returns whether an address holds a password.
pub(super) fn has_password(url: &str) -> bool {
    let targets = Parts::of(url).map(|parts| parts.urls).unwrap_or_default();
    targets.iter().any(|url| url.parse::<Config>().is_ok_and(|config| config.get_password().is_some()))
}

fn target(url: &str) -> Result<Config, BadUrl> {
    let mut config: Config = url.parse().map_err(|_| BadUrl::Syntax)?;
    if config.get_hosts().is_empty() {
        return Err(BadUrl::Host);
    }
    config.application_name("headgate-collector").tcp_user_timeout(Duration::from_secs(10));
    if config.get_password().is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        config.password(password);
    }
    Ok(config)
}

/// Returns whether all hosts are this machine, so that TLS is not needed.
fn is_local(target: &Config) -> bool {
    target.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        Host::Unix(_) => true,
    })
}

struct Parts {
    /// The address of each host, without parameters that the driver's parser does not know.
    urls: Vec<String>,
    /// Whether to encrypt, if the address sets it. Encrypted connections are always verified: `require` means `verify-full`.
    ssl_mode: Option<bool>,
    root_cert: Option<String>,
}

impl Parts {
    fn of(url: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(BadUrl::Syntax)?;
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(BadUrl::Syntax);
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (mut ssl_mode, mut root_cert, mut others) = (None, None, Vec::new());
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("sslmode", mode)) => ssl_mode = Some(is_encrypted(mode)?),
                Some(("sslrootcert", file)) => root_cert = Some(decoded(file)),
                _ => others.push(part),
            }
        }
        let (user, place) = place.split_once('@').map_or((None, place), |(user, place)| (Some(user), place));
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let rest = format!("/{database}?{}", others.join("&"));
        let urls = hosts.split(',').map(|host| format!("postgres://{user}{host}{rest}")).collect();
        Ok(Self { urls, ssl_mode, root_cert })
    }
}

fn is_encrypted(mode: &str) -> Result<bool, BadUrl> {
    match mode {
        "require" | "verify-ca" | "verify-full" => Ok(true),
        "disable" => Ok(false),
        _ => Err(BadUrl::SslMode),
    }
}

fn decoded(value: &str) -> String {
    // `+` is a plus here, not a space.
    form_urlencoded::parse(value.replace('+', "%2B").as_bytes()).map(|(value, _)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::read(url).unwrap_or_else(|bad| panic!("{url}: {bad}"))
    }

    #[test]
    fn remote_hosts_are_encrypted_by_default() {
        let mode = |url: &str| address(url).targets[0].get_ssl_mode();
        assert_eq!(mode("postgres://me@localhost/d"), SslMode::Disable);
        assert_eq!(mode("postgres://me@db.example/d"), SslMode::Require);
        assert_eq!(mode("postgres://me@localhost,db.example/d"), SslMode::Require);
        assert_eq!(mode("postgres://me@db.example/d?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://me@localhost/d?sslmode=verify-full"), SslMode::Require);
    }

    #[test]
    fn bad_addresses_are_refused_without_a_quote() {
        let bad = |url: &str| Address::read(url).err().unwrap();
        assert_eq!(bad("postgres://me:s3cret@h/d?sslmode=prefer"), BadUrl::SslMode);
        assert_eq!(bad("postgres://me:s3cret@h/d?s3cret=x"), BadUrl::Syntax);
        assert_eq!(bad("host=h user=me password=s3cret"), BadUrl::Syntax);
        assert_eq!(bad("postgres:///d"), BadUrl::Host);
        assert_eq!(bad("postgres://me@h/d?sslrootcert=/no/such/file"), BadUrl::RootCert);
    }

    #[test]
    fn a_password_is_found_in_any_place() {
        for url in ["me:s3cret@h/d", "me:s3cret@h,i/d?sslmode=verify-full&sslrootcert=/ca", "me@h/d?password=s3cret"] {
            assert!(has_password(&format!("postgres://{url}")), "{url}");
        }
        assert!(!has_password("postgres://me@h/d?sslmode=verify-full"));
    }

    #[test]
    fn each_host_is_a_target() {
        let targets = address("postgres://me@a.example:1,[::1]:2,c.example/d?sslmode=require").targets;
        let places: Vec<_> = targets.iter().map(|one| (one.get_hosts().to_vec(), one.get_ports().to_vec())).collect();
        let of = |host: &str, port| (vec![Host::Tcp(host.to_owned())], vec![port]);
        assert_eq!(places, [of("a.example", 1), of("::1", 2), of("c.example", 5432)]);
        let writes = |url: &str| address(url).targets[0].get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
        assert!(writes("postgres://me@a.example,b.example/d") && !writes("postgres://me@a.example/d"));
    }

    #[test]
    fn the_root_certificate_file_is_decoded() {
        let parts = Parts::of("postgres://me@h/d?sslrootcert=/etc/a%20b/c+d.pem&connect_timeout=3").unwrap();
        assert_eq!(parts.root_cert.as_deref(), Some("/etc/a b/c+d.pem"));
        assert_eq!(parts.urls, ["postgres://me@h/d?connect_timeout=3"]);
    }
}
