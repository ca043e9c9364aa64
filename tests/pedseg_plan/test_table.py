from __future__ import annotations

from pedseg_plan.table import text_table


def test_columns_are_aligned_and_the_last_one_wrapped():
    table = text_table(("a", "bb", "c"), [("long", "x", "one two three four five six seven"), ("y", "z", "")], width=34)
    assert table == (
        "a     bb  c\n"
        "long  x   one two three four five\n"
        "          six seven\n"
        "y     z"
    )
