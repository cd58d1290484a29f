//! Single values: what is read, to the unit, and what is refused.

use headgate::catalogue::Catalogue;
use headgate::scalar::{Scalar, bytes, milliseconds, nano_usd, socket, unix_seconds, url};
use proptest::prelude::*;

#[test]
fn dollars_are_exact_to_the_nano() {
    let cases = [("0", 0), ("1.25", 1_250_000_000), ("0.1", 100_000_000), ("0.000000001", 1), ("10", 10_000_000_000)];
    for (text, nano) in cases {
        assert_eq!(nano_usd(text), Ok(nano), "{text}");
    }
    for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000000001", "1000001", "1,5", "0x1", "NaN", "٣"] {
        assert!(nano_usd(text).is_err(), "{text}");
    }
}

#[test]
fn sizes_times_and_moments_have_units() {
    assert_eq!(bytes("20MiB"), Ok(20 << 20));
    assert_eq!(bytes("1000"), Ok(1000));
    assert_eq!(bytes("1 kB"), Ok(1000));
    assert_eq!(milliseconds("500ms"), Ok(500));
    assert_eq!(milliseconds("5m"), Ok(300_000));
    assert_eq!(unix_seconds("2027-01-01"), Ok(1_798_761_600));
    assert_eq!(unix_seconds("2027-01-01T01:00:00+01:00"), Ok(1_798_761_600));
    for text in ["", "0", "20", "1.5s", "25h", "99999999999999999999s", "s", "5 minutes"] {
        assert!(milliseconds(text).is_err(), "{text}");
    }
    for text in ["0", "257MiB", "-1", "1MIB", "99999999999999999999B"] {
        assert!(bytes(text).is_err(), "{text}");
    }
    for text in ["2027-13-01", "1969-12-31", "2027-01-01T00:00:00", "tomorrow", "2027-1-1"] {
        assert!(unix_seconds(text).is_err(), "{text}");
    }
}

#[test]
fn an_address_is_taken_apart() {
    let read = |text| url(text).map(|url| (url.tls, url.host, url.port, url.authority, url.path)).unwrap();
    let strings = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    for (text, tls, port, (host, authority, path)) in [
        ("https://API.openai.com/v1/", true, 443, strings("api.openai.com", "api.openai.com", "/v1")),
        ("http://127.0.0.1:8000", false, 8000, strings("127.0.0.1", "127.0.0.1:8000", "")),
        ("http://[::1]:80/a/b", false, 80, strings("::1", "[::1]", "/a/b")),
        ("https://[2001:db8::1]:8443", true, 8443, strings("2001:db8::1", "[2001:db8::1]:8443", "")),
    ] {
        assert_eq!(read(text), (tls, host, port, authority, path), "{text}");
    }
}

#[test]
fn an_address_that_no_cluster_can_be_made_of_is_refused_and_hidden() {
    for text in [
        "",
        "api.openai.com",
        "ftp://a",
        "https://",
        "https:///v1",
        "https://a:0",
        "https://a:99999",
        "https://a:+80",
        "https://u:p@a",
        "https://a?key=1",
        "https://a#x",
        "https://a b",
        "https://-a",
        "https://a..b",
        "https://1.2.3",
        "https://[::1",
        "https://[zz]",
        "https://a/\u{e9}",
        "https://a\\b",
        "https://a/x y",
    ] {
        assert!(url(text).unwrap_err().hide, "{text}");
    }
}

#[test]
fn a_socket_is_an_address_and_a_port() {
    assert!(socket("0.0.0.0:8080").is_ok() && socket("[::]:8080").is_ok());
    for text in ["localhost:8080", ":8080", "8080", "0.0.0.0", "0.0.0.0:0", "::1:80"] {
        assert!(socket(text).is_err(), "{text}");
    }
}

#[test]
fn every_price_of_the_catalogue_has_its_source_and_none_is_free() {
    let catalogue = Catalogue::built_in();
    assert!(catalogue.prices.len() > 30);
    for listed in &catalogue.prices {
        let (price, assumed_from) = catalogue.price(Some(&listed.family), &listed.model);
        assert!(price.input > 0 && price.cached_input > 0, "{}", listed.model);
        assert!(price.cached_input <= price.input, "{}", listed.model);
        assert!(price.input <= price.cache_write && price.cache_write <= price.cache_write_1h, "{}", listed.model);
        assert!(price.output > 0 || listed.model.contains("embedding"), "{}", listed.model);
        assert!(assumed_from.is_none() && !price.assumed);
        assert!(listed.source.starts_with("https://") && unix_seconds(&listed.as_of).is_ok(), "{}", listed.model);
    }
}

#[test]
fn a_dated_snapshot_costs_what_its_model_costs_unless_it_is_listed_itself() {
    let catalogue = Catalogue::built_in();
    let price = |model| catalogue.price(Some("openai"), model);
    assert_eq!(price("gpt-4o-2024-08-06"), price("gpt-4o"));
    assert_ne!(price("gpt-4o-2024-05-13"), price("gpt-4o"));
    assert_eq!(catalogue.price(Some("anthropic"), "claude-opus-4-5-20251101").0.input, 5_000_000_000);
    assert!(price("gpt-4o-9999-99-99").0.assumed);
}

#[test]
fn writing_to_anthropic_s_cache_costs_more_than_input_and_to_openai_s_the_same() {
    let catalogue = Catalogue::built_in();
    let claude = catalogue.price(Some("anthropic"), "claude-sonnet-4-5").0;
    assert_eq!(
        (claude.input, claude.cache_write, claude.cache_write_1h),
        (3_000_000_000, 3_750_000_000, 6_000_000_000)
    );
    let gpt = catalogue.price(Some("openai"), "gpt-5").0;
    assert_eq!((gpt.cache_write, gpt.cache_write_1h), (gpt.input, gpt.input));
}

#[test]
fn an_unknown_model_costs_what_the_dearest_known_costs() {
    let catalogue = Catalogue::built_in();
    let (openai, like) = catalogue.price(Some("openai"), "gpt-99");
    assert!(openai.assumed && like == Some("gpt-5.5"));
    let (any, _) = catalogue.price(None, "llama");
    assert!(any.assumed && any.output >= openai.output);
    // A model behind somebody else's address is still that model.
    assert_eq!(catalogue.price(None, "gpt-5").0, catalogue.price(Some("openai"), "gpt-5").0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn dollars_written_out_are_read_back(nano in 0_u64..1_000_000_000_000_000) {
        let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
        prop_assert_eq!(nano_usd(&text), Ok(nano));
    }

    #[test]
    fn no_value_makes_a_reader_panic(text in "\\PC{0,80}|[0-9a-zA-Z.:/@${}*\\[\\]-]{0,80}") {
        for kind in [Scalar::Text, Scalar::Name, Scalar::ProviderName, Scalar::Glob, Scalar::HeaderName,
            Scalar::TagName, Scalar::PriceName, Scalar::Variable, Scalar::Size, Scalar::Duration, Scalar::Retention,
            Scalar::Flag, Scalar::Count, Scalar::Positive, Scalar::Url, Scalar::Socket, Scalar::Sha256, Scalar::Moment,
            Scalar::Trigger, Scalar::Format, Scalar::Money, Scalar::Path] {
            if let Err(wrong) = kind.check(&text) {
                prop_assert!(!wrong.message.is_empty() && !wrong.help.is_empty());
            }
        }
    }
}
