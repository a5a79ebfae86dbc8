"""A client of the gateway that is generated from its description: `python program.py <gateway> <key>`."""
# mypy: ignore-errors
# The client is only there when this runs, in an environment of its own.

import io
import json
import sys

from nightshift_gateway_client import AuthenticatedClient
from nightshift_gateway_client.api.files import get_file, upload_file
from nightshift_gateway_client.api.jobs import enqueue_email_send, enqueue_email_send_batch, get_email_send
from nightshift_gateway_client.models import (
    EnqueueEmailSendBatchBody,
    EnqueueEmailSendBatchBodyJobsItem,
    SendEmail,
    UploadFileFilesBody,
)
from nightshift_gateway_client.types import File

gateway, key = sys.argv[1:]
client = AuthenticatedClient(base_url=gateway, token=key)
mail = SendEmail(to="ada@example.com", subject="Hello", body="<p>Hello</p>")
once = {"idempotency_key": "from-python"}
with client:
    job = enqueue_email_send.sync(client=client, body=mail, **once).job
    again = enqueue_email_send.sync(client=client, body=mail, **once).job
    state = get_email_send.sync(job.id, client=client, sequence=job.sequence)
    batch = EnqueueEmailSendBatchBody(
        [EnqueueEmailSendBatchBodyJobsItem(mail), EnqueueEmailSendBatchBodyJobsItem(mail)]
    )
    receipts = enqueue_email_send_batch.sync(client=client, body=batch).jobs
    refused = enqueue_email_send.sync(client=client, body=SendEmail(to="nobody", subject="Hello", body="Hello"))
    form = UploadFileFilesBody(file=File(io.BytesIO(b"a,b\n1,2\n"), "numbers.csv", "text/csv"))
    file = get_file.sync(upload_file.sync(client=client, body=form).file.id, client=client)
json.dump(
    {
        "job": job.to_dict(),
        "again": again.to_dict(),
        "state": state.state,
        "batch": len(receipts),
        "pointers": [error.pointer for error in refused.errors],
        "file": file.to_dict(),
    },
    sys.stdout,
)
