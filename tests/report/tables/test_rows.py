"""What the notes of all tables say of missing runs."""

from red_herring.report.tables._rows import runs_note
from support.tabulated import settings_of


def test_runs_note():
    settings = settings_of(seeds=[1, 2, 3])
    assert runs_note({"spc": {"rrr": 3, "masked": 4}}, settings) == ""
    assert runs_note({"spc": {"rrr": 0, "masked": 3}}, settings) == "spc: 3 of 6 runs are missing (RRR 3)."
