"""For generated searches: the total of the page, the sum of its facet, the lines of its export and SQL over the store agree."""

from __future__ import annotations

import html
import http.cookiejar
import json
import random
import re
import sqlite3
import urllib.parse
import urllib.request

import pytest

SEARCHES = 200
# The field of the search, the expression in SQL over a record's JSON `r`, and the values.
FIELDS = [
    ("team", "r ->> '$.caller.team'", ["search", "support", "ops", "nobody"]),
    ("key", "r ->> '$.caller.key_id'", ["search-bot", "try-out", "ops-bot"]),
    ("model", "r ->> '$.requested_model'", ["chat", "fast", "reason"]),
    ("provider", "coalesce(r ->> '$.served_by.provider', '')", ["alpha", "beta"]),
    ("source", "coalesce(r ->> '$.caller.source', 'key')", ["key", "playground"]),
    ("code", "coalesce(r ->> '$.error_code', '')", ["rate_limit_exceeded", "provider_unavailable"]),
    ("stream", "CASE r ->> '$.stream' WHEN 1 THEN 'true' ELSE 'false' END", ["true", "false"]),
    ("status", "CAST(r ->> '$.status' AS TEXT)", ["200", "429", "503", "404"]),
]
NUMBERS = [("latency", "(r ->> '$.duration_us')", 1_000, 4_000), ("cost", "(r ->> '$.cost.nano_usd')", 1e9, 0.009)]


def term(pick: random.Random) -> tuple[str, str]:
    """Returns a term of a search, and its condition in SQL."""
    if pick.random() < 0.25:
        name, column, unit, most = pick.choice(NUMBERS)
        bound = round(pick.uniform(0, most), 3)
        sign, limit = pick.choice([">=", "<="]), round(bound * unit)
        return f"{name}:{sign}{bound}", f"coalesce({column} {sign} {limit}, 0)"
    name, column, values = pick.choice(FIELDS)
    chosen = pick.sample(values, pick.randint(1, 2))
    turned = pick.random() < 0.3
    listed = ", ".join(f"'{value}'" for value in chosen)
    return f"{'-' if turned else ''}{name}:{','.join(chosen)}", f"{column} {'NOT ' if turned else ''}IN ({listed})"


def searches() -> list[tuple[str, str]]:
    pick = random.Random(20261129)
    made = []
    while len(made) < SEARCHES:
        terms = {text.split(":")[0].lstrip("-"): (text, sql) for text, sql in (term(pick) for _ in range(pick.randint(1, 4)))}
        made.append((" ".join(text for text, _ in terms.values()), " AND ".join(sql for _, sql in terms.values())))
    return made


@pytest.fixture(scope="module")
def signed_in(service):
    """An HTTP client with a session."""
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    form = urllib.parse.urlencode({"token": service.tokens["viewer"]}).encode()
    request = urllib.request.Request(f"{service.url}/auth/login", form, {"sec-fetch-site": "same-origin"})
    client.open(request).read()
    return lambda path: client.open(f"{service.url}{path}").read().decode()


def shown(page: str) -> tuple[int, int, str, int]:
    """Returns requests, tokens and cost of a page, and the sum of its facet of outcomes."""
    totals = re.search(r'<p class="totals">(.*?)</p>', page, re.S)[1]
    requests = int(re.search(r"<strong>([\d,]+) request", totals)[1].replace(",", ""))
    tokens, cost = re.findall(r'title="([^"]*)"', totals)
    facet = re.search(r'data-facet="status">(.*?)</details>', page, re.S)
    counts = re.findall(r'<span class="number">(\d+)</span>', facet[1]) if facet else []
    return requests, int(tokens.replace(",", "")), cost, sum(map(int, counts))


def test_page_facets_export_and_sql_agree(service, signed_in):
    store = sqlite3.connect(f"file:{service.folder}/data/headgate.db?mode=ro", uri=True)
    found = set()
    for search, condition in searches():
        query = urllib.parse.urlencode({"q": search})
        page = signed_in(f"/logs?{query}")
        assert "cannot be read" not in page, search
        sums = (
            "count(*), coalesce(sum(r ->> '$.usage.input_tokens' + r ->> '$.usage.output_tokens'), 0), "
            "coalesce(sum(r ->> '$.cost.nano_usd'), 0)"
        )
        select = f"WITH records AS (SELECT CAST(bytes AS TEXT) AS r FROM request_entries) SELECT {sums} FROM records WHERE {condition}"
        count, tokens, nano = store.execute(select).fetchone()
        lines = [json.loads(line) for line in signed_in(f"/logs.ndjson?{query}").splitlines()]
        usd = f"${nano // 10**9}.{nano % 10**9:09}"
        assert shown(page) == (count, tokens, html.escape(usd), count), search
        assert len(lines) == len({one["id"] for one in lines}) == count, search
        found.add(count)
    # The searches tell records apart.
    assert len(found) > 40, found
