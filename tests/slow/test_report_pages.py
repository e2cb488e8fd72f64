"""Pages of four studies, trained for a moment, in a browser: they ask nothing of a network, and do what they offer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rnnctl.lab.register import register
from rnnctl.report.page.pdf import find_browser
from tests.cli.command_line import rnnctl, train_here
from tests.slow.browser import Network, browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

QUICK = ["check.samples=20", "check.chunk=20", "check.diagnostic_batch=5"]
STUDIES = {
    "quickstart": [
        *QUICK, "train.updates=60", "train.batch=5", "check.every=10", "task.max_length=12", "task.min_length=10",
        "model.hidden=16",
    ],
    "assignment": [*QUICK, "train.updates=20", "train.batch=5", "check.every=5", "model.hidden=8"],
    "lab-10-design": [*QUICK, "train.updates=20", "check.every=10", "task.window=50", "check.snapshots=[0,10]"],
    "gated-exploration-small": [
        *QUICK, "train.updates=6", "train.batch=5", "check.every=3", "check.diagnose_every=3", "task.window=10",
        "model.hidden=4",
    ],
}  # fmt: skip
SEEDS = {"lab-10-design": [1], "gated-exploration-small": [1]}
WIDTHS = (390, 1280, 2560)
PATIENCE = 300_000  # milliseconds until a busy machine has opened a page
SMALL = ("quickstart", "assignment")  # pages that are looked at as a whole, with everything unfolded
# What comes again and again in the other pages: axe takes minutes for all of it, and the first few are like the others.
AGAIN = "tbody tr:nth-child(n+6), .picks button:nth-child(n+6), details.run:nth-of-type(n+4), svg > *"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of each study."""
    folder = tmp_path_factory.mktemp("pages")
    for name, settings in STUDIES.items():
        register(folder, [name], SEEDS.get(name), settings=settings)
    train_here(folder)
    for name in STUDIES:
        rnnctl("report", name, "-o", f"{name}.html", cwd=folder, check=0)
    return {name: folder / f"{name}.html" for name in STUDIES}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    listening = Network()
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def chromium(pages: dict[str, Path]) -> Iterator[Browser]:
    """The browser, started once the pages are written."""
    with browser() as started:
        yield started


class Opened:
    """A page in the browser. complaints: errors and warnings that it gave. asked: what it asked for besides itself."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())
        self.asked.remove(path.as_uri())
        self.asked = [url for url in self.asked if not url.startswith("data:")]

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def scroll(self) -> None:
        """Pass over the whole page: curves are drawn when they come near."""
        self.page.evaluate(
            """async () => {
                for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
                    scrollTo(0, y);
                    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                }
            }"""
        )


@contextmanager
def opened(chromium: Browser, path: Path, width: int = 1280, scripts: bool = True, **options: Any) -> Iterator[Opened]:
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=scripts, reduced_motion="reduce", **options
    )
    context.set_default_timeout(PATIENCE)
    try:
        yield Opened(context.new_page(), path)
    finally:
        context.close()


# The texts of all elements that a selector finds, besides those that scripts have made.
SHOWN = """(selector) => [...document.querySelectorAll(selector)]
    .filter((each) => !each.closest(".controls, .picks, .plot, .filter, .grid-choice, [role=status]"))
    .map((each) => each.textContent.trim())"""


def is_dark(page: Page, selector: str) -> bool:
    """Whether the ground of the first such element is dark."""
    colour = page.locator(selector).first.evaluate("(each) => getComputedStyle(each).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) < 3 * 128


def violations(page: Page, whole: bool) -> list[tuple[str, str]]:
    """Return what is serious or critical to axe: the rule, the first element that breaks it. whole: not thinned out."""
    from axe_playwright_python.sync_playwright import Axe

    if not whole:
        page.locator(AGAIN).evaluate_all("(elements) => elements.forEach((each) => each.remove())")
    response = Axe().run(page).response
    return [
        (each["id"], each["nodes"][0]["html"][:300])
        for each in response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def drawing(figure: Locator) -> str:
    """Return the picture of a plot."""
    return figure.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")


def unfold(page: Page) -> None:
    page.get_by_role("button", name="Unfold all").click()


def column(table: Locator, key: str) -> list[str]:
    """What a column shows, in the rows that are shown."""
    return table.evaluate(
        """(table, key) => {
            const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.dataset.key === key);
            return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[column].innerText);
        }""",
        key,
    )


def test_a_study_is_printed_into_a_pdf(pages):
    """Before any other test: at most one browser runs at a time."""
    folder = pages["quickstart"].parent
    rnnctl("report", "quickstart", "-o", "quickstart.pdf", "--browser", find_browser(), cwd=folder, check=0)
    content = (folder / "quickstart.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 8


@pytest.mark.parametrize("study", STUDIES)
def test_a_page_asks_nothing_of_a_network_and_gives_no_error(chromium, network, pages, study):
    with opened(chromium, pages[study], proxy=network.proxy) as it:
        if study in SMALL:
            unfold(it.page)
        it.scroll()
        curves = it.page.locator("figure[data-curves]")
        it.page.wait_for_function("(n) => document.querySelectorAll('.plot canvas').length === n", arg=curves.count())
        assert curves.count() >= 2
        assert (it.complaints, it.asked, network.asked) == ([], [], [])


def test_a_page_that_asks_for_something_would_be_noticed(chromium, network, tmp_path):
    (tmp_path / "page.html").write_text("<img src='http://localhost:8099/a.png'><img src='http://example.org/b.png'>")
    with opened(chromium, tmp_path / "page.html", proxy=network.proxy) as it:
        assert sorted(it.asked) == ["http://example.org/b.png", "http://localhost:8099/a.png"]
        assert len(it.complaints) == 2
    assert set(network.asked) == {"GET http://example.org/b.png HTTP/1.1", "GET http://localhost:8099/a.png HTTP/1.1"}
    network.asked.clear()


@pytest.mark.parametrize("study", STUDIES)
def test_everybody_can_read_a_page_on_every_screen(chromium, pages, study):
    with opened(chromium, pages[study]) as it:
        if study in SMALL:
            unfold(it.page)
        it.scroll()
        for width in WIDTHS:
            it.page.set_viewport_size({"width": width, "height": 900})
            assert it.page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme, dark in (("light", False), ("dark", True)):
            it.page.emulate_media(color_scheme=scheme)
            assert is_dark(it.page, "body") is dark
            assert is_dark(it.page, ".still") is dark
            assert violations(it.page, whole=study in SMALL) == []


@pytest.mark.parametrize("study", STUDIES)
def test_without_scripts_all_content_is_there(chromium, pages, study):
    texts = "main :is(td, dt, dd, pre, h2, h3, h4, p, li, figcaption, text)"
    with opened(chromium, pages[study]) as it:
        drawn = it.page.evaluate(SHOWN, texts)
    with opened(chromium, pages[study], scripts=False) as it:
        plain = it.page.evaluate(SHOWN, texts)
        assert it.complaints == []
        assert it.page.locator(".plot, .controls, th > button").count() == 0
        assert all(it.page.locator("#curves .still").nth(i).is_visible() for i in range(2))
        run = it.page.locator("details.run").first
        run.locator("summary").first.click()
        assert run.locator("dl").first.is_visible()
    assert len(plain) > 100
    known = set(plain)
    assert [text for text in drawn if text in known] == plain


def test_tables_are_sorted_by_a_click_and_by_a_key(chromium, pages):
    with opened(chromium, pages["lab-10-design"]) as it:
        table = it.page.locator("#leaderboard table")
        as_ranked = column(table, "loss")
        heading = table.locator("th[data-key=loss]")
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
        assert column(table, "loss") == as_ranked
        heading.get_by_role("button").press("Enter")
        assert heading.get_attribute("aria-sort") == "descending"
        losses = [float(text.split()[0]) for text in column(table, "loss")]
        assert losses == sorted(losses, reverse=True)
        assert losses != sorted(losses)
        table.locator("th[data-key='model.activation'] button").click()
        assert heading.get_attribute("aria-sort") is None
        assert column(table, "model.activation") == sorted(column(table, "model.activation"))


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("", 64),
        ("tanh", 16),
        ("model.hidden>32", 32),
        ("hidden >= 32 bptt=5", 12),
        ("activation=tanh hidden!=16 bptt<50", 9),
        ("TANH relu", 0),
        ("hidden<tanh", 0),
    ],
)
def test_tables_are_filtered_by_words_and_hyper_parameters(chromium, pages, words, rows):
    with opened(chromium, pages["lab-10-design"]) as it:
        part = it.page.locator("#leaderboard")
        part.get_by_role("searchbox").fill(words)
        assert len(column(part.locator("table"), "loss")) == rows
        assert part.locator("output").inner_text() == (f"{rows} of 64 rows" if words else "")
        part.get_by_role("searchbox").fill("bats>3")
        assert part.locator("output").inner_text() == "There is no column bats."


def test_columns_are_hidden_by_a_click(chromium, pages):
    with opened(chromium, pages["quickstart"]) as it:
        part = it.page.locator("#leaderboard")
        clip = part.locator("[data-key='train.clip']")
        assert clip.is_visible()
        part.get_by_text("Columns").click()
        part.get_by_label("train.clip").uncheck()
        assert not clip.is_visible()
        assert part.locator("tbody tr").first.locator("td:visible").count() == part.locator("th:visible").count()
        part.get_by_label("train.clip").check()
        assert clip.is_visible()


def test_parts_fold_by_keyboard_and_all_at_once(chromium, pages):
    with opened(chromium, pages["quickstart"]) as it:
        run = it.page.locator("details.run").first
        facts = run.locator("dl").first
        for key, shown in (("Enter", True), ("Space", False)):
            run.locator("summary").first.press(key)
            assert facts.is_visible() is shown
        unfold(it.page)
        assert it.page.locator("main details:not([open], .controls details)").count() == 0
        it.page.get_by_role("button", name="Fold all", exact=True).click()
        assert it.page.locator("main details[open]").count() == 0
        it.page.get_by_role("navigation").get_by_role("link", name="Leaderboard").press("Enter")
        it.page.locator("#leaderboard tbody a").first.click()
        it.page.wait_for_function("document.querySelectorAll('details.run[open]').length === 1")
        assert it.page.locator("details.run[open] dl").first.is_visible()


def test_a_page_that_is_written_again_stays_folded_and_filtered(chromium, pages, tmp_path):
    page = tmp_path / "watched.html"
    often = '<meta http-equiv="refresh" content="1000">'
    page.write_text(pages["quickstart"].read_text().replace("<title>", f"{often}<title>", 1))
    with opened(chromium, page) as it:
        it.page.locator("#answer > summary").click()
        it.page.locator("details.run > summary").nth(1).click()
        it.page.locator("#leaderboard").get_by_role("searchbox").fill("SGD-C")
        for _ in range(2):
            it.page.locator("#leaderboard th[data-key=loss] button").click()
        it.page.reload()
        assert it.page.locator("main > details:not([open])").evaluate_all("(all) => all.map((each) => each.id)") == [
            "answer",
            "definitions",
        ]
        assert it.page.locator("details.run").nth(1).get_attribute("open") is not None
        assert it.page.locator("#leaderboard output").inner_text() == "2 of 3 rows"
        assert it.page.locator("#leaderboard th[data-key=loss]").get_attribute("aria-sort") == "descending"
        assert it.complaints == []


def test_curves_are_picked_zoomed_and_named(chromium, pages):
    with opened(chromium, pages["quickstart"]) as it:
        figure = it.page.locator("figure[data-curves]").first
        figure.scroll_into_view_if_needed()
        plot = figure.locator(".u-over")
        plot.wait_for()
        assert not figure.locator(".still").is_visible()
        whole = drawing(figure)
        box = plot.bounding_box()
        assert box is not None
        it.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
        it.page.mouse.down()
        it.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
        it.page.mouse.up()
        zoomed = drawing(figure)
        assert zoomed != whole
        figure.get_by_role("button", name="Whole range").click()
        assert drawing(figure) == whole
        figure.get_by_role("button", name="log x").press("Enter")
        assert figure.get_by_role("button", name="log x").get_attribute("aria-pressed") == "true"
        figure.get_by_role("button", name="log x").click()
        figure.get_by_role("button", name="No curves").click()
        pick = figure.get_by_role("button", name="SGD-CR seed=1")
        assert pick.get_attribute("aria-pressed") == "false"
        pick.press("Enter")
        assert pick.get_attribute("aria-pressed") == "true"
        for share in range(5, 100, 5):
            it.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + share / 100 * box["height"])
            if figure.locator(".tip").is_visible():
                break
        assert "SGD-CR seed=1" in figure.locator(".tip").inner_text()
        assert it.complaints == []


def test_a_prediction_is_made_before_the_grid_is_revealed(chromium, pages):
    with opened(chromium, pages["lab-10-design"]) as it:
        grid = it.page.locator("[data-design-grid]")
        table = grid.locator("table")
        heads = table.locator("th").evaluate_all("(heads) => heads.map((head) => head.dataset.key)")
        keys = heads[: heads.index("result")]
        cells = [dict(zip(heads, row.split("\t"), strict=True)) for row in table.locator("tbody tr").evaluate_all(
            "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent).join('\\t'))"
        )]  # fmt: skip
        assert len(cells) == 64
        ranked = sorted(cells, key=lambda cell: int(cell["rank"]))
        losses = [float(cell["result"].split()[0]) for cell in ranked]
        assert losses == sorted(losses)
        best, worst = ranked[0], ranked[-1]
        assert not table.is_visible()
        for key in keys:
            grid.get_by_label(key).first.select_option(worst[key])
        grid.get_by_role("button", name="Reveal").press("Enter")
        said = grid.get_by_role("status").inner_text()
        assert "rank 64 of 64" in said
        assert f"The best: {', '.join(f'{key} = {best[key]}' for key in keys)}: {best['result']}." in said
        shown = table.locator("tbody tr:visible")
        assert shown.count() == len({cell[keys[-1]] for cell in cells})
        assert table.locator("tr.best:visible").count() == 1
        parts = grid.locator(".grid-choice").nth(1)
        parts.get_by_label(keys[-1]).select_option(best[keys[-1]])
        assert shown.count() == 1
        for key in keys:
            parts.get_by_label(key).select_option("all")
        assert shown.count() == len(cells)
        assert it.complaints == []


def test_without_scripts_the_grid_is_revealed_by_unfolding_it(chromium, pages):
    with opened(chromium, pages["lab-10-design"], scripts=False) as it:
        grid = it.page.locator("[data-design-grid]")
        assert not grid.locator("table").is_visible()
        grid.locator("summary").press("Enter")
        assert grid.locator("tbody tr:visible").count() == 64
        assert grid.locator("tr.best").count() == 1


def test_an_address_that_names_nothing_leaves_the_page_as_it_is(chromium, pages):
    with opened(chromium, pages["quickstart"]) as it:
        it.page.goto(f"{pages['quickstart'].as_uri()}#%zz")
        it.page.reload()
        for odd in ("%zz", "%E0%A4%A", "nowhere", ""):
            it.page.evaluate("odd => { location.hash = odd; }", odd)
            it.page.get_by_role("button", name="Unfold all").click()
        assert it.page.locator("main details.run:not([open])").count() == 0
        assert it.complaints == []


PAPER, WIDE_PAPER = 672, 1001  # what A4 leaves beside its margins, upright and lying, in pixels


@pytest.mark.parametrize("study", STUDIES)
def test_on_paper_nothing_is_wider_than_its_page(chromium, pages, study):
    # What is too wide is cut off, or makes the browser print all text of all pages smaller.
    on_wide_paper = ["#leaderboard", "#diagnostics > .scroll"]
    with opened(chromium, pages[study], width=PAPER) as it:
        it.page.emulate_media(media="print")
        for width, wide in ((PAPER, False), (WIDE_PAPER, True)):
            it.page.set_viewport_size({"width": width, "height": 900})
            parts = "main :is(table, pre, figure, dl)"
            apart = ", ".join(f"{selector} *" for selector in on_wide_paper)
            chosen = it.page.locator(f"{parts}:is({apart})" if wide else f"{parts}:not({apart})")
            too_wide = chosen.evaluate_all(
                "(all, width) => all.filter((it) => it.getClientRects().length && (it.scrollWidth > it.clientWidth + 1"
                " || it.getBoundingClientRect().right > width + 1)).map((it) => it.outerHTML.slice(0, 80))",
                width,
            )
            assert chosen.count() > 0
            assert too_wide == []


def test_paper_shows_all_folds_and_still_figures(chromium, pages):
    with opened(chromium, pages["quickstart"]) as it:
        it.page.locator("#curves figure").first.scroll_into_view_if_needed()
        it.page.locator("#curves .plot").first.wait_for()
        it.page.emulate_media(media="print", color_scheme="dark")
        assert not is_dark(it.page, "body")
        assert it.page.locator("details.run:not([open]) dl").first.is_visible()
        assert it.page.locator("#curves .still").first.is_visible()
        assert not it.page.locator(".plot, .controls, .filter").first.is_visible()
