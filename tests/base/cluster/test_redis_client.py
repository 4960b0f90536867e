"""Lua scripts reach a server that does not know them, as after a restart."""

from __future__ import annotations

from koyjabo.base.cluster.redis_client import Script, connect

ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


def test_server_that_does_not_know_a_script_is_taught_it(redis_server):
    client = connect(redis_server.url)
    add = Script(client, ADD)
    assert [add(["a"], [1]), add(["a"], [1])] == [1, 2]
    client.run("SCRIPT", "FLUSH")
    assert [add.call_all([(["a"], [1]), (["b"], [5])]), add.call_all([(["b"], [5])])] == [[3, 5], [10]]
    client.close()
