"""The commands that the email service adds to `nightshift`: the suppression list."""

from nightshift.cli.client.command import Groups, add_limit, command, group


def register(groups: Groups) -> None:
    """Declare the commands."""
    suppressions = group(groups, "suppressions", "The suppression list: addresses that get no mail.")
    listing = command(
        suppressions,
        "list",
        "List the addresses that get no mail, the newest last.",
        example="nightshift suppressions list --reason complained",
        run="services.email.cli.suppression_list:list_suppressions",
    )
    listing.add_argument("--reason", choices=("bounced", "complained", "manual"), help="only these")
    add_limit(listing, "newest")
    add = command(
        suppressions,
        "add",
        "Send no more mail to these addresses; mails to others are not affected.",
        example="nightshift suppressions add ada@example.com --detail 'asked for it by telephone'",
        run="services.email.cli.suppression_list:add",
    )
    add.add_argument("--detail", help="why, for whoever reads the list")
    remove = command(
        suppressions,
        "remove",
        "Send mail to these addresses again. At Resend, they may be on a list of its own, too.",
        example="nightshift suppressions remove ada@example.com",
        run="services.email.cli.suppression_list:remove",
    )
    for parser in (add, remove):
        parser.add_argument("address", metavar="ADDRESS", nargs="+", help="without a name: ada@example.com")
