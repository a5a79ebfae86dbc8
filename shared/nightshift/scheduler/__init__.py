"""The scheduler: cron expressions become events, one per due time."""
