//! Single values: exact results of readers, and reasons of refusals.

use headgate_config::prices::BuiltInPrices;
use headgate_config::scalar::{Scalar, bytes, milliseconds, nano_usd, socket, unix_seconds, url};
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
fn sizes_and_durations_have_units() {
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
fn an_address_is_parsed() {
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
fn invalid_addresses_are_refused_and_hidden() {
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
fn every_listed_price_has_a_source() {
    let catalogue = BuiltInPrices::built_in();
    assert!(catalogue.prices.len() > 200);
    for listed in &catalogue.prices {
        let (price, assumed_from) = catalogue.price(Some(&listed.family), &listed.model);
        assert!(price.input > 0 && price.cached_input > 0, "{}", listed.model);
        assert!(price.cached_input <= price.input, "{}", listed.model);
        assert!(price.input <= price.cache_write && price.cache_write <= price.cache_write_1h, "{}", listed.model);
        assert!(price.output > 0 || listed.model.contains("embed"), "{}", listed.model);
        assert!(assumed_from.is_none() && !price.assumed);
        assert!(listed.source.starts_with("https://") && unix_seconds(&listed.as_of).is_ok(), "{}", listed.model);
        assert!(listed.as_of <= catalogue.revision, "{}", listed.model);
        assert!(listed.retires.as_ref().is_none_or(|day| unix_seconds(day).is_ok()), "{}", listed.model);
        let rates = listed.tiers.values().map(|tier| &tier.rates).chain(listed.long.as_ref().map(|long| &long.rates));
        for rates in rates.chain([&listed.rates]) {
            let amounts = [Some(&rates.input), rates.cached_input.as_ref(), rates.cache_write.as_ref()];
            let read = amounts.into_iter().flatten().chain([&rates.output]).all(|amount| nano_usd(amount).is_ok());
            assert!(read, "{}", listed.model);
        }
    }
}

#[test]
fn the_catalogue_is_sorted_and_unique() {
    let names: Vec<_> = BuiltInPrices::built_in().prices.into_iter().map(|one| (one.family, one.model)).collect();
    for pair in names.windows(2) {
        assert!(pair[0] < pair[1], "{:?} is before {:?}", pair[0], pair[1]);
    }
}

#[test]
fn current_models_are_listed() {
    let catalogue = BuiltInPrices::built_in();
    for (family, model) in [
        ("openai", "gpt-4.1-mini"),
        ("openai", "gpt-5.5-pro"),
        ("openai", "gpt-6.1-sol"),
        ("anthropic", "claude-sonnet-4-6"),
        ("anthropic", "claude-opus-5-5"),
        ("google", "gemini-3-flash-preview"),
        ("google", "gemini-3.1-pro-preview"),
        ("google", "models/gemini-2.5-pro"),
        ("mistral", "mistral-large-latest"),
        ("mistral", "mistral-small-latest"),
        ("mistral", "ministral-8b-latest"),
        ("xai", "grok-4.5"),
        ("deepseek", "deepseek-v4-pro"),
    ] {
        assert_eq!(catalogue.price(Some(family), model).1, None, "{model}");
    }
    let cached = |family, model| catalogue.price(Some(family), model).0.cached_input;
    assert_eq!(cached("openai", "gpt-4.1-nano"), 25_000_000);
    assert_eq!(cached("openai", "o3"), 500_000_000);
    assert_eq!(cached("google", "gemini-2.5-flash-lite"), 10_000_000);
    assert_eq!(cached("mistral", "codestral-latest"), 30_000_000);
    let magistral = catalogue.price(Some("mistral"), "magistral-medium-latest").0;
    assert_eq!((magistral.input, magistral.output), (1_500_000_000, 7_500_000_000));
}

#[test]
fn tiers_and_long_prompts_have_own_prices() {
    let catalogue = BuiltInPrices::built_in();
    let variants = |family, model| catalogue.price(Some(family), model).0.variants;
    let of = |family, model, tier: &str, above: u64| {
        let all = variants(family, model);
        let found = all.iter().find(|one| one.tier == tier && one.above == above);
        found.map(|one| (one.input, one.output)).unwrap_or_else(|| panic!("{model} {tier} {above}"))
    };
    assert_eq!(of("openai", "gpt-5.5", "flex", 0), (2_500_000_000, 15_000_000_000));
    assert_eq!(of("openai", "gpt-5.5", "priority", 0), (12_500_000_000, 75_000_000_000));
    assert_eq!(of("openai", "gpt-5.5", "", 272_000), (10_000_000_000, 45_000_000_000));
    assert_eq!(of("anthropic", "claude-opus-5-5", "fast", 0), (8_000_000_000, 40_000_000_000));
    assert_eq!(of("anthropic", "claude-opus-5-5", "priority", 0), (4_000_000_000, 20_000_000_000));
    assert_eq!(of("google", "gemini-2.5-pro", "", 200_000), (2_500_000_000, 15_000_000_000));
}

#[test]
fn a_snapshot_costs_as_much_as_its_model() {
    let catalogue = BuiltInPrices::built_in();
    let price = |model| catalogue.price(Some("openai"), model);
    assert_eq!(price("gpt-4o-2024-08-06"), price("gpt-4o"));
    assert_ne!(price("gpt-4o-2024-05-13"), price("gpt-4o"));
    assert_eq!(catalogue.price(Some("anthropic"), "claude-opus-4-5-20251101").0.input, 5_000_000_000);
    assert!(price("gpt-4o-9999-99-99").0.assumed);
}

#[test]
fn cache_writes_cost_by_family() {
    let catalogue = BuiltInPrices::built_in();
    let claude = catalogue.price(Some("anthropic"), "claude-sonnet-4-5").0;
    assert_eq!(
        (claude.input, claude.cache_write, claude.cache_write_1h),
        (3_000_000_000, 3_750_000_000, 6_000_000_000)
    );
    let gpt = catalogue.price(Some("openai"), "gpt-5").0;
    assert_eq!((gpt.cache_write, gpt.cache_write_1h), (gpt.input, gpt.input));
}

#[test]
fn an_unknown_model_has_the_highest_price() {
    let catalogue = BuiltInPrices::built_in();
    for family in ["openai", "anthropic", "google", "mistral", "xai", "deepseek"] {
        let (unknown, like) = catalogue.price(Some(family), "model-of-tomorrow");
        assert!(unknown.assumed && like.is_some(), "{family}");
        let current = catalogue
            .prices
            .iter()
            .filter(|one| one.family == family && one.retires.as_ref().is_none_or(|day| *day > catalogue.revision));
        for listed in current {
            let price = catalogue.price(Some(family), &listed.model).0;
            let not_below = unknown.input >= price.input
                && unknown.cached_input >= price.cached_input
                && unknown.cache_write >= price.cache_write
                && unknown.cache_write_1h >= price.cache_write_1h
                && unknown.output >= price.output;
            assert!(not_below, "{family}: {}", listed.model);
        }
        assert!(unknown.variants.iter().all(|one| !one.tier.is_empty() || one.output >= unknown.output), "{family}");
    }
    // o1-pro is not served any more, so its price does not count.
    assert!(catalogue.price(Some("openai"), "gpt-99").0.output < catalogue.price(Some("openai"), "o1-pro").0.output);
    let (any, _) = catalogue.price(None, "llama");
    assert!(any.assumed && any.output >= catalogue.price(Some("openai"), "gpt-99").0.output);
    // A model at an unknown address has the same price.
    assert_eq!(catalogue.price(None, "gpt-5").0, catalogue.price(Some("openai"), "gpt-5").0);
}

/// Each bound and each form has its own message, so that advice about the form is never given for a value that is too large.
#[test]
fn each_flaw_of_a_value_has_its_own_reason() {
    use Scalar::*;
    let long_name = "n".repeat(129);
    let long_text = "t".repeat(257);
    let cases: &[(Scalar, &str, &str)] = &[
        (Money, "", "there is no number here"),
        (Money, "100000000", "this amount of US dollars is too large"),
        (Money, "1000000.000000001", "this amount of US dollars is too large"),
        (Money, "99999999999999999999999", "this amount of US dollars is too large"),
        (Money, "-1", "this number is negative"),
        (Money, "+1", "this number has a sign"),
        (Money, "1e3", "this number has an exponent"),
        (Money, "1,000", "there is a comma in this amount"),
        (Money, "0.0000000001", "this amount has more than nine decimal places"),
        (Money, "$5", "an amount has no currency: all amounts are in US dollars"),
        (Money, "5 EUR", "an amount has no currency: all amounts are in US dollars"),
        (Money, ".5", "a digit is missing before the decimal point"),
        (Money, "500k", "an amount has no unit"),
        (Money, "€5", "an amount has no currency: all amounts are in US dollars"),
        (Money, "five", "this is not an amount of US dollars"),
        (Size, "0", "this size is too small"),
        (Size, "257MiB", "this size is too large"),
        (Size, "1GiB", "this size is too large"),
        (Size, "99999999999999999999B", "this size is too large"),
        (Size, "1.5MiB", "this is not a whole number"),
        (Size, "20 apples", "unknown unit"),
        (Size, "20mib", "unknown unit"),
        (Size, "-1", "this number is negative"),
        (Size, "MiB", "there is no number here"),
        (Duration, "20", "this number has no unit"),
        (Duration, "25h", "this time is too long"),
        (Duration, "99999999999999999999s", "this time is too long"),
        (Duration, "2d", "unknown unit"),
        (Duration, "1.5s", "this is not a whole number"),
        (Duration, "-5s", "this number is negative"),
        (Timeout, "0s", "a timeout cannot be 0"),
        (Timeout, "25h", "this time is too long"),
        (Retention, "0d", "this retention is too short"),
        (Retention, "36501d", "this retention is too long"),
        (Retention, "90", "this number has no unit"),
        (Retention, "90h", "unknown unit"),
        (Retention, "09d", "this number of days begins with 0"),
        (Retention, "9 d", "there is a space in this number of days"),
        (Count, "1000000001", "this number is too large"),
        (Count, "99999999999999999999", "this number is too large"),
        (Count, "-1", "this number is negative"),
        (Count, "1.0", "this is not a whole number"),
        (Count, "1_000", "digits are grouped here"),
        (Count, "many", "this is not a number"),
        (Positive, "0", "this number is too small"),
        (Positive, "1000000001", "this number is too large"),
        (Positive, "x", "this is not a number"),
        (Percent, "0", "this percentage is too small"),
        (Percent, "101", "this percentage is too large"),
        (Percent, "50%", "a percentage is written without `%`"),
        (Percent, "7.5", "this is not a whole number"),
        (Share, "0", "this share is too small"),
        (Share, "0.0", "this share is too small"),
        (Share, "1.1", "this share is too large"),
        (Share, "80", "this share is too large"),
        (Share, "80%", "a share is a fraction, not a percentage"),
        (Share, "0.1234567", "this share has more than six decimal places"),
        (Share, "-0.5", "this number is negative"),
        (Rate, "60", "the unit of time is missing"),
        (Rate, "0/min", "a limit of 0 rejects every request"),
        (Rate, "1000001M/min", "this amount is too large"),
        (Rate, "99999999999999999999/min", "this amount is too large"),
        (Rate, "5/month", "this period is too long for a limit"),
        (Rate, "5/10s", "a limit counts per one unit of time"),
        (Rate, "5/fortnight", "unknown unit of time"),
        (Rate, "5K/min", "unknown unit of an amount"),
        (Rate, "-5/min", "this number is negative"),
        (Rate, "1.5/min", "this is not a whole number"),
        (Timestamp, "1969-12-31", "this date is before 1970"),
        (Timestamp, "2027-02-30", "this day does not exist"),
        (Timestamp, "2027-01-01T00:00:00", "this time has no zone"),
        (Timestamp, "2027-01-01T99:00:00Z", "this is not a date and time"),
        (Timestamp, "tomorrow", "this is not a date"),
        (Trigger, "700", "this is not an error status"),
        (Trigger, "399", "this is not an error status"),
        (Trigger, "connekt", "unknown failover condition"),
        (Flag, "yes", "this must be `true` or `false`"),
        (Name, "", "there is no name here"),
        (Name, &long_name, "this name is longer than 128 characters"),
        (Name, "two words", "this name contains a character that is not allowed"),
        (ProviderName, "OpenAI", "a provider name must be in lower case"),
        (HeaderName, "X-Region", "a header name must be in lower case"),
        (TagName, "a_b", "this tag name contains a character that is not allowed"),
        (Text, &long_text, "this text is longer than 256 characters"),
        (Text, "a\u{7}", "there is a control character in this text"),
        (PriceName, "gpt-5", "the provider before the model is missing"),
        (PriceName, "openai/", "there is no name or glob here"),
        (Variable, "sk-secret", "this is not a reference to an environment variable"),
        (Variable, "$KEY", "the braces around the variable's name are missing"),
        (Variable, "${KEY", "the brace after the variable's name is missing"),
        (Variable, "${}", "there is no name between the braces"),
        (Variable, "${1A}", "this is not the name of an environment variable"),
        (Sha256, "abc", "this is not a SHA-256: it has 3 hex digits instead of 64"),
        (Sha256, "hg-xyz", "this is the key itself, not its SHA-256: make a new one, it must not be used any more"),
        (Sha256, "xyz", "this is not a SHA-256: it contains characters that are not hex digits"),
        (Url, "api.openai.com/v1", "this address does not begin with http:// or https://"),
        (Url, "ftp://a", "only http:// and https:// are supported"),
        (Url, "https://u:p@a", "an address must not contain a user or a password"),
        (Url, "https://a?key=1", "an address must not contain a query"),
        (Url, "https://a:99999", "the port of this address is too large"),
        (Url, "https://a:0", "the port of this address is 0"),
        (Url, "https://a:x", "the port of this address is not a number"),
        (Url, "https:///v1", "this address has no host"),
        (Url, "https://::1/v1", "an IPv6 address must be in brackets"),
        (Url, "https://a..b", "the host name is not valid"),
        (Socket, "localhost:8080", "this is not an IP address"),
        (Socket, "8080", "there is no IP address before this port"),
        (Socket, ":8080", "there is no IP address before this port"),
        (Socket, "0.0.0.0", "the port of this address is missing"),
        (Socket, "0.0.0.0:0", "the port of this address is 0"),
        (Socket, "0.0.0.0:70000", "the port of this address is too large"),
        (TimeZone, "Mars/Olympus", "this time zone is not known"),
        (TimeZone, "+01:00", "this is an offset, not a time zone"),
        (Origin, "https://app.example.com/", "an origin must not have a path or a slash at its end"),
        (Origin, "https://App.example.com", "an origin must be in lower case"),
        (Origin, "https://app.example.com:443", "an origin must not contain the default port of its scheme"),
        (Path, "ca.pem", "this is not an absolute path"),
    ];
    for (kind, text, message) in cases {
        let wrong = kind.check(text).expect_err(text);
        assert_eq!(wrong.message, *message, "{kind:?} {text:?}");
        assert!(!wrong.help.is_empty(), "{kind:?} {text:?}");
    }
    for (kind, text) in [
        (Money, "1000000"),
        (Size, "256MiB"),
        (Duration, "24h"),
        (Count, "1000000000"),
        (Share, "1.0"),
        (Percent, "100"),
        (Rate, "1000000M/day"),
        (Retention, "36500d"),
        (Origin, "http://localhost:3000"),
        (Origin, "*"),
    ] {
        assert_eq!(kind.check(text), Ok(()), "{kind:?} {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn formatted_dollars_are_read_back(nano in 0_u64..1_000_000_000_000_000) {
        let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
        prop_assert_eq!(nano_usd(&text), Ok(nano));
    }

    #[test]
    fn readers_do_not_panic(text in "\\PC{0,80}|[0-9a-zA-Z.:/@${}*\\[\\]-]{0,80}") {
        for kind in [Scalar::Text, Scalar::Name, Scalar::ProviderName, Scalar::Glob, Scalar::HeaderName,
            Scalar::TagName, Scalar::PriceName, Scalar::Variable, Scalar::Size, Scalar::Duration, Scalar::Retention,
            Scalar::Flag, Scalar::Count, Scalar::Positive, Scalar::Url, Scalar::Socket, Scalar::Sha256, Scalar::Timestamp,
            Scalar::Trigger, Scalar::Format, Scalar::Money, Scalar::Path, Scalar::Share, Scalar::Rate, Scalar::Percent,
            Scalar::TimeZone, Scalar::Dimension, Scalar::Origin, Scalar::TierName, Scalar::File] {
            if let Err(wrong) = kind.check(&text) {
                prop_assert!(!wrong.message.is_empty() && !wrong.help.is_empty());
            }
        }
    }
}
