"""docs/dicom-objects.md shows what is really written."""

from factories.object_trees import PAGE, page_with_trees


def test_the_page_shows_each_object_as_it_is_written():
    page = PAGE.read_text(encoding="utf-8")

    assert page.count("<!-- tree: ") == 12
    assert page == page_with_trees(page), "make it new, see tests/factories/object_trees.py"
