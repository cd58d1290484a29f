"""Expected records, written once: every field that an expectation does not name must have its usual value."""

from __future__ import annotations

# Usage that the scripted provider reports: input, output, of these cached and reasoning.
REPORTED = {"input_tokens": 11, "output_tokens": 7, "cached_input_tokens": 4, "reasoning_tokens": 2, "source": "reported"}
# The same through the Messages API, which also reports cache writes: 2, of these one for an hour.
REPORTED_MESSAGE = {**REPORTED, "cache_write_input_tokens": 2, "cache_write_1h_input_tokens": 1}
# Bytes of the usual prompt, "Say hello.", divided by four; and of the bytes of the answer.
PROMPT_TOKENS = 3


def estimated(output_tokens: int, input_tokens: int = PROMPT_TOKENS, reason: str = "not_reported") -> dict:
    counts = {"input_tokens": input_tokens, "output_tokens": output_tokens, "cached_input_tokens": 0, "reasoning_tokens": 0}
    return {**counts, "source": "estimated", "estimate_reason": reason}


def attempt(target: str, status: int | None = 200, error: str | None = None, kind: str = "first") -> tuple:
    return (*target.split("/", 1), kind, status, error)


def failover(target: str, status: int | None = 200, error: str | None = None) -> tuple:
    return attempt(target, status, error, "failover")


def cost(usage: dict | None) -> dict | None:
    """Returns the cost by the shared policy's prices, in nano-USD: 1,000 a token, 500 a cached one, 2,000 an output token; a
    token in Anthropic's cache 1,250, and 2,000 for an hour."""
    if usage is None:
        return None
    cached, written = usage["cached_input_tokens"], usage.get("cache_write_input_tokens", 0)
    for_an_hour = usage.get("cache_write_1h_input_tokens", 0)
    nano = (usage["input_tokens"] - cached - written) * 1_000 + cached * 500 + usage["output_tokens"] * 2_000
    nano += (written - for_an_hour) * 1_250 + for_an_hour * 2_000
    return {"nano_usd": nano, "price_revision": "gateway.yaml", "assumed": False}


def expect(record: dict, *attempts: tuple, status: int = 200, usage: dict | None = REPORTED, served: bool = True, **more) -> None:
    """Compares the record with the expectation. `served` tells that the last attempt's answer went out."""
    tried = without_lost(
        (one["provider"], one["model"], one["kind"], one.get("status"), one.get("error")) for one in record.get("attempts", [])
    )
    assert tried == list(attempts)
    assert record["status"] == status
    assert record["ended_by"] == more.get("ended_by", "complete")
    last = attempts[-1] if attempts else None
    served_by = {"provider": last[0], "model": last[1]} if served and last else None
    assert record.get("served_by") == served_by
    assert record.get("usage") == usage
    assert record.get("cost") == cost(usage)
    assert record.get("rejected_by") == more.get("rejected_by")
    assert record.get("error_code") == more.get("error_code")
    assert record["surface"] == more.get("surface", "chat_completions")
    assert record["stream"] == more.get("stream", False)
    assert record["environment"] == "e2e"
    assert record["payload"]["mode"] == "metadata_only"


def without_lost(tries) -> list[tuple]:
    """Returns the tries without those that lost a kept connection and were repeated, which depend on the tests before."""
    found: list[tuple] = []
    for one in tries:
        if found and one[2] == "retry" and found[-1][:2] == one[:2] and found[-1][4] == "reset":
            one = (*one[:2], found.pop()[2], *one[3:])
        found.append(one)
    return found


def rejected(record: dict, status: int, code: str, *attempts: tuple, **more) -> None:
    """Expects that the gateway rejected the request."""
    expect(
        record, *attempts, status=status, usage=None, served=False,
        rejected_by="gateway", error_code=code, ended_by="gateway", **more,
    )  # fmt: skip


def refused_by_provider(record: dict, *attempts: tuple, **more) -> None:
    """Expects that the provider rejected the request, and that its answer was passed on."""
    expect(record, *attempts, status=attempts[-1][3], usage=None, rejected_by="provider", **more)
