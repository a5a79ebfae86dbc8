"""Describe the jobs of a catalogue as an AsyncAPI 3 document."""

from collections.abc import Mapping
from typing import Any

from nightshift.contract.catalogue import Catalogue
from nightshift.contract.wire import service_of
from nightshift.documents.schemas import Schema

_DIALECT = "application/schema+json;version=draft-2020-12"


def document(title: str, version: str, catalogue: Catalogue, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """Return the document: a channel for each job type, who publishes it, and who works it off.

    `schemas` are the schemas of the messages by subject.
    """
    subjects = {job_type: f"jobs.{job_type}" for job_type in [*catalogue.messages, *catalogue.foreign]}
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": "Jobs on NATS JetStream: each is its JSON body on the subject of its type, published as a "
            "request, whose answer says that it is stored.",
        },
        "defaultContentType": "application/json",
        "channels": {
            job_type: {
                "address": subject,
                "messages": {"job": {"$ref": f"#/components/messages/{job_type}"}},
            }
            for job_type, subject in subjects.items()
        },
        "operations": {**_received(catalogue), **_sent(catalogue)},
        "components": {
            "messages": {
                job_type: {
                    "name": schemas[subject]["title"],
                    "payload": {"schemaFormat": _DIALECT, "schema": schemas[subject]},
                }
                for job_type, subject in subjects.items()
            }
        },
    }


def _received(catalogue: Catalogue) -> dict[str, Any]:
    return {
        f"{service_of(job_type)}.works.{job_type}": _operation("receive", job_type, "Works off")
        for job_type in catalogue.messages
    }


def _sent(catalogue: Catalogue) -> dict[str, Any]:
    known = {*catalogue.messages, *catalogue.foreign}
    return {
        f"{service}.enqueues.{job_type}": _operation("send", job_type, "Enqueues")
        for service, job_types in catalogue.publishes.items()
        for job_type in job_types
        if job_type in known
    }


def _operation(action: str, job_type: str, words: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{job_type}"},
        "summary": f"{words} jobs of the type {job_type}.",
    }
