from pathlib import Path

import pytest
from twisted.internet.task import Clock

from smsd.store.open import UnknownDatabase, engine
from smsd.store.postgres import PostgresEngine
from smsd.store.sqlite import SqliteEngine
from tests.stores import NOON


def test_a_sqlite_file_is_in_the_state_folder(tmp_path: Path) -> None:
    found = engine("sqlite:here.db", tmp_path, Clock())
    assert isinstance(found, SqliteEngine)
    found.prepare(NOON, exclusive=False)
    assert (tmp_path / "here.db").exists()


def test_a_sqlite_file_may_have_a_path_of_its_own(tmp_path: Path) -> None:
    engine(f"sqlite:{tmp_path}/there.db", Path("/nowhere"), Clock()).prepare(NOON, exclusive=False)
    assert (tmp_path / "there.db").exists()


@pytest.mark.parametrize("url", ["postgresql://a:b@localhost/c", "postgres://localhost/c"])
def test_a_postgresql_url_is_taken_as_libpq_has_it(url: str) -> None:
    assert isinstance(engine(url, Path(), Clock()), PostgresEngine)


@pytest.mark.parametrize("url", ["", "smsd.db", "sqlite:", "mysql://localhost/a"])
def test_any_other_url_is_refused_without_telling_its_password(url: str) -> None:
    with pytest.raises(UnknownDatabase, match="Expected sqlite:FILE or postgresql://"):
        engine(url, Path(), Clock())
    with pytest.raises(UnknownDatabase) as caught:
        engine("oracle://scott:tiger@localhost/a", Path(), Clock())
    assert "tiger" not in str(caught.value)
