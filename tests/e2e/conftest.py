"""One gateway for all tests that leave it as it was; those that break parts start their own with `new_gateway`."""

from __future__ import annotations

import pytest

# Before they are imported, so that their assertions say what differs.
pytest.register_assert_rewrite("gateway", "records", "traffic", "wire")

import anthropic  # noqa: E402
import openai  # noqa: E402
import policy  # noqa: E402
from gateway import Gateway  # noqa: E402


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory):
    """When all tests are done, every request must have exactly one record and no VM have died."""
    shared = Gateway(tmp_path_factory.mktemp("gateway"), policy.shared, key_ids=policy.KEY_IDS)
    yield from shared.serve()


@pytest.fixture
def gateway(shared_gateway):
    """The shared gateway; what its providers were asked before is forgotten."""
    for provider in shared_gateway.providers.values():
        provider.control("DELETE", "/_seen")
    return shared_gateway


@pytest.fixture
def new_gateway(tmp_path):
    """Starts gateways of the test's own."""
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
    """The OpenAI SDK on the shared gateway, as a developer would set it up, without retries of its own."""
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.keys["main"], max_retries=0) as client:
        yield client


@pytest.fixture
def claude(gateway):
    """The Anthropic SDK on it, likewise."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.keys["main"], max_retries=0) as client:
        yield client
