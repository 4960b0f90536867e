"""How a run of the tests goes: processes, order, shards, budgets, skips."""
