"""An application's own jobs in its own package: `nightshift up examples.shop.jobs`."""
