"""The health of the server: facts, and rules that judge them, for operators and load balancers."""
