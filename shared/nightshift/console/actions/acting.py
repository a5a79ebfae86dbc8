"""Doing something for a person: recorded before and after."""

from contextlib import AbstractAsyncContextManager

from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Visit
from nightshift.messaging.audit import Action, Audit, Insist, Result

UNRECORDED = "unrecorded"
"""The field of a form by which a person insists on what cannot be recorded."""


def doing(
    visit: Visit, name: str, on: str, what: str, *, releases: bool = False
) -> AbstractAsyncContextManager[Result]:
    """Record what is done inside, before and after.

    Raises:
        NotRecordedError: it cannot be recorded; the person is asked whether to do it all the same, where that may be.
    """
    return audit_of(visit).doing(action_of(visit, name, on, what, releases=releases), insist_of(visit))


def action_of(visit: Visit, name: str, on: str, what: str, *, releases: bool) -> Action:
    """Return what is recorded of an action; the reason is the form's."""
    return Action(name=name, on=on, what=what, reason=visit.form.get("reason", "").strip(), releases=releases)


def insist_of(visit: Visit) -> Insist:
    """Return the answer of a form that has come back with the person's insistence."""
    insists = visit.form.get(UNRECORDED) == "yes"
    return lambda _why: insists


def audit_of(visit: Visit) -> Audit:
    """Return what writes the record for the person of a visit."""
    console, person = visit.console, visit.person
    if person is None:  # the door lets nobody act without
        raise Refused(403, "Nobody has signed in.")
    address = console.address_of(visit.request)
    return Audit(console.operator.connection, console.backlog, part="console", who=person.name, address=address)
