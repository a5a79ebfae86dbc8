"""`nightshift webhooks`: events of third parties."""

from pathlib import Path

from nightshift.cli.client.command import Groups, command, group

TEXT = "Events of third parties: what came, what became of it, and doing it again."


def register(groups: Groups) -> None:
    """Declare the commands."""
    _send(group(groups, "webhooks", TEXT))


def _send(webhooks: Groups) -> None:
    parser = command(
        webhooks,
        "send",
        "Play a provider: sign a sample with the local secret, and post it to the gateway.",
        example="nightshift webhooks send stripe checkout.json --new-id",
        more="The sources and their secrets are those of the gateway (GATEWAY_WEBHOOKS), so that nothing leaves this "
        "machine but the request.",
        run="nightshift.cli.actions.webhooks_send:run",
    )
    parser.add_argument("source", help="source, as the file of sources names it")
    parser.add_argument("sample", metavar="FILE", help="the body as the provider sends it; - is standard input")
    parser.add_argument("--type", metavar="EVENT_TYPE", help="for providers that name it in a header (GitHub, Shopify)")
    parser.add_argument("--id", help="id of the delivery, for providers that name it in a header")
    parser.add_argument(
        "--new-id", action="store_true", help="give a JSON body another `id`, so that it is another event each time"
    )
    parser.add_argument("--content-type", default="application/json", help="application/json by default")
    parser.add_argument("--to", metavar="URL", help="address of the gateway (GATEWAY_URL); by default on this machine")
    parser.add_argument("--sources", type=Path, metavar="FILE", help="file of sources (GATEWAY_WEBHOOKS)")
