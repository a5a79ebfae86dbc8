"""The page that asks before anything is done: what it will do, and what has to be filled in."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from starlette.responses import Response

from nightshift.console.web.pages import page
from nightshift.console.web.visit import Visit
from nightshift.messaging.publish_arguments import new_job_id

MOST_REASON = 500


class Choice(NamedTuple):
    """A field with a choice of values, each with its words; the first is suggested."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


class Number(NamedTuple):
    """A field for a number."""

    name: str
    label: str
    suggested: str
    least: str
    most: str
    hint: str = ""


class Offer(NamedTuple):
    """What may be done first: words, and the page for it."""

    words: str
    path: str
    query: Mapping[str, str]


class Question(NamedTuple):
    """What is asked. `command` does the same at the command line, `back` is the page that it came from."""

    title: str
    will: Sequence[str]
    """Sentences: what it will do, and what not."""
    button: str
    command: str
    back: str
    back_to: Mapping[str, str] = {}
    """Which part of that page."""
    facts: Mapping[str, str | Sequence[str]] = {}
    fields: Sequence[Choice | Number] = ()
    hidden: Mapping[str, str] = {}
    """What the form carries."""
    offer: Offer | None = None
    typed: str = ""
    """What has to be typed to confirm it."""
    danger: bool = False
    needs_reason: bool = False


def ask(visit: Visit, question: Question, error: str = "") -> Response:
    """Return the page with the question; with an error, with what was filled in before."""
    return page(
        visit,
        "ask.html.j2",
        status=400 if error else 200,
        command=question.command,
        question=question,
        error=error,
        once=visit.form.get("once") or new_job_id(),
    )


def mistake(visit: Visit, question: Question) -> str:
    """Return what is missing in a form that came back; empty if it is complete."""
    form = visit.form
    if question.needs_reason and not form.get("reason", "").strip():
        return "Say why, for whoever sees it next."
    if len(form.get("reason", "")) > MOST_REASON:
        return f"The reason may have {MOST_REASON} characters."
    if question.typed and form.get("typed", "").strip() != question.typed:
        return f"Type {question.typed} to confirm it."
    for field in question.fields:
        if problem := _wrong(field, form.get(field.name, "")):
            return problem
    return ""


def _wrong(field: Choice | Number, given: str) -> str:
    if isinstance(field, Choice):
        known = [value for value, _ in field.options]
        return "" if given in known else f"{field.label}: choose one of those that are offered."
    try:
        number = float(given)
    except ValueError:
        return f"{field.label}: expected a number."
    within = float(field.least) <= number <= float(field.most)
    return "" if within else f"{field.label}: expected a number from {field.least} to {field.most}."


Severity = Literal["done", "warning", "wrong"]


def told(visit: Visit, title: str, sentences: Sequence[str], back: str, severity: Severity = "done") -> Response:
    """Return the page that says what was done, or what was not."""
    return page(visit, "told.html.j2", title=title, sentences=sentences, back=back, severity=severity)
