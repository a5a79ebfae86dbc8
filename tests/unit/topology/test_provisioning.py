"""Which brokers are new enough."""

import pytest

from nightshift.broker import BrokerTooOldError
from nightshift.topology.provisioning import check_version


@pytest.mark.parametrize(
    "version", ["2.14.0", "2.15.1", "2.15.0-RC.1", "2.14", "v2.14.2", "3.0.0", "10.1", "2.100.0-dev"]
)
def test_a_broker_that_is_new_enough_is_accepted(version: str) -> None:
    """From 2.14 on, previews and development versions included."""
    check_version(version)


@pytest.mark.parametrize("version", ["2.12.4", "2.13.99", "1.4.1", "0.0.0", "2.9.0", "2.1.40"])
def test_an_older_broker_is_refused_with_what_to_do(version: str) -> None:
    """2.12.3 and 2.12.4 lose messages; before 2.14 there are no schedules as we use them."""
    with pytest.raises(BrokerTooOldError, match=rf"nats-server {version}; 2\.14 or later is needed .* update it"):
        check_version(version)


@pytest.mark.parametrize(
    "version", ["", "2", "2.", "two.fourteen", "2.x", "-1.5", "²·14", "latest", "2.14.0"[::-1], "9" * 99]
)
def test_a_version_that_cannot_be_read_is_refused_and_not_guessed_at(version: str) -> None:
    """Whatever calls itself a broker, the error is the same clear one."""
    with pytest.raises(BrokerTooOldError, match="is needed"):
        check_version(version)
