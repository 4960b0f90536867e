"""Break the product on purpose, and see the tests fail (`make mutations`).

Each file here lists mutations of one area: what each breaks, in which file, and the tests that have to fail.
"""
