"""What a key at the object store may do: by folders of the bucket, as SeaweedFS' actions and as an AWS policy."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import msgspec

from nightshift.contract.access import CLAIMS, parse_folders

PROBE = "probe"
"""What `S3ObjectStore.probe` asks a list of: there is nothing."""


class ObjectAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Folders of the bucket, each with its slash at the end."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    """Store, replace and delete: SeaweedFS has one action for these."""
    list: tuple[str, ...] = ()
    """Ask what there is. Who may read a folder and not list it needs to know the names in it."""

    @classmethod
    def of_worker(cls, *, read: Iterable[str] = (), write: Iterable[str] = (), list: Iterable[str] = ()) -> Self:  # noqa: A002 - as the action
        """Add what every worker needs: large bodies, whose names are hashes, and to see that the store is there."""
        return cls(read=(CLAIMS, *read), write=(CLAIMS, *write), list=(PROBE, *list))

    @classmethod
    def of_words(cls, folders: Mapping[str, str]) -> Self:
        """Return what a worker needs that declares folders with words, such as `{"invoices/": "read, write"}`.

        Raises:
            ValueError: a folder or an action is none.
        """
        return cls.of_worker(**parse_folders(folders))


def seaweedfs_actions(access: ObjectAccess, bucket: str) -> list[str]:
    """Return the actions of an identity in SeaweedFS' `s3.json`."""
    return [f"{action}:{bucket}/{folder}*" for action, folders in _actions(access) for folder in folders]


def aws_policy(access: ObjectAccess, bucket: str) -> dict[str, Any]:
    """Return the same as a policy document of AWS IAM, which MinIO, Ceph and others read too."""
    statements: list[dict[str, Any]] = []
    for action, folders in _actions(access):
        arns = [f"arn:aws:s3:::{bucket}/{folder}*" for folder in folders]
        if action == "Read" and folders:
            statements.append(_allow(["s3:GetObject"], arns))
        elif action == "Write" and folders:
            statements.append(_allow(["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], arns))
        elif folders:
            condition = {"StringLike": {"s3:prefix": [f"{folder}*" for folder in folders]}}
            statements.append(_allow(["s3:ListBucket"], [f"arn:aws:s3:::{bucket}"]) | {"Condition": condition})
    return {"Version": "2012-10-17", "Statement": statements}


def _actions(access: ObjectAccess) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from (("Read", access.read), ("Write", access.write), ("List", access.list))


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}
