"""A report in a real browser: it opens from disk, moves, and prints."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from example_report import JOINTS, small_view

from pedseg.domains import load_domains
from pedseg.report.evaluation import EvaluationReport, evaluation_page
from pedseg.report.page import Bullets, Details, Section, Text, write_page
from pedseg.report.tables import Cell, Table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
PATIENCE_MS = 120_000
"""A busy machine may take its time; what is wrong stays wrong."""
EVIL = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
ROWS = [{"epoch": e, "loss": 1 / e, "dice": 1 - 0.5 / e, "seconds": 1.0} for e in (1, 2)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three exams, one with a name that would like to be markup, one without a reference."""
    ankle, knee, _ = load_domains(JOINTS)
    said = {"patella": {"verdict": "look again", "code_distance": 2.0, "code_limit": 1.0}}
    exams = [
        small_view(EVIL, knee, shift=3, plausibility=said, warnings=("PS-W122: far",)),
        small_view("knee_001", knee),
        small_view("ankle_000", ankle, referenced=False, image=None),
    ]
    table = Table("Knee", ("method", "Dice"), ((Cell("dsl"), Cell("93.1 ± 2.0", "best")),))
    spiders = {"knee": {"knee_001": {"dsl": {"dice": 90.0, "assd_mm": 80.0, "ravd": 70.0}}}}
    page = evaluation_page(
        EvaluationReport(
            "A report", (ankle, knee), exams, tables=(table,), spiders=spiders, curves={"fold 0": ROWS},
            representations=(Details("Closed", (Text("Read me on paper"),)),), facts={"pedseg": "1"}, sliders=2,
        )
    )  # fmt: skip
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_page(replace(page, sections=(*page.sections, Section(EVIL, (Bullets((EVIL,)),)))), path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="no playwright here")
    with api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, and nothing said, refused or fetched beside it."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    said: list[str] = []
    fetched: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(report.as_uri())
    yield page
    assert said == []
    assert {url for url in fetched if not url.startswith("data:")} == {report.as_uri()}
    assert page.title() == "A report"
    page.close()


def test_every_picture_is_loaded(opened: Page) -> None:
    pictures = opened.eval_on_selector_all("img", "all => all.map(i => [i.complete, i.naturalWidth, i.clientWidth])")
    assert len(pictures) > 3 * 2 * 3
    assert all(complete and width > 0 for complete, width, _ in pictures)
    assert opened.eval_on_selector_all("main img[onerror], main script:not([type])", "all => all.length") == 0


def test_a_slider_changes_the_picture_its_place_and_its_words(opened: Page) -> None:
    opened.locator("summary").filter(has_text="Scroll").first.click()
    panel = opened.locator("details[open] .panel").nth(2)
    slider, pictures = panel.locator("input"), panel.locator("img")
    before = [pictures.nth(i).get_attribute("src") for i in range(3)]
    start = int(slider.input_value())
    slider.focus()
    opened.keyboard.press("ArrowRight")
    assert panel.locator("output").inner_text() == f"slice {start + 2} of 10"
    opened.keyboard.press("Home")
    assert panel.locator("output").inner_text() == "slice 1 of 10"
    after = [pictures.nth(i).get_attribute("src") for i in range(3)]
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert (pictures.first.get_attribute("alt") or "").endswith("axial slice 1 of 10")
    assert slider.get_attribute("aria-valuetext") == "slice 1 of 10"
    assert pictures.first.evaluate("i => i.decode().then(() => i.naturalWidth)") > 0


def test_bones_and_reference_can_be_hidden(opened: Page) -> None:
    opened.locator("summary").filter(has_text="Scroll").first.click()
    viewer = opened.locator("details[open] .viewer")
    for layer in ("bones", "reference"):
        shown = viewer.locator(f"img.{layer}").first
        assert shown.is_visible()
        viewer.locator(f"[data-layer={layer}]").click()
        assert not shown.is_visible()
        viewer.locator(f"[data-layer={layer}]").click()
        assert shown.is_visible()


def test_layers_lie_on_one_another_and_pixels_are_square(opened: Page) -> None:
    boxes = opened.eval_on_selector_all(
        ".viewer:not(.screen) .stack",
        "all => all.map(s => [...s.querySelectorAll('img')].map(i => {"
        " const b = i.getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height, i.naturalWidth / i.naturalHeight] }))",
    )
    assert len(boxes) == 9
    for image, *layers in boxes:
        assert image[2] / image[3] == pytest.approx(image[4], rel=0.02)
        for layer in layers:
            assert layer == pytest.approx(image, abs=0.6)


@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_is_wider_than_the_window(opened: Page, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 900})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_links_lead_to_sections(opened: Page) -> None:
    opened.get_by_role("link", name="Training", exact=True).click()
    assert opened.evaluate("document.querySelector(location.hash).getBoundingClientRect().top") < 900
    assert opened.evaluate("document.querySelector(location.hash).querySelector('h2').textContent") == "Training"


def test_paper_shows_what_is_closed_and_no_sliders(opened: Page) -> None:
    hidden = opened.get_by_text("Read me on paper")
    assert not hidden.is_visible()
    opened.emulate_media(media="print")
    hidden.wait_for(state="visible", timeout=PATIENCE_MS)
    assert opened.locator("input:visible, nav:visible, summary:visible").count() == 0
    assert opened.get_by_text("Research only, not a medical device.").first.is_visible()
    opened.emulate_media(media="screen")
    hidden.wait_for(state="hidden", timeout=PATIENCE_MS)


def test_it_prints_an_exam_a_page(opened: Page) -> None:
    pdf = opened.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 5
