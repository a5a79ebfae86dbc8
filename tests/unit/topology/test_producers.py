"""The file that says which producer may publish which jobs."""

from pathlib import Path

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.topology.permissions import users
from nightshift.topology.producers import Producer, ProducersError, producer_account, read_producers
from nightshift.topology.topology import declared_topology

TAKEN = frozenset({"email", "operator"})


def _read(tmp_path: Path, text: str) -> dict[str, Producer]:
    file = tmp_path / "producers.toml"
    file.write_text(text, encoding="utf-8")
    return read_producers(file, load_catalogue(), TAKEN)


def test_a_producer_may_publish_what_its_patterns_match(tmp_path: Path) -> None:
    """A type, all types of a service, or all that are not internal."""
    found = _read(tmp_path, '[webshop]\njobs = ["email.send", "report.*"]\n[everything]\njobs = ["*"]\n')
    assert found["webshop"].jobs == ["email.send", "report.generate"]
    assert found["everything"].jobs == load_catalogue().public()


def test_a_file_may_have_the_byte_order_mark_and_line_ends_of_windows(tmp_path: Path) -> None:
    """Its editors write them."""
    assert _read(tmp_path, '\ufeff[webshop]\r\njobs = ["email.send"]\r\n') == {"webshop": Producer(["email.send"])}


def test_no_pattern_gives_an_internal_type_away(tmp_path: Path) -> None:
    """What cleans up and syncs everybody is never among what `*` means."""
    assert load_catalogue().internal.isdisjoint(_read(tmp_path, '[all]\njobs = ["*"]')["all"].jobs)
    assert "sync.all" in load_catalogue().internal


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a]\njobs = [", "the file cannot be read"),
        ('[operator]\njobs = ["email.send"]', "belongs to a user of the product"),
        ('["Web Shop"]\njobs = ["email.send"]', "lower-case letters"),
        ('[a]\njobs = "email.send"', 'write jobs = ["email.send", …]'),
        ('[a]\njobs = ["email.send"]\nmore = 1', "and nothing else"),
        ('[a]\njobs = ["email.send"]\nwaits = "yes"', "perhaps waits = true"),
        ('[a]\njobs = ["emial.send"]', "did you mean email.send?"),
        ('[a]\njobs = ["sync.all"]', "sync.all is internal"),
        ('[a]\njobs = ["maintenance.*"]', "no job type matches 'maintenance.*'"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_where(tmp_path: Path, text: str, problem: str) -> None:
    """One line for each problem, with the name of the table."""
    with pytest.raises(ProducersError) as wrong:
        _read(tmp_path, text)
    assert problem in str(wrong.value)
    assert "producers.toml" in str(wrong.value)


def test_each_producer_has_an_account_of_its_own() -> None:
    """So that neither reads what the other is answered."""
    declared = declared_topology(load_catalogue())
    table = users(
        declared, load_catalogue(), {"producer": Producer(["email.send"]), "web-shop": Producer(["report.generate"])}
    )
    assert {table["producer"].account, table["web-shop"].account} == {"PRODUCER", "PRODUCER_WEB_SHOP"}
    assert producer_account("web-shop") == "PRODUCER_WEB_SHOP"
    assert table["web-shop"].publish == ("jobs.report.generate",)


def test_a_producer_that_waits_hears_of_its_services_and_finds_its_types(tmp_path: Path) -> None:
    """And nothing else; one that does not wait hears nothing."""
    text = '[web]\njobs = ["email.send"]\nwaits = true\n[mute]\njobs = ["email.send"]\n'
    table = users(declared_topology(load_catalogue()), load_catalogue(), _read(tmp_path, text))
    assert table["web"].publish == ("jobs.email.send", "workers.find.email.send")
    heard = [subject for subject in table["web"].subscribe if not subject.startswith("_INBOX")]
    assert heard == ["events.email", "workers.found.email.send"]
    assert table["mute"].publish == ("jobs.email.send",)
    assert all(subject.startswith("_INBOX") for subject in table["mute"].subscribe)
