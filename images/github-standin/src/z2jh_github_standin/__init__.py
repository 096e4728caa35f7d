"""A stand-in for GitHub's sign-in and REST API with demonstration accounts, for place `local` only."""
