"""Evidence packets on their page, and the page inside a packet: from disk, on paper, and with the ZIP dropped on it."""

from __future__ import annotations

import base64
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import ROOT, Service
from test_accessibility import overflow

BINARY = ROOT / "target/debug/headgate-collector"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    made = subprocess.run([BINARY, "log-key", "new", "--name", "logs.example.com/pages"], check=True, capture_output=True, text=True)
    keys = dict(line.split("=", 1) for line in made.stdout.splitlines())
    settings = {"HEADGATE_COLLECTOR_LOG_KEY": keys["log_key"], "HEADGATE_COLLECTOR_CHECKPOINT_INTERVAL": "1"}
    one = Service(tmp_path_factory.mktemp("evidence"), env=settings)
    one.key = keys["public_key"]
    yield one
    one.part.stop()


def words(page, selector: str = "main") -> str:
    return " ".join(page.inner_text(selector).split())


def ask(page, **fields):
    """Fills the form for the last week, and sends it."""
    page.click("text=New packet")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    times = {"from": now - timedelta(days=40), "to": now + timedelta(days=1)}
    for name, value in ({name: time.strftime("%Y-%m-%dT%H:%M") for name, time in times.items()} | fields).items():
        page.fill(f"main [name={name}]", value)
    page.click("text=Make the packet")


@pytest.fixture(scope="module")
def packet(service, browser, tmp_path_factory):
    """A packet that was asked for and downloaded on the page, without script."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{service.url}/login?return_to=/evidence")
    page.fill("#token", service.tokens["auditor"])
    page.press("#token", "Enter")
    ask(page)
    page.wait_for_url("**/evidence?done=created")
    page.wait_for_selector("tr[data-state=ready]", timeout=60_000)
    with page.expect_download() as waiting:
        page.click("tr[data-state=ready] >> text=Download")
    file = tmp_path_factory.mktemp("packet") / "packet.zip"
    waiting.value.save_as(file)
    context.close()
    return file


def test_the_downloaded_packet_holds(service, packet):
    run = subprocess.run([BINARY, "verify", "--packet", packet, "--key", service.key], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("reader", [{"java_script_enabled": False}, {}], ids=["without script", "with script"], indirect=True)
def test_a_packet_is_made_and_deleted(reader, packet):
    page = reader.sign_in("auditor")
    page.click("nav.menu a[href='/evidence']")
    page.wait_for_url("**/evidence")
    assert reader.service.key in words(page)
    before = page.locator("tr[data-packet]").count()
    ask(page, filters="team=search")
    page.wait_for_url("**/evidence?done=created")
    page.wait_for_selector("tr[data-state=ready] >> text=Filtered", timeout=60_000)
    assert "team search" in words(page) and "Filtered" in words(page)
    page.locator("tr[data-packet]", has_text="Filtered").locator("text=Delete").first.click()
    page.wait_for_url("**/delete")
    assert "Delete the packet?" in words(page)
    page.click("text=Delete the packet >> nth=-1")
    page.wait_for_url("**/evidence?done=deleted")
    assert "The packet was deleted." in words(page)
    assert page.locator("tr[data-packet]").count() == before


@pytest.mark.parametrize(("fields", "says"), [({"filters": "colour"}, "name=value"), ({"filters": "colour=red"}, "is no filter"), ({"to": "2020-01-01T00:00"}, "must be behind")])
def test_a_wrong_form_is_refused_with_a_sentence(reader, fields, says):
    page = reader.sign_in(at="/evidence")
    ask(page, **fields)
    page.wait_for_selector("[role=alert]")
    assert says in page.inner_text("[role=alert]")
    for name, value in fields.items():
        assert page.input_value(f"main [name={name}]").startswith(value), "what was written stays"
    reader.faults.clear()


def test_a_viewer_does_not_see_it(reader):
    page = reader.sign_in("viewer")
    assert page.locator("a[href='/evidence']").count() == 0
    assert page.goto(f"{reader.service.url}/evidence").status == 403
    reader.faults.clear()


def test_the_page_is_accessible_and_fits_a_small_window(reader, packet):
    page = reader.sign_in("auditor", at="/evidence")
    page.click("text=New packet")
    assert reader.violations() == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert overflow(page) == []


@pytest.fixture
def from_disk(packet, tmp_path):
    with zipfile.ZipFile(packet) as archive:
        archive.extractall(tmp_path)
    return (tmp_path / "index.html").as_uri()


@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
def test_the_page_of_a_packet_is_read_from_disk(browser, from_disk, script):
    context = browser.new_context(java_script_enabled=script, offline=True)
    page = context.new_page()
    faults = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(from_disk)
    text = words(page, "body")
    assert page.inner_text("h1") == "Evidence packet of logs.example.com/pages"
    heads = page.locator("main h2").all_inner_texts()
    assert [head.split(". ", 1)[1] for head in heads][:9] == ["Completeness", "Control totals", "Scope", "Source index", "Field dictionary", "Redaction", "Retention", "Access", "Sample trace"]
    assert "WHOLE" in text and "Does not prove" in text and "Records and usage agree." in text
    assert page.locator("#rows tbody tr").count() > 10
    assert page.is_visible("#verify") is script
    page.set_viewport_size({"width": 390, "height": 800})
    assert overflow(page) == []
    assert faults == []
    context.close()


def test_the_page_of_a_packet_can_be_printed(browser, from_disk, tmp_path):
    page = browser.new_page()
    page.goto(from_disk)
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF") and printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") > 1
    page.close()


def drop(page, file: Path) -> str:
    """Drops a file on the page, and returns the verdict."""
    data = base64.b64encode(file.read_bytes()).decode()
    transfer = page.evaluate_handle(
        """data => { const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
        const transfer = new DataTransfer(); transfer.items.add(new File([bytes], "packet.zip")); return transfer; }""",
        data,
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    page.wait_for_function("() => /holds|judged|contradicted|checked here/.test(document.getElementById('judgement').textContent)")
    return page.inner_text("#judgement")


def test_a_packet_that_is_dropped_on_the_page_is_verified_offline(browser, service, packet, from_disk, tmp_path):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(from_disk)
    assert drop(page, packet) == "not everything can be judged", "without a key from elsewhere"
    page.fill("#key", service.key)
    assert drop(page, packet) == "everything holds", words(page, "#verify")
    assert "WHOLE: every record between the first and the last position is in the packet" in words(page, "#checks")
    altered = bytearray(packet.read_bytes())
    altered[2_000] ^= 1
    (tmp_path / "altered.zip").write_bytes(altered)
    assert drop(page, tmp_path / "altered.zip") == "something is contradicted"
    page.set_input_files("#file", packet)
    page.wait_for_function("() => document.getElementById('judgement').textContent === 'everything holds'")
    context.close()
