//! What stands between two renderings: files on which the old policy works as well as the new one.
//!
//! Envoy takes up each file by itself. A new policy that is in force before its new provider's cluster, or an old one
//! that outlives it by a moment, answers 503. So clusters and routes of both are put in place first, then the policy
//! changes, then what only the old one needed goes.

use super::route::PROVIDERS;
use serde_json::Value;
use std::path::Path;

/// The new content of a file with what only the old one has; `None` if it is no file of which something is to be kept.
#[must_use]
pub fn bridge(path: &Path, old: &str, new: &str) -> Option<String> {
    let mut new: Value = serde_json::from_str(new).ok()?;
    let old: Value = serde_json::from_str(old).ok()?;
    match path.to_str()? {
        "cds.json" => keep_clusters(&old, &mut new),
        "rds.json" => keep_providers(&old, &mut new),
        _ => None,
    }?;
    Some(format!("{new:#}\n"))
}

fn keep_clusters(old: &Value, new: &mut Value) -> Option<()> {
    let clusters = new.get_mut("resources")?.as_array_mut()?;
    for cluster in old.get("resources")?.as_array()? {
        if !clusters.iter().any(|one| one.get("name") == cluster.get("name")) {
            clusters.push(cluster.clone());
        }
    }
    Some(())
}

fn keep_providers(old: &Value, new: &mut Value) -> Option<()> {
    let providers = new.pointer_mut(PROVIDERS)?.as_object_mut()?;
    for (name, cluster) in old.pointer(PROVIDERS)?.as_object()? {
        providers.entry(name).or_insert_with(|| cluster.clone());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn clusters_that_only_the_old_rendering_has_are_kept_and_the_others_are_the_new_ones() {
        let old = json!({"resources": [{"name": "a", "v": 1}, {"name": "b", "v": 1}]}).to_string();
        let new = json!({"resources": [{"name": "a", "v": 2}, {"name": "c", "v": 2}]}).to_string();
        let both: Value = serde_json::from_str(&bridge(Path::new("cds.json"), &old, &new).unwrap()).unwrap();
        assert_eq!(both, json!({"resources": [{"name": "a", "v": 2}, {"name": "c", "v": 2}, {"name": "b", "v": 1}]}));
    }

    #[test]
    fn what_is_no_rendering_is_not_kept() {
        for old in ["", "{}", "[]", "no JSON"] {
            assert_eq!(bridge(Path::new("cds.json"), old, "{\"resources\":[]}"), None);
            assert_eq!(bridge(Path::new("rds.json"), old, "{\"resources\":[]}"), None);
        }
        assert_eq!(bridge(Path::new("lds.json"), "{}", "{}"), None);
    }
}
