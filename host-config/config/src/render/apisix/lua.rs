//! The lines of Lua beside the filter: they carry bodies that the host does not let a filter change.

/// Puts the filter's body in the place of the request's. Without one the filter has not let the request go, perhaps because APISIX could not
/// load it: then nothing is sent to a provider.
pub(super) const BODY_SHIM: &str = "return function() local b = ngx.var.headgate_request_body; \
if b == nil or b == \"\" then return ngx.exit(503) end; ngx.req.read_body(); ngx.req.set_body_data(b) end";

/// Puts the filter's bytes in the place of a chunk of the response. A zero byte stands for none, and a one for the end.
pub(super) const CHUNK_SHIM: &str = "return function() local c = ngx.var.headgate_response_chunk; \
if c ~= \"\" then if c == \"\\1\" then error(\"headgate ends this stream\") end; \
ngx.arg[1] = c ~= \"\\0\" and c or nil; ngx.var.headgate_response_chunk = \"\" end end";
