//! The keys of trust in a server.

use crate::scalar::Scalar;
use crate::schema::key::Kind::One;
use crate::schema::key::Need::Default;
use crate::schema::key::{Key, key};

pub(super) static TLS: &[Key] = &[key(
    "ca_file",
    One(Scalar::Path),
    Default(crate::proxy_settings::SYSTEM_CA_FILE),
    "Certificate authorities to trust, PEM, as the proxy sees the file.",
)];
