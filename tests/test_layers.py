import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import smsd

ROOT = Path(smsd.__file__).parent

LAYERS: tuple[tuple[str, ...], ...] = (
    ("smsd.tap",),
    ("smsd.node",),
    ("smsd.cli",),
    ("smsd.config", "smsd.certificate", "smsd.ports"),
    ("smsd.smpp_server", "smsd.http_api", "smsd.channels", "smsd.hlr"),
    ("smsd.services",),
    ("smsd.store",),
    ("smsd.session_protocol", "smsd.dialling", "smsd.options", "smsd.web_client", "smsd.peer"),
    ("smsd.sms", "smsd.numbering", "smsd.smpp"),
)
"""The layers of the design, from the top down: imports point down, or within one place."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


MODULES = dict(modules())


def imports(path: Path) -> set[str]:
    """Return the full names of all modules, and of all names in them, that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, *places: str) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def place(name: str) -> tuple[int, str] | None:
    for level, layer in enumerate(LAYERS):
        for one in layer:
            if within(name, one):
                return level, one
    return None


def breaches(module: str, *banned: str) -> list[str]:
    return sorted(name for name in imports(MODULES[module]) if within(name, *banned))


def those_of(*places: str) -> list[str]:
    found = [module for module in MODULES if within(module, *places)]
    assert found
    return found


def breaches_of(places: tuple[str, ...], *banned: str) -> list[str]:
    return [f"{module} imports {name}" for module in those_of(*places) for name in breaches(module, *banned)]


def test_every_module_has_its_place_in_the_layers() -> None:
    assert [module for module in MODULES if module != "smsd" and place(module) is None] == []


def test_imports_point_down_the_layers() -> None:
    upward = []
    for module, path in MODULES.items():
        own = place(module)
        for name in sorted(imports(path)):
            other = place(name)
            if own is not None and other is not None and other != own and other[0] <= own[0]:
                upward.append(f"{module} imports {name}")
    assert upward == []


def test_the_plugin_imports_nothing_of_smsd() -> None:
    plugin = ROOT.parent / "twisted" / "plugins" / "smsd_plugin.py"
    assert [name for name in imports(plugin) if within(name, "smsd")] == []


def test_only_the_doors_name_the_reactor() -> None:
    named = [module for module in MODULES if breaches(module, "twisted.internet.reactor")]
    assert set(named) <= {"smsd.tap", "smsd.cli.work"}


def test_protocol_text_and_numbers_do_no_input_or_output() -> None:
    pure = ("smsd.smpp", "smsd.sms", "smsd.numbering")
    banned = ("twisted", "socket", "asyncio", "threading", "time.time", "sqlite3", "psycopg2", "txpostgres")
    assert breaches_of(pure, *banned) == []


def test_smpp_stands_alone() -> None:
    assert [name for name in breaches_of(("smsd.smpp",), "smsd") if "imports smsd.smpp" not in name] == []


def test_importing_the_smpp_session_does_not_import_twisted() -> None:
    code = "import smsd.smpp.session, sys; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_stands_on_the_store_knows_no_sql() -> None:
    above = (
        "smsd.services",
        "smsd.smpp_server",
        "smsd.http_api",
        "smsd.channels",
        "smsd.hlr",
        "smsd.cli",
        "smsd.node",
    )
    sql = ("sqlite3", "psycopg2", "txpostgres", "smsd.store.engine.Call", "smsd.store.engine.Query")
    assert breaches_of(above, *sql) == []


def test_services_know_no_transports_no_http_and_no_pdus() -> None:
    banned = (
        "twisted.internet.protocol",
        "twisted.internet.endpoints",
        "twisted.internet.tcp",
        "twisted.internet.ssl",
        "twisted.internet.threads",
        "twisted.protocols",
        "twisted.web",
        "klein",
        "treq",
        "json",
        "socket",
        "smsd.smpp",
    )
    assert breaches_of(("smsd.services",), *banned) == []


def test_the_http_api_knows_no_smpp() -> None:
    assert breaches_of(("smsd.http_api",), "smsd.smpp", "smsd.smpp_server", "smsd.channels") == []


def test_the_smpp_listeners_know_no_http() -> None:
    assert breaches_of(("smsd.smpp_server",), "smsd.http_api", "klein", "treq", "twisted.web", "json") == []


def test_ports_and_peers_know_nothing_of_what_is_served() -> None:
    found = breaches_of(("smsd.ports", "smsd.peer"), "smsd")
    assert [name for name in found if "imports smsd.ports" not in name] == []


def test_channels_and_back_ends_know_no_clients() -> None:
    clients = ("smsd.services.accounts", "smsd.services.submission", "smsd.smpp_server", "smsd.http_api")
    assert breaches_of(("smsd.channels", "smsd.hlr"), *clients) == []


def test_what_others_answer_about_numbers_is_read_without_input_or_output() -> None:
    readers = ("ctrl", "http_answers", "naptr", "number_context", "untrusted")
    banned = ("twisted", "treq", "socket")
    assert breaches_of(tuple(f"smsd.hlr.{reader}" for reader in readers), *banned) == []


def test_nobody_but_the_engines_and_what_opens_them_knows_which_engine_runs() -> None:
    engines = {"smsd.store.sqlite", "smsd.store.postgres"}
    drivers = ("sqlite3", "psycopg2", "txpostgres")
    know = {module for module in MODULES if breaches(module, *engines, *drivers)}
    # The schema uses sqlite3 only to find where a statement ends.
    assert know == engines | {"smsd.store.open", "smsd.store.schema"}
