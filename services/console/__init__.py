"""The console of the library, as a process of this repository."""
