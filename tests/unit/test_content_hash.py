"""Names of built things: the same for the same content, another for any other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from loading import load

plugin = load("plugins/filter/content_hash.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with a file in it and one below."""
    made = tmp_path / "made"
    (made / "below").mkdir(parents=True)
    (made / "a").write_text("one")
    (made / "below" / "b").write_text("two")
    return made


def test_same_content_elsewhere_has_the_same_hash(folder: Path, tmp_path: Path) -> None:
    """The place of the checkout does not count."""
    before = plugin.content_hash(str(folder))
    assert plugin.content_hash(str(folder.rename(tmp_path / "elsewhere"))) == before
    assert len(before) == 20


@pytest.mark.parametrize("change", ["content", "name", "mode", "more"])
def test_any_change_changes_the_hash(folder: Path, change: str) -> None:
    """Content, names, executable bits and new files count."""
    before = plugin.content_hash(str(folder))
    file = folder / "below" / "b"
    if change == "content":
        file.write_text("three")
    elif change == "name":
        file.rename(folder / "below" / "c")
    elif change == "mode":
        file.chmod(0o755)
    else:
        (folder / "empty").touch()
    assert plugin.content_hash(str(folder)) != before


def test_caches_do_not_count(folder: Path) -> None:
    """Running the code does not make it another."""
    before = plugin.content_hash([str(folder)])
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").touch()
    assert plugin.content_hash([str(folder)]) == before


def test_extra_and_order_count(folder: Path) -> None:
    """The recipe belongs to the content, and so does which path is which."""
    one, two = str(folder / "a"), str(folder / "below" / "b")
    assert plugin.content_hash([one, two]) != plugin.content_hash([two, one])
    assert plugin.content_hash([one], "recipe") != plugin.content_hash([one])


def test_a_link_counts_with_what_it_points_to(folder: Path, tmp_path: Path) -> None:
    """Finished programs are links into folders of the cache."""
    link = tmp_path / "a"
    link.symlink_to(folder / "a")
    assert plugin.content_hash(str(link)) == plugin.content_hash(str(folder / "a"))


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """A typing mistake must not pass as an empty input."""
    with pytest.raises(AnsibleFilterError, match="nowhere"):
        plugin.content_hash(str(tmp_path / "nowhere"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout with two images, of which one uses a shared file and a program."""
    for name in ("base", "hub"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "Containerfile").write_text(f"FROM {name}")
    (tmp_path / "shared").write_text("shared")
    (tmp_path / "bin").mkdir()
    (tmp_path / "programs").mkdir()
    make(tmp_path, "tool-1")
    return tmp_path


def make(checkout: Path, file: str) -> None:
    """Make the program, by another name if of something else."""
    (checkout / "programs" / file).write_text("tool")
    (checkout / "bin/tool").unlink(missing_ok=True)
    (checkout / "bin/tool").symlink_to(checkout / "programs" / file)


IMAGES = [
    {"name": "base", "folder": "images/base"},
    {"name": "hub", "folder": "images/hub", "parent": "base", "inputs": ["shared"], "programs": ["tool"]},
]


def tags(checkout: Path, recipe: str = "") -> dict[str, str]:
    """Tags of the two images."""
    result: dict[str, str] = plugin.image_tags(IMAGES, str(checkout), str(checkout / "bin"), recipe)
    return result


@pytest.mark.parametrize("changed", ["shared", "program", "images/hub/Containerfile"])
def test_an_input_changes_only_its_image(checkout: Path, changed: str) -> None:
    """What one image is made of does not rebuild the others."""
    before = tags(checkout)
    if changed == "program":
        make(checkout, "tool-2")
    else:
        (checkout / changed).write_text("other")
    after = tags(checkout)
    assert after["base"] == before["base"]
    assert after["hub"] != before["hub"]


def test_a_program_is_a_link_to_what_was_made(checkout: Path) -> None:
    """Another file would not say what it was made of."""
    (checkout / "bin/tool").unlink()
    with pytest.raises(AnsibleFilterError, match="bin/tool does not exist"):
        tags(checkout)
    (checkout / "bin/tool").write_text("tool")
    with pytest.raises(AnsibleFilterError, match="bin/tool is no link"):
        tags(checkout)


def test_a_parent_changes_its_children(checkout: Path) -> None:
    """So does the recipe, for all."""
    before = tags(checkout)
    (checkout / "images/base/Containerfile").write_text("other")
    assert not set(before.values()) & set(tags(checkout).values())
    assert not set(tags(checkout).values()) & set(tags(checkout, "recipe").values())


def test_a_child_before_its_parent_is_refused(checkout: Path) -> None:
    """The list is the build order."""
    with pytest.raises(AnsibleFilterError, match="hub comes before its parent base"):
        plugin.image_tags(reversed(IMAGES), str(checkout), str(checkout / "bin"))


def test_program_is_present_only_when_its_link_leads_to_what_its_recipe_makes(tmp_path: Path) -> None:
    """A new recipe or a link to an older build means that the program must be built."""
    module = tmp_path / "modules" / "tool"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module tool")
    cache = tmp_path / "cache"
    (cache / "bin").mkdir(parents=True)
    (cache / "go/programs").mkdir(parents=True)
    programs = [{"module": "tool", "program": "tool", "package": "example.org/tool"}]

    [missing] = plugin.program_files(programs, str(tmp_path / "modules"), str(cache))
    assert not missing["present"]
    Path(missing["path"]).write_text("program")
    Path(missing["link"]).symlink_to(missing["path"])

    [built] = plugin.program_files(programs, str(tmp_path / "modules"), str(cache))
    assert built["present"]
    Path(missing["link"]).unlink()
    [unlinked] = plugin.program_files(programs, str(tmp_path / "modules"), str(cache))
    assert (unlinked["built"], unlinked["present"]) == (True, False)
    [other] = plugin.program_files(programs, str(tmp_path / "modules"), str(cache), "another toolchain")
    assert not other["built"]


def test_programs_of_a_module_and_its_tags_are_one_build() -> None:
    """Each keeps linker flags of its own, and the name that Go gives it is known."""
    made = plugin.go_builds(
        [
            {"module": "etcd", "program": "etcd", "package": "go.etcd.io/etcd/server/v3", "ldflags": "-X main.a=b"},
            {"module": "etcd", "program": "etcdctl", "package": "go.etcd.io/etcd/etcdctl/v3"},
            {"module": "cilium", "program": "cilium-agent", "package": "github.com/cilium/cilium/daemon"},
            {"module": "cilium", "program": "operator", "package": "github.com/cilium/cilium/operator", "tags": "ipam"},
        ]
    )
    which = ["programs 1 to 2 of 4, etcd, etcdctl", "program 3 of 4, cilium-agent", "program 4 of 4, operator"]
    assert [build["which"] for build in made] == which
    assert [build["tags"] for build in made] == ["", "", "ipam"]
    assert made[0]["ldflags"] == [
        "-ldflags=go.etcd.io/etcd/server/v3=-s -w -X main.a=b",
        "-ldflags=go.etcd.io/etcd/etcdctl/v3=-s -w",
    ]
    assert [[program["output"] for program in build["programs"]] for build in made] == [
        ["server", "etcdctl"],
        ["daemon"],
        ["operator"],
    ]


def test_programs_to_which_go_gives_one_name_are_not_one_build() -> None:
    programs = [
        {"module": "tool", "program": program, "package": f"example.org/{program}/cmd"} for program in ("one", "two")
    ]
    with pytest.raises(AnsibleFilterError, match="Go gives two programs of tool the same name"):
        plugin.go_builds(programs)


def test_the_sha256_of_a_file_is_that_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"\x7fELF\xff")
    expected = subprocess.run(["sha256sum", tmp_path / "program"], check=True, capture_output=True, text=True).stdout
    assert plugin.file_sha256(str(tmp_path / "program")) == expected.split()[0]
