# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of its own for the hosts of one run, which leads out to the package mirrors and is seen from nowhere."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ..server_roots.roots import alone
from .bases import BootedHostError
from .settings import answer

RANGE = ipaddress.IPv4Network("10.213.0.0/16")
PREFIX = "bdb"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
INTERFACES = Path("/sys/class/net")
RULES = """
table ip {table} {{
    chain postrouting {{
        type nat hook postrouting priority srcnat
        ip saddr {network} ip daddr != {network} masquerade
    }}
}}
"""


def create_network(key: str, cache: Path) -> ipaddress.IPv4Network:
    """Given a run's key (8 letters), make its bridge, whose address is the first of the network returned."""
    with alone(cache / "network.lock"):
        network = free_network(networks_in_use())
        answer(["ip", "link", "add", bridge_name(key), "type", "bridge"])
        answer(["ip", "address", "add", f"{network[1]}/{network.prefixlen}", "dev", bridge_name(key)])
        answer(["ip", "link", "set", bridge_name(key), "up"])
        load_rules(RULES.format(table=table_name(key), network=network))
        if FORWARDING.read_text(encoding="ascii").strip() == "0":
            was_off(cache).touch()
            FORWARDING.write_text("1", encoding="ascii")
    return network


def remove_network(key: str, cache: Path) -> None:
    """Remove a run's bridge and rules; harmless when they are gone already."""
    with alone(cache / "network.lock"):
        if (INTERFACES / bridge_name(key)).exists():
            answer(["ip", "link", "delete", bridge_name(key)])
        # Declared first, for a table that is missing cannot be deleted.
        load_rules(f"table ip {table_name(key)}\ndelete table ip {table_name(key)}\n")
        if was_off(cache).exists() and not any(INTERFACES.glob(f"{PREFIX}*")):
            FORWARDING.write_text("0", encoding="ascii")
            was_off(cache).unlink()


def free_network(used: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """Return the first part of RANGE, 256 addresses, that meets none in use. Raise BootedHostError if none is left."""
    taken = list(used)
    for network in RANGE.subnets(new_prefix=24):
        if not any(network.overlaps(other) for other in taken):
            return network
    raise BootedHostError(f"this machine uses all of {RANGE}")


def networks_in_use() -> list[ipaddress.IPv4Network]:
    """Return the networks that this machine's interfaces are in."""
    links = json.loads(answer(["ip", "-json", "-4", "address", "show"]))
    return [
        ipaddress.IPv4Interface(f"{address['local']}/{address['prefixlen']}").network
        for link in links
        for address in link.get("addr_info", [])
    ]


def load_rules(rules: str) -> None:
    """Hand rules to nft, which takes all of them or none."""
    subprocess.run(["nft", "--file", "-"], input=rules, capture_output=True, check=True, text=True)


def bridge_name(key: str) -> str:
    """Return the name of a run's bridge; the kernel allows 15 letters."""
    return f"{PREFIX}{key}"


def table_name(key: str) -> str:
    """Return the name of a run's table of rules."""
    return f"backupdb_{key}"


def was_off(cache: Path) -> Path:
    """Return the file that remembers that this machine forwarded nothing before the first run."""
    return cache / "forwarding-was-off"
