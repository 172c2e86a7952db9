"""The coverage of a process that was killed while it wrote."""

import pytest
from coverage import Coverage, CoverageData
from support.coverage_files import remove_half_written


@pytest.fixture
def written(tmp_path):
    """The files of two processes."""
    for name in ("one", "other"):
        data = CoverageData(str(tmp_path / f".coverage.{name}"))
        data.add_lines({f"{name}.py": range(1, 2000, 3)})
        data.write()
    return tmp_path / ".coverage.one", tmp_path / ".coverage.other"


@pytest.mark.parametrize("lost", [b"", bytes(1 << 20)])
@pytest.mark.parametrize("kept", [0, 4096 + 100, 20_480])
def test_what_is_half_there_is_removed_and_the_rest_put_together(tmp_path, written, kept, lost):
    half, whole = written
    content = half.read_bytes()
    half.write_bytes(content[:kept] + lost[: len(content) - kept])
    assert remove_half_written(tmp_path) == [half]
    together = Coverage(str(tmp_path / ".coverage"), config_file=False)
    together.combine(strict=True)
    assert not whole.exists()
    assert together.get_data().measured_files() == {"other.py"}


def test_what_is_whole_stays(tmp_path, written):
    assert remove_half_written(tmp_path) == []
    assert all(file.exists() for file in written)
