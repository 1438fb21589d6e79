# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides where booted hosts are, what they may know of this machine, and what is removed with them."""

from __future__ import annotations

import argparse
import ipaddress
import subprocess
import sys
from pathlib import Path

import pytest

from tools.booted_hosts import __main__, bases, groups, hosts, network, settings, trees
from tools.server_roots.roots import ServerRootError


def test_a_system_that_is_there_is_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / bases.base_name("trixie")
    base.mkdir()
    monkeypatch.setenv("PATH", "")
    assert bases.ensure_base("trixie", tmp_path) == base


def test_other_packages_mean_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    before = bases.base_name("trixie")
    monkeypatch.setattr(bases, "PACKAGES", ("python3",))
    assert bases.base_name("trixie") != before


def test_a_system_that_cannot_be_made_leaves_nothing_but_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(bases, "run", refuse)
    with pytest.raises(bases.BootedHostError, match="no mirror"):
        bases.ensure_base("trixie", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trixie.lock", "trixie.log"]


def refuse(command: list[str], log: Path) -> None:
    """Fail as debootstrap does where it reaches nothing."""
    raise ServerRootError("no mirror")


def test_an_unknown_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(bases.BootedHostError, match="no system is defined for buster"):
        bases.ensure_base("buster", tmp_path)


def test_a_network_is_taken_that_this_machine_is_not_in() -> None:
    used = [ipaddress.IPv4Network("192.0.2.0/24"), ipaddress.IPv4Network("10.213.0.0/23")]
    assert str(network.free_network(used)) == "10.213.2.0/24"


def test_no_network_is_taken_where_all_are_in_use() -> None:
    with pytest.raises(bases.BootedHostError, match=r"uses all of 10\.213\.0\.0/16"):
        network.free_network([ipaddress.IPv4Network("10.0.0.0/8")])


def test_the_name_of_a_bridge_is_one_that_the_kernel_takes(tmp_path: Path) -> None:
    assert len(network.bridge_name(hosts.run_key(tmp_path))) <= 15


def test_two_folders_never_share_a_bridge(tmp_path: Path) -> None:
    assert hosts.run_key(tmp_path / "a") != hosts.run_key(tmp_path / "b")


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ("29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n", ["/sys/fs/cgroup"]),
        (
            (
                "30 29 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                "31 29 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
                "32 29 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
            ),
            ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"],
        ),
        ("22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n", []),
    ],
    ids=["unified", "hybrid", "none"],
)
def test_groups_are_made_in_the_hierarchies_that_systemd_uses(mounts: str, expected: list[str]) -> None:
    assert groups.hierarchies(mounts) == [Path(path) for path in expected]


def test_a_host_gets_the_proxies_of_this_machine_and_nothing_else_of_its_environment() -> None:
    environ = {"https_proxy": "http://proxy.example.org:3128", "no_proxy": "localhost", "TOKEN": "secret"}
    assert settings.environment(environ) == (
        'LANG=C.UTF-8\nhttps_proxy="http://proxy.example.org:3128"\nno_proxy="localhost"\n'
    )


def test_a_host_gets_the_options_of_apt_that_say_how_to_reach_a_mirror() -> None:
    dump = (
        'APT::Architecture "amd64";\n'
        'Acquire::cdrom::mount "/media/cdrom/";\n'
        'Acquire::http::Proxy "http://proxy.example.org:3128";\n'
        'Acquire::https "";\n'
        'Acquire::Check-Valid-Until "false";\n'
    )
    assert settings.apt_options(dump) == (
        'Acquire::http::Proxy "http://proxy.example.org:3128";\nAcquire::Check-Valid-Until "false";\n'
    )


def test_a_host_gets_the_indexes_of_pip_but_no_folder_of_this_machine() -> None:
    listing = (
        ":env:.find-links='/opt/wheels'\n"
        "global.cert='/etc/ssl/own.pem'\n"
        "global.extra-index-url='file:///opt/simple https://pypi.example.org/simple'\n"
        "global.index-url='https://mirror.example.org/simple'\n"
    )
    assert settings.pip_options(listing) == (
        "[global]\n"
        "cert = /etc/ssl/certs/ca-certificates.crt\n"
        "extra-index-url = https://pypi.example.org/simple\n"
        "index-url = https://mirror.example.org/simple\n"
    )


def test_a_host_knows_each_by_its_full_and_its_short_name() -> None:
    neighbours = [trees.Neighbour("db01", "10.213.0.2"), trees.Neighbour("db02.example.net", "10.213.0.3")]
    assert trees.hosts_file(neighbours) == ("127.0.0.1 localhost\n10.213.0.2 db01\n10.213.0.3 db02.example.net db02\n")


def test_a_host_has_its_address_and_a_way_out() -> None:
    text = trees.network_file(trees.Neighbour("db01", "10.213.0.2"), ipaddress.IPv4Interface("10.213.0.1/24"))
    assert "Address=10.213.0.2/24\nGateway=10.213.0.1\n" in text


def test_stopping_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    hosts.stop(tmp_path / "hosts", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_no_start_made_is_not_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.touch()
    with pytest.raises(bases.BootedHostError, match="none of the folders made here"):
        hosts.stop(tmp_path, tmp_path)
    assert precious.exists()


def test_a_folder_of_hosts_that_were_not_stopped_is_not_used_again(tmp_path: Path) -> None:
    with pytest.raises(bases.BootedHostError, match="its hosts were not stopped"):
        hosts.start(tmp_path, {"db01": "trixie"}, tmp_path)


def test_a_folder_is_removed_with_all_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "hosts"
    (folder / "db01/etc").mkdir(parents=True)
    for name in (hosts.MARKER, "hosts.json", "db01/etc/hostname"):
        (folder / name).touch()
    hosts.remove_folder(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_removal_that_was_broken_off_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "hosts"
    (folder / "db01").mkdir(parents=True)
    (folder / hosts.MARKER).touch()
    with monkeypatch.context() as broken:
        broken.setattr("shutil.rmtree", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            hosts.remove_folder(folder)
    hosts.remove_folder(folder)
    assert not folder.exists()


def raise_interrupt(path: Path) -> None:
    """Break off as a person does."""
    raise KeyboardInterrupt


def test_the_systems_of_a_folder_are_found_by_their_processes(tmp_path: Path) -> None:
    wait = "import sys; print('here', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", wait, hosts.directory_argument(tmp_path / "db01")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = hosts.supervisors(tmp_path)
        other = hosts.supervisors(tmp_path / "db0")
        process.communicate()
    assert (found, other) == ([process.pid], [])


@pytest.mark.parametrize("argument", ["db01", "db01=buster", "../db01=trixie", "-x=trixie", "=trixie"])
def test_a_host_that_is_not_well_named_is_refused(argument: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not NAME=RELEASE"):
        __main__.wanted_host(argument)


def test_a_host_may_have_a_full_name() -> None:
    assert __main__.wanted_host("db02.example.net=trixie") == ("db02.example.net", "trixie")
