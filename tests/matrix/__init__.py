"""Every surface of the product, and what tests need, under every distortion: eleven tables, a test for each cell.

A table is a file of data here (`settings.py`), and its tests read it (`test_settings.py`). `table.py` says how a row is
written. `PYTHONPATH=tests .venv/bin/python -m matrix` prints all cells.
"""
