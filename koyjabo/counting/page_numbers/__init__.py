"""The public number of each page: its views since the beginning, and today. Begin with `page_numbers.py`."""
