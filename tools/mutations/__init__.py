"""Breaks the product on purpose, and checks that tests fail (`make mutations`).

Each file here lists the mutations of one area: the broken promise, the changed file, and the tests that must fail.
"""
