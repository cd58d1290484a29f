//! The lines of Lua beside the filter: they carry bodies that the host does not let a filter change.

/// Puts the filter's body in the place of the request's.
pub(super) const BODY_SHIM: &str = "return function() local b = ngx.var.headgate_request_body; \
if b ~= \"\" then ngx.req.read_body(); ngx.req.set_body_data(b) end end";

/// Puts the filter's bytes in the place of a chunk of the response. A zero byte stands for none, and a one for the end.
pub(super) const CHUNK_SHIM: &str = "return function() local c = ngx.var.headgate_response_chunk; \
if c ~= \"\" then if c == \"\\1\" then error(\"headgate ends this stream\") end; \
ngx.arg[1] = c ~= \"\\0\" and c or nil; ngx.var.headgate_response_chunk = \"\" end end";
