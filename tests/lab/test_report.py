"""Reports: what the page says is what the store has, shown as text, and nothing in it asks a network for anything."""

from __future__ import annotations

import contextlib
import json
import re
import statistics
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rnnctl.lab import annotate
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.examine import examine
from rnnctl.lab.records import plain
from rnnctl.lab.register import register
from rnnctl.lab.report import report, report_all, settled
from rnnctl.lab.report.writing import file_names
from rnnctl.measures import MEASURES
from rnnctl.report.page.assets import assets
from rnnctl.words import number
from store import Store, queries
from store.answers import Answer, add
from store.errors import StoreError
from tests.cli.studies import write_study_of_folders
from tests.lab.many import finished
from tests.lab.studies import STUDY

QUESTIONS = """
questions:
  - ask: Does Omega help?
    measure: loss
    by: train.omega
    expect: decreases
    claim: It does.
"""
EVIL = "<script>alert(1)</script>\"'&\x1b[31m\u202e<b>"
FOLDERS = ["<script>alert(2)<script>", "x\u202e\x1b[31m&\"'<b>"]
SHOWN = "<script>alert(1)</script>\"'&\\x1b[31m\\u202e<b>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a finished study of four runs."""
    folder = tmp_path_factory.mktemp("reported")
    (folder / "tiny.yaml").write_text(STUDY + QUESTIONS)
    finished(folder / "w", folder / "tiny.yaml")
    return folder / "w"


@pytest.fixture
def done(folder):
    with Store.open(folder, readonly=True) as store:
        yield store


@pytest.fixture(scope="module")
def text(folder, tmp_path_factory) -> str:
    """The page of the study."""
    with Store.open(folder, readonly=True) as store:
        return report(store, ["tiny"], out=str(tmp_path_factory.mktemp("page") / "r.html")).file.read_text()


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


class Page(HTMLParser):
    """A page: its numbers with the records that they come from, its texts, its elements."""

    VOID = ("meta", "input", "br", "img", "link", "wbr")

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.numbers: list[tuple[dict[str, str], str, float, str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.contents: list[tuple[tuple[str, dict[str, str | None]], str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
        if tag not in self.VOID:
            self.open.append((tag, found))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        opened, _ = self.open.pop()
        assert opened == tag

    def handle_data(self, data):
        self.texts.append(data)
        self.contents.append((self.open[-1] if self.open else ("", {}), data))
        _, innermost = self.open[-1] if self.open else ("", {})
        if "data-field" in innermost:
            record = next(attrs for _, attrs in reversed(self.open) if "data-record" in attrs)
            self.numbers.append((record, innermost["data-field"], float(innermost["data-value"]), data))

    @property
    def text(self) -> str:
        return "".join(self.texts)


def written(store: Store, path: Path, *names: str, **options: Any) -> Page:
    return Page(report(store, names, out=str(path), **options).file.read_text())


def recorded(records: dict[str, Any], at: dict[str, str], field: str) -> float:
    """The number that `examine --json` has at the place that the page names."""
    identity = {key.removeprefix("data-"): value for key, value in at.items() if key.startswith("data-")}
    kind = identity.pop("record")
    (record,) = (each for each in records[kind] if all(str(each[key]) == value for key, value in identity.items()))
    value: Any = record
    for word in field.split("."):
        if word == "median":
            value = round(statistics.median(value))
        elif word == "count":
            value = len(value)
        else:
            value = value[word]
    return value


def test_every_number_of_the_page_is_that_of_an_examination(done, page):
    records = json.loads(json.dumps(plain(examine(done, "tiny"))))
    assert len(page.numbers) > 60
    fields = {field for _, field, _, _ in page.numbers}
    assert {"loss.mean", "loss.sd", "floor", "error.mean", "below_floor.mean", "broke_floor_at.median"} <= fields
    for at, field, value, text in page.numbers:
        assert value == recorded(records, at, field), field
        measure = MEASURES.get(field.partition(".")[0])
        if measure is not None:
            digits = 2 if field.endswith(".sd") else 4
            assert text == number(measure.scale * value, digits), field


def test_numbers_of_cells_by_which_a_leaderboard_is_sorted_are_those_that_it_shows(text):
    table = re.search(r'<table id="leaderboard-1".*?</table>', text, re.S)[0]
    cells = re.findall(r'<td[^>]* data-value="([^"]*)"[^>]*><span data-field="([^"]*)" data-value="([^"]*)"', table)
    assert len(cells) >= 2 * 10
    assert all(outer == inner for outer, _, inner in cells)


def test_the_page_holds_all_parts_in_their_order(page):
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "details" and attrs.get("class") == "section"]
    assert sections == [
        "asked", "answer", "leaderboard", "curves", "hyper-parameters", "diagnostics", "runs", "commands",
        "environments", "definitions",
    ]  # fmt: skip
    for words in (
        "Does Omega help?", "It does.", "Four runs of two configurations.", "broke the floor", "omega=1.0 seed=2",
        "spectral radius", "rnnctl train", "checkpoints/", "threads", "diagnostic_batch: 5",
    ):  # fmt: skip
        assert words in page.text


def test_differences_name_the_configurations_that_are_compared(text):
    table = re.search(r'<table id="differences".*?</table>', text, re.S)[0]
    assert re.findall(r'data-key="([^"]*)"', table)[:3] == ["configuration", "other", "key"]
    assert "<td>omega=1.0</td><td>omega=0.0</td><td>train.omega</td>" in table


def test_ids_are_unique_and_links_lead_to_them(page):
    assert len(page.ids) == len(set(page.ids))
    links = [attrs.get("href") or attrs.get("xlink:href") for tag, attrs in page.tags if tag in ("a", "use")]
    assert len(links) > 20
    assert {link.removeprefix("#") for link in links} - set(page.ids) == set()
    urls = re.findall(r"url\(#([^)]*)\)", " ".join(str(attrs) for _, attrs in page.tags))
    assert set(urls) - set(page.ids) == set()


def test_nothing_asks_a_network_for_anything(page):
    (policy,) = (attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "base", "form"}
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            if name in ("src", "href", "xlink:href", "action", "srcset", "poster", "data"):
                assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value)
            assert not name.startswith("on"), (tag, name)


def test_curves_have_their_numbers_beside_them(done, page, text):
    figures = [attrs["data-curves"] for tag, attrs in page.tags if tag == "figure" and "data-curves" in attrs]
    assert "curves-loss" in figures
    data = json.loads(re.search(r'<script type="application/json" id="curves-loss">(.*?)</script>', text)[1])
    assert (data["x_label"], data["y_label"], data["log_y"]) == ("updates", "validation loss (nats)", True)
    assert [line["floor"] for line in data["lines"]] == [False] * 4 + [True]
    runs = {row.run_id: row for row in queries.runs_of(done)}
    for line in data["lines"][:4]:
        assert line["x"] == [12 * i for i in range(11)]
        assert line["name"] == runs[line["run"]].label


def test_a_page_of_one_run_and_of_several_names(done, tmp_path):
    one = written(done, tmp_path / "r.html", "omega=1.0 seed=2")
    assert "Does Omega help?" in one.text
    assert "this page is about some" in one.text
    assert "omega=0.0 seed=1" not in "".join(one.texts[: one.texts.index("How to reproduce")]).partition("Commands")[0]
    some = written(done, tmp_path / "r.html", "tiny", "omega=1.0 seed=2", where=["seed=1"])
    assert "2 runs of 2 configurations" in some.text


def test_without_a_finished_run_the_page_says_what_is_missing(store, tmp_path):
    page = written(store, tmp_path / "r.html", "tiny")
    assert "No run has been checked yet" in page.text
    for words in ("Four runs of two configurations.", "4 queued", "omega=1.0 seed=2", "rnnctl train"):
        assert words in page.text
    assert [tag for tag, _ in page.tags if tag == "figure"] == []


def test_default_places_and_names(store, tmp_path):
    assert report(store, ["tiny"]).file == tmp_path / "reports" / "tiny.html"
    some = report(store, ["omega=1.0 seed=2"], where=["seed=2"], out=f"{tmp_path}/new/")
    assert some.file == tmp_path / "new" / "tiny-omega=1.0-seed=2-seed=2.html"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["tinny"]}, "there is no study or run 'tinny'; did you mean tiny?"),
        ({"out": "r.txt"}, "out r.txt: a report is a .html or a .pdf; a folder ends with /"),
        ({"browser": "chromium", "out": "r.html"}, "browser chromium: only a .pdf is printed by a browser"),
        ({"browser": "/nosuch", "out": "r.pdf"}, "browser: /nosuch: there is no such program"),
        ({"refresh": 5, "out": "r.pdf"}, "out r.pdf: a .pdf does not reload itself; name a .html"),
        ({"where": ["seed=9"]}, "no run matches seed=9"),
    ],
)
def test_mistakes_are_told_in_a_line(done, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = options.pop("names", ["tiny"])
    with pytest.raises(LabError, match=f"^{re.escape(message)}"):
        report(done, names, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_written_is_told(store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        report(store, ["tiny"], out=str(tmp_path / "file" / "r.html"))


def test_a_page_that_is_written_again_reloads_itself_until_it_is_settled(store, tmp_path):
    reported = report(store, ["tiny"], out=str(tmp_path / "r.html"), refresh=5)
    assert '<meta http-equiv="refresh" content="5">' in reported.file.read_text()
    assert "reloads itself every 5 s" in reported.file.read_text()
    assert reported.unfinished == 4
    settled(reported)
    assert 'http-equiv="refresh"' not in reported.file.read_text()


def test_an_index_shows_each_study_with_a_picture_and_a_link(done, folder, tmp_path):
    told = []
    index = report_all(done, f"{tmp_path}/all/", told.append)
    assert told == index.pages == [tmp_path / "all" / "tiny.html"]
    page = Page(index.file.read_text())
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a"] == ["#study-1", "tiny.html"]
    assert sum(tag == "figure" for tag, _ in page.tags) == 1
    assert len(page.ids) == len(set(page.ids))
    assert "broke the floor" in page.text
    with pytest.raises(LabError, match="needs a folder"):
        report_all(done, str(tmp_path / "index.html"))


def test_pages_of_all_studies_have_names_of_their_own_and_none_is_the_index():
    assert file_names(["a", "index", "A", "Index", "a-2", "lab"]) == [
        "a.html", "index-page.html", "A-2.html", "Index-2.html", "a-2-2.html", "lab.html",
    ]  # fmt: skip


def test_a_study_called_index_does_not_take_the_place_of_the_index(tmp_path):
    (tmp_path / "index.yaml").write_text(STUDY.replace("study: tiny", "study: index"))
    register(tmp_path / "w", [str(tmp_path / "index.yaml")])
    with Store.open(tmp_path / "w") as store:
        index = report_all(store)
        assert report(store, ["index"]).file in index.pages
        assert "Studies of w" in index.file.read_text()


def test_of_runs_that_failed_the_page_says_how_to_go_on(store, tmp_path):
    with store.transaction():
        store.execute("UPDATE jobs SET status = 'failed', error = ?", ("Error: {{ 7 * 7 }} {% raw %} ]]> <!-- \x00",))
    page = written(store, tmp_path / "r.html", "tiny")
    assert "there are no results, curves or diagnostics. rnnctl retry queues them again." in page.text
    assert "No run has finished: 4 failed." in page.text
    assert "Error: {{ 7 * 7 }} {% raw %} ]]> <!-- \\x00" in page.text


def test_an_index_of_an_empty_workspace_is_refused(store, tmp_path):
    annotate.archive(store, ["tiny"])
    with pytest.raises(LabError, match="1 study is archived") as caught:
        report_all(store, f"{tmp_path}/all/")
    assert caught.value.code == Code.NOTHING


def test_texts_from_outside_are_shown_as_text(tmp_path):
    write_study_of_folders(tmp_path, "evil", json.dumps(EVIL)[1:-1], FOLDERS)
    file = tmp_path / "evil.yaml"
    texts = {key: json.dumps(f"{key} {EVIL}") for key in ("ask", "claim")}
    questions = f"questions: [{{ask: {texts['ask']}, claim: {texts['claim']}, measure: loss, by: task.corpus}}]\n"
    file.write_text(file.read_text() + questions)
    with contextlib.chdir(tmp_path):
        finished(tmp_path / "w", file, checks=3)
        with Store.open(tmp_path / "w") as store:
            first, second = queries.runs_of(store)
            annotate.note(store, "evil", "study note " + EVIL)
            annotate.note(store, first.run_id, "run note " + EVIL)
            asked = {"prompt": EVIL, "symbols": 5, "temperature": 1.0, "seed": 1}
            add(store, [Answer(first.run_id, "generate", first.total, asked, {"text": "sample " + EVIL})], 1.0)
            with store.transaction():
                store.execute("UPDATE jobs SET error = ? WHERE run_id = ?", ("Error: " + EVIL, second.run_id))
            text = report(store, ["evil"], out=str(tmp_path / "r.html")).file.read_text()
            shown = [Page(text), Page(report_all(store, f"{tmp_path}/all/").file.read_text())]
    for words in ("", "ask ", "claim ", "study note ", "run note ", "sample ", "Error: "):
        assert words + SHOWN in shown[0].text, words
    for words in ("<script>alert(2)", "\\u202e"):
        assert words in shown[0].text
    assert SHOWN in shown[1].text
    ours = {*assets().scripts}
    for page in shown:
        executed = [text for (tag, attrs), text in page.contents if tag == "script" and "type" not in attrs]
        assert set(executed) == ours
        data = [text for (tag, attrs), text in page.contents if tag == "script" and "type" in attrs]
        assert all("<" not in text and json.loads(text) for text in data)
        assert not {tag for tag, _ in page.tags} & {"b", "alert(2)"}
        seen = [text for (tag, _), text in page.contents if tag not in ("script", "style")]
        assert [text for text in seen if not re.sub(r"[\n\t\xa0]", "", text).isprintable()] == []
        values = [value for _, attrs in page.tags for value in attrs.values() if value]
        assert all(value.replace("\n", "").isprintable() for value in values)
