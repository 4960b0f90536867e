"""What the product is compared with: the specification in a few dictionaries, and state machines that run both."""
