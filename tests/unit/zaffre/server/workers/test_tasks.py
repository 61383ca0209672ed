"""A task is done once, also when it ends while the worker looks for what is asked."""

import threading

from zaffre.server import access, operations
from zaffre.server.workers import tasks
from zaffre.testing import waiting

CALLER = access.Caller(name="ann", grants=(access.Grant("admin"),))


def test_a_task_that_ends_between_the_look_and_its_use_is_not_done_again(database, monkeypatch):
    done, finish = [], threading.Event()

    def work(task, check, progress):
        done.append(task.id)
        assert finish.wait(120)
        return {}

    worker = tasks.Tasks(database, {"try": tasks.Kind(work, at_once=2)})
    with database.write() as uow:
        identity = operations.start(uow, CALLER, kind="try", workspace="w", subject="s", request={})["id"]
    look = operations.tasks

    def idle():
        return all(one.done() for one in list(worker._under_way.values()))

    def look_and_then_it_ends(uow, kinds):
        found = look(uow, kinds)
        if done:
            finish.set()
            waiting.until(idle)
        return found

    monkeypatch.setattr(tasks.operations, "tasks", look_and_then_it_ends)
    try:
        worker.step()
        waiting.until(lambda: done)
        worker.step()
        waiting.until(idle)
    finally:
        finish.set()
        worker.close()
    assert done == [identity]
    with database.read() as uow:
        assert operations.get(uow, identity)["state"] == "Succeeded"
