"""`nightshift credentials`: write the folders of credentials that follow from what a module declares."""

import argparse
import json
import os
import sys

from nightshift.cli.terminal.exit_codes import DONE, FAULT
from nightshift.config.program_parser import fail
from nightshift.contract.catalogue import PACKAGE, load_catalogue
from nightshift.contract.loading import problem_with
from nightshift.credentials.issuing import Access, Stores, issue, names_taken, object_access_of
from nightshift.credentials.vault import Vault
from nightshift.database import MigrationError
from nightshift.database.access import declared_access
from nightshift.topology.permissions import users
from nightshift.topology.producers import ProducersError, offered_types, read_producers
from nightshift.topology.topology import declared_topology


def run(options: argparse.Namespace) -> int:
    """Write them; return the exit code: 0 in place, 1 a folder cannot be written, 2 something is wrong."""
    module = options.module or os.environ.get("CONTRACTS_PACKAGE") or PACKAGE
    problem = problem_with(module)
    if problem is not None:
        return fail("nightshift credentials", problem)
    try:
        made = _issue(module, options)
    except (MigrationError, ProducersError, ValueError) as error:
        return fail("nightshift credentials", str(error))
    except OSError as error:
        return fail("nightshift credentials", f"{options.out} cannot be written: {error}", code=FAULT)
    if getattr(options, "json", False):
        sys.stdout.write(json.dumps({"folder": str(options.out), "users": made}) + "\n")
    else:
        sys.stdout.write(f"{options.out} has the credentials of {', '.join(made)}\n")
    return DONE


def _issue(module: str, options: argparse.Namespace) -> list[str]:
    """Write the credentials; return the users of the broker."""
    catalogue = load_catalogue(module)
    declared = declared_topology(catalogue)
    taken = names_taken(declared, catalogue)
    producers = read_producers(options.producers, catalogue, taken) if options.producers else None
    table = users(declared, catalogue, producers, offered_types(options.gateway_jobs, catalogue))
    access = Access(declared_access(catalogue.schema, catalogue.services.values()), object_access_of(catalogue))
    own_store = not options.external_objects
    issue(Vault(options.out), table, access, Stores(options.database, own_store, role_prefix=options.role_prefix))
    return sorted(table)
