//! Finds the objects of a configuration by their form, in one walk over each file.

use super::findings::Place;
use super::values::{at, entry, extension, number, text};
use crate::render::{GATE_RESOURCE, TARGET_STATE};
use crate::tree::{Node, Span};
use std::rc::Rc;

/// An object and its place.
pub(super) struct Object<'a> {
    pub(super) node: &'a Node,
    pub(super) place: Place,
}

/// An HTTP connection manager.
pub(super) struct Manager<'a> {
    pub(super) object: Object<'a>,
    /// Number of its listener, unless that is elsewhere.
    pub(super) listener: Option<usize>,
}

/// A route that leads to the providers.
pub(super) struct LlmRoute<'a> {
    pub(super) object: Object<'a>,
    /// Number of its connection manager, if it is written there.
    pub(super) manager: Option<usize>,
}

/// A route of the operator's own.
pub(super) struct PlainRoute<'a> {
    pub(super) object: Object<'a>,
    /// Number of its connection manager, if it is written there.
    pub(super) manager: Option<usize>,
    /// Its virtual host.
    pub(super) host: Option<&'a Node>,
}

/// The objects of all files.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// The first key of the first file.
    pub(super) start: Place,
    pub(super) listeners: Vec<Object<'a>>,
    pub(super) managers: Vec<Manager<'a>>,
    pub(super) routes: Vec<LlmRoute<'a>>,
    pub(super) plain_routes: Vec<PlainRoute<'a>>,
    pub(super) clusters: Vec<Object<'a>>,
    /// Configurations of the module, in whatever role.
    pub(super) plugins: Vec<Object<'a>>,
    /// The bootstrap.
    pub(super) bootstrap: Option<Place>,
    /// Whether it takes the labels of metrics out of their names.
    pub(super) has_labels: bool,
    /// Version of the proxy, from a dump.
    pub(super) version: Option<(u32, u32)>,
}

/// A step from an object to one in it.
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

/// The position of the walk.
struct Walk<'a, 'f> {
    found: &'f mut Found<'a>,
    file: usize,
    path: Vec<Step<'a>>,
    listener: Option<usize>,
    manager: Option<usize>,
    host: Option<&'a Node>,
}

impl<'a> Found<'a> {
    pub(super) fn of(roots: &'a [Rc<Node>]) -> Self {
        let first = roots.first().and_then(|root| root.entries().first()).map(|entry| entry.span);
        let span = first.unwrap_or(Span { line: 1, column: 1, ..Span::default() });
        let start = Place { span, ..Place::default() };
        let mut found = Self { start, ..Self::default() };
        for (file, root) in roots.iter().enumerate() {
            let mut walk =
                Walk { found: &mut found, file, path: Vec::new(), listener: None, manager: None, host: None };
            walk.visit(root, root.span);
        }
        found
    }

    /// Returns the connection managers with a gate; without one anywhere, all of them, since each may get it.
    pub(super) fn candidates(&self) -> Vec<&Manager<'a>> {
        let with_gate: Vec<_> = self.managers.iter().filter(|manager| manager.gate().is_some()).collect();
        if with_gate.is_empty() { self.managers.iter().collect() } else { with_gate }
    }
}

impl<'a> Manager<'a> {
    pub(super) fn filters(&self) -> &'a [Rc<Node>] {
        at(self.object.node, "http_filters").map_or(&[], Node::items)
    }

    /// Returns the number of the gate in the chain.
    pub(super) fn gate(&self) -> Option<usize> {
        self.filters().iter().position(|filter| is_gate(filter))
    }
}

/// Returns whether a filter is the gate: the module in that role, or under the name of the resource that holds it.
pub(super) fn is_gate(filter: &Node) -> bool {
    let discovered = entry(filter, "config_discovery").is_some() && text(filter, "name") == Some(GATE_RESOURCE);
    discovered || role(filter) == Some("gate")
}

/// Returns the role in which a filter has the module: headgate.wasm or the native one.
pub(super) fn role(filter: &Node) -> Option<&str> {
    let native = at(filter, "typed_config").and_then(|config| at(config, "dynamic_module_config"));
    let key = if native.is_some() { "typed_config.filter_name" } else { "typed_config.config.root_id" };
    text(filter, key)
}

impl<'a> Walk<'a, '_> {
    /// Looks at an object and all in it. The tree's depth is bounded.
    fn visit(&mut self, node: &'a Node, label: Span) {
        let (listener, manager, host) = (self.listener, self.manager, self.host);
        self.note(node, label);
        for entry in node.entries() {
            self.path.push(Step::Key(&entry.key));
            self.visit(&entry.value, entry.span);
            self.path.pop();
        }
        for (number, item) in node.items().iter().enumerate() {
            self.path.push(Step::Item(number));
            self.visit(item, item.span);
            self.path.pop();
        }
        (self.listener, self.manager, self.host) = (listener, manager, host);
    }

    fn note(&mut self, node: &'a Node, label: Span) {
        let has = |key: &str| entry(node, key).is_some();
        if has("filter_chains") && (has("address") || has("name")) {
            self.listener = Some(self.found.listeners.len());
            self.found.listeners.push(self.object(node, label));
        } else if has("http_filters") && (has("stat_prefix") || has("route_config") || has("rds")) {
            self.manager = Some(self.found.managers.len());
            let object = self.object(node, label);
            self.found.managers.push(Manager { object, listener: self.listener });
        } else if has("match") && at(node, "route").is_some_and(|route| super::values::contains(route, TARGET_STATE)) {
            let object = self.object(node, label);
            self.found.routes.push(LlmRoute { object, manager: self.manager });
        } else if has("match") && has("route") {
            let object = self.object(node, label);
            self.found.plain_routes.push(PlainRoute { object, manager: self.manager, host: self.host });
        } else if has("domains") && has("routes") {
            self.host = Some(node);
        } else if has("name") && ["load_assignment", "cluster_type", "connect_timeout"].into_iter().any(has) {
            let object = self.object(node, label);
            self.found.clusters.push(object);
        } else if has("vm_config") && text(node, "root_id").is_some_and(|role| ROLES.contains(&role)) {
            let object = self.object(node, label);
            self.found.plugins.push(object);
        } else if has("dynamic_module_config") {
            // It tells Envoy the labels by itself.
            self.found.has_labels = true;
        } else if has("static_resources") || has("dynamic_resources") {
            self.found.bootstrap = Some(self.object(node, label).place);
        } else if has("regex") && text(node, "tag_name").is_some_and(|label| label == LABEL) {
            self.found.has_labels = true;
        } else if let Some(version) = at(node, "user_agent_build_version.version") {
            self.found.version = version_of(version).or(self.found.version);
        }
    }

    fn object(&self, node: &'a Node, label: Span) -> Object<'a> {
        // A key says more than the brace after it; an item of a list begins with one of its keys.
        let span = match (self.path.last(), node.entries().first()) {
            (Some(Step::Item(_)), Some(first)) => first.span,
            _ => label,
        };
        Object { node, place: Place { file: self.file, span, path: self.path() } }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.extend([".", key]),
                Step::Item(number) => path.push_str(&format!("[{number}]")),
            }
        }
        path
    }
}

/// A label of most metrics.
const LABEL: &str = "gen_ai_request_model";

/// Roots of the module.
const ROLES: [&str; 6] = ["gate", "stages", "attempt", "log", "connections", "resets"];

fn version_of(version: &Node) -> Option<(u32, u32)> {
    let part = |key| number(version, key).and_then(|part| u32::try_from(part).ok());
    Some((part("major_number")?, part("minor_number").unwrap_or_default()))
}

/// Returns the last filter, if it is the router.
pub(super) fn router(filters: &[Rc<Node>]) -> Option<usize> {
    filters.iter().rposition(|filter| extension(filter).contains(".http.router"))
}
