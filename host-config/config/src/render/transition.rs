//! Combines two renderings into files on which the old policy works as well as the new one.
//!
//! Envoy takes up each file by itself. If a new policy is in force before its new provider's cluster, or an old one for a
//! moment longer than its own, requests are answered with 503. So clusters and routes of both are put in place first,
//! then the policy, and then the parts that only the old one needed are removed.

use super::route::PROVIDERS;
use serde_json::Value;
use std::path::Path;

/// Returns the new content of a file with the clusters that only the old one has; `None` for other files.
#[must_use]
pub fn transition(path: &Path, old: &str, new: &str) -> Option<String> {
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
    fn clusters_of_the_old_rendering_are_kept() {
        let old = json!({"resources": [{"name": "a", "v": 1}, {"name": "b", "v": 1}]}).to_string();
        let new = json!({"resources": [{"name": "a", "v": 2}, {"name": "c", "v": 2}]}).to_string();
        let both: Value = serde_json::from_str(&transition(Path::new("cds.json"), &old, &new).unwrap()).unwrap();
        assert_eq!(both, json!({"resources": [{"name": "a", "v": 2}, {"name": "c", "v": 2}, {"name": "b", "v": 1}]}));
    }

    #[test]
    fn other_files_are_not_combined() {
        for old in ["", "{}", "[]", "no JSON"] {
            assert_eq!(transition(Path::new("cds.json"), old, "{\"resources\":[]}"), None);
            assert_eq!(transition(Path::new("rds.json"), old, "{\"resources\":[]}"), None);
        }
        assert_eq!(transition(Path::new("lds.json"), "{}", "{}"), None);
    }
}
