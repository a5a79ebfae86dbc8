"""Services as an application declares them in its own package: `Service`, `@service.handler`, `@service.every`."""
