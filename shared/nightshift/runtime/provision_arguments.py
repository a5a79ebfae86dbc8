"""The arguments of `nightshift provision`, apart from it, so that help and mistakes need none of the stack."""

from nightshift.config.program_parser import ProgramParser
from nightshift.config.version_option import add_version


def provision_parser() -> ProgramParser:
    """Return the parser."""
    parser = ProgramParser(
        prog="nightshift provision",
        description="Creates or updates database schema, streams, consumers and bucket; changes nothing that is right.",
        epilog="example: DATABASE_URL=sqlite+aiosqlite:///nightshift.db S3_ENDPOINT=http://127.0.0.1:8333 … "
        "nightshift provision shop.jobs",
    )
    parser.add_argument(
        "module",
        metavar="MODULE",
        nargs="?",
        help="the module, or package, that declares services, or has contracts (CONTRACTS_PACKAGE; default: contracts)",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; name what differs at the broker, exit code 1 if anything"
    )
    add_version(parser)
    return parser
