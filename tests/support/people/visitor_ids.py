"""Ids of visitors that the server and its client have to judge alike."""

MISTAKEN_IDS = [
    *("undefined", "null", "NaN", "[object Object]", "[object Undefined]", "", "None", "NIL", "True", "-Infinity"),
    *("inf", "false", "null-null", "undefined_NaN", "None:None.none", "null--inf", "nan-_-nan"),
]
"""What programs write for a missing value, also several joined."""

SLOW_ID = "inf" + "--inf" * 24 + "x"
"""An id whose minus signs separate words or belong to them, which a careless pattern tries in all combinations."""

USED_IDS = [*("a", "a" * 128, "A-z_0.9:", "0", "42", "undefined-1", "nullable"), *("null-", "-null", "nan_", SLOW_ID)]
