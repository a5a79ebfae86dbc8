"""The routes of jobs: enqueue one or many, ask for their state, take them back."""
