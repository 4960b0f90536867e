"""The health of the server: facts about it, and the rules that judge them, for operators and for load balancers."""
