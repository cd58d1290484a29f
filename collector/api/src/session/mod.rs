//! Sessions of persons on the collector's pages: signing in with a token or at an identity provider, the cookie, forms that
//! nobody else can send.
//!
//! A session ends in the same [`Caller`](super::caller::Caller) that a token gives, so rights and audit entries exist once.

mod cookie;
mod csrf;
mod form;
mod guard;
mod identity_provider;
mod listing;
mod origin;
mod person_sign_in;
mod refusal;
mod return_to;
mod sign_in;
mod sign_out;
mod site;
mod tries;
mod visitor;

pub(super) use cookie::{secret, values as cookies};
pub(super) use form::Form;
pub(super) use guard::{SessionId, require};
pub(super) use identity_provider::IdentityProvider;
pub(super) use listing::{end, end_named, list, listed};
pub(super) use origin::{Origin, origin};
pub(super) use person_sign_in::{begin, callback};
pub(super) use sign_in::{show, sign_in};
pub(super) use sign_out::{sign_out, signed_out};
pub(super) use site::Site;
pub(super) use tries::Tries;
