"""Celery's configuration. `celery -A workers.app worker -Q fetch` and `-Q digest` work from the checkout.

The broker may lose or repeat any message: what is to do is derived from rows, so a task carries ids and
a term, ignores its result, and is acknowledged late. The times nest (see the settings): request < source <
batch < soft limit < hard limit < lease < visibility timeout.
"""

from __future__ import annotations

import gc
import inspect
import logging
import sys
from typing import Any

import billiard.pool
from celery import Celery, Task
from celery.signals import (
    celeryd_after_setup,
    setup_logging,
    task_postrun,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)
from kombu.entity import Queue

from workers._settings import settings

QUEUES = ("fetch", "digest", "notify", "maintenance")


class SyncTask(Task):
    """Refuses a coroutine at registration: Celery 5.7 would call it, await nothing and report success."""

    def __init__(self) -> None:
        if inspect.iscoroutinefunction(self.run):
            raise TypeError(f"{self.name} is async; Celery never awaits it. Use workers._loop.run")


def configuration() -> dict[str, Any]:
    """Celery's settings, from ours."""
    ours = settings()
    return {
        "broker_url": ours.broker,
        "broker_transport_options": {
            "visibility_timeout": ours.visibility_timeout,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "unacked_restore_limit": 100,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": not ours.broker.startswith("redis+socket"),
            "health_check_interval": 25,
            "max_connections": 20,
            "global_keyprefix": "earshot:",
            "queue_order_strategy": "round_robin",
            "client_name": "earshot",
        },
        "visibility_timeout": ours.visibility_timeout,
        "result_backend": None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_retry": True,
        "broker_connection_max_retries": None,
        "broker_pool_limit": 10,
        "broker_pool_acquire_timeout": 30,
        "task_publish_retry_policy": {
            "max_retries": 3,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 1,
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_protocol": 2,
        "enable_utc": True,
        "timezone": "UTC",
        "task_acks_late": True,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_reject_on_worker_lost": True,
        "task_retry_on_worker_lost": True,
        "task_soft_time_limit": ours.soft_limit,
        "task_time_limit": ours.hard_limit,
        "task_default_queue": "maintenance",
        "task_create_missing_queues": False,
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],
        "task_routes": {
            "earshot.poll": {"queue": "fetch"},
            "earshot.renew": {"queue": "fetch"},
            "earshot.digest": {"queue": "digest"},
            "earshot.notify": {"queue": "notify"},
            "earshot.sweep": {"queue": "maintenance"},
        },
        "task_inherit_parent_priority": False,
        "worker_prefetch_multiplier": 1,
        "worker_eta_task_limit": 500,
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_soft_shutdown_timeout": 10,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_max_tasks_per_child": 2000,
        "worker_max_memory_per_child": 400_000,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "task_track_started": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_proc_alive_timeout": 30.0,
        "worker_lost_wait": 10.0,
        "task_repr_maxlevels": 2,
        "beat_enable_remote_control": True,
        "beat_max_loop_interval": 1,
    }


# the configuration is read when it is first needed, so that importing this module needs no server
app = Celery("earshot", task_cls=SyncTask, include=["workers.tasks"])
app.add_defaults(configuration)


@setup_logging.connect
def _log_to_stderr(**_: object) -> None:
    """One line an entry; httpx would log whole URLs, with whatever stands in their query."""
    logging.basicConfig(
        level=settings().log_level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for noisy in ("httpx", "httpcore", "kombu", "celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


@celeryd_after_setup.connect
def _load_once(instance: Any, **_: object) -> None:
    """Before the fork: the pool's processes share what is read here, and none starts by reading it."""
    queues = instance.app.amqp.queues.consume_from
    if "fetch" in queues:
        from connectors import connectors

        connectors()
    if "digest" in queues:
        load_for_digest()


def load_for_digest() -> None:
    """What scoring and resolving read once: word lists, the language detector."""
    from workers.folding import domain_of, is_ordinary_word, lookalike, spans_of
    from workers.score import Scorer

    is_ordinary_word("acme")
    domain_of("https://www.example.co.uk/")
    lookalike("àcme")
    spans_of("ä")
    # the language of this one is not told by its function words: the detector is asked, and loads
    Scorer().score([("Guten Morgen allerseits, schönes Wetter heute", None)])


@worker_process_init.connect
def _start_a_process(**_: object) -> None:
    """A pool process whose worker was killed must not go on: nobody would stop it."""
    from workers._loop import die_with_parent

    die_with_parent()
    # A collection would walk, and so copy, all the memory that is shared with the parent; and within a batch
    # everything lives until its end. So what is here now is left alone, and cycles are collected between tasks.
    gc.freeze()
    gc.disable()
    # A stop just after a task's end would keep a process waiting up to 30 s for the parent to have read its
    # results; we keep none.
    billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 10


@task_postrun.connect
def _collect(**_: object) -> None:
    gc.collect()


@worker_ready.connect
def _ready(**_: object) -> None:
    if path := settings().ready_file:
        path.write_text("ready")


@worker_shutting_down.connect
def _stopping(**_: object) -> None:
    if path := settings().ready_file:
        path.unlink(missing_ok=True)
