"""Models to compare the product with: the specification in a few dictionaries, and state machines that run both."""
