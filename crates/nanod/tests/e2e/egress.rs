//! What apps may reach, by the configuration.

use serde_json::json;

use crate::nanod::Site;

/// Fetches what its query names.
const APP: &str = "export default {
  async fetch(request) {
    const url = decodeURIComponent(new URL(request.url).search.slice(1));
    try {
      return await fetch(url);
    } catch (error) {
      return new Response(error.message, { status: 502 });
    }
  },
};";

#[test]
fn only_an_app_that_is_allowed_to_reaches_loopback() {
    let site = Site::new()
        .app("closed", APP)
        .app_with("net", APP, json!({ "egress": { "allow": ["127.0.0.0/8"] } }))
        .app_with("host", APP, json!({ "egress": { "allow": ["localhost"] } }));
    let nanod = site.serve();
    let by_address = format!("/?http://{}/live", nanod.admin);
    let by_name = format!("/?http://localhost:{}/live", nanod.admin.port());
    for (app, path, status) in [
        ("closed", &by_address, 502),
        ("closed", &by_name, 502),
        ("net", &by_address, 200),
        ("net", &by_name, 200),
        ("host", &by_name, 200),
        ("host", &by_address, 502),
    ] {
        let answer = nanod.get(&format!("{app}.test"), path);
        assert_eq!(answer.status(), status, "{app} {path}: {}", answer.text());
        let expected = if status == 200 { "live\n" } else { "is not a public address" };
        assert!(answer.text().contains(expected), "{}", answer.text());
    }
}
