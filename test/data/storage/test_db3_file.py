"""SQLite bags: what lies in a journal is read, and nothing is written beside the file."""

import shutil
import sqlite3

import pytest

from support.drives import assert_whole, COUNT, put, rows


@pytest.fixture(scope='module')
def db3(tmp_path_factory):
    """Return the file of a drive in SQLite."""
    return next(put(tmp_path_factory.mktemp('plain') / 'db3', rows()).glob('*.db3'))


def with_wal(folder, source, written):
    """Leave a database as a killed recorder does, with rows up to `written` in the file itself."""
    old, live = sqlite3.connect(source), folder.parent / f'live-{folder.name}'
    live.mkdir()
    new = sqlite3.connect(live / 'a.db3')
    new.execute('PRAGMA journal_mode=WAL')
    new.execute('PRAGMA wal_autocheckpoint=0')
    for sql, in old.execute('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL'):
        new.execute(sql)
    new.executemany('INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?)',
                    old.execute('SELECT * FROM topics'))
    new.commit()
    for number, row in enumerate(old.execute('SELECT * FROM messages ORDER BY id')):
        new.execute('INSERT INTO messages VALUES (?, ?, ?, ?)', row)
        new.commit()
        if number == written:
            new.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    shutil.copytree(live, folder)
    new.close()
    return folder


@pytest.mark.parametrize('written', [-1, COUNT, 2 * COUNT])
@pytest.mark.parametrize('left', [('-wal', '-shm'), ('-wal',)])
def test_what_lies_in_a_journal_beside_the_file_is_read(tmp_path, db3, written, left):
    folder = with_wal(tmp_path / 'a', db3, written)
    for file in folder.glob('*.db3-*'):
        if not file.name.endswith(left):
            file.unlink()
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert len(before) == 1 + len(left)
    folder.chmod(0o555)
    for path in (folder, folder / 'a.db3'):
        assert_whole(path)
    folder.chmod(0o755)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before, 'untouched'


def test_a_name_that_means_something_to_sqlite_is_a_name(tmp_path):
    put(tmp_path / 'a', rows())
    (tmp_path / 'a').rename(tmp_path / 'a?mode=rw#x%20')
    next((tmp_path / 'a?mode=rw#x%20').glob('*.db3')).rename(tmp_path / 'b?vfs=x#%00.db3')
    assert_whole(tmp_path / 'b?vfs=x#%00.db3')
