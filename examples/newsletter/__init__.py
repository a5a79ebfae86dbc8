"""A service of your own, outside of this repository's contracts and services: a newsletter, weekly and on demand."""
