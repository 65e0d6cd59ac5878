"""The run's servers, as every other test uses them."""

from __future__ import annotations

import psycopg
import redis

from tests.conftest import Servers


def test_each_test_has_a_database_of_its_own(servers: Servers) -> None:
    with servers.new_database(migrated=False) as (_, one), servers.new_database(migrated=False) as (_, two):
        for url in (one, two):
            with psycopg.connect(url) as db:
                db.execute("CREATE TABLE mine (x int)")


def test_each_test_has_an_empty_broker_of_its_own(servers: Servers) -> None:
    with (
        servers.new_broker() as one,
        servers.new_broker() as two,
        redis.Redis.from_url(one) as first,
        redis.Redis.from_url(two) as second,
    ):
        first.set("key", "1")
        assert second.dbsize() == 0
