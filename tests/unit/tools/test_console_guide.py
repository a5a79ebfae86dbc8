"""The page of what to do, which the console has from docs/operations.md."""

import re

import pytest

from nightshift.console.figures.section import Section
from tests.integration.cli.expressions import ALERTS
from tools import console_guide

PAGE = console_guide.PAGE.read_text(encoding="utf-8")
ANCHORS = re.findall(r'<h2 id="([^"]+)"', PAGE)


def test_the_page_is_what_the_document_says() -> None:
    """A changed document changes the page."""
    assert console_guide.main(["--check"]) == 0


@pytest.mark.parametrize("section", Section)
def test_every_concern_has_a_section_that_exists(section: Section) -> None:
    """A concern names one of these, and no other."""
    assert section in ANCHORS


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_leads_to_a_section_that_exists(name: str) -> None:
    """What the alert itself names is on the console's page as well."""
    assert ALERTS[name]["annotations"]["page"].partition("#")[2] in ANCHORS


def test_every_link_of_the_page_leads_to_one_of_its_headings() -> None:
    """Or to another host by https, where whoever follows it sees so; to no file that is not there."""
    links = re.findall(r'href="([^"]+)"', PAGE)
    assert len(links) > 20
    assert not [one for one in links if one.removeprefix("#") not in ANCHORS and not one.startswith("https://")]


def test_a_link_to_another_document_only_names_it() -> None:
    """The console has this one document."""
    text = "# Title\n\nSee [retries](retries.md#mail), [docs/webhooks.md](webhooks.md), and [below](#down)\n\n## Down\n"
    made = console_guide.page(text)
    assert "See retries (<code>docs/retries.md</code>), docs/webhooks.md, and" in made
    assert '<a href="#down">below</a>' in made


@pytest.mark.parametrize("text", ["![a picture](x.png)", "| a |\n|--:|\n| 1 |"])
def test_what_the_policy_forbids_is_refused(text: str) -> None:
    """A picture is another file, and an aligned column a style."""
    with pytest.raises(ValueError, match="cannot be on a page of the console"):
        console_guide.page(f"# Title\n\n{text}\n")


def test_what_looks_like_a_template_or_like_html_is_text() -> None:
    """The document is shown as it is."""
    assert "{{ 7 * 7 }} &lt;b&gt;" in console_guide.page("# Title\n\n{{ 7 * 7 }} <b>\n")
