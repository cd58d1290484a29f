"""The frame of every page: the environment and revision of the policy in force, and the version."""

from __future__ import annotations

import pytest
from made_policy import FIRST, Governed

SCRIPTS = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Governed(tmp_path_factory.mktemp("frame"))
    yield one
    one.part.stop()


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_the_frame_names_environment_version_and_revision(reader):
    page = reader.sign_in()
    for path in ("/", "/logs", "/keys", "/audit", "/help", "/keys/gone"):
        reader.open(path)
        number = reader.service.get("/v1/policy")["number"]
        assert page.inner_text("header .environment") == "test", path
        foot = page.inner_text("footer")
        assert foot.startswith("Headgate 0.") and f"policy revision {number}" in foot, path
    reader.faults.clear()
    page.click("footer a")
    page.wait_for_url(f"**/policy/{number}")


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_a_viewer_has_no_link_to_the_policy(reader):
    page = reader.sign_in("viewer")
    assert "policy revision" in page.inner_text("footer") and page.locator("footer a").count() == 0


def test_a_new_policy_is_in_the_frame_at_once(reader):
    page = reader.sign_in()
    before = reader.service.get("/v1/policy")["number"]
    reader.service.apply({**FIRST, "environment": "other"}, before)
    page.click("nav.menu a[href='/limits']")
    page.wait_for_url("**/limits")
    page.wait_for_selector("header .environment bdi:text-is('other')")
    page.wait_for_selector(f"footer:has-text('policy revision {before + 1}')")
    reader.service.apply({**FIRST, "environment": "test"}, before + 1)
