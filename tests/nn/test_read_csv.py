"""Reading a user's CSV: what is taken, and what is said about each thing that can be wrong."""

import pytest

from tinygrad_lite import nn
from tinygrad_lite.errors import TableError


def written(folder, text, encoding="utf-8"):
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_text_targets_become_classes(tmp_path):
    data = nn.read_csv(written(tmp_path, "a,b,kind\n1,2,red\n\n3,4.5,blue\n"), "kind")

    assert (data.inputs, data.targets) == ([[1.0, 2.0], [3.0, 4.5]], [1, 0])
    assert (data.feature_names, data.target_names) == (("a", "b"), ("blue", "red"))


def test_number_targets_are_numbers_unless_they_look_like_classes(tmp_path):
    few = written(tmp_path, "x,y\n" + "".join(f"{i},{10 if i % 2 else 9}\n" for i in range(8)))
    assert nn.read_csv(few, "y").target_names == ("9", "10")
    assert nn.read_csv(few, "y", task="regression").targets == [9.0, 10.0] * 4
    many = written(tmp_path, "x,y\n" + "".join(f"{i},{i}\n" for i in range(8)))
    assert nn.read_csv(many, "y").targets == [float(i) for i in range(8)]


def test_columns_are_chosen_by_name_and_bom_quotes_and_delimiters_are_understood(tmp_path):
    path = written(tmp_path, '\ufeff"a, b";name;y\r\n1;"Ann ""A""";0.5\r\n2;Bob;1.5\r\n')

    data = nn.read_csv(path, "y", columns=["a, b"], delimiter=";")
    assert (data.inputs, data.targets) == ([[1.0], [2.0]], [0.5, 1.5])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "has no column 'y'; its columns are a, b"),
        ("a,y\n1,2\nx,3\n", "line 3, column 'a': a finite number is needed, but got the text 'x'"),
        ("a,y\n1,2\n,3\n", "line 3, column 'a': a finite number is needed, but got an empty cell"),
        ("a,y\n1,2\nnan,3\n", "got the text 'nan'"),
        ("a,y\n1,2\n1,2,3\n", "line 3: 2 cells are needed, one for each column, but got 3"),
        ("a,y\n1\n", "line 2: 2 cells are needed, one for each column, but got 1"),
        ("a,y\n1,\n", "line 2, column 'y': the target is empty"),
        ("a,a,y\n1,2,3\n", "names the column 'a' twice"),
        ("a,y\n", "at least one more"),
        ("", "at least one more"),
        ('a,y\n"1,2\n', "unexpected end of data"),
        ("y\n1\n", "at least one input column"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, text, said):
    with pytest.raises(TableError, match=said):
        nn.read_csv(written(tmp_path, text), "y")


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(TableError, match="cannot be read: No such file"):
        nn.read_csv(tmp_path / "none.csv", "y")
    with pytest.raises(TableError, match="not UTF-8"):
        nn.read_csv(written(tmp_path, "a,y\né,1\n", "latin-1"), "y")
    with pytest.raises(ValueError, match="no task 'guess'"):
        nn.read_csv(written(tmp_path, "a,y\n1,2\n"), "y", task="guess")
    with pytest.raises(TableError, match=r"line 2, column 'y'.*got the text 'red'"):
        nn.read_csv(written(tmp_path, "a,y\n1,red\n"), "y", task="regression")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_recognised_and_named(tmp_path, separator):
    path = tmp_path / "export.csv"
    path.write_text(separator.join("xy") + "\n" + separator.join(["1,5", "2"]) + "\n")

    with pytest.raises(TableError) as caught:
        nn.read_csv(path, "y")
    assert f"delimiter={separator!r}" in str(caught.value)
