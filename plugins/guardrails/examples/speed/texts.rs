//! Texts as callers send them, without their escapes: that is how detectors get them.

pub(crate) const PROSE: &str = "When the council met on Tuesday, nobody had expected the harbour to be the main point of the evening. The engineers \
had brought 14 drawings and a model; the mayor's office, as so often, brought questions. \"How long will it take?\" she asked. Two years, they \
said, if the weather holds and the supplier's steel arrives in March. ";
pub(crate) const GERMAN: &str = "Über die Brücke führte früher eine schmale Straße, auf der sich im Sommer die Wagen stauten; heute fährt man außen herum. \
„Größer muss nicht schöner sein“, sagte der Architekt, und die meisten im Saal nickten. ";
pub(crate) const CHINESE: &str = "会议于星期二举行，没有人预料到港口会成为当晚的主要议题。工程师们带来了十四张图纸和一个模型，市长办公室则一如既往地带来了问题。";
pub(crate) const RUSSIAN: &str = "Когда совет собрался во вторник, никто не ожидал, что главным вопросом вечера станет гавань. Инженеры принесли чертежи и макет. ";
pub(crate) const CODE: &str = "    fn settle(&mut self, known: usize) -> Option<usize> {\n        let ready = self.waiting.partition_point(|item| item.start < known);\n\
        if ready == 0 || self.state.get(\"open_items\") == Some(&42) { return None; }\n        self.total += ready * 0x1F; // see RFC 9110, 15.5.4\n    }\n";
pub(crate) const JSON: &str = "{\"id\":48213,\"name\":\"harbour_model_7\",\"created_at\":\"2025-03-14T09:26:53Z\",\"tags\":[\"steel\",\"bridge-2\"],\"score\":0.8731,\"token_count\":1182,\"ok\":true},";

/// The text that `just bench` sends, as it is in the gateway once its escapes are undone.
pub(crate) const MIXED: &str = "The quarterly report says that latency went down while throughput stayed where it was. \
She wrote: \"please compare both options and name the cheaper one\".\nZwischen Köln und Zürich fährt der Zug täglich, außer an Feiertagen. \
Files live in C:\\data\\2026 and are rotated every night.\n\n- first item\n- second item\nA short answer is enough; cite the paragraph that \
supports it and leave the rest out. 注文は三日以内に届きます。Otherwise the invoice is cancelled – no questions asked. ";

/// A conversation of a coding agent: instructions, a question, calls of tools with their arguments in JSON, what the tools
/// answered, a patch, and some text that is not ASCII.
pub(crate) const AGENT: &str = r##"You are a careful engineer. Read a file before you change it, keep changes small, and run the tests after each. Never commit; the person does.
The settlement job drops the last page of invoices when a supplier has exactly 500 of them. I think it is the pager, but `test_pager.py` passes. Können Sie das bitte prüfen? Es eilt – heute 17:30 ist Übergabe. 🙏
I'll look at the pager first, then at how the job calls it.
{"path":"src/billing/pager.py","start_line":1,"end_line":60}
  1  from __future__ import annotations
  2
  3  from dataclasses import dataclass, field
  4  from typing import Iterator
  5
  6  PAGE_SIZE = 500
  7
  8
  9  @dataclass(slots=True)
 10  class Pager:
 11      """Walks the pages of a listing; `fetch` takes an offset and a limit."""
 12      fetch: Callable[[int, int], list[dict[str, Any]]]
 13      offset: int = 0
 14      seen: set[str] = field(default_factory=set)
 15
 16      def __iter__(self) -> Iterator[dict[str, Any]]:
 17          while True:
 18              rows = self.fetch(self.offset, PAGE_SIZE)
 19              if len(rows) < PAGE_SIZE:
 20                  return
 21              self.offset += len(rows)
 22              yield from (row for row in rows if row["id"] not in self.seen)
{"command":"cd /srv/app && grep -rn \"Pager(\" src | head -20","timeout_ms":10000}
src/billing/settle.py:41:    for invoice in Pager(lambda offset, limit: api.listInvoices(supplierId, offset, limit)):
src/billing/export.py:118:        pager = Pager(fetch=partial(client.list_rows, table="ledger_2025"))
tests/test_pager.py:12:    assert [row["id"] for row in Pager(fake.fetch)] == ["a1", "b2", "c3"]
The loop returns before it yields the rows of a short page, so everything after the last full page is lost. The fake in the test answers with `PAGE_SIZE` rows each time, which hides it. 最後のページが捨てられています。
{"path":"src/billing/pager.py","edits":[{"old":"              if len(rows) < PAGE_SIZE:\n                  return\n              self.offset += len(rows)\n              yield from (row for row in rows if row[\"id\"] not in self.seen)","new":"              self.offset += len(rows)\n              yield from (row for row in rows if row[\"id\"] not in self.seen)\n              if len(rows) < PAGE_SIZE:\n                  return"}]}
{"ok":true,"replaced":1,"sha256":"9b74c9897bac770ffc029102a200c5de7f3a4e5d"}
{"command":"python -m pytest -q tests/test_pager.py tests/test_settle.py 2>&1 | tail -n 15"}
.......F.....                                                            [100%]
=================================== FAILURES ===================================
E       AssertionError: assert Decimal('10482.50') == Decimal('10482.05')
tests/test_settle.py:77: AssertionError
1 failed, 12 passed in 3.41s
That failure is older than this change: line 77 compares a rounded sum with one that is not. The relevant part is
```diff
-    total = sum(Decimal(line.amount) for line in invoice.lines)
+    total = sum((Decimal(line.amount) for line in invoice.lines), Decimal("0"))
```
Thanks. Please add a case with 500, 501 and 0 rows, and tell me what you changed in three sentences. 谢谢！
"##;
