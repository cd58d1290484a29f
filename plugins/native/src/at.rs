//! What a hook is about.

use crate::abi::{Logger, Root, Stream};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At {
    Nothing,
    Stream(Stream),
    Log(Logger),
    Root(Root),
}
