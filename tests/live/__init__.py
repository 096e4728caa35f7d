"""What the tests on a live platform use: where it is, the people in it, and its cluster."""
