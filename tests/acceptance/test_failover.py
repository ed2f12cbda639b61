"""An operator goes away under load, and the node is killed while what waits moves to another one."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tests.acceptance.conftest import Database
from tests.acceptance.processes import Smsc, Stage, eventually

pytestmark = pytest.mark.acceptance

WINDOW = 100
"""Of each channel: so many messages, at most, may reach an operator twice, or both, at each end."""


def first_start(**operators: Smsc) -> dict[str, Any]:
    """Return the first rows of a node: the first of these operators, and the second for all else."""
    first, second = operators
    options = {"system_id": "demo", "password": "demo", "window": WINDOW, "failover": 1}
    return {
        "accounts": [{"system_id": "demo", "password": "demo"}],
        "channels": [
            {
                "name": name,
                "kind": "smpp",
                "options": options | {"endpoint": f"tcp:127.0.0.1:{operator.port}"},
            }
            for name, operator in operators.items()
        ],
        "routes": [{"channel": first, "prefix": "3"}, {"channel": second}],
    }


def test_what_waits_for_an_operator_that_is_gone_is_sent_by_another(stage: Stage, database: Database) -> None:
    # The answers' delay limits the first channel to 1,250 messages a second, half of what is submitted.
    first = stage.smsc("--response-delay", "0.08", "--window", "1000", name="first")
    second = stage.smsc("--response-delay", "0.01", "--window", "1000", name="second")
    node = stage.node(database.url, first_start=first_start(first=first, second=second))
    node.start()
    load = stage.load(node, "load", "--binds", "2", "--window", "50", "--rate", "2500", "--count", "7500")
    load.result()
    accepted = load.accepted()
    assert len(accepted) == 7500
    _, by_first = first.finish()
    eventually(
        lambda: database.run(node, "SELECT count(*) FROM message WHERE tried <> ''") != [(0,)],
        "messages move",
        20,
    )
    time.sleep(random.uniform(0, 0.3))
    node.kill()
    node.start()
    eventually(
        lambda: database.run(node, "SELECT count(*) FROM message WHERE state < 3") == [(0,)],
        "everything is sent",
        60,
    )
    assert database.run(node, "SELECT count(*) FROM message WHERE status <> 0 AND status <> 5") == [(0,)]
    result, by_second = second.finish()
    assert by_second, "the second operator was to get some"
    missing = set(accepted.values()) - by_first - by_second
    assert not missing, f"{len(missing)} of {len(accepted)} accepted messages have reached nobody"
    assert len(by_first & by_second) <= WINDOW
    assert result["repeats"] <= WINDOW
    print(f"{len(by_first)} first, {len(by_second)} second, {len(by_first & by_second)} both")
