"""`syslog` to syslog-ng, a receiver that shares no code with rsyslog: every entry arrives, in order, byte for byte."""

from __future__ import annotations

import pytest
from receivers import TOOLS, Collector, Program, certificate, free_port, wait_until

COUNT = 10_000
PLACE = TOOLS.parent / "syslog-ng"
LIBRARIES = ":".join(str(PLACE / one) for one in ("usr/lib/syslog-ng", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))


def syslog_ng(folder, scheme: str, port: int, files: dict) -> Program:
    keys = f'tls(key-file("{files["key"]}") cert-file("{files["cert"]}") peer-verify(optional-untrusted))' if scheme == "tls" else ""
    (folder / "conf").write_text(f"""
@version: 3.38
options {{ keep-hostname(yes); stats-freq(0); }};
source s {{ syslog(ip("127.0.0.1") port({port}) transport("{scheme}") log-msg-size(65536) {keys}); }};
destination d {{ file("{folder}/messages" template("$PRI $ISODATE $HOST $PROGRAM $MSGID $MSG\\n") frac-digits(6)); }};
log {{ source(s); destination(d); }};
""")
    command = [PLACE / "usr/sbin/syslog-ng", "-F", "-f", folder / "conf", "--no-caps", f"--module-path={PLACE}/usr/lib/syslog-ng/3.38"]
    # Its own places are those of the system.
    own = [f"--{name}={folder / name}" for name in ("persist-file", "pidfile", "control")]
    return Program(folder, [*command, *own], port, LD_LIBRARY_PATH=LIBRARIES)


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_syslog_to_syslog_ng(tmp_path, running, scheme):
    port, folder = free_port(), tmp_path / "receiver"
    folder.mkdir()
    files = certificate(folder)
    running.append(syslog_ng(folder, scheme, port, files))
    forwarder = {"id": "log", "kind": "syslog", "url": f"{scheme}://localhost:{port}", "start": "oldest"}
    collector = Collector(tmp_path / "collector", forwarder | ({"ca_file": str(files["ca"])} if scheme == "tls" else {}))
    running.append(collector)
    collector.send(1, COUNT)
    collector.delivered("log", COUNT)
    messages = folder / "messages"
    lines = lambda kind: [x for x in messages.read_text().splitlines() if f" headgate {kind} " in x] if messages.exists() else []  # noqa: E731
    requests = wait_until(lambda: (lambda found: found if len(found) >= COUNT else None)(lines("request")), "all are written")
    heads, bodies = zip(*(line.split(" request ", 1) for line in requests), strict=True)
    assert [body.encode() for body in bodies] == collector.export(), "the stored bytes, in order"
    assert heads[0] == "134 2026-01-01T00:00:00.000001+00:00 n headgate", "facility, severity, time and host"
    audit = lines("audit")
    assert all(line.startswith("110 ") for line in audit)
    assert all(any(kind in line for line in audit) for kind in ("collector.started", "forwarder.added"))
