"""Links from a job to what else knows of it."""

import pytest

from nightshift.console.links import Link, link_problems, links

TEMPLATES = ("Trace=https://traces.example.com/{trace}", "Logs=https://logs.example.com/?q={type}%20{id}&x=1")


def test_what_is_known_of_a_job_stands_in_its_links_as_text() -> None:
    """An id cannot become another address; a link whose value is not known is left out."""
    values = {"type": "email.send", "id": "a/b?c#d <b>", "trace": "", "tenant": ""}
    address = "https://logs.example.com/?q=email.send%20a%2Fb%3Fc%23d%20%3Cb%3E&x=1"
    assert links(TEMPLATES, values) == [Link("Logs", address)]


@pytest.mark.parametrize(
    "template",
    [
        "https://x.example",
        "Trace=javascript:alert(1)",
        "Trace=https://{id}.example/",
        "=https://x.example",
        "A=http://",
    ],
)
def test_what_is_no_link_is_refused_at_the_start(template: str) -> None:
    """Nothing of a job decides which host is asked."""
    (problem,) = link_problems([template])
    assert "CONSOLE_LINKS" in problem


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    """Not found out by whoever follows it."""
    (problem,) = link_problems(["Trace=https://x.example/{span}"])
    assert "{span}" in problem
    assert "{trace}" in problem
    assert list(link_problems(TEMPLATES)) == []
