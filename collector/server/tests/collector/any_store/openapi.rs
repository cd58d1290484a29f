//! `/openapi.json` against the router: every route and parameter is described, and every description is true.

use crate::process::Collector;
use headgate_collector_api::{Access, Route, routes};
use serde_json::Value;
use std::collections::BTreeSet;

fn document(collector: &Collector) -> Value {
    let reply = collector.with_token("").get("/openapi.json").unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    reply.json()
}

fn operation<'a>(document: &'a Value, route: &Route) -> &'a Value {
    &document["paths"][route.path.replace("{*", "{")][route.method.to_ascii_lowercase()]
}

/// Returns path and name of every query parameter.
fn in_query(operation: &Value) -> BTreeSet<String> {
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let query = parameters.iter().filter(|one| one["in"] == "query");
    query.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn exactly_the_routes_are_described() {
    let root = tempfile::tempdir().unwrap();
    let document = document(&Collector::start(root.path()));
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |m| format!("{m} {path}")))
        .collect();
    let served: BTreeSet<_> = routes()
        .iter()
        .map(|route| format!("{} {}", route.method.to_ascii_lowercase(), route.path.replace("{*", "{")))
        .collect();
    assert_eq!(described, served);
    for route in routes() {
        let operation = operation(&document, &route);
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{route:?}");
        assert_eq!(answers.contains_key("401"), route.access != Access::Open, "{route:?}");
        let braces = route.path.matches('{').count();
        let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let named: Vec<_> = parameters.iter().filter(|one| one["in"] == "path").collect();
        assert_eq!(named.len(), braces, "{route:?}");
        assert!(named.iter().all(|one| one["description"] != ""), "{} has no Docs::path", route.path);
    }
}

#[test]
fn exactly_the_parameters_are_described() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let document = document(&collector);
    for route in routes().into_iter().filter(|route| route.access != Access::Open) {
        let mut client = collector.allowed(&route);
        let path = crate::any_store::access::example(route.path);
        let names: BTreeSet<_> = route.docs.parameters.iter().map(|one| one.name.to_string()).collect();
        assert_eq!(in_query(operation(&document, &route)), names, "{}", route.path);
        for parameter in &route.docs.parameters {
            let reply = client.send(route.method, &format!("{path}?{}", parameter.example()), b"").unwrap();
            assert_ne!(reply.status, 400, "{} {}: {}", route.path, parameter.name, reply.text());
        }
        let reply = client.send(route.method, &format!("{path}?nobodys=1"), b"").unwrap();
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &"nobodys".into()), "{}", route.path);
    }
}

#[test]
fn every_reference_resolves() {
    let root = tempfile::tempdir().unwrap();
    let document = document(&Collector::start(root.path()));
    let text = document.to_string();
    let mut found = 0;
    for rest in text.split("\"$ref\":\"#").skip(1) {
        let pointer = rest.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        found += 1;
    }
    assert!(found > 50, "{found}");
    let operations: Vec<_> = routes().iter().map(|route| operation(&document, route)["operationId"].clone()).collect();
    let links: Vec<&str> =
        text.split("{\"operationId\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.len() >= 3 && links.iter().all(|link| operations.contains(&Value::from(*link))), "{links:?}");
    assert!(!text.contains("[`") && !text.contains("uint64"), "neither links nor widths of Rust");
}
