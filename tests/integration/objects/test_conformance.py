"""Every object store, real and fake, keeps the same rules."""

import pytest

from nightshift.objects import ObjectStore
from nightshift.objects.s3 import S3ObjectStore
from nightshift.testing import FakeObjectStore
from tests.integration.objects.rules import ObjectStoreRules, folder

__all__ = ["folder"]


class TestS3(ObjectStoreRules):
    """The rules on a real S3 server."""

    @pytest.fixture
    def store(self, s3: S3ObjectStore) -> ObjectStore:
        """A bucket in the embedded object store."""
        return s3


class TestFake(ObjectStoreRules):
    """The rules on the fake that other tests use: so it may stand for the real one."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        """A store in memory."""
        return FakeObjectStore()
