"""UPS-RS rounds over real sockets, at a manager elsewhere and at our own door; the requester is a plain client."""

import email
import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import httpx_ws
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, update
from starlette.applications import Starlette
from ups_server import UpsServer, running_ups_server, serving_app

from dicom_io.headers import read_header
from dicom_io.native_xml import read_native_xml, write_native_xml
from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.digests import digest_of
from dicom_io.receive.inbox import Arrival
from dicom_io.uids import derive_uid
from dicom_io.ups.client import UpsClient
from models.folder_store import FolderStore
from models.manifest import Task
from serving.intake import Intake
from serving.records import audit, leases, subscriptions
from serving.records.database import open_database, reading, writing
from serving.records.inbox import DatabaseInbox
from serving.records.migrate import migrate
from serving.records.node_schema import NODE_LEASE
from serving.records.performed import ManagerName
from serving.records.schema import AUDIT, DELIVERY, RESULT, WORK_ITEM
from serving.records.subscriptions import FILTERED_SUBSCRIPTION, GLOBAL_SUBSCRIPTION
from serving.settings.file import Rule
from serving.web import ups
from serving.web.ups import ups_routes
from serving.web.ups_events import ups_event_routes
from serving.workitems.fetch import NoFetcher
from serving.workitems.own import OwnManager
from serving.workitems.performer import Performer, PerformerSite
from tests.factories.dicom import ct_series, write
from tests.factories.releases import make_release
from tests.factories.workitems import move, sequence, value, workitem

tags = st.sampled_from(["00741000", "00081195", "00404021", "00404018", "0020000D", "00080100", "99", "x", ""])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
elements = st.fixed_dictionaries(
    {"vr": st.sampled_from(["CS", "UI", "SQ", "PN", "OB", "??"])}, optional={"Value": scalars}
)
#: What stands where a dataset should: any JSON, and things that look like elements.
json_values = st.recursive(
    scalars | elements,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tags, inner | elements, max_size=4),
    max_leaves=8,
)

STUDY_UID = derive_uid("study-1")
UID = derive_uid("work item 1")
RULE = Rule(name="nodules", model="ct_lung_nodule", modalities=("MR",))


class Site:
    """Tables, intake and a performer; analysing is done by a stroke of the pen."""

    def __init__(self, directory: Path, template: Path) -> None:
        shutil.copy(template / "varsel.db", directory)
        self.engine: Engine = open_database(f"sqlite:///{directory / 'varsel.db'}")
        self.intake = Intake(self.engine, FolderStore(template / "releases"), [RULE])
        self.directory = directory

    def performer(self, manager: Any, name: ManagerName = ManagerName.REMOTE, wait_seconds: float = 60) -> Performer:
        site = PerformerSite(
            rules=frozenset({"nodules"}),
            ae_titles={"pacs": "TESTPACS"},
            station="VARSEL",
            node="node-2",
            maximum_claimed=4,
            input_wait=timedelta(seconds=wait_seconds),
        )
        return Performer(self.engine, {name: manager}, self.intake, NoFetcher(), site)

    def receive(self) -> None:
        """Take the study in and close it; no rule of its own matches it."""
        inbox = DatabaseInbox(self.engine, CompletionPolicy(quiet_seconds=0, quiet_after_release_seconds=0))
        for path in write(ct_series(3), self.directory / "ct"):
            header = read_header(path)
            inbox.land(
                Arrival(path=path, header=header, digest=digest_of(path), size_bytes=path.stat().st_size, source_ae="X")
            )
        self.intake.take_due()

    def finish(self, **values: Any) -> None:
        """Give every queued item its end."""
        ending = {"state": "done", "outcome": "finding"} | values
        with writing(self.engine) as connection:
            ids = connection.scalars(
                WORK_ITEM.select().with_only_columns(WORK_ITEM.c.id).where(WORK_ITEM.c.state == "queued")
            ).all()
            for item_id in ids:
                connection.execute(update(WORK_ITEM).where(WORK_ITEM.c.id == item_id).values(**ending))
                self._keep_result(connection, item_id)

    def _keep_result(self, connection: Any, item_id: str) -> None:
        (now,) = connection.execute(
            WORK_ITEM.select().with_only_columns(WORK_ITEM.c.created_at).where(WORK_ITEM.c.id == item_id)
        ).one()
        connection.execute(
            insert(RESULT).values(
                sop_instance_uid=derive_uid("sr"),
                work_item_id=item_id,
                kind="sr",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
                series_instance_uid=derive_uid("sr series"),
                path="x",
                sha256="0" * 64,
                created_at=now,
            )
        )
        connection.execute(
            insert(DELIVERY).values(
                id=derive_uid("d", item_id),
                work_item_id=item_id,
                destination="pacs",
                objects=[],
                state="accepted",
                not_before=now,
                priority=2,
                created_at=now,
            )
        )

    def items(self) -> Any:
        with reading(self.engine) as connection:
            return connection.execute(WORK_ITEM.select().where(WORK_ITEM.c.model != "")).all()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with all tables, and one release."""
    directory = tmp_path_factory.mktemp("template")
    engine = open_database(f"sqlite:///{directory / 'varsel.db'}")
    migrate(engine)
    engine.dispose()
    make_release(directory / "releases", Task.VOLUME_SEGMENTATION)
    return directory


@pytest.fixture
def site(tmp_path: Path, template: Path) -> Iterator[Site]:
    made = Site(tmp_path, template)
    yield made
    made.engine.dispose()


@pytest.fixture
def manager() -> Iterator[UpsServer]:
    with running_ups_server() as server:
        yield server


@pytest.fixture
def client(manager: UpsServer) -> Iterator[UpsClient]:
    made = UpsClient(httpx.Client(base_url=manager.url, timeout=5), "VARSEL")
    yield made
    made.close()


@pytest.fixture
def door(site: Site) -> Iterator[httpx.Client]:
    """A plain client of Varsel's own door."""
    app = Starlette(routes=[*ups_routes(site.engine, frozenset({"nodules"})), *ups_event_routes(site.engine)])
    with serving_app(app) as url, httpx.Client(base_url=f"{url}/dicomweb", timeout=5) as client:
        yield client


def create(server: httpx.Client | str, item: dict[str, Any], uid: str = UID) -> httpx.Response:
    headers = {"Content-Type": "application/dicom+json"}
    if isinstance(server, str):
        return httpx.post(f"{server}/workitems?{uid}", content=json.dumps([item]), headers=headers)
    return server.post(f"workitems?{uid}", content=json.dumps([item]), headers=headers)


def put_state(door: httpx.Client, state: str, transaction: str) -> httpx.Response:
    return door.put(
        f"workitems/{UID}/state",
        content=json.dumps(move(state, transaction)),
        headers={"Content-Type": "application/dicom+json"},
    )


def event_uid(report: dict[str, Any]) -> str:
    return str(report["00001000"]["Value"][0])


def heard(site: Site) -> list[tuple[str, str]]:
    """The states that RIS is to hear of next."""
    with writing(site.engine) as connection:
        reports = subscriptions.take_events(connection, "RIS")
    return [(event_uid(one), one["00741000"]["Value"][0]) for one in reports]


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


# ----------------------------------------------------------------------------------------- a manager elsewhere


def test_a_work_item_is_claimed_analysed_and_completed_with_its_outputs(
    site: Site, manager: UpsServer, client: UpsClient
) -> None:
    assert create(manager.url, workitem(priority="HIGH")).status_code == 201
    performer = site.performer(client)
    performer.turn()
    assert manager.state(UID) == "IN PROGRESS"

    site.receive()
    performer.turn()
    (item,) = site.items()
    assert (item.rule, item.case_id, item.priority) == ("nodules", STUDY_UID, 1)
    assert manager.state(UID) == "IN PROGRESS"
    site.finish()
    performer.turn()

    answer = httpx.get(f"{manager.url}/workitems/{UID}").json()[0]
    (done,) = answer["00741216"]["Value"]
    (output,) = done["00404033"]["Value"]
    assert answer["00741000"]["Value"] == ["COMPLETED"]
    assert output["0020000D"]["Value"] == [STUDY_UID]
    assert output["00081199"]["Value"][0]["00081155"]["Value"] == [derive_uid("sr")]
    assert output["0040E021"]["Value"][0]["00080054"]["Value"] == ["TESTPACS"]
    # What the requester wrote to find its own order again is as it was.
    assert answer["0040A370"] == workitem()["0040A370"]


def test_the_whole_way_is_in_the_audit_with_the_work_item_it_began_with(
    site: Site, manager: UpsServer, client: UpsClient
) -> None:
    create(manager.url, workitem())
    site.receive()
    performer = site.performer(client)
    for _ in range(2):
        performer.turn()
    site.finish()
    performer.turn()

    with reading(site.engine) as connection:
        rows = connection.execute(AUDIT.select().where(AUDIT.c.subject == UID).order_by(AUDIT.c.sequence)).all()
    assert [row.action for row in rows] == ["ups_claimed", "ups_working", "ups_completed"]
    (item,) = site.items()
    assert rows[-1].detail["work_item"] == item.id
    assert audit.first_broken_link(site.engine) is None


def test_a_claim_whose_answer_was_lost_is_still_ours(site: Site, manager: UpsServer, client: UpsClient) -> None:
    create(manager.url, workitem())
    manager.lose_next_claim = True
    performer = site.performer(client)
    performer.turn()
    site.receive()
    for _ in range(3):
        performer.turn()
    site.finish()
    performer.turn()

    assert manager.moves == [(UID, "IN PROGRESS"), (UID, "COMPLETED")]


def test_a_work_item_that_another_performer_claimed_first_is_left_to_it(
    site: Site, manager: UpsServer, client: UpsClient
) -> None:
    create(manager.url, workitem())
    performer = site.performer(client)
    waiting = client.waiting()
    httpx.put(f"{manager.url}/workitems/{UID}/state", content=json.dumps(move("IN PROGRESS", "2.25.1")))
    client.waiting = lambda: waiting  # type: ignore[method-assign]
    for _ in range(3):
        performer.turn()

    assert manager.claims == {UID: "2.25.1"}
    assert manager.state(UID) == "IN PROGRESS"


def test_a_request_to_cancel_is_heard_and_honoured(site: Site, manager: UpsServer, client: UpsClient) -> None:
    create(manager.url, workitem())
    site.receive()
    performer = site.performer(client)
    performer.turn()
    # A performer that was started anew hears of what the one before it had claimed.
    anew = UpsClient(httpx.Client(base_url=manager.url, timeout=5), "VARSEL")
    performer, client = site.performer(anew), anew
    performer.turn()
    until(lambda: bool(manager.channels), "Varsel listens")
    assert httpx.post(f"{manager.url}/workitems/{UID}/cancelrequest").status_code == 202
    until(lambda: UID in client.cancel_requests({UID}), "the request was heard")
    performer.turn()

    assert manager.state(UID) == "CANCELED"
    (item,) = site.items()
    assert (item.state, item.reason_code) == ("superseded", "cancelled")
    anew.close()


def test_an_analysis_that_failed_is_a_cancelled_work_item_with_the_reason(
    site: Site, manager: UpsServer, client: UpsClient
) -> None:
    create(manager.url, workitem())
    site.receive()
    performer = site.performer(client)
    for _ in range(2):
        performer.turn()
    site.finish(state="failed", outcome="failed", reason="the model broke")
    performer.turn()

    progress = manager.items[UID]["00741002"]["Value"][0]
    assert manager.state(UID) == "CANCELED"
    assert "the model broke" in progress["00741238"]["Value"][0]


def test_input_that_never_comes_ends_the_work_item_with_that_reason(
    site: Site, manager: UpsServer, client: UpsClient
) -> None:
    create(manager.url, workitem())
    performer = site.performer(client, wait_seconds=0)
    for _ in range(2):
        performer.turn()

    assert manager.state(UID) == "CANCELED"
    assert "input was not here in time" in manager.items[UID]["00741002"]["Value"][0]["00741238"]["Value"][0]


def test_what_names_no_rule_of_ours_is_left(site: Site, manager: UpsServer, client: UpsClient) -> None:
    create(manager.url, workitem(rule="somebody-elses"))
    site.performer(client).turn()
    assert manager.state(UID) == "SCHEDULED"


def test_a_manager_that_is_down_is_asked_again(site: Site, manager: UpsServer, client: UpsClient) -> None:
    create(manager.url, workitem())
    performer = site.performer(client)
    manager.is_down = True
    performer.turn()
    manager.is_down = False
    performer.turn()
    assert manager.state(UID) == "IN PROGRESS"


def test_of_several_nodes_the_first_alone_performs(site: Site, manager: UpsServer, client: UpsClient) -> None:
    create(manager.url, workitem())
    with writing(site.engine) as connection:
        for node in ("node-1", "node-2"):
            leases.take(connection, node)
    site.performer(client).turn()
    assert manager.state(UID) == "SCHEDULED"
    with writing(site.engine) as connection:
        connection.execute(delete(NODE_LEASE).where(NODE_LEASE.c.node == "node-1"))
    site.performer(client).turn()
    assert manager.state(UID) == "IN PROGRESS"


def test_a_rule_that_is_gone_ends_the_work_item_with_that_reason(
    site: Site, manager: UpsServer, client: UpsClient
) -> None:
    create(manager.url, workitem())
    performer = site.performer(client)
    performer.turn()
    site.receive()
    site.intake._rules = []
    performer.turn()
    assert manager.state(UID) == "CANCELED"
    assert "no rule for studies called 'nodules'" in json.dumps(manager.items[UID]["00741002"])


def test_a_restarted_performer_goes_on_where_it_was(site: Site, manager: UpsServer, client: UpsClient) -> None:
    create(manager.url, workitem())
    site.performer(client).turn()
    site.receive()
    site.performer(client).turn()
    site.finish()
    site.performer(client).turn()
    assert manager.moves == [(UID, "IN PROGRESS"), (UID, "COMPLETED")]


# ------------------------------------------------------------------------------------------------ our own door


def test_a_plain_client_creates_watches_and_gets_the_outputs_at_our_own_door(site: Site, door: httpx.Client) -> None:
    answer = create(door, workitem())
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/dicomweb/workitems/{UID}"
    watching = door.post(f"workitems/{UID}/subscribers/RIS")
    channel = watching.headers["Content-Location"]
    performer = site.performer(OwnManager(site.engine), ManagerName.OWN)
    site.receive()
    with httpx_ws.connect_ws(channel, door) as events:
        for _ in range(2):
            performer.turn()
        site.finish()
        performer.turn()
        states = [events.receive_json(timeout=5) for _ in range(5)]

    told = [one["00741000"]["Value"][0] for one in states if "00741000" in one]
    assert told == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]
    found = door.get("workitems", params={"ProcedureStepState": "COMPLETED"}).json()
    (output,) = found[0]["00741216"]["Value"][0]["00404033"]["Value"]
    assert output["00081199"]["Value"][0]["00081155"]["Value"] == [derive_uid("sr")]
    # The claim's secret is told to nobody.
    assert "00081195" not in found[0]


def test_a_filter_brings_only_what_matches_it(door: httpx.Client) -> None:
    """The filter as the standard has it now, a list of keys, also within sequences; a claim is told of, too."""
    wanted = "ScheduledProcedureStepPriority=HIGH,00404018.00080100=nodules"
    watching = door.post(f"workitems/{FILTERED_SUBSCRIPTION}/subscribers/RIS", params={"filter": wanted})
    assert watching.status_code == 201
    create(door, workitem(priority="LOW"), derive_uid("of no interest"))
    create(door, workitem(priority="HIGH"))
    put_state(door, "IN PROGRESS", "2.25.7")

    with httpx_ws.connect_ws(watching.headers["Content-Location"], door) as events:
        told = [events.receive_json(timeout=5) for _ in range(2)]

    assert [(event_uid(one), one["00741000"]["Value"]) for one in told] == [
        (UID, ["SCHEDULED"]),
        (UID, ["IN PROGRESS"]),
    ]


def test_work_items_stay_for_who_locks_them_and_their_states_are_told_at_once(door: httpx.Client) -> None:
    create(door, workitem())
    door.post(f"workitems/{UID}/cancelrequest").raise_for_status()
    other = derive_uid("another")
    create(door, workitem(), other)
    watching = door.post(f"workitems/{GLOBAL_SUBSCRIPTION}/subscribers/RIS", params={"deletionlock": "true"})
    assert "Warning" not in watching.headers

    with httpx_ws.connect_ws(watching.headers["Content-Location"], door) as events:
        told = [events.receive_json(timeout=5) for _ in range(2)]

    assert [(event_uid(one), one["00741000"]["Value"]) for one in told] == [(UID, ["CANCELED"]), (other, ["SCHEDULED"])]
    assert door.get(f"workitems/{UID}").status_code == 200


def test_one_work_item_can_be_left_and_later_ones_be_left_out(site: Site, door: httpx.Client) -> None:
    """Of four, the first is left, the second heard of, the third comes when the subscription is suspended."""
    all_of_them = f"workitems/{GLOBAL_SUBSCRIPTION}/subscribers/RIS"
    uids = [derive_uid("left", str(number)) for number in range(4)]
    create(door, workitem(), uids[0])
    door.post(all_of_them).raise_for_status()
    create(door, workitem(), uids[1])
    door.delete(f"workitems/{uids[0]}/subscribers/RIS").raise_for_status()
    door.post(f"{all_of_them}/suspend").raise_for_status()
    create(door, workitem(), uids[2])
    for uid in uids[:3]:
        door.post(f"workitems/{uid}/cancelrequest").raise_for_status()

    assert heard(site) == [(uids[1], "SCHEDULED"), (uids[1], "CANCELED")]

    door.post(all_of_them).raise_for_status()
    door.delete(all_of_them).raise_for_status()
    create(door, workitem(), uids[3])
    assert heard(site) == []


def test_who_ends_a_filter_still_hears_of_what_was_asked_for_by_itself(site: Site, door: httpx.Client) -> None:
    urgent = f"workitems/{FILTERED_SUBSCRIPTION}/subscribers/RIS"
    asked, brought = derive_uid("asked for"), derive_uid("brought by the filter")
    for uid in (asked, brought):
        create(door, workitem(priority="HIGH"), uid)
    # As keys were given until 2019.
    door.post(f"{urgent}?00741200=HIGH").raise_for_status()
    door.post(f"workitems/{asked}/subscribers/RIS").raise_for_status()
    door.delete(urgent).raise_for_status()
    for uid in (asked, brought):
        door.post(f"workitems/{uid}/cancelrequest").raise_for_status()

    assert heard(site) == [(asked, "SCHEDULED"), (asked, "CANCELED")]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{FILTERED_SUBSCRIPTION}/subscribers/RIS", 400),
        (f"{FILTERED_SUBSCRIPTION}/subscribers/RIS?filter=Nonsense=1", 400),
        (f"{FILTERED_SUBSCRIPTION}/subscribers/RIS?filter=00741200=HIGH,00741200=LOW", 400),
        (f"{GLOBAL_SUBSCRIPTION}/subscribers/RIS?00741200=HIGH", 400),
        (f"{GLOBAL_SUBSCRIPTION}/subscribers/RIS?deletionlock=perhaps", 400),
        (f"{UID}/subscribers/RIS/suspend", 400),
        (f"{UID}/subscribers/RIS", 404),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(door: httpx.Client, path: str, status: int) -> None:
    assert door.post(f"workitems/{path}").status_code == status


def test_a_search_sees_every_work_item_page_by_page(door: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ups, "_AT_ONCE", 2)
    uids = [derive_uid("one of many", str(number)) for number in range(5)]
    for number, uid in enumerate(uids):
        create(door, workitem(priority="HIGH" if number > 1 else "LOW"), uid)

    first, rest = (door.get("workitems", params={"00741200": "HIGH", "offset": offset}) for offset in (0, 2))

    assert [found_uids(first), found_uids(rest)] == [uids[2:4], uids[4:]]
    assert ["additional results" in one.headers.get("Warning", "") for one in (first, rest)] == [True, False]
    assert door.get("workitems", params={"00404018.00080100": "another rule"}).status_code == 204
    assert door.get("workitems", params={"00741000.00080100": "no sequence"}).status_code == 204


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("ScheduledProcedureStepStartDateTime=20260102-20260103", True),
        ("ScheduledProcedureStepStartDateTime=20260103-", False),
        ("ProcedureStepLabel=Read*", True),
        ("ProcedureStepState=SCHED*", True),
        ("ReferencedRequestSequence.AccessionNumber=ACC-?", True),
        (f"SOPInstanceUID=1.2.3,{UID}", True),
        ("00741200=*&00404018.00080100=", True),
    ],
)
def test_a_search_takes_ranges_wild_cards_and_lists(door: httpx.Client, query: str, *, is_found: bool) -> None:
    create(door, workitem())
    assert door.get(f"workitems?{query}").status_code == (200 if is_found else 204)
    watched = door.post(f"workitems/{FILTERED_SUBSCRIPTION}/subscribers/RIS?filter={query.replace('&', ',')}")
    assert watched.status_code == 201


def test_a_search_says_what_it_does_not_do(door: httpx.Client) -> None:
    create(door, workitem())
    found = door.get("workitems", params={"fuzzymatching": "true"})
    twice = door.get("workitems?00741200=HIGH&00741200=LOW")

    assert "Only literal matching has been performed" in found.headers["Warning"]
    assert (twice.status_code, twice.text) == (400, "The query names an attribute twice; required: one key for each.")


def test_subscribers_hear_for_whom_a_work_item_is_meant(site: Site, door: httpx.Client) -> None:
    """When it is created, and when that changes (PS3.4 CC.2.4.3); not when something else does."""
    station, person = (sequence({"00080100": value("SH", code)}) for code in ("CT1", "P1"))
    performers = sequence({"00404009": person, "00404036": value("LO", "OUH")})
    door.post(f"workitems/{GLOBAL_SUBSCRIPTION}/subscribers/RIS").raise_for_status()
    create(door, workitem() | {"00404025": station, "00404034": performers})
    headers = {"Content-Type": "application/dicom+json"}
    for changes in ({"00404034": {"vr": "SQ"}}, {"00741204": value("LO", "other")}):
        door.post(f"workitems/{UID}", content=json.dumps([changes]), headers=headers).raise_for_status()

    with writing(site.engine) as connection:
        reports = subscriptions.take_events(connection, "RIS")

    kinds = [one["00001002"]["Value"][0] for one in reports]
    created, changed = (one for one in reports if one["00001002"]["Value"] == [5])
    assert kinds == [1, 5, 5]
    assert (created["00404025"], created["00404009"], created["00404034"]) == (station, person, performers)
    assert created["00404036"] == value("LO", "OUH")
    assert changed["00404025"] == station
    assert {"00404034", "00404009", "00404036"}.isdisjoint(changed)


def found_uids(answer: httpx.Response) -> list[str]:
    return [str(one["00080018"]["Value"][0]) for one in answer.json()]


def test_a_requester_may_speak_xml(door: httpx.Client) -> None:
    as_xml = {"Content-Type": "application/dicom+xml", "Accept": "application/dicom+xml"}
    several = {"Accept": 'multipart/related; type="application/dicom+xml"'}

    assert door.post(f"workitems?{UID}", content=write_native_xml(workitem()), headers=as_xml).status_code == 201

    one, found = door.get(f"workitems/{UID}", headers=as_xml), door.get("workitems", headers=several)
    (expected,) = door.get(f"workitems/{UID}").json()
    (part,) = email.message_from_bytes(
        b"Content-Type: %s\n\n%s" % (found.headers["Content-Type"].encode(), found.content)
    ).get_payload()
    assert expected["0040A370"] == workitem()["0040A370"]
    assert read_native_xml(one.content) == expected
    assert read_native_xml(part.get_payload(decode=True)) == expected
    assert door.get(f"workitems/{UID}", headers={"Accept": "text/html"}).status_code == 406


def test_a_requester_cancels_at_our_own_door(site: Site, door: httpx.Client) -> None:
    create(door, workitem())
    performer = site.performer(OwnManager(site.engine), ManagerName.OWN)
    performer.turn()
    door.post(f"workitems/{UID}/subscribers/RIS").raise_for_status()
    why = {"00741238": value("LT", "ordered by mistake"), "0074100C": value("LO", "The ward")}
    asked = door.post(
        f"workitems/{UID}/cancelrequest/WARD",
        content=json.dumps([why]),
        headers={"Content-Type": "application/dicom+json"},
    )
    assert asked.status_code == 202
    with writing(site.engine) as connection:
        (_, told) = subscriptions.take_events(connection, "RIS")
    assert {tag: told[tag] for tag in ("00741236", *why)} == {"00741236": value("AE", "WARD"), **why}
    performer.turn()
    assert door.get(f"workitems/{UID}").json()[0]["00741000"]["Value"] == ["CANCELED"]


def test_what_nobody_has_claimed_is_cancelled_at_once(site: Site, door: httpx.Client) -> None:
    create(door, workitem())
    assert door.post(f"workitems/{UID}/cancelrequest").status_code == 202
    (kept,) = door.get(f"workitems/{UID}").json()
    assert kept["00741000"]["Value"] == ["CANCELED"]
    assert kept["00741002"]["Value"][0]["00741238"] == value("LT", "asked for without a reason")
    assert door.post(f"workitems/{UID}/cancelrequest").status_code == 409


def test_only_the_claimer_may_change_a_claimed_work_item(door: httpx.Client) -> None:
    create(door, workitem())
    assert put_state(door, "COMPLETED", "2.25.7").status_code == 409
    assert put_state(door, "IN PROGRESS", "2.25.7").status_code == 200
    assert put_state(door, "IN PROGRESS", "2.25.8").status_code == 409
    update = {
        "content": json.dumps([{"00741204": value("LO", "other")}]),
        "headers": {"Content-Type": "application/dicom+json"},
    }
    assert door.post(f"workitems/{UID}?2.25.8", **update).status_code == 409
    assert door.post(f"workitems/{UID}?2.25.7", **update).status_code == 200
    # Outputs are due before COMPLETED.
    assert put_state(door, "COMPLETED", "2.25.7").status_code == 409
    assert put_state(door, "CANCELED", "2.25.7").status_code == 200
    assert put_state(door, "CANCELED", "2.25.7").status_code == 200
    assert put_state(door, "IN PROGRESS", "2.25.7").status_code == 409


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({}, 400),
        ({"00741000": value("CS", "COMPLETED")}, 400),
        ({"00404021": {"vr": "SQ"}}, 400),
        ({"00404018": {"vr": "SQ"}}, 400),
        ({"00741200": value("CS", "SOON")}, 400),
        ({"00081195": value("UI", "2.25.1")}, 400),
    ],
)
def test_a_work_item_that_nobody_could_perform_is_refused(
    door: httpx.Client, item: dict[str, Any], status: int
) -> None:
    assert create(door, {**workitem(), **item} if item else {}).status_code == status
    assert door.get(f"workitems/{UID}").status_code == 404
    assert door.get("workitems").status_code == 204


def test_bodies_that_are_no_dataset_are_told_so(door: httpx.Client) -> None:
    headers = {"Content-Type": "application/dicom+json"}
    for body in (b"", b"{", b"[]", b"[1]", b'[{"00741000": 7}]', b"[" * 5000):
        assert door.post(f"workitems?{UID}", content=body, headers=headers).status_code == 400, body
    for body in (b"", b"<x/>", b'<!DOCTYPE x [<!ENTITY a "b">]><NativeDicomModel/>'):
        as_xml = {"Content-Type": "application/dicom+xml"}
        assert door.post(f"workitems?{UID}", content=body, headers=as_xml).status_code == 400, body
    assert door.post(f"workitems?{UID}", content=b"1.2", headers={"Content-Type": "text/plain"}).status_code == 415
    assert door.post(f"workitems?{UID}", content=b"1" * 2_000_000, headers=headers).status_code == 413
    assert create(door, workitem(), "../../etc").status_code == 400


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=json_values, path=st.sampled_from(["workitems?1.2.3", f"workitems/{UID}?1.2", f"workitems/{UID}/state"]))
def test_no_json_breaks_the_door(door: httpx.Client, body: object, path: str) -> None:
    method = "PUT" if path.endswith("state") else "POST"
    headers = {"Content-Type": "application/dicom+json"}
    answer = door.request(method, path, content=json.dumps(body), headers=headers)
    assert answer.status_code in {400, 404}, answer.text


def test_a_uid_is_created_once(door: httpx.Client) -> None:
    assert create(door, workitem()).status_code == 201
    assert create(door, workitem()).status_code == 409
