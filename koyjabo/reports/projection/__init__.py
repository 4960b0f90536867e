"""Reads visits in the order of their ids, and writes their parsed values (`visit_facts`) and sums (`insight_sums`).

Ids of visits have no gap, and each is visible only when all before it are: they are assigned, imports included, under
the lock of the site's counter row, which ends with the commit. So one number, the watermark, tells the visits read.
"""
