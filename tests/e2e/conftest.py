"""One gateway for all tests that do not change it. Tests that break parts start their own with `new_gateway`."""

from __future__ import annotations

import os

import pytest

# Registered before their import, so that pytest explains their assertions.
pytest.register_assert_rewrite("gateway", "records", "traffic", "wire")

import anthropic  # noqa: E402
import openai  # noqa: E402
import policy  # noqa: E402
from gateway import APISIX, NATIVE, Gateway  # noqa: E402

# What runs on the stand-in for APISIX. All other files are about Envoy: its configuration, its own answers and metrics, or a feature that
# docs/apisix.md says is not there.
ON_APISIX = ("apisix", "cases", "openai_sdk", "anthropic_sdk", "streams", "bytes")

SOAK = os.environ.get("HEADGATE_SOAK") == "1"


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: begins first, so that no worker is left alone with it; runs at length in `just soak`")
    config.addinivalue_line("markers", "wasm_only(reason): speaks of headgate.wasm alone; skipped with HEADGATE_E2E_HOST=native")
    config.addinivalue_line("markers", "native_only: speaks of the native module alone")
    config.addinivalue_line("markers", "envoy_only(reason): APISIX does it otherwise; skipped with HEADGATE_E2E_HOST=apisix")
    config.addinivalue_line("markers", "apisix_only: speaks of APISIX alone")
    config.addinivalue_line("markers", "soak: too long for any run but `just soak`")


def pytest_collection_modifyitems(items):
    """Orders the tests, and skips those that are only for a soak."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        if item.get_closest_marker("soak") and not SOAK:
            item.add_marker(pytest.mark.skip(reason="long: `just soak` runs it"))
        if reason := elsewhere(item):
            item.add_marker(pytest.mark.skip(reason=reason))
        if NATIVE and (only := item.get_closest_marker("wasm_only")):
            item.add_marker(pytest.mark.skip(reason=f"headgate.wasm alone: {only.args[0]}"))
        if item.get_closest_marker("native_only") and not NATIVE:
            item.add_marker(pytest.mark.skip(reason="the native module alone: `just e2e-native` runs it"))


def elsewhere(item) -> str | None:
    """Returns the reason why a test is not for this host, if it speaks of APISIX, or this is APISIX."""
    if not APISIX:
        return "APISIX alone: `just e2e-apisix` runs it" if item.get_closest_marker("apisix_only") else None
    if item.path.stem.removeprefix("test_") not in ON_APISIX:
        return "about Envoy"
    only = item.get_closest_marker("envoy_only")
    return only and f"Envoy alone: {only.args[0]}"


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory):
    """The shared gateway. When all tests are done, every request must have exactly one record, and no VM may have died."""
    shared = Gateway(tmp_path_factory.mktemp("gateway"), policy.shared, key_ids=policy.KEY_IDS)
    yield from shared.serve()


@pytest.fixture
def gateway(shared_gateway):
    """The shared gateway, without the requests of earlier tests at its providers."""
    for provider in shared_gateway.providers.values():
        provider.control("DELETE", "/_seen")
    return shared_gateway


@pytest.fixture
def new_gateway(tmp_path):
    """Starts gateways for one test."""
    started = []

    def start(make_policy=policy.shared, **more) -> Gateway:
        one = Gateway(tmp_path / f"gateway{len(started)}", make_policy, **{"key_ids": policy.KEY_IDS, **more})
        started.append(one)
        return one.start()

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def sdk(gateway):
    """The OpenAI SDK on the shared gateway, in a developer's configuration, without retries of its own."""
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.keys["main"], max_retries=0) as client:
        yield client


@pytest.fixture
def claude(gateway):
    """The Anthropic SDK on the shared gateway, likewise."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.keys["main"], max_retries=0) as client:
        yield client
