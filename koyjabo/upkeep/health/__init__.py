"""Health of the server for operators and load balancers: facts, and rules that judge them."""
