//! Sessions of persons on the collector's pages: signing in with a token, the cookie, forms that nobody else can send.
//!
//! A session ends in the same [`Caller`](super::caller::Caller) that a token gives, so rights and audit entries exist once.

mod cookie;
mod csrf;
mod form;
mod guard;
mod listing;
mod origin;
mod return_to;
mod sign_in;
mod sign_out;
mod tries;

pub(super) use cookie::{secret, values as cookies};
pub(super) use form::Form;
pub(super) use guard::{SessionId, require};
pub(super) use listing::{end, end_named, list, listed};
pub(super) use origin::{Origin, origin};
pub(super) use sign_in::{show, sign_in};
pub(super) use sign_out::sign_out;
pub(super) use tries::Tries;
